//! Items that were built are remembered together: for all that wait at the same time the disk is waited for once.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::item::failure;
use super::{Workspace, chain};
use crate::model::{ItemError, ItemId, KnownItem};

/// Remembers items that threads have built.
pub(super) struct Remembering<'a> {
    workspace: &'a Workspace,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    /// Items that nobody has taken along yet.
    items: Vec<KnownItem>,
    /// What went wrong with those that somebody else took along.
    failed: BTreeMap<ItemId, String>,
}

impl<'a> Remembering<'a> {
    pub(super) fn new(workspace: &'a Workspace) -> Self {
        Self { workspace, waiting: Mutex::default() }
    }

    /// Remembers an item; afterwards it is in the ledger, whoever put it there.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub(super) fn item(&self, known: KnownItem) -> Result<(), ItemError> {
        let id = known.id.clone();
        self.waiting().items.push(known);
        let mut ledger = self.workspace.ledger();
        // Whoever has the ledger takes all along. Who finds nothing left was taken along, and the ledger was held until that was done.
        let items = std::mem::take(&mut self.waiting().items);
        if ledger.put_current(&items).is_err() {
            // What is wrong may be wrong with one of them.
            for item in &items {
                if let Err(error) = ledger.put_current(std::slice::from_ref(item)) {
                    self.waiting().failed.insert(item.id.clone(), chain(&error));
                }
            }
        }
        drop(ledger);
        let failed = self.waiting().failed.remove(&id);
        failed.map_or(Ok(()), |message| Err(failure("output", message)))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Whole after every statement.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
