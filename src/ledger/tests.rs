#![allow(clippy::unwrap_used)]

use super::*;
use crate::model::{Fingerprint, Product, ProductFile, ProductFormat, SourceUrl};

fn item() -> KnownItem {
    let id = ItemId::new("a").unwrap();
    let file = ProductFile { path: "c/products/a/r1/kerchunk.json".into(), size: 10, sha256: "00".into() };
    let url = SourceUrl::from_path("/archive/a b.nc").unwrap();
    let fingerprint = Fingerprint::ModifiedAndSize { modified_ns: -5, size: 7 };
    KnownItem {
        id: id.clone(),
        state: ItemState::Current,
        revision: Some(Revision::FIRST),
        sources: vec![SourceFile { url, size: 7, fingerprint }],
        products: vec![Product {
            item: id,
            format: ProductFormat::Kerchunk,
            revision: Revision::FIRST,
            files: vec![file],
            chunks: 3,
            unlisted: 0,
        }],
        product_digest: "p".into(),
        record_digest: "r".into(),
        error: None,
        updated: DateTime::from_timestamp(1_700_000_000, 123).unwrap(),
    }
}

fn error() -> ItemError {
    ItemError { kind: "overlap".into(), message: "two files".into(), files: vec!["/archive/a.nc".into()] }
}

#[test]
fn remembers_items_across_openings() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    Ledger::open(&path).unwrap().put_current(&[item()]).unwrap();
    assert_eq!(Ledger::open(&path).unwrap().items().unwrap(), [item()]);
    let written = std::fs::metadata(&path).unwrap().modified().unwrap();
    assert_eq!(Ledger::open(&path).unwrap().items().unwrap().len(), 1);
    assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), written, "reading writes nothing");
}

#[test]
fn a_failure_keeps_the_last_good_revision() {
    let mut ledger = Ledger::in_memory().unwrap();
    ledger.put_current(&[item()]).unwrap();
    let later = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    ledger.put_failed(&item().id, &error(), later).unwrap();
    let expected = KnownItem { state: ItemState::Failed, error: Some(error()), updated: later, ..item() };
    assert_eq!(ledger.items().unwrap(), std::slice::from_ref(&expected));
    // The same failure again is no news.
    ledger.put_failed(&item().id, &error(), Utc::now()).unwrap();
    assert_eq!(ledger.items().unwrap(), [expected]);
    ledger.put_current(&[item()]).unwrap();
    assert_eq!(ledger.items().unwrap(), [item()]);
    ledger.remove(&item().id).unwrap();
    assert!(ledger.items().unwrap().is_empty());
    let sources: i64 = ledger.connection.query_row("SELECT count(*) FROM source", [], |row| row.get(0)).unwrap();
    assert_eq!(sources, 0);
}

#[test]
fn an_item_may_fail_before_it_was_ever_built() {
    let mut ledger = Ledger::in_memory().unwrap();
    ledger.put_failed(&item().id, &error(), item().updated).unwrap();
    let known = ledger.items().unwrap().pop().unwrap();
    assert_eq!((known.state, known.revision, known.error), (ItemState::Failed, None, Some(error())));
    assert!(ledger.standing().unwrap().is_empty());
    ledger.put_current(&[item()]).unwrap();
    assert_eq!(ledger.standing().unwrap(), [item().id]);
}

#[test]
fn what_is_gone_is_known_until_nothing_is_left_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.put_current(&[item()]).unwrap();
    ledger.remove(&item().id).unwrap();
    assert_eq!(ledger.removed().unwrap(), [item().id]);
    ledger.put_current(&[item()]).unwrap();
    assert!(ledger.removed().unwrap().is_empty(), "it came back");
    ledger.remove(&item().id).unwrap();
    ledger.forget_removed(&item().id).unwrap();
    assert!(ledger.removed().unwrap().is_empty());
    // A ledger of the version before has no such table.
    ledger.connection.execute_batch("DROP TABLE removed; PRAGMA user_version = 1").unwrap();
    drop(ledger);
    assert!(Ledger::open(&path).unwrap().removed().unwrap().is_empty());
}

#[test]
fn a_record_that_was_marked_is_remembered_as_that() {
    let mut ledger = Ledger::in_memory().unwrap();
    for state in [ItemState::Deprecated, ItemState::Retracted, ItemState::Current] {
        let marked = KnownItem { state, ..item() };
        ledger.put_current(std::slice::from_ref(&marked)).unwrap();
        assert_eq!(ledger.items().unwrap(), [marked]);
    }
}

#[test]
fn publications_are_kept_by_api() {
    let mut ledger = Ledger::in_memory().unwrap();
    let publication = Publication { kind: "item".into(), id: "a".into(), digest: "1".into() };
    ledger.put_publication("http://one", &publication, Utc::now()).unwrap();
    assert_eq!(ledger.publications("http://one").unwrap(), std::slice::from_ref(&publication));
    assert!(ledger.publications("http://two").unwrap().is_empty());
    ledger.remove_publication("http://one", "item", "a").unwrap();
    assert!(ledger.publications("http://one").unwrap().is_empty());
}

#[test]
fn a_file_that_is_no_ledger_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    std::fs::write(&path, "not a database, but long enough to be looked at as one").unwrap();
    assert!(matches!(Ledger::open(&path), Err(LedgerError::Database { .. })));
    let other = folder.path().join("later.sqlite");
    Ledger::open(&other).unwrap().connection.pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(Ledger::open(&other), Err(LedgerError::Content { .. })));
}
