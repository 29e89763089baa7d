//! `altostac templates`

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::printer::Printer;
use super::{Failure, Outcome};
use crate::describe::{PROFILES, Templates, profile_files};
use crate::model::recipe::Recipe;
use crate::pipeline::{PipelineError, WorkspaceError};

/// List the profiles and their templates, and which of them a recipe overrides; or write them to edit
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  altostac templates
  altostac templates recipe.yaml                                what it uses, and what it overrides
  altostac templates --profile ceda --export templates          then edit or delete what is in templates/

A template in the folder templates/ beside a recipe takes the place of the profile's. It may extend it:
  {% extends \"ceda/item.json.j2\" %}")]
pub(super) struct TemplatesCommand {
    /// A recipe
    recipe: Option<PathBuf>,
    /// This profile alone [with --export: the recipe's, or default]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Write the profile's templates into this folder; those that differ from what stands there are not written
    #[arg(long, value_name = "DIR")]
    export: Option<PathBuf>,
}

/// What `templates --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TemplatesReport {
    /// The profiles.
    profiles: Vec<ProfileReport>,
    /// The files that were written.
    exported: Vec<String>,
}

/// A profile.
#[derive(Debug, Serialize, JsonSchema)]
struct ProfileReport {
    /// Its name: what `stac.profile` says.
    name: String,
    /// Whether the recipe uses it.
    used: bool,
    /// Its templates.
    files: Vec<TemplateReport>,
}

/// A template.
#[derive(Debug, Serialize, JsonSchema)]
struct TemplateReport {
    /// Its file name.
    name: String,
    /// The file beside the recipe that takes its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    overridden_by: Option<String>,
}

impl TemplatesCommand {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Failure> {
        let recipe = self.recipe.as_deref().map(load).transpose()?;
        if let Some(profile) = self.profile.as_deref().filter(|profile| !PROFILES.contains(profile)) {
            let known = PROFILES.join(", ");
            return Err(Failure::Request(format!("unknown profile {profile:?}: expected one of {known}")));
        }
        let used = recipe.as_ref().map(|recipe| recipe.stac.profile.as_str());
        let is_shown = |name: &&&str| self.profile.as_deref().is_none_or(|profile| profile == **name);
        let profiles = PROFILES.iter().filter(is_shown).map(|name| profile(name, recipe.as_ref())).collect();
        let exported = match &self.export {
            Some(folder) => write(self.profile.as_deref().or(used).unwrap_or(PROFILES[0]), folder)?,
            None => Vec::new(),
        };
        let report = TemplatesReport { profiles, exported };
        printer.answer(&report, || lines(&report))?;
        Ok(Outcome::Done)
    }
}

/// The recipe, its templates read: a mistake in them is found here.
fn load(path: &Path) -> Result<Recipe, Failure> {
    let recipe = crate::recipe::load(path).map_err(|error| PipelineError::from(WorkspaceError::from(error)))?;
    Templates::load(&recipe.stac).map_err(|error| PipelineError::from(WorkspaceError::from(error)))?;
    Ok(recipe)
}

fn profile(name: &str, recipe: Option<&Recipe>) -> ProfileReport {
    let used = recipe.filter(|recipe| recipe.stac.profile == name);
    let overridden_by = |file: &str| {
        let recipe = used.filter(|recipe| recipe.stac.overrides.contains_key(file))?;
        Some(recipe.path.with_file_name("templates").join(file).display().to_string())
    };
    let files =
        profile_files(name).map(|(file, _)| TemplateReport { name: file.into(), overridden_by: overridden_by(file) });
    ProfileReport { name: name.into(), used: used.is_some(), files: files.collect() }
}

/// Writes a profile's templates, unless one would replace a file that differs.
fn write(profile: &str, folder: &Path) -> Result<Vec<String>, Failure> {
    let failed = |action: &str, path: &Path, error: std::io::Error| {
        Failure::Request(format!("cannot {action} {}: {error}", path.display()))
    };
    for (file, text) in profile_files(profile) {
        let path = folder.join(file);
        if fs::read(&path).is_ok_and(|found| found != text.as_bytes()) {
            let message = format!("{} stands there and differs: nothing was written; move it away", path.display());
            return Err(Failure::Request(message));
        }
    }
    fs::create_dir_all(folder).map_err(|error| failed("make", folder, error))?;
    let mut written = Vec::new();
    for (file, text) in profile_files(profile) {
        let path = folder.join(file);
        fs::write(&path, text).map_err(|error| failed("write", &path, error))?;
        written.push(path.display().to_string());
    }
    Ok(written)
}

fn lines(report: &TemplatesReport) -> Vec<String> {
    let profile = |profile: &ProfileReport| {
        let head = format!("{}{}", profile.name, if profile.used { "  (used by the recipe)" } else { "" });
        let file = |file: &TemplateReport| match &file.overridden_by {
            Some(path) => format!("  {}  overridden by {path}", file.name),
            None => format!("  {}", file.name),
        };
        std::iter::once(head).chain(profile.files.iter().map(file)).collect::<Vec<_>>()
    };
    let exported = report.exported.iter().map(|path| format!("wrote {path}"));
    report.profiles.iter().flat_map(profile).chain(exported).collect()
}
