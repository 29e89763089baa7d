//! Where the cells of a grid are that has no latitudes and longitudes, but a grid mapping (CF 1.11, 5.6).

use super::DescribeError;
use super::axis::{Axis, axis};
use super::cells::{Cells, half_steps, turned};
use super::dataset::{Coordinate, Dataset, Member};
use super::horizontal::rounded;
use super::longitude::Arcs;
use super::projection::Projection;
use super::purpose::Purpose;
use crate::model::BoundingBox;

/// Of longer axes so many edges are looked at, the first and the last among them: the rest of the box is between them.
const EDGES: usize = 257;
/// Nearer to a pole than this a point has no longitude, in degrees.
const AT_POLE: f64 = 1e-6;

/// The box of all cells of the data variables that have a grid mapping; `None` if none has one with both axes.
pub(super) fn read(dataset: &Dataset<'_>) -> Result<Option<BoundingBox>, DescribeError> {
    let (mut arcs, mut latitudes) = (Arcs::default(), (f64::INFINITY, f64::NEG_INFINITY));
    let mut seen = Vec::new();
    for data in dataset.of(Purpose::Data) {
        let Some(mapping) = dataset.grid_mapping(data) else { continue };
        let coordinates = dataset.coordinates(data);
        let along = |wanted| coordinates.iter().copied().find(|member| axis(member.variable) == Some(wanted));
        let (Some(x), Some(y)) = (along(Axis::X), along(Axis::Y)) else { continue };
        let grid = (&mapping.path, &x.path, &y.path);
        if seen.contains(&grid) {
            continue;
        }
        seen.push(grid);
        let projection = Projection::read(mapping.variable).ok_or_else(|| unknown(mapping))?;
        let (x, y) = (edges(dataset, x, &projection)?, edges(dataset, y, &projection)?);
        add_cells(&projection, &x, &y, &mut arcs, &mut latitudes);
    }
    Ok(arcs.hull().map(|(west, east)| {
        let [west, south, east, north] = [west, latitudes.0, east, latitudes.1].map(rounded);
        BoundingBox { west, south, east, north }
    }))
}

fn unknown(mapping: &Member<'_>) -> DescribeError {
    DescribeError::Coordinate {
        variable: mapping.path.to_string(),
        expected: "a grid mapping of CF appendix F with its parameters",
        found: mapping.variable.text("grid_mapping_name").unwrap_or("none").to_owned(),
    }
}

/// The edges of the cells along one axis, in the unit of the projection; at most [`EDGES`].
fn edges<'a>(dataset: &Dataset<'a>, member: &Member<'a>, projection: &Projection) -> Result<Vec<f64>, DescribeError> {
    let wrong =
        |expected, found: String| DescribeError::Coordinate { variable: member.path.to_string(), expected, found };
    let unit = projection.unit(member.variable.text("units")).ok_or_else(|| {
        wrong(
            "a unit of the grid mapping's coordinates",
            format!("{:?}", member.variable.text("units").unwrap_or_default()),
        )
    })?;
    let Some(Coordinate::Whole(centres)) = dataset.numbers(member) else {
        return Err(wrong("coordinates of the grid mapping", "no numbers that were kept".into()));
    };
    if let Some(value) = centres.iter().find(|value| !value.is_finite()) {
        return Err(wrong("coordinates of the grid mapping", value.to_string()));
    }
    let bounds = dataset.bounds(member).and_then(|bounds| match dataset.numbers(bounds)? {
        Coordinate::Whole(values) if values.len() == centres.len() * 2 => Some(values),
        _ => None,
    });
    let holds = |(centre, cell): (&f64, &[f64])| cell[0].min(cell[1]) <= *centre && *centre <= cell[0].max(cell[1]);
    let edges = match bounds.filter(|bounds| centres.iter().zip(bounds.chunks_exact(2)).all(holds)) {
        Some(bounds) => bounds,
        None => {
            let steps = half_steps(&centres, &Cells::Row, |step| step);
            centres.iter().zip(steps).flat_map(|(centre, (below, above))| [centre - below, centre + above]).collect()
        }
    };
    Ok(thinned(edges).into_iter().map(|edge| edge * unit).collect())
}

fn thinned(mut edges: Vec<f64>) -> Vec<f64> {
    edges.sort_by(f64::total_cmp);
    edges.dedup();
    if edges.len() <= EDGES {
        return edges;
    }
    (0..EDGES).filter_map(|at| edges.get(at * (edges.len() - 1) / (EDGES - 1)).copied()).collect()
}

/// Adds the stretches between neighbouring corners of cells, and all around where a cell holds a pole.
fn add_cells(projection: &Projection, x: &[f64], y: &[f64], arcs: &mut Arcs, latitudes: &mut (f64, f64)) {
    let rows: Vec<Vec<Option<(f64, f64)>>> =
        y.iter().map(|y| x.iter().map(|x| projection.to_earth(*x, *y)).collect()).collect();
    let is_inner = |at: usize, count: usize| at > 0 && at + 1 < count;
    let mut reach = |latitude: f64| *latitudes = (latitudes.0.min(latitude), latitudes.1.max(latitude));
    let mut bridge = |from: f64, to: f64| {
        let step = turned(to - from);
        if step < 0.0 { arcs.add(from + step, from) } else { arcs.add(from, from + step) }
    };
    for (j, row) in rows.iter().enumerate() {
        for (i, (longitude, latitude)) in row.iter().enumerate().filter_map(|(i, point)| Some((i, (*point)?))) {
            reach(latitude);
            if 90.0 - latitude.abs() <= AT_POLE {
                if is_inner(i, x.len()) && is_inner(j, y.len()) {
                    bridge(-180.0, 0.0);
                    bridge(0.0, 180.0);
                }
                continue;
            }
            bridge(longitude, longitude);
            let next = |point: Option<&Option<(f64, f64)>>| {
                point.copied().flatten().filter(|(_, latitude)| 90.0 - latitude.abs() > AT_POLE)
            };
            let neighbours = [next(row.get(i + 1)), next(rows.get(j + 1).and_then(|above| above.get(i)))];
            neighbours.into_iter().flatten().for_each(|(other, _)| bridge(longitude, other));
        }
    }
    for (row, above) in rows.iter().zip(rows.iter().skip(1)) {
        for (low, high) in row.windows(2).zip(above.windows(2)) {
            let [Some(a), Some(b), Some(c), Some(d)] = [low[0], low[1], high[1], high[0]] else { continue };
            let around: f64 = [(a, b), (b, c), (c, d), (d, a)].iter().map(|(from, to)| turned(to.0 - from.0)).sum();
            if around.abs() > 180.0 {
                reach(90.0_f64.copysign(a.1));
                bridge(-180.0, 0.0);
                bridge(0.0, 180.0);
            }
        }
    }
}
