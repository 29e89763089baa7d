//! Where the cells of a dataset are, from its latitudes and longitudes.

use super::axis::Axis;
use super::cells::{Cells, bridges, cells, half_steps, turned};
use super::dataset::{Coordinate, Dataset, Member};
use super::longitude::Arcs;
use super::{DescribeError, digest, projected};
use crate::model::{BoundingBox, Digest};

/// How far beyond a pole rounding may put a latitude, in degrees.
const POLE_ROUNDING: f64 = 1e-3;
/// Longitudes beyond three turns are no longitudes.
const LONGITUDE_LIMIT: f64 = 1080.0;
/// Cells less tall than this are never taken for broken, in degrees.
const BROKEN_CELL_HEIGHT: f64 = 20.0;
/// A cell of a curvilinear grid so many times wider than its centres are apart is broken; one that is stretched is not.
const BROKEN_CELL_RATIO: f64 = 3.0;
/// Differences of vertices that rounding explains, in degrees.
const ROUNDED_VERTEX: f64 = 1e-3;
/// A gap that scattered points leave by chance, in degrees: no reason to cross the antimeridian.
const POINTS_GAP: f64 = 10.0;

/// The box that holds all cells, by their bounds where they have any, else to half a step beyond the centres.
pub(super) fn read(dataset: &Dataset<'_>) -> Result<BoundingBox, DescribeError> {
    let latitudes = dataset.along(Axis::Latitude);
    let longitudes = dataset.along(Axis::Longitude);
    if latitudes.is_empty() || longitudes.is_empty() {
        return projected::read(dataset)?.ok_or_else(|| no_place(dataset, latitudes.is_empty()));
    }
    let (mut south, mut north) = (f64::INFINITY, f64::NEG_INFINITY);
    for member in &latitudes {
        let (low, high) = latitude_range(dataset, member, &longitudes)?;
        (south, north) = (south.min(low), north.max(high));
    }
    let mut arcs = Arcs::default();
    for member in &longitudes {
        arcs.extend(&longitude_arcs(dataset, member, &latitudes)?);
    }
    let (west, east) = arcs.hull().ok_or_else(|| no_place(dataset, false))?;
    let [west, south, east, north] = [west, south, east, north].map(rounded);
    Ok(BoundingBox { west, south, east, north })
}

/// To six decimals, as RFC 7946 (11.2) advises; never -0.
pub(super) fn rounded(degrees: f64) -> f64 {
    (degrees * 1e6).round() / 1e6 + 0.0
}

fn no_place(dataset: &Dataset<'_>, latitude: bool) -> DescribeError {
    let expected = if latitude {
        "a latitude coordinate (standard_name latitude, or units degrees_north)"
    } else {
        "a longitude coordinate (standard_name longitude, or units degrees_east)"
    };
    DescribeError::NoPlace { expected, found: variables(dataset) }
}

/// The names of the dataset's first variables, for messages.
pub(super) fn variables(dataset: &Dataset<'_>) -> String {
    let names: Vec<_> = dataset.members.iter().take(8).map(|member| member.path.key().to_owned()).collect();
    match (names.is_empty(), dataset.members.len() > names.len()) {
        (true, _) => "no variables".into(),
        (false, false) => format!("the variables {}", names.join(", ")),
        (false, true) => format!("the variables {}, …", names.join(", ")),
    }
}

fn to_degrees(member: &Member<'_>) -> f64 {
    let radians = member.variable.text("units").is_some_and(|units| units.trim().starts_with("rad"));
    if radians { 180.0 / std::f64::consts::PI } else { 1.0 }
}

fn values<'a>(dataset: &Dataset<'a>, member: &Member<'a>) -> Option<Coordinate<'a>> {
    let factor = to_degrees(member);
    match dataset.numbers(member)? {
        Coordinate::Whole(values) => Some(Coordinate::Whole(values.into_iter().map(|v| v * factor).collect())),
        Coordinate::Digest(digest) => Some(Coordinate::Digest(digest)),
    }
}

fn unreadable(member: &Member<'_>, expected: &'static str, found: &dyn std::fmt::Display) -> DescribeError {
    DescribeError::Coordinate { variable: member.path.to_string(), expected, found: found.to_string() }
}

const LATITUDES: &str = "latitudes from -90 to 90 degrees";
const LONGITUDES: &str = "longitudes in degrees, within three turns";

/// Checks a coordinate's numbers: none implausible, not all missing.
fn check(member: &Member<'_>, values: &[f64], limit: f64, expected: &'static str) -> Result<(), DescribeError> {
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

fn latitude_range<'a>(
    dataset: &Dataset<'a>,
    member: &Member<'a>,
    longitudes: &[&Member<'a>],
) -> Result<(f64, f64), DescribeError> {
    let limit = 90.0 + POLE_ROUNDING;
    let centres = match values(dataset, member) {
        Some(Coordinate::Whole(centres)) => centres,
        Some(Coordinate::Digest(digest)) => {
            let (low, high) = digest_range(dataset, member, digest, limit, LATITUDES)?;
            return Ok((low.max(-90.0), high.min(90.0)));
        }
        None => return Err(unreadable(member, LATITUDES, &"no numbers that were kept")),
    };
    check(member, &centres, limit, LATITUDES)?;
    let holds = |centre: f64, cell: &[f64]| {
        let (low, high) = range(cell);
        low - POLE_ROUNDING <= centre && centre <= high + POLE_ROUNDING && low >= -100.0 && high <= 100.0
    };
    let (low, high) = match vertices(dataset, member, &centres, holds) {
        Some((vertices, count)) => {
            let (a, b) = (range(&centres), sound_range(&vertices, count));
            (a.0.min(b.0), a.1.max(b.1))
        }
        None => {
            let steps = half_steps(&centres, &cells(member, longitudes), |step| step);
            let edges = centres.iter().zip(&steps).map(|(centre, (below, above))| (centre - below, centre + above));
            edges
                .filter(|(low, _)| low.is_finite())
                .fold((f64::INFINITY, f64::NEG_INFINITY), |all, edge| (all.0.min(edge.0), all.1.max(edge.1)))
        }
    };
    Ok((low.max(-90.0), high.min(90.0)))
}

fn longitude_arcs<'a>(
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
    let kind = cells(member, latitudes);
    let mut arcs = Arcs::default();
    let holds = |centre: f64, cell: &[f64]| {
        let (low, high) = range_around(centre, cell);
        low <= POLE_ROUNDING && high >= -POLE_ROUNDING
    };
    let steps = half_steps(&centres, &kind, turned);
    if let Some((vertices, count)) = vertices(dataset, member, &centres, holds) {
        for ((centre, cell), step) in centres.iter().zip(vertices.chunks_exact(count)).zip(&steps) {
            let (low, high) = match range_around(*centre, cell) {
                _ if !centre.is_finite() => continue,
                (low, high) if matches!(kind, Cells::Grid(_)) && is_broken(high - low, step) => (-step.0, step.1),
                (low, high) => (low.min(0.0), high.max(0.0)),
            };
            arcs.add(centre + low, centre + high);
        }
    } else {
        for (centre, (below, above)) in centres.iter().zip(steps).filter(|(c, _)| c.is_finite()) {
            arcs.add(centre - below, centre + above);
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
fn range(values: &[f64]) -> (f64, f64) {
    let finite = values.iter().filter(|value| value.is_finite());
    finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)))
}

/// The range of all vertices but those of broken cells: far taller than most cells, as some models leave cells on land.
fn sound_range(vertices: &[f64], count: usize) -> (f64, f64) {
    let cells = || vertices.chunks_exact(count).map(range).filter(|(low, high)| low <= high);
    let mut heights: Vec<f64> = cells().map(|(low, high)| high - low).collect();
    heights.sort_by(f64::total_cmp);
    let usual = heights.get(heights.len() / 2).copied().unwrap_or(0.0);
    let tallest = (usual * 10.0).max(BROKEN_CELL_HEIGHT);
    cells()
        .filter(|(low, high)| high - low <= tallest)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |all, (low, high)| (all.0.min(low), all.1.max(high)))
}

/// Whether a cell's vertices are much further apart than its neighbours' centres, as where somebody took the mean of 0 and 360
/// degrees for a vertex. `step` is how far the cell reaches by the centres.
fn is_broken(width: f64, step: &(f64, f64)) -> bool {
    let by_centres = step.0 + step.1;
    by_centres > 0.0 && width > BROKEN_CELL_RATIO * by_centres + ROUNDED_VERTEX
}

/// The range of a cell's vertices as seen from its centre, each on the near side of the circle.
fn range_around(centre: f64, cell: &[f64]) -> (f64, f64) {
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
