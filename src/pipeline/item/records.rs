//! Records as they stand in the static catalogue.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use rayon::prelude::*;
use serde_json::Value;

use crate::model::{ItemId, Record, RecordKind};
use crate::pipeline::{PipelineError, Workspace};
use crate::storage::OutputStore;

/// When the item's record was first made.
pub(super) fn created(workspace: &Workspace, id: &ItemId) -> Option<DateTime<Utc>> {
    let record = read_record(workspace, id.as_str()).ok()??;
    record.json.pointer("/properties/created")?.as_str()?.parse().ok()
}

/// An item's record as it stands in the static catalogue.
pub(in crate::pipeline) fn read_record(workspace: &Workspace, id: &str) -> Result<Option<Record>, PipelineError> {
    record(workspace, id, workspace.output.get(&workspace.item_path(id))?)
}

/// As [`read_record`] for several items, in their order.
pub(in crate::pipeline) fn read_records(
    workspace: &Workspace,
    ids: &[ItemId],
) -> Vec<Result<Option<Record>, PipelineError>> {
    let paths: Vec<String> = ids.iter().map(|id| workspace.item_path(id.as_str())).collect();
    let read = workspace.output.get_all(&paths).into_par_iter();
    // What takes long is reading JSON.
    ids.par_iter().zip(read).map(|(id, bytes)| record(workspace, id.as_str(), bytes?)).collect()
}

pub(super) fn record(workspace: &Workspace, id: &str, bytes: Option<Bytes>) -> Result<Option<Record>, PipelineError> {
    let Some(bytes) = bytes else { return Ok(None) };
    let json: Value = serde_json::from_slice(&bytes).map_err(|error| PipelineError::NotACatalogue {
        path: workspace.output.shown(&workspace.item_path(id)),
        found: error.to_string(),
    })?;
    Ok(Some(Record { kind: RecordKind::Item, id: id.into(), json }))
}
