//! Points, stations, trajectories and profiles (CF 1.11, chapter 9) as GeoJSON.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::cells::turned;
use super::dataset::{Dataset, Member};
use super::geometry;
use super::horizontal::rounded;
use super::longitude::Arcs;
use super::outline::Outline;
use crate::model::{BoundingBox, Variable};

/// How many vertices points and lines have at most; what needs more is given as an outline.
const VERTICES: usize = 100;

/// What the features of a dataset are (CF 9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FeatureType {
    /// Places, each for itself: points, stations, profiles.
    Places,
    /// Places along a way: trajectories, and profiles along them.
    Ways,
}

impl FeatureType {
    /// What the global attribute `featureType` says, in any case.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "point" | "timeseries" | "profile" | "timeseriesprofile" => Some(Self::Places),
            "trajectory" | "trajectoryprofile" => Some(Self::Ways),
            _ => None,
        }
    }
}

/// Points of one feature, as (longitude, latitude).
pub(super) struct Track {
    pub(super) points: Vec<(f64, f64)>,
    /// Whether each point follows from the one before.
    pub(super) is_way: bool,
}

/// The features whose places these are; missing ones are left out.
pub(super) fn tracks<'a>(dataset: &Dataset<'a>, latitude: &Member<'a>, points: Vec<(f64, f64)>) -> Vec<Track> {
    let is_way = dataset.feature_type == Some(FeatureType::Ways);
    let instances = if is_way { instances(dataset, latitude, points.len()) } else { None };
    let parts = match instances {
        Some(instances) => {
            let mut parts: BTreeMap<i64, Vec<(f64, f64)>> = BTreeMap::new();
            instances
                .into_iter()
                .zip(points)
                .for_each(|(instance, point)| parts.entry(instance).or_default().push(point));
            parts.into_values().collect()
        }
        None => vec![points],
    };
    let known = |points: Vec<(f64, f64)>| points.into_iter().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
    parts.into_iter().map(|points| Track { points: known(points), is_way }).filter(|t| !t.points.is_empty()).collect()
}

/// The feature of each element: by the first of two dimensions, by the counts of contiguous ragged arrays (CF 9.3.3), by the
/// indices of indexed ones (CF 9.3.4); `None` if there is but one.
fn instances<'a>(dataset: &Dataset<'a>, latitude: &Member<'a>, count: usize) -> Option<Vec<i64>> {
    let dimension = match latitude.variable.dimensions.as_slice() {
        [dimension] => dimension.as_str(),
        [_, .., _] => {
            let columns = usize::try_from(*latitude.variable.shape.last()?).ok().filter(|columns| *columns > 0)?;
            return (0..count).map(|at| i64::try_from(at / columns).ok()).collect();
        }
        [] => return None,
    };
    let numbers = |variable: &Variable| variable.inline()?.numbers()?.to_i64();
    let mut variables = dataset.members.iter().map(|member| member.variable);
    if let Some(counts) = variables.clone().find(|variable| variable.text("sample_dimension") == Some(dimension)) {
        let mut found = Vec::with_capacity(count);
        for (instance, length) in (0i64..).zip(numbers(counts)?) {
            let length = usize::try_from(length).unwrap_or(0).min(count - found.len());
            found.extend(std::iter::repeat_n(instance, length));
        }
        return Some(found);
    }
    let is_index = |variable: &&Variable| {
        variable.attributes.contains_key("instance_dimension")
            && variable.dimensions.first().is_some_and(|own| own.as_str() == dimension)
    };
    numbers(variables.find(is_index)?)
}

/// Points as a point, points or lines; too many of them as their outline.
pub(super) fn geometry(tracks: &[Track], place: &BoundingBox) -> Value {
    let position = |(x, y): &(f64, f64)| [rounded(turned(*x)), rounded(*y)];
    let bits = |point: [f64; 2]| point.map(f64::to_bits);
    let mut seen = BTreeSet::new();
    let mut unique: Vec<[f64; 2]> = Vec::new();
    for point in tracks.iter().flat_map(|track| &track.points).map(position) {
        if unique.len() <= VERTICES && seen.insert(bits(point)) {
            unique.push(point);
        }
    }
    let lines: Vec<&Track> = tracks.iter().filter(|track| track.is_way && track.points.len() > 1).collect();
    match unique.as_slice() {
        [] => geometry::geometry(place),
        [point] => json!({"type": "Point", "coordinates": point}),
        _ if !lines.is_empty() && lines.len() == tracks.len() && lines.len() * 4 <= VERTICES => {
            of_lines(&lines).filter(|lines| is_within(lines, place)).unwrap_or_else(|| geometry::geometry(place))
        }
        points if points.len() <= VERTICES => json!({"type": "MultiPoint", "coordinates": points}),
        _ => outline(tracks, place),
    }
}

/// Whether lines have just this box.
fn is_within(lines: &Value, place: &BoundingBox) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
    geometry::bounding_box(lines).is_ok_and(|found| {
        near(found.west, place.west)
            && near(found.south, place.south)
            && near(found.east, place.east)
            && near(found.north, place.north)
    })
}

fn outline(tracks: &[Track], place: &BoundingBox) -> Value {
    let mut outline = Outline::default();
    tracks.iter().flat_map(|track| &track.points).for_each(|(x, y)| outline.add(*x, *x, *y, *y));
    outline.geometry(place)
}

/// The ways as lines, each with its share of vertices, cut at the antimeridian; `None` if none has a length.
fn of_lines(tracks: &[&Track]) -> Option<Value> {
    let share = VERTICES / tracks.len().max(1);
    let lines: Vec<Vec<[f64; 2]>> =
        tracks.iter().flat_map(|track| cut(&thinned(&unrolled(&track.points), share))).collect();
    match lines.as_slice() {
        [] => None,
        [line] => Some(json!({"type": "LineString", "coordinates": line})),
        lines => Some(json!({"type": "MultiLineString", "coordinates": lines})),
    }
}

/// Adds the stretches of longitude from each point to the next.
pub(super) fn stretches(points: &[(f64, f64)], arcs: &mut Arcs) {
    let line = unrolled(points);
    line.windows(2).for_each(|pair| arcs.add(pair[0].0.min(pair[1].0), pair[0].0.max(pair[1].0)));
}

/// The same points, each in the turn that is nearest to the one before.
fn unrolled(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut at = points.first().map_or(0.0, |(x, _)| turned(*x));
    let follow = |(x, y): &(f64, f64)| {
        at += turned(x - at);
        (at, *y)
    };
    points.iter().map(follow).collect()
}

/// The ends and the extremes, and again and again the point that is furthest from the line, as often as there are vertices left.
fn thinned(points: &[(f64, f64)], vertices: usize) -> Vec<(f64, f64)> {
    let Some(last) = points.len().checked_sub(1) else { return Vec::new() };
    let by = |of: fn(&(f64, f64)) -> f64| move |a: &usize, b: &usize| of(&points[*a]).total_cmp(&of(&points[*b]));
    let (x, y) = (by(|point| point.0), by(|point| point.1));
    let all = || 0..points.len();
    let extremes = [all().min_by(&x), all().max_by(&x), all().min_by(&y), all().max_by(&y)];
    let mut kept: BTreeSet<usize> = extremes.into_iter().flatten().chain([0, last]).collect();
    let fixed: Vec<usize> = kept.iter().copied().collect();
    let mut open: Vec<(f64, usize, usize, usize)> =
        fixed.windows(2).filter_map(|pair| furthest(points, pair[0], pair[1])).collect();
    while kept.len() < vertices {
        let Some(next) = (0..open.len()).max_by(|a, b| open[*a].0.total_cmp(&open[*b].0)) else { break };
        let (distance, from, at, to) = open.swap_remove(next);
        if distance < 1e-6 {
            break;
        }
        kept.insert(at);
        open.extend(furthest(points, from, at));
        open.extend(furthest(points, at, to));
    }
    kept.into_iter().filter_map(|at| points.get(at).copied()).collect()
}

/// The point between two that is furthest from the line between them: (distance, from, at, to).
fn furthest(points: &[(f64, f64)], from: usize, to: usize) -> Option<(f64, usize, usize, usize)> {
    let (a, b) = (points[from], points[to]);
    let (x, y) = (b.0 - a.0, b.1 - a.1);
    let square = x * x + y * y;
    let distance = |at: usize| {
        let (dx, dy) = (points[at].0 - a.0, points[at].1 - a.1);
        let along = if square > 0.0 { ((dx * x + dy * y) / square).clamp(0.0, 1.0) } else { 0.0 };
        (dx - along * x).hypot(dy - along * y)
    };
    (from + 1..to).map(|at| (distance(at), from, at, to)).max_by(|a, b| a.0.total_cmp(&b.0))
}

/// A line in pieces between -180 and 180 degrees (RFC 7946, 3.1.9).
fn cut(points: &[(f64, f64)]) -> Vec<Vec<[f64; 2]>> {
    let turn = |x: f64| ((x + 180.0) / 360.0).floor() * 360.0;
    let position = |(x, y): (f64, f64), turn: f64| [rounded((x - turn).clamp(-180.0, 180.0)), rounded(y)];
    let mut lines: Vec<Vec<[f64; 2]>> = Vec::new();
    let mut line: Vec<[f64; 2]> = Vec::new();
    let mut before: Option<(f64, f64)> = None;
    for point in points {
        let own = turn(point.0);
        if let Some(from) = before
            && (turn(from.0) - own).abs() > 0.5
        {
            let edge = own.max(turn(from.0)) - 180.0;
            let latitude = from.1 + (point.1 - from.1) * (edge - from.0) / (point.0 - from.0);
            line.push(position((edge, latitude), turn(from.0)));
            lines.push(std::mem::take(&mut line));
            line.push(position((edge, latitude), own));
        }
        line.push(position(*point, own));
        before = Some(*point);
    }
    lines.push(line);
    lines.iter_mut().for_each(Vec::dedup);
    lines.retain(|line| line.len() > 1);
    lines
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn way(points: &[(f64, f64)]) -> Vec<Track> {
        vec![Track { points: points.to_vec(), is_way: true }]
    }

    #[test]
    fn a_way_across_the_antimeridian_is_cut_there() {
        let place = BoundingBox { west: 170.0, south: 0.0, east: -170.0, north: 10.0 };
        let found = geometry(&way(&[(170.0, 0.0), (180.0, 5.0), (-170.0, 10.0)]), &place);
        assert_eq!(found["type"], "MultiLineString");
        assert_eq!(found["coordinates"], json!([[[170.0, 0.0], [180.0, 5.0]], [[-180.0, 5.0], [-170.0, 10.0]]]));
    }

    #[test]
    fn a_long_way_keeps_its_turns() {
        let points: Vec<(f64, f64)> = (0..10_000)
            .map(|at| f64::from(at) / 500.0)
            .map(|at| (at, if at < 10.0 { at } else { 20.0 - at }))
            .collect();
        let place = BoundingBox { west: 0.0, south: 0.002, east: 19.998, north: 10.0 };
        let place = BoundingBox { south: 0.0, ..place };
        let found = geometry(&way(&points), &place);
        assert_eq!(found, json!({"type": "LineString", "coordinates": [[0.0, 0.0], [10.0, 10.0], [19.998, 0.002]]}));
    }

    #[test]
    fn places_are_points_as_long_as_they_are_few() {
        let places = |count: u32| {
            let points = (0..count).map(|at| (f64::from(at % 20), f64::from(at / 20))).collect();
            vec![Track { points, is_way: false }]
        };
        let place = |north| BoundingBox { west: 0.0, south: 0.0, east: 19.0, north };
        assert_eq!(geometry(&places(1), &place(0.0))["type"], "Point");
        assert_eq!(geometry(&places(100), &place(4.0))["coordinates"].as_array().unwrap().len(), 100);
        assert_eq!(geometry(&places(120), &place(5.0))["type"], "Polygon");
    }
}
