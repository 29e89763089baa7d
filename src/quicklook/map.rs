//! Cells and points on a map.

use super::canvas::{Canvas, Rect, pixel};
use super::colours::{self, BLACK, DARK, MIDDLE, MISSING};
use super::font;
use super::frame::{Frame, Plane, Reach};
use super::legend::{self, Heading};
use super::range::Range;
use super::words;
use super::{Place, QuicklookError};

/// Lines in 1/180 degree: a count, then longitudes and latitudes, all little-endian.
const COASTLINE: &[u8] = include_bytes!("data/coastline.bin");
/// On maps of fewer degrees such a coarse coastline would mislead.
const COARSE: f64 = 4.0;
/// Room for latitudes to the left of the map.
const LEFT: i64 = 56;
/// Room to its right.
const RIGHT: i64 = 36;

/// What is on the map.
pub(super) enum Content<'a> {
    Cells { columns: usize, corners: &'a [Place], values: &'a [f64] },
    Points { places: &'a [Place], values: &'a [f64], is_mesh: bool },
}

/// Draws a map with its heading and its legend.
pub(super) fn draw(
    heading: &Heading,
    content: &Content<'_>,
    (range, levels): (Option<Range>, u8),
) -> Result<Canvas, QuicklookError> {
    let reach = reach(content);
    if reach.is_empty() {
        let (Content::Cells { values, .. } | Content::Points { values, .. }) = content;
        return Err(QuicklookError::NoPlace(values.len()));
    }
    let is_points = matches!(content, Content::Points { .. });
    let room = heading.width - LEFT - RIGHT;
    let frame = Frame::new(&reach, is_points, (LEFT, heading.bottom() + 4), room);
    let mut canvas = Canvas::new(heading.width, frame.rect.bottom() + 20 + legend::HEIGHT);
    let paint = |value: f64| match &range {
        Some(range) if value.is_finite() => colours::colour(range.part(value), levels),
        _ => MISSING,
    };
    let has_missing = match content {
        Content::Cells { columns, corners, values } => {
            cells(&mut canvas, &frame, (*columns, corners), values, &paint);
            values.iter().any(|value| !value.is_finite())
        }
        Content::Points { places, values, is_mesh: true } => {
            mesh(&mut canvas, &frame, places, values, &paint);
            values.iter().any(|value| !value.is_finite())
        }
        Content::Points { values, .. } => values.iter().any(|value| !value.is_finite()),
    };
    let is_difference = range.is_some_and(|range| range.is_difference);
    graticule(&mut canvas, &frame);
    coastline(&mut canvas, &frame, is_difference);
    if let Content::Points { places, values, is_mesh: false } = content {
        points(&mut canvas, &frame, places, values, &paint);
    }
    canvas.outline(frame.rect, DARK);
    labels(&mut canvas, &frame);
    heading.draw(&mut canvas);
    legend::draw(&mut canvas, frame.rect.bottom() + 22, range, (heading, levels, has_missing));
    if range.is_none() {
        let (text, rect) = ("no valid data", frame.rect);
        let middle = (rect.left + (rect.width - font::width(text)) / 2, rect.top + (rect.height - font::HEIGHT) / 2);
        canvas.label(middle, text);
    }
    Ok(canvas)
}

fn sound(place: &Place) -> Option<(f64, f64)> {
    place.filter(|(x, y)| x.is_finite() && x.abs() <= 1080.0 && y.abs() <= 90.5)
}

/// The corners of each cell with the number of it.
fn corners_of<'c>(
    columns: usize,
    corners: &'c [Place],
    count: usize,
) -> impl Iterator<Item = (usize, [(f64, f64); 4])> + 'c {
    (0..count).filter_map(move |number| {
        let first = number.checked_div(columns)? * (columns + 1) + number % columns;
        let at = |index: usize| corners.get(index).and_then(sound);
        Some((number, [at(first)?, at(first + 1)?, at(first + columns + 2)?, at(first + columns + 1)?]))
    })
}

fn reach(content: &Content<'_>) -> Reach {
    let mut reach = Reach::new();
    match content {
        Content::Cells { columns, corners, values } => {
            corners_of(*columns, corners, values.len()).for_each(|(_, cell)| reach.add(&cell));
        }
        Content::Points { places, .. } => places.iter().filter_map(sound).for_each(|place| reach.add(&[place])),
    }
    reach
}

fn cells(
    canvas: &mut Canvas,
    frame: &Frame,
    (columns, corners): (usize, &[Place]),
    values: &[f64],
    paint: &dyn Fn(f64) -> u8,
) {
    for (number, cell) in corners_of(columns, corners, values.len()) {
        let colour = paint(values[number]);
        let mut copies = frame.copies(cell, true).peekable();
        if copies.peek().is_none() && matches!(frame.plane, Plane::Degrees(_)) {
            cap(canvas, frame, &cell, colour);
        }
        for [a, b, c, d] in copies {
            canvas.triangle([a, b, c], frame.rect, colour);
            canvas.triangle([a, c, d], frame.rect, colour);
        }
    }
}

/// A cell that holds a pole: all that is nearer to it than the nearest corner.
fn cap(canvas: &mut Canvas, frame: &Frame, cell: &[(f64, f64); 4], colour: u8) {
    let nearest = cell.iter().map(|place| place.1).max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(90.0);
    if nearest.abs() < 60.0 {
        return;
    }
    let (edge, pole) = (pixel(frame.pixel((0.0, nearest)).1), pixel(frame.pixel((0.0, 90f64.copysign(nearest))).1));
    let (top, bottom) = (edge.min(pole).max(frame.rect.top), edge.max(pole).min(frame.rect.bottom()));
    canvas.fill(Rect { top, height: bottom - top, ..frame.rect }, colour);
}

/// Each pixel gets the colour of the point that is nearest to it, unless that is much further away than points are from each other.
fn mesh(canvas: &mut Canvas, frame: &Frame, places: &[Place], values: &[f64], paint: &dyn Fn(f64) -> u8) {
    let rect = frame.rect;
    let seen: Vec<((f64, f64), f64, usize)> = places
        .iter()
        .enumerate()
        .filter_map(|(number, place)| Some((number, sound(place)?)))
        .flat_map(|(number, place)| {
            let wide = match frame.plane {
                Plane::Degrees(factor) => (factor / place.1.to_radians().cos().max(0.02)).max(1.0),
                Plane::Polar(_) => 1.0,
            };
            let (x, y) = frame.pixel(place);
            // Those beyond one side are near to what is within the other.
            let turn = |turns: f64| Some(((x + turns * frame.around()?, y), wide, number));
            [Some(((x, y), wide, number)), turn(-2.0), turn(-1.0), turn(1.0), turn(2.0)].into_iter().flatten()
        })
        .filter(|((x, _), _, _)| *x > rect.left as f64 - 200.0 && *x < rect.right() as f64 + 200.0)
        .collect();
    let area = (rect.width * rect.height) as f64;
    let spacing = (area / (seen.len() as f64).max(1.0)).sqrt().clamp(1.0, 60.0) * 1.3;
    let mut nearest = vec![f64::INFINITY; usize::try_from(rect.width * rect.height).unwrap_or(0)];
    for ((x, y), wide, number) in seen {
        let (across, down) = ((spacing * wide).min(rect.width as f64), spacing);
        let colour = paint(values[number]);
        for row in pixel(y - down).max(rect.top)..=pixel(y + down).min(rect.bottom() - 1) {
            for column in pixel(x - across).max(rect.left)..=pixel(x + across).min(rect.right() - 1) {
                let (dx, dy) = ((column as f64 + 0.5 - x) / wide, row as f64 + 0.5 - y);
                let distance = dx * dx + dy * dy;
                let at = usize::try_from((row - rect.top) * rect.width + column - rect.left).unwrap_or(0);
                if distance <= spacing * spacing && nearest.get(at).is_some_and(|known| distance < *known) {
                    nearest[at] = distance;
                    canvas.set(column, row, colour);
                }
            }
        }
    }
}

fn points(canvas: &mut Canvas, frame: &Frame, places: &[Place], values: &[f64], paint: &dyn Fn(f64) -> u8) {
    let radius = match places.len() {
        0..60 => 5,
        60..600 => 4,
        600..6000 => 3,
        _ => 2,
    };
    // Missing ones first, so that they hide none.
    for is_missing in [true, false] {
        for (place, value) in places.iter().zip(values).filter(|(_, value)| value.is_finite() != is_missing) {
            let Some(place) = sound(place) else { continue };
            for (x, y) in frame.copies([place], false).flatten() {
                let (x, y, rect) = (pixel(x), pixel(y), frame.rect);
                for (dx, dy) in (-radius..=radius).flat_map(|dx| (-radius..=radius).map(move |dy| (dx, dy))) {
                    let distance = dx * dx + dy * dy;
                    let is_in_map =
                        (rect.left..rect.right()).contains(&(x + dx)) && (rect.top..rect.bottom()).contains(&(y + dy));
                    if distance <= radius * radius + 1 && is_in_map {
                        let is_rim = radius > 2 && distance > (radius - 1) * (radius - 1) + 1;
                        canvas.set(x + dx, y + dy, if is_rim { BLACK } else { paint(*value) });
                    }
                }
            }
        }
    }
}

fn coastline(canvas: &mut Canvas, frame: &Frame, is_difference: bool) {
    if let Some([west, east, south, north]) = frame.degrees()
        && (east - west).min(north - south) < COARSE
    {
        return;
    }
    let number = |bytes: &[u8]| f64::from(i16::from_le_bytes([bytes[0], bytes[1]])) / 180.0;
    let mut rest = COASTLINE;
    while let Some((count, bytes)) = rest.split_at_checked(2) {
        let length = usize::from(u16::from_le_bytes([count[0], count[1]])) * 4;
        let Some((line, others)) = bytes.split_at_checked(length) else { return };
        rest = others;
        let places: Vec<(f64, f64)> = line.chunks_exact(4).map(|p| (number(&p[..2]), number(&p[2..]))).collect();
        line_of(canvas, frame, &places, |below| colours::line_over(below, is_difference));
    }
}

/// A line through places; what is on the other side of the earth from a pole is left out.
fn line_of(canvas: &mut Canvas, frame: &Frame, places: &[(f64, f64)], colour: impl Fn(u8) -> u8) {
    for pair in places.array_windows::<2>() {
        if let Plane::Polar(side) = frame.plane
            && pair.iter().any(|(_, latitude)| side * latitude < -30.0)
        {
            continue;
        }
        for [from, to] in frame.copies(*pair, false) {
            canvas.line(from, to, frame.rect, &colour);
        }
    }
}

/// The distance of meridians or parallels over so many degrees.
fn spacing(degrees: f64, count: f64) -> f64 {
    let all = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0];
    all.into_iter().find(|step| degrees / step <= count).unwrap_or(60.0)
}

/// The multiples of a step within a range.
fn multiples(low: f64, high: f64, step: f64) -> impl Iterator<Item = f64> {
    let first = (low / step - 1e-6).ceil();
    (0..100).map(move |at| (first + f64::from(at)) * step).take_while(move |value| *value <= high + step * 1e-6)
}

fn graticule(canvas: &mut Canvas, frame: &Frame) {
    let middle = |below: u8| if below == colours::WHITE { colours::LIGHT } else { MIDDLE };
    let Some([west, east, south, north]) = frame.degrees() else {
        let Plane::Polar(side) = frame.plane else { return };
        for latitude in [30.0, 45.0, 60.0, 75.0] {
            let circle: Vec<(f64, f64)> = (0..=120).map(|at| (f64::from(at) * 3.0, side * latitude)).collect();
            line_of(canvas, frame, &circle, middle);
        }
        for longitude in multiples(-180.0, 179.0, 45.0) {
            line_of(canvas, frame, &[(longitude, side * 0.0), (longitude, side * 88.0)], middle);
        }
        return;
    };
    for longitude in multiples(west, east, spacing(east - west, 7.0)) {
        canvas.line(frame.pixel((longitude, north)), frame.pixel((longitude, south)), frame.rect, middle);
    }
    for latitude in multiples(south, north, spacing(north - south, 6.0)) {
        canvas.line(frame.pixel((west, latitude)), frame.pixel((east, latitude)), frame.rect, middle);
    }
}

fn named(degrees: f64, step: f64, [positive, negative]: [&str; 2]) -> String {
    let text = words::number(degrees.abs(), step.min(1.0));
    match degrees {
        0.0 => "0°".into(),
        degrees if degrees.abs() == 180.0 => "180°".into(),
        degrees => format!("{text}°{}", if degrees > 0.0 { positive } else { negative }),
    }
}

fn labels(canvas: &mut Canvas, frame: &Frame) {
    let rect = frame.rect;
    let Some([west, east, south, north]) = frame.degrees() else { return polar_labels(canvas, frame) };
    let step = spacing(east - west, 7.0);
    for longitude in multiples(west, east, step) {
        let text = named(super::cells::turned(longitude), step, ["E", "W"]);
        let left = pixel(frame.pixel((longitude, 0.0)).0) - font::width(&text) / 2;
        let left = left.clamp(0, (canvas.width - font::width(&text)).max(0));
        canvas.text((left, rect.bottom() + 3), &text, false, BLACK);
    }
    let step = spacing(north - south, 6.0);
    for latitude in multiples(south, north, step) {
        let text = named(latitude, step, ["N", "S"]);
        let top = pixel(frame.pixel((0.0, latitude)).1) - font::HEIGHT / 2;
        let top = top.clamp(rect.top - 3, rect.bottom() - font::HEIGHT + 3);
        canvas.text((rect.left - 4 - font::width(&text), top), &text, false, BLACK);
    }
}

/// The meridians at the sides, the circles in the map.
fn polar_labels(canvas: &mut Canvas, frame: &Frame) {
    let Plane::Polar(side) = frame.plane else { return };
    let rect = frame.rect;
    let (x, y) = frame.pixel((0.0, side * 90.0));
    let (x, y) = (pixel(x), pixel(y));
    let (above, below) = if side > 0.0 { ("180°", "0°") } else { ("0°", "180°") };
    if (rect.left..rect.right()).contains(&x) {
        canvas.label((x - font::width(above) / 2, rect.top + 1), above);
        canvas.text((x - font::width(below) / 2, rect.bottom() + 3), below, false, BLACK);
    }
    if (rect.top..rect.bottom()).contains(&y) {
        canvas.text((rect.left - 4 - font::width("90°W"), y - font::HEIGHT / 2), "90°W", false, BLACK);
        canvas.text((rect.right() + 4, y - font::HEIGHT / 2), "90°E", false, BLACK);
    }
    for latitude in [30.0, 45.0, 60.0, 75.0] {
        let text = named(side * latitude, 1.0, ["N", "S"]);
        let (x, y) = frame.pixel((45.0, side * latitude));
        let (x, y) = (pixel(x) - font::width(&text) / 2, pixel(y) - font::HEIGHT / 2);
        let fits = x > rect.left + 2
            && x + font::width(&text) < rect.right() - 2
            && y > rect.top + 2
            && y + font::HEIGHT < rect.bottom() - 2;
        if fits {
            canvas.label((x, y), &text);
        }
    }
}
