//! Collections of collections, and catalogues below a collection.

use super::super::mistake::suggest;
use super::super::raw::RawParent;
use super::Resolver;
use crate::model::CollectionId;
use crate::model::recipe::{ItemSettings, ParentSettings};

/// Spells a collection's id as a profile's own catalogue does: CEDA has CCI collections in lower case, ESGF has `CMIP6`.
pub(super) fn spell(id: &mut String, profile: Option<&str>) {
    let lower = id.to_ascii_lowercase();
    let is_cci = || lower.split(['-', '_', '.']).any(|word| word.starts_with("cci") || word.ends_with("cci"));
    match profile {
        Some("ceda") if is_cci() => *id = lower,
        Some("esgf") if lower == "cmip6" => *id = "CMIP6".into(),
        _ => {}
    }
}

impl Resolver<'_> {
    pub(super) fn parent(&mut self, raw: RawParent, child: &str) -> Option<ParentSettings> {
        if raw.description.trim().is_empty() {
            self.mistake("collection.parent.description", "is empty", None);
        }
        if raw.id.eq_ignore_ascii_case(child) {
            self.mistake("collection.parent.id", format!("is {}, the collection itself", raw.id), None);
        }
        let id = CollectionId::new(raw.id).map_err(|error| format!("is wrong: {error}"));
        let id = self.noted("collection.parent.id", id)?;
        Some(ParentSettings { id, title: raw.title, description: raw.description })
    }

    /// Every name is a facet or a property.
    pub(super) fn catalogs(&mut self, names: &[String], item: Option<&ItemSettings>) {
        let Some(item) = item else { return };
        let known: Vec<&str> =
            item.facet_names().into_iter().chain(item.properties.keys().map(String::as_str)).collect();
        for (index, name) in names.iter().enumerate() {
            let key = format!("stac.catalogs[{index}]");
            if names[..index].contains(name) {
                self.mistake(&key, format!("names {name} for the second time"), None);
            } else if !known.contains(&name.as_str()) {
                let what = format!("names {name}, which is neither a facet nor one of item.properties");
                self.mistake(&key, what, suggest(name, known.iter().copied()));
            }
        }
    }
}
