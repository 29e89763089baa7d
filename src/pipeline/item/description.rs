//! What records and reports say of an item.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::Means;
use super::errors::failure;
use super::indexing::coordinate_digests;
use super::records::created;
use crate::describe::{ItemInput, SourceFacts, describe_item};
use crate::model::attribute;
use crate::model::{
    ContentReport, Digest, FileIndex, ItemError, ItemId, ItemSource, KnownFacts, Note, Product, ProductFile, Revision,
    SourceUrl, ValidatedRecord, VariablePath, VerifiedProduct, VirtualCube,
};
use crate::pipeline::{Workspace, chain};
use crate::storage::Delivered;
use crate::verify::OpenSource;

/// What records and reports say of the files beyond the cube.
pub(super) struct Found {
    pub(super) coordinate_digests: BTreeMap<VariablePath, Digest>,
    pub(super) source_facts: BTreeMap<SourceUrl, SourceFacts>,
    pub(super) file_notes: Vec<Value>,
    pub(super) known: KnownFacts,
}

impl Found {
    pub(super) fn of(indexes: &[FileIndex]) -> Self {
        let noted = indexes.iter().filter(|index| !index.notes.is_empty());
        let notes = |index: &FileIndex| json!({"file": index.source.url.to_string(), "notes": index.notes});
        let text = |index: &FileIndex, name: &str| attribute::text(&index.root.attributes, name).map(str::to_owned);
        let facts = |index: &FileIndex| SourceFacts {
            tracking_id: text(index, "tracking_id"),
            creation_date: text(index, "creation_date"),
        };
        Self {
            coordinate_digests: coordinate_digests(indexes),
            source_facts: indexes.iter().map(|index| (index.source.url.clone(), facts(index))).collect(),
            file_notes: noted.map(notes).collect(),
            known: KnownFacts::default(),
        }
    }

    /// Finds what the recipe asks for beyond the cube; what people should know of it and of the cube's times.
    pub(super) fn look_up(
        &mut self,
        means: Means<'_>,
        (source, cube): (&ItemSource, &VirtualCube),
        indexes: &[FileIndex],
        open: OpenSource<'_>,
    ) -> Result<Vec<Note>, ItemError> {
        let (known, mut notes) =
            crate::pipeline::facts::find(means, (&source.id, cube), (indexes, &source.file_facets), open)?;
        self.known = known;
        notes.extend(crate::describe::notes(cube, &self.coordinate_digests));
        Ok(notes)
    }
}

pub(super) fn describe(
    workspace: &Workspace,
    source: &ItemSource,
    cube: &VirtualCube,
    (found, predecessor): (&Found, Option<Value>),
    products: &[VerifiedProduct],
    (report, sources, thumbnail): (&ProductFile, &ProductFile, Option<&ProductFile>),
    now: DateTime<Utc>,
) -> Result<ValidatedRecord, ItemError> {
    let recipe = &workspace.recipe;
    let mut record = describe_item(&ItemInput {
        cube,
        coordinate_digests: &found.coordinate_digests,
        source_facts: &found.source_facts,
        id: &source.id,
        facets: &source.facets,
        properties: &source.properties,
        products,
        report: Some(report),
        thumbnail,
        source_manifest: Some(sources),
        collection: &recipe.collection,
        public_urls: &recipe.public_urls,
        created: created(workspace, &source.id).unwrap_or(now),
        updated: now,
        datetime: recipe.item.datetime,
        geometry: recipe.item.geometry.as_ref(),
        item_facts: &recipe.item.facts,
        record_facts: &recipe.stac.facts,
        known: &found.known,
        templates: &workspace.templates,
    })
    .map_err(|error| {
        let remedy = error.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
        // What is wrong with a dataset is wrong in its first file: there a curator looks.
        let files = cube.files.iter().take(1).map(|file| file.url.to_string()).collect();
        ItemError { files, ..failure(error.kind(), format!("{}{remedy}", chain(&error))) }
    })?;
    if let Some(links) = record.json.get_mut("links").and_then(Value::as_array_mut) {
        links.extend(predecessor);
    }
    workspace.validator.validate(record).map_err(|error| {
        let said = chain(&error);
        // What a file says wrongly the recipe can say rightly.
        let is_property = said.contains("/properties/");
        failure(
            "validate",
            if is_property { format!("{said}; give it in item.properties of the recipe") } else { said },
        )
    })
}

pub(super) fn report(
    (workspace, id, revision): (&Workspace, &ItemId, Revision),
    cube: &VirtualCube,
    found: &Found,
    products: &[VerifiedProduct],
    (content, delivered): (&ContentReport, Option<Delivered>),
    now: DateTime<Utc>,
) -> Vec<u8> {
    let verified: Vec<Value> = products
        .iter()
        .map(|verified| {
            let Product { format, files, chunks, unlisted, .. } = verified.product();
            json!({"format": format, "chunks": chunks, "files": files, "unlisted": unlisted, "verification": verified.report()})
        })
        .collect();
    let mut report = json!({
        "item": id,
        "revision": revision,
        "made_by": concat!("altostac ", env!("CARGO_PKG_VERSION")),
        "made_at": now,
        "recipe": {"products": workspace.recipe.product_digest, "record": workspace.record_digest()},
        "files": cube.files.len(),
        "joined_along": cube.joins,
        "variables": cube.choices,
        "notes": cube.notes,
        "file_notes": found.file_notes,
        "products": verified,
        "source_bytes": content,
    });
    // Sent as it was verified, and read back from there.
    if let Some(delivered) = delivered {
        report["stored"] = json!(delivered);
    }
    serde_json::to_vec_pretty(&report).unwrap_or_default()
}
