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
    /// Kerchunk references in Parquet: a folder.
    KerchunkParquet,
    /// Virtual references in an Icechunk repository.
    Icechunk,
    /// A Zarr store: a copy of the values, rechunked.
    Zarr,
}

impl ProductFormat {
    /// Whether it holds values of its own, not references.
    pub fn is_copy(self) -> bool {
        match self {
            Self::Kerchunk | Self::KerchunkParquet | Self::Cfa | Self::Icechunk => false,
            Self::Zarr => true,
        }
    }

    /// The name of the file or folder within a revision.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Kerchunk => "kerchunk.json",
            Self::Cfa => "cfa.nca",
            Self::KerchunkParquet => "kerchunk.parq",
            Self::Icechunk => "icechunk",
            Self::Zarr => "data.zarr",
        }
    }
}

impl fmt::Display for ProductFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kerchunk => f.write_str("kerchunk"),
            Self::Cfa => f.write_str("cfa"),
            Self::KerchunkParquet => f.write_str("kerchunk-parquet"),
            Self::Icechunk => f.write_str("icechunk"),
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
    /// The same, or in Parquet if there are many.
    KerchunkByNumber {
        /// More references than these go to Parquet.
        parquet_above: u64,
    },
    /// Kerchunk references in Parquet.
    KerchunkParquet {
        /// References in a table, at least 1.
        record_size: u32,
    },
    /// A Zarr store.
    Zarr(ZarrSettings),
    /// Virtual references in an Icechunk repository.
    Icechunk {
        /// The version of the format on disk.
        version: IcechunkVersion,
    },
}

/// Versions of Icechunk's format on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
pub enum IcechunkVersion {
    /// The one that all readers know.
    #[default]
    #[serde(rename = "1")]
    V1,
    /// For readers of version 2 and later, which need Python 3.12.
    #[serde(rename = "2")]
    V2,
}

impl IcechunkVersion {
    /// The number itself.
    pub fn number(self) -> u8 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }
}

impl ProductSettings {
    /// More references than these are better read from Parquet than from JSON, which a reader holds as a whole.
    pub const MANY_REFERENCES: u64 = 200_000;
    /// References in a table of Parquet: a reader that needs one reads the table.
    pub const RECORD_SIZE: u32 = 100_000;

    /// The format; of those that go by a number the first.
    pub fn format(&self) -> ProductFormat {
        match self {
            Self::Cfa => ProductFormat::Cfa,
            Self::Kerchunk | Self::KerchunkByNumber { .. } => ProductFormat::Kerchunk,
            Self::KerchunkParquet { .. } => ProductFormat::KerchunkParquet,
            Self::Icechunk { .. } => ProductFormat::Icechunk,
            Self::Zarr(_) => ProductFormat::Zarr,
        }
    }
}

/// What a recipe asks for.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProductsAsked {
    /// For each item what carries it faithfully at the least cost.
    Auto,
    /// These; never empty, each format once.
    #[serde(untagged)]
    Listed(Vec<ProductSettings>),
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
    /// Bytes of the files that are not listed: chunks and shards of a copy.
    #[serde(default)]
    pub unlisted: u64,
}

impl Product {
    /// The path below the output of what a reader opens: the file, or the folder that holds all files; `None` without files.
    ///
    /// ```
    /// use altostac::model::{ItemId, Product, ProductFile, ProductFormat, Revision};
    /// let path = "c/products/i/r1/kerchunk.parq/.zmetadata".to_owned();
    /// let files = vec![ProductFile { path, size: 2, sha256: String::new() }];
    /// let (item, format) = (ItemId::new("i").unwrap(), ProductFormat::KerchunkParquet);
    /// let product = Product { item, format, revision: Revision::FIRST, files, chunks: 0, unlisted: 0 };
    /// assert_eq!(product.place(), Some("c/products/i/r1/kerchunk.parq"));
    /// ```
    pub fn place(&self) -> Option<&str> {
        let path = self.files.first()?.path.as_str();
        if self.format == ProductFormat::Icechunk {
            return path.rsplit_once("/snapshots/").map(|(repository, _)| repository);
        }
        let name = format!("/{}/{}", self.revision, self.format.file_name());
        let end = path.find(&name).map_or(path.len(), |at| at + name.len());
        path.get(..end)
    }

    /// The snapshot of a repository that the product is.
    pub fn snapshot(&self) -> Option<&str> {
        let first = self.files.first().filter(|_| self.format == ProductFormat::Icechunk)?;
        first.path.rsplit_once("/snapshots/").map(|(_, snapshot)| snapshot)
    }
}

/// What a verification looked at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct VerificationReport {
    /// Sources whose fingerprints were compared with those recorded, with the index and with the file, opened again.
    pub files: u64,
    /// Variables whose metadata and inlined values were compared.
    pub variables: u64,
    /// Attributes compared, of variables and groups.
    pub attributes: u64,
    /// References compared with the sources' indexes, all of them.
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
