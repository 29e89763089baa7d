//! The tables.

use super::{Ledger, LedgerError};

/// Raised when the tables change.
const VERSION: i64 = 2;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS item (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, revision INTEGER, product_digest TEXT NOT NULL,
    record_digest TEXT NOT NULL, error TEXT, updated TEXT NOT NULL, products TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS source (
    item TEXT NOT NULL REFERENCES item (id) ON DELETE CASCADE, url TEXT NOT NULL, file TEXT NOT NULL,
    PRIMARY KEY (item, url)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS removed (id TEXT PRIMARY KEY, updated TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS flag (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS publication (
    api TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, digest TEXT NOT NULL, updated TEXT NOT NULL,
    PRIMARY KEY (api, kind, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS attempt (
    api TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, wanted TEXT, message TEXT,
    updated TEXT NOT NULL, PRIMARY KEY (api, kind, id)
) WITHOUT ROWID;
";

pub(super) fn prepare(ledger: &Ledger) -> Result<(), LedgerError> {
    let connection = &ledger.connection;
    connection.busy_timeout(std::time::Duration::from_secs(10)).map_err(ledger.failed())?;
    connection.pragma_update(None, "foreign_keys", true).map_err(ledger.failed())?;
    let version: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(ledger.failed())?;
    if version > VERSION {
        return Err(LedgerError::Content {
            path: ledger.path.clone(),
            expected: format!("a ledger of version {VERSION} or earlier"),
            found: format!("version {version}, of a later altostac,"),
        });
    }
    if version < VERSION {
        // All or nothing; and the disk is waited for once, not for each table.
        let made = format!("BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;");
        connection.execute_batch(&made).map_err(ledger.failed())?;
    }
    Ok(())
}
