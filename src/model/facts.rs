//! What a recipe states of its records, and what is known of the files beside the data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ids::VariablePath;
use super::statistics::Statistics;
use super::time_format::TimeFormat;

/// Where the time of an item is taken from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeSource {
    /// Its time coordinates, extended by their bounds where these hold them.
    #[default]
    Auto,
    /// Its time coordinates alone.
    Axis,
    /// The bounds of its time coordinates: they have to be there.
    Bounds,
    /// Global attributes of its files.
    Attributes(StatedTimes),
    /// Facets of its files.
    Facets(StatedTimes),
}

impl TimeSource {
    /// The facets of each file that it looks at.
    pub fn facets(&self) -> Vec<&str> {
        match self {
            Self::Facets(stated) => vec![&stated.start, &stated.end],
            _ => Vec::new(),
        }
    }
}

/// The names of what says a time, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatedTimes {
    /// What says the first instant.
    pub start: String,
    /// What says the last.
    pub end: String,
    /// How; `None` to go by the digits.
    pub format: Option<TimeFormat>,
}

/// What a recipe states of its items.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ItemFacts {
    /// Where the time is taken from.
    pub time: TimeSource,
    /// A template of the version.
    pub version: Option<String>,
    /// Templates of the hrefs of what the items were made from.
    pub derived_from: Vec<String>,
}

/// What a recipe states of its collection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CollectionFacts {
    /// The version.
    pub version: Option<String>,
    /// The DOI of the data, without the resolver.
    pub doi: Option<String>,
    /// How to cite the data.
    pub citation: Option<String>,
    /// What was written about them.
    pub publications: Vec<CitedPublication>,
}

/// A publication: a DOI, a citation, or both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CitedPublication {
    /// Its DOI, without the resolver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doi: Option<String>,
    /// How to cite it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub citation: Option<String>,
}

/// What goes into all records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordFacts {
    /// Statistics of all values.
    pub statistics: bool,
    /// Checksums of all source files.
    pub checksums: bool,
    /// Up to so many sources are linked one by one.
    pub source_assets: u64,
    /// A template of what was done to the data; `None` for a sentence on what altostac did.
    pub lineage: Option<String>,
    /// Who did it.
    pub facility: Option<String>,
    /// The level of processing.
    pub level: Option<String>,
}

impl Default for RecordFacts {
    fn default() -> Self {
        Self { statistics: false, checksums: false, source_assets: 200, lineage: None, facility: None, level: None }
    }
}

/// What a file says of its own time: two texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedTime {
    /// The file, for messages.
    pub file: String,
    /// What its first instant is said to be; `None` if nothing is said.
    pub start: Option<String>,
    /// Its last.
    pub end: Option<String>,
}

/// What is known of an item beside its cube.
#[derive(Debug, Clone, Default)]
pub struct KnownFacts {
    /// For each file the time that its attributes or facets say, if the recipe goes by these.
    pub times: Vec<StatedTime>,
    /// Statistics of data variables, if they are asked for.
    pub statistics: BTreeMap<VariablePath, Statistics>,
    /// SHA-256 of source files in hexadecimal, by URL, if they are asked for.
    pub checksums: BTreeMap<String, String>,
}

/// The checksum of one state of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownChecksum {
    /// The file as it was.
    pub file: super::SourceFile,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}
