//! The shape of what has a latitude and a longitude for each cell: curvilinear grids, swaths, points.

use serde_json::Value;

use super::cells::{Cells, cells, turned};
use super::coordinates::{latitude_cells, latitudes, longitude_cells, longitudes, sampled};
use super::dataset::{Dataset, Member};
use super::features::{self, Track};
use super::geometry;
use super::longitude::Arcs;
use super::outline::Outline;
use crate::model::BoundingBox;

/// What is known of where each cell is.
pub(super) enum Shape {
    /// Cells with an extent; and whether the south and the north pole are among them.
    Cells(Outline, (bool, bool)),
    /// Points, in tracks where they follow each other.
    Points(Vec<Track>),
}

impl Shape {
    /// Whether the south and the north pole lie within cells.
    pub(super) fn poles(&self) -> (bool, bool) {
        match self {
            Self::Cells(_, poles) => *poles,
            Self::Points(_) => (false, false),
        }
    }

    /// The stretches of longitude between points that follow each other.
    pub(super) fn ways(&self) -> Arcs {
        let mut arcs = Arcs::default();
        if let Self::Points(tracks) = self {
            tracks.iter().filter(|track| track.is_way).for_each(|track| features::stretches(&track.points, &mut arcs));
        }
        arcs
    }

    /// The shape as GeoJSON within its box.
    pub(super) fn geometry(&self, place: &BoundingBox) -> Value {
        match self {
            Self::Cells(outline, _) if outline.is_empty() => geometry::geometry(place),
            Self::Cells(outline, _) => outline.geometry(place),
            Self::Points(tracks) => features::geometry(tracks, place),
        }
    }
}

/// The shape, if each latitude has its longitude and all are known; else the box has to do.
pub(super) fn shape<'a>(dataset: &Dataset<'a>, lats: &[&Member<'a>], lons: &[&Member<'a>]) -> Option<Shape> {
    let pairs = pairs(lats, lons)?;
    let (mut outline, mut poles, mut tracks) = (Outline::default(), (false, false), Vec::new());
    for (lat, lon) in pairs {
        let kind = cells(dataset, lat, lons);
        let is_point = matches!(kind, Cells::Points | Cells::Row) && dataset.bounds(lat).is_none();
        if is_point {
            let points = latitudes(dataset, lat)?.into_iter().zip(longitudes(dataset, lon)?);
            tracks.extend(features::tracks(dataset, lat, points.map(|(y, x)| (x, y)).collect()));
            continue;
        }
        let (y, x, kind) = match (latitudes(dataset, lat), longitudes(dataset, lon)) {
            (Some(y), Some(x)) if x.len() == y.len() => (y, x, kind),
            _ => sampled(dataset, lat, lon)?,
        };
        let (rows, columns) = (latitude_cells(dataset, lat, &y, &kind), longitude_cells(dataset, lon, &x, &kind));
        for ((south, north), (west, east)) in rows.into_iter().zip(columns) {
            outline.add(west, east, south.max(-90.0), north.min(90.0));
        }
        if let Cells::Grid { columns, rows } = kind {
            let found = around_poles(&x, &y, columns, rows, &mut outline);
            poles = (poles.0 || found.0, poles.1 || found.1);
        }
    }
    if outline.is_empty() && !tracks.is_empty() {
        return Some(Shape::Points(tracks));
    }
    for (x, y) in tracks.iter().flat_map(|track| &track.points) {
        outline.add(*x, *x, *y, *y);
    }
    Some(Shape::Cells(outline, poles))
}

/// Each latitude with the longitude of the same dimensions; `None` if one stands alone or they are the axes of a regular grid.
pub(super) fn pairs<'m, 'a>(
    lats: &[&'m Member<'a>],
    lons: &[&'m Member<'a>],
) -> Option<Vec<(&'m Member<'a>, &'m Member<'a>)>> {
    let same = |a: &Member<'a>, b: &Member<'a>| {
        a.variable.dimensions == b.variable.dimensions && a.variable.shape == b.variable.shape
    };
    if lons.iter().any(|lon| !lats.iter().any(|lat| same(lat, lon))) {
        return None;
    }
    // Grids of one file may have the same dimensions: they come in the same order.
    lats.iter()
        .enumerate()
        .map(|(at, lat)| {
            let own = lons.get(at).filter(|_| lats.len() == lons.len()).filter(|lon| same(lat, lon));
            let lon = own.or_else(|| lons.iter().find(|lon| same(lat, lon) && lat.group == lon.group));
            lon.or_else(|| lons.iter().find(|lon| same(lat, lon))).map(|lon| (*lat, *lon))
        })
        .collect()
}

/// Adds a cap for each pole that lies between four neighbouring centres.
fn around_poles(x: &[f64], y: &[f64], columns: usize, rows: usize, outline: &mut Outline) -> (bool, bool) {
    let mut poles = (false, false);
    for at in 0..x.len() {
        if at % columns + 1 >= columns || at / columns % rows + 1 >= rows {
            continue;
        }
        let corners = [at, at + 1, at + columns + 1, at + columns];
        let corner = |at: &usize| Some((*x.get(*at)?, *y.get(*at)?)).filter(|(x, y)| x.is_finite() && y.is_finite());
        let Some(corners) = corners.iter().map(corner).collect::<Option<Vec<_>>>() else { continue };
        if let Some(pole) = pole_within(&corners) {
            let reach = corners.iter().map(|(_, y)| y.abs()).fold(90.0, f64::min);
            if pole > 0.0 {
                outline.add_cap(reach, 90.0);
                poles.1 = true;
            } else {
                outline.add_cap(-90.0, -reach);
                poles.0 = true;
            }
        }
    }
    poles
}

/// 90 or -90 if a ring of (longitude, latitude) goes once around that pole, which is the nearer one.
pub(super) fn pole_within(ring: &[(f64, f64)]) -> Option<f64> {
    let next = ring.iter().cycle().skip(1);
    let around: f64 = ring.iter().zip(next).map(|(from, to)| turned(to.0 - from.0)).sum();
    let mean: f64 = ring.iter().map(|(_, y)| y).sum();
    // Neighbours that are half a turn apart say nothing of the side on which they pass the pole.
    (around.abs() > 180.0 && ring.iter().all(|(_, y)| y * mean > 0.0)).then(|| 90.0_f64.copysign(mean))
}
