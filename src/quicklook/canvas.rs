//! Pixels with the numbers of a palette.

use std::ops::RangeInclusive;

use super::font;

/// A rectangle of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) left: i64,
    pub(super) top: i64,
    pub(super) width: i64,
    pub(super) height: i64,
}

impl Rect {
    pub(super) fn right(&self) -> i64 {
        self.left + self.width
    }

    pub(super) fn bottom(&self) -> i64 {
        self.top + self.height
    }
}

/// The pixel that a position is in; far outside for what is no position.
#[allow(clippy::cast_possible_truncation)] // a cast of floating-point numbers saturates
pub(super) fn pixel(position: f64) -> i64 {
    if position.is_nan() { -1_000_000 } else { position.floor().clamp(-1e6, 1e6) as i64 }
}

/// The whole number below a small one that is not negative.
pub(super) fn whole(value: f64) -> usize {
    usize::try_from(pixel(value)).unwrap_or(0)
}

/// A picture.
pub(super) struct Canvas {
    pub(super) width: i64,
    pub(super) height: i64,
    pixels: Vec<u8>,
}

impl Canvas {
    /// A white one.
    pub(super) fn new(width: i64, height: i64) -> Self {
        let count = usize::try_from(width.saturating_mul(height)).unwrap_or(0);
        Self { width, height, pixels: vec![super::colours::WHITE; count] }
    }

    fn index(&self, x: i64, y: i64) -> Option<usize> {
        let is_inside = (0..self.width).contains(&x) && (0..self.height).contains(&y);
        is_inside.then(|| usize::try_from(y * self.width + x).ok()).flatten()
    }

    pub(super) fn get(&self, x: i64, y: i64) -> Option<u8> {
        self.pixels.get(self.index(x, y)?).copied()
    }

    pub(super) fn set(&mut self, x: i64, y: i64, colour: u8) {
        if let Some(pixel) = self.index(x, y).and_then(|index| self.pixels.get_mut(index)) {
            *pixel = colour;
        }
    }

    /// The rows from the top.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.pixels.chunks_exact(usize::try_from(self.width).unwrap_or(1).max(1))
    }

    pub(super) fn fill(&mut self, rect: Rect, colour: u8) {
        for y in rect.top..rect.bottom() {
            self.row(y, rect.left..=rect.right() - 1, colour);
        }
    }

    /// What there is of a part of a row.
    fn row(&mut self, y: i64, columns: RangeInclusive<i64>, colour: u8) {
        let (first, last) = ((*columns.start()).max(0), (*columns.end()).min(self.width - 1));
        if let (Some(first), Some(last)) = (self.index(first, y), self.index(last, y))
            && let Some(pixels) = self.pixels.get_mut(first..=last)
        {
            pixels.fill(colour);
        }
    }

    /// The outline of a rectangle, just outside of it.
    pub(super) fn outline(&mut self, rect: Rect, colour: u8) {
        for x in rect.left - 1..=rect.right() {
            self.set(x, rect.top - 1, colour);
            self.set(x, rect.bottom(), colour);
        }
        for y in rect.top - 1..=rect.bottom() {
            self.set(rect.left - 1, y, colour);
            self.set(rect.right(), y, colour);
        }
    }

    /// All pixels whose centres are in a triangle, its edges included.
    pub(super) fn triangle(&mut self, [a, b, c]: [(f64, f64); 3], clip: Rect, colour: u8) {
        let side = |from: (f64, f64), to: (f64, f64), at: (f64, f64)| {
            (to.0 - from.0) * (at.1 - from.1) - (to.1 - from.1) * (at.0 - from.0)
        };
        let turn = side(a, b, c);
        if turn == 0.0 || !turn.is_finite() {
            return;
        }
        let low = |values: [f64; 3]| values.into_iter().fold(f64::INFINITY, f64::min);
        let high = |values: [f64; 3]| values.into_iter().fold(f64::NEG_INFINITY, f64::max);
        let (xs, ys) = ([a.0, b.0, c.0], [a.1, b.1, c.1]);
        let columns = pixel(low(xs)).max(clip.left)..=pixel(high(xs)).min(clip.right() - 1);
        let edges = if turn > 0.0 { [(a, b), (b, c), (c, a)] } else { [(b, a), (c, b), (a, c)] };
        for y in pixel(low(ys)).max(clip.top)..=pixel(high(ys)).min(clip.bottom() - 1) {
            let is_inside = |x: &i64| {
                let at = (*x as f64 + 0.5, y as f64 + 0.5);
                edges.iter().all(|(from, to)| side(*from, *to, at) >= 0.0)
            };
            // A row of a triangle has no holes.
            let Some(first) = columns.clone().find(is_inside) else { continue };
            let last = columns.clone().rev().find(is_inside).unwrap_or(first);
            self.row(y, first..=last, colour);
        }
    }

    /// A line one pixel wide, in a colour that depends on what is there.
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), clip: Rect, colour: impl Fn(u8) -> u8) {
        let (left, right) = (clip.left as f64, clip.right() as f64);
        let (top, bottom) = (clip.top as f64, clip.bottom() as f64);
        let misses =
            from.0.max(to.0) < left || from.0.min(to.0) > right || from.1.max(to.1) < top || from.1.min(to.1) > bottom;
        let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).ceil();
        if misses || !steps.is_finite() || steps > 20_000.0 {
            return;
        }
        let steps = pixel(steps).max(1);
        for step in 0..=steps {
            let part = step as f64 / steps as f64;
            let (x, y) = (pixel(from.0 + (to.0 - from.0) * part), pixel(from.1 + (to.1 - from.1) * part));
            let is_inside = (clip.left..clip.right()).contains(&x) && (clip.top..clip.bottom()).contains(&y);
            if let Some(below) = self.get(x, y).filter(|_| is_inside) {
                self.set(x, y, colour(below));
            }
        }
    }

    /// A text whose upper left corner is at a place.
    pub(super) fn text(&mut self, (x, y): (i64, i64), text: &str, is_bold: bool, colour: u8) {
        for (number, character) in (0..).zip(text.chars()) {
            for (column, row) in font::pixels(character, is_bold) {
                self.set(x + number * font::WIDTH + column, y + row, colour);
            }
        }
    }

    /// A text on a white ground.
    pub(super) fn label(&mut self, (x, y): (i64, i64), text: &str) {
        let ground = Rect { left: x - 1, top: y, width: font::width(text) + 2, height: font::HEIGHT };
        self.fill(ground, super::colours::WHITE);
        self.text((x, y), text, false, super::colours::BLACK);
    }
}
