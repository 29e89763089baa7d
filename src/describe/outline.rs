//! The outline of many cells: polygons that cover them all, of about a hundred vertices.

use serde_json::{Value, json};

use super::geometry;
use super::horizontal::rounded;
use super::longitude::Arcs;
use crate::model::BoundingBox;

/// Into so many bands of latitude, or of longitude, the box is cut: two vertices at each edge of a band. Fewer where the antimeridian
/// cuts the outline into many pieces.
const BANDS: [u16; 4] = [46, 30, 16, 8];
/// More vertices an outline never has.
const VERTICES: usize = 104;
/// An outline that fills so much of the box is the box.
const IS_BOX: f64 = 0.97;
/// Nowhere is a polygon narrower, in degrees: it would touch itself.
const NARROWEST: f64 = 2e-6;

mod blocks;

/// A cell as the stretch of longitude and latitude that holds it.
#[derive(Debug, Clone, Copy)]
struct Cell {
    west: f64,
    width: f64,
    south: f64,
    north: f64,
}

/// Cells whose outline is wanted.
#[derive(Debug, Clone, Default)]
pub(super) struct Outline {
    /// In the order of the file: what follows each other lies beside each other.
    cells: Vec<Cell>,
    /// Cells around a pole.
    caps: Vec<Cell>,
}

/// A place where the polygon is cut across: from `low` to `high`, at `at`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rung {
    at: f64,
    low: f64,
    high: f64,
}

/// Which way the bands run: along latitudes, with rungs from west to east; or along longitudes, with rungs from south to north.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Direction {
    Northwards,
    Eastwards,
}

impl Outline {
    /// Adds a cell; `east` is not less than `west`. Numbers that are none are left out.
    pub(super) fn add(&mut self, west: f64, east: f64, south: f64, north: f64) {
        if [west, east, south, north].iter().all(|value| value.is_finite()) {
            self.cells.push(Cell { west, width: (east - west).clamp(0.0, 360.0), south, north });
        }
    }

    /// Adds all around a pole from a latitude to another.
    pub(super) fn add_cap(&mut self, south: f64, north: f64) {
        self.caps.push(Cell { west: -180.0, width: 360.0, south, north });
    }

    fn all(&self) -> impl Iterator<Item = &Cell> + Clone {
        self.cells.iter().chain(&self.caps)
    }

    /// Whether there are no cells.
    pub(super) fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.caps.is_empty()
    }

    /// Adds all stretches of longitude.
    pub(super) fn arcs(&self) -> Arcs {
        let mut arcs = Arcs::default();
        self.all().for_each(|cell| arcs.add(cell.west, cell.west + cell.width));
        arcs
    }

    /// The least and the greatest latitude.
    pub(super) fn latitudes(&self) -> Option<(f64, f64)> {
        let south = self.all().map(|cell| cell.south).reduce(f64::min)?;
        let north = self.all().map(|cell| cell.north).reduce(f64::max)?;
        Some((south.max(-90.0), north.min(90.0)))
    }

    /// One polygon, or one on each side of the antimeridian, that holds all cells within the box; the box, if it is hardly larger.
    ///
    /// Of the two ways to cut the box into bands the one with the smaller polygon is taken: bands of longitude follow what lies
    /// around a pole, bands of latitude all else. Between two edges of bands the outline runs straight, outside of all cells.
    pub(super) fn geometry(&self, place: &BoundingBox) -> Value {
        let whole = || geometry::geometry(place);
        let span = if place.west > place.east { place.east - place.west + 360.0 } else { place.east - place.west };
        let height = place.north - place.south;
        if span < NARROWEST || height < NARROWEST || self.is_empty() {
            return whole();
        }
        if let Some(blocks) = blocks::outline(self, place) {
            return blocks;
        }
        let cells = self.unrolled(place, span);
        let mut fewer = BANDS.into_iter().map(|bands| polygons(&cells, place, span, bands));
        let few = |polygons: &Vec<Vec<[f64; 2]>>| polygons.iter().map(Vec::len).sum::<usize>() <= VERTICES;
        match fewer.find(few).as_deref() {
            None | Some([]) => whole(),
            Some([ring]) => json!({"type": "Polygon", "coordinates": [ring]}),
            Some(rings) => {
                let polygons: Vec<Value> = rings.iter().map(|ring| json!([ring])).collect();
                json!({"type": "MultiPolygon", "coordinates": polygons})
            }
        }
    }

    /// The cells eastwards from the box's western edge, as (west, east, south, north) within the box; cut where they pass its end.
    fn unrolled(&self, place: &BoundingBox, span: f64) -> Vec<(f64, f64, f64, f64)> {
        let mut found = Vec::with_capacity(self.cells.len());
        let around = span >= 360.0;
        for cell in self.all() {
            let (south, north) = (cell.south.max(place.south), cell.north.min(place.north));
            let mut start = (cell.west - place.west).rem_euclid(360.0);
            // Half a millionth before the western edge is not at the other end of the circle.
            if !around && start > span {
                start -= 360.0;
            }
            let end = start + cell.width;
            found.push((start.clamp(0.0, span), end.clamp(0.0, span), south.min(north), north.max(south)));
            if around && end > 360.0 {
                found.push((0.0, (end - 360.0).min(span), south.min(north), north.max(south)));
            }
        }
        found
    }
}

/// The rings of the smaller of the two outlines in so many bands; none if it is hardly smaller than the box.
fn polygons(cells: &[(f64, f64, f64, f64)], place: &BoundingBox, span: f64, bands: u16) -> Vec<Vec<[f64; 2]>> {
    let height = place.north - place.south;
    let northwards = rungs(cells.iter().map(|c| [c.2, c.3, c.0, c.1]), place.south, height, bands);
    let eastwards = rungs(cells.iter().map(|c| [c.0, c.1, c.2, c.3]), 0.0, span, bands);
    let northwards = reaching(widened(northwards, 0.0, span), (place.south, place.north), (0.0, span));
    let eastwards = reaching(widened(eastwards, place.south, place.north), (0.0, span), (place.south, place.north));
    let areas = (area(&northwards, Direction::Northwards), area(&eastwards, Direction::Eastwards));
    let full = span * (place.north.to_radians().sin() - place.south.to_radians().sin());
    if areas.0.min(areas.1) >= full * IS_BOX {
        return Vec::new();
    }
    let (rungs, direction) =
        if areas.0 <= areas.1 { (northwards, Direction::Northwards) } else { (eastwards, Direction::Eastwards) };
    let to_antimeridian = 180.0 - place.west;
    let pieces = match direction {
        _ if span <= to_antimeridian => vec![(rungs, 0.0)],
        Direction::Eastwards => cut_across(&rungs, to_antimeridian),
        Direction::Northwards => cut_along(&rungs, to_antimeridian),
    };
    pieces.iter().filter_map(|(rungs, turn)| ring(rungs, direction, place.west - turn)).collect()
}

/// Cuts what lies at `[from, to]` with an extent of `[low, high]` into bands, and gives the edges of the bands that are not empty:
/// each as wide as the wider of the two bands that meet there, on both sides.
fn rungs(items: impl Iterator<Item = [f64; 4]>, start: f64, length: f64, count: u16) -> Vec<Rung> {
    let step = length / f64::from(count);
    let mut bands: Vec<Option<(f64, f64)>> = vec![None; usize::from(count)];
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // Casts of floats saturate, and there are few bands.
    let number = |at: f64| (at.max(0.0) as usize).min(usize::from(count) - 1);
    for [from, to, low, high] in items {
        let first = number(((from - start) / step).floor());
        let last = number(((to - start) / step).ceil() - 1.0).max(first);
        for band in &mut bands[first..=last] {
            *band = Some(band.map_or((low, high), |so_far| (so_far.0.min(low), so_far.1.max(high))));
        }
    }
    let mut rungs: Vec<Rung> = Vec::new();
    let mut before = false;
    for (band, number) in bands.iter().zip(0..count) {
        let Some((low, high)) = *band else {
            before = false;
            continue;
        };
        match rungs.last_mut().filter(|_| before) {
            Some(last) => (last.low, last.high) = (last.low.min(low), last.high.max(high)),
            None => rungs.push(Rung { at: start + step * f64::from(number), low, high }),
        }
        rungs.push(Rung { at: start + step * f64::from(number + 1), low, high });
        before = true;
    }
    if let Some(last) = rungs.last_mut() {
        last.at = last.at.min(start + length);
    }
    rungs
}

fn widened(mut rungs: Vec<Rung>, least: f64, greatest: f64) -> Vec<Rung> {
    for rung in rungs.iter_mut().filter(|rung| rung.high - rung.low < NARROWEST) {
        rung.high = (rung.low + 2.0 * NARROWEST).min(greatest);
        rung.low = (rung.high - 3.0 * NARROWEST).max(least);
    }
    rungs
}

/// The same rungs, so that they touch all sides of the box, which may be a little wider than the cells.
fn reaching(mut rungs: Vec<Rung>, along: (f64, f64), across: (f64, f64)) -> Vec<Rung> {
    if let Some(first) = rungs.first_mut() {
        first.at = along.0;
    }
    if let Some(last) = rungs.last_mut() {
        last.at = along.1;
    }
    if let Some(lowest) = rungs.iter_mut().min_by(|a, b| a.low.total_cmp(&b.low)) {
        lowest.low = across.0;
    }
    if let Some(highest) = rungs.iter_mut().max_by(|a, b| a.high.total_cmp(&b.high)) {
        highest.high = across.1;
    }
    rungs
}

/// The area between rungs, where a degree of longitude on the equator counts for one.
fn area(rungs: &[Rung], direction: Direction) -> f64 {
    let sine = |degrees: f64| degrees.to_radians().sin();
    let between = |pair: &[Rung]| {
        let (a, b) = (pair[0], pair[1]);
        match direction {
            Direction::Northwards => f64::midpoint(a.high - a.low, b.high - b.low) * (sine(b.at) - sine(a.at)),
            Direction::Eastwards => {
                f64::midpoint(sine(a.high) - sine(a.low), sine(b.high) - sine(b.low)) * (b.at - a.at)
            }
        }
    };
    rungs.windows(2).map(between).sum()
}

/// Between two rungs, as a straight line has it.
fn between(a: &Rung, b: &Rung, at: f64) -> Rung {
    let part = if b.at > a.at { (at - a.at) / (b.at - a.at) } else { 0.0 };
    Rung { at, low: a.low + (b.low - a.low) * part, high: a.high + (b.high - a.high) * part }
}

/// Cuts bands of longitude at a longitude; with each piece by how much it is turned.
fn cut_across(rungs: &[Rung], at: f64) -> Vec<(Vec<Rung>, f64)> {
    let (mut west, mut east) = (Vec::new(), Vec::new());
    for (number, rung) in rungs.iter().enumerate() {
        if let Some(before) = number.checked_sub(1).map(|before| &rungs[before])
            && before.at < at
            && at < rung.at
        {
            let cut = between(before, rung, at);
            west.push(cut);
            east.push(cut);
        }
        if rung.at <= at {
            west.push(*rung);
        }
        if rung.at >= at {
            east.push(*rung);
        }
    }
    vec![(west, 0.0), (east, 360.0)]
}

/// Cuts bands of latitude at a longitude: each side falls into as many pieces as it is interrupted.
fn cut_along(rungs: &[Rung], at: f64) -> Vec<(Vec<Rung>, f64)> {
    let mut all: Vec<Rung> = Vec::with_capacity(rungs.len() * 2);
    for rung in rungs {
        if let Some(before) = all.last().copied() {
            let crossing = |from: f64, to: f64| {
                let is_crossed = (from < at && at < to) || (to < at && at < from);
                is_crossed.then(|| before.at + (rung.at - before.at) * (at - from) / (to - from))
            };
            let mut crossings: Vec<f64> =
                [crossing(before.low, rung.low), crossing(before.high, rung.high)].into_iter().flatten().collect();
            crossings.sort_by(f64::total_cmp);
            all.extend(crossings.into_iter().map(|at| between(&before, rung, at)));
        }
        all.push(*rung);
    }
    let mut pieces = Vec::new();
    for (turn, side) in [(0.0, 0), (360.0, 1)] {
        let clipped = all.iter().map(|rung| match side {
            0 => Rung { low: rung.low.min(at), high: rung.high.min(at), ..*rung },
            _ => Rung { low: rung.low.max(at), high: rung.high.max(at), ..*rung },
        });
        let mut run: Vec<Rung> = Vec::new();
        for rung in clipped {
            let is_narrow = rung.high - rung.low < NARROWEST;
            run.push(rung);
            if is_narrow {
                pieces.push((std::mem::replace(&mut run, vec![rung]), turn));
            }
        }
        pieces.push((run, turn));
    }
    pieces
}

/// A closed ring around rungs, anticlockwise; `None` if nothing is between them.
fn ring(rungs: &[Rung], direction: Direction, west: f64) -> Option<Vec<[f64; 2]>> {
    if rungs.len() < 2 || rungs.iter().all(|rung| rung.high - rung.low < NARROWEST) {
        return None;
    }
    let position = |x: f64, y: f64| [rounded((west + x).clamp(-180.0, 180.0)), rounded(y)];
    let mut ring: Vec<[f64; 2]> = match direction {
        Direction::Northwards => {
            let up = rungs.iter().map(|rung| position(rung.high, rung.at));
            up.chain(rungs.iter().rev().map(|rung| position(rung.low, rung.at))).collect()
        }
        Direction::Eastwards => {
            let eastwards = rungs.iter().map(|rung| position(rung.at, rung.low));
            eastwards.chain(rungs.iter().rev().map(|rung| position(rung.at, rung.high))).collect()
        }
    };
    ring.dedup();
    while ring.len() > 1 && ring.first() == ring.last() {
        ring.pop();
    }
    let count = ring.len();
    let is_needed = |at: usize| {
        let (a, b, c) = (ring[(at + count - 1) % count], ring[at], ring[(at + 1) % count]);
        ((b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])).abs() > 1e-10
    };
    let mut kept: Vec<[f64; 2]> = (0..count).filter(|at| is_needed(*at)).map(|at| ring[at]).collect();
    (kept.len() >= 3).then(|| {
        kept.push(kept[0]);
        kept
    })
}

#[cfg(test)]
mod tests;
