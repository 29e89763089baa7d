//! `altostac build`

use clap::Args;

use super::amounts::bytes;
use super::printer::Printer;
use super::progress::Bar;
use super::{Failure, ItemArgs, Outcome, RecipeArgs, TurnArgs};
use crate::pipeline::{BuildOptions, BuildReport, BuiltStatus, Workspace, build, leave_report, survey};
use crate::publish::PublishReport;

/// Build products and the static catalogue, each product verified against its sources
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  altostac build recipe.yaml
  altostac build recipe.yaml --item CMIP6.CMIP.MOHC.UKESM1-0-LL.historical.r1i1p1f2.Amon.tas.gn.v20190406 --force
  altostac build recipe.yaml --json > outcome.json")]
pub(super) struct Build {
    #[command(flatten)]
    recipe: RecipeArgs,
    #[command(flatten)]
    items: ItemArgs,
    #[command(flatten)]
    leave: LeaveArgs,
    #[command(flatten)]
    thorough: ThoroughArgs,
    #[command(flatten)]
    turn: TurnArgs,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// What a build may do that it does not do by itself.
#[derive(Debug, Args)]
pub(super) struct LeaveArgs {
    /// Build even what has not changed
    #[arg(long)]
    force: bool,
    /// Let items go whose files are gone, even if they are more than the recipe's guard.max_removed
    #[arg(long)]
    allow_removal: bool,
}

/// How thoroughly what is built is verified.
#[derive(Debug, Args)]
pub(super) struct ThoroughArgs {
    /// Compare all values with the sources, not a sample, and remember digests of all their bytes
    #[arg(long)]
    every_value: bool,
}

impl Build {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Failure> {
        if self.dry_run {
            let workspace = self.recipe.look_at()?;
            let mut surveyed = survey(&workspace, &self.items.items, self.leave.force, &Bar::default())?;
            if self.leave.allow_removal {
                surveyed.guarded.lift();
            }
            super::plan::show(printer, &surveyed.report(workspace.recipe.collection.id.as_str()))?;
            return Ok(Outcome::Done);
        }
        let workspace = self.recipe.open_in_turn(&self.turn)?;
        let report = built(&workspace, self.items, &self.leave, &self.thorough)?;
        show(printer, &workspace, &report)?;
        tell(printer, &workspace, &report, &[]);
        Ok(Outcome::of(report.is_success()))
    }
}

/// Builds with a progress bar.
pub(super) fn built(
    workspace: &Workspace,
    items: ItemArgs,
    &LeaveArgs { force, allow_removal }: &LeaveArgs,
    thorough: &ThoroughArgs,
) -> Result<BuildReport, Failure> {
    let every_value = thorough.every_value;
    let (items, jobs) = (items.items, items.jobs);
    let options = BuildOptions { items, force, allow_removal, every_value, jobs, ..BuildOptions::default() };
    Ok(build(workspace, &options, &Bar::default())?)
}

/// Prints the outcome of a build.
pub(super) fn show(printer: &Printer, workspace: &Workspace, report: &BuildReport) -> Result<(), Failure> {
    printer.answer(report, || lines(workspace, report))?;
    show_problems(printer, report);
    Ok(())
}

/// Leaves the report of a run that changed something, and says where.
pub(super) fn tell(printer: &Printer, workspace: &Workspace, built: &BuildReport, published: &[&PublishReport]) {
    match leave_report(workspace, built, published) {
        Ok(Some(page)) => printer.line(&format!("report: {}", page.display())),
        Ok(None) => {}
        // The run is done: its report alone is missing.
        Err(error) => printer.failure(&error, None),
    }
}

/// Prints on standard error what went wrong in a build.
pub(super) fn show_problems(printer: &Printer, report: &BuildReport) {
    for item in &report.items {
        if let Some(error) = &item.error {
            printer.item_failure(&item.id, error);
        }
    }
    printer.scan(&report.unmatched, &report.problems);
    printer.warnings(&report.warnings);
}

/// The outcome of a build, for people.
pub(super) fn lines(workspace: &Workspace, report: &BuildReport) -> Vec<String> {
    let mut lines: Vec<String> = report
        .items
        .iter()
        .filter(|item| !matches!(item.status, BuiltStatus::Unchanged | BuiltStatus::Failed))
        .map(|item| {
            let revision = item.revision.map(|revision| format!(" r{revision}")).unwrap_or_default();
            format!("{:<8} {}{revision} ({} files, {} chunks)", word(item.status), item.id, item.files, item.chunks)
        })
        .collect();
    let counts = report.counts();
    let said: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    let place = workspace.output.shown("catalog.json");
    let read = report.traffic;
    let read = match read.requests {
        0 => String::new(),
        requests => format!(" ({} read in {requests} requests)", bytes(read.bytes)),
    };
    lines.push(format!("{}: {} in {:.1} s{read} → {}", report.collection, said.join(", "), report.elapsed_s, place));
    lines
}

fn word(status: BuiltStatus) -> &'static str {
    match status {
        BuiltStatus::Added => "added",
        BuiltStatus::Changed => "changed",
        BuiltStatus::Removed => "removed",
        BuiltStatus::Withdrawn => "withdrawn",
        BuiltStatus::Unchanged => "left",
        BuiltStatus::Failed => "failed",
    }
}
