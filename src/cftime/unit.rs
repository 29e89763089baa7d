//! The units in which time is counted.

use std::fmt;

use super::{Calendar, TimeError};

/// A unit of time of fixed length in its calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeUnit {
    /// 365 days, in [`Calendar::NoLeap`] only.
    CommonYears,
    /// 30 days, in [`Calendar::Day360`] only.
    Months,
    /// 24 hours.
    Days,
    /// 60 minutes.
    Hours,
    /// 60 seconds.
    Minutes,
    /// SI seconds; CF time has no leap seconds.
    Seconds,
    /// Thousandths of a second.
    Milliseconds,
    /// Millionths of a second.
    Microseconds,
}

impl TimeUnit {
    /// The units that every calendar has, the longest first.
    pub const COMMON: [Self; 6] =
        [Self::Days, Self::Hours, Self::Minutes, Self::Seconds, Self::Milliseconds, Self::Microseconds];

    /// Reads a unit in any spelling that cftime takes, ignoring case; `None` when it is none of them.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "common_year" | "common_years" => Self::CommonYears,
            "month" | "months" => Self::Months,
            "day" | "days" | "d" => Self::Days,
            "hour" | "hours" | "hr" | "hrs" | "h" => Self::Hours,
            "minute" | "minutes" | "min" | "mins" => Self::Minutes,
            "second" | "seconds" | "sec" | "secs" | "s" => Self::Seconds,
            "millisecond" | "milliseconds" | "millisec" | "millisecs" | "msec" | "msecs" | "ms" => Self::Milliseconds,
            "microsecond" | "microseconds" | "microsec" | "microsecs" => Self::Microseconds,
            _ => return None,
        })
    }

    /// Its length in microseconds.
    pub const fn microseconds(self) -> u64 {
        match self {
            Self::CommonYears => 365 * Self::Days.microseconds(),
            Self::Months => 30 * Self::Days.microseconds(),
            Self::Days => 86_400_000_000,
            Self::Hours => 3_600_000_000,
            Self::Minutes => 60_000_000,
            Self::Seconds => 1_000_000,
            Self::Milliseconds => 1_000,
            Self::Microseconds => 1,
        }
    }

    /// Refuses calendars in which the unit has no fixed length.
    ///
    /// # Errors
    /// [`TimeError::UnitNotInCalendar`] for months outside 360_day and common years outside noleap.
    pub fn check_in(self, calendar: Calendar) -> Result<(), TimeError> {
        let only = match self {
            Self::Months => Calendar::Day360,
            Self::CommonYears => Calendar::NoLeap,
            _ => return Ok(()),
        };
        if calendar == only { Ok(()) } else { Err(TimeError::UnitNotInCalendar { unit: self, only, calendar }) }
    }
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CommonYears => "common_years",
            Self::Months => "months",
            Self::Days => "days",
            Self::Hours => "hours",
            Self::Minutes => "minutes",
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Microseconds => "microseconds",
        })
    }
}
