//! The calendars of CF and their dates.

use std::fmt;

use super::years::{GREGORIAN_START, YearRule};
use super::{Instant, TimeError};

const DAY: i64 = 86_400_000_000;

/// A calendar of the CF conventions, section 4.4.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Calendar {
    /// Julian until 1582-10-04, Gregorian from 1582-10-15; no year zero. `standard` and `gregorian`.
    Standard,
    /// Gregorian at all times, as ISO 8601 has it, with a year zero.
    ProlepticGregorian,
    /// Julian at all times; no year zero.
    Julian,
    /// No year has a 29 February. `noleap` and `365_day`.
    NoLeap,
    /// Every year has a 29 February. `all_leap` and `366_day`.
    AllLeap,
    /// Every month has 30 days.
    Day360,
}

/// A date and time of day in some [`Calendar`], in UTC.
///
/// Years before 1 are numbered as cftime numbers them: 0, -1, … where the calendar has a year zero, -1, -2, … else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime {
    /// Year.
    pub year: i32,
    /// Month, 1 to 12.
    pub month: u32,
    /// Day of the month, from 1.
    pub day: u32,
    /// Hour, 0 to 23.
    pub hour: u32,
    /// Minute, 0 to 59.
    pub minute: u32,
    /// Second, 0 to 59: CF time has no leap seconds.
    pub second: u32,
    /// Microsecond, 0 to 999,999.
    pub microsecond: u32,
}

impl Calendar {
    /// Reads the text of a `calendar` attribute, ignoring case. A variable without one has the standard calendar.
    ///
    /// # Errors
    /// [`TimeError::UnknownCalendar`] for `none` and every name that is not a calendar with dates.
    ///
    /// ```
    /// use altostac::cftime::Calendar;
    /// assert_eq!(Calendar::parse("365_DAY")?, Calendar::NoLeap);
    /// # Ok::<(), altostac::cftime::TimeError>(())
    /// ```
    pub fn parse(name: &str) -> Result<Self, TimeError> {
        match name.trim().to_ascii_lowercase().as_str() {
            "standard" | "gregorian" => Ok(Self::Standard),
            "proleptic_gregorian" => Ok(Self::ProlepticGregorian),
            "julian" => Ok(Self::Julian),
            "noleap" | "365_day" => Ok(Self::NoLeap),
            "all_leap" | "366_day" => Ok(Self::AllLeap),
            "360_day" => Ok(Self::Day360),
            _ => Err(TimeError::UnknownCalendar { found: name.to_owned() }),
        }
    }

    /// Whether its dates are moments of the real world, which model calendars' are not.
    pub fn is_real(self) -> bool {
        matches!(self, Self::Standard | Self::ProlepticGregorian | Self::Julian)
    }

    /// Whether year 1 follows year 0; else it follows year -1.
    pub fn has_year_zero(self) -> bool {
        !matches!(self, Self::Standard | Self::Julian)
    }

    /// The date and time of day of an instant of this calendar.
    ///
    /// ```
    /// use altostac::cftime::{Calendar, Instant};
    /// let date = Calendar::Day360.date_time(Instant::from_microseconds(59 * 86_400_000_000));
    /// assert_eq!(date.to_string(), "0001-02-30T00:00:00");
    /// ```
    pub fn date_time(self, instant: Instant) -> DateTime {
        let day_number = instant.microseconds().div_euclid(DAY);
        let (year, month, day) = self.rule(day_number >= GREGORIAN_START).date(day_number);
        // Within a day the count is never negative, within the range of an instant the year is below 300,000.
        let of_day = u64::try_from(instant.microseconds().rem_euclid(DAY)).unwrap_or(0);
        let part = |unit: u64, count: u64| u32::try_from(of_day / unit % count).unwrap_or(0);
        DateTime {
            year: i32::try_from(self.year_written(year)).unwrap_or(i32::MAX),
            month,
            day,
            hour: part(3_600_000_000, 24),
            minute: part(60_000_000, 60),
            second: part(1_000_000, 60),
            microsecond: part(1, 1_000_000),
        }
    }

    /// The instant of a date and time of day of this calendar.
    ///
    /// # Errors
    /// [`TimeError::NoSuchDate`] when the calendar lacks the date (30 February, year zero, 1582-10-05 to 14, …) or a field is
    /// out of bounds; [`TimeError::OutOfRange`] when it is too far away.
    pub fn instant(self, date: &DateTime) -> Result<Instant, TimeError> {
        let year = self.year_counted(i64::from(date.year));
        let gregorian = (date.year, date.month, date.day) >= (1582, 10, 15);
        let in_gap = self == Self::Standard && !gregorian && (date.year, date.month, date.day) > (1582, 10, 4);
        let rule = self.rule(gregorian);
        let has_day = date.day >= 1 && i64::from(date.day) <= rule.month_length(year, date.month);
        let has_time = date.hour < 24 && date.minute < 60 && date.second < 60 && date.microsecond < 1_000_000;
        if in_gap || !has_day || !has_time || (date.year == 0 && !self.has_year_zero()) {
            return Err(TimeError::NoSuchDate { date: *date, calendar: self });
        }
        let seconds = i64::from(date.hour * 3600 + date.minute * 60 + date.second);
        let of_day = seconds * 1_000_000 + i64::from(date.microsecond);
        let total = i128::from(rule.day_number(year, date.month, date.day)) * i128::from(DAY) + i128::from(of_day);
        let microseconds = i64::try_from(total).map_err(|_| TimeError::OutOfRange { what: date.to_string() })?;
        Ok(Instant::from_microseconds(microseconds))
    }

    fn rule(self, gregorian: bool) -> YearRule {
        match self {
            Self::Standard if gregorian => YearRule::Gregorian,
            Self::Standard | Self::Julian => YearRule::Julian,
            Self::ProlepticGregorian => YearRule::Gregorian,
            Self::NoLeap => YearRule::NoLeap,
            Self::AllLeap => YearRule::AllLeap,
            Self::Day360 => YearRule::Day360,
        }
    }

    fn year_counted(self, written: i64) -> i64 {
        if written < 0 && !self.has_year_zero() { written + 1 } else { written }
    }

    fn year_written(self, counted: i64) -> i64 {
        if counted <= 0 && !self.has_year_zero() { counted - 1 } else { counted }
    }
}

impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Standard => "standard",
            Self::ProlepticGregorian => "proleptic_gregorian",
            Self::Julian => "julian",
            Self::NoLeap => "noleap",
            Self::AllLeap => "all_leap",
            Self::Day360 => "360_day",
        })
    }
}

impl DateTime {
    /// The date as `1850-01-01`, `-0001-01-01` or `12345-01-01`.
    pub(super) fn date_text(&self) -> String {
        let width = if self.year < 0 { 5 } else { 4 };
        format!("{:0width$}-{:02}-{:02}", self.year, self.month, self.day)
    }

    /// The time of day as `12:00:00`, with six digits of a fraction where there is one.
    pub(super) fn time_text(&self) -> String {
        let fraction = if self.microsecond == 0 { String::new() } else { format!(".{:06}", self.microsecond) };
        format!("{:02}:{:02}:{:02}{fraction}", self.hour, self.minute, self.second)
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}T{}", self.date_text(), self.time_text())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    const CALENDARS: [Calendar; 6] = [
        Calendar::Standard,
        Calendar::ProlepticGregorian,
        Calendar::Julian,
        Calendar::NoLeap,
        Calendar::AllLeap,
        Calendar::Day360,
    ];

    fn date(year: i32, month: u32, day: u32) -> DateTime {
        DateTime { year, month, day, hour: 0, minute: 0, second: 0, microsecond: 0 }
    }

    #[test]
    fn names_are_read_and_written() {
        for calendar in CALENDARS {
            assert_eq!(Calendar::parse(&calendar.to_string().to_uppercase()), Ok(calendar));
        }
        assert_eq!(Calendar::parse("Gregorian"), Ok(Calendar::Standard));
        assert_eq!(Calendar::parse("366_day"), Ok(Calendar::AllLeap));
        for unknown in ["none", "", "utc", "360day"] {
            let error = Calendar::parse(unknown).unwrap_err();
            assert!(error.to_string().contains(&format!("{unknown:?}")), "{error}");
        }
    }

    #[test]
    fn dates_a_calendar_lacks_are_refused() {
        use Calendar::{AllLeap, Day360, Julian, NoLeap, ProlepticGregorian, Standard};
        for (calendar, missing) in [
            (Standard, date(1582, 10, 5)),
            (Standard, date(1582, 10, 14)),
            (Standard, date(0, 1, 1)),
            (Standard, date(1900, 2, 29)),
            (Julian, date(0, 1, 1)),
            (Julian, date(-4, 2, 29)),
            (ProlepticGregorian, date(1500, 2, 29)),
            (NoLeap, date(2000, 2, 29)),
            (AllLeap, date(2001, 2, 30)),
            (Day360, date(2001, 1, 31)),
            (Day360, date(2001, 13, 1)),
            (Day360, date(2001, 0, 1)),
            (Day360, date(2001, 1, 0)),
            (Standard, DateTime { hour: 24, ..date(2000, 1, 1) }),
            (Standard, DateTime { second: 60, ..date(2000, 1, 1) }),
            (Standard, DateTime { microsecond: 1_000_000, ..date(2000, 1, 1) }),
        ] {
            assert_eq!(calendar.instant(&missing), Err(TimeError::NoSuchDate { date: missing, calendar }));
        }
        for (calendar, there) in [
            (Standard, date(1582, 10, 4)),
            (Standard, date(1582, 10, 15)),
            (Standard, date(1500, 2, 29)),
            (Julian, date(1582, 10, 10)),
            (Julian, date(-5, 2, 29)),
            (ProlepticGregorian, date(1582, 10, 10)),
            (ProlepticGregorian, date(0, 2, 29)),
            (AllLeap, date(2001, 2, 29)),
            (Day360, date(2001, 2, 30)),
        ] {
            assert_eq!(calendar.date_time(calendar.instant(&there).unwrap()), there);
        }
    }

    #[test]
    fn years_beyond_the_range_are_refused() {
        for year in [i32::MIN, -300_000, 300_000, i32::MAX] {
            for calendar in CALENDARS {
                assert!(matches!(calendar.instant(&date(year, 1, 1)), Err(TimeError::OutOfRange { .. })));
            }
        }
    }

    #[test]
    fn real_calendars_share_their_moments() {
        let moment = Calendar::Standard.instant(&date(1582, 10, 4)).unwrap();
        assert_eq!(Calendar::ProlepticGregorian.date_time(moment), date(1582, 10, 14));
        assert_eq!(Calendar::Julian.date_time(moment), date(1582, 10, 4));
    }

    proptest! {
        #[test]
        fn instants_round_trip(microseconds: i64, calendar in prop::sample::select(&CALENDARS[..])) {
            let instant = Instant::from_microseconds(microseconds);
            prop_assert_eq!(calendar.instant(&calendar.date_time(instant)), Ok(instant));
        }

        #[test]
        fn dates_order_as_instants(a: i64, b: i64, calendar in prop::sample::select(&CALENDARS[..])) {
            let (a, b) = (Instant::from_microseconds(a), Instant::from_microseconds(b));
            prop_assert_eq!(a.cmp(&b), calendar.date_time(a).cmp(&calendar.date_time(b)));
        }
    }
}
