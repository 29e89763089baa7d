//! Variables that some files lack: filled along the join, taken from the files that have them elsewhere. Both are noted.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::axis::is_time_like;
use super::conflict::note;
use super::join::Join;
use super::{INLINE_LIMIT, SourceValues, statics};
use crate::model::{
    Array, AttributeValue, ChunkGrid, ChunkManifest, FileIndex, FileVariable, Layout, Note, SmallValues, VariablePath,
};

/// A variable that stands in for one that a file lacks.
pub(super) struct StandIn {
    pub(super) file: usize,
    pub(super) path: VariablePath,
    pub(super) variable: FileVariable,
}

/// The stand-ins for all variables that some files lack and that can be filled, with a note for each variable.
///
/// A variable along the join needs a `_FillValue`: readers must see that nothing is there. What cannot be filled is left to be refused.
pub(super) fn stand_ins(
    files: &[&FileIndex],
    variables: &[BTreeMap<VariablePath, &FileVariable>],
    join: &Join,
    sources: &dyn SourceValues,
) -> (Vec<StandIn>, Vec<Note>) {
    let mut paths: Vec<&VariablePath> = variables.iter().flat_map(BTreeMap::keys).collect();
    paths.sort();
    paths.dedup();
    let (mut found, mut notes) = (Vec::new(), Vec::new());
    for path in paths {
        let lacking: Vec<usize> = (0..files.len()).filter(|file| !variables[*file].contains_key(path)).collect();
        let Some(holder) = (0..files.len()).find(|file| variables[*file].contains_key(path)) else { continue };
        if lacking.is_empty() {
            continue;
        }
        let model = variables[holder][path];
        let made: Option<Vec<FileVariable>> = match join.axis_of(&files[holder].root, path, model) {
            Some(axis) => lacking.iter().map(|file| filled(model, axis, join.lengths[*file])).collect(),
            None => known(model, files[holder], path, sources).map(|variable| vec![variable; lacking.len()]),
        };
        let Some(made) = made else { continue };
        let first = files[lacking[0]].source.url.to_string();
        let others = if lacking.len() > 1 { format!(" and {} more files", lacking.len() - 1) } else { String::new() };
        notes.push(note("variable_missing", path, format!("is not in {first}{others}")));
        let stand_in = |(file, variable): (&usize, FileVariable)| StandIn { file: *file, path: path.clone(), variable };
        found.extend(lacking.iter().zip(made).map(stand_in));
    }
    (found, notes)
}

/// A part of a variable in which nothing was ever written.
fn filled(model: &FileVariable, axis: usize, length: u64) -> Option<FileVariable> {
    let Some(AttributeValue::Numbers(fill)) = model.attributes.get("_FillValue") else { return None };
    let (primitive, order) = model.data_type.number()?;
    if is_time_like(model) || fill.len() != 1 || fill.primitive() != primitive {
        return None;
    }
    let mut shape = model.grid.shape.clone();
    *shape.get_mut(axis)? = length;
    let mut chunk_shape = model.grid.chunk_shape.clone();
    if model.codecs.is_empty() {
        // Unfiltered chunks can be cut anywhere: this part asks for nothing.
        chunk_shape[axis] = 1;
    }
    let grid = ChunkGrid::new(shape.clone(), chunk_shape)?;
    let count = shape.iter().try_fold(1u64, |product, length| product.checked_mul(*length))?;
    let bytes = fill.to_bytes(order);
    let is_small = count.checked_mul(bytes.len() as u64)? <= INLINE_LIMIT;
    let values = match is_small {
        true => {
            let all = bytes.repeat(usize::try_from(count).ok()?);
            SmallValues::Decoded(Array::from_bytes(&model.data_type, &shape, &all)?)
        }
        false => SmallValues::NotRead,
    };
    Some(FileVariable {
        fill_value: Some(bytes),
        layout: Layout::Chunked,
        manifest: Arc::new(ChunkManifest::missing(usize::try_from(grid.chunk_count()).ok()?)),
        grid,
        unfiltered_edges: false,
        values,
        ..model.clone()
    })
}

/// The variable as another file has it, its values at hand.
fn known(
    model: &FileVariable,
    holder: &FileIndex,
    path: &VariablePath,
    sources: &dyn SourceValues,
) -> Option<FileVariable> {
    let values = match &model.values {
        SmallValues::NotRead if statics::byte_size(model) <= INLINE_LIMIT => {
            SmallValues::Decoded(sources.values(holder, path).ok()?)
        }
        SmallValues::NotRead => return None,
        values => values.clone(),
    };
    Some(FileVariable { values, ..model.clone() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::{ByteOrder, Codec, CodecChain, DataType, DimensionName, Numbers, Primitive, VariableName};

    fn model(fill: Option<f32>) -> FileVariable {
        let attributes = fill.map(|fill| ("_FillValue".to_owned(), AttributeValue::Numbers(Numbers::F32(vec![fill]))));
        FileVariable {
            name: VariableName::new("tas").unwrap(),
            data_type: DataType::Number { primitive: Primitive::F32, order: ByteOrder::Big },
            dimensions: vec![DimensionName::new("time").unwrap()],
            attributes: Arc::new(attributes.into_iter().collect()),
            fill_value: None,
            layout: Layout::Contiguous,
            codecs: CodecChain::default(),
            grid: ChunkGrid::new(vec![4], vec![4]).unwrap(),
            unfiltered_edges: false,
            manifest: Arc::new(ChunkManifest::missing(1)),
            values: SmallValues::NotRead,
        }
    }

    #[test]
    fn what_is_not_there_is_fill() {
        let part = filled(&model(Some(-1.0)), 0, 3).unwrap();
        assert_eq!(part.fill_value, Some(vec![0xbf, 0x80, 0, 0]));
        assert_eq!((part.grid.shape.clone(), part.manifest.present()), (vec![3], 0));
        assert_eq!(*part.values.decoded().unwrap().numbers().unwrap(), Numbers::F32(vec![-1.0; 3]));
        assert!(filled(&model(None), 0, 3).is_none());
    }

    #[test]
    fn filtered_chunks_keep_their_length() {
        let deflated = FileVariable { codecs: CodecChain(vec![Codec::Deflate { level: 1 }]), ..model(Some(0.0)) };
        assert_eq!(filled(&deflated, 0, 8).unwrap().grid.chunk_shape, [4]);
        assert_eq!(filled(&model(Some(0.0)), 0, 8).unwrap().grid.chunk_shape, [1]);
    }
}
