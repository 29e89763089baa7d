//! Where the cells of a grid are that has no latitudes and longitudes, but a grid mapping (CF 1.11, 5.6).

use super::DescribeError;
use super::axis::{Axis, axis};
use super::cells::{Cells, half_steps, turned};
use super::curvilinear::pole_within;
use super::dataset::{Coordinate, Dataset, Member};
use super::horizontal::{Place, rounded};
use super::outline::Outline;
use super::parameters;
use super::projection::Projection;
use super::purpose::Purpose;
use crate::model::BoundingBox;

/// Of longer axes so many places are looked at, the first and the last among them: the rest of the box is between them.
const PLACES: usize = 129;
/// On the sides of a grid, and on the rim of the earth, so many are.
const LINES: usize = 4097;
/// Nearer to a pole than this a point has no longitude, in degrees.
const AT_POLE: f64 = 1e-6;

/// The axes of a grid and the mapping that places them.
pub(super) struct Grid<'d, 'a> {
    pub(super) mapping: &'d Member<'a>,
    pub(super) x: &'d Member<'a>,
    pub(super) y: &'d Member<'a>,
}

impl<'a> Grid<'_, 'a> {
    /// The coordinates along one of its axes in the unit of the projection; `None` if they are not kept or in another kind of unit.
    pub(super) fn centres(
        &self,
        dataset: &Dataset<'a>,
        member: &Member<'a>,
        projection: &Projection,
    ) -> Option<Vec<f64>> {
        let unit = projection.unit(member.variable.text("units"))?;
        let Some(Coordinate::Whole(centres)) = dataset.numbers(member) else { return None };
        Some(centres.into_iter().map(|centre| centre * unit).collect())
    }
}

/// The grids of the data variables that have a grid mapping and both axes, each once.
pub(super) fn grids<'d, 'a>(dataset: &'d Dataset<'a>) -> Vec<Grid<'d, 'a>> {
    let mut found: Vec<Grid<'d, 'a>> = Vec::new();
    for data in dataset.of(Purpose::Data) {
        let Some(mapping) = dataset.grid_mapping(data) else { continue };
        let coordinates = dataset.coordinates(data);
        let along = |wanted, names: &[&str]| {
            let one = |member: &&&'d Member<'a>| member.variable.dimensions.len() == 1;
            let by_axis = coordinates.iter().filter(one).find(|member| axis(member.variable) == Some(wanted));
            let named = |member: &&&'d Member<'a>| {
                axis(member.variable).is_none()
                    && names.contains(&member.variable.name.as_str().to_ascii_lowercase().as_str())
            };
            by_axis.or_else(|| coordinates.iter().filter(one).find(named)).copied()
        };
        let (x, y) = (along(Axis::X, &["x", "xc", "easting"]), along(Axis::Y, &["y", "yc", "northing"]));
        let (Some(x), Some(y)) = (x, y) else { continue };
        let is_known = |known: &Grid<'d, 'a>| {
            known.mapping.path == mapping.path && known.x.path == x.path && known.y.path == y.path
        };
        if !found.iter().any(is_known) {
            found.push(Grid { mapping, x, y });
        }
    }
    found
}

/// The box and the outline of all cells of the data variables that have a grid mapping; `None` if none has one with both axes.
pub(super) fn read(dataset: &Dataset<'_>) -> Result<Option<Place>, DescribeError> {
    let mut outline = Outline::default();
    for grid in grids(dataset) {
        let parameters = parameters::of(grid.mapping.variable);
        let projection = parameters.as_ref().and_then(Projection::read).ok_or_else(|| unknown(grid.mapping))?;
        let (x, y) = (places(dataset, grid.x, &projection)?, places(dataset, grid.y, &projection)?);
        add_cells(&projection, &x, &y, &mut outline);
        if outline.is_empty() {
            return Err(off_earth(&grid));
        }
    }
    let Some((south, north)) = outline.latitudes() else { return Ok(None) };
    Ok(outline.arcs().hull().map(|(west, east)| {
        let [west, south, east, north] = [west, south, east, north].map(rounded);
        let bounding_box = BoundingBox { west, south, east, north };
        Place { bounding_box, geometry: outline.geometry(&bounding_box) }
    }))
}

fn unknown(mapping: &Member<'_>) -> DescribeError {
    DescribeError::Coordinate {
        variable: mapping.path.to_string(),
        expected: "a grid mapping of CF appendix F with its parameters",
        found: mapping.variable.text("grid_mapping_name").unwrap_or("none").to_owned(),
    }
}

fn off_earth(grid: &Grid<'_, '_>) -> DescribeError {
    DescribeError::Coordinate {
        variable: grid.x.path.to_string(),
        expected: "coordinates that the grid mapping places on the earth",
        found: format!("none in {} and {}", grid.x.path.key(), grid.y.path.key()),
    }
}

/// The centres and edges of the cells along one axis, in the unit of the projection, rising.
fn places<'a>(dataset: &Dataset<'a>, member: &Member<'a>, projection: &Projection) -> Result<Vec<f64>, DescribeError> {
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
    let mut places = match bounds.filter(|bounds| centres.iter().zip(bounds.chunks_exact(2)).all(holds)) {
        Some(bounds) => bounds,
        None => {
            let steps = half_steps(&centres, &Cells::Row, |step| step);
            centres.iter().zip(steps).flat_map(|(centre, (below, above))| [centre - below, centre + above]).collect()
        }
    };
    places.extend(centres);
    places.sort_by(f64::total_cmp);
    places.dedup();
    Ok(places.into_iter().map(|place| place * unit).collect())
}

/// Which of so many places are looked at.
fn thinned(count: usize, most: usize) -> Vec<usize> {
    if count <= most {
        return (0..count).collect();
    }
    (0..most).map(|at| at * (count - 1) / (most - 1)).collect()
}

/// Adds what lies between neighbouring places, with the pole where they are around it; and every place on the sides of the grid,
/// or on the rim of the earth if that is within the grid.
fn add_cells(projection: &Projection, x: &[f64], y: &[f64], outline: &mut Outline) {
    let at = |column: usize, row: usize| projection.to_earth(*x.get(column)?, *y.get(row)?);
    let (columns, rows) = (thinned(x.len(), PLACES), thinned(y.len(), PLACES));
    let lattice: Vec<Vec<Option<(f64, f64)>>> =
        rows.iter().map(|row| columns.iter().map(|column| at(*column, *row)).collect()).collect();
    for (low, high) in lattice.iter().zip(lattice.iter().skip(1).chain(lattice.first().filter(|_| rows.len() == 1))) {
        let last = columns.len() - 1;
        for i in 0..last.max(1) {
            let corners = [low[i], low[(i + 1).min(last)], high[(i + 1).min(last)], high[i]];
            add_cell(&corners.into_iter().flatten().collect::<Vec<_>>(), outline);
        }
    }
    let start =
        |line: &[Option<(f64, f64)>]| line.iter().position(Option::is_some).zip(line.iter().rposition(Option::is_some));
    let middle = |(first, last): (usize, usize)| usize::midpoint(first, last);
    let by_row = |row: usize| start(lattice.get(row * (rows.len() - 1) / (y.len() - 1).max(1))?).map(middle);
    let by_column = |column: usize| {
        let i = column * (columns.len() - 1) / (x.len() - 1).max(1);
        start(&lattice.iter().map(|row| row.get(i).copied().flatten()).collect::<Vec<_>>()).map(middle)
    };
    add_ends(
        y.len(),
        x.len(),
        |row| by_row(row).and_then(|i| columns.get(i).copied()),
        |row, column| at(column, row),
        outline,
    );
    add_ends(x.len(), y.len(), |column| by_column(column).and_then(|j| rows.get(j).copied()), at, outline);
}

/// Adds, line by line, the first and the last place that is on the earth, with those of the line before.
fn add_ends(
    lines: usize,
    length: usize,
    within: impl Fn(usize) -> Option<usize>,
    at: impl Fn(usize, usize) -> Option<(f64, f64)>,
    outline: &mut Outline,
) {
    let mut before: Option<[(f64, f64); 2]> = None;
    for line in thinned(lines, LINES) {
        let known = within(line).filter(|place| at(line, *place).is_some());
        let end = |start: usize, to: usize| {
            let (mut inside, mut outside) = (start, to);
            while inside.abs_diff(outside) > 1 {
                let middle = usize::midpoint(inside, outside);
                if at(line, middle).is_some() { inside = middle } else { outside = middle }
            }
            at(line, outside).or_else(|| at(line, inside))
        };
        let ends = known.and_then(|start| {
            let reach = |to: usize| at(line, to).or_else(|| end(start, to));
            Some([reach(0)?, reach(length.checked_sub(1)?)?])
        });
        if let Some(ends) = ends {
            for (side, place) in ends.iter().enumerate() {
                let pair = before.map_or(vec![*place], |before| vec![before[side], *place]);
                add_cell(&pair, outline);
            }
        }
        before = ends;
    }
}

/// Adds the cell that has these corners.
fn add_cell(corners: &[(f64, f64)], outline: &mut Outline) {
    let is_pole = |(_, latitude): &&(f64, f64)| 90.0 - latitude.abs() <= AT_POLE;
    let latitudes = || corners.iter().map(|(_, latitude)| *latitude);
    let (Some(south), Some(north)) = (latitudes().reduce(f64::min), latitudes().reduce(f64::max)) else { return };
    if let Some(pole) = pole_within(corners).filter(|_| corners.len() == 4) {
        outline.add(-180.0, 180.0, south.min(pole), north.max(pole));
        return;
    }
    let longitudes: Vec<f64> =
        corners.iter().filter(|corner| !is_pole(corner)).map(|(longitude, _)| *longitude).collect();
    let Some(first) = longitudes.first() else {
        outline.add(0.0, 0.0, south, north);
        return;
    };
    let turns = || longitudes.iter().map(|longitude| turned(longitude - first));
    let (low, high) = (turns().fold(0.0, f64::min), turns().fold(0.0, f64::max));
    outline.add(first + low, first + high, south, north);
}
