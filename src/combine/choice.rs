//! How a variable is carried, and why, in words for people.

use super::{Context, Reason};
use crate::model::{ArrayData, Choice, Conflict, DataType, FileVariable, VariableChoice, VariablePath};

/// Why values stand in the product.
pub(super) enum Why<'a> {
    /// Times of differing units, epochs or types.
    Times,
    /// A coordinate, or what describes one.
    Described,
    /// Several files hold parts of the same places.
    Shared,
    /// Chunks that cannot stand in one array.
    Unplaceable(&'a Conflict),
    /// Values packed in different ways, or of different types.
    Rewritten(&'a Conflict),
}

pub(super) fn inlined(why: &Why<'_>, size: u64) -> Reason {
    let (why, files) = match why {
        Why::Times => {
            ("its times are written anew, for their units or types differ between the files".to_owned(), Vec::new())
        }
        Why::Described => (format!("a coordinate, or what describes one: {size} bytes"), Vec::new()),
        Why::Shared => {
            ("several files hold parts of the same places: it is put together from them".to_owned(), Vec::new())
        }
        Why::Unplaceable(conflict) => {
            let why = format!(
                "its chunks cannot stand in one array (expected {}, found {}); at {size} bytes its values fit into the product",
                conflict.expected, conflict.found
            );
            (why, conflict.files.clone())
        }
        Why::Rewritten(conflict) => {
            let why = format!(
                "its values are stored in different ways (expected {}, found {}); at {size} bytes they are written anew, every one exactly",
                conflict.expected, conflict.found
            );
            (why, conflict.files.clone())
        }
    };
    Reason { choice: Choice::Inlined, why, files, conflict: None }
}

/// By references: to whole chunks, or to pieces of those of some files.
pub(super) fn placed(context: &Context<'_>, variables: &[&FileVariable], data: &ArrayData) -> Reason {
    let ArrayData::Placed { chunk_shape, .. } = data else {
        return Reason { choice: Choice::Inlined, why: String::new(), files: Vec::new(), conflict: None };
    };
    let is_cut = |variable: &&FileVariable| {
        let own = chunk_shape.len().checked_sub(variable.grid.chunk_shape.len()).and_then(|new| chunk_shape.get(new..));
        own != Some(&variable.grid.chunk_shape) && !variable.grid.shape.contains(&0)
    };
    match variables.iter().position(is_cut) {
        Some(first) => {
            let found = &variables[first].grid.chunk_shape;
            let why = format!(
                "unfiltered data are cut into pieces of {chunk_shape:?} that all files have; chunks of {found:?}"
            );
            let files = vec![context.file_name(first)];
            Reason { choice: Choice::VirtualSplit, why, files, conflict: None }
        }
        None => {
            let count = variables.len();
            let why = format!("the chunks of {count} {} stand as they are", if count == 1 { "file" } else { "files" });
            Reason { choice: Choice::Virtual, why, files: Vec::new(), conflict: None }
        }
    }
}

/// By its parts in the files alone; `stored` says how, if the files store it in different ways.
pub(super) fn apart(conflict: &Conflict, stored: Option<&DataType>) -> Reason {
    let stored = stored.map(|data_type| format!("; every value is held exactly by {data_type}")).unwrap_or_default();
    let why = format!(
        "references to chunks cannot say it (expected {}, found {}): CFA, or a Zarr copy, can{stored}",
        conflict.expected, conflict.found
    );
    Reason { choice: Choice::OtherProduct, why, files: conflict.files.clone(), conflict: Some(conflict.kind) }
}

/// The same, with fill where no file has it.
pub(super) fn filled(context: &Context<'_>, reason: Reason) -> Reason {
    let (has, all) = (context.numbers.len(), context.all.len());
    let why = format!("{has} of {all} files have it, elsewhere it is fill; {}", reason.why);
    let choice = if reason.choice == Choice::OtherProduct { reason.choice } else { Choice::Filled };
    Reason { choice, why, ..reason }
}

/// Labels that a facet gives.
pub(super) fn labels(path: &VariablePath) -> VariableChoice {
    let why = "the labels of the files, as the recipe asks".to_owned();
    VariableChoice { name: path.key().to_owned(), choice: Choice::Inlined, why, files: Vec::new(), conflict: None }
}
