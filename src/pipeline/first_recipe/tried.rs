//! What comes of the files of an item: whether they are one dataset that a product can carry and a record can describe, and what has to be decided
//! if not.

use super::super::chain;
use super::super::conflicts::conflicts_error;
use super::super::item::coordinate_digests;
use super::super::products;
use super::super::values::FileValues;
use super::EXAMPLES;
use crate::combine::combine;
use crate::describe::missing_coverage;
use crate::model::recipe::AggregateSettings;
use crate::model::{FileIndex, ItemError, ProductsAsked, PublicUrls};
use crate::suggest::Need;

/// What one item's files are together.
#[derive(Debug, Default)]
pub(super) struct Tried {
    pub(super) id: String,
    /// Files that cannot be read: numbers of paths, and why.
    pub(super) unreadable: Vec<(usize, ItemError)>,
    /// Why they are no dataset.
    pub(super) conflict: Option<ItemError>,
    /// Why no product carries it.
    pub(super) refused: Option<ItemError>,
    pub(super) no_place: Option<String>,
    pub(super) no_time: Option<String>,
    pub(super) is_copied: bool,
}

/// Are these files a dataset, can a product carry it, does it say where and when it is?
pub(super) fn judge(indexes: &[FileIndex], tried: &mut Tried) {
    let cube = match combine(indexes, &[], &AggregateSettings::default(), &FileValues) {
        Ok(cube) => cube,
        Err(conflicts) => {
            tried.conflict = Some(conflicts_error(&conflicts));
            return;
        }
    };
    match products::choose(&ProductsAsked::Auto, (&cube, indexes), &PublicUrls::default()) {
        Ok(chosen) => tried.is_copied = chosen.products.iter().any(|settings| settings.format().is_copy()),
        Err(error) => tried.refused = Some(error),
    }
    let (place, time) = missing_coverage(&cube, &coordinate_digests(indexes));
    (tried.no_place, tried.no_time) = (place.map(|error| chain(&error)), time.map(|error| chain(&error)));
}

/// What has to be decided, one entry for each kind of trouble.
pub(super) fn needs(tried: &[Tried]) -> Vec<Need> {
    let mut needs: Vec<Need> = Vec::new();
    let mut add = |key: &str, id: &str, found: &str, remedy: &str| {
        match needs.iter_mut().find(|need| need.key == key) {
            Some(need) => {
                need.items += 1;
                if need.examples.len() < EXAMPLES {
                    need.examples.push(id.to_owned());
                }
            }
            None => needs.push(Need {
                key: key.into(),
                items: 1,
                examples: vec![id.into()],
                found: found.into(),
                remedy: remedy.into(),
            }),
        };
    };
    for item in tried {
        if let Some((_, error)) = item.unreadable.iter().find(|(_, error)| error.kind == "io") {
            let remedy = "see that this machine and the server let the file be read, by ranges if it is remote";
            add("sources", &item.id, &error.message, remedy);
        }
        if let Some(conflict) = &item.conflict {
            let (key, remedy) = match conflict.kind.as_str() {
                "overlap" => (
                    "aggregate.on_overlap",
                    "say keep-last or keep-first, or take a facet that tells the files apart into item.id",
                ),
                _ => (
                    "item.id",
                    "take a facet that tells the files apart into item.id, or exclude one of them in sources.exclude",
                ),
            };
            add(key, &item.id, &format!("{}: its files are not one dataset: {}", item.id, conflict.message), remedy);
        }
        if let Some(refused) = &item.refused {
            let found = format!("{}: no product can carry it: {}", item.id, refused.message);
            add("products", &item.id, &found, "exclude its files in sources.exclude");
        }
        if let Some(found) = &item.no_time {
            add("item.datetime", &item.id, found, "say item.datetime in the recipe: it is taken for such items alone");
        }
        if let Some(found) = &item.no_place {
            add("item.geometry", &item.id, found, "say item.geometry in the recipe: it is taken for such items alone");
        }
    }
    needs
}
