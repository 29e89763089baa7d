//! A font of 7 by 13 pixels: X11's `7x13`, in the public domain; letters of ISO 8859-1.

const REGULAR: &[u8] = include_bytes!("data/font_7x13.raw");
const BOLD: &[u8] = include_bytes!("data/font_7x13_bold.raw");
const GLYPHS_IN_ROW: u32 = 16;
const BYTES_IN_ROW: usize = 14;

/// Pixels from one character to the next.
pub(super) const WIDTH: i64 = 7;
/// Pixels from one line to the next.
pub(super) const HEIGHT: i64 = 13;

/// How wide a text is.
pub(super) fn width(text: &str) -> i64 {
    text.chars().map(|_| WIDTH).sum()
}

/// The pixels of a character, as column and row; a question mark for what the font does not have.
pub(super) fn pixels(character: char, is_bold: bool) -> impl Iterator<Item = (i64, i64)> {
    let number = match u32::from(character) {
        code @ 0x20..=0x7e => code - 0x20,
        code @ 0xa0..=0xff => code - 0xa0 + 96,
        _ => u32::from('?') - 0x20,
    };
    let (column, row) = (number % GLYPHS_IN_ROW * 7, number / GLYPHS_IN_ROW * 13);
    let bits = if is_bold { BOLD } else { REGULAR };
    let is_set = move |x: u32, y: u32| {
        let at = usize::try_from(row + y).unwrap_or(0) * BYTES_IN_ROW + usize::try_from((column + x) / 8).unwrap_or(0);
        bits.get(at).is_some_and(|byte| byte >> (7 - (column + x) % 8) & 1 == 1)
    };
    let all = (0..13).flat_map(|y| (0..7).map(move |x| (x, y)));
    all.filter(move |(x, y)| is_set(*x, *y)).map(|(x, y)| (i64::from(x), i64::from(y)))
}
