//! What a rule does: one key says it, others go with it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::raw::{RawCast, RawFacetRule, RawMap, RawNames};

/// What a rule does.
#[derive(Clone, Copy)]
pub(super) enum Verb<'a> {
    Pattern(&'a str),
    Regex(&'a str),
    Attributes(&'a RawNames),
    Sidecar(&'a str),
    Map(&'a RawMap),
    Default(&'a BTreeMap<String, Value>),
    Set(&'a BTreeMap<String, Value>),
    Append(&'a BTreeMap<String, Value>),
    Rename(&'a BTreeMap<String, String>),
    Prefix(&'a str),
    Cast(&'a BTreeMap<String, RawCast>),
    Replace(&'a str),
    Join(&'a str),
    Hash(&'a str),
    Remove(&'a [String]),
    Then(&'a [RawFacetRule]),
}

impl Verb<'_> {
    /// The keys that go with it; those that it cannot do without come first, as many as the number says.
    fn companions(&self) -> (&'static [&'static str], usize) {
        match self {
            Self::Pattern(_) | Self::Regex(_) => (&["from", "missing"], 0),
            Self::Attributes(_) => (&["variable", "missing"], 0),
            Self::Sidecar(_) => (&["by", "take", "missing"], 0),
            Self::Map(_) => (&["from", "to", "missing"], 1),
            Self::Replace(_) => (&["from", "with", "to", "missing"], 2),
            Self::Prefix(_) => (&["facets"], 0),
            Self::Cast(_) => (&["missing"], 0),
            Self::Join(_) => (&["facets", "with", "missing"], 1),
            Self::Hash(_) => (&["to", "algorithm"], 1),
            Self::Then(_) => (&["when", "else"], 1),
            Self::Default(_) | Self::Set(_) | Self::Append(_) | Self::Rename(_) | Self::Remove(_) => (&[], 0),
        }
    }
}

/// A mistake: the name of a key within the rule, what is wrong, and what would help.
type Wrong = (String, String, Option<String>);

/// What a rule does.
///
/// # Errors
/// It says nothing, several things, or has keys that do not go with what it does.
pub(super) fn find(raw: &RawFacetRule) -> Result<Verb<'_>, Wrong> {
    let candidates = [
        ("pattern", raw.pattern.as_deref().map(Verb::Pattern)),
        ("regex", raw.regex.as_deref().map(Verb::Regex)),
        ("attributes", raw.attributes.as_ref().map(Verb::Attributes)),
        ("sidecar", raw.sidecar.as_deref().map(Verb::Sidecar)),
        ("map", raw.map.as_ref().map(Verb::Map)),
        ("default", raw.default.as_ref().map(Verb::Default)),
        ("set", raw.set.as_ref().map(Verb::Set)),
        ("append", raw.append.as_ref().map(Verb::Append)),
        ("rename", raw.rename.as_ref().map(Verb::Rename)),
        ("prefix", raw.prefix.as_deref().map(Verb::Prefix)),
        ("cast", raw.cast.as_ref().map(Verb::Cast)),
        ("replace", raw.replace.as_deref().map(Verb::Replace)),
        ("join", raw.join.as_deref().map(Verb::Join)),
        ("hash", raw.hash.as_deref().map(Verb::Hash)),
        ("remove", raw.remove.as_deref().map(Verb::Remove)),
        ("then", raw.then.as_deref().map(Verb::Then)),
    ];
    let all: Vec<&str> = candidates.iter().map(|(name, _)| *name).collect();
    let mut found: Vec<(&str, Verb<'_>)> =
        candidates.into_iter().filter_map(|(name, verb)| Some((name, verb?))).collect();
    let names: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
    let Some((name, verb)) = found.pop() else {
        return Err((String::new(), "does nothing".into(), Some(format!("expected one of {}", all.join(", ")))));
    };
    if let [first, second, ..] = names[..] {
        let advice = Some("make two rules of it".to_owned());
        return Err((second.to_owned(), format!("stands beside {first}; a rule does one thing"), advice));
    }
    let there = [
        ("from", raw.from.is_some()),
        ("to", raw.to.is_some()),
        ("variable", raw.variable.is_some()),
        ("by", raw.by.is_some()),
        ("take", raw.take.is_some()),
        ("facets", raw.facets.is_some()),
        ("with", raw.with.is_some()),
        ("algorithm", raw.algorithm.is_some()),
        ("else", raw.r#else.is_some()),
        ("missing", raw.missing.is_some()),
    ];
    let (companions, needed) = verb.companions();
    if let Some((stray, _)) = there.iter().find(|(key, is_there)| *is_there && !companions.contains(key)) {
        return Err(((*stray).to_owned(), format!("does not go with {name}"), None));
    }
    let is_there = |key: &&&str| **key == "when" && raw.when.is_some() || there.contains(&(**key, true));
    match companions[..needed].iter().find(|key| !is_there(key)) {
        Some(lacking) => Err((name.to_owned(), format!("needs {lacking} beside it"), None)),
        None => Ok(verb),
    }
}
