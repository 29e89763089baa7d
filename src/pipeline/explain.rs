//! What a build would do with each variable, and why: the files are opened, nothing is written.

use super::build::{files_to_read, is_work, reads_afar};
use super::conflicts::conflicts_error;
use super::item::{Means, index_all};
use super::products;
use super::report::{Explained, PlanReport};
use super::values::FileValues;
use super::workers::Workers;
use super::{PipelineError, Progress, Survey, Workspace};
use crate::model::{ItemError, ItemSource};
use crate::storage::open_source;

/// The plan, and for each item that would be worked on how each variable would be carried.
///
/// # Errors
/// [`PipelineError::Threads`] if there are none to work with. What concerns single items is in the report.
pub fn explain(
    workspace: &Workspace,
    surveyed: &Survey,
    jobs: usize,
    progress: &dyn Progress,
) -> Result<PlanReport, PipelineError> {
    let mut report = surveyed.report(workspace.recipe.collection.id.as_str());
    let workers = Workers::start(jobs, reads_afar(&surveyed.planned))?;
    let means = Means { workspace, workers: &workers, progress };
    let work = surveyed.planned.iter().filter(|item| is_work(item)).count();
    progress.begin("items", work as u64);
    let explained = workers.each_item(&surveyed.planned, files_to_read, |item| {
        let source = item.source.as_ref().filter(|_| is_work(item))?;
        let explained = of_item(means, source);
        progress.advance(item.id.as_str());
        Some((item.id.to_string(), explained))
    });
    progress.end();
    for (id, explained) in explained.into_iter().flatten() {
        let Some(item) = report.items.iter_mut().find(|item| item.id == id) else { continue };
        match explained {
            Ok((explained, error)) => (item.explained, item.error) = (Some(explained), error),
            Err(error) => item.error = Some(error),
        }
    }
    Ok(report)
}

fn of_item(means: Means<'_>, source: &ItemSource) -> Result<(Explained, Option<ItemError>), ItemError> {
    let indexes = index_all(means, &source.files, &open_source)?;
    let aggregate = &means.workspace.recipe.aggregate;
    let found =
        means.workers.compute(|| crate::combine::explain(&indexes, &source.file_facets, aggregate, &FileValues));
    let found = match products::holds_parts(&means.workspace.recipe.products) {
        true => found,
        false => found.of_references(),
    };
    // Once something stands in the way, all that does is told, as a build does.
    let mut conflicts = found.conflicts;
    if !conflicts.is_empty() {
        conflicts.extend(found.apart);
    }
    let error = (!conflicts.is_empty()).then(|| conflicts_error(&conflicts));
    Ok((Explained { variables: found.choices, notes: found.notes }, error))
}
