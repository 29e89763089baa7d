//! Items that are gone, and whose products may still stand.

use chrono::Utc;
use rusqlite::params;

use super::{Ledger, LedgerError, plain};
use crate::model::ItemId;

impl Ledger {
    /// Forgets an item; that its products are to be removed is remembered.
    ///
    /// # Errors
    /// [`LedgerError::Database`] if it cannot be written; nothing is changed then.
    pub fn remove(&mut self, id: &ItemId) -> Result<(), LedgerError> {
        let path = self.path.clone();
        let failed = |source| LedgerError::Database { path: path.clone(), source };
        let transaction = self.connection.transaction().map_err(failed)?;
        transaction.execute("DELETE FROM item WHERE id = ?1", [id.as_str()]).map_err(failed)?;
        let statement = "INSERT OR REPLACE INTO removed (id, updated) VALUES (?1, ?2)";
        transaction.execute(statement, params![id.as_str(), plain(&Utc::now())]).map_err(failed)?;
        transaction.commit().map_err(failed)
    }

    /// The items that are gone and whose products were not removed yet, sorted by id.
    ///
    /// # Errors
    /// [`LedgerError`] if the file cannot be read.
    pub fn removed(&self) -> Result<Vec<ItemId>, LedgerError> {
        let mut statement =
            self.connection.prepare_cached("SELECT id FROM removed ORDER BY id").map_err(self.failed())?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).map_err(self.failed())?;
        rows.map(|row| self.parsed("an item id", &format!("{:?}", row.map_err(self.failed())?))).collect()
    }

    /// Remembers that nothing is left of an item.
    ///
    /// # Errors
    /// [`LedgerError::Database`] if it cannot be written.
    pub fn forget_removed(&mut self, id: &ItemId) -> Result<(), LedgerError> {
        self.connection.execute("DELETE FROM removed WHERE id = ?1", [id.as_str()]).map_err(self.failed())?;
        Ok(())
    }
}
