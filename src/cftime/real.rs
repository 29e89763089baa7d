//! From CF time to the moments that STAC can write.

use chrono::{NaiveDate, SecondsFormat, Utc};

use super::years::YearRule;
use super::{Calendar, DateTime, Instant, TimeError};

impl Calendar {
    /// The real moment nearest to an instant: of a real calendar the same moment, of a model calendar the same date and time
    /// of day, with days that the month does not really have moved to its last (360_day's 30 February, all_leap's 29).
    ///
    /// # Errors
    /// [`TimeError::NotInRfc3339`] for years outside 0 to 9999 of the proleptic Gregorian calendar.
    ///
    /// ```
    /// use altostac::cftime::{Calendar, TimeUnits, rfc3339};
    /// let units = TimeUnits::parse("days since 1999-02-30 12:00", Calendar::Day360)?;
    /// assert_eq!(rfc3339(Calendar::Day360.nearest_real(units.epoch())?), "1999-02-28T12:00:00Z");
    /// # Ok::<(), altostac::cftime::TimeError>(())
    /// ```
    pub fn nearest_real(self, instant: Instant) -> Result<chrono::DateTime<Utc>, TimeError> {
        let date = if self.is_real() {
            Self::ProlepticGregorian.date_time(instant)
        } else {
            clamp_day(self.date_time(instant))
        };
        (0..=9999)
            .contains(&date.year)
            .then(|| NaiveDate::from_ymd_opt(date.year, date.month, date.day))
            .flatten()
            .and_then(|day| day.and_hms_micro_opt(date.hour, date.minute, date.second, date.microsecond))
            .map(|moment| moment.and_utc())
            .ok_or(TimeError::NotInRfc3339 { date })
    }
}

fn clamp_day(date: DateTime) -> DateTime {
    let last = YearRule::Gregorian.month_length(date.year.into(), date.month);
    DateTime { day: u32::try_from(last).map_or(date.day, |last| date.day.min(last)), ..date }
}

/// A moment as RFC 3339 in UTC, `1850-01-16T12:00:00Z`, with a fraction (3 or 6 digits) only where it is not zero.
///
/// ```
/// let moment = chrono::DateTime::from_timestamp_micros(1_500_000).unwrap_or_default();
/// assert_eq!(altostac::cftime::rfc3339(moment), "1970-01-01T00:00:01.500Z");
/// ```
pub fn rfc3339(moment: chrono::DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn published(calendar: Calendar, year: i32, month: u32, day: u32) -> Result<String, TimeError> {
        let date = DateTime { year, month, day, hour: 6, minute: 0, second: 0, microsecond: 0 };
        calendar.nearest_real(calendar.instant(&date).unwrap()).map(rfc3339)
    }

    #[test]
    fn real_calendars_keep_their_moments() {
        use Calendar::{Julian, ProlepticGregorian, Standard};
        for (calendar, (year, month, day), expected) in [
            (Standard, (1850, 1, 16), "1850-01-16T06:00:00Z"),
            (Standard, (1582, 10, 4), "1582-10-14T06:00:00Z"),
            (Standard, (1582, 10, 15), "1582-10-15T06:00:00Z"),
            (Standard, (1, 1, 3), "0001-01-01T06:00:00Z"),
            (Standard, (1, 1, 1), "0000-12-30T06:00:00Z"),
            (Julian, (1900, 2, 29), "1900-03-13T06:00:00Z"),
            (ProlepticGregorian, (0, 2, 29), "0000-02-29T06:00:00Z"),
            (ProlepticGregorian, (9999, 12, 31), "9999-12-31T06:00:00Z"),
        ] {
            assert_eq!(published(calendar, year, month, day).unwrap(), expected);
        }
    }

    #[test]
    fn model_dates_move_to_the_last_day_of_their_month() {
        use Calendar::{AllLeap, Day360, NoLeap};
        for (calendar, (year, month, day), expected) in [
            (Day360, (2000, 2, 30), "2000-02-29T06:00:00Z"),
            (Day360, (1900, 2, 29), "1900-02-28T06:00:00Z"),
            (Day360, (1900, 4, 30), "1900-04-30T06:00:00Z"),
            (AllLeap, (2001, 2, 29), "2001-02-28T06:00:00Z"),
            (AllLeap, (2004, 2, 29), "2004-02-29T06:00:00Z"),
            (NoLeap, (2000, 12, 31), "2000-12-31T06:00:00Z"),
        ] {
            assert_eq!(published(calendar, year, month, day).unwrap(), expected);
        }
    }

    #[test]
    fn years_that_rfc3339_cannot_write_are_refused() {
        for (calendar, year) in [(Calendar::NoLeap, -1), (Calendar::Standard, -1), (Calendar::Day360, 10_000)] {
            let error = published(calendar, year, 1, 1).unwrap_err();
            assert!(matches!(error, TimeError::NotInRfc3339 { .. }), "{error}");
        }
    }
}
