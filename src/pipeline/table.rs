//! The table of a collection's items: beside the collection, or wherever it is asked for.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::item::read_records;
use super::{PipelineError, Workspace};
use crate::model::{ItemId, without_item_links};
use crate::publish::items_table;
use crate::storage::OutputStore;
use crate::write::{ItemColumns, ItemTable};

/// Records that are asked for at once.
const READ_TOGETHER: usize = 256;

/// What an export wrote.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ExportReport {
    /// The collection.
    pub collection: String,
    /// The file.
    pub path: String,
    /// How many rows it has.
    pub items: usize,
    /// Its bytes.
    pub size: u64,
    /// Fields whose values are of several kinds: their columns are of texts, JSON where a value is none.
    pub mixed: Vec<String>,
}

/// Writes a table of all items that stand in the static catalogue: STAC-GeoParquet, in the order of their ids.
///
/// # Errors
/// [`PipelineError`] if there are none, one cannot be read, or the file cannot be written: then what stood there stays.
pub fn export(workspace: &Workspace, to: &Path) -> Result<ExportReport, PipelineError> {
    let items = workspace.ledger().standing()?;
    let columns = learnt(workspace, &items)?;
    let path = format!("{}/collection.json", workspace.recipe.collection.id);
    let collection = workspace.output.get(&path)?.and_then(|bytes| without_item_links(&bytes).ok());
    let Some(collection) = collection.filter(|_| !items.is_empty()) else {
        let path = workspace.output.shown(&path);
        return Err(PipelineError::NotACatalogue {
            path,
            found: "there are no items; altostac build makes them".into(),
        });
    };
    let failed = |action: &'static str| {
        let path = to.display().to_string();
        move |source| PipelineError::Export { action, path, source }
    };
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = to.with_file_name(name);
    let written = File::create(&part).map_err(failed("make")).and_then(|file| {
        let out = rows(workspace, &columns, Some(&collection), &items, BufWriter::new(file))?;
        let file = out.into_inner().map_err(|error| failed("write")(error.into_error()))?;
        file.sync_all().map_err(failed("write"))
    });
    let placed = written.and_then(|()| fs::rename(&part, to).map_err(failed("write")));
    if let Err(error) = placed {
        // What is left of it is of no use; why it failed is what matters.
        let _ = fs::remove_file(&part);
        return Err(error);
    }
    Ok(ExportReport {
        collection: workspace.recipe.collection.id.to_string(),
        path: to.display().to_string(),
        items: items.len(),
        size: fs::metadata(to).map_err(failed("look at"))?.len(),
        mixed: columns.mixed(),
    })
}

/// Writes the table beside the collection; `columns` if they were learnt from the records as they stand.
pub(super) fn beside_collection(
    workspace: &Workspace,
    collection: &Value,
    items: &[ItemId],
    columns: Option<ItemColumns>,
) -> Result<(), PipelineError> {
    let columns = columns.map_or_else(|| learnt(workspace, items), Ok)?;
    for field in columns.mixed() {
        tracing::warn!("items.parquet: the values of {field} are of several kinds: its column is of texts");
    }
    let bytes = rows(workspace, &columns, Some(collection), items, Vec::new())?;
    workspace.output.put_if_changed(&items_table(&workspace.recipe.collection.id), &bytes)?;
    Ok(())
}

fn learnt(workspace: &Workspace, items: &[ItemId]) -> Result<ItemColumns, PipelineError> {
    let mut columns = ItemColumns::default();
    each_record(workspace, items, &mut |record| Ok(columns.learn(record)?))?;
    Ok(columns)
}

fn rows<W: Write + Send>(
    workspace: &Workspace,
    columns: &ItemColumns,
    collection: Option<&Value>,
    items: &[ItemId],
    out: W,
) -> Result<W, PipelineError> {
    let mut table = ItemTable::new(out, columns, collection)?;
    each_record(workspace, items, &mut |record| Ok(table.write(record)?))?;
    Ok(table.finish()?)
}

fn each_record(
    workspace: &Workspace,
    items: &[ItemId],
    work: &mut dyn FnMut(&Value) -> Result<(), PipelineError>,
) -> Result<(), PipelineError> {
    for ids in items.chunks(READ_TOGETHER) {
        for record in read_records(workspace, ids) {
            if let Some(record) = record? {
                work(&record.json)?;
            }
        }
    }
    Ok(())
}
