//! Items whose files are gone and whose record stays, marked as the recipe says.

use chrono::{DateTime, Utc};

use super::item::{Built, error_of, failure, read_record};
use super::{Workspace, chain};
use crate::cftime::rfc3339;
use crate::describe::withdrawn;
use crate::model::{ItemError, KnownItem, Record};
use crate::plan::PlannedItem;

/// The record of an item with the mark, valid; its products stay as they are.
pub(super) fn marked(workspace: &Workspace, planned: &PlannedItem, now: DateTime<Utc>) -> Result<Built, ItemError> {
    let on_removed = workspace.recipe.keeping.on_removed;
    let known = planned.known.as_ref().ok_or_else(|| failure("internal", "an item that is not known".into()))?;
    let state = on_removed.state().ok_or_else(|| failure("internal", "a recipe that keeps no record".into()))?;
    let record = read_record(workspace, planned.id.as_str()).map_err(|error| failure("output", chain(&error)))?;
    let path = workspace.output.shown(&workspace.item_path(planned.id.as_str()));
    let missing = || failure("output", format!("{path} is not there: there is no record that could be marked"));
    let record = record.ok_or_else(missing)?;
    let json = withdrawn(record.json, on_removed, &rfc3339(now));
    let record =
        workspace.validator.validate(Record { json, ..record }).map_err(|error| error_of("validate", &error))?;
    let known = KnownItem { state, error: None, updated: now, ..known.clone() };
    Ok(Built { record, known, contents: None })
}
