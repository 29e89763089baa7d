//! The digests that tell whether products or records must be made again.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::model::recipe::{
    AggregateSettings, Along, CollectionSettings, ItemSettings, OnGap, OnOverlap, StacSettings,
};
use crate::model::recipe::{SourceFiles, SourceSettings};
use crate::model::{ProductsAsked, ThumbnailSettings};

/// The digest of what decides what products hold. `public_urls` are the resolved pairs.
pub(super) fn of_products(
    sources: &[SourceSettings],
    item: &ItemSettings,
    aggregate: &AggregateSettings,
    (products, thumbnail): (&ProductsAsked, Option<&ThumbnailSettings>),
    public_urls: &[(url::Url, url::Url)],
) -> String {
    let roots: Vec<_> = sources
        .iter()
        .map(|source| match &source.files {
            SourceFiles::Matching { .. } => json!({"root": source.root.to_string()}),
            SourceFiles::Listed(list) => json!({"list": list.to_string()}),
        })
        .collect();
    let facets = |along: &Along| -> Vec<Value> {
        along.facets.iter().map(|facet| json!({"name": facet.name.as_str(), "from": facet.from})).collect()
    };
    let along = match &aggregate.along {
        along if *along == Along::default() => Value::Null,
        along => {
            let names = along.dimensions.iter().map(|name| json!(name.as_str()));
            Value::Array(names.chain(facets(along)).collect())
        }
    };
    let on_gap = match aggregate.on_gap {
        OnGap::Report => "report",
        OnGap::Error => "error",
    };
    let on_overlap = match aggregate.on_overlap {
        OnOverlap::Error => "error",
        OnOverlap::KeepLast => "keep-last",
        OnOverlap::KeepFirst => "keep-first",
    };
    let public_urls: Vec<_> = public_urls.iter().map(|(from, to)| json!([from.as_str(), to.as_str()])).collect();
    let mut all = json!({
        "sources": roots, "pattern": item.pattern.text(), "along": along, "on_gap": on_gap,
        "products": products, "public_urls": public_urls,
    });
    // What is as it always was leaves the digests of older recipes as they are.
    if aggregate.on_overlap != OnOverlap::Error {
        all["on_overlap"] = json!(on_overlap);
    }
    if aggregate.inline_limit != AggregateSettings::default().inline_limit {
        all["inline_limit"] = json!(aggregate.inline_limit);
    }
    // Where files stand along the join may be found out by rules.
    if !along_facets_are_captured(aggregate, item) {
        all["facets"] = json!(item.facets.digest);
    }
    if thumbnail != Some(&ThumbnailSettings::default()) {
        all["thumbnail"] = json!(thumbnail);
    }
    digest(all)
}

fn along_facets_are_captured(aggregate: &AggregateSettings, item: &ItemSettings) -> bool {
    item.facets.rules.is_empty() || aggregate.along.facets.is_empty()
}

/// The digest of what decides what records hold beyond their products.
pub(super) fn of_records(collection: &CollectionSettings, item: &ItemSettings, stac: &StacSettings) -> String {
    let mut all = json!({
        "collection": {
            "id": collection.id.as_str(), "title": collection.title, "description": collection.description,
            "license": collection.license, "keywords": collection.keywords, "providers": collection.providers,
        },
        "id": item.id, "properties": item.properties,
        "datetime": item.datetime.map(|(first, last)| [first.to_rfc3339(), last.to_rfc3339()]),
        "geometry": item.geometry,
        "profile": stac.profile, "overrides": stac.overrides,
    });
    // What is as it always was leaves the digests of older recipes as they are.
    if collection.facts != Default::default() {
        all["collection_facts"] = json!(collection.facts);
    }
    if item.facts != Default::default() {
        all["item_facts"] = json!(item.facts);
    }
    if stac.facts != Default::default() {
        all["record_facts"] = json!(stac.facts);
    }
    if !stac.catalogs.is_empty() {
        all["catalogs"] = json!(stac.catalogs);
    }
    if let Some(parent) = &collection.parent {
        all["parent"] = json!([parent.id.as_str(), parent.title, parent.description]);
    }
    if collection.items_parquet {
        all["items_parquet"] = json!(true);
    }
    if !item.facets.digest.is_empty() {
        all["facets"] = json!(item.facets.digest);
    }
    digest(all)
}

fn digest(value: Value) -> String {
    let hash = Sha256::digest(sorted(value).to_string());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same value with the keys of all maps in order, so that their order in the recipe does not matter.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(sorted).collect(),
        Value::Object(entries) => {
            let mut entries: Vec<_> = entries.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(entries.into_iter().collect())
        }
        other => other,
    }
}
