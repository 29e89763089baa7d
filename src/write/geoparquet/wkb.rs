//! GeoJSON as well-known binary (OGC 06-103r4; ISO for heights), little-endian.

use serde_json::Value;

/// How deep collections of geometries may lie within each other.
const DEPTH: usize = 8;

/// The geometry; `None` if it is not one.
pub(super) fn of(geometry: &Value) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    put(geometry, DEPTH, &mut out)?;
    Some(out)
}

fn put(geometry: &Value, depth: usize, out: &mut Vec<u8>) -> Option<()> {
    let kind = geometry["type"].as_str()?;
    if kind == "GeometryCollection" {
        let members = geometry["geometries"].as_array()?;
        head(7, false, out);
        count(members, out)?;
        let depth = depth.checked_sub(1)?;
        return members.iter().try_for_each(|member| put(member, depth, out));
    }
    put_coordinates(kind, &geometry["coordinates"], out)
}

fn put_coordinates(kind: &str, coordinates: &Value, out: &mut Vec<u8>) -> Option<()> {
    let has_height = first_position(coordinates, 4)?.len() > 2;
    let (code, single) = match kind {
        "Point" => (1, None),
        "LineString" => (2, None),
        "Polygon" => (3, None),
        "MultiPoint" => (4, Some("Point")),
        "MultiLineString" => (5, Some("LineString")),
        "MultiPolygon" => (6, Some("Polygon")),
        _ => return None,
    };
    head(code, has_height, out);
    if let Some(single) = single {
        let members = coordinates.as_array()?;
        count(members, out)?;
        return members.iter().try_for_each(|member| put_coordinates(single, member, out));
    }
    match code {
        1 => position(coordinates, has_height, out),
        2 => positions(coordinates, has_height, out),
        _ => {
            let rings = coordinates.as_array()?;
            count(rings, out)?;
            rings.iter().try_for_each(|ring| positions(ring, has_height, out))
        }
    }
}

fn first_position(coordinates: &Value, depth: usize) -> Option<&Vec<Value>> {
    let list = coordinates.as_array()?;
    if list.first()?.is_number() { Some(list) } else { first_position(list.first()?, depth.checked_sub(1)?) }
}

fn head(code: u32, has_height: bool, out: &mut Vec<u8>) {
    out.push(1);
    out.extend((code + if has_height { 1000 } else { 0 }).to_le_bytes());
}

fn count(members: &[Value], out: &mut Vec<u8>) -> Option<()> {
    out.extend(u32::try_from(members.len()).ok()?.to_le_bytes());
    Some(())
}

fn positions(line: &Value, has_height: bool, out: &mut Vec<u8>) -> Option<()> {
    let line = line.as_array()?;
    count(line, out)?;
    line.iter().try_for_each(|point| position(point, has_height, out))
}

fn position(point: &Value, has_height: bool, out: &mut Vec<u8>) -> Option<()> {
    let numbers = point.as_array()?;
    for number in 0..if has_height { 3 } else { 2 } {
        out.extend(numbers.get(number)?.as_f64()?.to_le_bytes());
    }
    Some(())
}
