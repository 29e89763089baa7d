//! Finding every chunk of a dataset, whatever its index is.

use std::collections::HashSet;

use super::beside;
use super::btree_v1;
use super::btree_v2::{self, NodeAt, Tree};
use super::bytes::Cursor;
use super::extensible_array;
use super::fault::{Fault, Found, Stop};
use super::fixed_array;
use super::message::layout::ChunkIndex;
use super::placer::Placer;
use super::store::{Aside, View};
use crate::model::ChunkManifest;

/// How many chunks one variable may have: a grid may be larger than its file, for chunks need not be written.
pub(super) const MOST_CHUNKS: u64 = 64 << 20;

/// A piece of an index that is still to be read.
#[derive(Debug, Clone)]
enum Node {
    BtreeV1 { address: u64, length: u64, level: Option<u8> },
    BtreeV2Header { address: u64 },
    BtreeV2(NodeAt),
    FixedArray(fixed_array::Piece),
    ExtensibleArray(extensible_array::Piece),
}

impl Node {
    fn address(&self) -> u64 {
        match self {
            Self::BtreeV1 { address, .. } | Self::BtreeV2Header { address } => *address,
            Self::BtreeV2(node) => node.address,
            Self::FixedArray(piece) => piece.address(),
            Self::ExtensibleArray(piece) => piece.address(),
        }
    }
}

/// Walks over an index level by level; each piece is parsed as soon as its bytes are there, and let go.
#[derive(Debug)]
pub(super) struct ChunkWalk {
    placer: Placer,
    pending: Vec<Node>,
    /// How many of them were asked for last.
    asked: usize,
    tree: Option<Tree>,
    seen: HashSet<u64>,
    /// Where the chunk at hand begins, in elements.
    offsets: Vec<u64>,
}

impl ChunkWalk {
    /// A walk over the index at an address.
    pub(super) fn new(view: &View, placer: Placer, index: ChunkIndex, address: u64) -> Found<Self> {
        let offsets = vec![0; placer.coordinates.len()];
        let (pending, seen) = (Vec::new(), HashSet::from([address]));
        let mut walk = Self { placer, pending, asked: 0, tree: None, seen, offsets };
        match index {
            ChunkIndex::BtreeV1 => {
                let key = walk.key_length();
                let length = btree_v1::usual_length(view.facts.widths, key);
                walk.pending.push(Node::BtreeV1 { address, length, level: None });
            }
            ChunkIndex::BtreeV2 => walk.pending.push(Node::BtreeV2Header { address }),
            ChunkIndex::FixedArray => walk.pending.push(Node::FixedArray(fixed_array::Piece::Header { address })),
            ChunkIndex::ExtensibleArray => {
                walk.pending.push(Node::ExtensibleArray(extensible_array::Piece::Header { address }));
            }
            ChunkIndex::Single { filtered } => {
                let (length, mask) = filtered.unwrap_or((0, 0));
                walk.placer.place(view, address, length, mask)?;
            }
            ChunkIndex::Implicit => walk.place_all(view, address)?,
        }
        Ok(walk)
    }

    /// Reads as far as the bytes at hand allow.
    pub(super) fn run(&mut self, view: &View) -> Found<()> {
        loop {
            let asked = std::mem::take(&mut self.asked);
            if asked > 1 {
                self.run_beside(view, asked)?;
            }
            let nodes = std::mem::take(&mut self.pending);
            if nodes.is_empty() {
                return Ok(());
            }
            let mut waiting = Vec::new();
            let count = nodes.len();
            let mut nodes = nodes.into_iter();
            for node in nodes.by_ref() {
                match self.node(view, &node) {
                    Ok(()) => {}
                    Err(Stop::Need) => waiting.push(node),
                    Err(fault) => return Err(fault),
                }
                if view.round_is_full() && !waiting.is_empty() {
                    break;
                }
            }
            self.asked = waiting.len();
            // What is at hand stands before what was not yet asked for.
            waiting.extend(nodes);
            let progress = waiting.len() < count;
            waiting.append(&mut self.pending);
            self.pending = waiting;
            if !progress {
                return Err(Stop::Need);
            }
        }
    }

    /// Parses the first nodes, which were asked for, in several threads if they are many.
    fn run_beside(&mut self, view: &View, asked: usize) -> Found<()> {
        let parts = view.parts();
        if parts < 2 {
            return Ok(());
        }
        let mut nodes = std::mem::take(&mut self.pending);
        let later = nodes.split_off(asked.min(nodes.len()));
        let size = nodes.len().div_ceil(parts).max(1);
        let tasks: Vec<(Self, Aside)> = nodes.chunks(size).map(|nodes| (self.aside(nodes), view.aside())).collect();
        let parts = beside::each(tasks, |(mut walk, mut aside)| {
            let waiting = aside.run(|view| walk.run_once(view));
            (walk, aside, waiting)
        });
        let mut children = Vec::new();
        for (walk, aside, waiting) in parts {
            view.take_back(&aside)?;
            self.pending.extend(waiting?);
            for child in walk.pending {
                // A node that is longer than thought is no child.
                if walk.seen.contains(&child.address()) {
                    self.meet(view, child.address())?;
                }
                children.push(child);
            }
            self.placer.take_back(walk.placer);
        }
        self.pending.extend(later);
        self.pending.append(&mut children);
        Ok(())
    }

    /// A walk over these nodes for another thread.
    fn aside(&mut self, nodes: &[Node]) -> Self {
        Self {
            placer: self.placer.aside(),
            pending: nodes.to_vec(),
            asked: 0,
            tree: self.tree.clone(),
            seen: HashSet::new(),
            offsets: self.offsets.clone(),
        }
    }

    /// Parses the nodes that are at hand, and gives back the others; their children are then pending.
    fn run_once(&mut self, view: &View) -> Found<Vec<Node>> {
        let mut waiting = Vec::new();
        for node in std::mem::take(&mut self.pending) {
            match self.node(view, &node) {
                Ok(()) => {}
                Err(Stop::Need) => waiting.push(node),
                Err(fault) => return Err(fault),
            }
        }
        Ok(waiting)
    }

    /// The chunks found.
    pub(super) fn into_manifest(self) -> ChunkManifest {
        let mut manifest = self.placer.manifest;
        manifest.pack();
        manifest
    }

    fn key_length(&self) -> usize {
        8 + 8 * (self.placer.coordinates.len() + 1)
    }

    fn place_all(&mut self, view: &View, address: u64) -> Found<()> {
        // Only the chunks of the array as it is: its index counts by the greatest lengths it may grow to.
        let counts: Vec<u64> = self.placer.grid.clone();
        for number in 0..self.placer.manifest.len() as u64 {
            let (mut rest, mut index, mut stride) = (number, 0u64, 1u64);
            for (dimension, count) in counts.iter().enumerate().rev() {
                self.placer.coordinates[dimension] = rest % count;
                rest /= count;
            }
            for (dimension, possible) in self.placer.counting.iter().rev() {
                index = index.saturating_add(self.placer.coordinates[*dimension].saturating_mul(stride));
                stride = stride.saturating_mul(*possible);
            }
            let at = address.saturating_add(index.saturating_mul(self.placer.chunk_bytes));
            self.placer.place(view, at, 0, 0)?;
        }
        Ok(())
    }

    /// Notes a piece that is met; each may be met once.
    fn meet(&mut self, view: &View, address: u64) -> Found<()> {
        if self.seen.insert(address) {
            return Ok(());
        }
        Err(Fault::corrupt("chunk index", view.absolute(address), "pieces with one parent", "a piece met before"))
    }

    fn node(&mut self, view: &View, node: &Node) -> Found<()> {
        match node {
            Node::BtreeV1 { address, length, level } => self.btree_v1(view, *address, *length, *level),
            Node::BtreeV2Header { address } => {
                let tree = btree_v2::open(view, *address)?;
                self.pending.extend(tree.root.map(Node::BtreeV2));
                self.tree = Some(tree);
                Ok(())
            }
            Node::BtreeV2(node) => self.btree_v2(view, *node),
            Node::FixedArray(piece) => {
                for piece in piece.read(view, &mut self.placer)? {
                    self.meet(view, piece.address())?;
                    self.pending.push(Node::FixedArray(piece));
                }
                Ok(())
            }
            Node::ExtensibleArray(piece) => {
                for piece in piece.read(view, &mut self.placer)? {
                    self.meet(view, piece.address())?;
                    self.pending.push(Node::ExtensibleArray(piece));
                }
                Ok(())
            }
        }
    }

    fn btree_v1(&mut self, view: &View, address: u64, length: u64, level: Option<u8>) -> Found<()> {
        let widths = view.facts.widths;
        let length = length.min(view.left("B-tree node", address)?);
        let bytes = view.pass("B-tree node", address, length)?;
        let mut cursor = view.cursor("B-tree node", &bytes, address);
        let head = btree_v1::head(&mut cursor, 1)?;
        btree_v1::check_level(&cursor, level, head.level)?;
        // The key after the last entry is of no use, and may be cut off at the end of a file.
        let needed = btree_v1::node_length(widths, self.key_length(), head.entries) - self.key_length() as u64;
        if needed > length {
            view.location("B-tree node", address, needed)?;
            self.pending.push(Node::BtreeV1 { address, length: needed, level });
            return Ok(());
        }
        if head.level > 0 {
            return self.btree_v1_children(view, &mut cursor, head);
        }
        let mut offsets = std::mem::take(&mut self.offsets);
        let placer = &mut self.placer;
        let found = btree_v1::chunk_entries(&mut cursor, head.entries, &mut offsets, |cursor, entry, offsets| {
            placer.move_to(cursor, offsets)?;
            placer.place(view, entry.address, u64::from(entry.length), entry.filter_mask)
        });
        self.offsets = offsets;
        found
    }

    fn btree_v1_children(&mut self, view: &View, cursor: &mut Cursor, head: btree_v1::Head) -> Found<()> {
        let length = btree_v1::usual_length(view.facts.widths, self.key_length());
        for _ in 0..head.entries {
            cursor.skip(self.key_length())?;
            let address = cursor.defined_address()?;
            self.meet(view, address)?;
            self.pending.push(Node::BtreeV1 { address, length, level: Some(head.level - 1) });
        }
        Ok(())
    }

    fn btree_v2(&mut self, view: &View, node: NodeAt) -> Found<()> {
        let Some(tree) = self.tree.take() else { return Ok(()) };
        let read = self.btree_v2_node(view, &tree, node);
        self.tree = Some(tree);
        for child in read? {
            self.meet(view, child.address)?;
            self.pending.push(Node::BtreeV2(child));
        }
        Ok(())
    }

    fn btree_v2_node(&mut self, view: &View, tree: &Tree, node: NodeAt) -> Found<Vec<NodeAt>> {
        let bytes = view.pass("B-tree node", node.address, tree.node_length())?;
        let rank = self.placer.coordinates.len();
        let fixed = view.facts.widths.address + 8 * rank;
        let placer = &mut self.placer;
        tree.node(view, node, &bytes, |mut cursor, record| {
            let address = cursor.defined_address()?;
            let (length, mask) = match tree.record_type {
                10 => (0, 0),
                11 => (cursor.uint(record.len().saturating_sub(fixed + 4))?, cursor.u32()?),
                kind => return Err(cursor.corrupt("records of chunks", format!("records of type {kind}"))),
            };
            for at in &mut placer.coordinates {
                *at = cursor.u64()?;
            }
            placer.place(view, address, length, mask)
        })
    }
}
