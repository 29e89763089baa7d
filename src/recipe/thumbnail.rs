//! The quick-look of each Item: as written, and as meant.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::ThumbnailSettings;

/// A quick-look for each Item: `true`, `false`, or what it shows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Thumbnail")]
pub(super) enum RawThumbnail {
    /// Whether there is one.
    Switch(bool),
    /// What it shows.
    Options(RawThumbnailOptions),
}

/// What a quick-look shows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ThumbnailOptions")]
pub(super) struct RawThumbnailOptions {
    /// The variable, with its groups: `tas`, `forecast/tas`. Default: the first that can be put on a map.
    variable: Option<String>,
    /// The step along time, from 0; negative ones count from the end. Default: 0.
    #[serde(default)]
    step: i64,
    /// Along other dimensions the coordinate's value to be near to, such as `{plev: 50000}`. Default: the first of each.
    #[serde(default)]
    at: BTreeMap<String, f64>,
    /// Pixels from left to right, 256 to 1024. Default: 600.
    #[schemars(range(min = 256, max = 1024))]
    width: Option<u32>,
}

/// The settings; `None` for no quick-looks. Or what is wrong with an option.
pub(super) fn resolve(raw: Option<RawThumbnail>) -> Result<Option<ThumbnailSettings>, (&'static str, String)> {
    let RawThumbnailOptions { variable, step, at, width } = match raw {
        None | Some(RawThumbnail::Switch(true)) => return Ok(Some(ThumbnailSettings::default())),
        Some(RawThumbnail::Switch(false)) => return Ok(None),
        Some(RawThumbnail::Options(options)) => options,
    };
    let width = width.unwrap_or(ThumbnailSettings::default().width);
    if !(256..=1024).contains(&width) {
        return Err(("width", format!("is {width}; expected 256 to 1024")));
    }
    Ok(Some(ThumbnailSettings { variable, step, at, width }))
}
