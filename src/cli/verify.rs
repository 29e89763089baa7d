//! `altostac verify`

use clap::Args;

use super::printer::Printer;
use super::progress::Bar;
use super::{Failure, ItemArgs, Outcome, RecipeArgs};
use crate::model::{ContentReport, VerificationReport};
use crate::pipeline::{
    Reader, SourceState, SourcesReport, VerifiedItem, VerifyOptions, VerifyReport, check_sources, verify,
};

/// Check again what stands in the output against the sources as they are now
#[derive(Debug, Args)]
#[command(after_help = "Every reference and all metadata are compared; of the values a sample, another one each time.
What --every-value reads of the sources it remembers as digests, and compares with those of an earlier run.

Examples:
  altostac verify recipe.yaml
  altostac verify recipe.yaml --sources            a cheap look every night: which sources changed or vanished
  altostac verify recipe.yaml --every-value --jobs 8
  altostac verify recipe.yaml --reader libhdf5     a second pair of eyes, if built with the feature libhdf5")]
pub(super) struct Verify {
    #[command(flatten)]
    recipe: RecipeArgs,
    #[command(flatten)]
    items: ItemArgs,
    /// Compare all values, not a sample
    #[arg(long)]
    every_value: bool,
    /// Only look whether each source is what it was, by size and time or entity tag; none is opened
    #[arg(long, conflicts_with_all = ["every_value", "reader"])]
    sources: bool,
    /// Who reads the sources
    #[arg(long, value_enum, default_value_t)]
    reader: Reader,
}

impl Verify {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Failure> {
        let workspace = self.recipe.look_at()?;
        if self.sources {
            let report = check_sources(&workspace, &self.items.items, &Bar::default())?;
            printer.answer(&report, || source_lines(&report))?;
            return Ok(Outcome::of(report.is_success()));
        }
        let options = VerifyOptions {
            items: self.items.items,
            every_value: self.every_value,
            reader: self.reader,
            jobs: self.items.jobs,
        };
        let report = verify(&workspace, &options, &Bar::default())?;
        printer.answer(&report, || lines(&report))?;
        for item in &report.items {
            if let Some(error) = &item.error {
                printer.item_failure(&item.id, error);
            }
        }
        Ok(Outcome::of(report.is_success()))
    }
}

/// A line for each source that is not what it was, under its item.
fn source_lines(report: &SourcesReport) -> Vec<String> {
    let mut lines = Vec::new();
    for item in &report.stale {
        lines.push(format!("stale    {} r{}", item.id, item.revision));
        lines.extend(item.sources.iter().map(|source| {
            let word = match source.state {
                SourceState::Changed => "changed",
                SourceState::Vanished => "vanished",
                SourceState::Unknown => "unknown",
            };
            let references = match source.references {
                Some(references) => format!("{references} references"),
                None => "references unknown".into(),
            };
            let (file, expected, found) = (&source.file, &source.expected, &source.found);
            format!("  {word:<8} {file} ({references}): expected {expected}, found {found}")
        }));
    }
    let (sources, references) = report.totals();
    lines.push(format!(
        "{}: {sources} of {} sources of {} items are not what they were; {references} references lead to them ({:.1} s)",
        report.collection, report.sources, report.items, report.elapsed_s
    ));
    lines
}

fn lines(report: &VerifyReport) -> Vec<String> {
    let mut lines: Vec<String> = report.items.iter().flat_map(differences).collect();
    let good = report.items.iter().filter(|item| item.verified).count();
    lines.push(format!(
        "{}: {good} of {} items equal their sources in {:.1} s",
        report.collection,
        report.items.len(),
        report.elapsed_s
    ));
    lines.push(format!("compared {}", compared(report)));
    lines.extend(digests(report));
    lines
}

/// What was looked at, and how much of it.
fn compared(report: &VerifyReport) -> String {
    let reports = || report.items.iter().flat_map(|item| &item.reports);
    let sum = |count: fn(&VerificationReport) -> u64| reports().map(count).sum::<u64>();
    format!(
        "{} files, {} variables, {} attributes, {} references, {} inlined and {} missing chunks; \
         values of {} chunks ({} bytes with the inlined ones)",
        sum(|report| report.files),
        sum(|report| report.variables),
        sum(|report| report.attributes),
        sum(|report| report.references),
        sum(|report| report.inlined_chunks),
        sum(|report| report.missing_chunks),
        sum(|report| report.sampled_chunks),
        sum(|report| report.value_bytes),
    )
}

/// What the bytes of the sources were compared with.
fn digests(report: &VerifyReport) -> Vec<String> {
    let sum = |count: fn(&ContentReport) -> u64| report.items.iter().map(|item| count(&item.content)).sum::<u64>();
    let (files, bytes) = (sum(|content| content.files), sum(|content| content.bytes));
    let mut lines = Vec::new();
    if files > 0 {
        lines.push(format!("compared {bytes} bytes of {files} files with digests taken earlier"));
    }
    match (sum(|content| content.taken), sum(|content| content.without_digests)) {
        (0, 0) => {}
        (0, without) => lines.push(format!("{without} files have no digests of their bytes: --every-value takes them")),
        (taken, _) => lines.push(format!("took digests of the bytes of {taken} files, which had none")),
    }
    lines
}

/// The differences of one item, a line each.
fn differences(item: &VerifiedItem) -> Vec<String> {
    let text = |difference: &serde_json::Value, key: &str| {
        difference.get(key).and_then(serde_json::Value::as_str).map(str::to_owned)
    };
    let line = |difference: &serde_json::Value| {
        let place: Vec<String> = ["variable", "chunk", "file"].iter().filter_map(|key| text(difference, key)).collect();
        format!(
            "differs  {} {}: expected {}, found {}",
            item.id,
            place.join(" "),
            text(difference, "expected").unwrap_or_default(),
            text(difference, "found").unwrap_or_default()
        )
    };
    let all: Vec<String> = item.differences.iter().map(line).collect();
    let mut shown: Vec<String> = all.iter().take(20).cloned().collect();
    let more = item.difference_count.saturating_sub(shown.len() as u64);
    if more > 0 {
        shown.push(format!("differs  {} … and {more} more differences", item.id));
    }
    shown
}
