//! Verification of what stands there, against the sources as they are now.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use super::content;
use super::item::{self, Compared, Means, VERIFICATION, failure, index_all};
use super::opened::Opened;
use super::report::{VerifiedItem, VerifyReport};
use super::workers::{Workers, weight};
use super::{PipelineError, Progress, Reader, Workspace};
use crate::model::{ContentReport, Facets, ItemError, KnownItem, Product, Revision, SourceUrl};
use crate::read::SourceReader;
use crate::verify::{DEFAULT_BUDGET, Differences, OpenSource, Sampling, VerifyError};

/// What a verification is asked for.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// These items alone; empty for all.
    pub items: Vec<String>,
    /// Compare all values instead of a sample.
    pub every_value: bool,
    /// Who reads the sources.
    pub reader: Reader,
    /// How many threads compute; 0 for as many as there are processors. Waiting for servers is not counted.
    pub jobs: usize,
}

/// Compares the products of every item with its sources.
///
/// # Errors
/// [`PipelineError`] if the ledger cannot be read, or an item was named that is not known.
pub fn verify(
    workspace: &Workspace,
    options: &VerifyOptions,
    progress: &dyn Progress,
) -> Result<VerifyReport, PipelineError> {
    let begun = Instant::now();
    let known = workspace.ledger().items()?;
    if let Some(asked) = options.items.iter().find(|asked| !known.iter().any(|item| item.id.as_str() == asked.as_str()))
    {
        return Err(PipelineError::NoSuchItem { asked: asked.clone(), nearest: None });
    }
    let chosen: Vec<&KnownItem> = known
        .iter()
        .filter(|item| options.items.is_empty() || options.items.iter().any(|asked| asked == item.id.as_str()))
        // Their sources are gone, and their records say so.
        .filter(|item| !item.state.is_withdrawn())
        .collect();
    let facets = facets_by_url(workspace)?;
    let afar = chosen.iter().any(|item| item.sources.iter().any(|file| file.url.is_remote()));
    let library = options.reader.start()?;
    let workers = Workers::start(options.jobs, afar)?;
    let means = Means { workspace, workers: &workers, progress };
    progress.begin("items", chosen.len() as u64);
    let check = |item: &&KnownItem| {
        let revision = item.revision?;
        let verified = verify_item(means, item, &facets, revision, options.every_value, library.as_deref());
        progress.advance(item.id.as_str());
        Some(verified)
    };
    let items = workers.each_item(&chosen, |item| weight(&item.sources), check).into_iter().flatten().collect();
    progress.end();
    let collection = workspace.recipe.collection.id.to_string();
    Ok(VerifyReport { collection, items, elapsed_s: begun.elapsed().as_secs_f64() })
}

/// The facets of all files of the archive; none if no join asks for any.
fn facets_by_url(workspace: &Workspace) -> Result<HashMap<SourceUrl, Facets>, PipelineError> {
    if workspace.recipe.aggregate.along.facets.is_empty() {
        return Ok(HashMap::new());
    }
    let found = super::attributes::look(workspace, &super::Silent)?;
    let files = found.items.into_iter().flat_map(|item| item.files.into_iter().zip(item.file_facets));
    Ok(files.map(|(file, facets)| (file.url, facets)).collect())
}

fn verify_item(
    means: Means<'_>,
    known: &KnownItem,
    facets: &HashMap<SourceUrl, Facets>,
    revision: Revision,
    every_value: bool,
    library: Option<&dyn SourceReader>,
) -> VerifiedItem {
    let mut answer = VerifiedItem {
        id: known.id.to_string(),
        revision: revision.number(),
        verified: false,
        reports: Vec::new(),
        content: ContentReport::default(),
        differences: Vec::new(),
        difference_count: 0,
        error: None,
    };
    if let (Some(library), Some(source)) = (library, known.sources.iter().find(|source| source.url.is_remote())) {
        let message = format!("{} is not on this machine: {} reads local files only", source.url, library.name());
        return VerifiedItem { error: Some(failure("unsupported", message)), ..answer };
    }
    let opened = Opened::default();
    let open = |url: &SourceUrl| opened.open(url);
    let indexes = match index_all(means, &known.sources, &open) {
        Ok(indexes) => indexes,
        Err(error) => return VerifiedItem { error: Some(error), ..answer },
    };
    let sampling = Sampling { budget: DEFAULT_BUDGET, seed: item::seed(), every_value };
    let file_facets: Vec<Facets> =
        known.sources.iter().map(|file| facets.get(&file.url).cloned().unwrap_or_default()).collect();
    for product in &known.products {
        let (recorded, indexes, file_facets) = (&known.sources[..], &indexes[..], &file_facets[..]);
        let compared = Compared { recorded, verified: &[], taken_over: &BTreeSet::new(), indexes, file_facets };
        match verify_product(means, product, compared, &open, sampling, library) {
            Ok(report) => answer.reports.push(report),
            Err(Failure::Different(differences)) => add(&mut answer, &differences),
            Err(Failure::Other(error)) => answer.error = Some(error),
        }
    }
    let is_good = answer.error.is_none() && answer.difference_count == 0;
    let (content, differences) = content::at_verification(means, &known.id, (&indexes, &open), every_value, is_good);
    answer.content = content;
    add(&mut answer, &differences);
    answer.verified = answer.error.is_none() && answer.difference_count == 0;
    answer
}

fn add(answer: &mut VerifiedItem, differences: &Differences) {
    answer.difference_count += differences.total;
    answer.differences.extend(differences.listed.iter().filter_map(|difference| serde_json::to_value(difference).ok()));
}

enum Failure {
    Different(Differences),
    Other(ItemError),
}

fn verify_product(
    means: Means<'_>,
    product: &Product,
    compared: Compared<'_>,
    open: OpenSource<'_>,
    sampling: Sampling,
    library: Option<&dyn SourceReader>,
) -> Result<crate::model::VerificationReport, Failure> {
    let standing = item::standing(means.workspace, product).map_err(Failure::Other)?;
    match item::verify_product(means, product.clone(), standing.path(), compared, open, sampling, library) {
        Ok(verified) => Ok(verified.report().clone()),
        Err(VerifyError::Different { differences, .. }) => Err(Failure::Different(differences)),
        Err(error) => Err(Failure::Other(failure(VERIFICATION, super::chain(&error)))),
    }
}
