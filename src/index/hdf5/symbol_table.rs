//! Groups of the old kind: a B-tree of symbol-table nodes and a local heap (HDF5 File Format Specification 3.0, III.B
//! and III.C).

use super::btree_v1;
use super::fault::{Found, each};
use super::local_heap::{self, LocalHeap};
use super::message::link::{Link, Target};
use super::object_header::Message;
use super::store::View;

const SOFT_LINK: u32 = 2;

/// The links of a group with a symbol table message, in the order of names.
pub(super) fn links(view: &View, message: &Message) -> Found<Vec<Link>> {
    let mut cursor = message.cursor("symbol table message", view);
    let (tree, heap) = (cursor.defined_address()?, cursor.defined_address()?);
    // Both are asked for before one of them makes us wait.
    let heap = local_heap::read(view, heap);
    let leaves = btree_v1::group_leaves(view, tree);
    let (heap, leaves) = (heap?, leaves?);
    let nodes = each(leaves, |address| node(view, address, &heap))?;
    Ok(nodes.into_iter().flatten().collect())
}

fn node(view: &View, address: u64, heap: &LocalHeap) -> Found<Vec<Link>> {
    let widths = view.facts.widths;
    let entry = 2 * widths.address + 24;
    let guess = view.get_up_to("symbol table node", address, (8 + 8 * entry) as u64)?;
    let mut cursor = view.cursor("symbol table node", &guess, address);
    cursor.signature(b"SNOD")?;
    cursor.version(1)?;
    cursor.skip(1)?;
    let count = usize::from(cursor.u16()?);
    let bytes = view.get("symbol table node", address, (8 + count * entry) as u64)?;
    let mut cursor = view.cursor("symbol table node", &bytes, address);
    cursor.skip(8)?;
    let mut links = Vec::with_capacity(count);
    for _ in 0..count {
        let name = heap.text(cursor.uint(widths.address)?)?;
        let object = cursor.address()?;
        let kind = cursor.u32()?;
        cursor.skip(4)?;
        let soft = u64::from(cursor.u32()?);
        cursor.skip(12)?;
        let target = match (kind, object) {
            (SOFT_LINK, _) => Target::Soft(heap.text(soft)?),
            (_, Some(address)) => Target::Hard(address),
            (_, None) => return Err(cursor.corrupt("the address of an object", "the undefined address")),
        };
        links.push(Link { name, order: None, target });
    }
    Ok(links)
}
