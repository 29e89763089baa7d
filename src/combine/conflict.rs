//! Conflicts, and the checks that need no knowledge of the join.

use std::collections::HashSet;
use std::sync::Arc;

use super::Context;
use crate::model::{
    ByteOrder, Conflict, ConflictKind, DataType, FileVariable, Note, Part, VariableChoice, VariablePath,
};

/// What a combination has to say besides the cube.
#[derive(Default)]
pub(super) struct Report {
    pub(super) conflicts: Vec<Conflict>,
    /// Why variables stand apart.
    pub(super) apart: Vec<Conflict>,
    pub(super) choices: Vec<VariableChoice>,
    pub(super) notes: Vec<Note>,
    /// The lists of parts so far: variables that lie alike share one.
    pub(super) known_parts: HashSet<Arc<[Part]>>,
}

impl Report {
    /// A list of parts, the same one for the same parts.
    pub(super) fn shared_parts(&mut self, parts: Vec<Part>) -> Arc<[Part]> {
        match self.known_parts.get(parts.as_slice()) {
            Some(known) => Arc::clone(known),
            None => {
                let parts: Arc<[Part]> = parts.into();
                self.known_parts.insert(Arc::clone(&parts));
                parts
            }
        }
    }
}

/// A conflict between the first file and another.
pub(super) fn between(
    context: &Context<'_>,
    kind: ConflictKind,
    path: &VariablePath,
    other: usize,
    expected: impl Into<String>,
    found: impl Into<String>,
    remedy: &str,
) -> Box<Conflict> {
    Box::new(Conflict {
        kind,
        variable: Some(path.to_string()),
        files: vec![context.file_name(0), context.file_name(other)],
        expected: expected.into(),
        found: found.into(),
        remedy: remedy.into(),
    })
}

/// A conflict that one file has with a rule.
pub(super) fn within(
    context: &Context<'_>,
    kind: ConflictKind,
    path: &VariablePath,
    file: usize,
    expected: impl Into<String>,
    found: impl Into<String>,
    remedy: &str,
) -> Box<Conflict> {
    let conflict = between(context, kind, path, file, expected, found, remedy);
    Box::new(Conflict { files: vec![context.file_name(file)], ..*conflict })
}

/// A conflict for what the checks before have ruled out; better an odd message than a wrong cube.
pub(super) fn nothing(path: &VariablePath) -> Box<Conflict> {
    Box::new(Conflict {
        kind: ConflictKind::Unsupported,
        variable: Some(path.to_string()),
        files: Vec::new(),
        expected: "parts that fit one another".into(),
        found: "parts that do not".into(),
        remedy: "report this as a fault of altostac, with the files".into(),
    })
}

/// A note about a variable or an attribute.
pub(super) fn note(kind: &str, subject: impl std::fmt::Display, message: String) -> Note {
    Note::new(kind, message).about(subject)
}

/// Checks that a variable has the same dimensions in all files that hold it, and a type that can be carried over.
///
/// Numeric types are compared later: those of times may differ.
pub(super) fn same_kind(
    context: &Context<'_>,
    path: &VariablePath,
    present: &[&FileVariable],
) -> Result<(), Box<Conflict>> {
    for (file, variable) in present.iter().enumerate() {
        if let DataType::Unsupported { class, .. } = &variable.data_type {
            let remedy = "leave the file out with sources.exclude, or ask for this type";
            return Err(within(context, ConflictKind::Unsupported, path, file, "numbers or texts", class, remedy));
        }
        if let Some(elsewhere) = variable.layout.obstacle() {
            let remedy =
                "write the data into the file (`h5repack`, or nccopy), or leave the file out with sources.exclude";
            let expected = "data in the file itself";
            return Err(within(context, ConflictKind::Unsupported, path, file, expected, elsewhere, remedy));
        }
        if variable.dimensions != present[0].dimensions {
            let names = |v: &FileVariable| format!("the dimensions ({})", join_names(&v.dimensions));
            let remedy = "let the item pattern tell these files apart";
            return Err(between(context, ConflictKind::Shape, path, file, names(present[0]), names(variable), remedy));
        }
    }
    Ok(())
}

/// Checks that the type of an element is the same everywhere, whatever the order of its bytes.
pub(super) fn same_type(
    context: &Context<'_>,
    path: &VariablePath,
    variables: &[&FileVariable],
) -> Result<(), Box<Conflict>> {
    agree(context, path, variables, |data_type| data_type.with_order(ByteOrder::Little))
}

/// Checks that the bytes of an element mean the same everywhere: those of NetCDF-3 are big-endian.
pub(super) fn same_bytes(
    context: &Context<'_>,
    path: &VariablePath,
    variables: &[&FileVariable],
) -> Result<(), Box<Conflict>> {
    agree(context, path, variables, DataType::clone)
}

fn agree(
    context: &Context<'_>,
    path: &VariablePath,
    variables: &[&FileVariable],
    seen: impl Fn(&DataType) -> DataType,
) -> Result<(), Box<Conflict>> {
    let first = &variables[0].data_type;
    match variables.iter().position(|variable| seen(&variable.data_type) != seen(first)) {
        Some(other) => Err(between(
            context,
            ConflictKind::DataType,
            path,
            other,
            described_type(first),
            described_type(&variables[other].data_type),
            "data are never converted: publish these files as two items",
        )),
        None => Ok(()),
    }
}

fn described_type(data_type: &DataType) -> String {
    match data_type.numpy() {
        Some(numpy) => format!("the type {data_type} ({numpy})"),
        None => format!("the type {data_type}"),
    }
}

/// Names with commas between.
pub(super) fn join_names<T: AsRef<str>>(names: &[T]) -> String {
    names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}
