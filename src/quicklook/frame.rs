//! Which part of the earth a map shows, and where a place is in it.

use super::canvas::{Rect, whole};
use super::cells::turned;

/// Half degrees around the earth.
const BINS: usize = 720;
/// A hole in longitude narrower than this is none: the map goes around the earth.
const HOLE: f64 = 25.0;
/// What is seen from above a pole is nearer to it than this latitude.
const FAR: f64 = 25.0;

/// How the earth becomes a plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Plane {
    /// Degrees east and north, those to the east shrunk by this factor.
    Degrees(f64),
    /// Seen from above a pole: 1 for the north, -1 for the south.
    Polar(f64),
}

impl Plane {
    /// Right and down.
    pub(super) fn of(self, (longitude, latitude): (f64, f64)) -> (f64, f64) {
        match self {
            Self::Degrees(factor) => (longitude * factor, -latitude),
            Self::Polar(side) => {
                let reach = 2.0 * ((90.0 - side * latitude).min(179.0) / 2.0).to_radians().tan();
                let (sine, cosine) = longitude.to_radians().sin_cos();
                (reach * sine, side * reach * cosine)
            }
        }
    }
}

/// How far places reach.
pub(super) struct Reach {
    /// The least and the greatest longitude in each, from 0 to 360.
    bins: Vec<Option<(f64, f64)>>,
    south: f64,
    north: f64,
    /// In the plane of each pole: left, top, right, bottom; nothing once a place is too far from it for that plane to be chosen.
    polar: [Option<[f64; 4]>; 2],
}

impl Reach {
    pub(super) fn new() -> Self {
        let none = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        Self { bins: vec![None; BINS], south: f64::INFINITY, north: f64::NEG_INFINITY, polar: [Some(none); 2] }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.south > self.north
    }

    /// Takes places that belong together, such as the corners of a cell.
    pub(super) fn add(&mut self, places: &[(f64, f64)]) {
        let Some((first, _)) = places.first() else { return };
        let (mut low, mut high) = (0.0f64, 0.0f64);
        for (longitude, latitude) in places {
            (self.south, self.north) = (self.south.min(*latitude), self.north.max(*latitude));
            let turn = turned(longitude - first);
            (low, high) = (low.min(turn), high.max(turn));
            for (side, held) in [1.0, -1.0].into_iter().zip(&mut self.polar) {
                *held = held.filter(|_| side * latitude > FAR).map(|held| {
                    let (x, y) = Plane::Polar(side).of((*longitude, *latitude));
                    [held[0].min(x), held[1].min(y), held[2].max(x), held[3].max(y)]
                });
            }
        }
        let west = (first + low).rem_euclid(360.0);
        let (from, to) = (whole(west * 2.0), whole((west + high - low) * 2.0).min(whole(west * 2.0) + BINS));
        for bin in from..=to {
            let begin = bin as f64 / 2.0;
            let (low, high) = (begin.max(west), (begin + 0.5).min(west + high - low));
            let turn = (bin / BINS) as f64 * 360.0;
            let held = self.bins[bin % BINS].get_or_insert((f64::INFINITY, f64::NEG_INFINITY));
            *held = (held.0.min(low - turn), held.1.max(high - turn));
        }
    }

    /// The longest stretch without anything, from west to east in degrees; none if there is hardly one.
    fn hole(&self) -> Option<(f64, f64)> {
        let (mut longest, mut begin, mut run) = (0, 0, 0);
        for at in 0..2 * BINS {
            run = if self.bins[at % BINS].is_some() { 0 } else { run + 1 };
            if run > longest && run <= BINS {
                (longest, begin) = (run, at + 1 - run);
            }
        }
        if (longest as f64) < HOLE * 2.0 {
            return None;
        }
        let (_, from) = self.bins[(begin + BINS - 1) % BINS]?;
        let (to, _) = self.bins[(begin + longest) % BINS]?;
        let length = (to - from).rem_euclid(360.0);
        Some((from, if length == 0.0 { 360.0 } else { length }))
    }

    /// The plane that shows it best, and the part of it: left, top, right, bottom.
    fn window(&self, is_points: bool) -> (Plane, [f64; 4]) {
        let is_far = |side: f64| {
            (side * self.south).min(side * self.north) > FAR && (side * self.south).max(side * self.north) > 75.0
        };
        let hole = self.hole();
        let seen = [1.0, -1.0].into_iter().zip(self.polar).filter_map(|(side, held)| Some((side, held?)));
        let pole = { seen }.find(|(side, _)| is_far(*side));
        if let Some((side, [left, top, right, bottom])) = pole.filter(|_| hole.is_none_or(|(_, length)| length < 120.0))
        {
            let margin = 0.02 * (right - left).max(bottom - top);
            return (Plane::Polar(side), [left - margin, top - margin, right + margin, bottom + margin]);
        }
        let (part, least) = if is_points { (0.12, 3.0) } else { (0.03, 0.0) };
        let margin = |length: f64| (length * part).max(least).max(1e-4);
        let (mut south, mut north) =
            (self.south - margin(self.north - self.south), self.north + margin(self.north - self.south));
        let (mut west, mut east) = match hole {
            None => (-180.0, 180.0),
            Some((begin, length)) => {
                let (from, width) = (turned(begin + length), 360.0 - length);
                (from - margin(width), from + width + margin(width))
            }
        };
        if north - south > 120.0 && east - west >= 300.0 {
            (south, north) = (-90.0, 90.0);
        }
        let factor = if east - west > 180.0 { 1.0 } else { f64::midpoint(south, north).to_radians().cos().max(0.25) };
        // Neither a tower nor a ribbon.
        let ratio = (north - south) / ((east - west) * factor);
        if ratio > 1.1 {
            let more = ((north - south) / 1.1 / factor).min(360.0) - (east - west);
            (west, east) = (west - more / 2.0, east + more / 2.0);
        } else if ratio < 0.25 {
            let more = (east - west) * factor * 0.25 - (north - south);
            (south, north) = (south - more / 2.0, north + more / 2.0);
        }
        if east - west > 360.0 {
            (west, east) = (-180.0, 180.0);
        }
        if east > 360.0 + 90.0 {
            (west, east) = (west - 360.0, east - 360.0);
        }
        let (south, north) = (south.max(-90.0), north.min(90.0));
        (Plane::Degrees(factor), [west * factor, -north, east * factor, -south])
    }
}

/// A part of a plane in a rectangle of the picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) plane: Plane,
    pub(super) rect: Rect,
    window: [f64; 4],
    scale: f64,
}

impl Frame {
    /// Puts a map into the room from `left` and `top`, as wide as it may be and as high as that makes it.
    pub(super) fn new(reach: &Reach, is_points: bool, (left, top): (i64, i64), width: i64) -> Self {
        let (plane, window) = reach.window(is_points);
        let (across, down) = (window[2] - window[0], window[3] - window[1]);
        let highest = (width as f64 * 0.95).min(640.0);
        let scale = (width as f64 / across).min(highest / down);
        let (wide, high) = ((across * scale).round(), (down * scale).round());
        let pixels = |length: f64| super::canvas::pixel(length).max(8);
        let wide = pixels(wide).min(width);
        let rect = Rect { left: left + (width - wide) / 2, top, width: wide, height: pixels(high) };
        Self { plane, rect, window, scale }
    }

    /// Where a place is, in pixels.
    pub(super) fn pixel(&self, place: (f64, f64)) -> (f64, f64) {
        let (x, y) = self.plane.of(place);
        (
            self.rect.left as f64 + (x - self.window[0]) * self.scale,
            self.rect.top as f64 + (y - self.window[1]) * self.scale,
        )
    }

    /// Pixels all around the earth along a parallel; none if seen from above a pole.
    pub(super) fn around(&self) -> Option<f64> {
        let Plane::Degrees(factor) = self.plane else { return None };
        Some(360.0 * factor * self.scale)
    }

    /// Longitudes to the west and to the east, latitudes to the south and to the north; none if seen from above a pole.
    pub(super) fn degrees(&self) -> Option<[f64; 4]> {
        let Plane::Degrees(factor) = self.plane else { return None };
        Some([self.window[0] / factor, self.window[2] / factor, -self.window[3], -self.window[1]])
    }

    /// Of places that belong together, their pixels wherever they are in the map: it may show the same place twice, or begin within them.
    ///
    /// The first and the last are neighbours if they are `closed`. What goes around a pole has no such picture.
    pub(super) fn copies<const N: usize>(
        &self,
        places: [(f64, f64); N],
        closed: bool,
    ) -> impl Iterator<Item = [(f64, f64); N]> + use<N> {
        let frame = *self;
        let (mut followed, mut low, mut high) = (places, f64::INFINITY, f64::NEG_INFINITY);
        let degrees = self.degrees();
        if degrees.is_some() {
            for at in 0..N {
                if at > 0 {
                    let before = followed[at - 1].0;
                    followed[at].0 = before + turned(followed[at].0 - before);
                }
                (low, high) = (low.min(followed[at].0), high.max(followed[at].0));
            }
        }
        let gap = followed.last().zip(followed.first()).map_or(0.0, |(last, first)| (last.0 - first.0).abs());
        let turns = match degrees {
            None => 1,
            Some(_) if closed && gap > 180.0 => 0,
            Some(_) => 4,
        };
        let [west, east] = degrees.map_or([0.0, 0.0], |[west, east, ..]| [west, east]);
        let first = degrees.map_or(0.0, |_| ((west - high) / 360.0).ceil());
        (0..turns)
            .map(move |turn| (first + f64::from(turn)) * 360.0)
            .take_while(move |turn| degrees.is_none() || low + turn <= east)
            .map(move |turn| followed.map(|(x, y)| frame.pixel((x + turn, y))))
    }
}
