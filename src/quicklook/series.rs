//! Numbers one after the other, where there is no map.

use super::canvas::{Canvas, Rect, pixel};
use super::colours::{BLACK, DARK, LIGHT, LINE};
use super::font;
use super::legend::Heading;
use super::range::Range;
use super::words;

/// Draws a line through numbers, broken where they are missing.
pub(super) fn draw(
    heading: &Heading,
    (along, values): (&[f64], &[f64]),
    (ends, axis): (&(String, String), &str),
    range: Option<Range>,
) -> Canvas {
    let plot_height = heading.width * 2 / 5;
    let top = heading.bottom() + 22;
    let mut canvas = Canvas::new(heading.width, top + plot_height + 42);
    heading.draw(&mut canvas);
    let (least, greatest) = range.map_or((0.0, 1.0), |range| (range.least, range.greatest));
    let margin = if greatest > least { (greatest - least) * 0.05 } else { least.abs().max(1.0) * 0.1 };
    let (low, high) = (least - margin, greatest + margin);
    let (ticks, step) = words::ticks(low, high, 5.0);
    let texts: Vec<(f64, String)> = ticks.into_iter().map(|tick| (tick, words::number(tick, step))).collect();
    let left = texts.iter().map(|(_, text)| font::width(text)).max().unwrap_or(0) + 14;
    let rect = Rect { left, top, width: heading.width - left - 14, height: plot_height };
    let row = |value: f64| rect.bottom() as f64 - 0.5 - (value - low) / (high - low) * (rect.height - 1) as f64;
    for (tick, text) in texts.iter().filter(|_| range.is_some()) {
        let y = pixel(row(*tick));
        canvas.fill(Rect { left: rect.left, top: y, width: rect.width, height: 1 }, LIGHT);
        canvas.text((rect.left - 6 - font::width(text), y - font::HEIGHT / 2), text, false, BLACK);
    }
    canvas.outline(rect, DARK);
    let finite = || along.iter().copied().filter(|value| value.is_finite());
    let (first, last) = (finite().reduce(f64::min).unwrap_or(0.0), finite().reduce(f64::max).unwrap_or(1.0));
    let column = |at: f64| {
        let part = if last > first { (at - first) / (last - first) } else { 0.5 };
        rect.left as f64 + 0.5 + part * (rect.width - 1) as f64
    };
    line(&mut canvas, rect, along.iter().zip(values).map(|(at, value)| (column(*at), row(*value))));
    canvas.text((rect.left, top - 16), heading.units(), false, BLACK);
    if range.is_none() {
        let text = "no valid data";
        let middle = (rect.left + (rect.width - font::width(text)) / 2, rect.top + (rect.height - font::HEIGHT) / 2);
        canvas.label(middle, text);
    }
    let letters = usize::try_from(rect.width / 2 / font::WIDTH - 1).unwrap_or(1);
    let cut = |text: &str| words::wrapped(&words::known(text), letters, 1).concat();
    let (begin, end, axis) = (cut(&ends.0), cut(&ends.1), cut(axis));
    canvas.text((rect.left, rect.bottom() + 5), &begin, false, BLACK);
    if end != begin {
        canvas.text((rect.right() - font::width(&end), rect.bottom() + 5), &end, false, BLACK);
    }
    canvas.text((rect.left + (rect.width - font::width(&axis)) / 2, rect.bottom() + 22), &axis, false, BLACK);
    canvas
}

fn line(canvas: &mut Canvas, rect: Rect, points: impl Iterator<Item = (f64, f64)>) {
    let mut before: Option<(f64, f64)> = None;
    let points: Vec<(f64, f64)> = points.collect();
    let dot = if points.len() <= 60 { 2 } else { 0 };
    for point in points {
        if !(point.0.is_finite() && point.1.is_finite()) {
            before = None;
            continue;
        }
        if let Some(before) = before {
            canvas.line(before, point, rect, |_| LINE);
        }
        let (x, y) = (pixel(point.0), pixel(point.1));
        canvas.fill(Rect { left: x - dot, top: y - dot, width: 2 * dot + 1, height: 2 * dot + 1 }, LINE);
        before = Some(point);
    }
}
