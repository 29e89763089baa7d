//! The step that files say their times have: `frequency` and `table_id` of CMIP, `time_coverage_resolution` of ACDD.

use crate::model::{FileIndex, attribute};

const DAY: f64 = 86_400e6;

/// A step between times, in microseconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    /// On average.
    pub(super) usual: f64,
    /// At most.
    pub(super) longest: f64,
    /// In words.
    pub(super) name: String,
}

/// The step that all files agree on.
pub(super) fn stated(files: &[&FileIndex]) -> Option<Step> {
    let first = of(files.first()?)?;
    files.iter().all(|file| of(file).as_ref() == Some(&first)).then_some(first)
}

fn of(file: &FileIndex) -> Option<Step> {
    let text = |name: &str| attribute::text(&file.root.attributes, name);
    let of_table = |table: &str| {
        let is_hours = |word: &str| word.find("hr").and_then(|at| Some(format!("{}hr", word[..at].chars().last()?)));
        is_hours(table)
            .or_else(|| ["mon", "day", "yr", "dec"].into_iter().find(|end| table.ends_with(end)).map(Into::into))
    };
    text("frequency")
        .and_then(frequency)
        .or_else(|| text("time_coverage_resolution").and_then(duration))
        .or_else(|| text("table_id").and_then(|table| frequency(&of_table(table)?)))
}

/// `mon`, `day`, `3hr`, `6hrPt`, …; `fx` and what is not known have no step.
fn frequency(word: &str) -> Option<Step> {
    let word = word.strip_suffix("Pt").unwrap_or(word);
    let (usual, longest) = match word {
        "dec" => (3652.5, 3653.0),
        "yr" | "year" => (365.25, 366.0),
        "mon" | "month" => (30.436_875, 31.0),
        "day" => (1.0, 1.0),
        hours => {
            let hours: u32 = hours.strip_suffix("hr")?.parse().ok().filter(|hours| (1..=24).contains(hours))?;
            (f64::from(hours) / 24.0, f64::from(hours) / 24.0)
        }
    };
    Some(Step { usual: usual * DAY, longest: longest * DAY, name: word.to_owned() })
}

/// `P1D`, `P1M`, `PT3H`: one number and one unit of ISO 8601.
fn duration(text: &str) -> Option<Step> {
    let rest = text.strip_prefix('P')?;
    let (rest, is_time) = rest.strip_prefix('T').map_or((rest, false), |rest| (rest, true));
    let unit = rest.chars().last()?;
    let count: u32 = rest.strip_suffix(unit)?.parse().ok().filter(|count| *count > 0)?;
    let (usual, longest) = match (is_time, unit) {
        (false, 'Y') => (365.25, 366.0),
        (false, 'M') => (30.436_875, 31.0),
        (false, 'W') => (7.0, 7.0),
        (false, 'D') => (1.0, 1.0),
        (true, 'H') => (1.0 / 24.0, 1.0 / 24.0),
        (true, 'M') => (1.0 / 1440.0, 1.0 / 1440.0),
        (true, 'S') => (1.0 / 86_400.0, 1.0 / 86_400.0),
        _ => return None,
    };
    let times = f64::from(count) * DAY;
    Some(Step { usual: usual * times, longest: longest * times, name: text.to_owned() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn steps_that_archives_state() {
        let days = |step: Option<Step>| step.map(|step| step.longest / DAY);
        assert_eq!(days(frequency("mon")), Some(31.0));
        assert_eq!(days(frequency("6hrPt")), Some(0.25));
        assert_eq!(days(duration("P1D")), Some(1.0));
        assert_eq!(days(duration("PT3H")), Some(0.125));
        for nothing in ["fx", "subhr", "0hr", "hr", ""] {
            assert_eq!(frequency(nothing), None, "{nothing}");
        }
        for nothing in ["P1DT12H", "1D", "P", "PD", "PT1D"] {
            assert_eq!(duration(nothing), None, "{nothing}");
        }
    }
}
