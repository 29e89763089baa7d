//! One sync: build, and publish if the recipe says where.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use crate::model::RecordKind;
use crate::model::recipe::Recipe;
use crate::pipeline::{
    BuildOptions, BuildReport, BuiltStatus, PipelineError, SendOptions, Silent, Workspace, WorkspaceError, build,
    chain, leave_report, send,
};
use crate::publish::{ApiOptions, PublishReport, PublishStatus};
use crate::scan::LinkTargets;

/// Which recipe, and how it is built.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) recipe: PathBuf,
    pub(super) state: Option<PathBuf>,
    pub(super) jobs: usize,
}

/// What is to be synced.
#[derive(Debug)]
pub(super) enum Job {
    /// All of it.
    Full,
    /// The items of these paths.
    Paths(Vec<PathBuf>),
}

/// What a recipe says: its text, and what the templates beside it make of it.
pub(super) type Stamp = (Vec<u8>, String);

/// What the latest look at the whole archive saw.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) stamp: Stamp,
    /// Where links lead, by the looks since as well.
    pub(super) links: Arc<LinkTargets>,
}

/// What became of a sync.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) full: bool,
    /// Another altostac is at work: nothing was done.
    pub(super) busy: bool,
    pub(super) duration: Duration,
    /// The recipe as it is now.
    pub(super) recipe: Option<Arc<Recipe>>,
    pub(super) stamp: Option<Stamp>,
    /// Where the links lead that were found.
    pub(super) links: Option<LinkTargets>,
    /// Why not everything was done, beyond single items.
    pub(super) problem: Option<String>,
    /// Why what was built may not stand where it is published.
    unsent: Option<String>,
    /// What became of items.
    items: BTreeMap<String, BuiltStatus>,
    /// Why items failed, or were not published.
    failed: BTreeMap<String, String>,
}

impl Place {
    /// The recipe, and the folder of its state, which is made: at the beginning mistakes are told at once.
    pub(super) fn open_once(&self) -> Result<(Arc<Recipe>, PathBuf), PipelineError> {
        match Workspace::open(&self.recipe, self.state.as_deref()) {
            Ok(workspace) => Ok((Arc::new(workspace.recipe), workspace.state)),
            // It has what is needed already.
            Err(WorkspaceError::Busy { .. }) => {
                let workspace = Workspace::look_at(&self.recipe, self.state.as_deref())?;
                Ok((Arc::new(workspace.recipe), workspace.state))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Syncs. A few paths become the whole archive if the recipe is not what it was, or if nothing less can tell what is right.
pub(super) fn work(place: &Place, job: Job, seen: Option<&Seen>, runtime: &Handle) -> Done {
    let begun = Instant::now();
    let mut done = Done { full: matches!(job, Job::Full), ..Done::default() };
    // Before it is opened: what is edited meanwhile is seen by the next sync.
    let text = std::fs::read(&place.recipe).unwrap_or_default();
    match Workspace::open(&place.recipe, place.state.as_deref()) {
        Err(WorkspaceError::Busy { .. }) => done.busy = true,
        Err(error) => done.problem = Some(chain(&error)),
        Ok(workspace) => {
            let stamp = (text, workspace.record_digest());
            let mut options = BuildOptions { jobs: place.jobs, ..BuildOptions::default() };
            if let (Job::Paths(paths), Some(seen)) = (job, seen.filter(|seen| seen.stamp == stamp)) {
                options.touched = Some(paths);
                options.links = Arc::clone(&seen.links);
            }
            done.stamp = Some(stamp);
            sync(&workspace, options, runtime, &mut done);
            done.recipe = Some(Arc::new(workspace.recipe));
        }
    }
    done.duration = begun.elapsed();
    done
}

fn sync(workspace: &Workspace, mut options: BuildOptions, runtime: &Handle, done: &mut Done) {
    done.full = options.touched.is_none();
    let mut built = build(workspace, &options, &Silent);
    if let Err(PipelineError::Unsure { reason }) = &built {
        tracing::info!("the whole archive is looked at: {reason}");
        options.touched = None;
        done.full = true;
        built = build(workspace, &options, &Silent);
    }
    match built {
        Ok(report) => {
            done.note(&report);
            let sent = publish(workspace, runtime, done);
            if let Err(error) = leave_report(workspace, &report, &sent.iter().collect::<Vec<_>>()) {
                tracing::warn!("{}", chain(&error));
            }
            done.links = Some(report.links);
        }
        Err(error) => done.problem = Some(chain(&error)),
    }
}

fn publish(workspace: &Workspace, runtime: &Handle, done: &mut Done) -> Vec<PublishReport> {
    let mut reports = Vec::new();
    let Some(settings) = &workspace.recipe.publish else { return reports };
    // Without a name all items would be meant.
    if !done.full && done.items.is_empty() {
        return reports;
    }
    let items = if done.full { Vec::new() } else { done.items.keys().cloned().collect() };
    for api in &settings.apis {
        let sent = ApiOptions::default()
            .with_access(api.auth.as_ref(), api.ca.as_deref())
            .map_err(PipelineError::from)
            .and_then(|access| {
                let options = SendOptions { items: items.clone(), api: access, ..SendOptions::default() };
                runtime.block_on(send(workspace, &api.url, &options))
            });
        match sent {
            Ok(report) => {
                done.note_published(&report);
                reports.push(report);
            }
            // The other APIs are told all the same.
            Err(error) => done.unsent = Some(chain(&error)),
        }
    }
    reports
}

impl Done {
    /// Nothing was done, for this reason.
    pub(super) fn failed(full: bool, problem: String) -> Self {
        Self { full, problem: Some(problem), ..Self::default() }
    }

    fn note(&mut self, report: &BuildReport) {
        self.problem = report.problems.first().cloned();
        for item in &report.items {
            self.items.insert(item.id.clone(), item.status);
            if let Some(error) = &item.error {
                self.failed.insert(item.id.clone(), format!("{} ({})", error.message, error.kind));
            }
        }
    }

    fn note_published(&mut self, report: &PublishReport) {
        if let Some(problem) = report.problems.first() {
            self.unsent = Some(problem.clone());
        }
        for record in report.records.iter().filter(|record| record.status == PublishStatus::Failed) {
            let message = record.message.clone().unwrap_or_else(|| "it was not stored".into());
            if record.kind == RecordKind::Item {
                self.failed.insert(record.id.clone(), message);
            } else {
                self.unsent = Some(format!("{} {}: {message}", record.kind, record.id));
            }
        }
    }

    /// Whether everything that was asked for was done.
    pub(super) fn is_success(&self) -> bool {
        !self.busy && self.problem.is_none() && self.unsent.is_none() && self.failed.is_empty()
    }

    /// Why what waits under a key was not followed; `None` if it was.
    pub(super) fn failure_of(&self, key: &str) -> Option<&str> {
        if let Some(error) = self.failed.get(key).or(self.unsent.as_ref()) {
            return Some(error);
        }
        // Not every failure names files: any may be of an item below it.
        if key.starts_with('/') && !self.failed.is_empty() {
            return Some("items failed that may lie below it");
        }
        let was_done =
            |status: &BuiltStatus| matches!(status, BuiltStatus::Added | BuiltStatus::Changed | BuiltStatus::Removed);
        match self.items.get(key) {
            Some(status) if was_done(status) => None,
            _ => self.problem.as_deref(),
        }
    }

    /// What went wrong, in a line.
    pub(super) fn first_problem(&self) -> Option<String> {
        if self.busy {
            return Some("another altostac is at work".into());
        }
        self.problem.clone().or_else(|| self.unsent.clone()).or_else(|| {
            let (id, error) = self.failed.first_key_value()?;
            Some(match self.failed.len() {
                1 => format!("{id} failed: {error}"),
                more => format!("{more} items failed; {id}: {error}"),
            })
        })
    }

    /// How many items came to what.
    pub(super) fn counts(&self) -> Vec<(&'static str, u64)> {
        let statuses = [
            (BuiltStatus::Added, "added"),
            (BuiltStatus::Changed, "changed"),
            (BuiltStatus::Removed, "removed"),
            (BuiltStatus::Withdrawn, "withdrawn"),
            (BuiltStatus::Unchanged, "unchanged"),
            (BuiltStatus::Failed, "failed"),
        ];
        let count = |wanted| self.items.values().filter(|status| **status == wanted).count() as u64;
        statuses.into_iter().map(|(status, word)| (word, count(status))).collect()
    }

    /// A line for people, if there is something to tell.
    pub(super) fn summary(&self) -> Option<String> {
        if let Some(problem) = self.first_problem() {
            return Some(format!("warning: not all was synced: {problem}"));
        }
        let counts: Vec<String> = self
            .counts()
            .into_iter()
            .filter(|(word, count)| *count > 0 && *word != "unchanged")
            .map(|(word, count)| format!("{count} {word}"))
            .collect();
        let what = if self.full { "the whole archive" } else { "what changed" };
        (!counts.is_empty())
            .then(|| format!("synced {what}: {} in {:.1} s", counts.join(", "), self.duration.as_secs_f64()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_stays_and_what_was_done_goes() {
        let mut done = Done::default();
        done.items.extend([("good".into(), BuiltStatus::Changed), ("bad".into(), BuiltStatus::Failed)]);
        done.failed.insert("bad".into(), "no".into());
        assert_eq!(done.failure_of("good"), None);
        assert_eq!(done.failure_of("bad"), Some("no"));
        assert_eq!(done.failure_of("/a/b"), Some("items failed that may lie below it"));
        done.failed.clear();
        assert_eq!(done.failure_of("/a/b"), None);
        done.problem = Some("a folder cannot be read".into());
        assert_eq!(done.failure_of("good"), None, "it was built all the same");
        assert_eq!(done.failure_of("/x"), Some("a folder cannot be read"));
        done.unsent = Some("the API is away".into());
        assert_eq!(done.failure_of("good"), Some("the API is away"));
    }
}
