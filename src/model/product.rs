//! What is written for one item, and the proof that it is right.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::cube::Note;
use super::ids::{ItemId, Revision};
use super::zarr::ZarrSettings;

/// The formats of products.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProductFormat {
    /// Kerchunk references, version 1, in JSON.
    Kerchunk,
    /// CFA-netCDF, by CF-1.13.
    Cfa,
    /// A Zarr store: a copy of the values, rechunked.
    Zarr,
}

impl ProductFormat {
    /// Whether it holds values of its own, not references.
    pub fn is_copy(self) -> bool {
        match self {
            Self::Kerchunk | Self::Cfa => false,
            Self::Zarr => true,
        }
    }

    /// The name of the file or folder within a revision.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Kerchunk => "kerchunk.json",
            Self::Cfa => "cfa.nca",
            Self::Zarr => "data.zarr",
        }
    }
}

impl fmt::Display for ProductFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kerchunk => f.write_str("kerchunk"),
            Self::Cfa => f.write_str("cfa"),
            Self::Zarr => f.write_str("zarr"),
        }
    }
}

/// A product that a recipe asks for, with its options.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProductSettings {
    /// Kerchunk references, version 1, in JSON.
    Kerchunk,
    /// CFA-netCDF, by CF-1.13.
    Cfa,
    /// A Zarr store.
    Zarr(ZarrSettings),
}

impl ProductSettings {
    /// The format.
    pub fn format(&self) -> ProductFormat {
        match self {
            Self::Kerchunk => ProductFormat::Kerchunk,
            Self::Cfa => ProductFormat::Cfa,
            Self::Zarr(_) => ProductFormat::Zarr,
        }
    }
}

/// One file of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductFile {
    /// The path below the output, with `/`.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

/// A product as it was written; not yet checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// The item it is of.
    pub item: ItemId,
    /// The format.
    pub format: ProductFormat,
    /// The revision it belongs to.
    pub revision: Revision,
    /// Its files; the first is what an asset points at.
    pub files: Vec<ProductFile>,
    /// The number of chunk references, inlined ones included.
    pub chunks: u64,
}

/// What a verification looked at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct VerificationReport {
    /// Sources whose fingerprints were compared with those recorded, with the fresh index and with the opened file.
    pub files: u64,
    /// Variables whose metadata and inlined values were compared.
    pub variables: u64,
    /// Attributes compared, of variables and groups.
    pub attributes: u64,
    /// References compared with a fresh index, all of them.
    pub references: u64,
    /// Chunks of copies that stand in the product.
    #[serde(default)]
    pub stored_chunks: u64,
    /// Inlined chunks whose values were compared, all of them.
    pub inlined_chunks: u64,
    /// Chunks without a reference, of which no source has one either: all of them.
    pub missing_chunks: u64,
    /// Chunks whose values were decoded on both sides and compared.
    pub sampled_chunks: u64,
    /// Bytes of the values compared, inlined ones included.
    pub value_bytes: u64,
    /// What read the values of the sources: `native`, or a library and its version.
    #[serde(default)]
    pub reader: String,
    /// Facts of the indexes that this reader, if it is another, saw for itself: shapes, types, places of chunks, kept values.
    #[serde(default)]
    pub second_facts: u64,
    /// The seed of the sample.
    pub seed: u64,
    /// Whether all values were compared.
    pub every_value: bool,
    /// What people should know.
    pub notes: Vec<Note>,
}

/// A product that was read back and equals its sources: what publishing accepts.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedProduct {
    product: Product,
    report: VerificationReport,
}

impl VerifiedProduct {
    /// The proof. Only `verify` may call this (`tests/it/architecture.rs` looks).
    pub(crate) fn prove(product: Product, report: VerificationReport) -> Self {
        Self { product, report }
    }

    /// The product.
    pub fn product(&self) -> &Product {
        &self.product
    }

    /// What was looked at.
    pub fn report(&self) -> &VerificationReport {
        &self.report
    }
}
