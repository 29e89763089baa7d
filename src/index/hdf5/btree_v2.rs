//! Version-2 B-trees (HDF5 File Format Specification 3.0, III.A.2).

use super::bytes::{Cursor, width_for};
use super::checksum;
use super::fault::{Fault, Found, each};
use super::store::View;

/// Depths that a tree within a file of 2^64 bytes cannot exceed.
const DEEPEST: u16 = 32;
/// Signature, version, type and checksum of a node.
const NODE_FRAME: u64 = 10;

/// A tree: its records' size, and how its nodes are cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tree {
    pub(super) record_type: u8,
    node_size: u64,
    record_size: usize,
    /// How wide the record counts are in child pointers.
    count_width: usize,
    /// How wide the counts of records below are, for children of each depth (0 for leaves, which have none).
    total_widths: Vec<usize>,
    pub(super) root: Option<NodeAt>,
}

/// A node to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NodeAt {
    pub(super) address: u64,
    records: u64,
    /// 0 for a leaf.
    depth: u16,
}

/// Reads the header of a tree.
pub(super) fn open(view: &View, address: u64) -> Found<Tree> {
    let widths = view.facts.widths;
    let bytes = view.get("B-tree header", address, (22 + widths.address + widths.length) as u64)?;
    let mut cursor = view.cursor("B-tree header", &bytes, address);
    cursor.signature(b"BTHD")?;
    checksum::verify("B-tree header", &bytes, view.absolute(address))?;
    cursor.version(0)?;
    let record_type = cursor.u8()?;
    let (node_size, record_size, depth) = (u64::from(cursor.u32()?), usize::from(cursor.u16()?), cursor.u16()?);
    cursor.skip(2)?;
    let root = cursor.address()?;
    let records = u64::from(cursor.u16()?);
    if depth > DEEPEST || record_size == 0 || node_size < NODE_FRAME + record_size as u64 {
        return Err(cursor.corrupt(
            format!("a depth of at most {DEEPEST} and nodes that hold a record"),
            format!("depth {depth}, nodes of {node_size} bytes, records of {record_size}"),
        ));
    }
    let in_leaf = (node_size - NODE_FRAME) / record_size as u64;
    let count_width = width_for(in_leaf);
    let (mut below, mut total_widths) = (in_leaf, vec![0]);
    for level in 1..=depth {
        let pointer = (widths.address + count_width + total_widths[usize::from(level) - 1]) as u64;
        let here = node_size.saturating_sub(NODE_FRAME + pointer) / (record_size as u64 + pointer);
        below = here.saturating_add(1).saturating_mul(below).saturating_add(here);
        total_widths.push(width_for(below));
    }
    let root = root.filter(|_| records > 0).map(|address| NodeAt { address, records, depth });
    Ok(Tree { record_type, node_size, record_size, count_width, total_widths, root })
}

impl Tree {
    /// The bytes of a node.
    pub(super) fn node_length(&self) -> u64 {
        self.node_size
    }

    /// Reads a node: its records go to `visit`, its children are returned.
    pub(super) fn node(
        &self,
        view: &View,
        node: NodeAt,
        bytes: &[u8],
        mut visit: impl FnMut(Cursor, &[u8]) -> Found<()>,
    ) -> Found<Vec<NodeAt>> {
        let mut cursor = view.cursor("B-tree node", bytes, node.address);
        cursor.signature(if node.depth == 0 { b"BTLF" } else { b"BTIN" })?;
        cursor.version(0)?;
        let found = cursor.u8()?;
        if found != self.record_type {
            return Err(cursor.corrupt(format!("records of type {}", self.record_type), format!("type {found}")));
        }
        let records = cursor.position();
        let count = usize::try_from(node.records).unwrap_or(usize::MAX);
        cursor.skip(count.saturating_mul(self.record_size))?;
        let mut children = Vec::new();
        if node.depth > 0 {
            let below = node.depth - 1;
            for _ in 0..=count {
                let address = cursor.defined_address()?;
                let records = cursor.uint(self.count_width)?;
                cursor.skip(self.total_widths[usize::from(below)])?;
                children.push(NodeAt { address, records, depth: below });
            }
        }
        let end = cursor.position();
        cursor.skip(4)?;
        checksum::verify("B-tree node", &bytes[..end + 4], view.absolute(node.address))?;
        for number in 0..count {
            let at = records + number * self.record_size;
            let record = &bytes[at..at + self.record_size];
            let address = node.address.saturating_add(at as u64);
            visit(view.cursor("B-tree record", record, address), record)?;
        }
        Ok(children)
    }
}

/// The records of a tree, one after the other.
#[derive(Debug)]
pub(super) struct Records {
    bytes: Vec<u8>,
    record_size: usize,
}

impl Records {
    /// Each record.
    pub(super) fn iter(&self) -> std::slice::ChunksExact<'_, u8> {
        self.bytes.chunks_exact(self.record_size)
    }
}

/// All records of a small tree, such as the names of a group, in no particular order.
pub(super) fn records(view: &View, address: u64, types: &[u8]) -> Found<Records> {
    let tree = open(view, address)?;
    if !types.contains(&tree.record_type) {
        let found = format!("type {}", tree.record_type);
        return Err(Fault::corrupt(
            "B-tree header",
            view.absolute(address),
            format!("records of type {types:?}"),
            found,
        ));
    }
    let mut bytes = Vec::new();
    let mut level: Vec<NodeAt> = tree.root.into_iter().collect();
    let mut seen = std::collections::HashSet::new();
    while !level.is_empty() {
        if let Some(again) = level.iter().find(|node| !seen.insert(node.address)) {
            let at = view.absolute(again.address);
            return Err(Fault::corrupt("B-tree node", at, "nodes with one parent", "a node met before"));
        }
        let children = each(level, |node| {
            let whole = view.get("B-tree node", node.address, tree.node_length())?;
            tree.node(view, node, &whole, |_, record| {
                view.spend_memory(record.len())?;
                bytes.extend_from_slice(record);
                Ok(())
            })
        })?;
        level = children.into_iter().flatten().collect();
    }
    Ok(Records { bytes, record_size: tree.record_size })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::testing::{Image, words};
    use super::*;

    fn header(depth: u8, root_records: u8) -> Vec<u8> {
        let mut bytes = b"BTHD\0\x05".to_vec();
        bytes.extend([64, 0, 0, 0, 11, 0, depth, 0, 100, 40]);
        bytes.extend(words(&[100]));
        bytes.extend([root_records, 0]);
        bytes.extend(words(&[3]));
        bytes
    }

    fn leaf(records: &[&[u8; 11]]) -> Vec<u8> {
        let mut bytes = b"BTLF\0\x05".to_vec();
        records.iter().for_each(|record| bytes.extend(*record));
        bytes
    }

    fn tree(second: u64) -> Image {
        let mut inner = b"BTIN\0\x05".to_vec();
        inner.extend(b"record two.");
        for child in [200, second] {
            inner.extend(words(&[child]));
            inner.push(1);
        }
        Image::default()
            .put_summed(0, header(1, 1))
            .put_summed(100, inner)
            .put_summed(200, leaf(&[b"record one."]))
            .put_summed(300, leaf(&[b"record 3..."]))
            .put(363, [0])
    }

    #[test]
    fn all_records_are_found() {
        let records = tree(300).parse(|view| records(view, 0, &[5])).unwrap();
        let mut found: Vec<&[u8]> = records.iter().collect();
        found.sort_unstable();
        assert_eq!(found, [&b"record 3..."[..], b"record one.", b"record two."]);
    }

    #[test]
    fn broken_trees_are_named() {
        assert!(matches!(tree(200).parse(|view| records(view, 0, &[5])), Err(Fault::Corrupt { .. })));
        assert!(matches!(tree(300).parse(|view| records(view, 0, &[8])), Err(Fault::Corrupt { .. })));
        let mut changed = tree(300);
        changed.0[207] ^= 1;
        assert!(matches!(changed.parse(|view| records(view, 0, &[5])), Err(Fault::Corrupt { offset: 200, .. })));
        let deep = Image::default().put_summed(0, header(99, 1));
        assert!(matches!(deep.parse(|view| records(view, 0, &[5])), Err(Fault::Corrupt { .. })));
    }
}
