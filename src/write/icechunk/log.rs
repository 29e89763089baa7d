//! The transaction log: what a commit changed.

use std::io;

use flatbuffers::{FlatBufferBuilder, WIPOffset};
use icechunk_format::flatbuffers::generated;
use icechunk_format::format_constants::FileTypeBin;
use icechunk_format::{NodeId, SnapshotId};

use super::envelope::sealed;
use crate::model::IcechunkVersion;

/// Which nodes a commit changed, each list in any order.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) new_groups: Vec<NodeId>,
    pub(super) new_arrays: Vec<NodeId>,
    pub(super) deleted_groups: Vec<NodeId>,
    pub(super) deleted_arrays: Vec<NodeId>,
    pub(super) updated_groups: Vec<NodeId>,
    pub(super) updated_arrays: Vec<NodeId>,
}

/// The log, filled as chunks are written: a few bytes each.
pub(super) struct ChunkLog {
    builder: FlatBufferBuilder<'static>,
    chunks: Vec<WIPOffset<generated::ChunkIndices<'static>>>,
    arrays: Vec<(NodeId, WIPOffset<generated::ArrayUpdatedChunks<'static>>)>,
}

impl ChunkLog {
    pub(super) fn new() -> Self {
        let builder = FlatBufferBuilder::with_capacity(1 << 12);
        Self { builder, chunks: Vec::new(), arrays: Vec::new() }
    }

    /// A chunk of the array that is being written; they come in C order.
    pub(super) fn chunk(&mut self, place: &[u32]) {
        let coords = Some(self.builder.create_vector(place));
        self.chunks.push(generated::ChunkIndices::create(&mut self.builder, &generated::ChunkIndicesArgs { coords }));
    }

    /// The array is written.
    pub(super) fn end_array(&mut self, node: &NodeId) {
        if self.chunks.is_empty() {
            return;
        }
        let chunks = Some(self.builder.create_vector(&self.chunks));
        self.chunks.clear();
        let id = generated::ObjectId8::new(&node.0);
        let arguments = generated::ArrayUpdatedChunksArgs { node_id: Some(&id), chunks };
        let array = generated::ArrayUpdatedChunks::create(&mut self.builder, &arguments);
        self.arrays.push((node.clone(), array));
    }

    /// The object of the log.
    pub(super) fn sealed(mut self, id: &SnapshotId, version: IcechunkVersion, changes: Changes) -> io::Result<Vec<u8>> {
        let builder = &mut self.builder;
        let mut list = |mut nodes: Vec<NodeId>| {
            nodes.sort();
            let nodes: Vec<_> = nodes.iter().map(|node| generated::ObjectId8::new(&node.0)).collect();
            Some(builder.create_vector(&nodes))
        };
        let (new_groups, new_arrays) = (list(changes.new_groups), list(changes.new_arrays));
        let (deleted_groups, deleted_arrays) = (list(changes.deleted_groups), list(changes.deleted_arrays));
        let (updated_groups, updated_arrays) = (list(changes.updated_groups), list(changes.updated_arrays));
        self.arrays.sort_by(|(a, _), (b, _)| a.cmp(b));
        let updated: Vec<_> = self.arrays.iter().map(|(_, array)| *array).collect();
        let updated_chunks = Some(builder.create_vector(&updated));
        let moved = builder.create_vector::<WIPOffset<generated::MoveOperation<'_>>>(&[]);
        let id = generated::ObjectId12::new(&id.0);
        let arguments = generated::TransactionLogArgs {
            id: Some(&id),
            new_groups,
            new_arrays,
            deleted_groups,
            deleted_arrays,
            updated_arrays,
            updated_groups,
            updated_chunks,
            moved_nodes: (version == IcechunkVersion::V2).then_some(moved),
            extra: None,
        };
        let log = generated::TransactionLog::create(builder, &arguments);
        builder.finish(log, Some("Ichk"));
        sealed(FileTypeBin::TransactionLog, version, builder.finished_data())
    }
}
