//! The names of files: which part is a date or a number, and which names the series.

use std::collections::BTreeSet;

use regex::Regex;

/// A date: a year, or at least year and month; days, hours and a second date may follow. Between dates and words stand `_`, `.` or `-`.
const DATES: &str =
    r"(?:[12]\d{3}|\d{6})(?:[-_]?\d{2}){0,5}(?:T\d{2,6}Z?)?(?:[-_]\d{4}(?:[-_]?\d{2}){0,5}(?:T\d{2,6}Z?)?)?";

/// How the names of files are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    /// In words, of the items.
    pub(super) words: &'static str,
    /// As a piece of `item.pattern`, if braces can say it.
    pub(super) braces: Option<String>,
    /// As a piece of `item.regex`.
    pub(super) regex: String,
    /// What the id takes of it: a template; empty for nothing.
    pub(super) id: Vec<IdPiece>,
}

/// A piece of an id's template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum IdPiece {
    /// A facet, whose characters have to be made fit.
    Facet(String),
    /// A facet that not every path has.
    Optional(String),
}

/// All files of a folder are one item.
pub(super) fn whole_folder() -> Reading {
    Reading {
        words: "one item for each folder, its files joined",
        braces: Some("{filename}".into()),
        regex: "(?P<filename>[^/]+)".into(),
        id: Vec::new(),
    }
}

/// How these names may be read, the likeliest first; at last each name alone.
pub(super) fn readings(paths: &[String]) -> Vec<Reading> {
    let endings = endings(paths);
    let mut found = Vec::new();
    found.extend(dated(paths, &endings));
    found.extend(numbered(paths, &endings));
    found.push(alone(&endings));
    found
}

/// The endings of all names, with the dot.
pub(super) fn endings(paths: &[String]) -> BTreeSet<String> {
    let ending = |path: &String| path.rsplit_once('.').map(|(_, ending)| format!(".{ending}")).unwrap_or_default();
    paths.iter().map(ending).collect()
}

fn endings_regex(endings: &BTreeSet<String>) -> String {
    let escaped: Vec<String> = endings.iter().map(|ending| regex::escape(ending)).collect();
    if escaped.len() == 1 { escaped.concat() } else { format!("(?:{})", escaped.join("|")) }
}

pub(super) fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// Names that differ in a date are of one series.
fn dated(paths: &[String], endings: &BTreeSet<String>) -> Option<Reading> {
    let ending = endings_regex(endings);
    let expression =
        Regex::new(&format!(r"\A(?:(?P<before>[^/]+?)[_.-])?(?P<dates>{DATES})(?:[_.-](?P<after>[^/]+?))?{ending}\z"))
            .ok()?;
    let (mut with, mut without, mut before, mut after) = (0_usize, 0_usize, 0_usize, 0_usize);
    for path in paths {
        match expression.captures(name(path)) {
            None => without += 1,
            Some(found) => {
                with += 1;
                before += usize::from(found.name("before").is_some());
                after += usize::from(found.name("after").is_some());
            }
        }
    }
    if with == 0 {
        return None;
    }
    let (mut regex, mut id) = (String::new(), Vec::new());
    if before == with {
        regex.push_str("(?P<series>[^/]+?)[_.-]");
        id.push(if without == 0 { IdPiece::Facet("series".into()) } else { IdPiece::Optional("series".into()) });
    } else if before > 0 {
        regex.push_str("(?:(?P<series>[^/]+?)[_.-])?");
        id.push(IdPiece::Optional("series".into()));
    }
    regex.push_str(&format!("(?P<dates>{DATES})"));
    if after == with {
        regex.push_str("[_.-](?P<after>[^/]+?)");
        id.push(if without == 0 { IdPiece::Facet("after".into()) } else { IdPiece::Optional("after".into()) });
    } else if after > 0 {
        regex.push_str("(?:[_.-](?P<after>[^/]+?))?");
        id.push(IdPiece::Optional("after".into()));
    }
    if without > 0 {
        regex = format!("(?:{regex}|(?P<name>[^/]+?))");
        id.push(IdPiece::Optional("name".into()));
    }
    regex.push_str(&ending);
    Some(Reading {
        words: "one item for each series of files whose names differ in dates alone",
        braces: None,
        regex,
        id,
    })
}

/// Names that all end with a number, and differ in nothing else, are of one series.
fn numbered(paths: &[String], endings: &BTreeSet<String>) -> Option<Reading> {
    let regex = format!(r"(?P<series>[^/]*?[^/0-9_.-])[_.-]?(?P<number>\d+){}", endings_regex(endings));
    let expression = Regex::new(&format!(r"\A{regex}\z")).ok()?;
    paths.iter().all(|path| expression.is_match(name(path))).then(|| Reading {
        words: "one item for each series of files whose names differ in a last number alone",
        braces: None,
        regex,
        id: vec![IdPiece::Facet("series".into())],
    })
}

/// Each file is an item.
fn alone(endings: &BTreeSet<String>) -> Reading {
    let words = "one item for each file";
    match (endings.len(), endings.first()) {
        (1, Some(ending)) if !ending.is_empty() && !ending.contains(['{', '}']) => Reading {
            words,
            braces: Some(format!("{{stem}}{ending}")),
            regex: format!("(?P<stem>[^/]+){}", regex::escape(ending)),
            id: vec![IdPiece::Facet("stem".into())],
        },
        _ => Reading {
            words,
            braces: Some("{filename}".into()),
            regex: "(?P<filename>[^/]+)".into(),
            id: vec![IdPiece::Facet("filename".into())],
        },
    }
}

/// The name without its dates, its last number and its ending: the same for files of one series.
pub(super) struct SeriesName {
    dates: Option<Regex>,
}

impl SeriesName {
    pub(super) fn new() -> Self {
        Self { dates: Regex::new(&format!(r"(?:\A|[_.-]){DATES}(?:[_.-]|\z)")).ok() }
    }

    pub(super) fn of(&self, path: &str) -> String {
        let stem = name(path).rsplit_once('.').map_or(name(path), |(stem, _)| stem);
        match self.dates.as_ref().and_then(|dates| dates.find(stem)) {
            Some(found) => format!("{}<dates>{}", &stem[..found.start()], &stem[found.end()..]),
            None => stem.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned(),
        }
    }
}
