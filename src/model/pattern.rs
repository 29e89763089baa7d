//! The pattern that turns a path into facets.

use regex::Regex;

use super::source::Facets;

/// A compiled item pattern: it must match the whole path below a root.
#[derive(Debug, Clone)]
pub struct ItemPattern {
    expression: Regex,
}

impl ItemPattern {
    /// Takes an expression that is anchored at both ends and names its groups.
    pub fn new(expression: Regex) -> Self {
        Self { expression }
    }

    /// The names of the facets, in the order of the pattern.
    pub fn facet_names(&self) -> impl Iterator<Item = &str> {
        self.expression.capture_names().flatten()
    }

    /// The facets of a path; `None` if it does not match as a whole.
    pub fn facets(&self, path: &str) -> Option<Facets> {
        let found = self.expression.captures(path)?;
        Some(
            self.facet_names()
                .filter_map(|name| Some((name.to_owned(), found.name(name)?.as_str().to_owned())))
                .collect(),
        )
    }
}
