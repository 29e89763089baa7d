//! What is remembered between runs: items, their sources and products, and what each API was sent.
//!
//! In: outcomes of a run. Out: [`KnownItem`]s for the next plan.
//!
//! SQLite with a rollback journal (no WAL: that does not work on network file systems), one writer. A run that is cut off leaves the state
//! of its last completed item; what it lost is found again from the output.

mod attempts;
mod deposits;
mod publications;
mod removed;
mod schema;

use std::collections::HashMap;
use std::path::Path;

use chrono::{DateTime, Utc};
use rayon::prelude::*;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::model::{ItemError, ItemId, ItemState, KnownItem, Revision, SourceFile};

pub use attempts::{AttemptEnd, AttemptState, KnownPublication, NewAttempt, PublicationAttempt};
pub use deposits::{PendingPath, PoisonMessage, ToldPath};
pub use publications::Publication;

/// Why the ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// SQLite said no.
    #[error("the ledger {path} cannot be used")]
    Database {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The file is there but does not hold what it should.
    #[error("the ledger {path} holds {found} where {expected} is expected")]
    Content {
        /// The file.
        path: String,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },
}

impl LedgerError {
    /// What a person can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Database { .. } if self.is_full() => "make room there and run again: what was done is not lost",
            _ => "altostac status RECIPE --rebuild makes it anew from the output and the APIs",
        }
    }

    /// Whether the disk is full.
    pub fn is_full(&self) -> bool {
        let Self::Database { source, .. } = self else { return false };
        source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
    }
}

const COLUMNS: &str = "id, state, revision, product_digest, record_digest, error, updated, products";

/// A row of the table of items.
struct ItemRow {
    id: String,
    state: String,
    revision: Option<u32>,
    product_digest: String,
    record_digest: String,
    error: Option<String>,
    updated: String,
    products: String,
}

impl ItemRow {
    /// Reads [`COLUMNS`].
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            state: row.get(1)?,
            revision: row.get(2)?,
            product_digest: row.get(3)?,
            record_digest: row.get(4)?,
            error: row.get(5)?,
            updated: row.get(6)?,
            products: row.get(7)?,
        })
    }

    fn known(self, path: &str, sources: Vec<SourceFile>) -> Result<KnownItem, LedgerError> {
        let quoted = |text: &str| format!("{text:?}");
        Ok(KnownItem {
            id: parsed(path, "an item id", &quoted(&self.id))?,
            state: parsed(path, "a state", &quoted(&self.state))?,
            revision: self.revision.and_then(Revision::new),
            sources,
            products: parsed(path, "products", &self.products)?,
            product_digest: self.product_digest,
            record_digest: self.record_digest,
            error: self.error.map(|text| parsed(path, "an error", &text)).transpose()?,
            updated: parsed(path, "a time", &quoted(&self.updated))?,
        })
    }
}

fn parsed<T: serde::de::DeserializeOwned>(path: &str, what: &str, text: &str) -> Result<T, LedgerError> {
    serde_json::from_str(text).map_err(|error| LedgerError::Content {
        path: path.to_owned(),
        expected: what.into(),
        found: format!("{text:?} ({error})"),
    })
}

/// The open ledger of one recipe.
#[derive(Debug)]
pub struct Ledger {
    connection: Connection,
    path: String,
}

impl Ledger {
    /// Opens a ledger, makes it if it is not there.
    ///
    /// # Errors
    /// [`LedgerError`] if the file cannot be opened, or is of a later version of altostac.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let shown = path.display().to_string();
        let connection =
            Connection::open(path).map_err(|source| LedgerError::Database { path: shown.clone(), source })?;
        Self::prepare(connection, shown)
    }

    /// Makes a ledger that is to be filled at once, and waits for no disk while it is. Only once the file was synced it is one to rely on.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn open_to_fill(path: &Path) -> Result<Self, LedgerError> {
        let ledger = Self::open(path)?;
        ledger.connection.pragma_update(None, "synchronous", "OFF").map_err(ledger.failed())?;
        Ok(ledger)
    }

    /// A ledger in memory: of a dry run, and of tests.
    ///
    /// # Errors
    /// [`LedgerError::Database`] if SQLite has no memory left.
    pub fn in_memory() -> Result<Self, LedgerError> {
        let path = ":memory:".to_owned();
        let connection =
            Connection::open_in_memory().map_err(|source| LedgerError::Database { path: path.clone(), source })?;
        Self::prepare(connection, path)
    }

    fn prepare(connection: Connection, path: String) -> Result<Self, LedgerError> {
        let ledger = Self { connection, path };
        schema::prepare(&ledger)?;
        Ok(ledger)
    }

    fn failed(&self) -> impl Fn(rusqlite::Error) -> LedgerError + '_ {
        |source| LedgerError::Database { path: self.path.clone(), source }
    }

    fn parsed<T: serde::de::DeserializeOwned>(&self, what: &str, text: &str) -> Result<T, LedgerError> {
        parsed(&self.path, what, text)
    }

    /// Every item, sorted by id: two queries, however many there are.
    ///
    /// # Errors
    /// [`LedgerError`] if the file cannot be read.
    pub fn items(&self) -> Result<Vec<KnownItem>, LedgerError> {
        let query = format!("SELECT {COLUMNS} FROM item ORDER BY id");
        let mut statement = self.connection.prepare_cached(&query).map_err(self.failed())?;
        let rows = statement.query_map([], ItemRow::read).map_err(self.failed())?;
        let rows: Vec<ItemRow> = rows.collect::<Result<_, _>>().map_err(self.failed())?;
        let query = "SELECT item, file FROM source ORDER BY item, url";
        let mut statement = self.connection.prepare_cached(query).map_err(self.failed())?;
        let files = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(self.failed())?;
        let files: Vec<(String, String)> = files.collect::<Result<_, _>>().map_err(self.failed())?;
        let path = &self.path;
        let parse = |(item, file): (String, String)| -> Result<(String, SourceFile), LedgerError> {
            Ok((item, parsed(path, "a source file", &file)?))
        };
        let files: Vec<(String, SourceFile)> = files.into_par_iter().map(parse).collect::<Result<_, LedgerError>>()?;
        let mut by_item: HashMap<String, Vec<SourceFile>> = HashMap::with_capacity(rows.len());
        for (item, file) in files {
            by_item.entry(item).or_default().push(file);
        }
        let with_files = |row: ItemRow| {
            let sources = by_item.remove(&row.id).unwrap_or_default();
            (row, sources)
        };
        let rows: Vec<(ItemRow, Vec<SourceFile>)> = rows.into_iter().map(with_files).collect();
        rows.into_par_iter().map(|(row, sources)| row.known(path, sources)).collect()
    }

    /// The error of each item that failed, by id.
    ///
    /// # Errors
    /// [`LedgerError`] if the file cannot be read.
    pub fn errors(&self) -> Result<HashMap<String, ItemError>, LedgerError> {
        let query = "SELECT id, error FROM item WHERE state = 'failed' AND error IS NOT NULL";
        let mut statement = self.connection.prepare_cached(query).map_err(self.failed())?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).map_err(self.failed())?;
        let error = |row: rusqlite::Result<(String, String)>| -> Result<(String, ItemError), LedgerError> {
            let (id, error) = row.map_err(self.failed())?;
            Ok((id, parsed(&self.path, "an error", &error)?))
        };
        rows.map(error).collect()
    }

    /// One item.
    ///
    /// # Errors
    /// [`LedgerError`] if the file cannot be read.
    pub fn item(&self, id: &str) -> Result<Option<KnownItem>, LedgerError> {
        let query = format!("SELECT {COLUMNS} FROM item WHERE id = ?1");
        let row = self
            .connection
            .prepare_cached(&query)
            .and_then(|mut statement| statement.query_row([id], ItemRow::read).optional())
            .map_err(self.failed())?;
        row.map(|row| row.known(&self.path, self.sources(id)?)).transpose()
    }

    /// The source files of an item's current revision, sorted by URL.
    fn sources(&self, id: &str) -> Result<Vec<SourceFile>, LedgerError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT file FROM source WHERE item = ?1 ORDER BY url")
            .map_err(self.failed())?;
        let rows = statement.query_map([id], |row| row.get::<_, String>(0)).map_err(self.failed())?;
        rows.map(|row| parsed(&self.path, "a source file", &row.map_err(self.failed())?)).collect()
    }

    /// Remembers items that were built, or whose records were marked: all in one transaction, so that the disk is waited for once. Their errors are
    /// forgotten.
    ///
    /// # Errors
    /// [`LedgerError::Database`] if it cannot be written; nothing is changed then.
    pub fn put_current(&mut self, items: &[KnownItem]) -> Result<(), LedgerError> {
        let path = self.path.clone();
        let failed = |source| LedgerError::Database { path: path.clone(), source };
        let transaction = self.connection.transaction().map_err(failed)?;
        items.iter().try_for_each(|item| put(&transaction, item)).map_err(failed)?;
        transaction.commit().map_err(failed)
    }

    /// Remembers that an item failed. Its last good revision stays; nothing is written if the same failure is known already.
    ///
    /// # Errors
    /// [`LedgerError::Database`] if it cannot be written.
    pub fn put_failed(&mut self, id: &ItemId, error: &ItemError, now: DateTime<Utc>) -> Result<(), LedgerError> {
        if let Some(known) = self.item(id.as_str())?
            && known.state == ItemState::Failed
            && known.error.as_ref() == Some(error)
        {
            return Ok(());
        }
        self.connection
            .execute(
                "INSERT INTO item (id, state, revision, product_digest, record_digest, error, updated, products)
                 VALUES (?1, 'failed', NULL, '', '', ?2, ?3, '[]')
                 ON CONFLICT (id) DO UPDATE SET state = 'failed', error = ?2, updated = ?3",
                params![id.as_str(), text(error), plain(&now)],
            )
            .map_err(self.failed())?;
        Ok(())
    }

    /// Whether items were written that the catalogue may not link yet: a run was cut off.
    ///
    /// # Errors
    /// [`LedgerError::Database`] if it cannot be read.
    pub fn is_catalogue_behind(&self) -> Result<bool, LedgerError> {
        self.connection
            .query_row("SELECT count(*) FROM flag WHERE name = 'catalogue_behind'", [], |row| row.get::<_, i64>(0))
            .map(|count| count > 0)
            .map_err(self.failed())
    }

    /// Remembers that items are about to change before the catalogue does, or that it has caught up.
    ///
    /// # Errors
    /// [`LedgerError::Database`] if it cannot be written.
    pub fn set_catalogue_behind(&mut self, behind: bool) -> Result<(), LedgerError> {
        if self.is_catalogue_behind()? == behind {
            return Ok(());
        }
        let statement = if behind {
            "INSERT INTO flag (name) VALUES ('catalogue_behind')"
        } else {
            "DELETE FROM flag WHERE name = 'catalogue_behind'"
        };
        self.connection.execute(statement, []).map_err(self.failed())?;
        Ok(())
    }
}

/// Replaces what is known of an item.
fn put(transaction: &Transaction<'_>, item: &KnownItem) -> rusqlite::Result<()> {
    let replace =
        "INSERT OR REPLACE INTO item (id, state, revision, product_digest, record_digest, error, updated, products)
         VALUES (?1, ?7, ?2, ?3, ?4, NULL, ?5, ?6)";
    transaction.prepare_cached(replace)?.execute(params![
        item.id.as_str(),
        item.revision.map(Revision::number),
        item.product_digest,
        item.record_digest,
        plain(&item.updated),
        text(&item.products),
        plain(&item.state)
    ])?;
    transaction.prepare_cached("DELETE FROM source WHERE item = ?1")?.execute([item.id.as_str()])?;
    transaction.prepare_cached("DELETE FROM removed WHERE id = ?1")?.execute([item.id.as_str()])?;
    let mut insert = transaction.prepare_cached("INSERT INTO source (item, url, file) VALUES (?1, ?2, ?3)")?;
    let mut put = |file: &SourceFile| insert.execute(params![item.id.as_str(), file.url.as_str(), text(file)]);
    item.sources.iter().try_for_each(|file| put(file).map(|_| ()))
}

fn text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A value that is written as a text, without the quotes of JSON.
fn plain(value: &impl serde::Serialize) -> String {
    text(value).trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests;
