//! Where items stand in each API, by the ledger.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::report::ItemStatus;
use super::{PipelineError, Workspace};
use crate::ledger::{AttemptState, PublicationAttempt};
use crate::model::{ItemId, KnownItem};

/// Where a record stands in an API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PublicationState {
    /// The API was seen to hold it.
    Published,
    /// It is to be sent, or was sent and not seen there since.
    Pending,
    /// It was sent, and is not there as it should be.
    Failed,
}

/// An item in an API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ItemPublication {
    /// The API.
    pub api: String,
    /// Where the item stands there.
    pub state: PublicationState,
    /// When that was found; absent if it was never sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated: Option<DateTime<Utc>>,
    /// Why it failed, in the words of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// All records in an API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ApiStatus {
    /// The API.
    pub api: String,
    /// Where the collection stands there.
    pub collection: PublicationState,
    /// What went wrong with the collection, in the words of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How many items it was seen to hold.
    pub published: usize,
    /// How many are to be sent, or were not seen since.
    pub pending: usize,
    /// How many are not there as they should be.
    pub failed: usize,
    /// Items that are gone and are still to be removed there.
    pub to_remove: Vec<String>,
}

/// One API, as the ledger knows it.
struct Api {
    name: String,
    /// By kind and id: when the API was seen to hold it.
    seen: BTreeMap<(String, String), DateTime<Utc>>,
    attempts: BTreeMap<(String, String), PublicationAttempt>,
    to_remove: Vec<ItemId>,
}

/// All APIs: those of the recipe, and those that were sent anything.
pub(super) struct Published(Vec<Api>);

impl Published {
    pub(super) fn of(workspace: &Workspace) -> Result<Self, PipelineError> {
        let ledger = workspace.ledger();
        let own = workspace.recipe.publish.iter().flat_map(|publish| &publish.apis);
        let names: BTreeSet<String> = own.map(|api| api.url.to_string()).chain(ledger.apis()?).collect();
        let api = |name: String| -> Result<Api, PipelineError> {
            let seen = ledger.seen(&name)?.into_iter().map(|(kind, id, at)| ((kind, id), at)).collect();
            let attempts = ledger.attempts(&name)?.into_iter();
            let attempts = attempts.map(|attempt| ((attempt.kind.clone(), attempt.id.clone()), attempt)).collect();
            Ok(Api { seen, attempts, to_remove: ledger.to_be_removed(&name)?, name })
        };
        Ok(Self(names.into_iter().map(api).collect::<Result<_, _>>()?))
    }

    /// Where an item stands; nowhere if it has never been built.
    pub(super) fn of_item(&self, item: &KnownItem) -> Vec<ItemPublication> {
        let is_there = item.revision.is_some();
        self.0.iter().filter(|_| is_there).map(|api| api.record("item", item.id.as_str(), Some(item.updated))).collect()
    }

    /// The sums, for a collection and what its items came to.
    pub(super) fn sums(&self, collection: &str, items: &[ItemStatus]) -> Vec<ApiStatus> {
        let sum = |api: &Api| {
            let own = api.record("collection", collection, None);
            let publications = || items.iter().flat_map(|item| &item.publications).filter(|item| item.api == api.name);
            let of = |state| publications().filter(|item| item.state == state).count();
            ApiStatus {
                api: api.name.clone(),
                collection: own.state,
                message: own.message,
                published: of(PublicationState::Published),
                pending: of(PublicationState::Pending),
                failed: of(PublicationState::Failed),
                to_remove: api.to_remove.iter().map(ToString::to_string).collect(),
            }
        };
        self.0.iter().map(sum).collect()
    }
}

impl Api {
    /// `changed` is when the record was last written.
    fn record(&self, kind: &str, id: &str, changed: Option<DateTime<Utc>>) -> ItemPublication {
        let key = (kind.to_owned(), id.to_owned());
        let (state, updated, message) = match (self.attempts.get(&key), self.seen.get(&key)) {
            (Some(attempt), _) => {
                let state = match attempt.state {
                    AttemptState::Pending => PublicationState::Pending,
                    AttemptState::Failed => PublicationState::Failed,
                };
                (state, Some(attempt.updated), attempt.message.clone())
            }
            (None, Some(seen)) if changed.is_none_or(|changed| changed <= *seen) => {
                (PublicationState::Published, Some(*seen), None)
            }
            (None, seen) => (PublicationState::Pending, seen.copied(), None),
        };
        ItemPublication { api: self.name.clone(), state, updated, message }
    }
}
