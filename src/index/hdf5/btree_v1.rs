//! Nodes of version-1 B-trees (HDF5 File Format Specification 3.0, III.A.1): groups (type 0) and chunks (type 1).

use bytes::Bytes;

use super::bytes::{Cursor, Widths};
use super::fault::{Found, Stop};
use super::store::View;

/// Entries of a chunk node as libhdf5 writes it unless told otherwise.
const USUAL_ENTRIES: usize = 64;

/// What a node is: the tree's type, and how far it is above the leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) level: u8,
    pub(super) entries: usize,
}

/// The bytes of a node's head.
pub(super) fn head_length(widths: Widths) -> usize {
    8 + 2 * widths.address
}

/// The bytes of a node with so many entries.
pub(super) fn node_length(widths: Widths, key: usize, entries: usize) -> u64 {
    (head_length(widths) + entries * (key + widths.address) + key) as u64
}

/// How long a chunk node usually is.
pub(super) fn usual_length(widths: Widths, key: usize) -> u64 {
    node_length(widths, key, USUAL_ENTRIES)
}

/// Reads the head of a node.
pub(super) fn head(cursor: &mut Cursor, tree: u8) -> Found<Head> {
    cursor.signature(b"TREE")?;
    let (found, level, entries) = (cursor.u8()?, cursor.u8()?, usize::from(cursor.u16()?));
    if found != tree {
        return Err(cursor.corrupt(format!("a B-tree of type {tree}"), format!("type {found}")));
    }
    let _siblings = (cursor.address()?, cursor.address()?);
    Ok(Head { level, entries })
}

/// Checks that a node stands one level below its parent, so that no path is endless.
pub(super) fn check_level(cursor: &Cursor, expected: Option<u8>, found: u8) -> Found<()> {
    match expected {
        Some(level) if level != found => {
            Err(cursor.corrupt(format!("a B-tree node of level {level}"), format!("level {found}")))
        }
        _ => Ok(()),
    }
}

/// Bytes of a whole node, whose head says how many entries it has.
pub(super) fn whole(view: &View, address: u64, tree: u8, key: usize) -> Found<(Head, Bytes)> {
    let widths = view.facts.widths;
    let guess = view.get_up_to("B-tree node", address, 544)?;
    let mut cursor = view.cursor("B-tree node", &guess, address);
    let head = head(&mut cursor, tree)?;
    let bytes = view.get("B-tree node", address, node_length(widths, key, head.entries))?;
    Ok((head, bytes))
}

/// The addresses of the symbol-table nodes of a group's B-tree, in the order of names.
pub(super) fn group_leaves(view: &View, root: u64) -> Found<Vec<u64>> {
    let widths = view.facts.widths;
    let mut nodes = vec![(root, None)];
    let mut seen = std::collections::HashSet::from([root]);
    loop {
        let level = super::fault::each(nodes.iter().copied(), |(address, expected)| {
            let (head, bytes) = whole(view, address, 0, widths.length)?;
            let mut cursor = view.cursor("B-tree node", &bytes, address);
            check_level(&cursor, expected, head.level)?;
            cursor.skip(head_length(widths))?;
            let mut children = Vec::with_capacity(head.entries);
            for _ in 0..head.entries {
                let _key = cursor.length()?;
                children.push(cursor.defined_address()?);
            }
            Ok((head.level, children))
        })?;
        let leaves = level.iter().all(|(level, _)| *level == 0);
        let children = level.iter().flat_map(|(level, children)| children.iter().map(|child| (*child, *level)));
        nodes = children.map(|(child, level)| (child, level.checked_sub(1))).collect();
        if let Some((again, _)) = nodes.iter().find(|(child, _)| !seen.insert(*child)) {
            let at = view.absolute(*again);
            return Err(super::fault::Fault::corrupt("B-tree node", at, "nodes with one parent", "a node met before"));
        }
        if leaves {
            return Ok(nodes.into_iter().map(|(child, _)| child).collect());
        }
    }
}

/// One chunk of a leaf, or one child of an inner node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChunkEntry {
    pub(super) length: u32,
    pub(super) filter_mask: u32,
    pub(super) address: u64,
}

/// Runs over the entries of a chunk node; `offsets` holds where each chunk begins, in elements.
pub(super) fn chunk_entries(
    cursor: &mut Cursor,
    entries: usize,
    offsets: &mut [u64],
    mut visit: impl FnMut(&Cursor, ChunkEntry, &[u64]) -> Result<(), Stop>,
) -> Found<()> {
    for _ in 0..entries {
        let (length, filter_mask) = (cursor.u32()?, cursor.u32()?);
        // After them the offset within an element, always 0.
        let (places, _) = cursor.take(8 * (offsets.len() + 1))?.as_chunks::<8>();
        offsets.iter_mut().zip(places).for_each(|(offset, place)| *offset = u64::from_le_bytes(*place));
        let address = cursor.defined_address()?;
        visit(cursor, ChunkEntry { length, filter_mask, address }, offsets)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_leaf_of_chunks() {
        let widths = Widths { address: 4, length: 4 };
        let mut bytes = b"TREE\x01\0\x02\0\xff\xff\xff\xff\xff\xff\xff\xff".to_vec();
        for (length, mask, begin, address) in [(10u32, 0u32, 0u64, 100u32), (11, 2, 5, 200)] {
            bytes.extend(length.to_le_bytes());
            bytes.extend(mask.to_le_bytes());
            bytes.extend(begin.to_le_bytes());
            bytes.extend([0; 8]);
            bytes.extend(address.to_le_bytes());
        }
        let mut cursor = Cursor::new("node", &bytes, 0, widths);
        let head = head(&mut cursor, 1).unwrap();
        assert_eq!(head, Head { level: 0, entries: 2 });
        let mut found = Vec::new();
        chunk_entries(&mut cursor, 2, &mut [0], |_, entry, at| {
            found.push((entry.length, entry.filter_mask, entry.address, at[0]));
            Ok(())
        })
        .unwrap();
        assert_eq!(found, [(10, 0, 100, 0), (11, 2, 200, 5)]);
        assert!(super::head(&mut Cursor::new("node", &bytes, 0, widths), 0).is_err());
    }
}
