//! The folders of a tree that follows no known layout.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::grouping::{Grouping, characters, id_template};
use super::names::{IdPiece, Reading, SeriesName};
use super::{Archive, FileFacts};
use crate::model::ItemPattern;

/// Global attributes that name what archives are sorted by, those first that say it best.
const TELLING: [&str; 34] = [
    "source_id",
    "experiment_id",
    "institution_id",
    "variant_label",
    "member_id",
    "table_id",
    "variable_id",
    "grid_label",
    "activity_id",
    "mip_era",
    "target_mip",
    "model_id",
    "institute_id",
    "driving_model_id",
    "driving_experiment_name",
    "driving_model_ensemble_member",
    "rcm_version_id",
    "CORDEX_domain",
    "domain_id",
    "domain",
    "experiment",
    "scenario",
    "collection",
    "ensemble_member",
    "frequency",
    "realm",
    "modeling_realm",
    "product",
    "project_id",
    "project",
    "platform",
    "sensor",
    "product_version",
    "processing_level",
];

/// Frequencies as folders are named by them.
const FREQUENCIES: [&str; 22] = [
    "mon", "monthly", "day", "daily", "6hr", "3hr", "1hr", "hourly", "hr", "yr", "yearly", "annual", "ann", "seasonal",
    "sem", "fx", "6hrLev", "6hrPlev", "pentad", "weekly", "dekadal", "subhr",
];

/// What a level of folders is called, and whether the id takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Level {
    name: String,
    in_id: bool,
}

/// The folders that files lie in.
#[derive(Debug)]
pub(super) struct Folders<'a> {
    archive: &'a Archive,
    /// All files lie so deep; `None` if they differ.
    depth: Option<usize>,
    levels: Vec<Level>,
}

fn depth(path: &str) -> usize {
    path.matches('/').count()
}

impl<'a> Folders<'a> {
    pub(super) fn of(archive: &'a Archive, facts: &[FileFacts]) -> Self {
        let depths: BTreeSet<usize> = archive.paths.iter().map(|path| depth(path)).collect();
        let depth = depths.first().copied().filter(|_| depths.len() == 1);
        let mut levels: Vec<Level> = Vec::new();
        for number in 0..depth.unwrap_or(0) {
            let found = level(archive, facts, number);
            let is_taken = levels.iter().any(|level| level.name == found.name);
            let name = if is_taken { format!("{}_{}", found.name, number + 1) } else { found.name };
            levels.push(Level { name, ..found });
        }
        // An archive that is sorted by nothing but dates: the id needs something.
        if !levels.is_empty() && levels.iter().all(|level| !level.in_id) {
            levels[0].in_id = depth == Some(1);
        }
        Self { archive, depth, levels }
    }

    /// Whether there are folders, and all files of each are of one series by their names.
    pub(super) fn hold_one_series_each(&self, paths: &[String]) -> bool {
        if self.depth.is_none_or(|depth| depth == 0) || self.levels.iter().all(|level| !level.in_id) {
            return false;
        }
        let series = SeriesName::new();
        let mut found: BTreeMap<Vec<&str>, String> = BTreeMap::new();
        paths.iter().all(|path| {
            let folder: Vec<&str> =
                path.split('/').zip(&self.levels).filter(|(_, level)| level.in_id).map(|(piece, _)| piece).collect();
            let own = series.of(path);
            *found.entry(folder).or_insert_with(|| own.clone()) == own
        })
    }

    /// The grouping of these folders with files read so; `None` if there is no id that fits.
    pub(super) fn grouping(&self, reading: &Reading) -> Option<Grouping> {
        let paths = &self.archive.paths;
        let (is_regex, pieces, pattern) = match self.depth {
            Some(_) => self.of_levels(reading),
            None => self.of_any_depth(reading),
        };
        let compiled = match is_regex {
            true => ItemPattern::from_regex(&pattern),
            false => ItemPattern::parse(&pattern),
        };
        let characters = characters(&compiled.ok()?, paths);
        let values = |name: &str| characters.get(name).cloned().unwrap_or_default();
        let grouping = |pieces: &[IdPiece]| {
            let id = id_template(pieces, &values).filter(|id| !id.is_empty())?;
            let mut grouping = match is_regex {
                true => Grouping::regex(reading.words, pattern.clone(), id),
                false => Grouping::braces(reading.words, pattern.clone(), id),
            };
            grouping.properties = self.properties();
            Some(grouping)
        };
        let whole = grouping(&pieces)?;
        if whole.is_usable(paths) {
            return Some(whole);
        }
        // In deep trees the whole path makes ids too long: the file's name is enough if it tells apart as much.
        let short = grouping(&reading.id)?;
        (short.groups(paths).items.len() == whole.groups(paths).items.len()).then_some(short)
    }

    /// What the folders are called becomes properties, where all files have them.
    fn properties(&self) -> Vec<(String, String)> {
        let told = self.levels.iter().filter(|level| level.in_id && !level.name.starts_with("folder"));
        told.map(|level| (level.name.clone(), format!("{{{{ {} }}}}", level.name))).collect()
    }

    fn of_levels(&self, reading: &Reading) -> (bool, Vec<IdPiece>, String) {
        let mut pieces: Vec<IdPiece> =
            self.levels.iter().filter(|level| level.in_id).map(|level| IdPiece::Facet(level.name.clone())).collect();
        pieces.extend(reading.id.iter().cloned());
        let is_regex = reading.braces.is_none();
        let level = |level: &Level| match is_regex {
            true => format!("(?P<{}>[^/]+)/", level.name),
            false => format!("{{{}}}/", level.name),
        };
        let folders: String = self.levels.iter().map(level).collect();
        let file = reading.braces.as_ref().unwrap_or(&reading.regex);
        (is_regex, pieces, folders + file)
    }

    fn of_any_depth(&self, reading: &Reading) -> (bool, Vec<IdPiece>, String) {
        let has_root_files = self.archive.paths.iter().any(|path| depth(path) == 0);
        let (folder, piece) = match has_root_files {
            true => ("(?:(?P<folder>.+)/)?", IdPiece::Optional("folder".into())),
            false => ("(?P<folder>.+)/", IdPiece::Facet("folder".into())),
        };
        let pieces = std::iter::once(piece).chain(reading.id.iter().cloned()).collect();
        (true, pieces, format!("{folder}{}", reading.regex))
    }
}

/// What the folders at one depth are called.
fn level(archive: &Archive, facts: &[FileFacts], number: usize) -> Level {
    let values: BTreeSet<&str> = archive.paths.iter().filter_map(|path| path.split('/').nth(number)).collect();
    let all = |expression: &str| {
        Regex::new(expression).is_ok_and(|expression| values.iter().all(|value| expression.is_match(value)))
    };
    let called = |name: &str| Level { name: name.into(), in_id: true };
    let date = |name: &str| Level { name: name.into(), in_id: false };
    if let Some(name) = attribute(facts, number) {
        return called(&name);
    }
    let names: Vec<(&str, &FileFacts)> =
        facts.iter().filter_map(|facts| Some((facts.path.split('/').nth(number)?, facts))).collect();
    if !names.is_empty() && names.iter().all(|(value, facts)| facts.variables.iter().any(|name| name == value)) {
        return called("variable");
    }
    if all(r"\A(?:1[6-9]|2[0-2])\d{2}\z") {
        return date("year");
    }
    if all(r"\A(?:1[6-9]|2[0-2])\d{2}-?(?:0[1-9]|1[0-2])(?:-?[0-3]\d)?\z") {
        return date("date");
    }
    if number > 0 && all(r"\A(?:0[1-9]|1[0-2])\z") {
        return date("month");
    }
    if number > 0 && all(r"\A[0-3]\d{1,2}\z") {
        return date("day");
    }
    if all(r"\A(?:v\d+[\w.-]*|latest)\z") {
        return called("version");
    }
    if all(r"\A(?:s\d+-)?r\d+i\d+p\d+(?:f\d+)?\z") {
        return called("ensemble");
    }
    if values.iter().all(|value| FREQUENCIES.contains(value)) {
        return called("frequency");
    }
    let deepest = archive.paths.first().map_or(0, |path| depth(path));
    if deepest == 1 { called("dataset") } else { called(&format!("folder{}", number + 1)) }
}

/// The global attribute that says in every file what its folder says.
fn attribute(facts: &[FileFacts], number: usize) -> Option<String> {
    let mut agreeing: BTreeMap<&str, usize> = BTreeMap::new();
    let mut differing: BTreeSet<&str> = BTreeSet::new();
    for file in facts {
        let folder = file.path.split('/').nth(number).filter(|_| number < depth(&file.path))?;
        for (key, value) in &file.attributes {
            if value == folder {
                *agreeing.entry(key).or_default() += 1;
            } else {
                differing.insert(key);
            }
        }
    }
    let is_name = |key: &str| {
        key.starts_with(|c: char| c.is_ascii_alphabetic()) && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let rank = |key: &str| TELLING.iter().position(|known| *known == key).unwrap_or(TELLING.len());
    agreeing
        .into_iter()
        .filter(|(key, _)| !differing.contains(key) && is_name(key) && TELLING.contains(key))
        .max_by_key(|(key, count)| (*count, std::cmp::Reverse(rank(key))))
        .map(|(key, _)| key.to_owned())
}
