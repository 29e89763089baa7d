//! Agreement with Python's cftime, from the table that `tests/oracles/cftime_cases.py` printed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde::Deserialize;

use super::{Calendar, DateTime, Instant, TimeError, TimeUnits};

type Fields = (i32, u32, u32, u32, u32, u32, u32);

#[derive(Deserialize)]
struct Table {
    cases: Vec<(String, String, char, String, Fields)>,
    refused: Vec<(String, String, char, String)>,
    long_double: Vec<(String, String, char, String, Fields)>,
    encoded: Vec<(String, String, Fields, char, String)>,
}

fn table() -> Table {
    serde_json::from_str(include_str!("../../tests/data/cftime_cases.json")).unwrap()
}

fn date((year, month, day, hour, minute, second, microsecond): Fields) -> DateTime {
    DateTime { year, month, day, hour, minute, second, microsecond }
}

fn decode(calendar: &str, units: &str, kind: char, value: &str) -> Result<(Calendar, Instant), TimeError> {
    let calendar = Calendar::parse(calendar)?;
    let units = TimeUnits::parse(units, calendar)?;
    let instant = match kind {
        'i' => units.decode_i64(value.parse().unwrap()),
        _ => units.decode_f64(value.parse().unwrap()),
    }?;
    Ok((calendar, instant))
}

#[test]
fn every_date_is_that_of_cftime() {
    let cases = table().cases;
    assert!(cases.len() >= 1_500, "{} cases", cases.len());
    let mut differing = Vec::new();
    for (calendar, units, kind, value, fields) in cases {
        let found = decode(&calendar, &units, kind, &value);
        let expected = date(fields);
        let agrees = found.as_ref().is_ok_and(|(calendar, instant)| {
            calendar.date_time(*instant) == expected && calendar.instant(&expected) == Ok(*instant)
        });
        if !agrees {
            let found =
                found.map_or_else(|error| error.to_string(), |(calendar, at)| calendar.date_time(at).to_string());
            differing.push(format!("{value} {units} in {calendar}: cftime {expected}, here {found}"));
        }
    }
    assert!(differing.is_empty(), "{} differ:\n{}", differing.len(), differing.join("\n"));
}

#[test]
fn what_cftime_refuses_is_refused() {
    for (calendar, units, kind, value) in table().refused {
        let found = decode(&calendar, &units, kind, &value);
        assert!(found.is_err(), "{value} {units} in {calendar}: {found:?}");
    }
}

#[test]
fn long_doubles_miss_the_nearest_microsecond_by_one() {
    let cases = table().long_double;
    assert!(!cases.is_empty());
    for (calendar, units, kind, value, fields) in cases {
        let (calendar, instant) = decode(&calendar, &units, kind, &value).unwrap();
        let oracle = calendar.instant(&date(fields)).unwrap();
        assert_eq!(instant.microseconds().abs_diff(oracle.microseconds()), 1, "{value} {units}");
    }
}

#[test]
fn dates_are_encoded_as_cftime_encodes_them() {
    for (calendar, text, fields, kind, value) in table().encoded {
        let calendar = Calendar::parse(&calendar).unwrap();
        let units = TimeUnits::parse(&text, calendar).unwrap();
        let instant = calendar.instant(&date(fields)).unwrap();
        match kind {
            'i' => assert_eq!(units.encode_i64(instant), Some(value.parse().unwrap()), "{text}"),
            _ => {
                let value: f64 = value.parse().unwrap();
                assert_eq!(units.encode_i64(instant), None, "{text}");
                let exact = units.decode_f64(value) == Ok(instant);
                assert_eq!(units.encode_f64(instant), exact.then_some(value), "{text}");
            }
        }
    }
}
