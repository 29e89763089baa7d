//! The ledger remembers what is sent.

use std::sync::atomic::{AtomicBool, Ordering};

use chrono::Utc;

use crate::ledger::{AttemptEnd, NewAttempt};
use crate::pipeline::Workspace;
use crate::publish::{Attempt, AttemptReport, Before, Journal, JournalError, PublishStatus};

/// What is sent to one API.
pub(super) struct LedgerJournal<'a> {
    pub(super) workspace: &'a Workspace,
    /// What the ledger calls the API.
    pub(super) api: &'a str,
    /// Whether it was found to have lost the collection.
    pub(super) has_lost: &'a AtomicBool,
}

impl Journal for LedgerJournal<'_> {
    fn begin(&mut self, attempts: &[Attempt]) -> Result<(), JournalError> {
        let has_lost = attempts.iter().any(|attempt| attempt.before == Before::NoCollection);
        let new = |attempt: &Attempt| NewAttempt {
            kind: attempt.kind.to_string(),
            id: attempt.id.clone(),
            wanted: attempt.digest.clone(),
            is_foreign: attempt.before == Before::Foreign,
        };
        let attempts: Vec<NewAttempt> = attempts.iter().map(new).collect();
        self.workspace.ledger().begin_attempts(self.api, &attempts, has_lost, Utc::now())?;
        self.has_lost.fetch_or(has_lost, Ordering::Relaxed);
        Ok(())
    }

    fn end(&mut self, reports: &[AttemptReport]) -> Result<(), JournalError> {
        fn end(report: &AttemptReport) -> (String, &str, AttemptEnd) {
            let Attempt { kind, id, digest, before } = &report.attempt;
            let end = match (report.status, digest, before) {
                (_, _, Before::Foreign) => AttemptEnd::Foreign,
                (PublishStatus::Failed, wanted, _) => {
                    AttemptEnd::Failed { wanted: wanted.clone(), message: report.message.clone().unwrap_or_default() }
                }
                (_, Some(digest), _) => AttemptEnd::Published(digest.clone()),
                (_, None, _) => AttemptEnd::Removed,
            };
            (kind.to_string(), id.as_str(), end)
        }
        Ok(self.workspace.ledger().end_attempts(self.api, reports.iter().map(end), Utc::now())?)
    }

    fn lost(&mut self) -> Result<(), JournalError> {
        Ok(self.workspace.ledger().doubt_publications(self.api)?)
    }
}
