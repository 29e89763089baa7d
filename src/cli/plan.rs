//! `altostac plan`

use clap::Args;

use super::printer::Printer;
use super::progress::Bar;
use super::{Failure, Outcome, RecipeArgs};
use crate::model::Choice;
use crate::pipeline::{Explained, PlanCounts, PlanReport, PlannedReport, explain, survey};
use crate::plan::Action;

/// Say what would be added, rebuilt, removed and left, and why; changes nothing
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  altostac plan recipe.yaml                        + new  ~ rebuilt  = described anew  - removed  > withdrawn  ! fails
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
    /// Plan as if items might go however many they are
    #[arg(long)]
    allow_removal: bool,
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
        let mut surveyed = survey(&workspace, &self.items, self.force, &Bar::default())?;
        if self.allow_removal {
            surveyed.guarded.lift();
        }
        let report = match self.explain {
            true => explain(&workspace, &surveyed, self.jobs, &Bar::default())?,
            false => surveyed.report(workspace.recipe.collection.id.as_str()),
        };
        show(printer, &report)?;
        Ok(Outcome::of(report.problems.is_empty() && report.items.iter().all(|item| item.error.is_none())))
    }
}

/// So many files of one kind are named for each item; all of them are with `--json`.
const NAMED: usize = 5;

/// Prints a plan.
pub(super) fn show(printer: &Printer, report: &PlanReport) -> Result<(), Failure> {
    printer.answer(report, || lines(report))?;
    for (id, error) in report.items.iter().filter_map(|item| Some((&item.id, item.error.as_ref()?))) {
        printer.item_failure(id, error);
    }
    printer.scan(&report.unmatched, &report.problems);
    printer.warnings(&report.warnings);
    Ok(())
}

/// The plan for people: each item that does not stay as it is, why, and its files; then how many there are.
fn lines(report: &PlanReport) -> Vec<String> {
    let moves = |item: &&PlannedReport| item.action != Some(Action::Unchanged);
    let mut lines: Vec<String> = report.items.iter().filter(moves).flat_map(item_lines).collect();
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines.push(summary(&report.collection, &report.counts));
    lines
}

fn item_lines(item: &PlannedReport) -> Vec<String> {
    let stopped = if item.stopped { " (stopped by the guard)" } else { "" };
    let files = item.files.max(item.changes.removed.len());
    let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
    let mut lines = vec![format!("{} {}  {}; {files}{stopped}", sign(item.action), item.id, item.reasons.join(", "))];
    let changes = &item.changes;
    // Of a new item all files are new, of one that goes all are gone.
    if !matches!(item.action, Some(Action::Added)) {
        lines.extend(named(&changes.added, |file| format!("    + {file}")));
    }
    lines.extend(named(&changes.changed, |changed| format!("    ~ {}  {}", changed.file, changed.why)));
    if !matches!(item.action, Some(Action::Removed | Action::Withdrawn)) {
        lines.extend(named(&changes.removed, |file| format!("    - {file}")));
    }
    lines.extend(named(&changes.renamed, |renamed| format!("    > {} → {}", renamed.from, renamed.to)));
    lines.extend(item.explained.iter().flat_map(explained));
    lines
}

fn named<T>(files: &[T], line: impl Fn(&T) -> String) -> Vec<String> {
    let mut lines: Vec<String> = files.iter().take(NAMED).map(line).collect();
    if files.len() > NAMED {
        lines.push(format!("      … and {} more", files.len() - NAMED));
    }
    lines
}

fn summary(collection: &str, counts: &PlanCounts) -> String {
    let items = [
        (counts.added, "to add"),
        (counts.changed, "to rebuild"),
        (counts.redescribed, "to describe anew"),
        (counts.removed, "to remove"),
        (counts.withdrawn, "to withdraw"),
        (counts.stopped, "stopped by the guard"),
        (counts.failed, "cannot be built"),
        (counts.unchanged, "as they are"),
    ];
    let files = [
        (counts.files_added, "added"),
        (counts.files_changed, "changed"),
        (counts.files_removed, "removed"),
        (counts.files_renamed, "renamed"),
        (counts.files_touched, "touched"),
        (counts.files_unchanged, "unchanged"),
    ];
    let told = |counts: &[(usize, &str)]| {
        let some = counts.iter().filter(|(count, _)| *count > 0);
        let told: Vec<String> = some.map(|(count, what)| format!("{count} {what}")).collect();
        if told.is_empty() { "none".to_owned() } else { told.join(", ") }
    };
    format!("{collection}: items: {}; files: {}", told(&items), told(&files))
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

fn sign(action: Option<Action>) -> char {
    match action {
        Some(Action::Added) => '+',
        Some(Action::Changed) => '~',
        Some(Action::Redescribed) => '=',
        Some(Action::Removed) => '-',
        Some(Action::Withdrawn) => '>',
        Some(Action::Unchanged) => ' ',
        None => '!',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{ChangedFileReport, FileChangesReport, RenamedFileReport};

    fn item(id: &str, action: Option<Action>, reasons: &[&str], files: usize) -> PlannedReport {
        let changes = FileChangesReport::default();
        let reasons = reasons.iter().map(|&reason| reason.to_owned()).collect();
        PlannedReport { id: id.into(), action, stopped: false, reasons, files, changes, explained: None, error: None }
    }

    #[test]
    fn a_plan_reads_as_a_list_of_changes() {
        let mut changed =
            item("hurs", Some(Action::Changed), &["7 files added", "1 file changed", "1 file renamed"], 12);
        changed.changes = FileChangesReport {
            added: (1..=7).map(|number: u32| format!("/a/{number}.nc")).collect(),
            changed: vec![ChangedFileReport { file: "/a/8.nc".into(), why: "20 bytes, before 10".into() }],
            removed: Vec::new(),
            renamed: vec![RenamedFileReport { from: "/a/old.nc".into(), to: "/a/new.nc".into() }],
            touched: Vec::new(),
            unchanged: 3,
        };
        let gone = PlannedReport { stopped: true, ..item("pr", Some(Action::Removed), &["no file of it is left"], 0) };
        let items = vec![
            changed,
            gone,
            item("tas", Some(Action::Added), &["new"], 1),
            item("z", Some(Action::Unchanged), &[], 4),
        ];
        let counts =
            PlanCounts { added: 1, changed: 1, stopped: 1, unchanged: 1, files_added: 7, ..PlanCounts::default() };
        let (unmatched, problems, warnings) = (Vec::new(), Vec::new(), Vec::new());
        let report = PlanReport { collection: "cmip6".into(), counts, items, unmatched, problems, warnings };
        insta::assert_snapshot!(lines(&report).join("\n"), @r"
        ~ hurs  7 files added, 1 file changed, 1 file renamed; 12 files
            + /a/1.nc
            + /a/2.nc
            + /a/3.nc
            + /a/4.nc
            + /a/5.nc
              … and 2 more
            ~ /a/8.nc  20 bytes, before 10
            > /a/old.nc → /a/new.nc
        - pr  no file of it is left; 0 files (stopped by the guard)
        + tas  new; 1 file

        cmip6: items: 1 to add, 1 to rebuild, 1 stopped by the guard, 1 as they are; files: 7 added
        ");
    }
}
