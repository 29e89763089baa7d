//! What differs between a product and its sources.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::ItemId;

/// The most differences of one product that are kept one by one; all are counted.
pub const DIFFERENCE_LIMIT: usize = 1000;

/// What kind of difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// The bytes of the product are not those that were written.
    Product,
    /// A source is not what it was when the product was made.
    SourceChanged,
    /// A source, or a chunk of it or of the product, cannot be read.
    Unreadable,
    /// Steps along the join are missing, twice, or of no source.
    Join,
    /// A variable is missing or too many.
    Variable,
    /// Dimensions or lengths.
    Dimension,
    /// The type of elements.
    DataType,
    /// The filters.
    Codec,
    /// An attribute.
    Attribute,
    /// Files disagree about what the numbers of a variable mean.
    Meaning,
    /// A chunk reference points elsewhere, is missing or too many.
    Reference,
    /// What missing chunks read as.
    Fill,
    /// Values.
    Values,
    /// The index of a source is not what another reader sees in it.
    Index,
    /// A key that belongs to nothing.
    ExtraKey,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Difference {
    /// The item.
    pub item: String,
    /// The variable, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub variable: Option<String>,
    /// The key in the product, if it is about a chunk or a key.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub chunk: Option<String>,
    /// The file, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<String>,
    /// What kind.
    pub kind: DifferenceKind,
    /// What the sources say.
    pub expected: String,
    /// What the product says.
    pub found: String,
}

/// Longer texts are cut in messages: they come from files.
const SHOWN: usize = 300;

fn shown(text: impl Into<String>) -> String {
    let text = text.into();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl Difference {
    pub(super) fn new(kind: DifferenceKind, expected: impl Into<String>, found: impl Into<String>) -> Self {
        let (expected, found) = (shown(expected), shown(found));
        Self { item: String::new(), variable: None, chunk: None, file: None, kind, expected, found }
    }

    pub(super) fn variable(mut self, key: &str) -> Self {
        self.variable = Some(key.into());
        self
    }

    pub(super) fn chunk(mut self, key: &str) -> Self {
        self.chunk = Some(key.into());
        self
    }

    pub(super) fn file(mut self, file: impl fmt::Display) -> Self {
        self.file = Some(file.to_string());
        self
    }

    /// A read that failed, with all its causes: a difference is data, it has no `source`.
    pub(super) fn unreadable(error: &dyn std::error::Error) -> Self {
        let mut found = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            found = format!("{found}: {cause}");
            source = cause.source();
        }
        Self::new(DifferenceKind::Unreadable, "bytes that can be read and decoded", found)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.chunk, &self.variable) {
            (Some(chunk), _) => write!(f, "{chunk}: ")?,
            (None, Some(variable)) => write!(f, "{variable}: ")?,
            (None, None) => {}
        }
        write!(f, "expected {}, found {}", self.expected, self.found)?;
        match &self.file {
            Some(file) => write!(f, " ({file})"),
            None => Ok(()),
        }
    }
}

/// All differences of one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Differences {
    item: String,
    /// How many there are.
    pub total: u64,
    /// The first [`DIFFERENCE_LIMIT`] of them.
    pub listed: Vec<Difference>,
}

impl Differences {
    pub(super) fn new(item: &ItemId) -> Self {
        Self { item: item.to_string(), total: 0, listed: Vec::new() }
    }

    pub(super) fn add(&mut self, difference: Difference) {
        self.total += 1;
        if self.listed.len() < DIFFERENCE_LIMIT {
            self.listed.push(Difference { item: self.item.clone(), ..difference });
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.listed.first() else { return f.write_str("no difference from its sources") };
        match self.total {
            1 => write!(f, "differs from its sources: {first}"),
            total => write!(f, "differs from its sources in {total} places; the first: {first}"),
        }
    }
}
