//! Mistakes in a recipe, each with its place, and the nearest right spelling.

use std::fmt;

use super::yaml::Place;

/// One mistake in a recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1.
    pub column: u64,
    /// The path of the key, such as `sources[0].include`; empty for the whole recipe.
    pub key: String,
    /// What is wrong; it names the key.
    pub message: String,
    /// What would help.
    pub advice: Option<String>,
}

impl Mistake {
    pub(super) fn new(place: Place, key: &str, message: impl Into<String>) -> Self {
        Self { line: place.line, column: place.column, key: key.to_owned(), message: message.into(), advice: None }
    }

    pub(super) fn advise(mut self, advice: Option<String>) -> Self {
        self.advice = advice;
        self
    }
}

impl fmt::Display for Mistake {
    /// `line:column: what is wrong; advice`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)?;
        match &self.advice {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

/// The candidate that a word was most likely meant to be.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `did you mean …?` for the nearest candidate, else what the candidates are.
pub(super) fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(found) = nearest(word, candidates.clone()) {
        return Some(format!("did you mean {found}?"));
    }
    let all: Vec<_> = candidates.into_iter().collect();
    if all.is_empty() { None } else { Some(format!("expected {}", one_of(&all))) }
}

/// `a, b or c`.
pub(super) fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [before @ .., last] => format!("{} or {last}", before.join(", ")),
    }
}
