//! When a dataset is.

use super::DescribeError;
use super::axis::{Axis, axis};
use super::dataset::{Dataset, Member};
use super::horizontal::variables;
use super::numbers::{missing_values, packing};
use super::purpose::Purpose;
use crate::cftime::{Calendar, Instant, TimeError, TimeUnits};
use crate::model::{Array, Numbers, TemporalExtent, Variable};

/// The instants of a time coordinate.
pub(super) struct TimeAxis {
    pub(super) units: TimeUnits,
    /// The first and the last coordinate.
    pub(super) first: Instant,
    pub(super) last: Instant,
    /// The time from one coordinate to the next in microseconds, if always the same.
    pub(super) step: Option<i64>,
}

/// The first and the last instant of all time coordinates, extended by bounds where these hold their coordinates.
///
/// Model calendars are brought to the nearest real instants.
pub(super) fn read(dataset: &Dataset<'_>) -> Result<TemporalExtent, DescribeError> {
    let mut extent: Option<TemporalExtent> = None;
    for member in coordinates(dataset) {
        let axis = read_axis(dataset, member)?;
        let (first, last) = with_bounds(dataset, member, &axis);
        let real = |instant| axis.units.calendar().nearest_real(instant).map_err(|source| unreadable(member, source));
        let (start, end) = (real(first)?, real(last)?);
        extent = Some(match extent {
            Some(so_far) => TemporalExtent { start: so_far.start.min(start), end: so_far.end.max(end) },
            None => TemporalExtent { start, end },
        });
    }
    extent.ok_or_else(|| DescribeError::NoTime { found: variables(dataset) })
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

/// Reads a time coordinate.
pub(super) fn read_axis(dataset: &Dataset<'_>, member: &Member<'_>) -> Result<TimeAxis, DescribeError> {
    let units = time_units(member.variable, None).map_err(|source| unreadable(member, source))?;
    let instants = instants(dataset, member, &units)?;
    let known: Vec<Instant> = instants.into_iter().flatten().collect();
    let (Some(first), Some(last)) = (known.iter().min(), known.iter().max()) else {
        return Err(DescribeError::Coordinate {
            variable: member.path.to_string(),
            expected: "times",
            found: "no value that is not missing".into(),
        });
    };
    let mut steps = known.windows(2).map(|pair| pair[1].microseconds().saturating_sub(pair[0].microseconds()));
    let step = steps.next().filter(|step| *step > 0 && steps.all(|other| other == *step));
    Ok(TimeAxis { units, first: *first, last: *last, step })
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

/// The extent of the cells; that of the coordinates if there are no bounds, or they do not hold every coordinate.
fn with_bounds(dataset: &Dataset<'_>, member: &Member<'_>, axis: &TimeAxis) -> (Instant, Instant) {
    held(dataset, member, axis).unwrap_or((axis.first, axis.last))
}

fn held(dataset: &Dataset<'_>, member: &Member<'_>, axis: &TimeAxis) -> Option<(Instant, Instant)> {
    let bounds = dataset.bounds(member)?;
    let numbers = bounds.variable.inline()?.numbers()?;
    let units = time_units(bounds.variable, Some(&axis.units)).ok()?;
    let edges = decode(bounds.variable, numbers, &units).ok()?;
    let times = instants(dataset, member, &axis.units).ok()?;
    if edges.len() != times.len().checked_mul(2)? {
        return None;
    }
    let (mut first, mut last) = (axis.first, axis.last);
    for (time, cell) in times.iter().zip(edges.chunks_exact(2)) {
        let (Some(time), [Some(low), Some(high)]) = (time, cell) else { continue };
        if low > time || time > high {
            return None;
        }
        (first, last) = (first.min(*low), last.max(*high));
    }
    Some((first, last))
}
