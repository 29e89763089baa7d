//! A pattern and an id, and which paths become which item by them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use minijinja::{Environment, UndefinedBehavior};

use super::layouts::Layout;
use super::names::IdPiece;
use crate::model::{ItemId, ItemPattern};

/// How many characters that no id may hold are replaced; names with more are given up.
const REPLACED: usize = 8;
/// The share of paths, in a hundred, that a grouping may leave out.
const LEFT_OUT: usize = 10;

/// How files become items.
#[derive(Debug, Clone)]
pub struct Grouping {
    /// In words.
    pub words: String,
    /// The layout that it follows, if it is a known one.
    pub layout: Option<&'static Layout>,
    pattern: String,
    is_regex: bool,
    /// The template of the id.
    pub id: String,
    /// Globs of files that do not belong to it.
    pub exclude: Vec<String>,
    /// Properties that items get, each a template.
    pub properties: Vec<(String, String)>,
}

/// What became of paths: numbers of paths.
#[derive(Debug, Clone, Default)]
pub struct Groups {
    /// By id.
    pub items: BTreeMap<String, Vec<usize>>,
    /// Those that the pattern does not match, but for the excluded.
    pub unmatched: Vec<usize>,
    /// Those that exclude globs take.
    pub excluded: Vec<usize>,
}

impl Grouping {
    pub(super) fn braces(words: &str, pattern: String, id: String) -> Self {
        Self { pattern, is_regex: false, ..Self::regex(words, String::new(), id) }
    }

    pub(super) fn regex(words: &str, pattern: String, id: String) -> Self {
        let (exclude, properties) = (Vec::new(), Vec::new());
        Self { words: words.into(), layout: None, pattern, is_regex: true, id, exclude, properties }
    }

    /// The text of `item.pattern` or `item.regex`.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Whether it is for `item.regex`.
    pub fn is_regex(&self) -> bool {
        self.is_regex
    }

    fn compiled(&self) -> Option<ItemPattern> {
        if self.is_regex { ItemPattern::from_regex(&self.pattern) } else { ItemPattern::parse(&self.pattern) }.ok()
    }

    /// Which of these paths become which item, as a scan would have it.
    pub fn groups(&self, paths: &[String]) -> Groups {
        let mut groups = Groups::default();
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let (Some(pattern), Ok(template)) = (self.compiled(), environment.template_from_str(&self.id)) else {
            groups.unmatched = (0..paths.len()).collect();
            return groups;
        };
        let used = template.undeclared_variables(false);
        let used: Vec<&str> = pattern.facet_names().filter(|name| used.contains(*name)).collect();
        let excluded = crate::model::recipe::Globs::new(self.exclude.iter().cloned());
        let mut rendered: HashMap<Vec<Option<String>>, Option<String>> = HashMap::new();
        for (number, path) in paths.iter().enumerate() {
            if excluded.as_ref().is_ok_and(|globs| globs.matches(path)) {
                groups.excluded.push(number);
                continue;
            }
            let facets = pattern.facets(path);
            let id = facets.and_then(|facets| {
                let key = used.iter().map(|name| facets.get(*name).cloned()).collect();
                rendered.entry(key).or_insert_with(|| template.render(&facets).ok()).clone()
            });
            match id {
                Some(id) => groups.items.entry(id).or_default().push(number),
                None => groups.unmatched.push(number),
            }
        }
        groups
    }

    pub(super) fn is_usable(&self, paths: &[String]) -> bool {
        self.groups(paths).are_usable()
    }
}

impl Groups {
    /// Whether the ids are ids, differ in more than upper and lower case, and few paths are left out.
    pub fn are_usable(&self) -> bool {
        let are_ids = self.items.keys().all(|id| ItemId::new(id.as_str()).is_ok());
        let folded: BTreeSet<String> = self.items.keys().map(|id| id.to_lowercase()).collect();
        let members: usize = self.items.values().map(Vec::len).sum();
        let is_most =
            self.unmatched.len().saturating_mul(100) <= (members + self.unmatched.len()).saturating_mul(LEFT_OUT);
        are_ids && folded.len() == self.items.len() && !self.items.is_empty() && is_most
    }
}

/// The template of an id of these pieces, joined by `.`; `values` says what a facet may hold. `None` if its values cannot be made fit.
pub(super) fn id_template(pieces: &[IdPiece], values: &dyn Fn(&str) -> BTreeSet<char>) -> Option<String> {
    let mut template = String::new();
    let optional_before = |number: usize| pieces[..number].iter().all(|piece| matches!(piece, IdPiece::Optional(_)));
    for (number, piece) in pieces.iter().enumerate() {
        let (IdPiece::Facet(name) | IdPiece::Optional(name)) = piece;
        let strange: Vec<char> =
            values(name).into_iter().filter(|c| !(c.is_ascii_alphanumeric() || "._-".contains(*c))).collect();
        if strange.len() > REPLACED {
            return None;
        }
        let replaced: String = strange.iter().map(|c| replacement(*c)).collect();
        let value = format!("{{{{ {name}{replaced} }}}}");
        match piece {
            IdPiece::Facet(_) if number == 0 => template.push_str(&value),
            IdPiece::Facet(_) => {
                template.push_str(&format!("{}{value}", separator(pieces, number, optional_before(number))));
            }
            IdPiece::Optional(_) => {
                let separator = separator(pieces, number, optional_before(number));
                template.push_str(&format!("{{% if {name} is defined %}}{separator}{value}{{% endif %}}"));
            }
        }
    }
    Some(template)
}

/// The dot before a piece: only if one of the optional pieces before it is there.
fn separator(pieces: &[IdPiece], number: usize, is_optional_before: bool) -> String {
    match number {
        0 => String::new(),
        _ if !is_optional_before => ".".into(),
        _ => {
            let tests: Vec<String> = pieces[..number]
                .iter()
                .map(|(IdPiece::Facet(name) | IdPiece::Optional(name))| format!("{name} is defined"))
                .collect();
            format!("{{% if {} %}}.{{% endif %}}", tests.join(" or "))
        }
    }
}

fn replacement(strange: char) -> String {
    let by = if strange == '/' { "." } else { "_" };
    let text = serde_json::Value::from(strange.to_string());
    format!(" | replace({text}, \"{by}\")")
}

/// The characters that the values of a facet hold, by the pattern, in these paths.
pub(super) fn characters(pattern: &ItemPattern, paths: &[String]) -> BTreeMap<String, BTreeSet<char>> {
    let mut found: BTreeMap<String, BTreeSet<char>> = BTreeMap::new();
    for facets in paths.iter().filter_map(|path| pattern.facets(path)) {
        for (name, value) in facets {
            found.entry(name).or_default().extend(value.chars());
        }
    }
    found
}
