//! Paths that something happened to and that were not followed yet; messages that were none.
//!
//! The tables are made by the first watch: a ledger that was never watched has none.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, params};

use super::{Ledger, LedgerError, plain};

/// Of messages that are none, the latest so many are kept, each up to so many bytes.
const POISONS: u32 = 1000;
const POISON_BYTES: usize = 4096;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS pending_path (
    serial INTEGER PRIMARY KEY AUTOINCREMENT, path BLOB NOT NULL UNIQUE, action TEXT NOT NULL, told TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, error TEXT, retry TEXT
);
CREATE TABLE IF NOT EXISTS poison_message (
    serial INTEGER PRIMARY KEY AUTOINCREMENT, told TEXT NOT NULL, reason TEXT NOT NULL, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS source_url ON source (url);
";

/// A path that something happened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingPath {
    /// Grows with each time that it is told: what was told during a sync is not settled by it.
    pub serial: i64,
    /// The path on this machine, as bytes.
    pub path: Vec<u8>,
    /// What happened, in the word of who told it.
    pub action: String,
    /// When it was told last.
    pub told: DateTime<Utc>,
    /// How often following it has failed.
    pub attempts: u32,
    /// Why it failed last.
    pub error: Option<String>,
    /// When it is tried again.
    pub retry: Option<DateTime<Utc>>,
}

/// What was told of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldPath {
    /// The path on this machine, as bytes.
    pub path: Vec<u8>,
    /// What happened.
    pub action: &'static str,
}

/// A message that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoisonMessage {
    /// When it came.
    pub told: DateTime<Utc>,
    /// Why it is none.
    pub reason: String,
    /// Its beginning.
    pub body: Vec<u8>,
}

impl Ledger {
    /// Makes the tables of a watch unless they are there.
    ///
    /// # Errors
    /// [`LedgerError::Database`] if they cannot be made.
    pub fn prepare_watch(&self) -> Result<(), LedgerError> {
        if self.was_watched()? {
            return Ok(());
        }
        self.connection.execute_batch(&format!("BEGIN IMMEDIATE; {TABLES} COMMIT;")).map_err(self.failed())
    }

    fn was_watched(&self) -> Result<bool, LedgerError> {
        let query = "SELECT count(*) FROM sqlite_master WHERE name IN ('pending_path', 'poison_message', 'source_url')";
        let found: i64 = self.connection.query_row(query, [], |row| row.get(0)).map_err(self.failed())?;
        Ok(found == 3)
    }

    /// Keeps paths that something happened to, and messages that are none, in one transaction. Returns the serials of the paths.
    ///
    /// # Errors
    /// [`LedgerError::Database`] if they cannot be kept; none is then.
    pub fn put_told(
        &mut self,
        paths: &[ToldPath],
        poisons: &[(String, Vec<u8>)],
        now: DateTime<Utc>,
    ) -> Result<Vec<i64>, LedgerError> {
        let shown = self.path.clone();
        let failed = |source| LedgerError::Database { path: shown.clone(), source };
        let transaction =
            self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
        let now = plain(&now);
        let mut serials = Vec::with_capacity(paths.len());
        for told in paths {
            // What is told anew gets a new serial: REPLACE takes the old row away.
            transaction
                .prepare_cached("INSERT OR REPLACE INTO pending_path (path, action, told) VALUES (?1, ?2, ?3)")
                .and_then(|mut statement| statement.execute(params![told.path, told.action, now]))
                .map_err(failed)?;
            serials.push(transaction.last_insert_rowid());
        }
        for (reason, body) in poisons {
            let body = &body[..body.len().min(POISON_BYTES)];
            transaction
                .execute(
                    "INSERT INTO poison_message (told, reason, body) VALUES (?1, ?2, ?3)",
                    params![now, reason, body],
                )
                .map_err(failed)?;
        }
        if !poisons.is_empty() {
            let oldest = "DELETE FROM poison_message WHERE serial <= (SELECT max(serial) FROM poison_message) - ?1";
            transaction.execute(oldest, [POISONS]).map_err(failed)?;
        }
        transaction.commit().map_err(failed)?;
        Ok(serials)
    }

    /// Paths that are not followed yet, in the order in which they were told; none of a ledger that was never watched.
    ///
    /// # Errors
    /// [`LedgerError`] if they cannot be read.
    pub fn pending_paths(&self) -> Result<Vec<PendingPath>, LedgerError> {
        if !self.was_watched()? {
            return Ok(Vec::new());
        }
        type Row = (i64, Vec<u8>, String, String, u32, Option<String>, Option<String>);
        let query = "SELECT serial, path, action, told, attempts, error, retry FROM pending_path ORDER BY serial";
        let mut statement = self.connection.prepare_cached(query).map_err(self.failed())?;
        let row = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Row> {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?))
        };
        let rows = statement.query_map([], row).map_err(self.failed())?;
        rows.map(|row| {
            let (serial, path, action, told, attempts, error, retry) = row.map_err(self.failed())?;
            let retry = retry.map(|time| self.parsed("a time", &format!("{time:?}"))).transpose()?;
            let told = self.parsed("a time", &format!("{told:?}"))?;
            Ok(PendingPath { serial, path, action, told, attempts, error, retry })
        })
        .collect()
    }

    /// How many paths are not followed yet.
    ///
    /// # Errors
    /// [`LedgerError::Database`] if they cannot be counted.
    pub fn pending_count(&self) -> Result<u64, LedgerError> {
        if !self.was_watched()? {
            return Ok(0);
        }
        let count = self.connection.query_row("SELECT count(*) FROM pending_path", [], |row| row.get::<_, i64>(0));
        Ok(u64::try_from(count.map_err(self.failed())?).unwrap_or(0))
    }

    /// Forgets paths that were followed: by their serials, so that what was told since stays.
    ///
    /// # Errors
    /// [`LedgerError::Database`] if it cannot be written; nothing is forgotten then.
    pub fn settle_paths(&mut self, serials: &[i64]) -> Result<(), LedgerError> {
        self.change_paths(serials, |transaction, serial| {
            transaction
                .prepare_cached("DELETE FROM pending_path WHERE serial = ?1")
                .and_then(|mut statement| statement.execute([serial]))
        })
    }

    /// Remembers that following paths has failed.
    ///
    /// # Errors
    /// [`LedgerError::Database`] if it cannot be written.
    pub fn put_off_paths(&mut self, serials: &[i64], error: &str, retry: DateTime<Utc>) -> Result<(), LedgerError> {
        let retry = plain(&retry);
        self.change_paths(serials, |transaction, serial| {
            let update = "UPDATE pending_path SET attempts = attempts + 1, error = ?2, retry = ?3 WHERE serial = ?1";
            transaction
                .prepare_cached(update)
                .and_then(|mut statement| statement.execute(params![serial, error, retry]))
        })
    }

    fn change_paths(
        &mut self,
        serials: &[i64],
        change: impl Fn(&rusqlite::Transaction<'_>, i64) -> rusqlite::Result<usize>,
    ) -> Result<(), LedgerError> {
        if serials.is_empty() {
            return Ok(());
        }
        let shown = self.path.clone();
        let failed = |source| LedgerError::Database { path: shown.clone(), source };
        let transaction =
            self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
        for serial in serials {
            change(&transaction, *serial).map_err(failed)?;
        }
        transaction.commit().map_err(failed)
    }

    /// How many messages were set aside, and the latest of them.
    ///
    /// # Errors
    /// [`LedgerError`] if they cannot be read.
    pub fn poison_messages(&self, latest: u32) -> Result<(u64, Vec<PoisonMessage>), LedgerError> {
        if !self.was_watched()? {
            return Ok((0, Vec::new()));
        }
        // Serials count from 1, also those that are kept no longer.
        let count: Option<i64> = self
            .connection
            .query_row("SELECT max(serial) FROM poison_message", [], |row| row.get(0))
            .optional()
            .map_err(self.failed())?
            .flatten();
        let query = "SELECT told, reason, body FROM poison_message ORDER BY serial DESC LIMIT ?1";
        let mut statement = self.connection.prepare_cached(query).map_err(self.failed())?;
        let row = |row: &rusqlite::Row<'_>| -> rusqlite::Result<(String, String, Vec<u8>)> {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        };
        let rows = statement.query_map([latest], row).map_err(self.failed())?;
        let messages = rows
            .map(|row| {
                let (told, reason, body) = row.map_err(self.failed())?;
                Ok(PoisonMessage { told: self.parsed("a time", &format!("{told:?}"))?, reason, body })
            })
            .collect::<Result<_, LedgerError>>()?;
        Ok((count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0), messages))
    }

    /// The ids of items that have this source, or sources below this folder, sorted.
    ///
    /// # Errors
    /// [`LedgerError::Database`] if they cannot be read.
    pub fn items_with_sources_at(&self, url: &str) -> Result<Vec<String>, LedgerError> {
        let folder = url.trim_end_matches('/');
        // `0` follows `/`: what lies between begins with the folder.
        let query =
            "SELECT DISTINCT item FROM source WHERE url = ?1 OR (url >= ?1 || '/' AND url < ?1 || '0') ORDER BY item";
        let mut statement = self.connection.prepare_cached(query).map_err(self.failed())?;
        let rows = statement.query_map([folder], |row| row.get(0)).map_err(self.failed())?;
        rows.collect::<Result<_, _>>().map_err(self.failed())
    }

    /// The id of an item that is spelt so but for upper and lower case, and is not the same.
    ///
    /// # Errors
    /// [`LedgerError::Database`] if it cannot be read.
    pub fn item_spelt_like(&self, id: &str) -> Result<Option<String>, LedgerError> {
        let query = "SELECT id FROM item WHERE id <> ?1 AND lower(id) = lower(?1) LIMIT 1";
        self.connection.query_row(query, [id], |row| row.get(0)).optional().map_err(self.failed())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn told(path: &str) -> ToldPath {
        ToldPath { path: path.into(), action: "DEPOSIT" }
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap()
    }

    fn paths(ledger: &Ledger) -> Vec<String> {
        let pending = ledger.pending_paths().unwrap();
        pending.into_iter().map(|pending| String::from_utf8(pending.path).unwrap()).collect()
    }

    #[test]
    fn what_was_told_during_a_sync_is_not_settled_by_it() {
        let mut ledger = Ledger::in_memory().unwrap();
        assert!(ledger.pending_paths().unwrap().is_empty(), "never watched");
        ledger.prepare_watch().unwrap();
        let first = ledger.put_told(&[told("/a"), told("/b")], &[], now()).unwrap();
        // Told again while the first is followed.
        let again = ledger.put_told(&[told("/a")], &[], now()).unwrap();
        assert!(again[0] > first[1]);
        ledger.settle_paths(&first).unwrap();
        assert_eq!(paths(&ledger), ["/a"]);
        ledger.settle_paths(&again).unwrap();
        assert!(paths(&ledger).is_empty());
    }

    #[test]
    fn failures_are_counted_until_something_new_is_told() {
        let mut ledger = Ledger::in_memory().unwrap();
        ledger.prepare_watch().unwrap();
        ledger.prepare_watch().unwrap();
        let serials = ledger.put_told(&[told("/a")], &[], now()).unwrap();
        ledger.put_off_paths(&serials, "no such luck", now()).unwrap();
        ledger.put_off_paths(&serials, "none either", now()).unwrap();
        let pending = ledger.pending_paths().unwrap().pop().unwrap();
        assert_eq!((pending.attempts, pending.error.as_deref(), pending.retry), (2, Some("none either"), Some(now())));
        ledger.put_told(&[told("/a")], &[], now()).unwrap();
        assert_eq!(ledger.pending_paths().unwrap()[0].attempts, 0);
    }

    #[test]
    fn poison_is_counted_and_its_latest_kept() {
        let mut ledger = Ledger::in_memory().unwrap();
        ledger.prepare_watch().unwrap();
        let poisons: Vec<_> = (0..POISONS + 5).map(|n| (format!("reason {n}"), vec![b'x'; 10_000])).collect();
        ledger.put_told(&[], &poisons, now()).unwrap();
        let (count, latest) = ledger.poison_messages(5000).unwrap();
        assert_eq!((count, latest.len()), (u64::from(POISONS) + 5, POISONS as usize));
        assert_eq!((latest[0].reason.as_str(), latest[0].body.len()), ("reason 1004", POISON_BYTES));
    }

    #[test]
    fn items_are_found_by_their_sources() {
        let ledger = Ledger::in_memory().unwrap();
        for (id, url) in [("a", "file:///x/1.nc"), ("b", "file:///x/y/2.nc"), ("c", "file:///xy/3.nc")] {
            ledger
                .connection
                .execute("INSERT INTO item VALUES (?1, 'current', 1, '', '', NULL, '', '[]')", [id])
                .unwrap();
            ledger.connection.execute("INSERT INTO source VALUES (?1, ?2, '')", [id, url]).unwrap();
        }
        ledger.prepare_watch().unwrap();
        assert_eq!(ledger.items_with_sources_at("file:///x/").unwrap(), ["a", "b"]);
        assert_eq!(ledger.items_with_sources_at("file:///x/y/2.nc").unwrap(), ["b"]);
        assert!(ledger.items_with_sources_at("file:///x/2.nc").unwrap().is_empty());
        assert_eq!(ledger.item_spelt_like("A").unwrap().as_deref(), Some("a"));
        assert_eq!(ledger.item_spelt_like("a").unwrap(), None);
    }
}
