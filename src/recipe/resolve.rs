//! From the recipe as written to the recipe as meant.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use serde_json::{Value, json};
use url::Url;

use super::mistake::{Mistake, suggest};
use super::raw::{
    RawAggregate, RawAlong, RawAuto, RawCollection, RawConfirmation, RawDatetime, RawDimension, RawFingerprints,
    RawGeometry, RawItem, RawLimit, RawOnGap, RawOnOverlap, RawOnRemoved, RawProduct, RawProductOptions, RawProducts,
    RawProvider, RawPublicUrl, RawRecipe, RawSize, RawSource, RawStac,
};
use super::surroundings::Surroundings;
use super::yaml::Place;
use super::{digest, facets, facts, templates, urls, zarr};
use crate::model::recipe::{
    AggregateSettings, Along, CollectionSettings, FacetDimension, Globs, ItemSettings, OnGap, OnOverlap, Recipe,
    SourceFiles, SourceSettings, StacSettings,
};
use crate::model::{
    CollectionId, Confirmation, DimensionName, IcechunkVersion, ItemPattern, Keeping, Manage, OnRemoved, ProductFormat,
    ProductSettings, ProductsAsked, PublicUrls, RemovalLimit, SourcePlace, SourceUrl, ZarrSettings,
};

mod nested;

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

    fn source(&mut self, index: usize, raw: RawSource) -> Option<SourceSettings> {
        let key = format!("sources[{index}]");
        match (raw.root, raw.list) {
            (Some(root), None) => {
                let include = raw.include.unwrap_or_else(|| vec!["**/*.nc".into()]);
                let include = self.globs(&format!("{key}.include"), include);
                let exclude = self.globs(&format!("{key}.exclude"), raw.exclude.unwrap_or_default());
                let root = self.root(&format!("{key}.root"), &root)?;
                Some(SourceSettings { root, files: SourceFiles::Matching { include: include?, exclude: exclude? } })
            }
            (None, Some(list)) => {
                for (name, there) in [("include", raw.include.is_some()), ("exclude", raw.exclude.is_some())] {
                    if there {
                        self.mistake(&format!("{key}.{name}"), "goes with a root, not with a list", None);
                    }
                }
                let (list, root) = self.list(&format!("{key}.list"), &list)?;
                Some(SourceSettings { root, files: SourceFiles::Listed(list) })
            }
            (Some(_), Some(_)) => {
                self.mistake(&key, "has both root and list; expected one of them", None);
                None
            }
            (None, None) => {
                self.mistake(&key, "has neither root nor list; expected one of them", None);
                None
            }
        }
    }

    /// A folder that is there, or the URL of one.
    fn root(&mut self, key: &str, text: &str) -> Option<SourcePlace> {
        if is_remote(text) {
            let mut url = self.noted(key, urls::source(text))?;
            if !url.path().ends_with('/') {
                url.set_path(&format!("{}/", url.path()));
            }
            return Some(SourcePlace::Remote(SourceUrl::new(url)));
        }
        let folder = self.path(key, text)?;
        let real = self.surroundings.folder(&folder).map_err(|error| format!("{text} is not a folder: {error}"));
        self.noted(key, real).map(SourcePlace::Local)
    }

    /// A list, and where its relative lines start.
    fn list(&mut self, key: &str, text: &str) -> Option<(SourcePlace, SourcePlace)> {
        if is_remote(text) {
            let url = self.noted(key, urls::source(text))?;
            let folder = self.noted(key, url.join(".").map_err(|error| format!("is in no folder: {error}")))?;
            return Some((SourcePlace::Remote(SourceUrl::new(url)), SourcePlace::Remote(SourceUrl::new(folder))));
        }
        let list = self.path(key, text)?;
        let list = self.surroundings.as_far_as_exists(&list);
        Some((SourcePlace::Local(list), SourcePlace::Local(self.surroundings.as_far_as_exists(self.folder))))
    }

    /// An absolute local path.
    fn path(&mut self, key: &str, text: &str) -> Option<PathBuf> {
        match urls::scheme(text) {
            None if text.is_empty() => {
                self.mistake(key, "is empty", None);
                None
            }
            None => Some(self.folder.join(text)),
            Some("file") => self.noted(key, urls::file_path(text)),
            Some(scheme) => {
                self.mistake(key, format!("with {scheme}:// is not supported by this version yet"), None);
                None
            }
        }
    }

    fn globs(&mut self, key: &str, texts: Vec<String>) -> Option<Globs> {
        let mut right = true;
        for (index, text) in texts.iter().enumerate() {
            let key = format!("{key}[{index}]");
            if ["/", "./", "../"].iter().any(|start| text.starts_with(start)) {
                let advice = Some("globs match the path below the root, such as **/*.nc".to_owned());
                self.mistake(&key, format!("{text:?} can match nothing"), advice);
                right = false;
            } else if let Err(error) = Globs::new([text.as_str()]) {
                self.mistake(&key, format!("{text:?} is not a glob: {}", error.kind()), None);
                right = false;
            }
        }
        if right { self.noted(key, Globs::new(texts)) } else { None }
    }

    fn item(&mut self, raw: RawItem, stac: &RawStac) -> Option<ItemSettings> {
        let pattern = match (&raw.pattern, &raw.regex) {
            (Some(text), None) => {
                self.noted("item.pattern", ItemPattern::parse(text).map_err(|error| format!("is wrong: {error}")))
            }
            (None, Some(text)) => {
                self.noted("item.regex", ItemPattern::from_regex(text).map_err(|error| format!("is wrong: {error}")))
            }
            (Some(_), Some(_)) => {
                self.mistake("item", "has both pattern and regex; expected one of them", None);
                None
            }
            (None, None) => {
                self.mistake("item", "has neither pattern nor regex; expected one of them", None);
                None
            }
        };
        let around = (self.folder, self.surroundings);
        let found = facets::resolve(&raw.facets, &raw.vocabularies, pattern.as_ref(), around);
        for (key, what, advice) in found.mistakes {
            self.mistake(&key, what, advice);
        }
        let mut texts = vec![("item.id".to_owned(), raw.id.as_str())];
        for (name, value) in &raw.properties {
            templates::texts(value, &format!("item.properties.{name}"), &mut texts);
        }
        facts::templates(&raw, stac, &mut texts);
        for (key, text) in texts {
            let known = pattern
                .as_ref()
                .map(|_| templates::Known { facets: &found.rules.names, by_rules: !raw.facets.is_empty() });
            for wrong in templates::check(text, known) {
                self.mistake(&key, wrong.message, wrong.advice);
            }
        }
        let mut wrong = Vec::new();
        let facts = facts::of_item(&raw, pattern.as_ref().map(|_| &found.rules.names), &mut wrong);
        wrong.into_iter().for_each(|(key, what, advice)| self.mistake(&key, what, advice));
        let datetime = raw.datetime.map(|datetime| self.datetime(&datetime));
        let geometry = raw.geometry.map(|geometry| self.geometry(&geometry));
        Some(ItemSettings {
            pattern: pattern?,
            facets: found.rules,
            vocabularies: found.vocabularies,
            id: raw.id,
            properties: raw.properties,
            datetime: datetime.flatten(),
            geometry: geometry.flatten(),
            facts,
        })
    }

    fn datetime(&mut self, raw: &RawDatetime) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        match raw {
            RawDatetime::Single(text) => self.instants("item.datetime", text),
            RawDatetime::Interval(interval) => {
                let start = self.instants("item.datetime.start", &interval.start);
                let end = self.instants("item.datetime.end", &interval.end);
                let ((start, _), (_, end)) = (start?, end?);
                if start > end {
                    self.mistake("item.datetime", "ends before it starts", None);
                }
                Some((start, end))
            }
        }
    }

    /// An instant twice, or the first and last second of a day.
    fn instants(&mut self, key: &str, text: &str) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
            return Some((instant.to_utc(), instant.to_utc()));
        }
        let day = text.parse::<NaiveDate>().ok().map(|day| day.and_time(chrono::NaiveTime::MIN).and_utc());
        let last =
            |start: DateTime<Utc>| start.checked_add_days(Days::new(1))?.checked_sub_signed(TimeDelta::seconds(1));
        let days = day.and_then(|start| Some((start, last(start)?)));
        let wrong =
            || format!("{text:?} is neither an RFC 3339 instant (2020-01-31T12:00:00Z) nor a date (2020-01-31)");
        self.noted(key, days.ok_or_else(wrong))
    }

    fn geometry(&mut self, raw: &RawGeometry) -> Option<Value> {
        let value = json!({"type": raw.r#type, "coordinates": raw.coordinates});
        let read = serde_json::from_value::<geojson::Geometry>(value.clone());
        self.noted("item.geometry", read.map_err(|error| format!("is not a GeoJSON geometry: {error}")))?;
        if let Some(position) = bad_position(&raw.coordinates) {
            let what = format!("holds {position}; expected a longitude from -180 to 180 and a latitude from -90 to 90");
            self.mistake("item.geometry.coordinates", what, None);
        }
        Some(value)
    }

    fn aggregate(&mut self, raw: &RawAggregate, item: Option<&ItemSettings>) -> Option<AggregateSettings> {
        let along = self.along(raw.along.as_ref(), item)?;
        let on_gap = match raw.on_gap {
            None | Some(RawOnGap::Report) => OnGap::Report,
            Some(RawOnGap::Error) => OnGap::Error,
        };
        let on_overlap = match raw.on_overlap {
            None | Some(RawOnOverlap::Error) => OnOverlap::Error,
            Some(RawOnOverlap::KeepLast) => OnOverlap::KeepLast,
            Some(RawOnOverlap::KeepFirst) => OnOverlap::KeepFirst,
        };
        let inline_limit = match &raw.inline_limit {
            None => AggregateSettings::default().inline_limit,
            Some(size) => self.size("aggregate.inline_limit", size, 64 << 20)?,
        };
        Some(AggregateSettings { along, on_overlap, on_gap, inline_limit })
    }

    /// Bytes, at most so many.
    fn size(&mut self, key: &str, raw: &RawSize, most: u64) -> Option<u64> {
        let found = match raw {
            RawSize::Bytes(bytes) => Some(*bytes),
            RawSize::Text(text) => bytes_of(text),
        };
        let shown = || match raw {
            RawSize::Bytes(bytes) => bytes.to_string(),
            RawSize::Text(text) => format!("{text:?}"),
        };
        if found.is_none_or(|bytes| bytes > most) {
            let what = format!("is {}; expected at most {most} bytes, as a number or with kB, MB, KiB or MiB", shown());
            self.mistake(key, what, None);
            return None;
        }
        found
    }

    fn along(&mut self, raw: Option<&RawAlong>, item: Option<&ItemSettings>) -> Option<Along> {
        let (mut along, mut is_auto) = (Along::default(), false);
        let listed: Vec<(String, &RawDimension)> = match raw {
            None => Vec::new(),
            Some(RawAlong::One(one)) => vec![("aggregate.along".into(), one)],
            Some(RawAlong::Several(all)) => {
                if all.is_empty() {
                    self.mistake("aggregate.along", "is an empty list; expected at least one entry", None);
                }
                all.iter().enumerate().map(|(at, one)| (format!("aggregate.along[{at}]"), one)).collect()
            }
        };
        for (key, one) in listed {
            let name = match one {
                RawDimension::Name(name) if name == "auto" => {
                    is_auto = true;
                    continue;
                }
                RawDimension::Name(name) => name,
                RawDimension::Facet(facet) => &facet.name,
            };
            let dimension = self.noted(&key, DimensionName::new(name.as_str()))?;
            if along.dimensions.contains(&dimension) || along.facets.iter().any(|facet| facet.name == dimension) {
                self.mistake(&key, format!("names {name} for the second time"), None);
            }
            match one {
                RawDimension::Name(_) => along.dimensions.push(dimension),
                RawDimension::Facet(facet) => {
                    self.facet(&key, &facet.from, item);
                    along.facets.push(FacetDimension { name: dimension, from: facet.from.clone() });
                }
            }
        }
        if is_auto && !along.dimensions.is_empty() {
            let advice = "auto finds all dimensions whose values differ: leave it out, or the names".to_owned();
            self.mistake("aggregate.along", "has both auto and the name of a dimension", Some(advice));
        }
        Some(along)
    }

    /// A facet that tells the files of one item apart.
    fn facet(&mut self, key: &str, from: &str, item: Option<&ItemSettings>) {
        let Some(item) = item else { return };
        let key = format!("{key}.from");
        let known: Vec<&str> = item.facet_names();
        if !known.contains(&from) {
            let of = if item.facets.rules.is_empty() { " of the pattern" } else { "" };
            let what = format!("names no facet{of}; there are: {}", known.join(", "));
            self.mistake(&key, what, suggest(from, known.iter().copied()));
        } else if templates::uses(&item.id, from) {
            let what = format!("names {from}, which item.id uses: it is the same in all files of an item");
            self.mistake(&key, what, Some(format!("take {{{{ {from} }}}} out of item.id")));
        }
    }

    fn products(&mut self, raw: Option<RawProducts>) -> Option<ProductsAsked> {
        let listed = match raw {
            Some(RawProducts::Auto(RawAuto::Auto)) => return Some(ProductsAsked::Auto),
            Some(RawProducts::Listed(listed)) => listed,
            None => vec![RawProduct::Name(ProductFormat::Kerchunk)],
        };
        let mut all: Vec<ProductSettings> = Vec::new();
        for (index, product) in listed.into_iter().enumerate() {
            let key = format!("products[{index}]");
            let settings = match product {
                RawProduct::Name(format) => named_product(format),
                RawProduct::Options(options) => self.product(&key, &options)?,
            };
            let format = settings.format();
            if all.iter().any(|known| known.format() == format) {
                self.mistake(&key, format!("names {format} for the second time"), None);
            } else {
                all.push(settings);
            }
        }
        Some(ProductsAsked::Listed(all))
    }

    /// A format with its options.
    fn product(&mut self, key: &str, raw: &RawProductOptions) -> Option<ProductSettings> {
        let mut found = Vec::new();
        if let Some(options) = &raw.kerchunk {
            found.push(match options.parquet_above {
                Some(parquet_above) => ProductSettings::KerchunkByNumber { parquet_above },
                None => ProductSettings::Kerchunk,
            });
        }
        if let Some(options) = &raw.kerchunk_parquet {
            let record_size = options.record_size.unwrap_or(ProductSettings::RECORD_SIZE);
            if !(1..=10_000_000).contains(&record_size) {
                let key = format!("{key}.kerchunk-parquet.record_size");
                self.mistake(&key, format!("is {record_size}; expected 1 to 10,000,000"), None);
            }
            found.push(ProductSettings::KerchunkParquet { record_size });
        }
        found.extend(raw.cfa.as_ref().map(|_| ProductSettings::Cfa));
        if let Some(options) = &raw.icechunk {
            let version = match options.version {
                None | Some(1) => IcechunkVersion::V1,
                Some(2) => IcechunkVersion::V2,
                Some(other) => {
                    self.mistake(&format!("{key}.icechunk.version"), format!("is {other}; expected 1 or 2"), None);
                    IcechunkVersion::V1
                }
            };
            found.push(ProductSettings::Icechunk { version });
        }
        match raw.zarr.clone().map(zarr::resolve) {
            Some(Ok(settings)) => found.push(ProductSettings::Zarr(settings)),
            Some(Err((option, what, advice))) => {
                self.mistake(&format!("{key}.zarr.{option}"), what, advice);
                return None;
            }
            None => {}
        }
        if found.len() != 1 {
            let advice =
                "write `- kerchunk`, or options after its name: `- kerchunk: {parquet_above: 200000}`".to_owned();
            self.mistake(key, format!("has the options of {} formats; expected one", found.len()), Some(advice));
        }
        found.pop()
    }

    /// A folder, or the prefix of a bucket; its URL ends with `/`.
    fn output(&mut self, text: &str) -> Option<SourcePlace> {
        if is_remote(text) {
            let url = self.noted("output", urls::output(text))?;
            return Some(SourcePlace::Remote(SourceUrl::new(url)));
        }
        let path = self.path("output", text)?;
        Some(SourcePlace::Local(self.surroundings.as_far_as_exists(&path)))
    }

    fn keeping(&mut self, revisions: Option<u32>, confirmation: RawConfirmation) -> Keeping {
        if revisions == Some(0) {
            self.mistake("keep_revisions", "is 0; expected at least 1: the current revision stands", None);
        }
        let confirmation = match confirmation {
            RawConfirmation::Read => Confirmation::Read,
            RawConfirmation::Checksum => Confirmation::Checksum,
        };
        let before = Keeping::default();
        Keeping { revisions: revisions.unwrap_or(before.revisions), confirmation, ..before }
    }

    fn max_removed(&mut self, raw: Option<RawLimit>) -> RemovalLimit {
        let text = match raw {
            None => return RemovalLimit::default(),
            Some(RawLimit::Items(items)) => return RemovalLimit::Items(items),
            Some(RawLimit::Share(text)) => text,
        };
        RemovalLimit::parse(&text).unwrap_or_else(|| {
            let what = format!("is {text:?}; expected a share of the items, such as 20%, or a number of items");
            self.mistake("guard.max_removed", what, None);
            RemovalLimit::default()
        })
    }

    fn public_urls(&mut self, raw: &[RawPublicUrl]) -> Vec<(Url, Url)> {
        let mut rules: Vec<(Url, Url)> = Vec::new();
        for (index, rule) in raw.iter().enumerate() {
            let from_key = format!("public_urls[{index}].from");
            let from = self.noted(&from_key, urls::beginning(&rule.from, self.folder, self.surroundings));
            let to = urls::remote(&rule.to, &["https", "http", "s3", "gs"]);
            let to = self.noted(&format!("public_urls[{index}].to"), to);
            let (Some(from), Some(to)) = (from, to) else { continue };
            if rules.iter().any(|(known, _)| *known == from) {
                self.mistake(&from_key, "names the same place as a rule before", None);
            }
            rules.push((from, to));
        }
        rules
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

/// A format without options.
fn named_product(format: ProductFormat) -> ProductSettings {
    match format {
        ProductFormat::Kerchunk => ProductSettings::Kerchunk,
        ProductFormat::Zarr => ProductSettings::Zarr(ZarrSettings::default()),
        ProductFormat::Cfa => ProductSettings::Cfa,
        ProductFormat::Icechunk => ProductSettings::Icechunk { version: IcechunkVersion::default() },
        ProductFormat::KerchunkParquet => {
            ProductSettings::KerchunkParquet { record_size: ProductSettings::RECORD_SIZE }
        }
    }
}

fn is_remote(text: &str) -> bool {
    urls::scheme(text).is_some_and(|scheme| scheme != "file")
}

/// The first position that is not on Earth.
fn bad_position(coordinates: &Value) -> Option<String> {
    let values = coordinates.as_array()?;
    if !values.iter().all(Value::is_number) {
        return values.iter().find_map(bad_position);
    }
    let within =
        |index: usize, limit: f64| values.get(index).and_then(Value::as_f64).is_some_and(|value| value.abs() <= limit);
    if within(0, 180.0) && within(1, 90.0) { None } else { Some(coordinates.to_string()) }
}

/// The bytes that a number with a unit says.
fn bytes_of(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit = match text[end..].trim() {
        "" | "B" => 1,
        "kB" => 1000,
        "MB" => 1_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => return None,
    };
    text[..end].parse::<u64>().ok()?.checked_mul(unit)
}
