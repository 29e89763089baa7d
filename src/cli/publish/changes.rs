//! What publishing changes, for people: a line for each record, and in a dry run one for each field.

use serde_json::Value;

use crate::cli::printer::printable;
use crate::publish::{Difference, PublishReport, PublishStatus};

/// Values are shown up to so many characters.
const VALUE_LIMIT: usize = 100;

const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";

/// The outcome of a publication, for people.
pub(in crate::cli) fn lines(report: &PublishReport, colours: bool) -> Vec<String> {
    let paint = |text: &str, colour| if colours { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() };
    let mut lines = Vec::new();
    for record in &report.records {
        let (word, colour) = match record.status {
            PublishStatus::Created => ("created", GREEN),
            PublishStatus::Updated => ("updated", YELLOW),
            PublishStatus::Removed => ("removed", RED),
            PublishStatus::Unchanged | PublishStatus::Failed => continue,
        };
        lines.push(format!("{} {} {}", paint(&format!("{word:<8}"), colour), record.kind, printable(&record.id)));
        if report.dry_run {
            lines.extend(record.differences.iter().map(|difference| change(difference, &paint)));
        }
    }
    let counts = &report.counts;
    let would = if report.dry_run { " would be" } else { "" };
    lines.push(format!(
        "{}{would}: {} created, {} updated, {} unchanged, {} removed, {} failed",
        report.api, counts.created, counts.updated, counts.unchanged, counts.removed, counts.failed
    ));
    lines
}

/// One field: what the API has, and what takes its place.
fn change(difference: &Difference, paint: &dyn Fn(&str, &'static str) -> String) -> String {
    let pointer = printable(&difference.pointer);
    let (old, new) = (difference.theirs.as_ref().map(shown), difference.ours.as_ref().map(shown));
    let (sign, values) = match (old, new) {
        (Some(old), Some(new)) => ("~", format!("{} → {}", paint(&old, RED), paint(&new, GREEN))),
        (None, Some(new)) => ("+", paint(&new, GREEN)),
        (Some(old), None) => ("-", paint(&old, RED)),
        (None, None) => ("~", String::new()),
    };
    format!("  {sign} {pointer}: {values}")
}

/// A value in one line, without what could steer a terminal.
fn shown(value: &Value) -> String {
    let text = printable(&value.to_string());
    if text.chars().count() > VALUE_LIMIT {
        return text.chars().take(VALUE_LIMIT - 1).chain(['…']).collect();
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::RecordKind;
    use crate::publish::RecordReport;

    fn report() -> PublishReport {
        let difference = |pointer: &str, theirs: Option<Value>, ours: Option<Value>| Difference {
            pointer: pointer.into(),
            theirs,
            ours,
        };
        let differences = vec![
            difference("/properties/n", Some(json!(1)), Some(json!("two\u{1b}[0m\u{9b}"))),
            difference("/assets/new", None, Some(json!({"href": "x".repeat(200)}))),
            difference("/old", Some(json!(null)), None),
        ];
        let record = RecordReport {
            kind: RecordKind::Item,
            id: "a".into(),
            status: PublishStatus::Updated,
            http_status: None,
            message: None,
            differences,
        };
        PublishReport::of("http://api/", true, vec![record])
    }

    #[test]
    fn a_dry_run_shows_what_stands_there_and_what_would_take_its_place() {
        let lines = lines(&report(), false);
        assert_eq!(lines[0], "updated  item a");
        assert_eq!(lines[1], "  ~ /properties/n: 1 → \"two\\u001b[0m\u{fffd}\"");
        assert!(lines[2].starts_with("  + /assets/new: {\"href\":\"xx") && lines[2].ends_with('…'), "{}", lines[2]);
        assert_eq!(lines[3], "  - /old: null");
        assert_eq!(lines[4], "http://api/ would be: 0 created, 1 updated, 0 unchanged, 0 removed, 0 failed");
    }

    #[test]
    fn colours_are_for_terminals() {
        assert!(lines(&report(), false).iter().all(|line| !line.contains('\u{1b}')));
        let coloured = lines(&report(), true);
        assert_eq!(
            coloured[1],
            "  ~ /properties/n: \u{1b}[31m1\u{1b}[0m → \u{1b}[32m\"two\\u001b[0m\u{fffd}\"\u{1b}[0m"
        );
    }
}
