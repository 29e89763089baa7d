//! The arithmetic of years: how many days each rule gives to years and months.
//!
//! Years are astronomical here (…, -1, 0, 1, …); days are counted from 0001-01-01 of the proleptic Gregorian calendar,
//! or of the model calendar itself.

/// Day number of 1582-10-15, the first day of the Gregorian calendar.
pub(super) const GREGORIAN_START: i64 = 577_735;

/// 0001-01-01 of the Julian calendar comes two days before that of the proleptic Gregorian calendar.
const JULIAN_OFFSET: i64 = -2;

const LENGTHS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// How long years and months are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum YearRule {
    Gregorian,
    Julian,
    NoLeap,
    AllLeap,
    Day360,
}

impl YearRule {
    fn is_leap(self, year: i64) -> bool {
        match self {
            Self::Gregorian => year % 4 == 0 && (year % 100 != 0 || year % 400 == 0),
            Self::Julian => year % 4 == 0,
            Self::AllLeap => true,
            Self::NoLeap | Self::Day360 => false,
        }
    }

    /// Days in a month from 1 to 12; 0 for any other.
    pub(super) fn month_length(self, year: i64, month: u32) -> i64 {
        let index = usize::try_from(month).unwrap_or(usize::MAX).wrapping_sub(1);
        match (self, LENGTHS.get(index)) {
            (_, None) => 0,
            (Self::Day360, Some(_)) => 30,
            (_, Some(28)) if self.is_leap(year) => 29,
            (_, Some(length)) => *length,
        }
    }

    /// The day number of the first of January.
    fn year_start(self, year: i64) -> i64 {
        let past = year - 1;
        match self {
            Self::Gregorian => 365 * past + past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400),
            Self::Julian => 365 * past + past.div_euclid(4) + JULIAN_OFFSET,
            Self::NoLeap => 365 * past,
            Self::AllLeap => 366 * past,
            Self::Day360 => 360 * past,
        }
    }

    /// The day number of a date that the rule has.
    pub(super) fn day_number(self, year: i64, month: u32, day: u32) -> i64 {
        let months: i64 = (1..month).map(|earlier| self.month_length(year, earlier)).sum();
        self.year_start(year) + months + i64::from(day) - 1
    }

    /// Year, month and day of a day number.
    pub(super) fn date(self, day_number: i64) -> (i64, u32, u32) {
        let year = self.year_of(day_number);
        let mut rest = day_number - self.year_start(year);
        let mut month = 1;
        while month < 12 && rest >= self.month_length(year, month) {
            rest -= self.month_length(year, month);
            month += 1;
        }
        (year, month, u32::try_from(rest + 1).unwrap_or(u32::MAX))
    }

    fn year_of(self, day_number: i64) -> i64 {
        let (years, days) = match self {
            Self::Gregorian => (400, 146_097),
            Self::Julian => (4, 1_461),
            Self::NoLeap => (1, 365),
            Self::AllLeap => (1, 366),
            Self::Day360 => (1, 360),
        };
        // The mean length of a year leads at most one year astray.
        let mut year = (day_number * years).div_euclid(days) + 1;
        while self.year_start(year) > day_number {
            year -= 1;
        }
        while self.year_start(year + 1) <= day_number {
            year += 1;
        }
        year
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    const RULES: [YearRule; 5] =
        [YearRule::Gregorian, YearRule::Julian, YearRule::NoLeap, YearRule::AllLeap, YearRule::Day360];

    #[test]
    fn the_gregorian_calendar_starts_the_day_after_4_october() {
        assert_eq!(YearRule::Gregorian.day_number(1582, 10, 15), GREGORIAN_START);
        assert_eq!(YearRule::Julian.day_number(1582, 10, 4), GREGORIAN_START - 1);
    }

    #[test]
    fn known_day_numbers() {
        // The Unix epoch; and the midnight before Julian Day 0, where day number 0 is Julian Day 1,721,425.5.
        assert_eq!(YearRule::Gregorian.day_number(1970, 1, 1), 719_162);
        assert_eq!(YearRule::Julian.day_number(-4712, 1, 1), -1_721_426);
        assert_eq!(YearRule::Day360.day_number(1, 2, 30), 59);
        assert_eq!(YearRule::AllLeap.day_number(0, 12, 31), -1);
    }

    #[test]
    fn every_day_of_eight_centuries_follows_the_one_before() {
        for rule in RULES {
            let mut expected = rule.day_number(-400, 1, 1);
            for year in -400..=400 {
                for month in 1..=12 {
                    for day in 1..=rule.month_length(year, month) {
                        let day = u32::try_from(day).unwrap();
                        assert_eq!(rule.day_number(year, month, day), expected, "{rule:?} {year}-{month}-{day}");
                        assert_eq!(rule.date(expected), (year, month, day));
                        expected += 1;
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn dates_round_trip(day_number in -106_000_000_i64..106_000_000, rule in prop::sample::select(&RULES[..])) {
            let (year, month, day) = rule.date(day_number);
            prop_assert!((1..=12).contains(&month));
            prop_assert!(i64::from(day) <= rule.month_length(year, month));
            prop_assert_eq!(rule.day_number(year, month, day), day_number);
        }
    }
}
