//! CF time: what the numbers on a time axis mean.
//!
//! In: the `units` and `calendar` attributes of a variable, and its numbers.
//! Out: [`Instant`]s in whole microseconds, their [`DateTime`]s, and numbers again in other [`TimeUnits`].
//!
//! The specification is section 4.4 of the CF conventions (1.11); the oracle is Python's cftime, with whose
//! `num2date` instants agree to the microsecond but for the list below. Nothing here does I/O or knows another module.
//!
//! ```
//! use altostac::cftime::{Calendar, TimeUnits};
//!
//! let units = TimeUnits::parse("days since 1850-1-1", Calendar::NoLeap)?;
//! let instant = units.decode_f64(15.5)?;
//! assert_eq!(units.calendar().date_time(instant).to_string(), "1850-01-16T12:00:00");
//! assert_eq!(units.encode_f64(instant), Some(15.5));
//! # Ok::<(), altostac::cftime::TimeError>(())
//! ```
//!
//! # Where cftime differs
//!
//! * cftime multiplies floating-point times as 80-bit long doubles; here the product is exact. They part, by one
//!   microsecond, where the long double rounds the product across the middle between two microseconds. Measured: never in
//!   days within 400 years of the epoch, nor in whole hours since year 1, but in 0.6 % of odd seconds written as float
//!   days since year 1, whose own step is 10 µs.
//! * cftime silently drops the part of a reference time that it does not understand. Here it is read as CF and UDUNITS
//!   define it (`-6:00` and `+1` are zones, several blanks are one), or refused by name (an hour without minutes).
//! * cftime truncates a fraction of a second after a floating-point product, which loses a microsecond of
//!   one six-digit fraction in 87; here the first six digits count.
//! * cftime moves an epoch by up to 99 hours and 99 minutes of zone; here by at most 24 hours and 59 minutes.
//! * An [`Instant`] ends ±292,000 years from year 1; cftime's range is as long but starts at the units' epoch.

mod calendar;
mod exact;
#[cfg(test)]
mod oracle;
mod real;
mod reference;
mod unit;
mod units;
mod years;

pub use calendar::{Calendar, DateTime};
pub use real::rfc3339;
pub use unit::TimeUnit;
pub use units::TimeUnits;

/// A point on the time axis of a [`Calendar`], in whole microseconds.
///
/// Counted from 0001-01-01T00:00:00, for [`Calendar::Standard`] and [`Calendar::Julian`] too of the *proleptic Gregorian*
/// calendar: equal instants of the three real calendars are the same moment. Instants of a model calendar are
/// comparable only with those of the same calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

impl Instant {
    /// The instant so many microseconds after 0001-01-01T00:00:00.
    pub const fn from_microseconds(microseconds: i64) -> Self {
        Self(microseconds)
    }

    /// Microseconds since 0001-01-01T00:00:00.
    pub const fn microseconds(self) -> i64 {
        self.0
    }
}

/// Why a time cannot be read, or cannot be said in RFC 3339.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TimeError {
    /// The `calendar` attribute names no calendar of CF that has dates.
    #[error(
        "unknown calendar {found:?}: expected standard, proleptic_gregorian, julian, noleap, all_leap, 360_day or a synonym"
    )]
    UnknownCalendar {
        /// The attribute's text.
        found: String,
    },
    /// The `units` attribute is not of the form `UNIT since REFERENCE TIME`.
    #[error("time units {text:?}: expected {expected}, found {found:?}")]
    Malformed {
        /// The whole attribute.
        text: String,
        /// What should stand there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// The word before `since` is no unit of time.
    #[error(
        "time units {text:?}: expected days, hours, minutes, seconds, milliseconds or microseconds, found {found:?}"
    )]
    UnknownUnit {
        /// The whole attribute.
        text: String,
        /// The word that was found.
        found: String,
    },
    /// A unit that has a fixed length in one calendar only.
    #[error("{unit} are a unit of fixed length only in the {only} calendar, found in {calendar}")]
    UnitNotInCalendar {
        /// The unit.
        unit: TimeUnit,
        /// The calendar in which it may be used.
        only: Calendar,
        /// The calendar in which it was used.
        calendar: Calendar,
    },
    /// A date that its calendar does not have.
    #[error("{date} is not a date of the {calendar} calendar")]
    NoSuchDate {
        /// The date as written.
        date: DateTime,
        /// Its calendar.
        calendar: Calendar,
    },
    /// A NaN or an infinity where a time was expected.
    #[error("a time in {units:?} must be a finite number, found {value}")]
    NotFinite {
        /// The value.
        value: f64,
        /// Its units.
        units: String,
    },
    /// A time too far away to be counted in 64-bit microseconds.
    #[error("{what} is more than 292,000 years away and cannot be counted in microseconds")]
    OutOfRange {
        /// The time as written.
        what: String,
    },
    /// A date whose year RFC 3339 cannot write.
    #[error("{date} cannot be written in RFC 3339: expected a year from 0 to 9999")]
    NotInRfc3339 {
        /// The date in the proleptic Gregorian calendar.
        date: DateTime,
    },
}

impl TimeError {
    /// What a person may do about it, where there is something to say.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::NoSuchDate { date, calendar } if date.year == 0 && !calendar.has_year_zero() => {
                Some("this calendar has no year zero: correct the reference year, or the calendar attribute")
            }
            Self::UnitNotInCalendar { .. } | Self::UnknownUnit { .. } => {
                Some("count in days: other calendar periods have no fixed length")
            }
            Self::UnknownCalendar { .. } => Some("correct the calendar attribute of the time variable"),
            _ => None,
        }
    }
}
