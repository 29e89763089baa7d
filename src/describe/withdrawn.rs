//! The record of an Item whose files are gone.

use serde_json::Value;

use super::templates::declare_extensions;
use crate::model::OnRemoved;

/// The record with the mark that a recipe asks for (`deprecated` of the version extension v1.2.0, or ESGF's `retracted`) and without the other; all
/// else stays. With [`OnRemoved::Remove`] it has neither.
///
/// ```
/// use altostac::{describe::withdrawn, model::OnRemoved};
/// let record = serde_json::json!({"type": "Feature", "properties": {}});
/// let marked = withdrawn(record, OnRemoved::Deprecate, "2026-01-01T00:00:00Z");
/// assert_eq!(marked["properties"]["deprecated"], true);
/// assert!(marked["stac_extensions"][0].as_str().unwrap().contains("/version/"));
/// ```
pub fn withdrawn(mut record: Value, on_removed: OnRemoved, updated: &str) -> Value {
    if let Some(properties) = record.get_mut("properties").and_then(Value::as_object_mut) {
        properties.remove("deprecated");
        properties.remove("retracted");
        let mark = match on_removed {
            OnRemoved::Remove => None,
            OnRemoved::Deprecate => Some("deprecated"),
            OnRemoved::Retract => Some("retracted"),
        };
        properties.extend(mark.map(|mark| (mark.to_owned(), Value::Bool(true))));
        properties.insert("updated".into(), updated.into());
    }
    declare_extensions(&mut record);
    record
}
