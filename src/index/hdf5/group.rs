//! The links of a group, whichever way they are kept.

use super::btree_v2;
use super::fault::{Found, Stop, each};
use super::fractal_heap;
use super::message::link::{self, Dense, Link};
use super::object_header::{Message, kind};
use super::store::View;
use super::symbol_table;

/// Records of names: a hash and a heap ID.
const NAMES_OF_LINKS: u8 = 5;

/// Whether these are the messages of a group.
pub(super) fn is_group(messages: &[Message]) -> bool {
    messages.iter().any(|message| matches!(message.kind, kind::SYMBOL_TABLE | kind::LINK_INFO | kind::LINK))
}

/// All links of a group: in the order in which they were made where that is known, else in that of names.
pub(super) fn links(view: &View, messages: &[Message]) -> Found<Vec<Link>> {
    let parts = each(messages, |message| match message.kind {
        kind::SYMBOL_TABLE => symbol_table::links(view, message),
        kind::LINK => link::read(message.cursor("link", view)).map(|link| vec![link]),
        kind::LINK_INFO => match link::read_link_info(message.cursor("link info", view))? {
            Some(dense) => dense_links(view, dense),
            None => Ok(Vec::new()),
        },
        _ => Ok(Vec::new()),
    })?;
    let mut links: Vec<Link> = parts.into_iter().flatten().collect();
    if links.iter().all(|link| link.order.is_some()) {
        links.sort_by_key(|link| link.order);
    } else {
        links.sort_by(|a, b| a.name.cmp(&b.name));
    }
    Ok(links)
}

fn dense_links(view: &View, dense: Dense) -> Found<Vec<Link>> {
    let heap = fractal_heap::open(view, dense.heap);
    let records = btree_v2::records(view, dense.names, &[NAMES_OF_LINKS]);
    if let (Ok(heap), Err(Stop::Need)) = (&heap, &records) {
        heap.expect(view);
    }
    let (heap, records) = (heap?, records?);
    each(records.iter(), |record| {
        let id = record.get(4..).unwrap_or_default();
        let body = heap.object(view, id)?;
        link::read(view.cursor("link", &body, dense.heap))
    })
}
