//! `altostac new`

use std::path::PathBuf;

use clap::Args;

use super::printer::Printer;
use super::{Failure, Outcome, new_from_stac_generator};

/// Write a first recipe
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  altostac new --from-stac-generator item-recipe.yaml -o recipe.yaml

What could not be carried over is said on standard error, and stands in the recipe as a comment.")]
pub(super) struct New {
    /// Convert a recipe of CEDA's stac-generator
    #[arg(long, value_name = "RECIPE.yaml", required = true)]
    from_stac_generator: Option<PathBuf>,
    /// Where the recipe goes; - for standard output
    #[arg(long, short, value_name = "FILE", default_value = "recipe.yaml")]
    output: PathBuf,
    /// Replace a recipe that is there
    #[arg(long)]
    force: bool,
}

impl New {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Failure> {
        let Some(file) = &self.from_stac_generator else {
            return Err(Failure::Request("there is nothing to make a recipe of".into()));
        };
        new_from_stac_generator::run(file, &self.output, self.force, printer)
    }
}
