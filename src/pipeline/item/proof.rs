//! Products compared with their sources.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::UNIX_EPOCH;

use super::Means;
use super::errors::{VERIFICATION, failure};
use crate::model::recipe::FacetDimension;
use crate::model::{Facets, FileIndex, ItemError, Product, SourceFile, VerifiedProduct};
use crate::pipeline::{chain, products};
use crate::read::{NativeReader, ReadError, SourceReader};
use crate::verify::{DEFAULT_BUDGET, Evidence, FacetLabels, OpenSource, Sampling, VerifyError, verify};

/// The sources of an item: as they were when its product was made, their indexes of this run, and what facets say of each.
#[derive(Clone, Copy)]
pub(in crate::pipeline) struct Compared<'a> {
    pub(in crate::pipeline) recorded: &'a [SourceFile],
    /// Those whose values an earlier revision was compared with.
    pub(in crate::pipeline) verified: &'a [SourceFile],
    /// Files of a copy that an earlier revision was verified with.
    pub(in crate::pipeline) taken_over: &'a BTreeSet<String>,
    pub(in crate::pipeline) indexes: &'a [FileIndex],
    pub(in crate::pipeline) file_facets: &'a [Facets],
}

/// How many values are compared: few if those of all files were compared with an earlier product.
pub(super) fn sampling(every_value: bool, are_all_verified: bool) -> Sampling {
    let budget = if are_all_verified { DEFAULT_BUDGET / 16 } else { DEFAULT_BUDGET };
    Sampling { budget, seed: seed(), every_value }
}

pub(super) fn prove(
    means: Means<'_>,
    product: Product,
    standing: &Path,
    (compared, open): (Compared<'_>, OpenSource<'_>),
    sampling: Sampling,
) -> Result<VerifiedProduct, ItemError> {
    verify_product(means, product, standing, compared, open, sampling, None)
        .map_err(|error| failure(VERIFICATION, chain(&error)))
}

/// Compares a product, read back from the folder of its revision, with the indexes of its sources; a library reads them in our stead, if one is given.
pub(in crate::pipeline) fn verify_product(
    means: Means<'_>,
    product: Product,
    standing: &Path,
    Compared { recorded, verified, taken_over, indexes, file_facets }: Compared<'_>,
    open: OpenSource<'_>,
    sampling: Sampling,
    library: Option<&dyn SourceReader>,
) -> Result<VerifiedProduct, VerifyError> {
    let recipe = &means.workspace.recipe;
    let label = |at: usize, name: &str| file_facets.get(at).and_then(|facets| facets.get(name)).cloned();
    let labels = |asked: &FacetDimension| FacetLabels {
        dimension: asked.name.to_string(),
        labels: (0..indexes.len()).map(|at| label(at, &asked.from).unwrap_or_default()).collect(),
    };
    let facets: Vec<FacetLabels> = recipe.aggregate.along.facets.iter().map(labels).collect();
    let (urls, facets) = (&recipe.public_urls, &facets[..]);
    let unreadable = |source: ReadError| VerifyError::Unreadable {
        item: product.item.clone(),
        format: product.format,
        source: source.into(),
    };
    let read_back = &products::read_back(&product, standing, &means.workspace.output).map_err(unreadable)?;
    let native = NativeReader::new(open);
    let reader = library.unwrap_or(&native);
    let on_overlap = recipe.aggregate.on_overlap;
    let evidence = Evidence {
        product,
        read_back,
        recorded,
        verified,
        taken_over,
        indexes,
        facets,
        on_overlap,
        urls,
        open,
        reader,
        sampling,
    };
    means.workers.read(recorded, || verify(evidence))
}

/// Another sample every time: what one run does not look at, another does.
pub(in crate::pipeline) fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_secs().rotate_left(32) ^ u64::from(now.subsec_nanos())
}
