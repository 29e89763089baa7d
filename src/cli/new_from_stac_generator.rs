//! `altostac new --from-stac-generator`

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::printer::Printer;
use super::{Failure, Outcome};
use crate::convert::{Converted, convert_stac_generator};

/// What `altostac new --from-stac-generator` prints with `--json`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "NewFromStacGenerator")]
pub(super) struct FromStacGenerator {
    /// The file that was written; absent if the recipe was printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recipe: Option<String>,
    /// The text of the recipe.
    pub(super) text: String,
    /// What could not be carried over, or is not quite the same.
    pub(super) not_carried: Vec<String>,
}

/// Converts a recipe of stac-generator; `-` as `output` is standard output. What could not be carried over is said on standard error.
///
/// # Errors
/// [`Failure::Request`] if the file cannot be read or is no such recipe, or `output` is there and may not be replaced.
pub(super) fn run(file: &Path, output: &Path, force: bool, printer: &Printer) -> Result<Outcome, Failure> {
    let shown = file.display();
    let text =
        fs::read_to_string(file).map_err(|error| Failure::Request(format!("{shown} cannot be read: {error}")))?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Converted { recipe, notes } =
        convert_stac_generator(&name, &text).map_err(|error| Failure::Request(error.to_string()))?;
    let written = output.as_os_str() != "-";
    if written {
        write(output, &recipe, force)?;
    }
    let path = written.then(|| output.display().to_string());
    let lines = path.clone().map_or_else(|| recipe.trim_end().to_owned(), |path| format!("wrote {path}"));
    for note in &notes {
        printer.warning(note);
    }
    let answer = FromStacGenerator { recipe: path, text: recipe, not_carried: notes };
    printer.answer(&answer, || vec![lines])?;
    Ok(Outcome::Done)
}

fn write(output: &Path, recipe: &str, force: bool) -> Result<(), Failure> {
    let opened = match force {
        true => File::create(output),
        false => File::create_new(output),
    };
    opened.and_then(|mut file| file.write_all(recipe.as_bytes())).map_err(|error| {
        let advice = if error.kind() == io::ErrorKind::AlreadyExists { "; replace it with --force" } else { "" };
        Failure::Request(format!("cannot write {}: {error}{advice}", output.display()))
    })
}
