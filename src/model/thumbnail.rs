//! What a quick-look shows.

use std::collections::BTreeMap;

use serde::Serialize;

/// What the quick-look of an item shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThumbnailSettings {
    /// The variable, by its path without the first `/`; `None` for the first that fits best.
    pub variable: Option<String>,
    /// The step along time, from 0; negative ones count from the end.
    pub step: i64,
    /// Along other dimensions the value of the coordinate to be near to; the first where nothing is said.
    pub at: BTreeMap<String, f64>,
    /// Pixels from left to right.
    pub width: u32,
}

impl Default for ThumbnailSettings {
    fn default() -> Self {
        Self { variable: None, step: 0, at: BTreeMap::new(), width: 600 }
    }
}
