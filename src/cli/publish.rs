//! `altostac publish`

mod changes;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;
use url::Url;

use super::printer::{Printer, explained};
use super::{Failure, Outcome, RecipeArgs};
use crate::model::recipe::Recipe;
use crate::model::{Manage, PublishSettings};
use crate::pipeline::{PipelineError, SendOptions, Workspace, send};
use crate::publish::{ApiOptions, PublishReport, PublishStatus};

pub(super) use changes::lines;

/// Push the validated records to a STAC API
#[derive(Debug, Args)]
#[command(
    after_help = "Every record is compared with the API's; what differs is sent and read back. (sync asks only about records that
changed since the API last confirmed them.) A run that was cut off goes on where it stopped.

Examples:
  altostac publish recipe.yaml
  altostac publish recipe.yaml --dry-run                               # what would change: field, there → here
  altostac publish recipe.yaml --to https://api.stac.example.org
  altostac publish recipe.yaml --prune --dry-run                       # and what would be deleted
  STAC_TOKEN=… altostac publish recipe.yaml                            # publish: {api: …, auth: {bearer: {env: STAC_TOKEN}}}"
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
    /// Also delete items of the collection that the API has and the catalogue does not, up to publish.max_deletes
    #[arg(long, conflicts_with = "items")]
    prune: bool,
    /// Say what differs, and send nothing
    #[arg(long)]
    dry_run: bool,
}

/// The answer of `altostac publish`: of one API, or of several.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Publications {
    /// The recipe names several APIs.
    Several {
        /// What each of them answered, in the recipe's order.
        publications: Vec<PublishReport>,
    },
    /// There is one API.
    One(Box<PublishReport>),
}

impl Publish {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Failure> {
        let workspace = self.recipe.open()?;
        let apis = destinations(&workspace.recipe, self.to, printer)?;
        if apis.is_empty() {
            return Err(PipelineError::NoApi { recipe: workspace.recipe.path.display().to_string() }.into());
        }
        if self.prune && workspace.recipe.manage == Manage::Extend {
            let why = "--prune would delete what others put into the collection: its collection.manage is extend";
            return Err(Failure::Request(why.into()));
        }
        let options = SendOptions {
            items: self.items,
            ask_all: true,
            prune: self.prune,
            api: ApiOptions { dry_run: self.dry_run, ..ApiOptions::default() },
        };
        let reports = sent_to_all(&workspace, apis, &options)?;
        let outcome = Outcome::of(reports.iter().all(PublishReport::is_success));
        let colours = printer.has_colours();
        let text: Vec<String> = reports.iter().flat_map(|report| lines(report, colours)).collect();
        reports.iter().for_each(|report| show_problems(printer, report));
        printer.answer(&Publications::of(reports), || text)?;
        Ok(outcome)
    }
}

impl Publications {
    fn of(mut reports: Vec<PublishReport>) -> Self {
        match (reports.pop(), reports.is_empty()) {
            (Some(one), true) => Self::One(Box::new(one)),
            (last, _) => Self::Several { publications: reports.into_iter().chain(last).collect() },
        }
    }
}

/// An API to publish to, and how to talk with it.
#[derive(Debug)]
pub(super) struct Destination {
    api: Url,
    access: ApiOptions,
}

impl Destination {
    /// The API, and how to talk with it.
    pub(super) fn into_parts(self) -> (Url, ApiOptions) {
        (self.api, self.access)
    }
}

/// The APIs that a recipe names, or the one that is asked for instead; secrets are read now.
pub(super) fn destinations(
    recipe: &Recipe,
    to: Option<Url>,
    printer: &Printer,
) -> Result<Vec<Destination>, PipelineError> {
    let settings = recipe.publish.as_ref();
    let urls = to
        .map_or_else(|| settings.iter().flat_map(|all| &all.apis).map(|api| api.url.clone()).collect(), |to| vec![to]);
    urls.into_iter().map(|api| Ok(Destination { access: access(settings, &api, printer)?, api })).collect()
}

/// How to talk with an API as the recipe says it. Credentials go to the host alone that the recipe gives them for.
fn access(settings: Option<&PublishSettings>, api: &Url, printer: &Printer) -> Result<ApiOptions, PipelineError> {
    let options = ApiOptions::default();
    let all = settings.map(|settings| settings.apis.as_slice()).unwrap_or_default();
    let same = all.iter().find(|known| known.url == *api);
    match same.or_else(|| all.iter().find(|known| known.url.origin() == api.origin())) {
        Some(known) => Ok(options.with_access(known.auth.as_ref(), known.ca.as_deref())?),
        None => {
            if let Some(known) = all.iter().find(|known| known.auth.is_some()) {
                printer.warning(&format!("publish.auth is for {}: nothing of it is sent to {api}", known.url));
            }
            Ok(options)
        }
    }
}

/// Publishes to one API after the other, in a runtime of its own. Where there are several, one that cannot be used does not stop the others.
pub(super) fn sent_to_all(
    workspace: &Workspace,
    destinations: Vec<Destination>,
    options: &SendOptions,
) -> Result<Vec<PublishReport>, Failure> {
    let runtime = super::runtime()?;
    let is_one = destinations.len() == 1;
    let mut reports = Vec::new();
    for Destination { api, access } in destinations {
        let own = ApiOptions { dry_run: options.api.dry_run, ..access };
        let options = SendOptions { api: own, ..options.clone() };
        match runtime.block_on(send(workspace, &api, &options)) {
            Ok(report) => reports.push(report),
            Err(error @ PipelineError::Publish(_)) if !is_one => {
                let mut report = PublishReport::of(api.as_str(), options.api.dry_run, Vec::new());
                report.problems.push(explained(&error, error.remedy().as_deref()));
                reports.push(report);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(reports)
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
    for problem in &report.problems {
        printer.say(&format!("error: {}: {problem}", report.api));
    }
}
