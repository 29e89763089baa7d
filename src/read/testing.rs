//! Files made in memory, their indexes, and cubes over them: what the tests of `read`, `write` and `verify` start from.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::sync::Arc;

use super::region::{Region, copy_region};
use crate::codec::encode_chunk;
use crate::model::{
    Array, ArrayData, ArrayValues, Attributes, ChunkGrid, ChunkLocation, ChunkManifest, CodecChain, DataType,
    Dimension, DimensionName, FileGroup, FileIndex, FileVariable, Group, Layout, Numbers, Placement, SmallValues,
    SourceFile, SourceUrl, Variable, VariableName, VariableSchema, VirtualCube,
};
use crate::storage::{ByteSource, MemoryFile, StorageError};

/// A variable to be put into a file.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    pub(crate) data_type: DataType,
    pub(crate) dimensions: Vec<&'static str>,
    pub(crate) shape: Vec<u64>,
    /// None: in one piece.
    pub(crate) chunk_shape: Option<Vec<u64>>,
    pub(crate) codecs: CodecChain,
    pub(crate) attributes: Attributes,
    pub(crate) fill_value: Option<Vec<u8>>,
    /// All elements, in the type's own byte order.
    pub(crate) bytes: Vec<u8>,
    /// Chunks that are not written.
    pub(crate) missing: Vec<u64>,
    /// Whether the index keeps the values.
    pub(crate) small: bool,
}

impl Spec {
    pub(crate) fn new(name: &'static str, dimensions: &[&'static str], shape: &[u64], numbers: &Numbers) -> Self {
        Self {
            name,
            data_type: DataType::little(numbers.primitive()),
            dimensions: dimensions.to_vec(),
            shape: shape.to_vec(),
            chunk_shape: None,
            codecs: CodecChain::default(),
            attributes: Attributes::new(),
            fill_value: None,
            bytes: numbers.to_bytes(crate::model::ByteOrder::Little),
            missing: vec![],
            small: false,
        }
    }

    pub(crate) fn chunked(mut self, chunk_shape: &[u64], codecs: &CodecChain) -> Self {
        self.chunk_shape = Some(chunk_shape.to_vec());
        self.codecs = codecs.clone();
        self
    }

    pub(crate) fn attribute(mut self, name: &str, value: crate::model::AttributeValue) -> Self {
        self.attributes.insert(name.into(), value);
        self
    }

    pub(crate) fn text(self, name: &str, text: &str) -> Self {
        self.attribute(name, crate::model::AttributeValue::Text(text.into()))
    }

    pub(crate) fn small(mut self) -> Self {
        self.small = true;
        self
    }
}

/// Puts variables into a file in memory.
pub(crate) fn file(path: &str, attributes: Attributes, specs: &[Spec]) -> (FileIndex, MemoryFile) {
    let mut content = b"not HDF5, but long enough".to_vec();
    let mut root = FileGroup { path: "/".into(), attributes: Arc::new(attributes), ..FileGroup::default() };
    for spec in specs {
        for (name, length) in spec.dimensions.iter().zip(&spec.shape) {
            let dimension = Dimension { length: *length, unlimited: *name == "time" };
            Arc::make_mut(&mut root.dimensions).insert(DimensionName::new(*name).unwrap(), dimension);
        }
        let variable = place(spec, &mut content);
        root.variables.insert(variable.name.clone(), variable);
    }
    let memory = MemoryFile::new(SourceUrl::from_path(path).unwrap(), content);
    let index = FileIndex { source: memory.file().clone(), format: "memory".into(), root, notes: vec![] };
    (index, memory)
}

fn place(spec: &Spec, content: &mut Vec<u8>) -> FileVariable {
    let chunk_shape = spec.chunk_shape.clone().unwrap_or_else(|| spec.shape.iter().map(|n| (*n).max(1)).collect());
    let grid = ChunkGrid::new(spec.shape.clone(), chunk_shape).unwrap();
    let size = spec.data_type.size().unwrap();
    let mut manifest = ChunkManifest::missing(usize::try_from(grid.chunk_count()).unwrap());
    for number in 0..grid.chunk_count() {
        if spec.missing.contains(&number) {
            continue;
        }
        let start: Vec<u64> = grid.coordinates(number).iter().zip(&grid.chunk_shape).map(|(at, n)| at * n).collect();
        let whole = Region { start: vec![0; start.len()], count: grid.shape.clone() };
        let chunk = Region { start: start.clone(), count: grid.chunk_shape.clone() };
        let common = chunk.intersection(&whole).unwrap();
        let elements = usize::try_from(grid.chunk_elements().unwrap()).unwrap();
        let mut raw = spec.fill_value.clone().unwrap_or_else(|| vec![0; size]).repeat(elements);
        let target = (&mut raw[..], &grid.chunk_shape[..]);
        copy_region((&spec.bytes, &grid.shape, 0), &start, target, &vec![0; start.len()], (&common.count, size));
        let stored = encode_chunk(&raw, &spec.codecs).unwrap();
        let location = ChunkLocation { offset: content.len() as u64, length: stored.len() as u64, filter_mask: 0 };
        content.extend_from_slice(&stored);
        content.push(0xaa);
        assert!(manifest.set(usize::try_from(number).unwrap(), location));
    }
    let array = Array::from_bytes(&spec.data_type, &spec.shape, &spec.bytes).unwrap();
    FileVariable {
        schema: Arc::new(VariableSchema {
            name: VariableName::new(spec.name).unwrap(),
            data_type: spec.data_type.clone(),
            dimensions: spec.dimensions.iter().map(|name| DimensionName::new(*name).unwrap()).collect(),
            attributes: Arc::new(spec.attributes.clone()),
            fill_value: spec.fill_value.clone(),
            layout: if spec.chunk_shape.is_some() { Layout::Chunked } else { Layout::Contiguous },
            codecs: spec.codecs.clone(),
            grid,
            unfiltered_edges: false,
        }),
        manifest: Arc::new(manifest),
        values: if spec.small { array.into() } else { SmallValues::NotRead },
    }
}

/// Joins files that fit one after the other along their first dimension: a stand-in for `combine`.
///
/// Small values are inlined (those along the join one after the other), all others placed; attributes are the first file's.
pub(crate) fn join(files: &[FileIndex], along: &str) -> VirtualCube {
    let first = &files[0].root;
    let mut root = Group { path: "/".into(), attributes: first.attributes.clone(), ..Group::default() };
    for (name, dimension) in first.dimensions.iter() {
        let length = |file: &FileIndex| file.root.dimensions[name.as_str()].length;
        let length = if name.as_str() == along { files.iter().map(length).sum() } else { dimension.length };
        Arc::make_mut(&mut root.dimensions).insert(name.clone(), Dimension { length, ..*dimension });
    }
    for variable in first.variables.values() {
        let joined = variable.dimensions.first().is_some_and(|name| name.as_str() == along);
        let parts: Vec<&FileVariable> = files.iter().map(|file| &file.root.variables[variable.name.as_str()]).collect();
        let parts = if joined { parts } else { vec![variable] };
        let shape: Vec<u64> = variable.dimensions.iter().map(|name| root.dimensions[name.as_str()].length).collect();
        let data = if variable.values.decoded().is_some() { inline(&parts, &shape) } else { placed(&parts) };
        root.variables.insert(
            variable.name.clone(),
            Variable {
                name: variable.name.clone(),
                data_type: variable.data_type.clone(),
                dimensions: variable.dimensions.clone(),
                shape,
                attributes: (*variable.attributes).clone(),
                fill_value: variable.fill_value.clone(),
                data,
                parts: Default::default(),
            },
        );
    }
    let joins = (files.len() > 1).then(|| DimensionName::new(along).unwrap()).into_iter().collect();
    VirtualCube {
        files: files.iter().map(|file| file.source.clone()).collect(),
        joins,
        root,
        choices: vec![],
        apart: vec![],
        notes: vec![],
    }
}

fn inline(parts: &[&FileVariable], shape: &[u64]) -> ArrayData {
    let order = parts[0].data_type.number().map_or(crate::model::ByteOrder::Little, |(_, order)| order);
    if let Some(ArrayValues::Strings(_)) = parts[0].values.decoded().map(|array| &array.values) {
        let texts = parts.iter().flat_map(|part| match &part.values.decoded().unwrap().values {
            ArrayValues::Strings(texts) => texts.clone(),
            _ => panic!("texts"),
        });
        return ArrayData::Inline(Array { shape: shape.to_vec(), values: ArrayValues::Strings(texts.collect()) });
    }
    let bytes: Vec<u8> =
        parts.iter().flat_map(|part| part.values.decoded().unwrap().to_bytes(order).unwrap()).collect();
    ArrayData::Inline(Array::from_bytes(&parts[0].data_type, shape, &bytes).unwrap())
}

fn placed(parts: &[&FileVariable]) -> ArrayData {
    let mut origin = 0;
    let mut placements = Vec::new();
    for (file, part) in parts.iter().enumerate() {
        let mut grid_origin = vec![0; part.grid.shape.len()];
        if let Some(first) = grid_origin.first_mut() {
            *first = origin;
        }
        origin += part.grid.grid_shape().first().copied().unwrap_or(1);
        placements.push(Placement {
            grid_origin,
            file,
            grid: part.grid.clone(),
            manifest: part.manifest.clone(),
            inlined: Default::default(),
        });
    }
    ArrayData::Placed { chunk_shape: parts[0].grid.chunk_shape.clone(), codecs: parts[0].codecs.clone(), placements }
}

/// Opens files in memory by URL.
pub(crate) struct Files(pub(crate) HashMap<SourceUrl, MemoryFile>);

impl Files {
    pub(crate) fn new(files: impl IntoIterator<Item = MemoryFile>) -> Self {
        Self(files.into_iter().map(|file| (file.file().url.clone(), file)).collect())
    }

    pub(crate) fn open(&self, url: &SourceUrl) -> Result<Box<dyn ByteSource>, StorageError> {
        match self.0.get(url) {
            Some(file) => Ok(Box::new(file.clone())),
            None => Err(StorageError::Scheme { url: url.to_string(), scheme: "memory".into() }),
        }
    }
}

/// The sources of indexes, as they were recorded.
pub(crate) fn recorded(files: &[FileIndex]) -> Vec<SourceFile> {
    files.iter().map(|file| file.source.clone()).collect()
}
