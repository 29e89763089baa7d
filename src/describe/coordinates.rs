//! What the latitudes and longitudes of a dataset say: each cell's stretch of both.

use super::cells::{Cells, bridges, cells, half_steps, turned};
use super::dataset::{Coordinate, Dataset, Member};
use super::longitude::Arcs;
use super::{DescribeError, digest};
use crate::model::Digest;

/// How far beyond a pole rounding may put a latitude, in degrees.
const POLE_ROUNDING: f64 = 1e-3;
/// The greatest latitude that is one.
pub(super) const LATITUDE_LIMIT: f64 = 90.0 + POLE_ROUNDING;
/// Longitudes beyond three turns are no longitudes.
pub(super) const LONGITUDE_LIMIT: f64 = 1080.0;
/// Greater numbers are fill values that no attribute names.
const LARGEST: f64 = 1e19;
/// Cells less tall than this are never taken for broken, in degrees.
const BROKEN_CELL_HEIGHT: f64 = 20.0;
/// A cell of a curvilinear grid so many times wider than its centres are apart is broken; one that is stretched is not.
const BROKEN_CELL_RATIO: f64 = 3.0;
/// Differences of vertices that rounding explains, in degrees.
const ROUNDED_VERTEX: f64 = 1e-3;
/// A gap that scattered points leave by chance, in degrees: no reason to cross the antimeridian.
const POINTS_GAP: f64 = 10.0;

pub(super) fn to_degrees(member: &Member<'_>) -> f64 {
    let radians = member.variable.text("units").is_some_and(|units| units.trim().starts_with("rad"));
    if radians { 180.0 / std::f64::consts::PI } else { 1.0 }
}

pub(super) fn values<'a>(dataset: &Dataset<'a>, member: &Member<'a>) -> Option<Coordinate<'a>> {
    let factor = to_degrees(member);
    match dataset.numbers(member)? {
        Coordinate::Whole(values) => Some(Coordinate::Whole(values.into_iter().map(|v| v * factor).collect())),
        Coordinate::Digest(digest) => Some(Coordinate::Digest(digest)),
    }
}

pub(super) fn unreadable(member: &Member<'_>, expected: &'static str, found: &dyn std::fmt::Display) -> DescribeError {
    DescribeError::Coordinate { variable: member.path.to_string(), expected, found: found.to_string() }
}

pub(super) const LATITUDES: &str = "latitudes from -90 to 90 degrees";
pub(super) const LONGITUDES: &str = "longitudes in degrees, within three turns";

/// Checks a coordinate's numbers: none implausible, not all missing.
pub(super) fn check(
    member: &Member<'_>,
    values: &[f64],
    limit: f64,
    expected: &'static str,
) -> Result<(), DescribeError> {
    if let Some(value) = values.iter().find(|value| value.is_infinite() || value.abs() > limit) {
        return Err(unreadable(member, expected, &value));
    }
    if values.iter().all(|value| value.is_nan()) {
        return Err(unreadable(member, expected, &"no value that is not missing"));
    }
    Ok(())
}

/// The bounds of each cell as one slice of vertices, if there are as many as there are cells and they belong to them.
fn vertices<'a>(
    dataset: &Dataset<'a>,
    member: &Member<'a>,
    centres: &[f64],
    holds: impl Fn(f64, &[f64]) -> bool,
) -> Option<(Vec<f64>, usize)> {
    let bounds = dataset.bounds(member)?;
    let Some(Coordinate::Whole(mut values)) = dataset.numbers(bounds) else { return None };
    let count = usize::try_from(*bounds.variable.shape.last()?).ok()?;
    if values.len() != centres.len().checked_mul(count)? {
        return None;
    }
    // Bounds without units have those of their coordinate (CF 7.1).
    let factor = if bounds.variable.text("units").is_some() { to_degrees(bounds) } else { to_degrees(member) };
    values.iter_mut().for_each(|value| *value *= factor);
    let known = |(centre, cell): &(&f64, &[f64])| centre.is_finite() && cell.iter().all(|value| value.is_finite());
    let (all, held) = centres
        .iter()
        .zip(values.chunks_exact(count))
        .filter(known)
        .fold((0u64, 0u64), |(all, held), (c, v)| (all + 1, held + u64::from(holds(*c, v))));
    // At a pole a centre may lie outside its vertices; where many do, the bounds belong to something else.
    (all > 0 && held * 10 >= all * 9).then_some((values, count))
}

/// The stretch of latitude of each cell, missing ones as NaN, for coordinates that are there whole.
///
/// By its bounds if they belong to it, else to half a step beyond its centre; a cell far taller than the others is its centre.
pub(super) fn latitude_cells<'a>(
    dataset: &Dataset<'a>,
    member: &Member<'a>,
    centres: &[f64],
    kind: &Cells,
) -> Vec<(f64, f64)> {
    let holds = |centre: f64, cell: &[f64]| {
        let (low, high) = range(cell);
        low - POLE_ROUNDING <= centre && centre <= high + POLE_ROUNDING && low >= -100.0 && high <= 100.0
    };
    let vertices = vertices(dataset, member, centres, holds);
    let tallest = vertices.as_ref().map_or(0.0, |(vertices, count)| tallest_sound(vertices, *count));
    stretches(centres, &half_steps(centres, kind, |step| step), vertices, |centre, cell, _| match range(cell) {
        (low, high) if low <= high && high - low <= tallest => (low.min(centre), high.max(centre)),
        _ => (centre, centre),
    })
}

/// The stretch of longitude of each cell, missing ones as NaN, in the turn of its centre.
pub(super) fn longitude_cells<'a>(
    dataset: &Dataset<'a>,
    member: &Member<'a>,
    centres: &[f64],
    kind: &Cells,
) -> Vec<(f64, f64)> {
    let holds = |centre: f64, cell: &[f64]| {
        let (low, high) = range_around(centre, cell);
        low <= POLE_ROUNDING && high >= -POLE_ROUNDING
    };
    let is_grid = matches!(kind, Cells::Grid { .. });
    let vertices = vertices(dataset, member, centres, holds);
    stretches(centres, &half_steps(centres, kind, turned), vertices, |centre, cell, step| {
        let (low, high) = match range_around(centre, cell) {
            (low, high) if is_grid && is_broken(high - low, &step) => (-step.0, step.1),
            (low, high) => (low.min(0.0), high.max(0.0)),
        };
        (centre + low, centre + high)
    })
}

/// The stretch of each cell: what `by_vertices` makes of its centre, its vertices and its half steps; without vertices it reaches half a step to
/// both sides.
fn stretches(
    centres: &[f64],
    steps: &[(f64, f64)],
    vertices: Option<(Vec<f64>, usize)>,
    by_vertices: impl Fn(f64, &[f64], (f64, f64)) -> (f64, f64),
) -> Vec<(f64, f64)> {
    let cells = centres.iter().zip(steps);
    let Some((vertices, count)) = vertices else {
        return cells.map(|(centre, (below, above))| (centre - below, centre + above)).collect();
    };
    let stretch = |((centre, step), cell): ((&f64, &(f64, f64)), &[f64])| match centre.is_finite() {
        true => by_vertices(*centre, cell, *step),
        false => (f64::NAN, f64::NAN),
    };
    cells.zip(vertices.chunks_exact(count)).map(stretch).collect()
}

/// All values of a coordinate, checked to be latitudes; `None` if there is but a digest.
pub(super) fn latitudes<'a>(dataset: &Dataset<'a>, member: &Member<'a>) -> Option<Vec<f64>> {
    whole(dataset, member).filter(|values| check(member, values, LATITUDE_LIMIT, LATITUDES).is_ok())
}

/// All values of a coordinate, checked to be longitudes; `None` if there is but a digest.
pub(super) fn longitudes<'a>(dataset: &Dataset<'a>, member: &Member<'a>) -> Option<Vec<f64>> {
    whole(dataset, member).filter(|values| check(member, values, LONGITUDE_LIMIT, LONGITUDES).is_ok())
}

/// Whether all values of a coordinate are missing.
pub(super) fn is_empty<'a>(dataset: &Dataset<'a>, member: &Member<'a>) -> bool {
    whole(dataset, member).is_some_and(|values| values.iter().all(|value| value.is_nan()))
}

fn whole<'a>(dataset: &Dataset<'a>, member: &Member<'a>) -> Option<Vec<f64>> {
    match values(dataset, member)? {
        Coordinate::Whole(values) => Some(values),
        Coordinate::Digest(_) => None,
    }
}

/// The least and the greatest latitude of all cells.
pub(super) fn latitude_range<'a>(
    dataset: &Dataset<'a>,
    member: &Member<'a>,
    longitudes: &[&Member<'a>],
) -> Result<(f64, f64), DescribeError> {
    let centres = match values(dataset, member) {
        Some(Coordinate::Whole(centres)) => centres,
        Some(Coordinate::Digest(digest)) => {
            let (low, high) = digest_range(dataset, member, digest, LATITUDE_LIMIT, LATITUDES)?;
            return Ok((low.max(-90.0), high.min(90.0)));
        }
        None => return Err(unreadable(member, LATITUDES, &"no numbers that were kept")),
    };
    check(member, &centres, LATITUDE_LIMIT, LATITUDES)?;
    let (low, high) = latitude_cells(dataset, member, &centres, &cells(dataset, member, longitudes))
        .into_iter()
        .filter(|(low, high)| low.is_finite() && high.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |all, edge| (all.0.min(edge.0), all.1.max(edge.1)));
    Ok((low.max(-90.0), high.min(90.0)))
}

/// The stretches of longitude of all cells.
pub(super) fn longitude_arcs<'a>(
    dataset: &Dataset<'a>,
    member: &Member<'a>,
    latitudes: &[&Member<'a>],
) -> Result<Arcs, DescribeError> {
    let centres = match values(dataset, member) {
        Some(Coordinate::Whole(centres)) => centres,
        Some(Coordinate::Digest(own)) => {
            digest_range(dataset, member, own, LONGITUDE_LIMIT, LONGITUDES)?;
            return Ok(digest::arcs(finest(dataset, member, own), to_degrees(member)));
        }
        None => return Err(unreadable(member, LONGITUDES, &"no numbers that were kept")),
    };
    check(member, &centres, LONGITUDE_LIMIT, LONGITUDES)?;
    let kind = cells(dataset, member, latitudes);
    let mut arcs = Arcs::default();
    for (west, east) in longitude_cells(dataset, member, &centres, &kind) {
        if west.is_finite() && east.is_finite() {
            arcs.add(west, east);
        }
    }
    arcs.tolerate_rounding();
    if matches!(kind, Cells::Row) {
        bridges(&centres).into_iter().for_each(|(start, length)| arcs.add(start, start + length));
    }
    if matches!(kind, Cells::Points) && centres.len() > 1 {
        return Ok(plain(arcs, &centres));
    }
    Ok(arcs)
}

/// Points all around the globe get a box that does not cross the antimeridian, as the gap between them is chance.
fn plain(arcs: Arcs, centres: &[f64]) -> Arcs {
    let mut closed = arcs.clone();
    closed.tolerate(POINTS_GAP);
    if closed.hull() != Some((-180.0, 180.0)) || arcs.hull() == Some((-180.0, 180.0)) {
        return arcs;
    }
    let (west, east) = range(&centres.iter().map(|centre| turned(*centre)).collect::<Vec<_>>());
    let mut plain = Arcs::default();
    plain.add(west, east);
    plain
}

/// The least and the greatest number, missing ones left out.
pub(super) fn range(values: &[f64]) -> (f64, f64) {
    let finite = values.iter().filter(|value| value.is_finite());
    finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)))
}

/// No sound cell is taller: far taller ones are left by some models on land.
fn tallest_sound(vertices: &[f64], count: usize) -> f64 {
    let cells = vertices.chunks_exact(count).map(range).filter(|(low, high)| low <= high);
    let mut heights: Vec<f64> = cells.map(|(low, high)| high - low).collect();
    heights.sort_by(f64::total_cmp);
    let usual = heights.get(heights.len() / 2).copied().unwrap_or(0.0);
    (usual * 10.0).max(BROKEN_CELL_HEIGHT)
}

/// Whether a cell's vertices are much further apart than its neighbours' centres, as where somebody took the mean of 0 and 360
/// degrees for a vertex. `step` is how far the cell reaches by the centres.
fn is_broken(width: f64, step: &(f64, f64)) -> bool {
    let by_centres = step.0 + step.1;
    by_centres > 0.0 && width > BROKEN_CELL_RATIO * by_centres + ROUNDED_VERTEX
}

/// The range of a cell's vertices as seen from its centre, each on the near side of the circle.
pub(super) fn range_around(centre: f64, cell: &[f64]) -> (f64, f64) {
    let mut turns: Vec<f64> = cell.iter().map(|vertex| turned(vertex - centre)).collect();
    // A cell as wide as the globe has edges that meet on the far side.
    if let [first, second] = cell
        && (second - first).abs() >= 360.0 - POLE_ROUNDING
    {
        turns = vec![-180.0, 180.0];
    }
    range(&turns)
}

/// The digest that says most: that of the bounds, if it is there.
fn finest<'a>(dataset: &Dataset<'a>, member: &Member<'a>, own: &'a Digest) -> &'a Digest {
    match dataset.bounds(member).and_then(|bounds| dataset.numbers(bounds)) {
        Some(Coordinate::Digest(bounds)) => bounds,
        _ => own,
    }
}

fn digest_range<'a>(
    dataset: &Dataset<'a>,
    member: &Member<'a>,
    own: &'a Digest,
    limit: f64,
    expected: &'static str,
) -> Result<(f64, f64), DescribeError> {
    let (digest, factor) = (finest(dataset, member, own), to_degrees(member));
    let (low, high) = (digest.minimum * factor, digest.maximum * factor);
    check(member, &[low, high], limit, expected)?;
    Ok((low, high))
}

/// Values of a latitude and its longitude at some rows and columns of a grid that is too large to be kept, as if they were all: their
/// cells reach to each other.
pub(super) fn sampled<'a>(
    dataset: &Dataset<'a>,
    latitude: &Member<'a>,
    longitude: &Member<'a>,
) -> Option<(Vec<f64>, Vec<f64>, Cells)> {
    let sample = |member: &Member<'a>| match dataset.numbers(member)? {
        Coordinate::Digest(digest) => {
            let factor = to_degrees(member);
            let sound = |value: &f64| if value.abs() < LARGEST { value * factor } else { f64::NAN };
            Some(digest.sample.iter().map(sound).collect::<Vec<_>>())
        }
        Coordinate::Whole(_) => None,
    };
    let (y, x) = (sample(latitude)?, sample(longitude)?);
    let [rows, columns] = latitude.variable.shape.as_slice() else { return None };
    let (rows, columns) = (Digest::sampled(*rows).count(), Digest::sampled(*columns).count());
    let fits = y.len() == rows.checked_mul(columns)? && x.len() == y.len() && columns > 0;
    fits.then_some((y, x, Cells::Grid { columns, rows }))
}
