//! Products compared with their sources: what stands there, read back, against what the files say now.
//!
//! In: the bytes of a product, read from where it was written; indexes of its sources, made from their bytes in the same run; the
//! fingerprints they had when the product was made.
//! Out: a [`VerifiedProduct`], the only thing that publishing accepts; or every [`Difference`], by variable and chunk.
//!
//! The cube that the product was written from is never consulted. What a place in the product should hold follows from the
//! coordinates and facets alone: those of the product are matched with those of the files, along every dimension, as instants if they are
//! times.
//!
//! | looked at | rule |
//! | --- | --- |
//! | sources | fingerprints as recorded, and as the index and the file, opened again, have them |
//! | every dimension | each step of each file stands in the product, its steps in order and those of time together; each step of the product is some file's |
//! | labels | those of the facets, each file at its own |
//! | places that several files hold | they hold the same there; or the recipe says whose are used, and those stand there |
//! | variables, dimensions, types, filters | as in the files; texts and numbers that say what values mean agree in all files |
//! | attributes | the first file's; global ones equal in all files must be there, others may be merged or left out |
//! | **every** reference | file, offset, length and filter mask of the source's index at that very place |
//! | **every** fragment | the whole variable of the file whose coordinates stand at that very place, of the type, packing, fill and units claimed |
//! | chunks of a copy | each is where the product's own metadata say; values as below |
//! | missing chunks | never written in the source either, or no file is there; and of the same fill |
//! | **every** inlined value | bit for bit the source's; times re-encoded: the same instants; where files pack in different ways: the same values |
//! | values of a sample of chunks, or all | decoded on both sides, bit for bit; once, where the right reference makes both sides the same bytes under the same filters |
//! | the indexes themselves | what the reader of the sources sees in them, if it does not go by the index |
//! | bytes of the sources, some or all | digests taken earlier (`content`): both sides read the same bytes, and could be wrong together |

mod attributes;
mod axes;
mod boxes;
mod checksum;
mod chunks;
mod content;
mod coordinates;
mod difference;
mod direct;
mod fragments;
mod layout;
mod locate;
mod overlaps;
mod packing;
mod sample;
mod sources;
mod shared;
mod values;
mod variable;

pub use crate::read::OpenSource;
pub use content::{ContentOutcome, Reach, SMALL, check_content, has_bytes};
pub use difference::{DIFFERENCE_LIMIT, Difference, DifferenceKind, Differences};

use std::collections::BTreeSet;

use crate::model::recipe::OnOverlap;
use crate::model::{
    FileIndex, ItemId, Note, Product, ProductFile, ProductFormat, PublicUrls, SourceFile, VerificationReport,
    VerifiedProduct,
};
use crate::read::{ReadBack, ReadError, SourceReader};
use sources::Sources;
use variable::Counts;

/// The number of chunks whose values are compared unless all are.
pub const DEFAULT_BUDGET: u64 = 256;

/// How many values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampling {
    /// The number of chunks in all; at least one of each variable is taken.
    pub budget: u64,
    /// What the choice follows from.
    pub seed: u64,
    /// All chunks instead.
    pub every_value: bool,
}

/// All that a verification looks at.
pub struct Evidence<'a> {
    /// The product as it was written.
    pub product: Product,
    /// What stands of it, read from where it was written.
    pub read_back: &'a ReadBack,
    /// The sources as they were when the product was made.
    pub recorded: &'a [SourceFile],
    /// Those whose values were compared when an earlier product of the item was made: the sample is of the others.
    pub verified: &'a [SourceFile],
    /// Files of a copy that were taken over from one that was verified, since nothing of what they were made of has changed: the sample is of the
    /// others.
    pub taken_over: &'a BTreeSet<String>,
    /// What the sources' own bytes say, in any order: never taken from the cube that was written.
    pub indexes: &'a [FileIndex],
    /// What facets say of them, in the same order.
    pub facets: &'a [FacetLabels],
    /// Which file's steps stand in the product where several hold the same.
    pub on_overlap: OnOverlap,
    /// How the product names its sources.
    pub urls: &'a PublicUrls,
    /// Opens a source.
    pub open: OpenSource<'a>,
    /// Reads the values of sources that those of the product are compared with; and may have a view of its own on the indexes.
    pub reader: &'a dyn SourceReader,
    /// How many values are compared.
    pub sampling: Sampling,
}

/// A dimension along which a facet says where each source stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetLabels {
    /// The dimension.
    pub dimension: String,
    /// The label of each source.
    pub labels: Vec<String>,
}

/// Why a product is not verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The product says something else than its sources.
    #[error("{item}: {differences}")]
    Different {
        /// The item.
        item: ItemId,
        /// What differs.
        differences: Differences,
    },
    /// The product cannot be read.
    #[error("{item}: the {format} product cannot be read back")]
    Unreadable {
        /// The item.
        item: ItemId,
        /// The format.
        format: ProductFormat,
        /// Why not.
        #[source]
        source: Box<ReadError>,
    },
    /// There is nothing to compare with.
    #[error("{item}: expected at least one source, found none")]
    NoSource {
        /// The item.
        item: ItemId,
    },
}

/// Compares a product with its sources.
///
/// ```
/// use altostac::model::{recipe::OnOverlap, *};
/// use altostac::read::{NativeReader, ReadBack, parse_kerchunk};
/// use altostac::storage::{ByteSource, MemoryFile};
/// use altostac::verify::{DEFAULT_BUDGET, Evidence, Sampling, VerifyError};
/// let file = MemoryFile::new(SourceUrl::from_path("/a.nc").unwrap(), vec![0; 8]);
/// let (item, format) = (ItemId::new("a")?, ProductFormat::Kerchunk);
/// let root = FileGroup { path: "/".into(), ..FileGroup::default() };
/// let index = FileIndex { source: file.file().clone(), format: "HDF5".into(), root, notes: vec![] };
/// let verify = |json: &str| {
///     let read_back = ReadBack { store: parse_kerchunk(json.as_bytes()).unwrap(), files: vec![] };
///     let open = |_: &SourceUrl| Ok(Box::new(file.clone()) as Box<dyn ByteSource>);
///     altostac::verify::verify(Evidence {
///         product: Product { item: item.clone(), format, revision: Revision::FIRST, files: vec![], chunks: 0, unlisted: 0 },
///         read_back: &read_back,
///         recorded: &[file.file().clone()],
///         verified: &[],
///         taken_over: &Default::default(),
///         indexes: &[index.clone()],
///         facets: &[],
///         on_overlap: OnOverlap::Error,
///         urls: &PublicUrls::default(),
///         open: &open,
///         reader: &NativeReader::new(&open),
///         sampling: Sampling { budget: DEFAULT_BUDGET, seed: 1, every_value: false },
///     })
/// };
/// assert!(verify(r#"{".zgroup": "{\"zarr_format\": 2}"}"#).is_ok());
/// let spoiled = verify(r#"{".zgroup": "{\"zarr_format\": 2}", "tas/0": ["file:///a.nc", 0, 8]}"#);
/// assert!(matches!(spoiled, Err(VerifyError::Different { differences, .. }) if differences.total == 1));
/// # Ok::<(), IdError>(())
/// ```
///
/// # Errors
/// [`VerifyError::Different`] lists what differs, the first [`DIFFERENCE_LIMIT`] one by one; a source that cannot be read is such a
/// difference. [`VerifyError::Unreadable`] is for
/// who reads it back.
pub fn verify(evidence: Evidence<'_>) -> Result<VerifiedProduct, VerifyError> {
    let item = evidence.product.item.clone();
    if evidence.indexes.is_empty() {
        return Err(VerifyError::NoSource { item });
    }
    let store = &evidence.read_back.store;
    let mut differences = Differences::new(&item);
    check_files(&evidence.product, &evidence.read_back.files, &mut differences);
    let sources = Sources::new(evidence.indexes, evidence.urls, (evidence.open, evidence.reader), evidence.verified)
        .with_taken_over(evidence.taken_over);
    sources.check(evidence.recorded, &mut differences);
    checksum::check(store, evidence.recorded, evidence.urls, &mut differences);
    let mut notes = Vec::new();
    let second_facts = sources.examine(&mut differences, &mut notes);
    let counts = match axes::find(store, &sources, (evidence.facets, evidence.on_overlap), &mut differences) {
        Some(axes) => {
            let attributes = attributes::check_groups(store, &sources, &axes.order, &mut differences);
            let mut counts =
                variable::check_all(store, &sources, &axes, evidence.sampling, &mut differences, &mut notes);
            counts.attributes += attributes;
            counts
        }
        None => Counts::default(),
    };
    for key in &store.extra_keys {
        differences.add(Difference::new(DifferenceKind::ExtraKey, "no such key", "the key").chunk(key));
    }
    if !differences.is_empty() {
        return Err(VerifyError::Different { item, differences });
    }
    let files = evidence.indexes.len() as u64;
    Ok(VerifiedProduct::prove(
        evidence.product,
        VerificationReport {
            reader: evidence.reader.name(),
            second_facts,
            ..report(files, &counts, evidence.sampling, notes)
        },
    ))
}

fn report(files: u64, counts: &Counts, sampling: Sampling, notes: Vec<Note>) -> VerificationReport {
    VerificationReport {
        files,
        variables: counts.variables,
        attributes: counts.attributes,
        references: counts.references,
        stored_chunks: counts.stored_chunks,
        inlined_chunks: counts.inlined_chunks,
        missing_chunks: counts.missing_chunks,
        sampled_chunks: counts.sampled_chunks,
        value_bytes: counts.value_bytes,
        seed: sampling.seed,
        every_value: sampling.every_value,
        notes,
        ..VerificationReport::default()
    }
}

/// The bytes that were read back are those that were written.
fn check_files(product: &Product, read: &[ProductFile], differences: &mut Differences) {
    for found in read {
        let written = product.files.iter().find(|file| file.path == found.path);
        let Some(written) = written.filter(|written| written.sha256 != found.sha256) else { continue };
        let difference =
            Difference::new(DifferenceKind::Product, format!("SHA-256 {}", written.sha256), found.sha256.as_str());
        differences.add(difference.file(&found.path));
    }
}

#[cfg(test)]
mod tests;
