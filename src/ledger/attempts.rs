//! Attempts to publish: what is on its way to each API, and what went wrong with it.
//!
//! An attempt is remembered before it is made and forgotten when the API was seen to hold the record. As long as there is one nobody knows
//! what the API holds: the digest of the publication is empty.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Transaction, params};

use super::{Ledger, LedgerError, plain};
use crate::model::ItemId;

/// Where a record stands in an API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptState {
    /// It was sent, or was about to be, and nobody has seen it there since.
    Pending,
    /// It is not there as it should be.
    Failed,
}

/// A record that an API was not seen to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicationAttempt {
    /// `collection` or `item`.
    pub kind: String,
    /// The record's id.
    pub id: String,
    /// How far it came.
    pub state: AttemptState,
    /// SHA-256 in hexadecimal of the record as it was to be sent; `None` if it was to be removed.
    pub wanted: Option<String>,
    /// Why it failed, in the words of the server.
    pub message: Option<String>,
    /// When that was.
    pub updated: DateTime<Utc>,
}

/// An attempt that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAttempt {
    /// `collection` or `item`.
    pub kind: String,
    /// The record's id.
    pub id: String,
    /// SHA-256 in hexadecimal of the record as it is to be sent; `None` if it is to be removed.
    pub wanted: Option<String>,
    /// Whether somebody else put the record there: that it goes is nobody's business later.
    pub is_foreign: bool,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptEnd {
    /// The API was seen to hold the record with this digest.
    Published(String),
    /// The API does not have it, as it should be.
    Removed,
    /// A record that somebody else put there is gone, or is not.
    Foreign,
    /// It did not come to that.
    Failed {
        /// The digest of the record as it was to be sent; `None` if it was to be removed.
        wanted: Option<String>,
        /// Why, in the words of the server.
        message: String,
    },
}

/// What is remembered of an item and an API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPublication {
    /// SHA-256 in hexadecimal of the record that the API was last seen to hold; empty if nobody knows what it holds.
    pub digest: String,
    /// Whether an attempt was not finished, or failed.
    pub is_attempted: bool,
}

impl Ledger {
    /// The ids of the items that stand, sorted.
    ///
    /// # Errors
    /// [`LedgerError`] if the file cannot be read.
    pub fn standing(&self) -> Result<Vec<ItemId>, LedgerError> {
        let query = "SELECT id FROM item WHERE revision IS NOT NULL ORDER BY id";
        self.ids(query, params![])
    }

    /// Items that an API has, or may have, and that stand no longer, sorted.
    ///
    /// # Errors
    /// [`LedgerError`] if the file cannot be read.
    pub fn to_be_removed(&self, api: &str) -> Result<Vec<ItemId>, LedgerError> {
        let query = "SELECT id FROM publication WHERE api = ?1 AND kind = 'item'
                     AND NOT EXISTS (SELECT 1 FROM item WHERE item.id = publication.id AND item.revision IS NOT NULL) ORDER BY id";
        self.ids(query, params![api])
    }

    fn ids(&self, query: &str, parameters: impl rusqlite::Params) -> Result<Vec<ItemId>, LedgerError> {
        let mut statement = self.connection.prepare_cached(query).map_err(self.failed())?;
        let rows = statement.query_map(parameters, |row| row.get::<_, String>(0)).map_err(self.failed())?;
        rows.map(|row| self.parsed("an item id", &format!("{:?}", row.map_err(self.failed())?))).collect()
    }

    /// Whether an item is known at all, standing or failed.
    ///
    /// # Errors
    /// [`LedgerError::Database`] if it cannot be read.
    pub fn knows(&self, item: &str) -> Result<bool, LedgerError> {
        let known = self
            .connection
            .prepare_cached("SELECT 1 FROM item WHERE id = ?1")
            .and_then(|mut statement| statement.exists([item]));
        known.map_err(self.failed())
    }

    /// What is known of a record in an API; `None` if nothing is.
    ///
    /// # Errors
    /// [`LedgerError::Database`] if it cannot be read.
    pub fn publication(&self, api: &str, kind: &str, id: &str) -> Result<Option<KnownPublication>, LedgerError> {
        let query = "SELECT digest, EXISTS (SELECT 1 FROM attempt WHERE api = ?1 AND kind = ?2 AND id = ?3)
                     FROM publication WHERE api = ?1 AND kind = ?2 AND id = ?3";
        self.connection
            .prepare_cached(query)
            .and_then(|mut statement| {
                let row =
                    |row: &rusqlite::Row<'_>| Ok(KnownPublication { digest: row.get(0)?, is_attempted: row.get(1)? });
                statement.query_row(params![api, kind, id], row).optional()
            })
            .map_err(self.failed())
    }

    /// What an API was seen to hold: kind, id and when; sorted.
    ///
    /// # Errors
    /// [`LedgerError`] if the file cannot be read.
    pub fn seen(&self, api: &str) -> Result<Vec<(String, String, DateTime<Utc>)>, LedgerError> {
        let query = "SELECT kind, id, updated FROM publication WHERE api = ?1 AND digest <> '' ORDER BY kind, id";
        let mut statement = self.connection.prepare_cached(query).map_err(self.failed())?;
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?));
        let rows = statement.query_map([api], row).map_err(self.failed())?;
        rows.map(|row| {
            let (kind, id, updated) = row.map_err(self.failed())?;
            Ok((kind, id, self.parsed("a time", &format!("{updated:?}"))?))
        })
        .collect()
    }

    /// What an API was not seen to hold, sorted.
    ///
    /// # Errors
    /// [`LedgerError`] if the file cannot be read.
    pub fn attempts(&self, api: &str) -> Result<Vec<PublicationAttempt>, LedgerError> {
        let query = "SELECT kind, id, state, wanted, message, updated FROM attempt WHERE api = ?1 ORDER BY kind, id";
        let mut statement = self.connection.prepare_cached(query).map_err(self.failed())?;
        type Row = (String, String, String, Option<String>, Option<String>, String);
        let row = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Row> {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        };
        let rows = statement.query_map([api], row).map_err(self.failed())?;
        rows.map(|row| {
            let (kind, id, state, wanted, message, updated) = row.map_err(self.failed())?;
            let state = if state == "pending" { AttemptState::Pending } else { AttemptState::Failed };
            let updated = self.parsed("a time", &format!("{updated:?}"))?;
            Ok(PublicationAttempt { kind, id, state, wanted, message, updated })
        })
        .collect()
    }

    /// Remembers that records are about to be sent to an API; and, if it has `lost_items`, that nobody knows what it has of them. All in one
    /// transaction.
    ///
    /// # Errors
    /// [`LedgerError::Database`] if it cannot be written; nothing is changed then.
    pub fn begin_attempts(
        &mut self,
        api: &str,
        attempts: &[NewAttempt],
        lost_items: bool,
        now: DateTime<Utc>,
    ) -> Result<(), LedgerError> {
        let now = plain(&now);
        self.together(|transaction| {
            if lost_items {
                doubt_items(transaction, api)?;
            }
            for NewAttempt { kind, id, wanted, is_foreign } in attempts {
                if !is_foreign {
                    put_publication(transaction, (api, kind, id), "", &now)?;
                }
                put_attempt(transaction, (api, kind, id), ("pending", wanted.as_deref(), None), &now)?;
            }
            Ok(())
        })
    }

    /// Remembers what became of records: kind, id and end. All in one transaction; what is known already is not written again.
    ///
    /// # Errors
    /// [`LedgerError::Database`] if it cannot be written; nothing is changed then.
    pub fn end_attempts<'a>(
        &mut self,
        api: &str,
        ends: impl IntoIterator<Item = (String, &'a str, AttemptEnd)>,
        now: DateTime<Utc>,
    ) -> Result<(), LedgerError> {
        let mut news = Vec::new();
        for (kind, id, end) in ends {
            let known = self.publication(api, &kind, id)?;
            let is_known = match (&end, &known) {
                (AttemptEnd::Published(digest), Some(known)) => known.digest == *digest && !known.is_attempted,
                (AttemptEnd::Removed, None) => true,
                _ => false,
            };
            if !is_known {
                news.push((kind, id, end));
            }
        }
        if news.is_empty() {
            return Ok(());
        }
        let now = plain(&now);
        self.together(|transaction| {
            for (kind, id, end) in news {
                put_end(transaction, (api, &kind, id), &end, &now)?;
            }
            Ok(())
        })
    }

    /// An API has lost the collection, or says so: nobody knows what it has of its items. That it may have them stays known.
    ///
    /// # Errors
    /// [`LedgerError::Database`] if it cannot be written.
    pub fn doubt_publications(&mut self, api: &str) -> Result<(), LedgerError> {
        self.together(|transaction| doubt_items(transaction, api))
    }

    fn together(&mut self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>) -> Result<(), LedgerError> {
        let path = self.path.clone();
        let failed = |source| LedgerError::Database { path: path.clone(), source };
        let transaction = self.connection.transaction().map_err(failed)?;
        work(&transaction).map_err(failed)?;
        transaction.commit().map_err(failed)
    }
}

type Place<'a> = (&'a str, &'a str, &'a str);

fn doubt_items(transaction: &Transaction<'_>, api: &str) -> rusqlite::Result<()> {
    transaction.execute("UPDATE publication SET digest = '' WHERE api = ?1 AND kind = 'item'", [api]).map(drop)
}

fn put_attempt(
    transaction: &Transaction<'_>,
    (api, kind, id): Place<'_>,
    (state, wanted, message): (&str, Option<&str>, Option<&str>),
    now: &str,
) -> rusqlite::Result<()> {
    let query = "INSERT OR REPLACE INTO attempt (api, kind, id, state, wanted, message, updated)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut statement = transaction.prepare_cached(query)?;
    statement.execute(params![api, kind, id, state, wanted, message, now]).map(drop)
}

fn put_publication(
    transaction: &Transaction<'_>,
    (api, kind, id): Place<'_>,
    digest: &str,
    now: &str,
) -> rusqlite::Result<()> {
    let query = "INSERT OR REPLACE INTO publication (api, kind, id, digest, updated) VALUES (?1, ?2, ?3, ?4, ?5)";
    transaction.prepare_cached(query)?.execute(params![api, kind, id, digest, now]).map(drop)
}

fn put_end(
    transaction: &Transaction<'_>,
    (api, kind, id): Place<'_>,
    end: &AttemptEnd,
    now: &str,
) -> rusqlite::Result<()> {
    let forget = |table: &str| {
        let query = format!("DELETE FROM {table} WHERE api = ?1 AND kind = ?2 AND id = ?3");
        transaction.prepare_cached(&query)?.execute(params![api, kind, id]).map(drop)
    };
    match end {
        AttemptEnd::Published(digest) => {
            forget("attempt")?;
            put_publication(transaction, (api, kind, id), digest, now)
        }
        AttemptEnd::Removed => {
            forget("attempt")?;
            forget("publication")
        }
        AttemptEnd::Foreign => forget("attempt"),
        AttemptEnd::Failed { wanted, message } => {
            put_publication(transaction, (api, kind, id), "", now)?;
            put_attempt(transaction, (api, kind, id), ("failed", wanted.as_deref(), Some(message)), now)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const API: &str = "http://one";

    fn digest(ledger: &Ledger, id: &str) -> Option<(String, bool)> {
        let known = ledger.publication(API, "item", id).unwrap();
        known.map(|known| (known.digest, known.is_attempted))
    }

    fn new(id: &str, wanted: Option<&str>) -> NewAttempt {
        NewAttempt { kind: "item".into(), id: id.into(), wanted: wanted.map(str::to_owned), is_foreign: false }
    }

    fn begin(ledger: &mut Ledger, ids: &[&str], wanted: Option<&str>, is_foreign: bool) {
        let attempts: Vec<_> = ids.iter().map(|id| NewAttempt { is_foreign, ..new(id, wanted) }).collect();
        ledger.begin_attempts(API, &attempts, false, Utc::now()).unwrap();
    }

    fn end(ledger: &mut Ledger, id: &str, end: AttemptEnd) {
        ledger.end_attempts(API, [("item".to_owned(), id, end)], Utc::now()).unwrap();
    }

    #[test]
    fn an_attempt_is_known_until_it_ends_well() {
        let mut ledger = Ledger::in_memory().unwrap();
        assert_eq!(digest(&ledger, "a"), None);
        begin(&mut ledger, &["a", "b"], Some("1"), false);
        assert_eq!(digest(&ledger, "a"), Some((String::new(), true)));
        end(&mut ledger, "a", AttemptEnd::Published("1".into()));
        assert_eq!(digest(&ledger, "a"), Some(("1".into(), false)));
        end(&mut ledger, "b", AttemptEnd::Failed { wanted: Some("1".into()), message: "no".into() });
        let left = ledger.attempts(API).unwrap();
        assert_eq!((left.len(), left[0].id.as_str(), left[0].message.as_deref()), (1, "b", Some("no")));
        assert_eq!(left[0].state, AttemptState::Failed);
        begin(&mut ledger, &["b"], None, false);
        let left = ledger.attempts(API).unwrap();
        assert_eq!(
            (left[0].state, left[0].wanted.clone(), left[0].message.clone()),
            (AttemptState::Pending, None, None)
        );
        end(&mut ledger, "b", AttemptEnd::Removed);
        assert_eq!((digest(&ledger, "b"), ledger.attempts(API).unwrap()), (None, Vec::new()));
        assert_eq!(ledger.to_be_removed(API).unwrap(), [ItemId::new("a").unwrap()], "it does not stand");
    }

    #[test]
    fn of_a_lost_collection_nobody_knows_what_the_api_has_and_nothing_is_forgotten() {
        let mut ledger = Ledger::in_memory().unwrap();
        end(&mut ledger, "a", AttemptEnd::Published("1".into()));
        end(&mut ledger, "b", AttemptEnd::Failed { wanted: None, message: "no".into() });
        ledger.doubt_publications(API).unwrap();
        assert_eq!(digest(&ledger, "a"), Some((String::new(), false)));
        assert_eq!(ledger.attempts(API).unwrap()[0].message.as_deref(), Some("no"));
        assert_eq!(ledger.to_be_removed(API).unwrap().len(), 2);
        // With the attempt to make it anew.
        end(&mut ledger, "a", AttemptEnd::Published("1".into()));
        let collection = NewAttempt { kind: "collection".into(), ..new("c", Some("2")) };
        ledger.begin_attempts(API, &[collection], true, Utc::now()).unwrap();
        assert_eq!(digest(&ledger, "a"), Some((String::new(), false)));
    }

    #[test]
    fn what_somebody_else_put_there_is_no_business_of_later_runs() {
        let mut ledger = Ledger::in_memory().unwrap();
        begin(&mut ledger, &["x"], None, true);
        assert_eq!((ledger.attempts(API).unwrap().len(), digest(&ledger, "x")), (1, None));
        assert!(ledger.to_be_removed(API).unwrap().is_empty());
        end(&mut ledger, "x", AttemptEnd::Foreign);
        assert!(ledger.attempts(API).unwrap().is_empty() && digest(&ledger, "x").is_none());
    }

    #[test]
    fn what_is_known_is_not_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.sqlite");
        let mut ledger = Ledger::open(&path).unwrap();
        end(&mut ledger, "a", AttemptEnd::Published("1".into()));
        let before = std::fs::metadata(&path).unwrap().modified().unwrap();
        end(&mut ledger, "a", AttemptEnd::Published("1".into()));
        end(&mut ledger, "b", AttemptEnd::Removed);
        assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), before);
        end(&mut ledger, "a", AttemptEnd::Published("2".into()));
        assert_eq!(digest(&ledger, "a"), Some(("2".into(), false)));
    }
}
