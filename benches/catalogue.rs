//! A large collection: CPU seconds and memory of describing, validating and writing many items, and the collection that links them, as a
//! build does once products stand.
//!
//! ```text
//! cargo bench --bench catalogue -- [--items N] [--profile NAME] --out FOLDER FILE
//! ```
//!
//! The file is indexed and made a dataset with a Kerchunk product once; then N (default 100,000) items of it, each with facets and an id of its
//! own, are described, validated and written on all processors, read back, and their collection and the catalogue written. Prints one line of
//! JSON: `items`, `item_bytes`, and of `items`, `collection` and all: `cpu_s`, `wall_s`, and `peak_rss_mb` of the process.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::cast_precision_loss)]

mod one_file;
mod process;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use altostac::combine::combine;
use altostac::describe::{ItemInput, Templates, describe_collection, describe_item};
use altostac::index::index;
use altostac::model::facts::{CollectionFacts, ItemFacts, RecordFacts};
use altostac::model::recipe::{AggregateSettings, CollectionSettings, OnOverlap, StacSettings};
use altostac::model::{
    CollectionId, ItemId, KnownFacts, Product, ProductFile, ProductFormat, PublicUrls, Revision, SourceUrl,
    VerifiedProduct, VirtualCube,
};
use altostac::publish::{CatalogHead, write_catalogue, write_item};
use altostac::read::{NativeReader, ReadBack, parse_kerchunk};
use altostac::storage::{LocalFolder, OutputStore, open_source};
use altostac::validate::Validator;
use altostac::verify::{Evidence, Sampling, verify};
use altostac::write::write_kerchunk;
use one_file::OneFile;
use process::{cpu_seconds, peak_rss_mb};
use rayon::prelude::*;

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// One file as a dataset, with a product that was verified.
fn dataset(file: &Path) -> Result<(VirtualCube, VerifiedProduct), Failure> {
    let url = SourceUrl::from_path(std::path::absolute(file)?).ok_or("no absolute path")?;
    let indexes = [index(open_source(&url)?.as_ref())?];
    let cube = combine(&indexes, &[], &AggregateSettings::default(), &OneFile);
    let cube = cube.map_err(|conflicts| format!("{conflicts:?}"))?;
    let mut written = Vec::new();
    write_kerchunk(&cube, &PublicUrls::default(), &mut written)?;
    let path = "large/products/item/r1/kerchunk.json".to_owned();
    let files = vec![ProductFile { path, size: written.len() as u64, sha256: "0".repeat(64) }];
    let (item, format) = (ItemId::new("item")?, ProductFormat::Kerchunk);
    let product = Product { item, format, revision: Revision::FIRST, files, chunks: 0, unlisted: 0 };
    let read_back = ReadBack { store: parse_kerchunk(&written)?, files: Vec::new() };
    let open = |url: &SourceUrl| open_source(url);
    let sources: Vec<_> = indexes.iter().map(|index| index.source.clone()).collect();
    let verified = verify(Evidence {
        product,
        read_back: &read_back,
        recorded: &sources,
        verified: &[],
        taken_over: &Default::default(),
        indexes: &indexes,
        facets: &[],
        on_overlap: OnOverlap::Error,
        urls: &PublicUrls::default(),
        open: &open,
        reader: &NativeReader::new(&open),
        sampling: Sampling { budget: 1, seed: 1, every_value: false },
    })?;
    Ok((cube, verified))
}

struct Phase {
    cpu: f64,
    wall: Instant,
}

impl Phase {
    fn begin() -> Self {
        Self { cpu: cpu_seconds(), wall: Instant::now() }
    }

    fn end(&self) -> serde_json::Value {
        let wall = self.wall.elapsed().as_secs_f64();
        serde_json::json!({"cpu_s": cpu_seconds() - self.cpu, "wall_s": wall, "peak_rss_mb": peak_rss_mb()})
    }
}

fn measure() -> Result<String, Failure> {
    let (mut count, mut profile, mut out, mut file) =
        (100_000usize, "default".to_owned(), PathBuf::new(), PathBuf::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            // What cargo itself adds.
            "--bench" => {}
            "--items" => count = value()?.parse()?,
            "--profile" => profile = value()?,
            "--out" => out = value()?.into(),
            path => file = path.into(),
        }
    }
    let (cube, verified) = dataset(&file)?;
    let products = [verified];
    let templates = Templates::load(&StacSettings { profile, ..StacSettings::default() })?;
    let collection = CollectionSettings {
        id: CollectionId::new("large")?,
        title: None,
        description: "A large collection.".into(),
        license: "other".into(),
        keywords: Vec::new(),
        providers: Vec::new(),
        facts: CollectionFacts::default(),
        parent: None,
        items_parquet: false,
    };
    let (output, validator) = (LocalFolder::new(&out), Validator::new());
    let (item_facts, record_facts, known) = (ItemFacts::default(), RecordFacts::default(), KnownFacts::default());
    let (urls, nothing) = (PublicUrls::default(), BTreeMap::new());
    let now = chrono::DateTime::UNIX_EPOCH;
    let id_of = |number: usize| ItemId::new(format!("item.m{}.r{}.v{number}", number % 40, number % 1000));
    let all = Phase::begin();
    let build = |number: usize| -> Result<(), Failure> {
        let id = id_of(number)?;
        let facets = [("model", number % 40), ("realization", number % 1000), ("version", number)];
        let facets = facets.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        let record = describe_item(&ItemInput {
            thumbnail: None,
            source_facts: &BTreeMap::new(),
            cube: &cube,
            coordinate_digests: &BTreeMap::new(),
            id: &id,
            facets: &facets,
            properties: &nothing,
            products: &products,
            report: None,
            source_manifest: None,
            collection: &collection,
            public_urls: &urls,
            created: now,
            updated: now,
            datetime: None,
            geometry: None,
            item_facts: &item_facts,
            record_facts: &record_facts,
            known: &known,
            templates: &templates,
        })?;
        write_item(&output, &validator.validate(record)?, &[])?;
        Ok(())
    };
    (0..count).into_par_iter().try_for_each(build)?;
    let items = all.end();
    let second = Phase::begin();
    let ids = (0..count).map(id_of).collect::<Result<std::collections::BTreeSet<ItemId>, _>>()?;
    let mut bytes = 0;
    let records = ids.iter().filter_map(|id| {
        let text = output.get(&format!("large/items/{id}.json")).ok()??;
        bytes += text.len();
        serde_json::from_slice::<serde_json::Value>(&text).ok()
    });
    let collection = validator.validate(describe_collection(&collection, records, &templates)?)?;
    let head = CatalogHead { id: "catalog".into(), title: None, description: "A bench.".into() };
    let ids = ids.into_iter().map(|id| (id, Vec::new())).collect();
    write_catalogue(&output, &head, &collection, &ids, &[], None)?;
    let figures = serde_json::json!({
        "count": count, "item_bytes": bytes / count.max(1), "items": items, "collection": second.end(), "all": all.end(),
    });
    Ok(figures.to_string())
}

fn main() -> ExitCode {
    process::end(measure())
}
