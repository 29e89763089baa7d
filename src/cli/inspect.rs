//! `altostac inspect`

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::printer::Printer;
use super::{Failure, Outcome};
use crate::model::{SourceUrl, shown_url};
use crate::pipeline::{InspectReport, inspect, inspect_kerchunk};
use crate::storage::remote::is_remote;

/// Show what a file holds: as ncdump -h, with chunks, codecs, CF roles and coverage
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  altostac inspect tas_Amon_UKESM1-0-LL_historical_r1i1p1f2_gn_185001-194912.nc
  altostac inspect tas.nc --json | jq .variables.tas
  altostac inspect s3://bucket/tas.nc                // http, https, gs, az too; credentials from the environment
  altostac inspect tas.nc --kerchunk > tas.json     # then xr.open_dataset(\"tas.json\", engine=\"kerchunk\")")]
pub(super) struct Inspect {
    /// The file: a path or a URL (file, http, https, s3, gs, az)
    #[arg(value_name = "FILE|URL")]
    file: PathBuf,
    /// Print Kerchunk references (version 1) of this one file; what they leave out is named on standard error
    #[arg(long)]
    kerchunk: bool,
}

impl Inspect {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Failure> {
        let file = source(&self.file)?;
        let failed = |error: crate::model::ItemError| Failure::Item { message: error.message };
        if self.kerchunk {
            let mut out = io::BufWriter::new(io::stdout().lock());
            let notes = inspect_kerchunk(&file, &mut out).map_err(failed)?;
            writeln!(out)?;
            out.flush()?;
            for note in notes {
                printer.warning(&note.message);
            }
            return Ok(Outcome::Done);
        }
        let report = inspect(&file).map_err(failed)?;
        printer.answer(&report, || lines(&report))?;
        Ok(Outcome::Done)
    }
}

/// The URL of a file, given as a path or as a URL.
fn source(file: &Path) -> Result<SourceUrl, Failure> {
    let text = file.to_string_lossy();
    if !text.contains("://") {
        let absolute = std::path::absolute(file);
        let absolute = absolute.map_err(|error| Failure::Request(format!("{text} cannot be read: {error}")))?;
        let url = SourceUrl::from_path(absolute);
        return url.ok_or_else(|| Failure::Request(format!("{text} cannot be read: expected a path")));
    }
    let url = url::Url::parse(&text).map_err(|error| Failure::Request(format!("{text} is no URL: {error}")))?;
    if !is_remote(&url) && (url.scheme() != "file" || url.to_file_path().is_err()) {
        let schemes = "file, http, https, s3, gs or az";
        return Err(Failure::Request(format!(
            "{} cannot be read: expected a path or a URL with {schemes}",
            shown_url(&url)
        )));
    }
    Ok(SourceUrl::new(url))
}

fn lines(report: &InspectReport) -> Vec<String> {
    let mut lines = vec![format!("{} ({}, {} bytes)", report.path, report.format, report.size)];
    report.group.lines(0, &mut lines);
    if let Some(coverage) = &report.coverage {
        lines.push(format!("coverage: {coverage}"));
    }
    if let Some(reason) = &report.no_coverage {
        lines.push(format!("coverage: unknown: {reason}"));
    }
    lines.extend(report.notes.iter().map(|note| format!("note: {}", note.message)));
    lines.iter().map(|line| super::printer::printable(line)).collect()
}
