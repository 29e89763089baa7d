//! What the items of a collection have in common, and what values they take.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::model::record::is_of_one_item;

/// Beyond so many distinct texts a summary would be a list of the items: it is left out.
const DISTINCT_VALUES: usize = 200;

/// The one list of objects whose objects are summed up (cf extension v0.2.0).
const PARAMETERS: &str = "cf:parameter";

/// The distinct values of properties.
#[derive(Debug, Default)]
pub(super) struct Summaries {
    texts: BTreeMap<String, BTreeSet<String>>,
    numbers: BTreeMap<String, (f64, f64)>,
    /// Objects of [`PARAMETERS`], by their text.
    parameters: BTreeMap<String, Value>,
    /// Those with too many values, or values of several kinds.
    given_up: BTreeSet<String>,
}

impl Summaries {
    /// Adds an item's properties: texts, numbers and lists of texts.
    pub(super) fn add(&mut self, properties: &Map<String, Value>) {
        for (key, value) in properties {
            let skipped = is_of_one_item(key);
            if key == PARAMETERS {
                let found = value.as_array().into_iter().flatten();
                self.parameters.extend(found.map(|parameter| (parameter.to_string(), parameter.clone())));
                continue;
            }
            if !skipped && !self.given_up.contains(key) && !self.take(key, value) {
                self.texts.remove(key);
                self.numbers.remove(key);
                self.given_up.insert(key.clone());
            }
        }
    }

    fn take(&mut self, key: &str, value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::String(text) => self.take_text(key, text),
            Value::Array(values) => {
                values.iter().all(|value| value.as_str().is_some_and(|text| self.take_text(key, text)))
            }
            Value::Number(number) => number.as_f64().is_some_and(|number| self.take_number(key, number)),
            Value::Bool(_) | Value::Object(_) => false,
        }
    }

    fn take_text(&mut self, key: &str, text: &str) -> bool {
        let texts = self.texts.entry(key.to_owned()).or_default();
        if !text.is_empty() {
            texts.insert(text.to_owned());
        }
        texts.len() <= DISTINCT_VALUES && !self.numbers.contains_key(key)
    }

    fn take_number(&mut self, key: &str, number: f64) -> bool {
        let range = self.numbers.entry(key.to_owned()).or_insert((number, number));
        *range = (range.0.min(number), range.1.max(number));
        !self.texts.contains_key(key)
    }

    /// STAC's `summaries`: sets of texts, sorted; ranges of numbers.
    pub(super) fn finish(&self) -> Map<String, Value> {
        let texts =
            self.texts.iter().filter(|(_, values)| !values.is_empty()).map(|(key, values)| (key, json!(values)));
        let numbers = self.numbers.iter().map(|(key, (low, high))| (key, json!({"minimum": low, "maximum": high})));
        let mut sorted: BTreeMap<_, _> = texts.chain(numbers).map(|(key, value)| (key.clone(), value)).collect();
        if (1..=DISTINCT_VALUES).contains(&self.parameters.len()) {
            sorted.insert(PARAMETERS.into(), self.parameters.values().cloned().collect());
        }
        sorted.into_iter().collect()
    }
}

/// The fields that the assets of one key have in common in all items.
#[derive(Debug, Default)]
pub(super) struct AssetDefinitions(BTreeMap<String, Map<String, Value>>);

/// Fields of one file. `zarr:` fields too: the zarr extension v1.1.0 does not allow them in a collection's `item_assets`.
const OF_ONE_FILE: [&str; 8] =
    ["href", "file:", "cf:", "zarr:", "created", "updated", "cmip6:", "icechunk:snapshot_id"];

impl AssetDefinitions {
    /// Adds an item's assets; numbered sources stand for one.
    pub(super) fn add(&mut self, assets: &Map<String, Value>) {
        for (key, asset) in assets {
            let Some(fields) = asset.as_object() else { continue };
            let is_source = asset["roles"].as_array().is_some_and(|roles| roles.iter().any(|role| role == "source"));
            let is_numbered = key.len() > 4 && key.ends_with(|c: char| c.is_ascii_digit());
            // Keys that are names of files are as many as there are files.
            let is_named = is_source && key.contains('.');
            if is_named || (is_source && is_numbered && !key.ends_with("0001")) {
                continue;
            }
            let mut common = fields.clone();
            common.retain(|name, _| !OF_ONE_FILE.iter().any(|prefix| name.starts_with(prefix)));
            if is_source && is_numbered {
                common.insert("title".into(), "Source file".into());
            }
            match self.0.get_mut(key) {
                Some(known) => known.retain(|name, value| common.get(name) == Some(value)),
                None => {
                    self.0.insert(key.clone(), common);
                }
            }
        }
    }

    /// STAC's `item_assets` (1.1.0, collection-spec): each of at least two fields.
    pub(super) fn finish(self) -> Map<String, Value> {
        let told = self.0.into_iter().filter(|(_, fields)| fields.len() >= 2);
        told.map(|(key, fields)| (key, Value::Object(fields))).collect()
    }
}
