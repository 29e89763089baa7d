//! What each API was sent.

use chrono::{DateTime, Utc};
use rusqlite::params;

use super::{Ledger, LedgerError, plain};

/// One record that an API has confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// `collection` or `item`.
    pub kind: String,
    /// The record's id.
    pub id: String,
    /// SHA-256 in hexadecimal of the record as it was sent.
    pub digest: String,
}

impl Ledger {
    /// The APIs that have confirmed anything, sorted.
    ///
    /// # Errors
    /// [`LedgerError::Database`] if it cannot be read.
    pub fn apis(&self) -> Result<Vec<String>, LedgerError> {
        let query = "SELECT DISTINCT api FROM publication ORDER BY api";
        let mut statement = self.connection.prepare_cached(query).map_err(self.failed())?;
        let rows = statement.query_map([], |row| row.get(0)).map_err(self.failed())?;
        rows.collect::<Result<_, _>>().map_err(self.failed())
    }

    /// What an API has confirmed.
    ///
    /// # Errors
    /// [`LedgerError::Database`] if it cannot be read.
    pub fn publications(&self, api: &str) -> Result<Vec<Publication>, LedgerError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT kind, id, digest FROM publication WHERE api = ?1 ORDER BY kind, id")
            .map_err(self.failed())?;
        let row = |row: &rusqlite::Row<'_>| Ok(Publication { kind: row.get(0)?, id: row.get(1)?, digest: row.get(2)? });
        let rows = statement.query_map([api], row).map_err(self.failed())?;
        rows.collect::<Result<_, _>>().map_err(self.failed())
    }

    /// Remembers that an API has confirmed a record.
    ///
    /// # Errors
    /// [`LedgerError::Database`] if it cannot be written.
    pub fn put_publication(
        &mut self,
        api: &str,
        publication: &Publication,
        now: DateTime<Utc>,
    ) -> Result<(), LedgerError> {
        let Publication { kind, id, digest } = publication;
        self.connection
            .execute(
                "INSERT OR REPLACE INTO publication (api, kind, id, digest, updated) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![api, kind, id, digest, plain(&now)],
            )
            .map_err(self.failed())?;
        Ok(())
    }

    /// Forgets that an API has a record.
    ///
    /// # Errors
    /// [`LedgerError::Database`] if it cannot be written.
    pub fn remove_publication(&mut self, api: &str, kind: &str, id: &str) -> Result<(), LedgerError> {
        self.connection
            .execute("DELETE FROM publication WHERE api = ?1 AND kind = ?2 AND id = ?3", params![api, kind, id])
            .map_err(self.failed())?;
        Ok(())
    }
}
