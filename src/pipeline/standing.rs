//! What the output says of its items, so that a ledger that is lost can be made anew.
//!
//! The report of a revision says what decided its products and, at first, its record. A record that is written later without a new revision is told
//! of beside the revisions, in `described.json`.

use std::io;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::item::{REPORT, SOURCES, product_folder, read_record};
use super::prune::pointed_at;
use super::{PipelineError, Workspace, chain};
use crate::model::{ItemId, ItemState, KnownItem, Product, ProductFile, ProductFormat, Record, Revision};
use crate::storage::OutputStore;
use crate::write::read_source_table;

/// What decided a record that is younger than its revision.
#[derive(Debug, Serialize, Deserialize)]
struct Described {
    revision: u32,
    /// `updated` of the record.
    updated: DateTime<Utc>,
    state: ItemState,
    record_digest: String,
}

/// The report of a revision, as far as it is needed here.
#[derive(Debug, Deserialize)]
struct Told {
    made_at: DateTime<Utc>,
    /// Earlier versions did not tell.
    recipe: Option<ToldRecipe>,
    products: Vec<ToldProduct>,
}

#[derive(Debug, Deserialize)]
struct ToldRecipe {
    products: String,
    record: String,
}

#[derive(Debug, Deserialize)]
struct ToldProduct {
    format: ProductFormat,
    chunks: u64,
    #[serde(default)]
    files: Vec<ProductFile>,
    #[serde(default)]
    unlisted: u64,
}

fn place(workspace: &Workspace, id: &ItemId) -> String {
    format!("{}/products/{id}/described.json", workspace.recipe.collection.id)
}

fn updated(record: &Value) -> Option<DateTime<Utc>> {
    record.pointer("/properties/updated")?.as_str()?.parse().ok()
}

/// Tells of the record of a known item, which was written without a new revision. Without it a new ledger only asks for another description.
pub(super) fn tell(workspace: &Workspace, known: &KnownItem, record: &Record) {
    let (Some(revision), Some(updated)) = (known.revision, updated(&record.json)) else { return };
    let (state, record_digest) = (known.state, known.record_digest.clone());
    let described = Described { revision: revision.number(), updated, state, record_digest };
    let told = serde_json::to_vec(&described).map_err(|error| chain(&error));
    let put =
        |bytes: Vec<u8>| workspace.output.put(&place(workspace, &known.id), &bytes).map_err(|error| chain(&error));
    if let Err(error) = told.and_then(put) {
        tracing::warn!(item = %known.id, "what decided the record is not kept beside its products: {error}");
    }
}

/// As [`tell`] for a record of which only links to other records changed.
///
/// # Errors
/// [`PipelineError::Ledger`] if the ledger cannot be read.
pub(super) fn tell_again(workspace: &Workspace, record: &Record) -> Result<(), PipelineError> {
    let known = workspace.ledger().item(&record.id)?;
    if let Some(known) = known {
        tell(workspace, &known, record);
    }
    Ok(())
}

/// What the output says of an item, and whether the next build must look at it again; or in words why that cannot be known.
///
/// What cannot be known of the recipe that made it is left empty: the next build makes the item, or its record, anew.
pub(super) fn known_item(workspace: &Workspace, id: &ItemId) -> Result<KnownItem, String> {
    let record = read_record(workspace, id.as_str()).map_err(|error| chain(&error))?;
    let record = record.ok_or_else(|| "its record is not there".to_owned())?.json;
    let revision = pointed_at(&record, id).into_iter().max();
    let revision = revision.ok_or_else(|| "its record points at no revision".to_owned())?;
    let folder = product_folder(workspace, id, revision);
    let told: Told = parsed(&get(workspace, &format!("{folder}/{REPORT}"))?, REPORT)?;
    let sources = read_source_table(get(workspace, &format!("{folder}/{SOURCES}"))?);
    let mut sources = sources.map_err(|error| format!("{SOURCES}: {}", chain(&error)))?;
    sources.sort_by(|a, b| a.url.cmp(&b.url));
    let product = |told: ToldProduct| {
        let ToldProduct { format, chunks, files, unlisted } = told;
        Product { item: id.clone(), format, revision, files, chunks, unlisted }
    };
    let recipe = told.recipe.filter(|_| told.products.iter().all(|product| !product.files.is_empty()));
    let (state, record_digest) = described(workspace, id, revision, updated(&record), recipe.as_ref(), told.made_at);
    Ok(KnownItem {
        id: id.clone(),
        state,
        revision: Some(revision),
        sources,
        products: told.products.into_iter().map(product).collect(),
        product_digest: recipe.map(|recipe| recipe.products).unwrap_or_default(),
        record_digest,
        error: None,
        updated: updated(&record).unwrap_or(told.made_at),
    })
}

/// The state of an item, and what decided its record; empty if nobody knows.
fn described(
    workspace: &Workspace,
    id: &ItemId,
    revision: Revision,
    updated: Option<DateTime<Utc>>,
    recipe: Option<&ToldRecipe>,
    made_at: DateTime<Utc>,
) -> (ItemState, String) {
    let path = place(workspace, id);
    let beside = workspace.output.get(&path).ok().flatten();
    let beside = beside.and_then(|bytes| parsed::<Described>(&bytes, &path).ok());
    let is_of_this =
        |described: &Described| described.revision == revision.number() && Some(described.updated) == updated;
    match beside.filter(is_of_this) {
        Some(described) => (described.state, described.record_digest),
        None if updated == Some(made_at) => {
            (ItemState::Current, recipe.map(|recipe| recipe.record.clone()).unwrap_or_default())
        }
        None => (ItemState::Current, String::new()),
    }
}

fn get(workspace: &Workspace, path: &str) -> Result<Bytes, String> {
    let found = workspace.output.get(path).map_err(|error| chain(&error))?;
    found.ok_or_else(|| format!("{}: {}", workspace.output.shown(path), io::Error::from(io::ErrorKind::NotFound)))
}

fn parsed<T: serde::de::DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("{what}: {error}"))
}
