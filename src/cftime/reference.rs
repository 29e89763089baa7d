//! The reference time after `since`: `YYYY-MM-DD [hh:mm[:ss[.f]]] [zone]`, as UDUNITS and CF section 4.4 write it.

use super::DateTime;

/// A reference time as written, and how far its clock is ahead of UTC.
#[derive(Debug, PartialEq)]
pub(super) struct Reference {
    pub(super) local: DateTime,
    pub(super) ahead_minutes: i64,
}

/// What was expected where the text stops making sense, and what stands there.
#[derive(Debug, PartialEq)]
pub(super) struct Mismatch {
    pub(super) expected: &'static str,
    pub(super) found: String,
}

/// Reads a reference time. Whether its calendar has the date is not its business.
pub(super) fn parse(text: &str) -> Result<Reference, Mismatch> {
    let mut cursor = Cursor { rest: text.trim() };
    let mut local = cursor.date().ok_or_else(|| cursor.expected("a date as YYYY-MM-DD"))?;
    let separated = cursor.take_one_of(&['T', 't', '_']) | cursor.skip_blanks();
    if cursor.rest.starts_with(|c: char| c.is_ascii_digit()) {
        let before = cursor.rest;
        cursor.clock(&mut local).ok_or(Mismatch { expected: "a time of day as hh:mm:ss", found: before.to_owned() })?;
    } else if !separated && cursor.rest.starts_with(['+', '-']) {
        return Err(cursor.expected("a blank or T before the time of day or zone"));
    }
    cursor.skip_blanks();
    let before = cursor.rest;
    let ahead_minutes =
        cursor.zone().ok_or(Mismatch { expected: "a time zone as Z or +hh:mm", found: before.to_owned() })?;
    Ok(Reference { local, ahead_minutes })
}

struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn expected(&self, expected: &'static str) -> Mismatch {
        Mismatch { expected, found: self.rest.to_owned() }
    }

    fn take_one_of(&mut self, choices: &[char]) -> bool {
        let stripped = self.rest.strip_prefix(choices);
        self.rest = stripped.unwrap_or(self.rest);
        stripped.is_some()
    }

    fn skip_blanks(&mut self) -> bool {
        let before = self.rest.len();
        self.rest = self.rest.trim_start();
        self.rest.len() < before
    }

    /// The digits that stand here, however many.
    fn digits(&mut self) -> &'a str {
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        digits
    }

    /// A number of one or two digits.
    fn small(&mut self) -> Option<u32> {
        let digits = self.digits();
        (digits.len() <= 2).then(|| digits.parse().ok()).flatten()
    }

    fn date(&mut self) -> Option<DateTime> {
        let negative = self.rest.starts_with('-');
        self.take_one_of(&['+', '-']);
        let year: i32 = self.digits().parse().ok()?;
        let month = self.take_one_of(&['-']).then(|| self.small()).flatten()?;
        let day = self.take_one_of(&['-']).then(|| self.small()).flatten()?;
        let year = if negative { -year } else { year };
        Some(DateTime { year, month, day, hour: 0, minute: 0, second: 0, microsecond: 0 })
    }

    fn clock(&mut self, time: &mut DateTime) -> Option<()> {
        let hour = self.digits();
        if !self.take_one_of(&[':']) {
            // UDUNITS reads `6` as six o'clock, cftime as midnight: only what all read alike is taken.
            return (hour.len() <= 6 && is_zero(hour)).then_some(());
        }
        time.hour = (hour.len() <= 2).then(|| hour.parse().ok()).flatten()?;
        time.minute = self.small()?;
        if self.take_one_of(&[':']) {
            time.second = self.small()?;
        }
        if self.take_one_of(&['.']) {
            let digits = self.digits();
            time.microsecond = format!("{digits:0<6.6}").parse().ok()?;
        }
        Some(())
    }

    /// Minutes ahead of UTC; takes all that is left.
    fn zone(&mut self) -> Option<i64> {
        let text = std::mem::take(&mut self.rest);
        if ["", "z", "utc", "gmt"].contains(&text.to_ascii_lowercase().as_str()) {
            return Some(0);
        }
        let Some(offset) = text.strip_prefix(['+', '-']) else {
            return (text.chars().all(|c| matches!(c, '0' | ':'))).then_some(0);
        };
        let (hours, minutes) = match (offset.split_once(':'), offset.len()) {
            (Some((hours, minutes)), _) => (hours, minutes),
            (None, 4) => offset.split_at_checked(2)?,
            (None, _) => (offset, "0"),
        };
        let readable = matches!(hours.len(), 1 | 2) && (minutes.len() == 2 || minutes == "0");
        let digits_only = offset.chars().all(|c| matches!(c, '0'..='9' | ':'));
        if !readable || !digits_only {
            return None;
        }
        let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
        let ahead = hours * 60 + minutes;
        (hours <= 24 && minutes < 60).then_some(if text.starts_with('-') { -ahead } else { ahead })
    }
}

fn is_zero(digits: &str) -> bool {
    digits.chars().all(|digit| digit == '0')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    /// The reference as `date time zone`, or what was expected.
    fn read(text: &str) -> String {
        match parse(text) {
            Ok(reference) => format!("{} {:+}", reference.local, reference.ahead_minutes),
            Err(mismatch) => format!("expected {}, found {:?}", mismatch.expected, mismatch.found),
        }
    }

    #[test]
    fn the_ways_of_writing_a_reference_time() {
        for (text, expected) in [
            ("1850-1-1", "1850-01-01T00:00:00 +0"),
            ("  0001-01-01  ", "0001-01-01T00:00:00 +0"),
            ("-4712-01-01 12:00", "-4712-01-01T12:00:00 +0"),
            ("+1850-12-31", "1850-12-31T00:00:00 +0"),
            ("1949-12-01T00:00:00Z", "1949-12-01T00:00:00 +0"),
            ("1968-05-23 00:00:00 GMT", "1968-05-23T00:00:00 +0"),
            ("2000-01-01_06:30:00", "2000-01-01T06:30:00 +0"),
            ("2000-1-1 6:3:9.5 UTC", "2000-01-01T06:03:09.500000 +0"),
            ("2000-1-1 0:0:0.", "2000-01-01T00:00:00 +0"),
            ("2000-1-1 0:0:1.00000199", "2000-01-01T00:00:01.000001 +0"),
            ("1970-01-01 00:00:00.0 +01:00", "1970-01-01T00:00:00 +60"),
            ("1970-01-01   00:00:00   -0330", "1970-01-01T00:00:00 -210"),
            ("1992-10-8 15:15:42.5 -6:00", "1992-10-08T15:15:42.500000 -360"),
            ("1992-10-8 15:15:42.5 -6", "1992-10-08T15:15:42.500000 -360"),
            ("1850-1-1 +01:30", "1850-01-01T00:00:00 +90"),
            ("1850-01-01 00:00:00 0:00", "1850-01-01T00:00:00 +0"),
            ("1850-01-01T000000", "1850-01-01T00:00:00 +0"),
            ("1850-01-01 0", "1850-01-01T00:00:00 +0"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_no_two_readers_agree_on_is_refused() {
        for (text, expected) in [
            ("", "expected a date as YYYY-MM-DD, found \"\""),
            ("1850", "expected a date as YYYY-MM-DD, found \"\""),
            ("18500101", "expected a date as YYYY-MM-DD, found \"\""),
            ("99999999999-1-1", "expected a date as YYYY-MM-DD, found \"-1-1\""),
            ("1850-1-001", "expected a date as YYYY-MM-DD, found \"\""),
            ("1850-1-1 6", "expected a time of day as hh:mm:ss, found \"6\""),
            ("1850-1-1T12Z", "expected a time of day as hh:mm:ss, found \"12Z\""),
            ("1850-1-1 012:00", "expected a time of day as hh:mm:ss, found \"012:00\""),
            ("1850-1-1+01:30", "expected a blank or T before the time of day or zone, found \"+01:30\""),
            ("1850-1-1 00:00 +100", "expected a time zone as Z or +hh:mm, found \"+100\""),
            ("1850-1-1 00:00 +01:5", "expected a time zone as Z or +hh:mm, found \"+01:5\""),
            ("1850-1-1 00:00 +25:00", "expected a time zone as Z or +hh:mm, found \"+25:00\""),
            (
                "1850-1-1 00:00 +2222222222222222222",
                "expected a time zone as Z or +hh:mm, found \"+2222222222222222222\"",
            ),
            ("1850-1-1 00:00 ++1", "expected a time zone as Z or +hh:mm, found \"++1\""),
            ("1850-1-1 00:00 CET", "expected a time zone as Z or +hh:mm, found \"CET\""),
            ("1850-1-1 noon", "expected a time zone as Z or +hh:mm, found \"noon\""),
            ("1850-1-1 12:00 é", "expected a time zone as Z or +hh:mm, found \"é\""),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_upsets_it(text in "\\PC{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn no_near_miss_upsets_it(text in "[-+]?[0-9]{1,12}-[0-9]{1,3}-[0-9]{1,3}[T _]?[0-9:.]{0,12}[ +é-]{0,2}[0-9:Z]{0,6}") {
            let _ = parse(&text);
        }
    }
}
