//! `altostac new`

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::printer::Printer;
use super::progress::Bar;
use super::{Failure, Outcome, new_from_stac_generator};
use crate::model::{SourcePlace, SourceUrl, shown_url};
use crate::pipeline::{FirstRecipe, first_recipe};
use crate::storage::remote::is_remote;
use crate::suggest::{PadoccFiles, PadoccRecipe, convert_padocc};

/// Look at an archive and write a first recipe, with comments, that builds
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  altostac new /badc/cmip6/data                   writes recipe.yaml
  altostac new https://dap.ceda.ac.uk/neodc/esacci/sst -o sst.yaml
  altostac new archive -o - | less                prints it
  altostac new --from-padocc group.csv -o group.yaml
  altostac new --from-stac-generator item-recipe.yaml -o recipe.yaml

What the recipe cannot know is said on standard error, and stands in it as TODO.")]
pub(super) struct New {
    /// The archive: a folder, or the URL of one (http, https, s3, gs, az)
    #[arg(value_name = "ARCHIVE", required_unless_present_any = ["from_padocc", "from_stac_generator"])]
    archive: Option<PathBuf>,
    /// Convert the CSV of a group of PADOCC instead: project code, pattern or list of files, updates, removals
    #[arg(long, value_name = "FILE.csv", conflicts_with = "archive")]
    from_padocc: Option<PathBuf>,
    /// Convert a recipe of CEDA's stac-generator instead
    #[arg(long, value_name = "RECIPE.yaml", conflicts_with_all = ["archive", "from_padocc"])]
    from_stac_generator: Option<PathBuf>,
    /// Where the recipe goes; - for standard output
    #[arg(long, short, value_name = "FILE", default_value = "recipe.yaml")]
    output: PathBuf,
    /// Replace a recipe that is there
    #[arg(long)]
    force: bool,
}

/// What `altostac new` prints with `--json`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "NewReport")]
pub(super) enum NewReport {
    /// Of an archive.
    Archive(FirstRecipe),
    /// Of other programs' files.
    Converted(Converted),
}

/// Recipes made of another program's file.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Converted {
    /// The files that were written; none if the recipe was printed.
    pub(super) recipes: Vec<String>,
    /// The items that each recipe makes.
    pub(super) items: Vec<String>,
    /// What could not be carried over.
    pub(super) not_carried: Vec<String>,
    /// The text of each recipe.
    pub(super) texts: Vec<String>,
}

impl New {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Failure> {
        if let Some(file) = &self.from_stac_generator {
            return new_from_stac_generator::run(file, &self.output, self.force, printer);
        }
        let is_printed = self.output.as_os_str() == "-";
        if !is_printed {
            self.is_free(&self.output)?;
        }
        match (&self.from_padocc, &self.archive) {
            (Some(csv), _) => self.padocc(csv, is_printed, printer),
            (None, Some(archive)) => self.archive(archive, is_printed, printer),
            (None, None) => Err(Failure::Request("there is no archive to look at: name one".into())),
        }
    }

    fn is_free(&self, path: &Path) -> Result<(), Failure> {
        if path.exists() && !self.force {
            let path = path.display();
            return Err(Failure::Request(format!(
                "{path} is there already: name another file with -o, or say --force to replace it"
            )));
        }
        Ok(())
    }

    fn archive(&self, archive: &Path, is_printed: bool, printer: &Printer) -> Result<Outcome, Failure> {
        let recipe = if is_printed { Path::new("recipe.yaml") } else { &self.output };
        let recipe = std::path::absolute(recipe).map_err(unwritable(recipe))?;
        let (place, above, written) = place(archive, recipe.parent().unwrap_or(&recipe))?;
        let mut report = first_recipe(&place, above, &written, &recipe, &Bar::default())?;
        for note in &report.notes {
            printer.warning(note);
        }
        for left in &report.left_out {
            printer.warning(&format!("left out: {}: {}", left.path, left.reason));
        }
        for need in &report.needs {
            let of = format!("{} of {} items that were tried", need.items, report.items_tried);
            printer.say(&format!("needs: {} ({of}, such as {}): {}", need.key, need.examples.join(", "), need.found));
            printer.say(&format!("  remedy: {}", need.remedy));
        }
        if !is_printed {
            put(&self.output, &report.text)?;
            report.recipe = Some(self.output.display().to_string());
        }
        let text = report.text.clone();
        let report = NewReport::Archive(report);
        printer.answer(&report, || match &report {
            NewReport::Archive(report) if !is_printed => lines(report),
            _ => vec![text.trim_end().to_owned()],
        })?;
        printer.hint("read it, then: altostac plan RECIPE");
        Ok(Outcome::Done)
    }

    fn padocc(&self, csv: &Path, is_printed: bool, printer: &Printer) -> Result<Outcome, Failure> {
        let text = fs::read_to_string(csv);
        let text = text.map_err(|error| Failure::Request(format!("cannot read {}: {error}", csv.display())))?;
        let group = csv.file_stem().unwrap_or_default().to_string_lossy();
        let converted = convert_padocc(&text, &group, &Here);
        let (recipes, not_carried) =
            converted.map_err(|error| Failure::Request(format!("{} is no group of PADOCC: {error}", csv.display())))?;
        for note in &not_carried {
            printer.warning(&format!("not carried over: {note}"));
        }
        let mut written = Vec::new();
        for recipe in recipes.iter().filter(|_| !is_printed) {
            let path = self.beside(recipe);
            self.is_free(&path)?;
            put(&path, &recipe.text)?;
            written.push(path.display().to_string());
        }
        let items = recipes.iter().flat_map(|recipe| recipe.projects.clone()).collect();
        let texts: Vec<String> = recipes.into_iter().map(|recipe| recipe.text).collect();
        let report =
            NewReport::Converted(Converted { recipes: written.clone(), items, not_carried, texts: texts.clone() });
        printer.answer(&report, || match is_printed {
            true => texts.iter().map(|text| text.trim_end().to_owned()).collect(),
            false => written.iter().map(|path| format!("wrote {path}")).collect(),
        })?;
        Ok(Outcome::Done)
    }

    /// Of several recipes each has its project in its name.
    fn beside(&self, recipe: &PadoccRecipe) -> PathBuf {
        let Some(name) = &recipe.name else { return self.output.clone() };
        let stem = self.output.file_stem().unwrap_or_default().to_string_lossy();
        self.output.with_file_name(format!("{stem}-{name}.yaml"))
    }
}

/// Where PADOCC would look: from the current folder.
struct Here;

impl PadoccFiles for Here {
    fn text(&self, path: &str) -> Option<String> {
        fs::read_to_string(path).ok()
    }

    fn absolute(&self, path: &str) -> String {
        std::path::absolute(path).map_or_else(|_| path.to_owned(), |path| path.to_string_lossy().into_owned())
    }
}

fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let path = path.display().to_string();
    move |error| Failure::Request(format!("cannot write {path}: {error}"))
}

fn put(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(unwritable(path))
}

/// The archive, the names of the folders above its files, and how a recipe in this folder names it.
fn place(archive: &Path, recipe_folder: &Path) -> Result<(SourcePlace, Vec<String>, String), Failure> {
    let text = archive.to_string_lossy();
    if text.contains("://") && !text.starts_with("file://") {
        return url_place(&text);
    }
    let wrong = |reason: &dyn std::fmt::Display| Failure::Request(format!("{text} cannot be looked at: {reason}"));
    let path = match text.starts_with("file://") {
        true => url::Url::parse(&text).ok().and_then(|url| url.to_file_path().ok()),
        false => std::path::absolute(archive).ok(),
    };
    let path = path.ok_or_else(|| wrong(&"it is no path"))?;
    let real = path.canonicalize().map_err(|error| wrong(&error))?;
    if !real.is_dir() {
        return Err(wrong(&"expected a folder, found a file"));
    }
    let shown: PathBuf = path.components().collect();
    let above = shown.components().filter_map(|part| match part {
        std::path::Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    let above = above.collect();
    let written = match shown.strip_prefix(recipe_folder) {
        Ok(below) if below.as_os_str().is_empty() => Some(".".to_owned()),
        Ok(below) => below.to_str().map(str::to_owned),
        Err(_) => shown.to_str().map(str::to_owned),
    };
    let written = written.ok_or_else(|| wrong(&"its name is not UTF-8, so no recipe can name it"))?;
    Ok((SourcePlace::Local(real), above, written))
}

fn url_place(text: &str) -> Result<(SourcePlace, Vec<String>, String), Failure> {
    let mut url = url::Url::parse(text).map_err(|error| Failure::Request(format!("{text} is no URL: {error}")))?;
    let has_more = url.query().is_some() || url.fragment().is_some() || !url.username().is_empty();
    if !is_remote(&url) || has_more || url.password().is_some() {
        return Err(Failure::Request(format!(
            "{} cannot be looked at: expected a folder, or the URL of one with http, https, s3, gs or az, without user and query",
            shown_url(&url)
        )));
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    let decode = |name: &str| percent_encoding::percent_decode_str(name).decode_utf8_lossy().into_owned();
    let above = url.path().split('/').filter(|name| !name.is_empty()).map(decode).collect();
    let written = url.to_string();
    Ok((SourcePlace::Remote(SourceUrl::new(url)), above, written))
}

fn lines(report: &FirstRecipe) -> Vec<String> {
    let whole = if report.complete { "" } else { " (not all were listed)" };
    let mut lines = vec![
        format!("{} files{whole} → {} items: {}", report.files, report.items, report.grouping),
        format!(
            "{} files opened, {} items tried, {} kinds of needs",
            report.files_opened,
            report.items_tried,
            report.needs.len()
        ),
    ];
    lines.extend(report.recipe.iter().map(|path| format!("wrote {path}")));
    lines
}
