//! Periods of calendars and of clocks: the step of an axis, the length of a time (ISO 8601, 4.4.3).

use std::fmt;

use crate::cftime::{Calendar, DateTime, Instant};

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// No month is shorter.
const SHORTEST_MONTH: i64 = 28 * DAY;
/// How far the places of values within their months may be apart, as part of a month: middles and ends of months are counted by hand.
const MONTH_TOLERANCE: f64 = 0.07;
/// Closer than this they are at one place.
const SAME_PART: f64 = 1e-6;

/// A length of time: months, or microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Period {
    Months(i64),
    Microseconds(i64),
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Months(months) if months != 0 && months % 12 == 0 => write!(f, "P{}Y", months / 12),
            Self::Months(months) if months > 12 => write!(f, "P{}Y{}M", months / 12, months % 12),
            Self::Months(months) => write!(f, "P{months}M"),
            Self::Microseconds(0) => f.write_str("PT0S"),
            Self::Microseconds(length) if length % DAY == 0 => write!(f, "P{}D", length / DAY),
            Self::Microseconds(length) if length % HOUR == 0 => write!(f, "PT{}H", length / HOUR),
            Self::Microseconds(length) if length % MINUTE == 0 => write!(f, "PT{}M", length / MINUTE),
            Self::Microseconds(length) if length % SECOND == 0 => write!(f, "PT{}S", length / SECOND),
            Self::Microseconds(length) => {
                let fraction = format!("{:06}", length % SECOND);
                write!(f, "PT{}.{}S", length / SECOND, fraction.trim_end_matches('0'))
            }
        }
    }
}

/// How evenly instants follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Each follows from the one before.
    Exact(Period),
    /// One in each so many months, at about the same place of it.
    Nominal(Period),
}

impl Step {
    pub(super) fn period(self) -> Period {
        match self {
            Self::Exact(period) | Self::Nominal(period) => period,
        }
    }
}

fn month(date: &DateTime) -> i64 {
    i64::from(date.year) * 12 + i64::from(date.month)
}

fn within_month(date: &DateTime) -> (u32, u32, u32, u32, u32) {
    (date.day, date.hour, date.minute, date.second, date.microsecond)
}

/// The instant at which a month begins, counted as [`month`] does.
fn begin(calendar: Calendar, month: i64) -> Option<Instant> {
    let (year, month) = ((month - 1).div_euclid(12), (month - 1).rem_euclid(12) + 1);
    let (year, month) = (i32::try_from(year).ok()?, u32::try_from(month).ok()?);
    let date = DateTime { year, month, day: 1, hour: 0, minute: 0, second: 0, microsecond: 0 };
    calendar.instant(&date).ok()
}

/// Where in its month an instant is: 0 at the begin, 1 at the end.
#[allow(clippy::cast_precision_loss)]
fn part_of_month(calendar: Calendar, instant: Instant, date: &DateTime) -> Option<f64> {
    let (first, next) = (begin(calendar, month(date))?, begin(calendar, month(date) + 1)?);
    let length = next.microseconds() - first.microseconds();
    Some((instant.microseconds() - first.microseconds()) as f64 / length as f64)
}

fn constant(mut steps: impl Iterator<Item = i64>) -> Option<i64> {
    let first = steps.next().filter(|step| *step > 0)?;
    steps.all(|step| step == first).then_some(first)
}

/// The microseconds from each instant to the next, if always the same.
pub(super) fn even_microseconds(instants: &[Instant]) -> Option<i64> {
    constant(instants.windows(2).map(|pair| pair[1].microseconds().saturating_sub(pair[0].microseconds())))
}

/// The step of instants in the order of the axis; `None` if there is none, or there are fewer than two.
///
/// Months count where every value lies at the same place of its month, such as its middle; else what is always the same number of
/// microseconds; else months again, where values lie at about the same place.
pub(super) fn step(calendar: Calendar, instants: &[Instant]) -> Option<Step> {
    let even = even_microseconds(instants);
    if let Some(length) = even.filter(|length| *length < SHORTEST_MONTH) {
        return Some(Step::Exact(Period::Microseconds(length)));
    }
    let dates: Vec<DateTime> = instants.iter().map(|instant| calendar.date_time(*instant)).collect();
    let months = constant(dates.windows(2).map(|pair| month(&pair[1]) - month(&pair[0])));
    if let Some(months) = months
        && dates.windows(2).all(|pair| within_month(&pair[0]) == within_month(&pair[1]))
    {
        return Some(Step::Exact(Period::Months(months)));
    }
    let parts = instants.iter().zip(&dates).map(|(instant, date)| part_of_month(calendar, *instant, date));
    let spread = parts.collect::<Option<Vec<f64>>>().map(|parts| {
        let (low, high) = parts.iter().fold((1.0f64, 0.0f64), |(low, high), part| (low.min(*part), high.max(*part)));
        high - low
    });
    let nominal = |tolerance: f64| {
        months
            .filter(|_| spread.is_some_and(|spread| spread <= tolerance))
            .map(|months| Step::Nominal(Period::Months(months)))
    };
    // From the middle of January to those of February and of March it is 29.5 days twice.
    nominal(SAME_PART)
        .or(even.map(|length| Step::Exact(Period::Microseconds(length))))
        .or_else(|| nominal(MONTH_TOLERANCE))
}

/// The time from one instant to a later one: whole months if it is that, else by the clock.
pub(super) fn between(calendar: Calendar, first: Instant, last: Instant) -> Period {
    let (start, end) = (calendar.date_time(first), calendar.date_time(last));
    let months = month(&end) - month(&start);
    if months > 0 && within_month(&start) == within_month(&end) {
        return Period::Months(months);
    }
    Period::Microseconds(last.microseconds().saturating_sub(first.microseconds()))
}

/// The period that an attribute says: of ISO 8601 as it stands, or a frequency of CMIP or CORDEX (`mon`, `6hrPt`, `day`); `None` if it is
/// neither, or none of time (`fx`).
///
/// What comes after is what the extension of CMIP6's vocabulary has: `Pt` of points in time, `C` of climatologies, `CM` of monthly means of
/// a diurnal cycle.
pub(super) fn of_attribute(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix('P') {
        let is_period = rest.len() >= 2
            && rest.bytes().all(|byte| byte.is_ascii_digit() || b"YMWDTHS.".contains(&byte))
            && rest.bytes().any(|byte| byte.is_ascii_digit())
            && rest.ends_with(|letter: char| letter.is_ascii_alphabetic() && letter != 'T');
        return is_period.then(|| without_zeros(text));
    }
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let count: u32 = if digits == 0 { 1 } else { text[..digits].parse().ok().filter(|count| *count > 0)? };
    let word = text[digits..].trim_start_matches(['_', ' ', '-']);
    let word = ["Pt", "CM", "C", "Clim"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
    Some(match word.to_ascii_lowercase().as_str() {
        "yr" | "year" | "yearly" | "annual" | "ann" => format!("P{count}Y"),
        "dec" | "decadal" => format!("P{}Y", count.checked_mul(10)?),
        "mon" | "month" | "monthly" | "months" => format!("P{count}M"),
        "sem" | "seasonal" => format!("P{}M", count.checked_mul(3)?),
        "day" | "daily" | "days" => format!("P{count}D"),
        "hr" | "h" | "hour" | "hours" | "hourly" => format!("PT{count}H"),
        "min" | "minute" | "minutes" => format!("PT{count}M"),
        _ => return None,
    })
}

/// `P01M` is `P1M`.
fn without_zeros(text: &str) -> String {
    let mut short = String::with_capacity(text.len());
    for (at, letter) in text.char_indices() {
        let begins = !short.ends_with(|before: char| before.is_ascii_digit() || before == '.');
        let goes_on = text[at + 1..].starts_with(|next: char| next.is_ascii_digit());
        if !(letter == '0' && begins && goes_on) {
            short.push(letter);
        }
    }
    short
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::cftime::TimeUnits;
    use proptest::prelude::*;

    fn instants(calendar: &str, units: &str, values: &[f64]) -> (Calendar, Vec<Instant>) {
        let calendar = Calendar::parse(calendar).unwrap();
        let units = TimeUnits::parse(units, calendar).unwrap();
        (calendar, values.iter().map(|value| units.decode_f64(*value).unwrap()).collect())
    }

    fn shown(calendar: &str, units: &str, values: &[f64]) -> Option<String> {
        let (calendar, instants) = instants(calendar, units, values);
        step(calendar, &instants).map(|step| match step {
            Step::Exact(period) => period.to_string(),
            Step::Nominal(period) => format!("about {period}"),
        })
    }

    #[test]
    fn steps_by_the_clock_and_by_the_calendar() {
        let days = "days since 2001-01-01";
        for (calendar, values, expected) in [
            ("standard", &[0.0, 1.0, 2.0][..], Some("P1D")),
            ("standard", &[0.0, 0.25, 0.5], Some("PT6H")),
            ("standard", &[0.0, 0.020_833_333_333_333_332, 0.041_666_666_666_666_664], Some("PT30M")),
            ("standard", &[0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0], Some("P5D")),
            ("standard", &[0.0, 31.0, 59.0, 90.0], Some("P1M")),
            ("standard", &[0.0, 31.0], Some("P1M")),
            ("standard", &[0.0, 365.0, 730.0], Some("P1Y")),
            ("standard", &[0.0, 365.0, 730.0, 1095.0, 1461.0], Some("P1Y")),
            ("standard", &[15.5, 45.0, 74.5, 105.0], Some("about P1M")),
            ("standard", &[15.5, 45.0, 74.5], Some("about P1M")),
            ("noleap", &[15.5, 45.0], Some("about P1M")),
            // Ends of months.
            ("standard", &[30.0, 58.0, 89.0, 119.0], Some("about P1M")),
            ("360_day", &[15.0, 45.0, 75.0], Some("P1M")),
            ("360_day", &[0.0, 90.0, 180.0], Some("P3M")),
            ("noleap", &[0.0, 365.0, 730.0], Some("P1Y")),
            // Thirty days are not a month.
            ("standard", &[0.0, 30.0, 60.0, 90.0, 120.0, 150.0], Some("P30D")),
            ("standard", &[0.0, 31.0, 90.0], None),
            ("standard", &[0.0, 1.0, 3.0], None),
            ("standard", &[3.0, 2.0, 1.0], None),
            ("standard", &[1.0, 1.0], None),
            ("standard", &[1.0], None),
        ] {
            assert_eq!(shown(calendar, days, values).as_deref(), expected, "{calendar} {values:?}");
        }
        assert_eq!(shown("standard", "seconds since 2000-01-01", &[0.0, 1.5, 3.0]).as_deref(), Some("PT1.5S"));
        assert_eq!(shown("360_day", "months since 1850-01-01", &[0.0, 14.0]).as_deref(), Some("P1Y2M"));
    }

    #[test]
    fn lengths_of_time() {
        for (calendar, first, last, expected) in [
            ("standard", 0.0, 365.0, "P1Y"),
            ("standard", 0.0, 59.0, "P2M"),
            ("standard", 0.0, 364.0, "P364D"),
            ("standard", 0.0, 1.5, "PT36H"),
            ("standard", 0.0, 0.0, "PT0S"),
            ("360_day", 0.0, 3600.0, "P10Y"),
        ] {
            let (calendar, instants) = instants(calendar, "days since 2001-01-01", &[first, last]);
            assert_eq!(between(calendar, instants[0], instants[1]).to_string(), expected);
        }
    }

    #[test]
    fn attributes_say_periods() {
        for (text, expected) in [
            ("mon", Some("P1M")),
            ("monClim", Some("P1M")),
            ("6hrPt", Some("PT6H")),
            ("1hrCM", Some("PT1H")),
            ("day", Some("P1D")),
            ("dec", Some("P10Y")),
            ("P1D", Some("P1D")),
            ("P01M", Some("P1M")),
            ("PT0.5S", Some("PT0.5S")),
            ("P", None),
            ("PT", None),
            ("Point", None),
            ("fx", None),
            ("subhrPt", None),
            ("", None),
            ("0hr", None),
        ] {
            assert_eq!(of_attribute(text).as_deref(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn even_axes_have_their_step(start in -1_000_000i64..1_000_000, step_us in 1i64..10_000_000_000_000, count in 2usize..20) {
            let at = |number: usize| Instant::from_microseconds(start + step_us * i64::try_from(number).unwrap());
            let instants: Vec<Instant> = (0..count).map(at).collect();
            prop_assert_eq!(even_microseconds(&instants), Some(step_us));
            prop_assert!(step(Calendar::ProlepticGregorian, &instants).is_some());
        }

        #[test]
        fn no_axis_and_no_text_upsets_it(values: Vec<i64>, text: String) {
            let instants: Vec<Instant> = values.into_iter().map(Instant::from_microseconds).collect();
            for calendar in [Calendar::Standard, Calendar::Day360, Calendar::AllLeap] {
                let _ = step(calendar, &instants);
            }
            let _ = of_attribute(&text);
        }
    }
}
