//! Colours that look as far apart as the numbers are, to people who see few colours too.

/// Numbers of the palette.
pub(super) const WHITE: u8 = 0;
pub(super) const BLACK: u8 = 1;
/// Where a number is missing.
pub(super) const MISSING: u8 = 2;
pub(super) const DARK: u8 = 3;
pub(super) const LIGHT: u8 = 4;
pub(super) const MIDDLE: u8 = 5;
/// A line of a series.
pub(super) const LINE: u8 = 6;

/// The first colour that stands for a number.
const FIRST: u8 = 16;
/// How many colours stand for numbers.
pub(super) const LEVELS: u8 = 160;

/// Polynomials of matplotlib's viridis (S. van der Walt and N. Smith, CC0), fitted by M. Zucker (CC0): the lowest power first.
const VIRIDIS: [[f64; 3]; 7] = [
    [0.277_727_327_223_417_7, 0.005_407_344_544_966_578, 0.334_099_805_335_306_1],
    [0.105_093_043_108_577_4, 1.404_613_529_898_575, 1.384_590_162_594_685],
    [-0.330_861_828_725_556_3, 0.214_847_559_468_213, 0.095_095_163_028_236_59],
    [-4.634_230_498_983_486, -5.799_100_973_351_585, -19.332_440_956_279_87],
    [6.228_269_936_347_081, 14.179_933_366_805_09, 56.690_552_600_681_05],
    [4.776_384_997_670_288, -13.745_145_377_746_01, -65.353_032_633_372_34],
    [-5.435_455_855_934_631, 4.645_852_612_178_535, 26.312_435_249_583_2],
];

/// ColorBrewer's RdBu of eleven classes, turned round (C. Brewer, M. Harrower, Pennsylvania State University; Apache-2.0).
const BLUE_TO_RED: [[u8; 3]; 11] = [
    [5, 48, 97],
    [33, 102, 172],
    [67, 147, 195],
    [146, 197, 222],
    [209, 229, 240],
    [247, 247, 247],
    [253, 219, 199],
    [244, 165, 130],
    [214, 96, 77],
    [178, 24, 43],
    [103, 0, 31],
];

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // held between 0 and 255
fn byte(value: f64) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

fn viridis(part: f64) -> [u8; 3] {
    [0, 1, 2].map(|channel| byte(VIRIDIS.iter().rev().fold(0.0, |sum, power| sum * part + power[channel]) * 255.0))
}

fn blue_to_red(part: f64) -> [u8; 3] {
    let place = part * (BLUE_TO_RED.len() - 1) as f64;
    let below = usize::from(byte(place.floor())).min(BLUE_TO_RED.len() - 2);
    let (low, high, rest) = (BLUE_TO_RED[below], BLUE_TO_RED[below + 1], place - below as f64);
    [0, 1, 2].map(|channel| byte(f64::from(low[channel]) * (1.0 - rest) + f64::from(high[channel]) * rest))
}

/// The colours behind the numbers.
pub(super) fn palette(is_difference: bool) -> Vec<[u8; 3]> {
    let mut palette = vec![[255; 3]; usize::from(FIRST)];
    for (number, grey) in [(BLACK, 0), (MISSING, 200), (DARK, 50), (LIGHT, 225), (MIDDLE, 130)] {
        palette[usize::from(number)] = [grey; 3];
    }
    palette[usize::from(LINE)] = [33, 102, 172];
    palette.extend((0..LEVELS).map(|level| {
        let part = f64::from(level) / f64::from(LEVELS - 1);
        if is_difference { blue_to_red(part) } else { viridis(part) }
    }));
    palette
}

/// The number in the palette of a part of the range, 0 to 1; `levels` of the colours are used.
pub(super) fn colour(part: f64, levels: u8) -> u8 {
    let steps = f64::from(levels.clamp(2, LEVELS) - 1);
    let part = (part.clamp(0.0, 1.0) * steps).round() / steps;
    FIRST + byte(part * f64::from(LEVELS - 1))
}

/// The colour of a line over a colour, so that it is seen.
pub(super) fn line_over(below: u8, is_difference: bool) -> u8 {
    let level = below.checked_sub(FIRST).map(|level| f64::from(level) / f64::from(LEVELS - 1));
    let is_dark = match level {
        Some(level) if is_difference => !(0.2..0.8).contains(&level),
        Some(level) => level < 0.55,
        None => false,
    };
    if is_dark { LIGHT } else { DARK }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ends and the middle as matplotlib 3 gives them.
    #[test]
    fn viridis_is_viridis() {
        for (part, known) in [(0.0, [68, 1, 84]), (0.5, [33, 145, 140]), (1.0, [253, 231, 37])] {
            let near = viridis(part).iter().zip(known).all(|(found, known)| found.abs_diff(known) <= 6);
            assert!(near, "{part}: {:?}, not {known:?}", viridis(part));
        }
        assert_eq!((blue_to_red(0.0), blue_to_red(0.5), blue_to_red(1.0)), ([5, 48, 97], [247; 3], [103, 0, 31]));
    }
}
