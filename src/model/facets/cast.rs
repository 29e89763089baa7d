//! Texts as numbers, truth values and dates.

use std::fmt;

use chrono::format::{Parsed, StrftimeItems, parse};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use serde_json::{Number, Value};

use super::text;

/// The type that a facet's value becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CastKind {
    /// A text.
    Text,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// `true`, `yes`, `on` or `1`; `false`, `no`, `off` or `0`.
    Bool,
    /// A date and time.
    Date,
}

/// How a facet's value takes another type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cast {
    /// The type.
    pub kind: CastKind,
    /// Of dates: how they are written, in the letters of strftime; without one RFC 3339 or a date.
    pub format: Option<String>,
    /// Of dates: how they are written then; without one RFC 3339.
    pub written: Option<String>,
}

impl fmt::Display for Cast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            CastKind::Text => "a text",
            CastKind::Int => "a whole number",
            CastKind::Float => "a number",
            CastKind::Bool => "a truth value",
            CastKind::Date => "a date",
        })?;
        match &self.format {
            Some(format) => write!(f, " ({format})"),
            None => Ok(()),
        }
    }
}

impl Cast {
    /// A cast without formats.
    pub fn to(kind: CastKind) -> Self {
        Self { kind, format: None, written: None }
    }

    /// The value in its new type; `None` if it cannot take it.
    ///
    /// ```
    /// use altostac::model::facets::{Cast, CastKind};
    /// use serde_json::json;
    /// assert_eq!(Cast::to(CastKind::Int).value(&json!("007")), Some(json!(7)));
    /// assert_eq!(Cast::to(CastKind::Int).value(&json!("7.5")), None);
    /// let day = Cast { format: Some("%Y%m%d".into()), ..Cast::to(CastKind::Date) };
    /// assert_eq!(day.value(&json!("20200131")), Some(json!("2020-01-31T00:00:00Z")));
    /// ```
    pub fn value(&self, value: &Value) -> Option<Value> {
        if let (Value::Array(values), true) = (value, self.kind != CastKind::Text) {
            return values.iter().map(|value| self.value(value)).collect();
        }
        let words = text(value);
        let words = words.trim();
        match self.kind {
            CastKind::Text => Some(Value::String(text(value))),
            CastKind::Int => match value {
                Value::Bool(value) => Some(Value::from(i64::from(*value))),
                Value::Number(number) if number.is_f64() => whole(number.as_f64()?),
                _ => words.parse::<i64>().ok().map(Value::from),
            },
            CastKind::Float => words.parse().ok().and_then(Number::from_f64).map(Value::Number),
            CastKind::Bool => match words.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Some(Value::Bool(true)),
                "false" | "no" | "off" | "0" => Some(Value::Bool(false)),
                _ => None,
            },
            CastKind::Date => {
                let instant = match &self.format {
                    Some(format) => by_format(words, format)?,
                    None => instant(words)?,
                };
                let format = self.written.as_deref().unwrap_or("%Y-%m-%dT%H:%M:%S%.fZ");
                // A date that cannot be written so is no date.
                let mut written = String::new();
                fmt::Write::write_fmt(&mut written, format_args!("{}", instant.format(format))).ok()?;
                Some(Value::String(written))
            }
        }
    }
}

/// Python truncates too.
#[allow(clippy::cast_possible_truncation)] // Within the range by the test before.
fn whole(number: f64) -> Option<Value> {
    (number.abs() < 9e15).then(|| Value::from(number.trunc() as i64))
}

fn instant(words: &str) -> Option<NaiveDateTime> {
    let with_zone = DateTime::parse_from_rfc3339(words).ok().map(|instant| instant.naive_utc());
    with_zone
        .or_else(|| words.parse::<NaiveDateTime>().ok())
        .or_else(|| words.parse::<NaiveDate>().ok().map(|day| day.and_time(NaiveTime::MIN)))
}

/// What a format leaves open is the first: of January, of the month, of the day.
fn by_format(words: &str, format: &str) -> Option<NaiveDateTime> {
    let mut parsed = Parsed::new();
    parse(&mut parsed, words, StrftimeItems::new(format)).ok()?;
    if parsed.ordinal().is_none() && parsed.timestamp().is_none() {
        if parsed.month().is_none() {
            parsed.set_month(1).ok()?;
        }
        if parsed.day().is_none() {
            parsed.set_day(1).ok()?;
        }
    }
    if let Some(seconds) = parsed.timestamp() {
        return DateTime::from_timestamp(seconds, 0).map(|instant| instant.naive_utc());
    }
    let day = parsed.to_naive_date().ok()?;
    let mut time = NaiveTime::MIN;
    if parsed.hour_mod_12().is_some() {
        if parsed.hour_div_12().is_none() {
            parsed.set_ampm(false).ok()?;
        }
        if parsed.minute().is_none() {
            parsed.set_minute(0).ok()?;
        }
        time = parsed.to_naive_time().ok()?;
    }
    let offset = TimeDelta::seconds(parsed.offset().unwrap_or(0).into());
    day.and_time(time).checked_sub_signed(offset)
}

/// Whether a text is a format of dates.
pub(crate) fn is_format(text: &str) -> bool {
    !StrftimeItems::new(text).any(|item| matches!(item, chrono::format::Item::Error))
}
