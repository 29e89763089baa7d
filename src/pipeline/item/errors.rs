//! What goes wrong with items.

use std::io;

use crate::model::{ItemError, SourceUrl};
use crate::pipeline::{Workspace, chain};
use crate::storage::StorageError;

/// The kind of an error that a product, or what it is compared with, is not what it should be.
pub(in crate::pipeline) const VERIFICATION: &str = "verification";

/// ENOSPC.
pub(super) const NO_SPACE: i32 = 28;

/// What went wrong with the output, and what can be done about it.
pub(super) fn storage_failure(error: &StorageError) -> ItemError {
    let remedy = error.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
    failure("output", format!("{}{remedy}", chain(error)))
}

/// The error of a full disk says what a revision needs that is made here before it is uploaded.
pub(super) fn of_scratch(workspace: &Workspace, needed: Option<u64>, error: ItemError) -> ItemError {
    let full = io::Error::from_raw_os_error(NO_SPACE).to_string();
    if !error.message.contains(&full) {
        return error;
    }
    let Some(objects) = workspace.output.objects() else {
        let message = format!("{}: make room in {}", error.message, workspace.output.shown(""));
        return ItemError { message, ..error };
    };
    let needed = needed.map(|bytes| format!(", up to {bytes} bytes for the copy of the values")).unwrap_or_default();
    let message = format!(
        "{}; a revision is made whole in {} before it is uploaded{needed}: make room there, or choose another folder with --state",
        error.message,
        objects.scratch().display()
    );
    ItemError { message, ..error }
}

pub(in crate::pipeline) fn storage_error(url: &SourceUrl, error: &StorageError) -> ItemError {
    let remedy = error.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
    ItemError { files: vec![url.to_string()], ..failure("io", format!("{}{remedy}", chain(error))) }
}

pub(in crate::pipeline) fn failure(kind: &str, message: String) -> ItemError {
    ItemError { kind: kind.into(), message, files: Vec::new() }
}

pub(in crate::pipeline) fn error_of(kind: &str, error: &dyn std::error::Error) -> ItemError {
    failure(kind, chain(error))
}
