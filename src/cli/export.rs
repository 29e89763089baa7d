//! `altostac export`

use std::path::PathBuf;

use clap::Args;

use super::printer::Printer;
use super::{Failure, Outcome, RecipeArgs};
use crate::pipeline::export;

/// Write a table of all items of the static catalogue: STAC-GeoParquet, for DuckDB, pandas, rustac
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  altostac export recipe.yaml --to items.parquet
  duckdb -c \"SELECT id, bbox.xmin, assets.reference_file.href FROM 'items.parquet' LIMIT 5\"")]
pub(super) struct Export {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// The file to write; one that stands there is replaced
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

impl Export {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Failure> {
        let report = export(&self.recipe.look_at()?, &self.to)?;
        printer.answer(&report, || vec![format!("{}: {} items, {} bytes", report.path, report.items, report.size)])?;
        for field in &report.mixed {
            printer.warning(&format!("{field}: its values are of several kinds: the column is of texts"));
        }
        Ok(Outcome::Done)
    }
}
