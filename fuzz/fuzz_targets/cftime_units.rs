//! Units, calendars and numbers: what is decoded is encoded to the same instant.
#![no_main]

use altostac::cftime::{Calendar, TimeUnits};

/// The number of a calendar, numbers, the name of a calendar (if it has no number), units.
type Input<'a> = (u8, i64, i32, f64, &'a str, &'a str);

const CALENDARS: [&str; 9] =
    ["standard", "gregorian", "proleptic_gregorian", "julian", "noleap", "365_day", "all_leap", "360_day", "none"];

libfuzzer_sys::fuzz_target!(|input: Input| {
    let (calendar, whole, small, float, name, text) = input;
    let name = CALENDARS.get(usize::from(calendar)).copied().unwrap_or(name);
    let Ok(calendar) = Calendar::parse(name) else { return };
    let Ok(units) = TimeUnits::parse(text, calendar) else { return };
    for value in [whole, i64::from(small)] {
        let Ok(instant) = units.decode_i64(value) else { continue };
        assert_eq!(units.encode_i64(instant), Some(value), "{} {value}", units.text());
        let date = calendar.date_time(instant);
        assert_eq!(calendar.instant(&date).ok(), Some(instant), "{date:?}");
        let _ = calendar.nearest_real(instant);
        let exact = TimeUnits::coarsest_exact([instant, units.epoch()], units.epoch(), calendar);
        let number = exact.encode_i64(instant);
        assert_eq!(number.and_then(|number| exact.decode_i64(number).ok()), Some(instant), "{}", exact.text());
        let again = TimeUnits::parse(exact.text(), calendar);
        assert!(again.as_ref().is_ok_and(|again| again.is_equivalent(&exact)), "{} {again:?}", exact.text());
    }
    for value in [float, f64::from(small) / 8.0] {
        let Ok(instant) = units.decode_f64(value) else { continue };
        if let Some(encoded) = units.encode_f64(instant) {
            assert_eq!(units.decode_f64(encoded).ok(), Some(instant), "{} {value}", units.text());
        }
    }
});
