//! From the recipe as written to the recipe as meant.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde_json::{Value, json};
use url::Url;

use super::mistake::{Mistake, suggest};
use super::raw::{RawCollection, RawFingerprints, RawOnRemoved, RawProvider, RawRecipe, RawStac};
use super::surroundings::Surroundings;
use super::yaml::Place;
use super::{digest, facts};
use crate::model::recipe::{CollectionSettings, ItemSettings, Recipe, StacSettings};
use crate::model::{CollectionId, Keeping, Manage, OnRemoved, PublicUrls};

mod aggregate;
mod item;
mod nested;
mod places;
mod products;

const TEMPLATE_NAMES: [&str; 3] = ["collection.json.j2", "item.json.j2", "asset.json.j2"];

/// Resolves a recipe whose shape is right.
///
/// # Errors
/// All mistakes, in the order of the text.
pub(super) fn resolve(
    raw: RawRecipe,
    places: &HashMap<String, Place>,
    path: &Path,
    surroundings: &dyn Surroundings,
) -> Result<Recipe, Vec<Mistake>> {
    let folder = path.parent().unwrap_or(path);
    let mut resolver = Resolver { places, folder, surroundings, mistakes: Vec::new() };
    let recipe = resolver.recipe(raw, path);
    resolver.mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
    match recipe {
        Some(recipe) if resolver.mistakes.is_empty() => Ok(recipe),
        _ => Err(resolver.mistakes),
    }
}

struct Resolver<'a> {
    places: &'a HashMap<String, Place>,
    folder: &'a Path,
    surroundings: &'a dyn Surroundings,
    mistakes: Vec<Mistake>,
}

/// A method gives `None` only after it noted a mistake, so that the others still run.
impl Resolver<'_> {
    fn mistake(&mut self, key: &str, what: impl std::fmt::Display, advice: Option<String>) {
        let place = self.places.get(key).copied().unwrap_or_default();
        self.mistakes.push(Mistake::new(place, key, format!("{key} {what}")).advise(advice));
    }

    fn noted<T, E: std::fmt::Display>(&mut self, key: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.mistake(key, error, None)).ok()
    }

    fn recipe(&mut self, mut raw: RawRecipe, path: &Path) -> Option<Recipe> {
        let manage = self.manage(&raw.collection, &raw.stac);
        let collection = self.collection(raw.collection, &raw.stac);
        let sources: Vec<_> =
            raw.sources.into_iter().enumerate().map(|(index, source)| self.source(index, source)).collect();
        let item = self.item(raw.item, &raw.stac);
        let aggregate = self.aggregate(&raw.aggregate, item.as_ref());
        let products = self.products(raw.products);
        let output = self.output(raw.output.as_deref().unwrap_or("published"));
        let keeping = Keeping {
            on_removed: raw.on_removed.into(),
            max_removed: self.max_removed(raw.guard.max_removed),
            ..self.keeping(raw.keep_revisions, raw.confirm_uploads)
        };
        let public_urls = self.public_urls(&raw.public_urls);
        let thumbnail = super::thumbnail::resolve(raw.stac.thumbnail.take());
        let thumbnail =
            thumbnail.map_err(|(key, what)| self.mistake(&format!("stac.thumbnail.{key}"), what, None)).ok();
        let stac = self.stac(raw.stac, item.as_ref());
        let publish = raw.publish.map(|publish| {
            let mut wrong = Vec::new();
            let resolved = super::publishing::resolve(publish, self.folder, &mut wrong);
            wrong.into_iter().for_each(|(key, what)| self.mistake(&key, what, None));
            resolved
        });
        let mut wrong = Vec::new();
        let watch = super::watch::resolve(raw.watch, self.folder, self.surroundings, &mut wrong);
        wrong.into_iter().for_each(|(key, what)| self.mistake(&format!("watch.{key}"), what, None));
        let (sources, item, aggregate) = (sources.into_iter().collect::<Option<Vec<_>>>()?, item?, aggregate?);
        let (collection, products, stac) = (collection?, products?, stac?);
        let thumbnail = thumbnail?;
        let built = (&products, thumbnail.as_ref());
        Some(Recipe {
            path: path.to_owned(),
            product_digest: digest::of_products(&sources, &item, &aggregate, built, &public_urls),
            record_digest: digest::of_records(&collection, &item, &stac),
            collection,
            sources,
            compares_bytes: matches!(raw.fingerprints, RawFingerprints::Checksum),
            item,
            aggregate,
            products,
            output: output?,
            keeping,
            public_urls: PublicUrls::new(public_urls),
            stac,
            thumbnail,
            manage,
            publish: publish.flatten(),
            watch,
        })
    }

    fn collection(&mut self, mut raw: RawCollection, stac: &RawStac) -> Option<CollectionSettings> {
        nested::spell(&mut raw.id, stac.profile.as_deref());
        if raw.description.trim().is_empty() {
            self.mistake("collection.description", "is empty", None);
        }
        let providers = raw.providers.iter().enumerate().map(|(index, raw)| self.provider(index, raw)).collect();
        let mut wrong = Vec::new();
        let facts = facts::of_collection(&raw, &mut wrong);
        wrong.into_iter().for_each(|(key, what, advice)| self.mistake(&key, what, advice));
        Some(CollectionSettings {
            id: self.noted(
                "collection.id",
                CollectionId::new(raw.id.as_str()).map_err(|error| format!("is wrong: {error}")),
            )?,
            title: raw.title,
            description: raw.description,
            license: raw.license.unwrap_or_else(|| "other".into()),
            keywords: raw.keywords,
            providers,
            facts,
            parent: raw.parent.and_then(|parent| self.parent(parent, &raw.id)),
            items_parquet: stac.items_parquet.unwrap_or(false),
        })
    }

    fn provider(&mut self, index: usize, raw: &RawProvider) -> Value {
        let mut provider = json!({"name": raw.name});
        if let Some(description) = &raw.description {
            provider["description"] = json!(description);
        }
        if !raw.roles.is_empty() {
            provider["roles"] = json!(raw.roles);
        }
        if let Some(text) = &raw.url {
            let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"));
            self.noted(&format!("collection.providers[{index}].url"), url);
            provider["url"] = json!(text);
        }
        provider
    }

    fn stac(&mut self, raw: RawStac, item: Option<&ItemSettings>) -> Option<StacSettings> {
        self.catalogs(&raw.catalogs, item);
        let facts = facts::of_records(&raw);
        let folder = self.folder.join("templates");
        let unreadable = |error| format!("templates beside the recipe cannot be read: {error}");
        let names = self.surroundings.file_names(&folder);
        let mut overrides = BTreeMap::new();
        for name in self.beside("templates", names.map_err(unreadable))? {
            if TEMPLATE_NAMES.contains(&name.as_str()) {
                let text = self.surroundings.text(&folder.join(&name));
                let text = self
                    .beside("templates", text.map_err(|error| format!("templates/{name} cannot be read: {error}")))?;
                overrides.insert(name, text);
            } else if [".j2", ".json", ".jinja", ".jinja2"].iter().any(|end| name.ends_with(end)) {
                let advice = suggest(&name, TEMPLATE_NAMES);
                let message = format!("templates/{name} beside the recipe is not a template that altostac knows");
                self.mistakes.push(Mistake::new(self.beginning(), "stac", message).advise(advice));
            }
        }
        let profile = raw.profile.unwrap_or_else(|| super::PROFILES[0].into());
        Some(StacSettings { profile, overrides, facts, catalogs: raw.catalogs })
    }

    /// Notes a mistake that is not in the recipe's text but beside it.
    fn beside<T>(&mut self, key: &str, result: Result<T, String>) -> Option<T> {
        let place = self.beginning();
        result.map_err(|message| self.mistakes.push(Mistake::new(place, key, message))).ok()
    }

    fn beginning(&self) -> Place {
        self.places.get("stac").or_else(|| self.places.get("")).copied().unwrap_or_default()
    }

    /// Collections that others feed too have nothing that is made of all items at once.
    fn manage(&mut self, collection: &RawCollection, stac: &RawStac) -> Manage {
        let manage = collection.manage.into();
        let all = [(!stac.catalogs.is_empty(), "catalogs"), (stac.items_parquet == Some(true), "items_parquet")];
        for (is_asked, key) in all {
            if is_asked && manage == Manage::Extend {
                let what =
                    "goes with collection.manage: own only: it is made of all items, and others have some of them";
                self.mistake(&format!("stac.{key}"), what, None);
            }
        }
        manage
    }
}

impl From<RawOnRemoved> for OnRemoved {
    fn from(raw: RawOnRemoved) -> Self {
        match raw {
            RawOnRemoved::Remove => Self::Remove,
            RawOnRemoved::Deprecate => Self::Deprecate,
            RawOnRemoved::Retract => Self::Retract,
        }
    }
}
