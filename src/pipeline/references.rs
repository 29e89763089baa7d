//! Kerchunk references of one file.

use std::collections::HashSet;
use std::io::Write;

use super::chain;
use super::conflicts::conflicts_error;
use super::inspect::{alone, index_url};
use super::item::failure;
use crate::model::{FileIndex, ItemError, Note, PublicUrls, SourceUrl, VirtualCube};
use crate::write::{refused_by_kerchunk, write_kerchunk};

/// Writes Kerchunk references of one file: of everything that Kerchunk can say. What it cannot, and what the index left out before, is
/// told by a note each, so that nothing is missing in silence.
///
/// # Errors
/// [`ItemError`] if the file cannot be indexed, or the references cannot be written.
pub fn inspect_kerchunk(url: &SourceUrl, out: &mut dyn Write) -> Result<Vec<Note>, ItemError> {
    let mut index = index_url(url)?;
    let mut notes = Vec::new();
    let mut cube = carried(&mut index, &mut notes)?;
    for (path, error) in refused_by_kerchunk(&cube) {
        let reason = chain(&error);
        notes.push(left_out(path.key(), reason.strip_prefix(&format!("{path}: ")).unwrap_or(&reason)));
        cube.root.remove(path.key());
    }
    // What the index says of a variable that is left out has been told, or no longer matters.
    let subjects: HashSet<String> = notes.iter().filter_map(|note| note.subject.clone()).collect();
    let is_new = |note: &Note| !note.subject.as_deref().is_some_and(|s| subjects.contains(s.trim_start_matches('/')));
    notes.extend(index.notes.into_iter().filter(|note| note.kind != "phony_dimension" && is_new(note)));
    let written = write_kerchunk(&cube, &PublicUrls::default(), out);
    written.map(|_| notes).map_err(|error| failure("write", format!("{url}: {}", chain(&error))))
}

/// The file as a dataset of its own, without the variables that stand in the way of that.
pub(super) fn carried(index: &mut FileIndex, notes: &mut Vec<Note>) -> Result<VirtualCube, ItemError> {
    loop {
        let conflicts = match alone(index) {
            Ok(cube) if cube.not_virtual().is_empty() => return Ok(cube),
            Ok(cube) => cube.apart,
            Err(conflicts) => conflicts,
        };
        for conflict in &conflicts {
            let name = conflict.variable.as_deref().unwrap_or_default();
            if index.root.remove(name).is_none() {
                return Err(conflicts_error(&conflicts));
            }
            notes.push(left_out(name, &format!("expected {}, found {}", conflict.expected, conflict.found)));
        }
    }
}

fn left_out(name: &str, reason: &str) -> Note {
    Note::new("left_out", format!("{name} is left out: {reason}")).about(name)
}
