//! What stands above a picture, and the colours below it.

use super::Sketch;
use super::canvas::{Canvas, Rect};
use super::colours::{self, BLACK, DARK, MISSING};
use super::font;
use super::range::Range;
use super::words;

/// Pixels that the colours and their numbers take.
pub(super) const HEIGHT: i64 = 58;
const SIDE: i64 = 8;

/// What stands above a picture.
pub(super) struct Heading {
    pub(super) width: i64,
    title: Vec<String>,
    subtitle: Vec<String>,
    units: String,
}

impl Heading {
    pub(super) fn new(sketch: &Sketch, width: i64) -> Self {
        let letters = usize::try_from((width - 2 * SIDE) / font::WIDTH).unwrap_or(1);
        let units = words::known(&sketch.units);
        Self {
            width,
            title: words::wrapped(&words::known(&sketch.title), letters, 2),
            subtitle: words::wrapped(&words::known(&sketch.subtitle), letters, 2),
            units: if units == "1" { String::new() } else { units },
        }
    }

    /// The first row below it.
    pub(super) fn bottom(&self) -> i64 {
        let lines = i64::try_from(self.title.len() + self.subtitle.len()).unwrap_or(0);
        8 + lines * (font::HEIGHT + 2)
    }

    pub(super) fn units(&self) -> &str {
        &self.units
    }

    pub(super) fn draw(&self, canvas: &mut Canvas) {
        let all = self.title.iter().map(|line| (line, true)).chain(self.subtitle.iter().map(|line| (line, false)));
        for (number, (line, is_bold)) in (0..).zip(all) {
            canvas.text((SIDE, 5 + number * (font::HEIGHT + 2)), line, is_bold, BLACK);
        }
    }
}

/// Draws the colours with their numbers and unit from a row downwards.
pub(super) fn draw(
    canvas: &mut Canvas,
    top: i64,
    range: Option<Range>,
    (heading, levels, has_missing): (&Heading, u8, bool),
) {
    let below = top + 30;
    let missing = "no data";
    let room = if has_missing { font::width(missing) + 24 } else { 0 };
    if has_missing {
        let left = canvas.width - SIDE - font::width(missing);
        let swatch = Rect { left: left - 16, top: below + 1, width: 11, height: 10 };
        canvas.fill(swatch, MISSING);
        canvas.outline(swatch, DARK);
        canvas.text((left, below), missing, false, BLACK);
    }
    let Some(range) = range else { return };
    let bar = Rect { left: 56, top, width: canvas.width - 92, height: 11 };
    let units = if heading.units().is_empty() { String::new() } else { format!("[{}] ", heading.units()) };
    if range.is_constant() {
        let text = format!("all values {} {}", words::plain(range.least), heading.units());
        canvas.fill(Rect { width: 22, ..bar }, colours::colour(0.5, levels));
        canvas.outline(Rect { width: 22, ..bar }, DARK);
        canvas.text((bar.left + 30, top - 1), &text, false, BLACK);
        return;
    }
    for column in 0..bar.width {
        let part = column as f64 / (bar.width - 1) as f64;
        canvas.fill(Rect { left: bar.left + column, width: 1, ..bar }, colours::colour(part, levels));
    }
    canvas.outline(bar, DARK);
    arrows(canvas, bar, &range, levels);
    let (ticks, step) = words::ticks(range.low, range.high, 5.0);
    for tick in ticks {
        let x = bar.left + super::canvas::pixel((range.part(tick) * (bar.width - 1) as f64).round());
        canvas.fill(Rect { left: x, top: bar.bottom() + 1, width: 1, height: 3 }, DARK);
        let text = words::number(tick, step);
        let left = (x - font::width(&text) / 2).clamp(2, canvas.width - font::width(&text) - 2);
        canvas.text((left, bar.bottom() + 4), &text, false, BLACK);
    }
    let all = format!("{} to {}", words::plain(range.least), words::plain(range.greatest));
    let is_all = range.low <= range.least && range.high >= range.greatest;
    let long = if is_all {
        format!("{units}values {all}")
    } else {
        format!("{units}values {all}, colours {} to {} (2 to 98 %)", words::plain(range.low), words::plain(range.high))
    };
    let letters = usize::try_from((canvas.width - 2 * SIDE - room) / font::WIDTH).unwrap_or(1);
    let short = format!("{units}values {all}");
    let text = if long.chars().count() <= letters { long } else { short };
    for line in words::wrapped(&text, letters, 1) {
        canvas.text((SIDE, below), &line, false, BLACK);
    }
}

/// At the ends, if there are numbers beyond.
fn arrows(canvas: &mut Canvas, bar: Rect, range: &Range, levels: u8) {
    let (top, middle, bottom) = (bar.top as f64, bar.top as f64 + 5.5, bar.bottom() as f64);
    let clip = Rect { left: bar.left - 14, width: bar.width + 28, ..bar };
    if range.least < range.low {
        let x = bar.left as f64 - 2.0;
        canvas.triangle([(x, top), (x, bottom), (x - 9.0, middle)], clip, colours::colour(0.0, levels));
    }
    if range.greatest > range.high {
        let x = bar.right() as f64 + 2.0;
        canvas.triangle([(x, top), (x, bottom), (x + 9.0, middle)], clip, colours::colour(1.0, levels));
    }
}
