//! The values of a coordinate in one file, comparable with those of other files.

use std::collections::BTreeMap;

use crate::cftime::{Calendar, DateTime, Instant, TimeError, TimeUnits};
use crate::model::{Array, ArrayValues, FileVariable, Numbers};

/// The values of a coordinate, in file order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Axis {
    /// Points in time, in microseconds.
    Instants(Calendar, Vec<i64>),
    /// Whole numbers.
    Integers(Vec<i64>),
    /// Other numbers.
    Floats(Vec<f64>),
    /// Labels.
    Texts(Vec<String>),
}

/// Whether a variable says that it is a time: `units` of the form `… since …`.
pub(super) fn is_time_like(variable: &FileVariable) -> bool {
    variable.text("units").is_some_and(|units| units.split_whitespace().nth(1) == Some("since"))
}

/// Whether a variable says that it is a vertical coordinate (CF 4.3).
pub(super) fn is_vertical(variable: &FileVariable) -> bool {
    const PRESSURE: [&str; 10] = ["Pa", "hPa", "kPa", "mbar", "mb", "millibar", "millibars", "bar", "dbar", "decibar"];
    const NUMBERED: [&str; 3] = ["level", "layer", "sigma_level"];
    const NAMES: [&str; 6] =
        ["air_pressure", "height", "altitude", "depth", "geopotential_height", "model_level_number"];
    let is_one_of = |name: &str, all: &[&str]| variable.text(name).is_some_and(|text| all.contains(&text));
    is_one_of("axis", &["Z"])
        || is_one_of("positive", &["up", "down"])
        || is_one_of("units", &PRESSURE)
        || is_one_of("units", &NUMBERED)
        || is_one_of("standard_name", &NAMES)
}

/// The calendar of a variable, `standard` if it names none.
pub(super) fn calendar(variable: &FileVariable) -> Result<Calendar, TimeError> {
    variable.text("calendar").map_or(Ok(Calendar::Standard), Calendar::parse)
}

/// The first day of the Gregorian calendar, 1582-10-15: from there on the standard and the proleptic Gregorian calendar are one.
fn reform() -> Option<Instant> {
    let date = DateTime { year: 1582, month: 10, day: 15, hour: 0, minute: 0, second: 0, microsecond: 0 };
    Calendar::ProlepticGregorian.instant(&date).ok()
}

/// The calendar under which instants are compared with those of other files.
pub(super) fn common_calendar(calendar: Calendar, instants: &[Instant]) -> Calendar {
    let is_modern = || reform().is_some_and(|reform| instants.iter().all(|instant| *instant >= reform));
    match calendar {
        Calendar::ProlepticGregorian if is_modern() => Calendar::Standard,
        other => other,
    }
}

/// The instants that numbers mean.
pub(super) fn instants(units: &TimeUnits, numbers: &Numbers) -> Result<Vec<Instant>, TimeError> {
    match numbers.to_i64() {
        Some(integers) => integers.into_iter().map(|value| units.decode_i64(value)).collect(),
        None => numbers.to_f64().into_iter().map(|value| units.decode_f64(value)).collect(),
    }
}

/// Texts of a fixed number of bytes, without the zeros that fill them up; `None` if one is not UTF-8.
fn fixed_texts(length: u32, bytes: &[u8]) -> Option<Vec<String>> {
    let one = |bytes: &[u8]| {
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        std::str::from_utf8(&bytes[..end]).ok().map(str::to_owned)
    };
    bytes.chunks(usize::try_from(length).ok()?.max(1)).map(one).collect()
}

/// Integers in the order of floating-point numbers; 0.0 and -0.0 are one.
fn ordered_bits(value: f64) -> i64 {
    let bits = if value == 0.0 { 0 } else { value.to_bits().cast_signed() };
    if bits < 0 { i64::MIN - bits } else { bits }
}

impl Axis {
    /// Reads a coordinate. Times that cannot be understood are numbers: they still can be compared with those of the same units.
    ///
    /// `None` if it holds neither numbers nor texts.
    pub(super) fn read(variable: &FileVariable, values: &Array) -> Option<Self> {
        let numbers = match &values.values {
            ArrayValues::Numbers(numbers) => numbers,
            ArrayValues::Strings(texts) => return Some(Self::Texts(texts.clone())),
            ArrayValues::FixedStrings { length, bytes } => return fixed_texts(*length, bytes).map(Self::Texts),
        };
        if is_time_like(variable)
            && let Ok(calendar) = calendar(variable)
            && let Ok(units) = TimeUnits::parse(variable.text("units").unwrap_or_default(), calendar)
            && let Ok(instants) = instants(&units, numbers)
        {
            let common = common_calendar(calendar, &instants);
            return Some(Self::Instants(common, instants.into_iter().map(Instant::microseconds).collect()));
        }
        Some(match numbers.to_i64() {
            Some(integers) => Self::Integers(integers),
            None => Self::Floats(numbers.to_f64()),
        })
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Instants(_, values) | Self::Integers(values) => values.len(),
            Self::Floats(values) => values.len(),
            Self::Texts(values) => values.len(),
        }
    }

    /// Numbers that order and tell apart the values of axes of one kind; of texts only the order in `ranks` does that.
    pub(super) fn keys(&self, ranks: &BTreeMap<&str, i64>) -> Vec<i64> {
        match self {
            Self::Instants(_, values) | Self::Integers(values) => values.clone(),
            Self::Floats(values) => values.iter().map(|value| ordered_bits(*value)).collect(),
            Self::Texts(values) => values.iter().map(|value| ranks.get(value.as_str()).copied().unwrap_or(0)).collect(),
        }
    }

    /// A value as a number that orders and subtracts; exact to 2^53 microseconds (285 years) of distance from `origin`.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn distance(&self, at: usize, origin: &Self) -> Option<f64> {
        match (self, origin) {
            (Self::Instants(_, values), Self::Instants(_, from)) | (Self::Integers(values), Self::Integers(from)) => {
                Some((i128::from(*values.get(at)?) - i128::from(*from.first()?)) as f64)
            }
            (Self::Floats(values), Self::Floats(_)) => values.get(at).copied(),
            _ => None,
        }
    }

    /// A value in words.
    pub(super) fn show(&self, at: usize) -> String {
        match self {
            Self::Instants(calendar, values) => values
                .get(at)
                .map_or_else(String::new, |value| calendar.date_time(Instant::from_microseconds(*value)).to_string()),
            Self::Integers(values) => values.get(at).map_or_else(String::new, i64::to_string),
            Self::Floats(values) => values.get(at).map_or_else(String::new, f64::to_string),
            Self::Texts(values) => values.get(at).map_or_else(String::new, |value| format!("{value:?}")),
        }
    }

    /// The first place where two axes differ by more than a billionth of the local step.
    pub(super) fn first_difference(&self, other: &Self) -> Option<usize> {
        let shorter = self.len().min(other.len());
        let different = match (self, other) {
            (Self::Instants(a, x), Self::Instants(b, y)) => {
                if a != b {
                    return Some(0);
                }
                (0..shorter).find(|at| x[*at] != y[*at])
            }
            (Self::Integers(x), Self::Integers(y)) => (0..shorter).find(|at| x[*at] != y[*at]),
            (Self::Floats(x), Self::Floats(y)) => super::tolerance::first_beyond(x, y, 1),
            (Self::Texts(x), Self::Texts(y)) => (0..shorter).find(|at| x[*at] != y[*at]),
            _ => return Some(0),
        };
        different.or((self.len() != other.len()).then_some(shorter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_in_the_order_of_numbers() {
        let values = [f64::NEG_INFINITY, -2.5, -f64::MIN_POSITIVE, 0.0, 1e-300, 2.5, f64::INFINITY];
        let keys = Axis::Floats(values.to_vec()).keys(&BTreeMap::new());
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
        assert_eq!(ordered_bits(-0.0), ordered_bits(0.0));
    }
}
