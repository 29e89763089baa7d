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
    /// The API's answer; absent if there is nowhere to publish to, or there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    publication: Option<PublishReport>,
    /// The answers of several APIs, in the recipe's order.
    #[serde(skip_serializing_if = "Option::is_none")]
    publications: Option<Vec<PublishReport>>,
}

impl SyncReport {
    fn new(build: BuildReport, mut publications: Vec<PublishReport>) -> Self {
        let publication = if publications.len() == 1 { publications.pop() } else { None };
        let publications = Some(publications).filter(|several| !several.is_empty());
        Self { build, publication, publications }
    }

    fn published(&self) -> Vec<&PublishReport> {
        self.publication.iter().chain(self.publications.iter().flatten()).collect()
    }
}

impl Sync {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Failure> {
        let workspace = self.recipe.open_in_turn(&self.turn)?;
        // A secret that is not there is told before hours of work.
        let apis = if self.serve { Vec::new() } else { publish::destinations(&workspace.recipe, None, printer)? };
        let built = build::built(&workspace, self.items, &self.leave, &self.thorough)?;
        let outcome = Outcome::of(built.is_success());
        build::show_problems(printer, &built);
        if self.serve {
            return serve(printer, &workspace, built, &self.host);
        }
        if apis.is_empty() {
            let report = SyncReport::new(built, Vec::new());
            show(printer, &workspace, &report)?;
            build::tell(printer, &workspace, &report.build, &[]);
            printer.hint(
                "nothing was published: the recipe has no publish.api; altostac sync --serve publishes to yourself",
            );
            return Ok(outcome);
        }
        let sent = publish::sent_to_all(&workspace, apis, &SendOptions::default());
        let (publications, failure) = match sent {
            Ok(reports) => (reports, None),
            Err(failure) => (Vec::new(), Some(failure)),
        };
        let stored = publications.iter().all(PublishReport::is_success);
        publications.iter().for_each(|report| publish::show_problems(printer, report));
        let report = SyncReport::new(built, publications);
        show(printer, &workspace, &report)?;
        build::tell(printer, &workspace, &report.build, &report.published());
        match failure {
            Some(failure) => Err(failure),
            None => Ok(outcome.and(Outcome::of(stored))),
        }
    }
}

fn show(printer: &Printer, workspace: &Workspace, report: &SyncReport) -> Result<(), Failure> {
    printer.answer(report, || {
        let mut lines = build::lines(workspace, &report.build);
        let publications = report.publication.iter().chain(report.publications.iter().flatten());
        lines.extend(publications.flat_map(|report| publish::lines(report, printer.has_colours())));
        lines
    })?;
    Ok(())
}

fn serve(printer: &Printer, workspace: &Workspace, built: BuildReport, host: &HostArgs) -> Result<Outcome, Failure> {
    host_catalogue(printer, workspace, host, |publication| {
        publish::show_problems(printer, &publication);
        let report = SyncReport::new(built, vec![publication]);
        show(printer, workspace, &report)?;
        build::tell(printer, workspace, &report.build, &report.published());
        Ok(())
    })?;
    Ok(Outcome::Interrupted)
}
