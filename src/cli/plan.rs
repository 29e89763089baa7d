//! `altostac plan`

use clap::Args;

use super::printer::Printer;
use super::progress::Bar;
use super::{Failure, Outcome, RecipeArgs};
use crate::pipeline::{PlanReport, survey};
use crate::plan::Action;

/// Say what would be added, rebuilt, removed and left, and why; changes nothing
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  altostac plan recipe.yaml
  altostac plan recipe.yaml --json | jq '.items[] | select(.action == \"changed\")'")]
pub(super) struct Plan {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Plan for this item alone; may be repeated
    #[arg(long = "item", value_name = "ID")]
    items: Vec<String>,
    /// Plan to build even what has not changed
    #[arg(long)]
    force: bool,
}

impl Plan {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Failure> {
        let workspace = self.recipe.look_at()?;
        let surveyed = survey(&workspace, &self.items, self.force, &Bar::default())?;
        let report = surveyed.report(workspace.recipe.collection.id.as_str());
        show(printer, &report)?;
        Ok(Outcome::of(report.problems.is_empty() && report.items.iter().all(|item| item.error.is_none())))
    }
}

/// Prints a plan.
pub(super) fn show(printer: &Printer, report: &PlanReport) -> Result<(), Failure> {
    printer.answer(report, || {
        let changes: Vec<String> = report
            .items
            .iter()
            .filter(|item| item.action != Some(Action::Unchanged))
            .map(|item| {
                format!("{:<12} {} ({}; {} files)", word(item.action), item.id, item.reasons.join("; "), item.files)
            })
            .collect();
        let left = report.items.len() - changes.len();
        changes.into_iter().chain(std::iter::once(format!("{left} items stay as they are"))).collect()
    })?;
    for (id, error) in report.items.iter().filter_map(|item| Some((&item.id, item.error.as_ref()?))) {
        printer.item_failure(id, error);
    }
    printer.scan(&report.unmatched, &report.problems);
    Ok(())
}

fn word(action: Option<Action>) -> &'static str {
    match action {
        Some(Action::Added) => "add",
        Some(Action::Changed) => "rebuild",
        Some(Action::Redescribed) => "describe",
        Some(Action::Removed) => "remove",
        Some(Action::Unchanged) => "leave",
        None => "fails",
    }
}
