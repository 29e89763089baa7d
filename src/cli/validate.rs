//! `altostac validate`

use std::path::{Path, PathBuf};

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::printer::Printer;
use super::{Failure, Outcome, RecipeArgs};
use crate::pipeline::{lint_folder, lint_recipe};
use crate::validate::lint::{Finding, LintReport, Severity};

/// Check a catalogue: schemas, links, extents, summaries, media types, all without a network
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  altostac validate published                     a folder with catalog.json or collection.json
  altostac validate recipe.yaml                   a recipe, and the catalogue that it built
  altostac validate published/cmip6/items/a.json  one record
  altostac validate published --json | jq '.findings[] | select(.severity == \"error\")'

Exit status 1 if there are errors; warnings do not count.")]
pub(super) struct Validate {
    /// A catalogue's folder, a record, or a recipe
    #[arg(value_name = "PATH|RECIPE")]
    path: PathBuf,
    /// The folder of the recipe's ledger [default: .altostac/RECIPE beside the recipe]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

/// What `altostac validate` prints with `--json`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ValidateReport {
    /// What was looked at.
    path: String,
    #[serde(flatten)]
    report: LintReport,
}

impl Validate {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Failure> {
        let is_record = self.path.extension().is_some_and(|ending| ending == "json" || ending == "geojson");
        let report = if self.path.is_dir() || is_record {
            lint_folder(&self.path)?
        } else {
            if !self.path.exists() {
                return Err(Failure::Request(format!(
                    "{}: expected a folder, a record or a recipe, found nothing",
                    self.path.display()
                )));
            }
            lint_recipe(&RecipeArgs { recipe: self.path.clone(), state: self.state }.look_at()?)?
        };
        let is_right = report.errors == 0;
        let report = ValidateReport { path: self.path.display().to_string(), report };
        printer.answer(&report, || lines(&self.path, &report.report))?;
        Ok(Outcome::of(is_right))
    }
}

fn lines(path: &Path, report: &LintReport) -> Vec<String> {
    let mut lines: Vec<String> = report.findings.iter().map(line).collect();
    let listed = report.findings.len();
    if report.errors + report.warnings > listed {
        lines.push(format!("… and {} more", report.errors + report.warnings - listed));
    }
    lines.push(format!(
        "{}: {} catalogs, {} collections, {} items: {} errors, {} warnings",
        path.display(),
        report.catalogs,
        report.collections,
        report.items,
        report.errors,
        report.warnings
    ));
    lines.iter().map(|line| super::printer::printable(line)).collect()
}

fn line(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let Finding { record, pointer, expected, found, remedy, .. } = finding;
    let found = if found.is_empty() { String::new() } else { format!(", found {found}") };
    format!("{severity}: {record}#{pointer}: expected {expected}{found}\n  remedy: {remedy}")
}
