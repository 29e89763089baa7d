//! How many items may go in one run: an archive that is not mounted looks like one that was emptied.

use std::collections::BTreeSet;

use super::{Action, PlannedItem};
use crate::model::{ItemId, RemovalLimit, SourceUrl};

/// Items that do not go although their files are gone, and why not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guarded {
    /// The items.
    pub items: BTreeSet<ItemId>,
    /// Why they stay, in words.
    pub reasons: Vec<String>,
}

impl Guarded {
    /// Lets all go.
    pub fn lift(&mut self) {
        *self = Self::default();
    }
}

/// Finds the items that a plan removes or withdraws and that have to stay: all of them, if they are more than `limit` of the `known` items
/// of the collection; and those that lie in one of the `roots` that hold nothing at all now.
///
/// An item whose files are all parts of other items now is not counted: nothing of it is lost.
///
/// ```
/// use altostac::plan::{Guarded, guard};
/// assert_eq!(guard(&[], 0, Default::default(), &[]), Guarded::default());
/// ```
pub fn guard(planned: &[PlannedItem], known: usize, limit: RemovalLimit, empty_roots: &[SourceUrl]) -> Guarded {
    let mut guarded = Guarded::default();
    let going: Vec<&PlannedItem> = planned.iter().filter(|item| goes(item)).collect();
    for root in empty_roots {
        let lies_there = |item: &&PlannedItem| {
            item.known.iter().flat_map(|known| &known.sources).any(|file| file.url.is_within(root))
        };
        let there: Vec<ItemId> = going.iter().copied().filter(lies_there).map(|item| item.id.clone()).collect();
        if !there.is_empty() {
            guarded.reasons.push(format!(
                "{root} holds no file of the collection now, and {} had files there: they stay, for it may not be mounted; \
                 if that is right, say --allow-removal",
                items(there.len())
            ));
            guarded.items.extend(there);
        }
    }
    let counted: Vec<ItemId> = going.iter().filter(|item| is_lost(item)).map(|item| item.id.clone()).collect();
    if !limit.allows(counted.len(), known) {
        guarded.reasons.push(format!(
            "{} of {known} would go, for none of their files is left; at most {limit} may (guard.max_removed), so that none goes; \
             if that is right, say --allow-removal",
            items(counted.len())
        ));
        guarded.items.extend(counted);
    }
    guarded
}

fn goes(item: &PlannedItem) -> bool {
    let goes = matches!(item.action, Action::Removed | Action::Withdrawn);
    // What was withdrawn before goes because the recipe says so now.
    goes && item.known.as_ref().is_some_and(|known| known.revision.is_some() && !known.state.is_withdrawn())
}

fn is_lost(item: &PlannedItem) -> bool {
    !item.changes.removed.is_empty() || item.changes.renamed.is_empty()
}

fn items(count: usize) -> String {
    if count == 1 { "1 item".into() } else { format!("{count} items") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::{Fingerprint, ItemState, KnownItem, OnRemoved, Revision, SourceFile};
    use crate::plan::{Circumstances, plan};

    fn known(number: usize) -> KnownItem {
        let url = SourceUrl::from_path(format!("/r{}/{number}.nc", number % 2)).unwrap();
        let modified_ns = i64::try_from(number).unwrap();
        KnownItem {
            id: ItemId::new(format!("i{number:03}")).unwrap(),
            state: ItemState::Current,
            revision: Some(Revision::FIRST),
            sources: vec![SourceFile {
                url,
                size: 1,
                fingerprint: Fingerprint::ModifiedAndSize { modified_ns, size: 1 },
            }],
            products: Vec::new(),
            product_digest: String::new(),
            record_digest: String::new(),
            error: None,
            updated: chrono::DateTime::UNIX_EPOCH,
        }
    }

    fn gone(count: usize, on_removed: OnRemoved) -> Vec<PlannedItem> {
        let circumstances = Circumstances { on_removed, ..Circumstances::default() };
        plan(Vec::new(), (0..count).map(known).collect(), &circumstances)
    }

    #[test]
    fn more_than_the_share_stays() {
        let limit = RemovalLimit::default();
        for on_removed in [OnRemoved::Remove, OnRemoved::Deprecate, OnRemoved::Retract] {
            assert_eq!(guard(&gone(20, on_removed), 100, limit, &[]), Guarded::default());
            let stopped = guard(&gone(21, on_removed), 100, limit, &[]);
            assert_eq!((stopped.items.len(), stopped.reasons.len()), (21, 1));
            assert!(
                stopped.reasons[0].contains("21 items of 100") && stopped.reasons[0].contains("20%"),
                "{stopped:?}"
            );
        }
        assert!(guard(&gone(21, OnRemoved::Remove), 100, RemovalLimit::Items(21), &[]).items.is_empty());
        assert_eq!(guard(&gone(1, OnRemoved::Remove), 1, RemovalLimit::Items(0), &[]).items.len(), 1);
    }

    #[test]
    fn what_lies_in_an_empty_root_stays() {
        let root = SourceUrl::from_path("/r1").unwrap();
        let stopped = guard(&gone(4, OnRemoved::Remove), 100, RemovalLimit::default(), &[root]);
        let ids: Vec<&str> = stopped.items.iter().map(ItemId::as_str).collect();
        assert_eq!(ids, ["i001", "i003"]);
        assert!(stopped.reasons[0].contains("/r1 holds no file"), "{stopped:?}");
    }

    #[test]
    fn what_was_withdrawn_before_is_not_counted() {
        let withdrawn = |number| KnownItem { state: ItemState::Deprecated, ..known(number) };
        let planned = plan(Vec::new(), (0..9).map(withdrawn).collect(), &Circumstances::default());
        assert!(planned.iter().all(|item| item.action == Action::Removed));
        assert_eq!(guard(&planned, 1, RemovalLimit::default(), &[]), Guarded::default());
    }

    #[test]
    fn what_only_moved_is_not_counted() {
        let mut planned = gone(30, OnRemoved::Remove);
        for item in &mut planned {
            let from = item.changes.removed.pop().unwrap();
            let to = SourceUrl::from_path("/elsewhere").unwrap();
            item.changes.renamed.push(crate::plan::RenamedFile { from, to });
        }
        assert_eq!(guard(&planned, 30, RemovalLimit::default(), &[]), Guarded::default());
    }
}
