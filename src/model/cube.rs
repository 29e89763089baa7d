//! One dataset over many files, and the reasons why there is none.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::array::Array;
use super::attribute::{self, Attributes};
use super::chunk::ChunkGrid;
use super::codec::CodecChain;
use super::dtype::DataType;
use super::group::VariableGroup;
use super::ids::{DimensionName, VariableName};
use super::manifest::ManifestHandle;
use super::source::SourceFile;

/// Where the chunks of one file stand in the chunk grid of a variable of the cube.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// The place of the file's first chunk in the grid of the cube.
    pub grid_origin: Vec<u64>,
    /// The number of the file in [`VirtualCube::files`].
    pub file: usize,
    /// The shape and chunking of the file's part; its chunk shape is that of the cube's variable.
    pub grid: ChunkGrid,
    /// Where its chunks are.
    pub manifest: ManifestHandle,
    /// Chunks that no reference can give (they skipped filters, or read as another fill), by their numbers in `grid`: encoded with the
    /// filters of the variable. The manifest does not have them.
    pub inlined: BTreeMap<u64, Bytes>,
}

/// The part of a variable of the cube that one file holds: a box of the cube's array, and the box of the same size of the file's.
///
/// What lies beyond the shape that the file stored (a variable may be shorter than its dimensions) is the file's fill.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Part {
    /// The number of the file in [`VirtualCube::files`].
    pub file: usize,
    /// Where the part begins in the cube, along each dimension of the cube's variable.
    pub origin: Vec<u64>,
    /// Its length along each of them. Along new dimensions the file's values are repeated, if it is more than 1.
    pub count: Vec<u64>,
    /// Where it begins in the file, along each dimension of the file's variable: 0 unless the file is used in part.
    pub start: Vec<u64>,
    /// Along which dimensions of the file's variable it runs the other way: there the last element of the file's box comes first. Empty: none.
    pub reversed: Vec<bool>,
    /// How many dimensions in front the file's variable does not have.
    pub new_dimensions: usize,
}

/// The data of a variable of the cube.
#[derive(Debug, Clone, PartialEq)]
pub enum ArrayData {
    /// Values kept in the product itself.
    Inline(Array),
    /// Chunks of the source files, in C order of their origins.
    Placed {
        /// The shape of every chunk.
        chunk_shape: Vec<u64>,
        /// The filters of every chunk.
        codecs: CodecChain,
        /// The parts.
        placements: Vec<Placement>,
    },
    /// In [`Variable::parts`] alone: no grid of chunks says them. A file may store them in another way than the variable does (type, order of
    /// bytes, packing, numbers that mean nothing is there): `codec::Storing` says one as the other.
    Apart,
}

/// A variable of the cube.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// Its name within its group.
    pub name: VariableName,
    /// The type of an element.
    pub data_type: DataType,
    /// The names of its dimensions, slowest first.
    pub dimensions: Vec<DimensionName>,
    /// Its length along each.
    pub shape: Vec<u64>,
    /// Its attributes, `_FillValue` among them.
    pub attributes: Attributes,
    /// The element that never-written chunks read as; `None`: zeros.
    pub fill_value: Option<Vec<u8>>,
    /// The data.
    pub data: ArrayData,
    /// What each file holds of the data, in C order of the origins, no two of one place; where there is none it reads as fill. Shared between
    /// variables that lie in the same way; empty if the values stand in the cube.
    pub parts: Arc<[Part]>,
}

impl Variable {
    /// The text of an attribute.
    pub fn text(&self, name: &str) -> Option<&str> {
        attribute::text(&self.attributes, name)
    }

    /// The values, if the product itself keeps them.
    pub fn inline(&self) -> Option<&Array> {
        match &self.data {
            ArrayData::Inline(array) => Some(array),
            ArrayData::Placed { .. } | ArrayData::Apart => None,
        }
    }
}

/// A group of the cube.
pub type Group = VariableGroup<Variable>;

/// One dataset over many files.
#[derive(Debug, Clone, PartialEq)]
pub struct VirtualCube {
    /// The files, in the order of the join.
    pub files: Vec<SourceFile>,
    /// The dimensions the files are joined along, slowest first; none if there is one file.
    pub joins: Vec<DimensionName>,
    /// The root group.
    pub root: Group,
    /// How each variable is carried, and why.
    pub choices: Vec<VariableChoice>,
    /// Why the variables that are [`ArrayData::Apart`] cannot be virtual: what stands in the way of products of references.
    pub apart: Vec<Conflict>,
    /// What was merged, dropped or tolerated on the way.
    pub notes: Vec<Note>,
}

/// How a variable is carried in a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// By references to whole chunks of the files.
    Virtual,
    /// By references to pieces of unfiltered chunks.
    VirtualSplit,
    /// Its values stand in the product.
    Inlined,
    /// As the others, but some files lack it: there it is fill.
    Filled,
    /// Not by references to chunks: by products of whole files, or of copies.
    OtherProduct,
    /// Not at all: a conflict says why.
    Refused,
}

/// How one variable is carried, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct VariableChoice {
    /// Its path.
    pub name: String,
    /// How.
    pub choice: Choice,
    /// Why, in a sentence for people.
    pub why: String,
    /// The files that decided it: most often the first and the first that differs.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub files: Vec<String>,
    /// Of a refused variable, or one of other products: what kind of conflict.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub conflict: Option<ConflictKind>,
}

impl VirtualCube {
    /// What stands in the way of products that are references to chunks and nothing else; nothing if all variables can be virtual or
    /// inlined.
    pub fn not_virtual(&self) -> &[Conflict] {
        &self.apart
    }

    /// Lets go of where the chunks are, once the products are written: what is left says what the cube holds.
    pub fn forget_chunks(&mut self) {
        let mut groups = vec![&mut self.root];
        while let Some(group) = groups.pop() {
            for variable in group.variables.values_mut() {
                if let ArrayData::Placed { placements, .. } = &mut variable.data {
                    *placements = Vec::new();
                }
                variable.parts = Arc::default();
            }
            groups.extend(group.groups.values_mut());
        }
    }
}

/// Something people should know that does not stand in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Note {
    /// A word for machines: `gap`, `attribute_dropped`, `coordinate_tolerated`, …
    pub kind: String,
    /// The variable or attribute it is about, if one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subject: Option<String>,
    /// A sentence for people.
    pub message: String,
}

impl Note {
    /// A note about nothing in particular.
    pub fn new(kind: &str, message: impl Into<String>) -> Self {
        Self { kind: kind.into(), subject: None, message: message.into() }
    }

    /// The same note about a variable or attribute.
    pub fn about(mut self, subject: impl fmt::Display) -> Self {
        self.subject = Some(subject.to_string());
        self
    }
}

/// Why files cannot be one dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// Two files hold the same stretch of the join.
    Overlap,
    /// One file holds a coordinate value twice.
    Duplicate,
    /// Something is missing between two files, and the recipe forbids it.
    Gap,
    /// A coordinate along the join is not in order.
    Unordered,
    /// No dimension was found along which the files differ, or more than one.
    Join,
    /// A coordinate that should be the same everywhere is not.
    Coordinate,
    /// The number or the names of dimensions differ, or a length that should be the same.
    Shape,
    /// Types differ.
    DataType,
    /// `scale_factor`, `add_offset` or fill values differ.
    Packing,
    /// Filters differ.
    Codec,
    /// The shapes of chunks differ, or do not fit one after the other.
    Chunking,
    /// A variable is missing in a file, or its kind differs.
    Variable,
    /// A static variable differs.
    Values,
    /// Time cannot be read.
    Time,
    /// Calendars differ.
    Calendar,
    /// Units differ.
    Units,
    /// An attribute that decides what the values mean differs.
    Attribute,
    /// Something that is not supported.
    Unsupported,
}

/// What stands in the way of one dataset: refused by name, never guessed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// What kind.
    pub kind: ConflictKind,
    /// The variable, if it is about one.
    pub variable: Option<String>,
    /// The files: most often the first that is right and the first that is not.
    pub files: Vec<String>,
    /// What the rule asks for, or the first file's value.
    pub expected: String,
    /// What was found.
    pub found: String,
    /// What a person can do about it.
    pub remedy: String,
}

impl Conflict {
    /// The choice that it stands for; `None` if it is not about one variable.
    pub fn refusal(&self) -> Option<VariableChoice> {
        Some(VariableChoice {
            name: self.variable.clone()?,
            choice: Choice::Refused,
            why: format!("expected {}, found {}; {}", self.expected, self.found, self.remedy),
            files: self.files.clone(),
            conflict: Some(self.kind),
        })
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(variable) = &self.variable {
            write!(f, "{variable}: ")?;
        }
        write!(f, "expected {}, found {}", self.expected, self.found)?;
        match self.files.as_slice() {
            [] => Ok(()),
            [file] => write!(f, " in {file}"),
            [first, rest @ ..] => write!(f, " in {} (compared with {first})", rest.join(", ")),
        }
    }
}

impl std::error::Error for Conflict {}
