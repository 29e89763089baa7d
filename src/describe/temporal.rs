//! When a dataset is.

use std::rc::Rc;

use super::DescribeError;
use super::axis::{Axis, axis};
use super::dataset::{Dataset, Member};
use super::horizontal::variables;
use super::numbers::{missing_values, packing};
use super::period::{self, Period, Step};
use super::purpose::Purpose;
use crate::cftime::{Calendar, Instant, TimeError, TimeUnits};
use crate::model::{Array, Numbers, TemporalExtent, Variable};

/// The instants of a time coordinate.
pub(super) struct TimeAxis {
    pub(super) units: TimeUnits,
    /// The first and the last coordinate.
    pub(super) first: Instant,
    pub(super) last: Instant,
    /// All coordinates that are not missing, in their order; none if only their extremes are known.
    pub(super) instants: Vec<Instant>,
    /// How evenly they follow each other.
    pub(super) step: Option<Step>,
    /// The extent of the cells, if there are bounds that hold the coordinates.
    pub(super) cells: Option<(Instant, Instant)>,
    /// Whether each coordinate stands for the same part of several years or days (CF 7.4).
    pub(super) is_climatology: bool,
}

impl TimeAxis {
    /// From where to where it reaches; `None` if that is to be said by bounds, and there are none.
    pub(super) fn reach(&self, by: By) -> Option<(Instant, Instant)> {
        match by {
            By::Axis => Some((self.first, self.last)),
            By::Bounds => self.cells,
            By::Auto => Some(self.cells.unwrap_or((self.first, self.last))),
        }
    }

    /// The time from one coordinate to the next; of a single one the length of its cell.
    pub(super) fn frequency(&self) -> Option<Period> {
        match (self.step, self.instants.as_slice(), self.cells) {
            (Some(step), ..) => Some(step.period()),
            (None, [_], Some((low, high))) if low < high && !self.is_climatology => {
                Some(period::between(self.units.calendar(), low, high))
            }
            _ => None,
        }
    }
}

/// What says how far time reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Coordinates, extended by bounds where these hold them.
    Auto,
    /// Coordinates alone.
    Axis,
    /// Bounds alone.
    Bounds,
}

/// The first and the last instant of all time coordinates.
///
/// Model calendars are brought to the nearest real instants.
pub(super) fn read(dataset: &Dataset<'_>, by: By) -> Result<TemporalExtent, DescribeError> {
    let mut extent: Option<TemporalExtent> = None;
    for member in coordinates(dataset) {
        let axis = read_axis(dataset, member)?;
        let (first, last) = axis.reach(by).ok_or_else(|| DescribeError::Coordinate {
            variable: member.path.to_string(),
            expected: "bounds that hold its values, as item.time asks for them",
            found: "none".into(),
        })?;
        let real = |instant| axis.units.calendar().nearest_real(instant).map_err(|source| unreadable(member, source));
        let (start, end) = (real(first)?, real(last)?);
        extent = Some(match extent {
            Some(so_far) => TemporalExtent { start: so_far.start.min(start), end: so_far.end.max(end) },
            None => TemporalExtent { start, end },
        });
    }
    extent.ok_or_else(|| DescribeError::NoTime { found: variables(dataset) })
}

/// The time axes that can be read.
pub(super) fn axes(dataset: &Dataset<'_>) -> Vec<Rc<TimeAxis>> {
    coordinates(dataset).into_iter().filter_map(|member| read_axis(dataset, member).ok()).collect()
}

/// The time coordinates: by their axis; without such, dimension coordinates with units `… since …`.
fn coordinates<'d, 'a>(dataset: &'d Dataset<'a>) -> Vec<&'d Member<'a>> {
    let mut found = dataset.along(Axis::Time);
    found.retain(|member| has_time_units(member.variable));
    if found.is_empty() {
        found = dataset.of(Purpose::DimensionCoordinate).filter(|member| has_time_units(member.variable)).collect();
    }
    found
}

/// Whether a variable's numbers are times since a date.
pub(super) fn has_time_units(variable: &Variable) -> bool {
    variable.text("units").is_some_and(|units| units.split_whitespace().any(|word| word.eq_ignore_ascii_case("since")))
}

/// Whether a dimension coordinate is a time axis.
pub(super) fn is_time(variable: &Variable) -> bool {
    has_time_units(variable) && matches!(axis(variable), None | Some(Axis::Time))
}

fn unreadable(member: &Member<'_>, source: TimeError) -> DescribeError {
    DescribeError::Time { variable: member.path.to_string(), source }
}

/// Reads a time coordinate: once, however often it is asked for.
pub(super) fn read_axis(dataset: &Dataset<'_>, member: &Member<'_>) -> Result<Rc<TimeAxis>, DescribeError> {
    let known = dataset.times.borrow().get(&member.path).map(Rc::clone);
    if let Some(known) = known {
        return Ok(known);
    }
    let axis = Rc::new(decoded_axis(dataset, member)?);
    dataset.times.borrow_mut().insert(member.path.clone(), Rc::clone(&axis));
    Ok(axis)
}

fn decoded_axis(dataset: &Dataset<'_>, member: &Member<'_>) -> Result<TimeAxis, DescribeError> {
    let units = time_units(member.variable, None).map_err(|source| unreadable(member, source))?;
    let instants = instants(dataset, member, &units)?;
    let known: Vec<Instant> = instants.iter().copied().flatten().collect();
    let (Some(first), Some(last)) = (known.iter().min(), known.iter().max()) else {
        return Err(DescribeError::Coordinate {
            variable: member.path.to_string(),
            expected: "times",
            found: "no value that is not missing".into(),
        });
    };
    let (first, last) = (*first, *last);
    let is_climatology = member.variable.text("climatology").is_some();
    let cells = cells(dataset, member, (&instants, first, last), &units, is_climatology);
    // Of a digest only the extremes are known.
    let known = if member.variable.inline().is_some() { known } else { Vec::new() };
    let step = period::step(units.calendar(), &known);
    Ok(TimeAxis { units, first, last, instants: known, step, cells, is_climatology })
}

/// The units of a time variable; of bounds without their own, those of their coordinate (CF 7.1).
fn time_units(variable: &Variable, coordinate: Option<&TimeUnits>) -> Result<TimeUnits, TimeError> {
    let calendar = match (variable.text("calendar"), coordinate) {
        (Some(name), _) => Calendar::parse(name)?,
        (None, Some(coordinate)) => coordinate.calendar(),
        (None, None) => Calendar::Standard,
    };
    match (variable.text("units"), coordinate) {
        (None, Some(coordinate)) => Ok(coordinate.clone()),
        (units, _) => TimeUnits::parse(units.unwrap_or_default(), calendar),
    }
}

/// Each value's instant, `None` where it is missing; of a digest the least and the greatest.
fn instants(
    dataset: &Dataset<'_>,
    member: &Member<'_>,
    units: &TimeUnits,
) -> Result<Vec<Option<Instant>>, DescribeError> {
    let decoded = match member.variable.inline().map(Array::numbers) {
        Some(Some(numbers)) => decode(member.variable, numbers, units),
        _ => match dataset.digest(member) {
            Some(digest) => decode(member.variable, &Numbers::F64(vec![digest.minimum, digest.maximum]), units),
            None => {
                return Err(DescribeError::Coordinate {
                    variable: member.path.to_string(),
                    expected: "times",
                    found: "no numbers that were kept".into(),
                });
            }
        },
    };
    decoded.map_err(|source| unreadable(member, source))
}

fn decode(variable: &Variable, numbers: &Numbers, units: &TimeUnits) -> Result<Vec<Option<Instant>>, TimeError> {
    let missing = missing_values(variable);
    let (factor, offset) = packing(variable);
    let is_missing = |value: f64| value.is_nan() || missing.contains(&value);
    let raw = numbers.to_f64();
    match numbers.to_i64() {
        Some(integers) if (factor, offset) == (1.0, 0.0) => {
            let decode = |(integer, raw): (&i64, &f64)| match is_missing(*raw) {
                true => Ok(None),
                false => units.decode_i64(*integer).map(Some),
            };
            integers.iter().zip(&raw).map(decode).collect()
        }
        _ => {
            let decode = |value: &f64| match is_missing(*value) {
                true => Ok(None),
                false => units.decode_f64(value * factor + offset).map(Some),
            };
            raw.iter().map(decode).collect()
        }
    }
}

/// The extent of the cells; `None` if there are no bounds, or they do not hold every coordinate.
///
/// The coordinates of a climatology are typical of many years: there bounds alone count.
fn cells(
    dataset: &Dataset<'_>,
    member: &Member<'_>,
    (times, mut first, mut last): (&[Option<Instant>], Instant, Instant),
    units: &TimeUnits,
    is_climatology: bool,
) -> Option<(Instant, Instant)> {
    let bounds = dataset.bounds(member)?;
    let numbers = bounds.variable.inline()?.numbers()?;
    let edges = decode(bounds.variable, numbers, &time_units(bounds.variable, Some(units)).ok()?).ok()?;
    if is_climatology {
        let known = || edges.iter().flatten().copied();
        return Some((known().min()?, known().max()?));
    }
    if edges.len() != times.len().checked_mul(2)? {
        return None;
    }
    for (time, cell) in times.iter().zip(edges.chunks_exact(2)) {
        let (Some(time), [Some(low), Some(high)]) = (time, cell) else { continue };
        if low > time || time > high {
            return None;
        }
        (first, last) = (first.min(*low), last.max(*high));
    }
    Some((first, last))
}
