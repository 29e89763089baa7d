//! The STAC extensions that altostac knows, and where a record may use them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// A STAC extension in the one version that altostac writes and checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension {
    /// What its fields begin with, up to the colon.
    pub prefix: &'static str,
    /// Its schema's URL: what `stac_extensions` lists.
    pub url: &'static str,
    /// Whether a record that uses one field must declare it. Not so for `cmip6`, whose schema asks for 27 properties at once.
    pub declared_when_used: bool,
}

macro_rules! extensions {
    ($($prefix:literal $name:literal $declared:literal),* $(,)?) => {
        &[$(Extension {
            prefix: $prefix,
            url: concat!("https://stac-extensions.github.io/", $name, "/schema.json"),
            declared_when_used: $declared,
        }),*]
    };
}

/// Those whose fields have a prefix, by prefix.
pub const EXTENSIONS: &[Extension] = extensions![
    "alternate" "alternate-assets/v1.2.0" true,
    "cf" "cf/v0.2.0" true,
    "cmip6" "cmip6/v3.0.2" false,
    "cube" "datacube/v2.3.0" true,
    "file" "file/v2.1.0" true,
    "processing" "processing/v1.2.0" true,
    "proj" "projection/v2.0.0" true,
    "sci" "scientific/v1.0.0" true,
    "storage" "storage/v2.0.0" true,
    "version" "version/v1.2.0" true,
    "xarray" "xarray-assets/v1.0.0" true,
    "zarr" "zarr/v1.1.0" true,
];

/// The known extensions whose fields a record uses, by prefix: in its own fields, its properties, assets, links, providers and summaries.
///
/// ```
/// use altostac::model::extension::used_extensions;
/// let record = serde_json::json!({"type": "Feature", "properties": {"cube:dimensions": {}}, "assets": {"a": {"file:size": 1}}});
/// let prefixes: Vec<_> = used_extensions(&record).iter().map(|extension| extension.prefix).collect();
/// assert_eq!(prefixes, ["cube", "file"]);
/// ```
pub fn used_extensions(record: &Value) -> Vec<&'static Extension> {
    let values = |field: &str| record[field].as_object().into_iter().flat_map(Map::values);
    let entries = |field: &str| record[field].as_array().into_iter().flatten();
    let objects = [record, &record["properties"], &record["summaries"]]
        .into_iter()
        .chain(values("assets").chain(values("item_assets")))
        .chain(entries("links").chain(entries("providers")));
    let keys = objects.filter_map(Value::as_object).flat_map(Map::keys);
    let prefixes: BTreeSet<&str> = keys.filter_map(|key| key.split_once(':')).map(|(prefix, _)| prefix).collect();
    let says_version = |object: &&Value| object["version"].is_string() || object["deprecated"].is_boolean();
    let has_version = [record, &record["properties"]].iter().any(says_version);
    let is_used = |extension: &&Extension| match extension.prefix {
        VERSION => has_version,
        prefix => prefixes.contains(prefix),
    };
    EXTENSIONS.iter().filter(is_used).collect()
}

/// The one extension whose fields have no prefix: `version`, `deprecated`, `experimental`.
const VERSION: &str = "version";
