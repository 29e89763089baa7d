//! Where an unstructured mesh is, by its topology (UGRID 1.0).

use super::DescribeError;
use super::axis::{Axis, axis};
use super::coordinates::{
    LATITUDE_LIMIT, LATITUDES, LONGITUDE_LIMIT, LONGITUDES, check, latitudes, longitudes, range_around,
};
use super::curvilinear::pole_within;
use super::dataset::{Dataset, Member, names};
use super::horizontal::{Place, rounded};
use super::outline::Outline;
use crate::model::BoundingBox;

/// The box and the outline of all meshes that data are on; `None` if there are none, or their nodes are not kept.
///
/// By the faces, or edges, with their nodes; by the nodes alone where it is not kept which belong together.
pub(super) fn read(dataset: &Dataset<'_>) -> Option<Result<Place, DescribeError>> {
    let mut outline = Outline::default();
    for topology in topologies(dataset) {
        let (latitude, longitude) = nodes(dataset, topology)?;
        if let (Some(values), _) | (_, Some(values)) = unsound(dataset, latitude, longitude) {
            return Some(Err(values));
        }
        let (y, x) = (latitudes(dataset, latitude)?, longitudes(dataset, longitude)?);
        let points: Vec<(f64, f64)> = x.into_iter().zip(y).collect();
        match faces(dataset, topology) {
            Some((corners, count)) => {
                corners.chunks_exact(count).for_each(|face| add_face(&points, face, &mut outline));
            }
            None => points.iter().for_each(|(x, y)| outline.add(*x, *x, *y, *y)),
        }
    }
    let (south, north) = outline.latitudes()?;
    let mut arcs = outline.arcs();
    arcs.tolerate_rounding();
    let (west, east) = arcs.hull()?;
    let [west, south, east, north] = [west, south, east, north].map(rounded);
    let bounding_box = BoundingBox { west, south, east, north };
    Some(Ok(Place { bounding_box, geometry: outline.geometry(&bounding_box) }))
}

/// The mesh topologies that data name; all of them if none does.
fn topologies<'d, 'a>(dataset: &'d Dataset<'a>) -> Vec<&'d Member<'a>> {
    let named: Vec<&Member<'a>> = dataset
        .members
        .iter()
        .flat_map(|member| names(member.variable, "mesh").map(|name| (member.group, name)))
        .filter_map(|(group, name)| dataset.named(group, &name))
        .collect();
    let is_used = |member: &&Member<'a>| named.is_empty() || named.iter().any(|named| named.path == member.path);
    let is_topology = |member: &&Member<'a>| {
        member.variable.attributes.contains_key("node_coordinates")
            && (member.variable.attributes.contains_key("topology_dimension")
                || member.variable.text("cf_role") == Some("mesh_topology"))
    };
    dataset.members.iter().filter(is_topology).filter(is_used).collect()
}

fn nodes<'d, 'a>(dataset: &'d Dataset<'a>, topology: &Member<'a>) -> Option<(&'d Member<'a>, &'d Member<'a>)> {
    let found: Vec<&Member<'a>> =
        names(topology.variable, "node_coordinates").filter_map(|name| dataset.named(topology.group, &name)).collect();
    let along = |wanted| found.iter().copied().find(|member| axis(member.variable) == Some(wanted));
    Some((along(Axis::Latitude)?, along(Axis::Longitude)?))
}

/// What is wrong with the nodes' values, if they are kept.
fn unsound<'a>(
    dataset: &Dataset<'a>,
    latitude: &Member<'a>,
    longitude: &Member<'a>,
) -> (Option<DescribeError>, Option<DescribeError>) {
    let wrong = |member: &Member<'a>, limit, expected| match super::coordinates::values(dataset, member) {
        Some(super::dataset::Coordinate::Whole(values)) => check(member, &values, limit, expected).err(),
        _ => None,
    };
    (wrong(latitude, LATITUDE_LIMIT, LATITUDES), wrong(longitude, LONGITUDE_LIMIT, LONGITUDES))
}

/// The nodes of each face, of a mesh of lines those of each edge, so many for each; -1 where there is none.
fn faces<'a>(dataset: &Dataset<'a>, topology: &Member<'a>) -> Option<(Vec<i64>, usize)> {
    let by = |key: &str, dimension: &'static str| {
        let name = names(topology.variable, key).next()?;
        Some((dataset.named(topology.group, &name)?.variable, dimension))
    };
    let (variable, own) =
        by("face_node_connectivity", "face_dimension").or_else(|| by("edge_node_connectivity", "edge_dimension"))?;
    let [first, second] = variable.shape.as_slice() else { return None };
    let numbers = variable.inline()?.numbers()?;
    let start = variable.attributes.get("start_index").and_then(crate::model::AttributeValue::number).unwrap_or(0.0);
    let missing = super::numbers::missing_values(variable);
    #[allow(clippy::cast_possible_truncation)] // Casts of floats saturate; what is out of range is no node.
    let node = |value: f64| if missing.contains(&value) || value < start { -1 } else { (value - start) as i64 };
    let nodes: Vec<i64> = numbers.to_f64().into_iter().map(node).collect();
    let (rows, columns) = (usize::try_from(*first).ok()?, usize::try_from(*second).ok()?);
    if columns == 0 || rows == 0 || nodes.len() != rows.checked_mul(columns)? {
        return None;
    }
    let is_transposed = topology.variable.text(own).is_some_and(|name| {
        variable.dimensions.get(1).is_some_and(|dimension| dimension.as_str() == name)
            && variable.dimensions.first().is_some_and(|dimension| dimension.as_str() != name)
    });
    if is_transposed {
        let turned = (0..columns).flat_map(|column| (0..rows).map(move |row| row * columns + column));
        return Some((turned.filter_map(|at| nodes.get(at).copied()).collect(), rows));
    }
    Some((nodes, columns))
}

fn add_face(points: &[(f64, f64)], face: &[i64], outline: &mut Outline) {
    let corner = |node: &i64| usize::try_from(*node).ok().and_then(|node| points.get(node)).copied();
    let corners: Vec<(f64, f64)> =
        face.iter().filter_map(corner).filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
    let Some(first) = corners.first() else { return };
    let longitudes: Vec<f64> = corners.iter().filter(|(_, y)| y.abs() < 90.0 - 1e-9).map(|(x, _)| *x).collect();
    let centre = longitudes.first().copied().unwrap_or(first.0);
    let (low, high) = if longitudes.is_empty() { (0.0, 0.0) } else { range_around(centre, &longitudes) };
    let south = corners.iter().map(|(_, y)| *y).fold(f64::INFINITY, f64::min);
    let north = corners.iter().map(|(_, y)| *y).fold(f64::NEG_INFINITY, f64::max);
    match pole_within(&corners) {
        Some(pole) => outline.add(-180.0, 180.0, south.min(pole), north.max(pole)),
        None => outline.add(centre + low, centre + high, south, north),
    }
}
