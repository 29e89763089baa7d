//! Quick-looks: one picture of an item, for people who look through a catalogue.
//!
//! In: a [`Sketch`]: numbers and where on the earth they are, or a series of them, and what to write beside them.
//! Out: a PNG of at most [`LARGEST`] bytes.
//!
//! Pure: no clock, no I/O; the same input gives the same bytes.
//!
//! | file | answers |
//! | --- | --- |
//! | `unpack` | which numbers stored bytes stand for |
//! | `cells` | where the corners of cells are, from their centres |
//! | `frame` | which part of the earth is shown, and where a place is in the picture |
//! | `map`, `series` | cells, points and coastlines; lines |
//! | `legend`, `range`, `colours`, `words` | colours and the numbers that they stand for |
//! | `canvas`, `font`, `png` | pixels |

mod canvas;
mod cells;
mod colours;
mod font;
mod frame;
mod legend;
mod map;
mod png;
mod range;
mod series;
#[cfg(test)]
mod tests;
mod unpack;
mod words;

pub use cells::{axis_corners, centre_corners, edges, narrowed};
pub use unpack::unpack;

use canvas::Canvas;
use legend::Heading;

/// The most bytes of a quick-look.
pub const LARGEST: usize = 100_000;

/// Widths that can be asked for, in pixels.
pub const WIDTHS: std::ops::RangeInclusive<u32> = 256..=1024;

/// A place: degrees east and north; `None` where there is none.
pub type Place = Option<(f64, f64)>;

/// What is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Sketch {
    /// What it is of.
    pub title: String,
    /// More of it, on the next line: time, level.
    pub subtitle: String,
    /// The unit of the numbers; empty if there is none.
    pub units: String,
    /// Whether the numbers mean a difference from something: colours then run both ways from 0.
    pub is_difference: bool,
    /// Whether the numbers are names for something: colours then stand for all of them.
    pub is_flag: bool,
    /// The numbers.
    pub subject: Subject,
    /// Pixels from left to right; brought into [`WIDTHS`].
    pub width: u32,
}

/// Numbers and where they are. A number that is NaN or infinite is missing.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// Cells in rows and columns.
    Cells {
        /// The number of rows.
        rows: usize,
        /// The number of columns.
        columns: usize,
        /// The corners, a row and a column more than there are cells.
        corners: Vec<Place>,
        /// A number for each cell, row by row.
        values: Vec<f64>,
    },
    /// Places by themselves.
    Points {
        /// The places.
        places: Vec<Place>,
        /// A number for each.
        values: Vec<f64>,
        /// Whether each stands for all that is nearer to it than to the others, as the centres of the cells of a mesh do.
        is_mesh: bool,
    },
    /// Numbers one after the other.
    Series {
        /// Where each is along the axis.
        along: Vec<f64>,
        /// The numbers.
        values: Vec<f64>,
        /// What stands below the beginning and below the end of the axis.
        ends: (String, String),
        /// What the axis is.
        axis: String,
    },
}

/// Why nothing can be drawn.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum QuicklookError {
    /// The lists do not belong together.
    #[error("a quick-look needs as many places as values: expected {expected}, found {found}")]
    Mismatch {
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// There is nothing to show.
    #[error("a quick-look needs places on the earth: found none among {0}")]
    NoPlace(usize),
    /// Too much detail, even in few colours.
    #[error("a quick-look has at most {LARGEST} bytes: found {0} in the fewest colours")]
    TooLarge(usize),
}

/// Draws a picture.
///
/// ```
/// use altostac::quicklook::{Sketch, Subject, draw};
/// let subject = Subject::Series { along: vec![0., 1.], values: vec![2., 3.], ends: ("a".into(), "b".into()), axis: "time".into() };
/// let (title, subtitle, units) = ("Air temperature".into(), String::new(), "K".into());
/// let sketch = Sketch { title, subtitle, units, is_difference: false, is_flag: false, subject, width: 512 };
/// assert!(draw(&sketch)?.starts_with(b"\x89PNG"));
/// # Ok::<(), altostac::quicklook::QuicklookError>(())
/// ```
///
/// # Errors
/// [`QuicklookError`] if the numbers and their places do not belong together, or there are no places.
pub fn draw(sketch: &Sketch) -> Result<Vec<u8>, QuicklookError> {
    let mut size = 0;
    for (levels, shrink) in [(colours::LEVELS, 4), (48, 4), (16, 4), (16, 3), (10, 2)] {
        let width = i64::from(sketch.width.clamp(*WIDTHS.start(), *WIDTHS.end()));
        let width = (width * shrink / 4).max(i64::from(*WIDTHS.start()));
        let (canvas, palette) = drawn(sketch, width, levels)?;
        let png = png::encode(&canvas, &palette);
        if png.len() <= LARGEST {
            return Ok(png);
        }
        size = png.len();
    }
    Err(QuicklookError::TooLarge(size))
}

fn drawn(sketch: &Sketch, width: i64, levels: u8) -> Result<(Canvas, Vec<[u8; 3]>), QuicklookError> {
    let heading = Heading::new(sketch, width);
    let values = match &sketch.subject {
        Subject::Cells { values, .. } | Subject::Points { values, .. } | Subject::Series { values, .. } => values,
    };
    let range = range::Range::of(values, sketch);
    let palette = colours::palette(range.as_ref().is_some_and(|range| range.is_difference));
    let canvas = match &sketch.subject {
        Subject::Cells { rows, columns, corners, values } => {
            check((rows + 1) * (columns + 1), corners.len())?;
            check(rows * columns, values.len())?;
            map::draw(&heading, &map::Content::Cells { columns: *columns, corners, values }, (range, levels))?
        }
        Subject::Points { places, values, is_mesh } => {
            check(places.len(), values.len())?;
            map::draw(&heading, &map::Content::Points { places, values, is_mesh: *is_mesh }, (range, levels))?
        }
        Subject::Series { along, values, ends, axis } => {
            check(along.len(), values.len())?;
            series::draw(&heading, (along, values), (ends, axis), range)
        }
    };
    Ok((canvas, palette))
}

fn check(expected: usize, found: usize) -> Result<(), QuicklookError> {
    if expected == found { Ok(()) } else { Err(QuicklookError::Mismatch { expected, found }) }
}
