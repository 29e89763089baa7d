//! `altostac publish`

use clap::Args;
use url::Url;

use super::printer::Printer;
use super::{Failure, Outcome, RecipeArgs};
use crate::model::recipe::Recipe;
use crate::pipeline::{PipelineError, SendOptions, Workspace, send};
use crate::publish::{ApiOptions, PublishReport, PublishStatus};

/// Push the validated records to a STAC API
#[derive(Debug, Args)]
#[command(
    after_help = "Every record is compared with the API's; what differs is sent and read back. (sync asks only about records that
changed since the API last confirmed them.)

Examples:
  altostac publish recipe.yaml
  altostac publish recipe.yaml --to https://api.stac.example.org --dry-run
  STAC_TOKEN=… altostac publish recipe.yaml      # publish: {api: …, auth: {bearer: {env: STAC_TOKEN}}}"
)]
pub(super) struct Publish {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// The landing page of the API [default: the recipe's publish.api]
    #[arg(long, value_name = "URL")]
    to: Option<Url>,
    /// Publish this item alone; may be repeated
    #[arg(long = "item", value_name = "ID")]
    items: Vec<String>,
    /// Say what differs, and send nothing
    #[arg(long)]
    dry_run: bool,
}

impl Publish {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Failure> {
        let workspace = self.recipe.open()?;
        let api = self
            .to
            .or_else(|| api_of(&workspace.recipe))
            .ok_or_else(|| PipelineError::NoApi { recipe: workspace.recipe.path.display().to_string() })?;
        let options = SendOptions {
            items: self.items,
            ask_all: true,
            api: ApiOptions { dry_run: self.dry_run, ..access(&workspace.recipe, &api, printer)? },
        };
        let report = sent(&workspace, &api, &options)?;
        printer.answer(&report, || lines(&report))?;
        show_problems(printer, &report);
        Ok(Outcome::of(report.is_success()))
    }
}

/// The API that a recipe names.
pub(super) fn api_of(recipe: &Recipe) -> Option<Url> {
    recipe.publish.as_ref().map(|publish| publish.api.clone())
}

/// How to talk with an API as the recipe says it. Credentials go to the host alone that the recipe gives them for.
pub(super) fn access(recipe: &Recipe, api: &Url, printer: &Printer) -> Result<ApiOptions, PipelineError> {
    let options = ApiOptions::default();
    match &recipe.publish {
        Some(settings) if settings.api.origin() == api.origin() => {
            Ok(options.with_access(settings.auth.as_ref(), settings.ca.as_deref())?)
        }
        Some(settings) if settings.auth.is_some() => {
            printer.warning(&format!("publish.auth is for {}: nothing of it is sent to {api}", settings.api));
            Ok(options)
        }
        _ => Ok(options),
    }
}

/// Publishes, in a runtime of its own.
pub(super) fn sent(workspace: &Workspace, api: &Url, options: &SendOptions) -> Result<PublishReport, Failure> {
    Ok(super::runtime()?.block_on(send(workspace, api, options))?)
}

/// Prints on standard error what was not stored.
pub(super) fn show_problems(printer: &Printer, report: &PublishReport) {
    for record in report.records.iter().filter(|record| record.status == PublishStatus::Failed) {
        printer.say(&format!(
            "error: {} {}: {}",
            record.kind,
            record.id,
            record.message.as_deref().unwrap_or("not stored")
        ));
    }
}

/// The outcome of a publication, for people.
pub(super) fn lines(report: &PublishReport) -> Vec<String> {
    let mut lines = Vec::new();
    for record in &report.records {
        let word = match record.status {
            PublishStatus::Created => "created",
            PublishStatus::Updated => "updated",
            PublishStatus::Removed => "removed",
            PublishStatus::Unchanged | PublishStatus::Failed => continue,
        };
        lines.push(format!("{word:<8} {} {}", record.kind, record.id));
        if report.dry_run {
            lines.extend(record.differences.iter().map(|difference| format!("           {difference}")));
        }
    }
    let counts = &report.counts;
    let would = if report.dry_run { " would be" } else { "" };
    lines.push(format!(
        "{}{would}: {} created, {} updated, {} unchanged, {} removed, {} failed",
        report.api, counts.created, counts.updated, counts.unchanged, counts.removed, counts.failed
    ));
    lines
}
