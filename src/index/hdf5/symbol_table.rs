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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use bytes::Bytes;

    use super::super::fault::Fault;
    use super::super::testing::{Image, words};
    use super::*;

    fn group(child: u64) -> Image {
        let mut tree = b"TREE\0\0\x01\0".to_vec();
        tree.extend(words(&[u64::MAX, u64::MAX, 0, child, 2]));
        let mut heap = b"HEAP\0\0\0\0".to_vec();
        heap.extend(words(&[16, 16, 200]));
        let mut node = b"SNOD\x01\0\x02\0".to_vec();
        node.extend(words(&[2, 4096, 0, 0, 0]));
        node.extend(words(&[4, 0, 2, 8, 0]));
        Image::default().put(0, tree).put(100, heap).put(200, b"\0\0a\0b\0\0\0/a\0\0\0\0\0\0").put(300, node)
    }

    fn read(image: &Image) -> Result<Vec<Link>, Fault> {
        let body = Bytes::from(words(&[0, 100]));
        let message = Message { kind: 0x11, flags: 0, order: None, address: 0, body };
        image.parse(|view| links(view, &message))
    }

    #[test]
    fn hard_and_soft_links() {
        let found = read(&group(300)).unwrap();
        let link = |name: &str, target| Link { name: name.into(), order: None, target };
        assert_eq!(found, [link("a", Target::Hard(4096)), link("b", Target::Soft("/a".into()))]);
    }

    #[test]
    fn broken_trees_are_named() {
        assert!(matches!(read(&group(0)), Err(Fault::Corrupt { .. })));
        assert!(matches!(read(&group(1 << 50)), Err(Fault::BeyondEnd { .. })));
        let mut nameless = group(300);
        nameless.0[308] = 99;
        assert!(matches!(read(&nameless), Err(Fault::Corrupt { structure: "local heap", .. })));
    }
}
