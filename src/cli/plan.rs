//! `altostac plan`

use clap::Args;

use super::printer::Printer;
use super::progress::Bar;
use super::{Failure, Outcome, RecipeArgs};
use crate::model::Choice;
use crate::pipeline::{Explained, PlanReport, explain, survey};
use crate::plan::Action;

/// Say what would be added, rebuilt, removed and left, and why; changes nothing
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  altostac plan recipe.yaml
  altostac plan recipe.yaml --explain --item ID    how each variable would be carried, and why
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
    /// Open the files, and say of each variable how it would be carried and why
    #[arg(long)]
    explain: bool,
    /// With --explain: work on so many items and files at once [default: the number of processors]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, requires = "explain")]
    jobs: usize,
}

impl Plan {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Failure> {
        let workspace = self.recipe.look_at()?;
        let surveyed = survey(&workspace, &self.items, self.force, &Bar::default())?;
        let report = match self.explain {
            true => explain(&workspace, &surveyed, self.jobs, &Bar::default())?,
            false => surveyed.report(workspace.recipe.collection.id.as_str()),
        };
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
                let head = format!(
                    "{:<12} {} ({}; {} files)",
                    word(item.action),
                    item.id,
                    item.reasons.join("; "),
                    item.files
                );
                std::iter::once(head).chain(item.explained.iter().flat_map(explained)).collect::<Vec<_>>().join("\n")
            })
            .collect();
        let left = report.items.len() - changes.len();
        changes.into_iter().chain(std::iter::once(format!("{left} items stay as they are"))).collect()
    })?;
    for (id, error) in report.items.iter().filter_map(|item| Some((&item.id, item.error.as_ref()?))) {
        printer.item_failure(id, error);
    }
    printer.scan(&report.unmatched, &report.problems);
    printer.warnings(&report.warnings);
    Ok(())
}

/// A line for each variable and each note.
fn explained(explained: &Explained) -> Vec<String> {
    let choices =
        explained.variables.iter().map(|one| format!("  {:<14} {}: {}", choice(one.choice), one.name, one.why));
    let notes = explained.notes.iter().map(|note| {
        let about = note.subject.as_ref().map(|subject| format!("{subject}: ")).unwrap_or_default();
        format!("  {:<14} {about}{}", "note", note.message)
    });
    choices.chain(notes).collect()
}

fn choice(choice: Choice) -> &'static str {
    match choice {
        Choice::Virtual => "virtual",
        Choice::VirtualSplit => "virtual, split",
        Choice::Inlined => "inlined",
        Choice::Filled => "filled",
        Choice::OtherProduct => "other product",
        Choice::Refused => "refused",
    }
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
