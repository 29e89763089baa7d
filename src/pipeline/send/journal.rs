//! The ledger remembers what is sent.

use chrono::Utc;

use crate::ledger::AttemptEnd;
use crate::pipeline::Workspace;
use crate::publish::{Attempt, Journal, JournalError, PublishStatus, RecordReport};

/// What is sent to one API.
pub(super) struct LedgerJournal<'a> {
    pub(super) workspace: &'a Workspace,
    /// What the ledger calls the API.
    pub(super) api: &'a str,
}

impl Journal for LedgerJournal<'_> {
    fn begin(&mut self, attempts: &[Attempt]) -> Result<(), JournalError> {
        let attempts =
            attempts.iter().map(|attempt| (attempt.kind.to_string(), attempt.id.as_str(), attempt.digest.as_deref()));
        Ok(self.workspace.ledger().begin_attempts(self.api, attempts, Utc::now())?)
    }

    fn end(&mut self, reports: &[(Option<String>, RecordReport)]) -> Result<(), JournalError> {
        let ends = reports
            .iter()
            .map(|(digest, report)| (report.kind.to_string(), report.id.as_str(), end(digest.as_deref(), report)));
        Ok(self.workspace.ledger().end_attempts(self.api, ends, Utc::now())?)
    }

    fn lost(&mut self) -> Result<(), JournalError> {
        Ok(self.workspace.ledger().forget_publications(self.api)?)
    }
}

fn end(digest: Option<&str>, report: &RecordReport) -> AttemptEnd {
    match (report.status, digest) {
        (PublishStatus::Failed, wanted) => {
            let message = report.message.clone().unwrap_or_default();
            AttemptEnd::Failed { wanted: wanted.map(str::to_owned), message }
        }
        (_, Some(digest)) => AttemptEnd::Published(digest.to_owned()),
        (_, None) => AttemptEnd::Removed,
    }
}
