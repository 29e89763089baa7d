//! The ledger made anew: items and sources from the output, what APIs hold by asking them.

use schemars::JsonSchema;
use serde::Serialize;
use url::Url;

use chrono::{SubsecRound, Utc};

use super::send::{Publishables, Reader, SendOptions, send};
use super::{PipelineError, Workspace, chain, standing};
use crate::ledger::Publication;
use crate::model::{ItemId, RecordKind};
use crate::publish::{ApiOptions, PublishStatus, RecordReport};
use crate::storage::OutputStore;

/// The answer of `altostac status --rebuild`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RebuildReport {
    /// The collection's id.
    pub collection: String,
    /// How many items of the output the new ledger knows.
    pub items: usize,
    /// How many sources they have together.
    pub sources: usize,
    /// Items of which the output does not say what made them, sorted: the next build makes them, or their records, anew.
    pub made_anew: Vec<String>,
    /// What the APIs of the recipe hold.
    pub apis: Vec<RebuiltApi>,
    /// Items that the ledger does not know now, and APIs that could not be asked; why.
    pub problems: Vec<String>,
}

/// What an API holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RebuiltApi {
    /// Its landing page.
    pub api: String,
    /// Records that it holds as they would be sent.
    pub equal: usize,
    /// Records that it holds otherwise: the next publication sends them.
    pub different: usize,
    /// Records that it does not hold.
    pub absent: usize,
}

impl RebuildReport {
    /// Whether nothing is missing.
    pub fn is_success(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Fills the new ledger of a workspace that was [opened anew](Workspace::open_anew), and puts it in the place of the old one.
///
/// Nothing of the output and of the APIs is changed. Items that never were built, and those that are gone, are not known afterwards.
///
/// # Errors
/// [`PipelineError`] if the output cannot be listed, or the ledger cannot be written: the old one stands then. What concerns single items and APIs
/// is in the report.
pub async fn rebuild(workspace: Workspace, apis: &[(Url, ApiOptions)]) -> Result<RebuildReport, PipelineError> {
    let collection = workspace.recipe.collection.id.to_string();
    let mut report = RebuildReport { collection: collection.clone(), ..RebuildReport::default() };
    for path in workspace.output.list(&format!("{collection}/items"))? {
        let name = path.rsplit('/').next().and_then(|name| name.strip_suffix(".json"));
        let Some(id) = name.and_then(|name| ItemId::new(name).ok()) else { continue };
        match standing::known_item(&workspace, &id) {
            Ok(known) => {
                report.items += 1;
                report.sources += known.sources.len();
                if known.product_digest.is_empty() || known.record_digest.is_empty() {
                    report.made_anew.push(id.to_string());
                }
                workspace.ledger().put_current(std::slice::from_ref(&known))?;
            }
            Err(reason) => report.problems.push(format!("{id}: {reason}")),
        }
    }
    let stands = workspace.output.get(&format!("{collection}/collection.json"))?.is_some();
    if report.items > 0 && !stands {
        workspace.ledger().set_catalogue_behind(true)?;
    }
    for (api, access) in apis.iter().filter(|_| stands) {
        match ask(&workspace, api, access).await {
            Ok(found) => report.apis.push(found),
            Err(error) => report.problems.push(format!("{api} could not be asked: {}", chain(&error))),
        }
    }
    workspace.take_over()?;
    Ok(report)
}

/// Compares what an API holds with what it would be sent, and remembers that.
async fn ask(workspace: &Workspace, api: &Url, access: &ApiOptions) -> Result<RebuiltApi, PipelineError> {
    let options = ApiOptions { dry_run: true, ..access.clone() };
    let answer = send(workspace, api, &SendOptions { ask_all: true, api: options, ..SendOptions::default() }).await?;
    let publishables = Publishables::new(workspace, Reader::Api(api.clone()))?;
    let mut found = RebuiltApi { api: api.to_string(), ..RebuiltApi::default() };
    let now = Utc::now().trunc_subsecs(0);
    for record in &answer.records {
        let digest = match record.status {
            PublishStatus::Unchanged => {
                found.equal += 1;
                own_digest(&publishables, record)?
            }
            // An empty digest says that nobody knows what it holds.
            PublishStatus::Updated => {
                found.different += 1;
                String::new()
            }
            PublishStatus::Created | PublishStatus::Removed | PublishStatus::Failed => {
                found.absent += 1;
                continue;
            }
        };
        let publication = Publication { kind: record.kind.to_string(), id: record.id.clone(), digest };
        workspace.ledger().put_publication(api.as_str(), &publication, now)?;
    }
    Ok(found)
}

fn own_digest(publishables: &Publishables<'_>, record: &RecordReport) -> Result<String, PipelineError> {
    let own = match (record.kind, ItemId::new(record.id.as_str())) {
        (RecordKind::Item, Ok(id)) => publishables.item(&id)?.0,
        _ => publishables.collection()?,
    };
    Ok(own.digest())
}
