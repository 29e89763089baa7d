//! `altostac inspect`

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::printer::Printer;
use super::{Failure, Outcome};
use crate::pipeline::{InspectReport, inspect, inspect_kerchunk};

/// Show what a file holds: as ncdump -h, with chunks, codecs, CF roles and coverage
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  altostac inspect tas_Amon_UKESM1-0-LL_historical_r1i1p1f2_gn_185001-194912.nc
  altostac inspect tas.nc --json | jq .variables.tas
  altostac inspect tas.nc --kerchunk > tas.json     # then xr.open_dataset(\"tas.json\", engine=\"kerchunk\")")]
pub(super) struct Inspect {
    /// The file
    file: PathBuf,
    /// Print Kerchunk references (version 1) of this one file; what they leave out is named on standard error
    #[arg(long)]
    kerchunk: bool,
}

impl Inspect {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Failure> {
        let file = local(&self.file)?;
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

/// The path of a file, given as such or as a `file:` URL.
fn local(file: &Path) -> Result<PathBuf, Failure> {
    let text = file.to_string_lossy();
    if let Ok(url) = url::Url::parse(&text)
        && text.contains("://")
    {
        let path = if url.scheme() == "file" { url.to_file_path().ok() } else { None };
        return path.ok_or_else(|| Failure::Request(format!("{text} cannot be read: expected a path or a file: URL")));
    }
    std::path::absolute(file).map_err(|error| Failure::Request(format!("{text} cannot be read: {error}")))
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
