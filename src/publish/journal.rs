//! What is remembered of attempts to publish, by whoever remembers: so that nothing is lost when the program is.

use super::RecordReport;
use crate::model::RecordKind;

/// Why an attempt cannot be remembered.
pub type JournalError = Box<dyn std::error::Error + Send + Sync>;

/// A record that is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// What it is.
    pub kind: RecordKind,
    /// Its id.
    pub id: String,
    /// SHA-256 in hexadecimal of the record as it is sent; `None` if it is to be removed.
    pub digest: Option<String>,
}

/// Remembers attempts. Several are told at once, so that they can be written at once.
pub trait Journal {
    /// These are about to be sent; nothing is, before this returns.
    ///
    /// # Errors
    /// If they cannot be remembered: they are not sent then, nor is anything after them.
    fn begin(&mut self, attempts: &[Attempt]) -> Result<(), JournalError>;

    /// What became of these, with the digests of what the API was seen to hold, or was to hold.
    ///
    /// # Errors
    /// If that cannot be remembered: nothing more is sent then.
    fn end(&mut self, reports: &[(Option<String>, RecordReport)]) -> Result<(), JournalError>;

    /// The API did not have the collection, or has it no longer: none of its items is where it was.
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

    fn end(&mut self, _reports: &[(Option<String>, RecordReport)]) -> Result<(), JournalError> {
        Ok(())
    }

    fn lost(&mut self) -> Result<(), JournalError> {
        Ok(())
    }
}
