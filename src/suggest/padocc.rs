//! The CSV of a group of PADOCC: `project code, pattern or list, updates, removals`, one project a line; a first line with `proj_code` is
//! a header (padocc 1.x, `InitialisationMixin.init_from_file`).

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::globs;
use super::text::{comment, listed, quoted};
use crate::model::{CollectionId, ItemId, ItemPattern};

/// How many folders a list may name; the files of more are not told apart by their folders.
const FOLDERS: usize = 1000;
/// So many folders from the root of the disk at least: who looks for files does not walk through a whole disk.
const SHARED_DEPTH: usize = 2;

/// Why a CSV is not that of a group.
#[derive(Debug, thiserror::Error)]
pub enum PadoccError {
    /// A line is not that of a project.
    #[error("line {line}: expected a project code, a pattern or list, updates, removals, found {found:?}")]
    Line {
        /// Its number.
        line: usize,
        /// What stands there.
        found: String,
    },
    /// Two projects have one code.
    #[error("line {line}: the project {code} stands there twice")]
    Repeated {
        /// The second line.
        line: usize,
        /// The code.
        code: String,
    },
    /// There is no project.
    #[error("it holds no project")]
    Empty,
}

/// What is around a CSV.
pub trait PadoccFiles {
    /// The text of a file, if there is such a file.
    fn text(&self, path: &str) -> Option<String>;
    /// A path as an absolute one.
    fn absolute(&self, path: &str) -> String;
}

/// A recipe made of a CSV.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PadoccRecipe {
    /// What its file name may end with, if there are several.
    pub name: Option<String>,
    /// Its text.
    pub text: String,
    /// The codes of its projects.
    pub projects: Vec<String>,
}

/// One project.
#[derive(Debug, Clone)]
struct Project {
    code: String,
    files: Files,
    notes: Vec<String>,
}

#[derive(Debug, Clone)]
enum Files {
    /// A glob with an absolute path.
    Glob(String),
    /// A list, and the files that it names.
    List { path: String, names: Vec<String> },
}

/// Makes recipes of the CSV of a group, and tells what could not be carried over. `group` is its name.
///
/// # Errors
/// [`PadoccError`] if it is not such a CSV.
pub fn convert(
    text: &str,
    group: &str,
    files: &dyn PadoccFiles,
) -> Result<(Vec<PadoccRecipe>, Vec<String>), PadoccError> {
    let mut not_carried = Vec::new();
    let projects = projects(text, files, &mut not_carried)?;
    let id = collection_id(group);
    if let Some(recipe) = together(&projects, &id, group) {
        return Ok((vec![recipe], not_carried));
    }
    not_carried.push(format!(
        "the {} projects lie too far apart, or their paths cannot be told apart, for one recipe: each has its own, and its own collection",
        projects.len()
    ));
    let recipes = projects.iter().filter_map(|project| {
        let id = collection_id(&format!("{id}-{}", project.code));
        let recipe = together(std::slice::from_ref(project), &id, group);
        if recipe.is_none() {
            not_carried.push(format!("project {}: its files cannot be said by a pattern", project.code));
        }
        recipe.map(|recipe| PadoccRecipe { name: Some(project.code.clone()), ..recipe })
    });
    let recipes: Vec<PadoccRecipe> = recipes.collect();
    Ok((recipes, not_carried))
}

fn projects(text: &str, files: &dyn PadoccFiles, not_carried: &mut Vec<String>) -> Result<Vec<Project>, PadoccError> {
    let mut found: Vec<Project> = Vec::new();
    let lines = (1..).zip(text.trim_start_matches('\u{feff}').lines()).filter(|(_, line)| !line.trim().is_empty());
    for (at, (line, written)) in lines.enumerate() {
        if at == 0 && (written.contains("proj_code") || written.to_lowercase().starts_with("project")) {
            continue;
        }
        let mut cells = written.split(',').map(|cell| cell.trim().trim_matches('"'));
        let (code, pattern) = (cells.next().unwrap_or_default().replace(' ', ""), cells.next().unwrap_or_default());
        let pattern = pattern.replace(' ', "");
        if code.is_empty() || pattern.is_empty() {
            return Err(PadoccError::Line { line, found: written.chars().take(80).collect() });
        }
        let code = fit_code(&code, not_carried);
        if found.iter().any(|known| known.code.eq_ignore_ascii_case(&code)) {
            return Err(PadoccError::Repeated { line, code });
        }
        let mut notes = Vec::new();
        for what in ["updates", "removals"] {
            if let Some(told) = cells.next().filter(|cell| !cell.is_empty()) {
                notes.push(format!(
                    "the {what} of attributes in {told} are not carried over: products say what the files say; what readers should find in \
                     the Item goes into item.properties"
                ));
            }
        }
        let more: Vec<&str> = cells.filter(|cell| !cell.is_empty()).collect();
        if !more.is_empty() {
            notes.push(format!("columns that are not known are not carried over: {}", more.join(", ")));
        }
        not_carried.extend(notes.iter().map(|note| format!("project {code}: {note}")));
        let files = match pattern.ends_with(".txt") || pattern.ends_with(".csv") {
            true => list(&code, &pattern, files, not_carried),
            false => Files::Glob(files.absolute(&pattern)),
        };
        found.push(Project { code, files, notes });
    }
    if found.is_empty() { Err(PadoccError::Empty) } else { Ok(found) }
}

fn list(code: &str, path: &str, files: &dyn PadoccFiles, not_carried: &mut Vec<String>) -> Files {
    let text = files.text(path);
    if text.is_none() {
        not_carried.push(format!("project {code}: its list {path} cannot be read"));
    }
    let names = text.unwrap_or_default();
    let names = names.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let names: Vec<String> = names.map(str::to_owned).collect();
    if names.iter().any(|name| !name.starts_with('/') && !name.contains("://")) {
        not_carried.push(format!(
            "project {code}: {path} names files by relative paths: those begin at the folder of the recipe, not at the current folder"
        ));
    }
    Files::List { path: files.absolute(path), names }
}

/// The code as an Item's id.
fn fit_code(code: &str, not_carried: &mut Vec<String>) -> String {
    if ItemId::new(code).is_ok() {
        return code.to_owned();
    }
    let fit = collection_id(code);
    not_carried
        .push(format!("project {code}: its Item is called {fit}, as ids hold letters, digits, '.', '_' and '-' only"));
    fit
}

fn collection_id(name: &str) -> String {
    let fit: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
    let fit: String = fit.trim_matches(['.', '-', '_']).chars().take(190).collect();
    CollectionId::new(fit.clone()).map_or_else(|_| "padocc".into(), |_| fit)
}

/// One recipe for all of these projects; `None` if their files cannot be told apart by their paths, or lie too far apart.
fn together(projects: &[Project], id: &str, group: &str) -> Option<PadoccRecipe> {
    let globs: Vec<&str> = projects
        .iter()
        .filter_map(|project| match &project.files {
            Files::Glob(glob) => Some(glob.as_str()),
            Files::List { .. } => None,
        })
        .collect();
    let root = shared_folder(&globs);
    if globs.len() > 1 && root.split('/').filter(|piece| !piece.is_empty()).count() < SHARED_DEPTH {
        return None;
    }
    let below = |glob: &str| glob.strip_prefix(&root).unwrap_or(glob).trim_start_matches('/').to_owned();
    let mut branches: Vec<String> = Vec::new();
    for (number, project) in (1..).zip(projects) {
        let path = match &project.files {
            Files::Glob(glob) => globs::as_regex(&below(glob)),
            Files::List { names, .. } => of_names(names)?,
        };
        branches.push(format!("(?P<p{number}>){path}"));
    }
    if !are_told_apart(&branches, projects) {
        return None;
    }
    let regex = branches.join("|");
    ItemPattern::from_regex(&regex).ok()?;
    let codes: Vec<String> = projects.iter().map(|project| project.code.clone()).collect();
    let mut out = String::new();
    head(&mut out, projects, id, group);
    out.push_str("\nsources:\n");
    if !globs.is_empty() {
        let include: Vec<String> = globs.iter().map(|glob| globs::as_recipe(&below(glob))).collect();
        let _ = writeln!(
            out,
            "  - root: {}\n    include: {}",
            quoted(if root.is_empty() { "/" } else { &root }),
            listed(&include)
        );
    }
    for project in projects {
        if let Files::List { path, .. } = &project.files {
            let _ = writeln!(out, "  - list: {}", quoted(path));
        }
    }
    out.push_str("\nitem:\n");
    comment(
        &mut out,
        "  ",
        "One alternative for each project, which the empty group before it marks; each project is one Item.",
    );
    let _ = writeln!(out, "  regex: {}\n  id: {}", quoted(&regex), quoted(&ids(&codes)));
    comment(&mut out, "  ", "If the files do not say when or where they are:");
    out.push_str("  # datetime: {start: 2000-01-01, end: 2009-12-31}\n");
    out.push_str(
        "  # geometry: {type: Polygon, coordinates: [[[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]]}\n",
    );
    out.push_str("\nproducts: [kerchunk]\noutput: published\n");
    Some(PadoccRecipe { name: None, text: out, projects: codes })
}

fn head(out: &mut String, projects: &[Project], id: &str, group: &str) {
    comment(out, "", &format!("Made by `altostac new --from-padocc` of {group}. What could not be carried over:"));
    let notes: Vec<String> = projects
        .iter()
        .flat_map(|project| project.notes.iter().map(|note| format!("{}: {note}", project.code)))
        .collect();
    for note in &notes {
        comment(out, "", &format!("- {note}"));
    }
    if notes.is_empty() {
        comment(out, "", "- nothing was found");
    }
    comment(
        out,
        "",
        "PADOCC's own choices (how to join, chunks of copies) are made by altostac from what the files hold.",
    );
    let _ = writeln!(out, "\ncollection:\n  id: {}\n  title: {}", quoted(id), quoted(id));
    let count = if projects.len() == 1 { "the project".to_owned() } else { format!("{} projects", projects.len()) };
    let _ = writeln!(out, "  description: {}", quoted(&format!("{count} of the PADOCC group {group}.")));
    comment(out, "  ", "An SPDX identifier such as CC-BY-4.0, or other.");
    out.push_str("  license: other\n");
}

fn ids(codes: &[String]) -> String {
    let [only] = codes else {
        let branches = (1..).zip(codes).map(|(number, code)| {
            format!("{{% {} p{number} is defined %}}{code}", if number == 1 { "if" } else { "elif" })
        });
        return branches.collect::<String>() + "{% endif %}";
    };
    only.clone()
}

/// The deepest folder that all globs lie below, without the slash at its end.
fn shared_folder(globs: &[&str]) -> String {
    let mut folders = globs.iter().map(|glob| globs::split(glob).0.split('/').collect::<Vec<&str>>());
    let Some(mut shared) = folders.next() else { return String::new() };
    for folder in folders {
        let common = shared.iter().zip(&folder).take_while(|(a, b)| a == b).count();
        shared.truncate(common);
    }
    shared.join("/")
}

/// An expression for the names of a list, as they are written there.
fn of_names(names: &[String]) -> Option<String> {
    let folders: BTreeSet<&str> =
        names.iter().map(|name| name.rsplit_once('/').map_or("", |(folder, _)| folder)).collect();
    if folders.is_empty() || folders.len() > FOLDERS {
        return None;
    }
    let folder = |folder: &&str| if folder.is_empty() { String::new() } else { format!("{}/", regex::escape(folder)) };
    let folders: Vec<String> = folders.iter().map(folder).collect();
    Some(if folders.len() == 1 {
        format!("{}[^/]+", folders.concat())
    } else {
        format!("(?:{})[^/]+", folders.join("|"))
    })
}

/// Whether what is known of each project matches its own alternative alone: the names of lists, and globs whose stars stand for a word.
fn are_told_apart(branches: &[String], projects: &[Project]) -> bool {
    let compiled: Result<Vec<ItemPattern>, _> = branches.iter().map(|branch| ItemPattern::from_regex(branch)).collect();
    let Ok(compiled) = compiled else { return false };
    projects.iter().enumerate().all(|(own, project)| {
        let Files::List { names, .. } = &project.files else {
            return branches
                .iter()
                .enumerate()
                .all(|(other, branch)| other == own || without_mark(branch) != without_mark(&branches[own]));
        };
        names.iter().all(|name| compiled.iter().position(|pattern| pattern.facets(name).is_some()) == Some(own))
    })
}

fn without_mark(branch: &str) -> &str {
    branch.split_once(">)").map_or(branch, |(_, path)| path)
}
