//! Dates as texts say them: in file names, in attributes.

use chrono::{DateTime, Days, Months, NaiveDate, TimeDelta, Utc};

/// Why a text is no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeFormatError {
    /// It has no year.
    #[error("has no %Y; expected a format such as %Y%m%d")]
    NoYear,
    /// A letter after `%` that means nothing here.
    #[error("holds {0}; expected %Y, %m, %d, %j, %H, %M or %S")]
    Unknown(String),
    /// A part without the larger one that it is a part of.
    #[error("has {0} without {1}")]
    Without(&'static str, &'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Literal(char),
    Field(Field),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Year,
    Month,
    Day,
    DayOfYear,
    Hour,
    Minute,
    Second,
}

impl Field {
    fn digits(self) -> usize {
        match self {
            Self::Year => 4,
            Self::DayOfYear => 3,
            _ => 2,
        }
    }
}

/// A first and a last instant.
pub type Span = (DateTime<Utc>, DateTime<Utc>);

/// How a text says a date: letters of `strftime`, all else as it is.
///
/// A date stands for all of the time that it names, to its last second: `201912` for December 2019.
///
/// ```
/// use altostac::model::TimeFormat;
/// let (first, last) = TimeFormat::parse("%Y%m")?.read("201912").unwrap();
/// assert_eq!(first.to_rfc3339(), "2019-12-01T00:00:00+00:00");
/// assert_eq!(last.to_rfc3339(), "2019-12-31T23:59:59+00:00");
/// # Ok::<(), altostac::model::TimeFormatError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeFormat {
    text: String,
    pieces: Vec<Piece>,
}

impl serde::Serialize for TimeFormat {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl TimeFormat {
    /// Reads a format: `%Y` (four digits), `%m`, `%d`, `%j`, `%H`, `%M`, `%S`, `%%`.
    ///
    /// # Errors
    /// [`TimeFormatError`] if it has no year, a part without the one above it, or another letter.
    pub fn parse(text: &str) -> Result<Self, TimeFormatError> {
        let mut pieces = Vec::new();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            pieces.push(match letter {
                '%' => match letters.next() {
                    Some('Y') => Piece::Field(Field::Year),
                    Some('m') => Piece::Field(Field::Month),
                    Some('d') => Piece::Field(Field::Day),
                    Some('j') => Piece::Field(Field::DayOfYear),
                    Some('H') => Piece::Field(Field::Hour),
                    Some('M') => Piece::Field(Field::Minute),
                    Some('S') => Piece::Field(Field::Second),
                    Some('%') => Piece::Literal('%'),
                    other => {
                        return Err(TimeFormatError::Unknown(format!(
                            "%{}",
                            other.map(String::from).unwrap_or_default()
                        )));
                    }
                },
                other => Piece::Literal(other),
            });
        }
        let has = |field: Field| pieces.contains(&Piece::Field(field));
        if !has(Field::Year) {
            return Err(TimeFormatError::NoYear);
        }
        let has_day = has(Field::Day) || has(Field::DayOfYear);
        for (part, whole, is_wrong) in [
            ("%d", "%m", has(Field::Day) && !has(Field::Month)),
            ("%H", "%d", has(Field::Hour) && !has_day),
            ("%M", "%H", has(Field::Minute) && !has(Field::Hour)),
            ("%S", "%M", has(Field::Second) && !has(Field::Minute)),
        ] {
            if is_wrong {
                return Err(TimeFormatError::Without(part, whole));
            }
        }
        Ok(Self { text: text.to_owned(), pieces })
    }

    /// The format as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The first and the last second of what a text names; `None` if it is not of this format, or there is no such date.
    ///
    /// Of the model calendars' dates that the Gregorian calendar does not have, 29 and 30 February become the last day of February.
    pub fn read(&self, text: &str) -> Option<Span> {
        let mut rest = text;
        let mut date = Date::default();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(letter) => rest = rest.strip_prefix(*letter)?,
                Piece::Field(field) => {
                    let digits = rest.get(..field.digits())?;
                    date.set(*field, digits)?;
                    rest = &rest[field.digits()..];
                }
            }
        }
        if rest.is_empty() { date.span() } else { None }
    }

    /// The same of a text whose format is not known: RFC 3339, or a year and after it, with or without signs between them, month, day,
    /// hour, minute and second, as far as they are there.
    ///
    /// ```
    /// use altostac::model::TimeFormat;
    /// for text in ["19991231", "1999-12-31", "1999-365"] {
    ///     let read = TimeFormat::guess(text).map(|(first, _)| first.to_rfc3339());
    ///     assert_eq!(read.is_some(), text != "1999-365", "{text}");
    /// }
    /// ```
    pub fn guess(text: &str) -> Option<Span> {
        let text = text.trim();
        if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
            return Some((instant.to_utc(), instant.to_utc()));
        }
        let zoneless = ["Z", "z", "UTC", "GMT"].iter().find_map(|zone| text.strip_suffix(zone)).unwrap_or(text).trim();
        let (whole, fraction) = match zoneless.rsplit_once('.') {
            Some((whole, fraction)) if whole.contains(':') => (whole, fraction),
            _ => (zoneless, ""),
        };
        let is_separator = |letter: char| matches!(letter, '-' | ':' | 'T' | 't' | ' ' | '_' | '.' | '/');
        let of_day = whole.split(['T', 't', ' ']).nth(1).unwrap_or_default();
        if !fraction.bytes().all(|byte| byte.is_ascii_digit()) || of_day.contains('-') {
            return None;
        }
        let mut fields = [Field::Year, Field::Month, Field::Day, Field::Hour, Field::Minute, Field::Second].into_iter();
        let mut date = Date::default();
        for token in whole.split(is_separator) {
            let mut token = token;
            if token.len() == 1 && date.year.is_some() {
                date.set(fields.next()?, token)?;
                continue;
            }
            while !token.is_empty() || date.year.is_none() {
                let field = fields.next()?;
                let digits = token.get(..field.digits())?;
                date.set(field, digits)?;
                token = &token[field.digits()..];
            }
        }
        date.span()
    }
}

#[derive(Debug, Default)]
struct Date {
    year: Option<u32>,
    month: Option<u32>,
    day: Option<u32>,
    day_of_year: Option<u32>,
    hour: Option<u32>,
    minute: Option<u32>,
    second: Option<u32>,
}

impl Date {
    /// `None` if these are no digits, or say something else than was said before.
    fn set(&mut self, field: Field, digits: &str) -> Option<()> {
        let value = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
        let place = match field {
            Field::Year => &mut self.year,
            Field::Month => &mut self.month,
            Field::Day => &mut self.day,
            Field::DayOfYear => &mut self.day_of_year,
            Field::Hour => &mut self.hour,
            Field::Minute => &mut self.minute,
            Field::Second => &mut self.second,
        };
        (*place.get_or_insert(value) == value).then_some(())
    }

    fn first_day(&self) -> Option<NaiveDate> {
        let year = i32::try_from(self.year?).ok()?;
        if let Some(day) = self.day_of_year {
            return NaiveDate::from_yo_opt(year, day);
        }
        let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        NaiveDate::from_ymd_opt(year, month, day).or_else(|| {
            let is_of_a_model = month == 2 && (29..=30).contains(&day);
            is_of_a_model.then(|| NaiveDate::from_ymd_opt(year, 3, 1)?.pred_opt()).flatten()
        })
    }

    fn span(&self) -> Option<Span> {
        let day = self.first_day()?;
        let (hour, minute, second) = (self.hour.unwrap_or(0), self.minute.unwrap_or(0), self.second.unwrap_or(0));
        let first = day.and_hms_opt(hour, minute, second)?.and_utc();
        let next = match self {
            Self { second: Some(_), .. } => return Some((first, first)),
            Self { minute: Some(_), .. } => first.checked_add_signed(TimeDelta::minutes(1)),
            Self { hour: Some(_), .. } => first.checked_add_signed(TimeDelta::hours(1)),
            Self { day: Some(_), .. } | Self { day_of_year: Some(_), .. } => first.checked_add_days(Days::new(1)),
            Self { month: Some(_), .. } => first.checked_add_months(Months::new(1)),
            _ => first.checked_add_months(Months::new(12)),
        };
        Some((first, next?.checked_sub_signed(TimeDelta::seconds(1))?))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn shown(span: Option<Span>) -> Option<String> {
        let text = |instant: DateTime<Utc>| instant.format("%Y-%m-%dT%H:%M:%S").to_string();
        span.map(|(first, last)| format!("{} {}", text(first), text(last)))
    }

    #[test]
    fn dates_stand_for_all_of_the_time_that_they_name() {
        for (format, text, expected) in [
            ("%Y", "1850", Some("1850-01-01T00:00:00 1850-12-31T23:59:59")),
            ("%Y%m", "202002", Some("2020-02-01T00:00:00 2020-02-29T23:59:59")),
            ("%Y%m%d", "20200229", Some("2020-02-29T00:00:00 2020-02-29T23:59:59")),
            ("%d.%m.%Y", "05.06.1999", Some("1999-06-05T00:00:00 1999-06-05T23:59:59")),
            ("%Y%j", "2020366", Some("2020-12-31T00:00:00 2020-12-31T23:59:59")),
            ("%Y%m%dT%H", "20200131T23", Some("2020-01-31T23:00:00 2020-01-31T23:59:59")),
            ("%Y%m%d%H%M", "202001312359", Some("2020-01-31T23:59:00 2020-01-31T23:59:59")),
            ("%Y-%m-%d %H:%M:%S", "2020-01-31 01:02:03", Some("2020-01-31T01:02:03 2020-01-31T01:02:03")),
            ("v%Y%%", "v2020%", Some("2020-01-01T00:00:00 2020-12-31T23:59:59")),
            // 360_day.
            ("%Y%m%d", "19990230", Some("1999-02-28T00:00:00 1999-02-28T23:59:59")),
            ("%Y%m%d", "19990431", None),
            ("%Y%m%d", "19991301", None),
            ("%Y%m%d", "1999120", None),
            ("%Y%m%d", "199912011", None),
            ("%Y%m%d", "+9991201", None),
            ("%Y%j", "2019366", None),
        ] {
            assert_eq!(shown(TimeFormat::parse(format).unwrap().read(text)).as_deref(), expected, "{format} {text}");
        }
    }

    #[test]
    fn formats_are_guessed_by_their_digits() {
        for (text, expected) in [
            ("1850", Some("1850-01-01T00:00:00 1850-12-31T23:59:59")),
            ("185012", Some("1850-12-01T00:00:00 1850-12-31T23:59:59")),
            ("18501231", Some("1850-12-31T00:00:00 1850-12-31T23:59:59")),
            ("1850-1-2", Some("1850-01-02T00:00:00 1850-01-02T23:59:59")),
            ("20200131T235958Z", Some("2020-01-31T23:59:58 2020-01-31T23:59:58")),
            ("2020-01-31T23:59:58+01:00", Some("2020-01-31T22:59:58 2020-01-31T22:59:58")),
            ("2020-01-31 06:30 UTC", Some("2020-01-31T06:30:00 2020-01-31T06:30:59")),
            ("2020-01-31 06:30:05.250", Some("2020-01-31T06:30:05 2020-01-31T06:30:05")),
            ("2020-01-31T00-05", None),
            ("2020-01-31T00:00+05", None),
            ("yesterday", None),
            ("", None),
            ("20", None),
            ("20200", None),
            ("2020-01-31T01:02:03:04", None),
        ] {
            assert_eq!(shown(TimeFormat::guess(text)).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_format_says_why() {
        for (format, reason) in [
            ("%m%d", "has no %Y"),
            ("%Y%d", "%d without %m"),
            ("%Y%m%H", "%H without %d"),
            ("%Y%q", "holds %q"),
            ("%Y%", "holds %;"),
        ] {
            let error = TimeFormat::parse(format).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_upsets_it(format: String, text: String) {
            let _ = TimeFormat::guess(&text);
            let _ = TimeFormat::parse(&format).map(|format| format.read(&text));
        }

        #[test]
        fn chrono_agrees(seconds in -60_000_000_000i64..200_000_000_000) {
            let instant = DateTime::from_timestamp(seconds, 0).unwrap();
            let format = "%Y%m%d%H%M%S";
            let read = TimeFormat::parse(format).unwrap().read(&instant.format(format).to_string());
            prop_assert_eq!(read, Some((instant, instant)));
            prop_assert_eq!(TimeFormat::guess(&instant.format(format).to_string()), Some((instant, instant)));
        }
    }
}
