//! `days since 1850-01-01`: from numbers to instants and back.

use std::fmt;

use super::exact::{quotient, scale_to_microseconds};
use super::{Calendar, Instant, TimeError, TimeUnit, reference};

/// The meaning of the numbers of a time variable: a unit, an epoch and a calendar.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TimeUnits {
    unit: TimeUnit,
    epoch: Instant,
    calendar: Calendar,
    text: String,
}

impl TimeUnits {
    /// Units of one's own; their text is the canonical one.
    ///
    /// # Errors
    /// [`TimeError::UnitNotInCalendar`] when the unit has no fixed length in the calendar.
    pub fn new(unit: TimeUnit, epoch: Instant, calendar: Calendar) -> Result<Self, TimeError> {
        unit.check_in(calendar)?;
        Ok(Self::canonical(unit, epoch, calendar))
    }

    /// Reads a `units` attribute, `UNIT since REFERENCE TIME`, in the calendar of the variable.
    ///
    /// # Errors
    /// When the text is not of that form, the unit is unknown or has no fixed length in the calendar, or the calendar lacks
    /// the reference date.
    ///
    /// ```
    /// use altostac::cftime::{Calendar, TimeUnits};
    /// let units = TimeUnits::parse("hours since 1970-1-1 00:00:00.0 +01:00", Calendar::Standard)?;
    /// assert_eq!(units.to_string(), "hours since 1969-12-31 23:00:00");
    /// # Ok::<(), altostac::cftime::TimeError>(())
    /// ```
    pub fn parse(text: &str, calendar: Calendar) -> Result<Self, TimeError> {
        let malformed =
            |expected, found: &str| TimeError::Malformed { text: shown(text), expected, found: shown(found) };
        let (unit_name, after_unit) = split_word(text);
        let (since, reference_text) = split_word(after_unit);
        if !since.eq_ignore_ascii_case("since") {
            return Err(malformed("UNIT since YYYY-MM-DD", text));
        }
        let unit = TimeUnit::parse(unit_name)
            .ok_or_else(|| TimeError::UnknownUnit { text: shown(text), found: shown(unit_name) })?;
        unit.check_in(calendar)?;
        let reference =
            reference::parse(reference_text).map_err(|mismatch| malformed(mismatch.expected, &mismatch.found))?;
        let ahead = reference.ahead_minutes * 60_000_000;
        let local = calendar.instant(&reference.local)?.microseconds();
        let epoch = local.checked_sub(ahead).ok_or_else(|| TimeError::OutOfRange { what: shown(text) })?;
        Ok(Self { unit, epoch: Instant::from_microseconds(epoch), calendar, text: text.to_owned() })
    }

    /// The units with the same epoch and calendar and the coarsest of days, hours, …, microseconds in which every instant is a
    /// whole number; days when there are no instants.
    ///
    /// ```
    /// use altostac::cftime::{Calendar, TimeUnits};
    /// let days = TimeUnits::parse("days since 2000-01-01", Calendar::NoLeap)?;
    /// let instants = [days.decode_f64(0.5)?, days.decode_i64(31)?];
    /// let coarsest = TimeUnits::coarsest_exact(instants, days.epoch(), days.calendar());
    /// assert_eq!(coarsest.to_string(), "hours since 2000-01-01");
    /// # Ok::<(), altostac::cftime::TimeError>(())
    /// ```
    pub fn coarsest_exact(instants: impl IntoIterator<Item = Instant>, epoch: Instant, calendar: Calendar) -> Self {
        let mut candidates = TimeUnit::COMMON.into_iter();
        let mut unit = TimeUnit::Days;
        let mut finer = candidates.by_ref().skip(1);
        for instant in instants {
            while (difference(instant, epoch) % i128::from(unit.microseconds())) != 0 {
                unit = finer.next().unwrap_or(TimeUnit::Microseconds);
            }
        }
        Self::canonical(unit, epoch, calendar)
    }

    /// The same epoch and calendar, counted in another unit; the text is the canonical one.
    ///
    /// # Errors
    /// [`TimeError::UnitNotInCalendar`] when the unit has no fixed length in the calendar.
    pub fn with_unit(&self, unit: TimeUnit) -> Result<Self, TimeError> {
        Self::new(unit, self.epoch, self.calendar)
    }

    /// The unit.
    pub fn unit(&self) -> TimeUnit {
        self.unit
    }

    /// The instant of the number 0, in UTC.
    pub fn epoch(&self) -> Instant {
        self.epoch
    }

    /// The calendar.
    pub fn calendar(&self) -> Calendar {
        self.calendar
    }

    /// The attribute as it was written; [`Display`](fmt::Display) gives the canonical text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether every number means the same instant in both, however their texts differ.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        (self.unit, self.epoch, self.calendar) == (other.unit, other.epoch, other.calendar)
    }

    /// The instant of a whole number.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] beyond ±292,000 years.
    pub fn decode_i64(&self, value: i64) -> Result<Instant, TimeError> {
        self.after_epoch(i128::from(value) * i128::from(self.unit.microseconds()))
            .ok_or_else(|| self.out_of_range(value))
    }

    /// The instant of a number: its exact value's nearest microsecond, ties to even.
    ///
    /// As in cftime, a value in seconds or a coarser unit that is less than a microsecond from a whole second is that second.
    ///
    /// # Errors
    /// [`TimeError::NotFinite`] for NaN and infinities, [`TimeError::OutOfRange`] beyond ±292,000 years.
    ///
    /// ```
    /// use altostac::cftime::{Calendar, TimeUnits};
    /// let units = TimeUnits::parse("days since 1800-1-1", Calendar::Standard)?;
    /// // 1 h after midnight: the float is 0.2 µs off.
    /// let instant = units.decode_f64(73_050.041_666_666_67)?;
    /// assert_eq!(units.calendar().date_time(instant).to_string(), "2000-01-03T01:00:00");
    /// # Ok::<(), altostac::cftime::TimeError>(())
    /// ```
    pub fn decode_f64(&self, value: f64) -> Result<Instant, TimeError> {
        if !value.is_finite() {
            return Err(TimeError::NotFinite { value, units: shown(&self.text) });
        }
        let snap_to_second = !matches!(self.unit, TimeUnit::Milliseconds | TimeUnit::Microseconds);
        scale_to_microseconds(value, self.unit.microseconds().cast_signed(), snap_to_second)
            .and_then(|after| self.after_epoch(after))
            .ok_or_else(|| self.out_of_range(value))
    }

    /// The whole number that means an instant, if there is one.
    pub fn encode_i64(&self, instant: Instant) -> Option<i64> {
        let after = difference(instant, self.epoch);
        let unit = i128::from(self.unit.microseconds());
        (after % unit == 0).then(|| i64::try_from(after / unit).ok()).flatten()
    }

    /// The float nearest to an instant, if it decodes to that very instant.
    pub fn encode_f64(&self, instant: Instant) -> Option<f64> {
        let value = quotient(difference(instant, self.epoch), self.unit.microseconds());
        (self.decode_f64(value) == Ok(instant)).then_some(value)
    }

    fn canonical(unit: TimeUnit, epoch: Instant, calendar: Calendar) -> Self {
        let mut units = Self { unit, epoch, calendar, text: String::new() };
        units.text = units.to_string();
        units
    }

    fn after_epoch(&self, after: i128) -> Option<Instant> {
        let total = after.checked_add(i128::from(self.epoch.microseconds()))?;
        i64::try_from(total).ok().map(Instant::from_microseconds)
    }

    fn out_of_range(&self, value: impl fmt::Display) -> TimeError {
        TimeError::OutOfRange { what: format!("{value} {}", shown(&self.text)) }
    }
}

impl fmt::Display for TimeUnits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = self.calendar.date_time(self.epoch);
        write!(f, "{} since {}", self.unit, date.date_text())?;
        match date.time_text().as_str() {
            "00:00:00" => Ok(()),
            time => write!(f, " {time}"),
        }
    }
}

fn difference(instant: Instant, epoch: Instant) -> i128 {
    i128::from(instant.microseconds()) - i128::from(epoch.microseconds())
}

/// The first word, and what follows it.
fn split_word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}

/// As much of an untrusted text as belongs in a message.
fn shown(text: &str) -> String {
    text.chars().take(120).collect()
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

    fn units(text: &str, calendar: Calendar) -> TimeUnits {
        TimeUnits::parse(text, calendar).unwrap()
    }

    fn decoded(text: &str, calendar: Calendar, value: f64) -> String {
        calendar.date_time(units(text, calendar).decode_f64(value).unwrap()).to_string()
    }

    #[test]
    fn dates_counted_by_hand() {
        for (text, calendar, value, expected) in [
            ("days since 1850-1-1", Calendar::Standard, 0.0, "1850-01-01T00:00:00"),
            ("days since 1850-01-01 00:00", Calendar::NoLeap, 59.0, "1850-03-01T00:00:00"),
            ("days since 1582-10-4", Calendar::Standard, 1.0, "1582-10-15T00:00:00"),
            ("days since 0000-01-01", Calendar::ProlepticGregorian, 366.0, "0001-01-01T00:00:00"),
            ("days since 0000-01-01", Calendar::Day360, -0.25, "-0001-12-30T18:00:00"),
            ("days since 0001-01-01", Calendar::Julian, -1.0, "-0001-12-31T00:00:00"),
            ("months since 2000-01-01", Calendar::Day360, 1.5, "2000-02-16T00:00:00"),
            ("common_years since 2000-01-01", Calendar::NoLeap, 2.0, "2002-01-01T00:00:00"),
            ("ms since 1970-01-01", Calendar::Standard, 0.001, "1970-01-01T00:00:00.000001"),
            ("seconds since 1992-10-8 15:15:42.5 -6:00", Calendar::Standard, 0.0, "1992-10-08T21:15:42.500000"),
        ] {
            assert_eq!(decoded(text, calendar, value), expected, "{value} {text}");
        }
    }

    #[test]
    fn whole_hours_survive_floating_days() {
        let days = units("days since 1800-01-01", Calendar::Standard);
        for hour in 65_536 * 24..65_636 * 24 {
            let instant = days.decode_f64(f64::from(hour) / 24.0).unwrap();
            assert_eq!(days.with_unit(TimeUnit::Hours).unwrap().encode_i64(instant), Some(hour.into()));
        }
    }

    #[test]
    fn unreadable_units_say_why() {
        for (text, calendar, message) in [
            ("days", Calendar::Standard, "expected UNIT since YYYY-MM-DD, found \"days\""),
            ("day as %Y%m%d.%f", Calendar::Standard, "expected UNIT since YYYY-MM-DD"),
            ("years since 2000-01-01", Calendar::Standard, "found \"years\""),
            ("days since yesterday", Calendar::Standard, "expected a date as YYYY-MM-DD, found \"yesterday\""),
            ("months since 2000-01-01", Calendar::NoLeap, "only in the 360_day calendar, found in noleap"),
            ("common_years since 2000-01-01", Calendar::Standard, "only in the noleap calendar, found in standard"),
            ("days since 0000-01-01", Calendar::Standard, "0000-01-01T00:00:00 is not a date of the standard calendar"),
            ("days since 1582-10-10", Calendar::Standard, "1582-10-10T00:00:00 is not a date of the standard calendar"),
        ] {
            let error = TimeUnits::parse(text, calendar).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn times_without_an_instant_are_refused() {
        let days = units("days since 2000-01-01", Calendar::Standard);
        for value in [f64::NAN, f64::INFINITY] {
            assert!(matches!(days.decode_f64(value), Err(TimeError::NotFinite { .. })));
        }
        for value in [1e300, -1e9, 9.969_209_968_386_869e36] {
            assert!(matches!(days.decode_f64(value), Err(TimeError::OutOfRange { .. })));
        }
        assert!(matches!(days.decode_i64(i64::MAX), Err(TimeError::OutOfRange { .. })));
        assert!(TimeUnits::parse("days since 99999999-1-1", Calendar::NoLeap).is_err());
    }

    #[test]
    fn canonical_texts() {
        for (text, expected) in [
            ("D  SINCE 1850-1-1", "days since 1850-01-01"),
            ("hrs since 1850-1-1 6:00", "hours since 1850-01-01 06:00:00"),
            ("sec since 1850-1-1 0:0:0.25", "seconds since 1850-01-01 00:00:00.250000"),
            ("mins since -12-1-1", "minutes since -0012-01-01"),
            ("msec since 12345-1-1", "milliseconds since 12345-01-01"),
        ] {
            let read = units(text, Calendar::ProlepticGregorian);
            assert_eq!((read.text(), read.to_string().as_str()), (text, expected));
            assert!(read.is_equivalent(&units(expected, Calendar::ProlepticGregorian)));
        }
    }

    #[test]
    fn the_coarsest_unit_is_the_coarsest_exact_one() {
        let microseconds = units("microseconds since 2000-01-01", Calendar::Day360);
        for (offsets, expected) in [
            (vec![], TimeUnit::Days),
            (vec![0, -86_400_000_000], TimeUnit::Days),
            (vec![43_200_000_000], TimeUnit::Hours),
            (vec![86_400_000_000, 60_000_000], TimeUnit::Minutes),
            (vec![60_000_000, 3_600_000_000, 59_000_000], TimeUnit::Seconds),
            (vec![1_000], TimeUnit::Milliseconds),
            (vec![1, 86_400_000_000], TimeUnit::Microseconds),
        ] {
            let instants: Vec<Instant> =
                offsets.iter().map(|offset| microseconds.decode_i64(*offset).unwrap()).collect();
            let coarsest = TimeUnits::coarsest_exact(instants.clone(), microseconds.epoch(), Calendar::Day360);
            assert_eq!(coarsest.unit(), expected);
            assert!(instants.iter().all(|instant| coarsest.encode_i64(*instant).is_some()));
        }
    }

    #[test]
    fn what_a_float_cannot_say_is_not_encoded() {
        let days = units("days since 0001-01-01", Calendar::Standard);
        let second = units("seconds since 2000-01-01", Calendar::Standard).decode_i64(1).unwrap();
        assert_eq!(days.encode_f64(second), None);
        assert_eq!(days.encode_i64(second), None);
        assert_eq!(
            days.with_unit(TimeUnit::Seconds).unwrap().encode_f64(second),
            Some(63_082_281_601.0 + 2.0 * 86_400.0)
        );
    }

    proptest! {
        #[test]
        fn whole_numbers_round_trip(
            value in -100_000_000_i64..100_000_000,
            unit in prop::sample::select(&TimeUnit::COMMON[..]),
            calendar in prop::sample::select(&CALENDARS[..]),
        ) {
            let units = units("days since 1850-01-01 06:00", calendar).with_unit(unit).unwrap();
            let instant = units.decode_i64(value).unwrap();
            prop_assert_eq!(units.encode_i64(instant), Some(value));
            prop_assert_eq!(units.decode_f64(value as f64), Ok(instant));
            prop_assert_eq!(units.encode_f64(instant), Some(value as f64));
        }

        #[test]
        fn encoded_floats_mean_their_instant(
            microseconds: i64, epoch: i64, unit in prop::sample::select(&TimeUnit::COMMON[..]),
        ) {
            let units = TimeUnits::new(unit, Instant::from_microseconds(epoch), Calendar::NoLeap).unwrap();
            let instant = Instant::from_microseconds(microseconds);
            if let Some(value) = units.encode_f64(instant) {
                prop_assert_eq!(units.decode_f64(value), Ok(instant));
            }
            if let Some(value) = units.encode_i64(instant) {
                prop_assert_eq!(units.decode_i64(value), Ok(instant));
            }
        }

        #[test]
        fn canonical_texts_are_read_back(
            epoch: i64,
            unit in prop::sample::select(&TimeUnit::COMMON[..]),
            calendar in prop::sample::select(&CALENDARS[..]),
        ) {
            let own = TimeUnits::new(unit, Instant::from_microseconds(epoch), calendar).unwrap();
            prop_assert_eq!(TimeUnits::parse(own.text(), calendar), Ok(own));
        }

        #[test]
        fn no_number_upsets_it(value: f64, whole: i64, calendar in prop::sample::select(&CALENDARS[..])) {
            let units = units("days since 1850-01-01", calendar);
            let _ = (units.decode_f64(value), units.decode_i64(whole));
        }
    }
}
