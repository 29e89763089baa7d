//! The SQLite database of records: Collections and Items as JSON text, with columns that searches look at.

use super::record::{CollectionRecord, ItemRecord, StoredText};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use thiserror::Error;

/// Why the database did not do what was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database itself failed.
    #[error("the catalogue database failed")]
    Database(#[from] rusqlite::Error),
    /// The file belongs to another program or to another version of this one.
    #[error("{path} is no catalogue database of this version: expected mark {expected}, found {found}")]
    Foreign {
        /// The file.
        path: String,
        /// Application id and schema version of ours.
        expected: String,
        /// Those of the file.
        found: String,
    },
    /// No such Collection.
    #[error("collection `{0}` does not exist")]
    NoCollection(String),
    /// No such Item.
    #[error("item `{id}` does not exist in collection `{collection}`")]
    NoItem {
        /// Its Collection.
        collection: String,
        /// Its id.
        id: String,
    },
    /// Created, but it is there already.
    #[error("`{0}` exists already")]
    Exists(String),
    /// Deleted, but Items are still inside.
    #[error("collection `{id}` still holds {items} items")]
    NotEmpty {
        /// The Collection.
        id: String,
        /// How many Items it holds.
        items: u64,
    },
}

impl StoreError {
    /// Whether another process held the database too long, so that trying again may help.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Database(error)
            if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy))
    }
}

/// What [`Store::put_item`] and [`Store::put_collection`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The record is new.
    Inserted,
    /// Another content stood there.
    Replaced,
    /// The same content stood there; nothing was written.
    Unchanged,
}

/// How many records there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Collections.
    pub collections: u64,
    /// Items of all Collections.
    pub items: u64,
}

/// The records, in a file or in memory. Writes go one after the other; readers of a file have connections of their own.
#[derive(Debug)]
pub struct Store {
    path: Option<PathBuf>,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

const APPLICATION_ID: i64 = 0x616c_746f; // "alto"
const SCHEMA_VERSION: i64 = 1;
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const MOST_IDLE_READERS: usize = 4;

// The searched columns stand apart from the JSON, in the order of paging, so that looking through a million Items
// reads tens of megabytes and no record.
const SCHEMA: &str = "
    CREATE TABLE collections (id TEXT PRIMARY KEY, etag TEXT NOT NULL, json TEXT NOT NULL);
    CREATE TABLE items (
        collection TEXT NOT NULL REFERENCES collections (id), id TEXT NOT NULL,
        west REAL, south REAL, east REAL, north REAL, low REAL, high REAL,
        start INTEGER NOT NULL, finish INTEGER NOT NULL, outline TEXT,
        PRIMARY KEY (collection, id)) WITHOUT ROWID;
    CREATE TABLE item_records (
        collection TEXT NOT NULL, id TEXT NOT NULL, etag TEXT NOT NULL, json TEXT NOT NULL,
        PRIMARY KEY (collection, id), FOREIGN KEY (collection, id) REFERENCES items ON DELETE CASCADE);";

impl Store {
    /// Opens the database file, making it if it is not there.
    ///
    /// # Errors
    ///
    /// The file cannot be opened, or is not one of ours.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(path)?;
        prepare(&connection, &path.display().to_string())?;
        Ok(Self { path: Some(path.to_owned()), writer: Mutex::new(connection), readers: Mutex::default() })
    }

    /// Makes an empty database in memory.
    ///
    /// # Errors
    ///
    /// SQLite gets no memory.
    pub fn in_memory() -> Result<Self, StoreError> {
        let connection = Connection::open_in_memory()?;
        prepare(&connection, "the database in memory")?;
        Ok(Self { path: None, writer: Mutex::new(connection), readers: Mutex::default() })
    }

    /// Counts the records.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn counts(&self) -> Result<Counts, StoreError> {
        self.read(|connection| {
            let sql = "SELECT (SELECT count(*) FROM collections), (SELECT count(*) FROM items)";
            Ok(connection
                .query_row(sql, [], |row| Ok(Counts { collections: count(row, 0)?, items: count(row, 1)? }))?)
        })
    }

    /// All Collections with their ids, by id.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn collections(&self) -> Result<Vec<(String, StoredText)>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT etag, json, id FROM collections ORDER BY id")?;
            let rows = statement.query_map([], |row| Ok((row.get(2)?, stored_text(row)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The ids and titles of all Collections, by id.
    pub(super) fn collection_titles(&self) -> Result<Vec<(String, Option<String>)>, StoreError> {
        self.read(|connection| {
            let sql = "SELECT id, CAST(json_extract(json, '$.title') AS TEXT) FROM collections ORDER BY id";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// One Collection.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoCollection`], or the database fails.
    pub fn collection(&self, id: &str) -> Result<StoredText, StoreError> {
        self.read(|connection| collection(connection, id))
    }

    /// One Item.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoCollection`], [`StoreError::NoItem`], or the database fails.
    pub fn item(&self, collection: &str, id: &str) -> Result<StoredText, StoreError> {
        self.read(|connection| item(connection, collection, id))
    }

    /// Creates a Collection.
    ///
    /// # Errors
    ///
    /// [`StoreError::Exists`], or the database fails.
    pub fn insert_collection(&self, record: &CollectionRecord) -> Result<(), StoreError> {
        self.write(|transaction| match collection(transaction, &record.id) {
            Ok(_) => Err(StoreError::Exists(record.id.clone())),
            Err(StoreError::NoCollection(_)) => write_collection(transaction, record),
            Err(error) => Err(error),
        })
    }

    /// Creates or replaces a Collection.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn put_collection(&self, record: &CollectionRecord) -> Result<Change, StoreError> {
        self.write(|transaction| {
            let change = match collection(transaction, &record.id) {
                Ok(stored) if stored.etag == record.text.etag => return Ok(Change::Unchanged),
                Ok(_) => Change::Replaced,
                Err(StoreError::NoCollection(_)) => Change::Inserted,
                Err(error) => return Err(error),
            };
            write_collection(transaction, record)?;
            Ok(change)
        })
    }

    /// Replaces a Collection by what `edit` makes of it, with nothing in between.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoCollection`], what `edit` refuses, or the database fails.
    pub fn edit_collection<E: From<StoreError>>(
        &self,
        id: &str,
        edit: impl FnOnce(&StoredText) -> Result<CollectionRecord, E>,
    ) -> Result<StoredText, E> {
        self.write(|transaction| {
            let stored = collection(transaction, id)?;
            let record = edit(&stored)?;
            if record.text.etag == stored.etag {
                return Ok(stored);
            }
            write_collection(transaction, &record)?;
            Ok(record.text)
        })
    }

    /// Deletes an empty Collection if `check` lets it.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoCollection`], [`StoreError::NotEmpty`], what `check` refuses, or the database fails.
    pub fn delete_collection<E: From<StoreError>>(
        &self,
        id: &str,
        check: impl FnOnce(&StoredText) -> Result<(), E>,
    ) -> Result<(), E> {
        self.write(|transaction| {
            check(&collection(transaction, id)?)?;
            let sql = "SELECT count(*) FROM items WHERE collection = ?1";
            let items = transaction.query_row(sql, [id], |row| count(row, 0)).map_err(StoreError::from)?;
            if items > 0 {
                return Err(StoreError::NotEmpty { id: id.to_owned(), items }.into());
            }
            transaction.execute("DELETE FROM collections WHERE id = ?1", [id]).map_err(StoreError::from)?;
            Ok(())
        })
    }

    /// Creates Items, all or none.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoCollection`], [`StoreError::Exists`] with the first that is there, or the database fails.
    pub fn insert_items(&self, records: &[ItemRecord]) -> Result<(), StoreError> {
        self.write(|transaction| {
            for record in records {
                match item(transaction, &record.collection, &record.id) {
                    Ok(_) => return Err(StoreError::Exists(record.id.clone())),
                    Err(StoreError::NoItem { .. }) => write_item(transaction, record)?,
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
    }

    /// Creates or replaces an Item.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoCollection`], or the database fails.
    pub fn put_item(&self, record: &ItemRecord) -> Result<Change, StoreError> {
        self.write(|transaction| {
            let change = match item(transaction, &record.collection, &record.id) {
                Ok(stored) if stored.etag == record.text.etag => return Ok(Change::Unchanged),
                Ok(_) => Change::Replaced,
                Err(StoreError::NoItem { .. }) => Change::Inserted,
                Err(error) => return Err(error),
            };
            write_item(transaction, record)?;
            Ok(change)
        })
    }

    /// Replaces an Item by what `edit` makes of it, with nothing in between.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoCollection`], [`StoreError::NoItem`], what `edit` refuses, or the database fails.
    pub fn edit_item<E: From<StoreError>>(
        &self,
        collection: &str,
        id: &str,
        edit: impl FnOnce(&StoredText) -> Result<ItemRecord, E>,
    ) -> Result<StoredText, E> {
        self.write(|transaction| {
            let stored = item(transaction, collection, id)?;
            let record = edit(&stored)?;
            if record.text.etag == stored.etag {
                return Ok(stored);
            }
            write_item(transaction, &record)?;
            Ok(record.text)
        })
    }

    /// Deletes an Item if `check` lets it.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoCollection`], [`StoreError::NoItem`], what `check` refuses, or the database fails.
    pub fn delete_item<E: From<StoreError>>(
        &self,
        collection: &str,
        id: &str,
        check: impl FnOnce(&StoredText) -> Result<(), E>,
    ) -> Result<(), E> {
        self.write(|transaction| {
            check(&item(transaction, collection, id)?)?;
            let sql = "DELETE FROM items WHERE collection = ?1 AND id = ?2";
            transaction.execute(sql, [collection, id]).map_err(StoreError::from)?;
            Ok(())
        })
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        // A transaction that a panic left open was rolled back when it was dropped.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write<T, E: From<StoreError>>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, E>) -> Result<T, E> {
        let mut writer = self.writer();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate).map_err(StoreError::from)?;
        let done = work(&transaction)?;
        transaction.commit().map_err(StoreError::from)?;
        Ok(done)
    }

    /// Runs `work` in one transaction, so that all it reads is of one moment.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let Some(path) = &self.path else {
            return work(&self.writer());
        };
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => open_reader(path)?,
        };
        let transaction = connection.transaction()?;
        let done = work(&transaction)?;
        drop(transaction);
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < MOST_IDLE_READERS {
            readers.push(connection);
        }
        Ok(done)
    }
}

fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn prepare(connection: &Connection, name: &str) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let found = (number("application_id")?, number("user_version")?);
    let objects: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if found == (APPLICATION_ID, SCHEMA_VERSION) {
        return Ok(());
    }
    if found != (0, 0) || objects > 0 {
        return Err(StoreError::Foreign {
            path: name.to_owned(),
            expected: format!("{APPLICATION_ID:#x} version {SCHEMA_VERSION}"),
            found: format!("{:#x} version {}", found.0, found.1),
        });
    }
    let marks = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};");
    Ok(connection.execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA} {marks} COMMIT;"))?)
}

/// A number of rows, which SQLite counts in signed integers.
pub(super) fn count(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.unsigned_abs())
}

fn stored_text(row: &rusqlite::Row<'_>) -> rusqlite::Result<StoredText> {
    Ok(StoredText { etag: row.get(0)?, json: row.get(1)? })
}

fn collection(connection: &Connection, id: &str) -> Result<StoredText, StoreError> {
    let mut statement = connection.prepare_cached("SELECT etag, json FROM collections WHERE id = ?1")?;
    let found = statement.query_row([id], stored_text).optional()?;
    found.ok_or_else(|| StoreError::NoCollection(id.to_owned()))
}

pub(super) fn item(connection: &Connection, collection_id: &str, id: &str) -> Result<StoredText, StoreError> {
    let sql = "SELECT etag, json FROM item_records WHERE collection = ?1 AND id = ?2";
    let found = connection.prepare_cached(sql)?.query_row([collection_id, id], stored_text).optional()?;
    if let Some(found) = found {
        return Ok(found);
    }
    collection(connection, collection_id)?;
    Err(StoreError::NoItem { collection: collection_id.to_owned(), id: id.to_owned() })
}

fn write_collection(connection: &Connection, record: &CollectionRecord) -> Result<(), StoreError> {
    let sql = "INSERT INTO collections (id, etag, json) VALUES (?1, ?2, ?3)
        ON CONFLICT (id) DO UPDATE SET etag = excluded.etag, json = excluded.json";
    connection.prepare_cached(sql)?.execute([&record.id, &record.text.etag, &record.text.json])?;
    Ok(())
}

fn write_item(connection: &Connection, record: &ItemRecord) -> Result<(), StoreError> {
    let ItemRecord { collection, id, text, bounds, outline, interval } = record;
    let edge = |edge: fn(&super::BoundingBox) -> f64| bounds.as_ref().map(edge);
    let heights = bounds.as_ref().and_then(|bounds| bounds.heights);
    let sql = "INSERT INTO items (collection, id, west, south, east, north, low, high, start, finish, outline)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (collection, id) DO UPDATE SET
        west = excluded.west, south = excluded.south, east = excluded.east, north = excluded.north,
        low = excluded.low, high = excluded.high,
        start = excluded.start, finish = excluded.finish, outline = excluded.outline";
    connection.prepare_cached(sql)?.execute(params![
        collection,
        id,
        edge(|bounds| bounds.west),
        edge(|bounds| bounds.south),
        edge(|bounds| bounds.east),
        edge(|bounds| bounds.north),
        heights.map(|heights| heights.0),
        heights.map(|heights| heights.1),
        interval.start,
        interval.end,
        outline,
    ])?;
    let sql = "INSERT INTO item_records (collection, id, etag, json) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (collection, id) DO UPDATE SET etag = excluded.etag, json = excluded.json";
    connection.prepare_cached(sql)?.execute([collection, id, &text.etag, &text.json])?;
    Ok(())
}
