//! `altostac status`

use chrono::{DateTime, Utc};
use clap::Args;

use super::printer::{Printer, printable};
use super::{Failure, Outcome, RecipeArgs, publish};
use crate::model::ItemState;
use crate::pipeline::{ItemStatus, PublicationState, RebuildReport, RebuiltApi, StatusReport, WatchStatus, rebuild};

/// Show every item's state, last error, revision and age
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  altostac status recipe.yaml
  altostac status recipe.yaml --rebuild      a lost or damaged ledger, from the output and the APIs
  altostac status recipe.yaml --json | jq '.items[] | select(.state == \"failed\").error'")]
pub(super) struct Status {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Make the ledger anew: items and sources from the output, what is published by asking the recipe's API; changes nothing else
    #[arg(long)]
    rebuild: bool,
}

impl Status {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Failure> {
        if self.rebuild {
            return self.rebuilt(printer);
        }
        let report = self.recipe.look_at()?.status()?;
        printer.answer(&report, || lines(&report, Utc::now()))?;
        let is_published = report.apis.iter().all(|api| api.failed == 0 && api.collection != PublicationState::Failed);
        Ok(Outcome::of(is_published && report.items.iter().all(|item| item.state != ItemState::Failed)))
    }

    fn rebuilt(&self, printer: &Printer) -> Result<Outcome, Failure> {
        let workspace = self.recipe.open_anew()?;
        let destinations = publish::destinations(&workspace.recipe, None, printer)?;
        let apis: Vec<_> = destinations.into_iter().map(publish::Destination::into_parts).collect();
        let report = super::runtime()?.block_on(rebuild(workspace, &apis))?;
        printer.answer(&report, || rebuilt_lines(&report))?;
        report.problems.iter().for_each(|problem| printer.say(&format!("error: {problem}")));
        Ok(Outcome::of(report.is_success()))
    }
}

fn rebuilt_lines(report: &RebuildReport) -> Vec<String> {
    let mut lines =
        vec![format!("{}: {} items with {} sources are known", report.collection, report.items, report.sources)];
    lines.extend(report.made_anew.iter().map(|id| format!("anew     {id}: the output does not say what made it")));
    let of_api = |api: &RebuiltApi| {
        format!("{}: {} records as they are here, {} others, {} absent", api.api, api.equal, api.different, api.absent)
    };
    lines.extend(report.apis.iter().map(of_api));
    lines
}

fn lines(report: &StatusReport, now: DateTime<Utc>) -> Vec<String> {
    let line = |item: &ItemStatus| {
        let state = match item.state {
            ItemState::Current => "current",
            ItemState::Failed => "failed",
            ItemState::Deprecated => "deprecated",
            ItemState::Retracted => "retracted",
        };
        let revision = item.revision.map_or_else(|| "-".into(), |revision| format!("r{revision}"));
        let error = item.error.as_ref().map(|error| format!("  {}", error.message)).unwrap_or_default();
        format!("{state:<8} {revision:<4} {:>4} files  {:>8}  {}{error}", item.files, age(now - item.updated), item.id)
    };
    let mut lines = Vec::new();
    for item in &report.items {
        lines.push(line(item));
        // What is published needs no word.
        lines.extend(item.publications.iter().filter_map(|publication| {
            let said = publication.message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
            Some(printable(&format!("         {} at {}{said}", unpublished(publication.state)?, publication.api)))
        }));
    }
    let failed = report.items.iter().filter(|item| item.state == ItemState::Failed).count();
    lines.push(format!("{}: {} items, {failed} failed", report.collection, report.items.len()));
    for api in &report.apis {
        let mut line =
            format!("{}: {} published, {} pending, {} failed", api.api, api.published, api.pending, api.failed);
        if !api.to_remove.is_empty() {
            line.push_str(&format!(", {} to be removed", api.to_remove.len()));
        }
        if let Some(word) = unpublished(api.collection) {
            let said = api.message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
            line.push_str(&format!("; the collection {word}{said}"));
        }
        lines.push(printable(&line));
    }
    lines.extend(report.watch.iter().flat_map(|watch| watch_lines(watch, now)));
    lines
}

fn watch_lines(watch: &WatchStatus, now: DateTime<Utc>) -> Vec<String> {
    let mut lines = Vec::new();
    if watch.pending > 0 {
        let since = watch.since.map(|since| format!(", the first for {}", age(now - since))).unwrap_or_default();
        lines.push(format!("watch: {} paths wait to be followed{since}", watch.pending));
    }
    for failure in &watch.failures {
        let retry = failure.retry.map(|retry| format!(", again at {}", retry.format("%H:%M:%SZ"))).unwrap_or_default();
        lines.push(format!("  {} ({} attempts{retry}): {}", failure.path, failure.attempts, failure.error));
    }
    if let Some(reason) = &watch.last_poison {
        lines.push(format!("watch: {} messages were set aside; the last: {reason}", watch.poison_messages));
    }
    lines
}

fn unpublished(state: PublicationState) -> Option<&'static str> {
    match state {
        PublicationState::Published => None,
        PublicationState::Pending => Some("pending"),
        PublicationState::Failed => Some("failed"),
    }
}

fn age(age: chrono::TimeDelta) -> String {
    match (age.num_days(), age.num_hours(), age.num_minutes()) {
        (days, ..) if days > 0 => format!("{days} d"),
        (_, hours, _) if hours > 0 => format!("{hours} h"),
        (.., minutes) => format!("{} min", minutes.max(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_short() {
        assert_eq!(age(chrono::TimeDelta::seconds(59)), "0 min");
        assert_eq!(age(chrono::TimeDelta::minutes(61)), "1 h");
        assert_eq!(age(chrono::TimeDelta::hours(49)), "2 d");
        assert_eq!(age(chrono::TimeDelta::seconds(-5)), "0 min");
    }
}
