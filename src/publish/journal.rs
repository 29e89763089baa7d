//! What is remembered of attempts to publish, by whoever remembers: so that nothing is lost when the program is.

use super::PublishStatus;
use crate::model::RecordKind;

/// Why an attempt cannot be remembered.
pub type JournalError = Box<dyn std::error::Error + Send + Sync>;

/// What an API has, as far as is known, before anything is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Before {
    /// What it was sent, or nothing.
    #[default]
    Ours,
    /// It does not have the collection that is about to be sent, and so none of its items, whatever it was sent before.
    NoCollection,
    /// A record that somebody else put there, and that is to go.
    Foreign,
}

/// A record that is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// What it is.
    pub kind: RecordKind,
    /// Its id.
    pub id: String,
    /// SHA-256 in hexadecimal of the record as it is sent; `None` if it is to be removed.
    pub digest: Option<String>,
    /// What the API has.
    pub before: Before,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptReport {
    /// The attempt.
    pub attempt: Attempt,
    /// What became of the record.
    pub status: PublishStatus,
    /// Why it failed, in the words of the server.
    pub message: Option<String>,
}

/// Remembers attempts. Several are told at once, so that they can be written at once.
pub trait Journal {
    /// These are about to be sent; nothing is, before this returns.
    ///
    /// # Errors
    /// If they cannot be remembered: they are not sent then, nor is anything after them.
    fn begin(&mut self, attempts: &[Attempt]) -> Result<(), JournalError>;

    /// What became of these.
    ///
    /// # Errors
    /// If that cannot be remembered: nothing more is sent then.
    fn end(&mut self, reports: &[AttemptReport]) -> Result<(), JournalError>;

    /// The API has the collection no longer: nobody knows where its items are.
    ///
    /// # Errors
    /// As of [`Journal::end`].
    fn lost(&mut self) -> Result<(), JournalError>;
}

/// Remembers nothing: for dry runs and for trials.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoJournal;

impl Journal for NoJournal {
    fn begin(&mut self, _attempts: &[Attempt]) -> Result<(), JournalError> {
        Ok(())
    }

    fn end(&mut self, _reports: &[AttemptReport]) -> Result<(), JournalError> {
        Ok(())
    }

    fn lost(&mut self) -> Result<(), JournalError> {
        Ok(())
    }
}
