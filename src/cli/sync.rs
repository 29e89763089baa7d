//! `altostac sync`

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::printer::Printer;
use super::serve::{HostArgs, host_catalogue};
use super::{Failure, ItemArgs, Outcome, RecipeArgs, TurnArgs, build, publish};
use crate::pipeline::{BuildReport, SendOptions, Workspace};
use crate::publish::PublishReport;

/// Build and publish: what cron runs
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  altostac sync recipe.yaml              # publishes to the recipe's publish.api
  altostac sync recipe.yaml --serve      # publishes into the embedded API and serves it
  altostac sync recipe.yaml --wait       # after another run of the recipe, if one is at work")]
pub(super) struct Sync {
    #[command(flatten)]
    recipe: RecipeArgs,
    #[command(flatten)]
    items: ItemArgs,
    #[command(flatten)]
    leave: build::LeaveArgs,
    #[command(flatten)]
    thorough: build::ThoroughArgs,
    #[command(flatten)]
    turn: TurnArgs,
    /// Publish into the embedded API, and serve it until interrupted
    #[arg(long)]
    serve: bool,
    #[command(flatten)]
    host: HostArgs,
}

/// The answer of `altostac sync`: what was built, and what was published.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SyncReport {
    #[serde(flatten)]
    build: BuildReport,
    /// The API's answer; absent if there is nowhere to publish to.
    #[serde(skip_serializing_if = "Option::is_none")]
    publication: Option<PublishReport>,
}

impl Sync {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Failure> {
        let workspace = self.recipe.open_in_turn(&self.turn)?;
        let built = build::built(&workspace, self.items, &self.leave, &self.thorough)?;
        let outcome = Outcome::of(built.is_success());
        build::show_problems(printer, &built);
        if self.serve {
            return serve(printer, &workspace, built, &self.host);
        }
        let Some(api) = publish::api_of(&workspace.recipe) else {
            show(printer, &workspace, &SyncReport { build: built, publication: None })?;
            printer.hint(
                "nothing was published: the recipe has no publish.api; altostac sync --serve publishes to yourself",
            );
            return Ok(outcome);
        };
        let sent = publish::sent(&workspace, &api, &SendOptions::default());
        let (publication, failure) = match sent {
            Ok(report) => (Some(report), None),
            Err(failure) => (None, Some(failure)),
        };
        let stored = publication.as_ref().is_some_and(PublishReport::is_success);
        if let Some(report) = &publication {
            publish::show_problems(printer, report);
        }
        show(printer, &workspace, &SyncReport { build: built, publication })?;
        match failure {
            Some(failure) => Err(failure),
            None => Ok(outcome.and(Outcome::of(stored))),
        }
    }
}

fn show(printer: &Printer, workspace: &Workspace, report: &SyncReport) -> Result<(), Failure> {
    printer.answer(report, || {
        let mut lines = build::lines(workspace, &report.build);
        lines.extend(report.publication.iter().flat_map(publish::lines));
        lines
    })?;
    Ok(())
}

fn serve(printer: &Printer, workspace: &Workspace, built: BuildReport, host: &HostArgs) -> Result<Outcome, Failure> {
    host_catalogue(printer, workspace, host, |publication| {
        publish::show_problems(printer, &publication);
        show(printer, workspace, &SyncReport { build: built, publication: Some(publication) })
    })?;
    Ok(Outcome::Interrupted)
}
