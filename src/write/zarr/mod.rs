//! A Zarr store: a copy of the values, rechunked.
//!
//! In: a [`VirtualCube`], the indexes of its files, and how the copy shall be cut. Out: chunks and shards, given to a [`StoreSink`] as soon
//! as they are encoded, and the documents of the store.
//!
//! | in the cube | in the store |
//! | --- | --- |
//! | a group | version 2: `.zgroup`, `.zattrs`; version 3: `zarr.json`; all of them consolidated too |
//! | numbers | little-endian, zstd for each chunk; in version 3 several chunks in one shard |
//! | texts | one chunk, as in Kerchunk (version 2) or Icechunk (version 3) |
//! | a chunk that no source has written | left out if readers make the same of it, else written |
//!
//! A variable is copied slab by slab (`slabs`): a slab is made of whole shards, and so large that each chunk of the sources is decoded once,
//! if the memory allows.

mod copy;
mod cut;
mod encode;
mod error;
mod field;
mod metadata;
mod origin;
mod part;
mod parts;
mod plain;
mod shape;
mod slabs;
mod strided;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::io;

pub use error::CopyError;

use copy::Tools;
use cut::Cut;
use field::Field;
use metadata::Documents;
use part::FilePart;
use shape::{Extent, chunk_shape, shard_shape, still_suits};

use super::{WriteError, zarr3};
use crate::codec::{STORING_ATTRIBUTES, Storing};
use crate::model::{
    Array, ArrayData, ArrayValues, AttributeValue, ByteOrder, ChunkGrid, DataType, FileIndex, Numbers, Primitive,
    SourceUrl, Variable, VariablePath, VirtualCube, ZarrPacking, ZarrSettings, ZarrVersion,
};
use crate::storage::{ByteSource, StorageError};

/// The factors of packed values.
const PACKING: [&str; 2] = ["scale_factor", "add_offset"];
/// Attributes whose numbers are packed too (CF 8.1): they mean nothing once the values are not.
const PACKED_RANGES: [&str; 3] = ["valid_min", "valid_max", "valid_range"];

/// Opens a source.
pub type Open<'a> = &'a (dyn Fn(&SourceUrl) -> Result<Box<dyn ByteSource>, StorageError> + Sync);

/// Where chunks and shards go.
pub trait StoreSink: Sync {
    /// How many chunks there are under a key already: from a run before this one that was cut off, or from a copy of the same `origin`, which says
    /// what the bytes follow from. `None` if it is to be written.
    fn has(&self, key: &str, origin: &str) -> Option<u64>;

    /// How an array was cut in an earlier copy by the same settings; it is cut so again where that still suits.
    fn earlier_cut(&self, key: &str) -> Option<ArrayCut> {
        let _ = key;
        None
    }

    /// Told how an array is cut.
    fn take_cut(&self, key: &str, cut: ArrayCut) {
        let _ = (key, cut);
    }

    /// Takes what belongs under a key: these pieces, one after the other. Without chunks nothing belongs there.
    ///
    /// # Errors
    /// If it cannot be kept.
    fn put(&self, key: &str, pieces: &[&[u8]], chunks: u64) -> io::Result<()>;

    /// Told when so many more bytes of values are done.
    fn advance(&self, bytes: u64);
}

/// How an array is cut.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ArrayCut {
    /// The shape of a chunk.
    pub chunk: Vec<u64>,
    /// The shape of a shard, if chunks are kept in shards.
    pub shard: Option<Vec<u64>>,
}

/// What was copied.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ZarrCopy {
    /// The documents of the store by their keys, the one that readers begin with first. They are to be written last.
    pub documents: Vec<(String, Vec<u8>)>,
    /// Chunks written.
    pub chunks: u64,
    /// Variables whose sources had to be decoded more than once, and how often, on average: more memory would have helped.
    pub amplified: Vec<(String, f64)>,
}

/// Bytes of values that [`copy_to_zarr`] tells of through [`StoreSink::advance`].
pub fn bytes_to_copy(cube: &VirtualCube) -> u64 {
    let variables = cube.root.all_variables().into_iter();
    let copied = variables.filter(|(_, variable)| variable.inline().is_none());
    let bytes = copied.map(|(_, variable)| {
        let size = variable.data_type.size().unwrap_or(0) as u64;
        variable.shape.iter().fold(size, |product, length| product.saturating_mul(*length))
    });
    bytes.fold(0, u64::saturating_add)
}

/// Copies the values of a cube. Runs on the threads of the rayon pool that it is called from.
///
/// `indexes` are those of the cube's files, in any order.
///
/// # Errors
/// [`CopyError`] if a source cannot be read or has changed, a value does not survive, the memory is too small, or the sink fails. What the
/// sink has by then is part of a later, whole copy.
pub fn copy_to_zarr(
    cube: &VirtualCube,
    indexes: &[FileIndex],
    settings: &ZarrSettings,
    open: Open<'_>,
    sink: &dyn StoreSink,
) -> Result<ZarrCopy, CopyError> {
    let by_url: HashMap<&SourceUrl, &FileIndex> = indexes.iter().map(|index| (&index.source.url, index)).collect();
    let files: Vec<Option<&FileIndex>> = cube.files.iter().map(|file| by_url.get(&file.url).copied()).collect();
    let tools = Tools { open, sink, level: settings.level, memory: settings.memory };
    let mut documents = Documents::new(settings.version);
    let mut done = ZarrCopy::default();
    let mut groups = VecDeque::from([&cube.root]);
    let times = times(cube);
    while let Some(group) = groups.pop_front() {
        let path = group.path.trim_matches('/');
        documents.group(path, &group.attributes);
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        for variable in group.variables.values() {
            let key = format!("{prefix}{}", variable.name);
            match &variable.data {
                ArrayData::Inline(array) => inline(&key, variable, array, settings, tools, &mut documents, &mut done)?,
                _ if matches!(variable.data_type, DataType::FixedString { .. })
                    && settings.version == ZarrVersion::V3 =>
                {
                    let array = texts(&key, variable, &files, settings, tools)?;
                    inline(&key, variable, &array, settings, tools, &mut documents, &mut done)?;
                }
                _ => {
                    let earlier = sink.earlier_cut(&key);
                    let (field, stored) = field(&key, variable, &files, settings, (&times, earlier))?;
                    sink.take_cut(&key, field.cut.told());
                    documents.numbers(&key, &stored, &field.cut, settings.level)?;
                    let copied = copy::copy(&field, tools)?;
                    done.chunks += copied.chunks;
                    if copied.amplification > 1.05 {
                        done.amplified.push((key, copied.amplification));
                    }
                }
            }
        }
        groups.extend(group.groups.values());
    }
    done.documents = documents.finish();
    Ok(done)
}

/// Every variable of a cube that [`copy_to_zarr`] would refuse before it reads anything, and why.
pub fn refused_by_zarr(
    (cube, indexes): (&VirtualCube, &[FileIndex]),
    settings: &ZarrSettings,
) -> Vec<(VariablePath, CopyError)> {
    let by_url: HashMap<&SourceUrl, &FileIndex> = indexes.iter().map(|index| (&index.source.url, index)).collect();
    let files: Vec<Option<&FileIndex>> = cube.files.iter().map(|file| by_url.get(&file.url).copied()).collect();
    let refused = |(path, variable): (VariablePath, &Variable)| {
        let error = match &variable.data {
            ArrayData::Inline(_) => metadata::examine(path.key(), &stored(variable, ZarrPacking::Keep), settings).err(),
            _ if matches!(variable.data_type, DataType::FixedString { .. }) => None,
            _ => field(path.key(), variable, &files, settings, (&[], None))
                .and_then(|(_, stored)| metadata::examine(path.key(), &stored, settings))
                .err(),
        };
        error.map(|error| (path, error))
    };
    cube.root.all_variables().into_iter().filter_map(refused).collect()
}

/// The names of dimensions that are time: they have a coordinate in units since some instant.
fn times(cube: &VirtualCube) -> Vec<&str> {
    let variables = cube.root.all_variables().into_iter();
    let is_time = |variable: &Variable| variable.text("units").is_some_and(|units| units.contains(" since "));
    let coordinates = variables.filter(|(_, variable)| {
        matches!(&variable.dimensions[..], [own] if own.as_str() == variable.name.as_str()) && is_time(variable)
    });
    coordinates.map(|(_, variable)| variable.name.as_str()).collect()
}

/// A variable as it is copied, and as its metadata have it.
fn field<'a>(
    key: &str,
    variable: &'a Variable,
    files: &[Option<&'a FileIndex>],
    settings: &ZarrSettings,
    (times, earlier): (&[&str], Option<ArrayCut>),
) -> Result<(Field<'a>, Variable), CopyError> {
    let mut stored = stored(variable, settings.packing);
    let is_copied = stored.data_type.number().is_some()
        || matches!(stored.data_type, DataType::FixedString { .. }) && settings.version == ZarrVersion::V2;
    let Some(size) = stored.data_type.size().filter(|_| is_copied) else {
        let (expected, found) = ("numbers, or texts of a fixed length", stored.data_type.to_string());
        return Err(WriteError::DataType { variable: key.into(), expected, found }.into());
    };
    let background = background(&stored);
    stored.fill_value = Some(background.clone());
    let dimensions: Vec<&str> = variable.dimensions.iter().map(|name| name.as_str()).collect();
    let is_time = dimensions.iter().map(|name| times.contains(name)).collect();
    let extent = Extent { dimensions, shape: &variable.shape, is_time, size: size as u64 };
    let chunk = chunk_shape(&extent, settings);
    let shard = match settings.version {
        ZarrVersion::V2 => None,
        ZarrVersion::V3 => shard_shape(&extent, &chunk, settings),
    };
    let chosen = ArrayCut { chunk, shard };
    let ArrayCut { chunk, shard } =
        earlier.filter(|cut| still_suits(cut, &chosen, &extent, settings)).unwrap_or(chosen);
    let grid = ChunkGrid::new(variable.shape.clone(), chunk).ok_or_else(|| WriteError::DataType {
        variable: key.into(),
        expected: "chunks that can be counted",
        found: format!("the shape {:?}", variable.shape),
    })?;
    let cut = Cut { version: settings.version, grid, shard };
    let parts = parts::of(key, variable, &stored, files)?;
    // What is recoded has been decided upon value by value; that holds for fill too.
    let is_readable = metadata::readable_fill(settings.version, &stored).is_some_and(|element| element == background)
        && !parts.iter().any(FilePart::is_recoded);
    Ok((Field::new(key.into(), cut, background, is_readable, parts), stored))
}

/// The variable as the store has it: little-endian; unpacked, if it shall be.
fn stored(variable: &Variable, packing: ZarrPacking) -> Variable {
    // Its values come from its parts.
    let data = ArrayData::Inline(Array { shape: Vec::new(), values: ArrayValues::Strings(Vec::new()) });
    let data_type = variable.data_type.with_order(ByteOrder::Little);
    let mut stored = Variable { data, data_type, ..variable.clone() };
    let Some((primitive, order)) = variable.data_type.number() else { return stored };
    let little = |bytes: Vec<u8>| Numbers::from_bytes(primitive, order, &bytes).to_bytes(ByteOrder::Little);
    stored.fill_value = variable.fill_value.clone().map(little);
    let factors: Vec<_> = PACKING.iter().filter_map(|name| variable.attributes.get(*name)).collect();
    if packing == ZarrPacking::Keep || factors.is_empty() {
        return stored;
    }
    // Readers unpack small numbers in binary32 if the factors are.
    let is_single = |value: &&AttributeValue| matches!(value, AttributeValue::Numbers(Numbers::F32(_)));
    let is_narrow = (primitive.size() <= 2 || primitive == Primitive::F32) && factors.iter().all(is_single);
    let plain = Storing::plain(if is_narrow { Primitive::F32 } else { Primitive::F64 });
    stored.data_type = plain.data_type().clone();
    stored
        .attributes
        .retain(|name, _| !STORING_ATTRIBUTES.contains(&name.as_str()) && !PACKED_RANGES.contains(&name.as_str()));
    stored.attributes.extend(plain.attributes().clone());
    stored.fill_value = None;
    stored
}

/// The element, little-endian, that stands where no file has anything: `_FillValue`, which readers take for nothing.
fn background(stored: &Variable) -> Vec<u8> {
    let Some((primitive, _)) = stored.data_type.number() else {
        return vec![0; stored.data_type.size().unwrap_or(0)];
    };
    match stored.attributes.get("_FillValue") {
        Some(AttributeValue::Numbers(fill)) if fill.len() == 1 && fill.primitive() == primitive => {
            fill.to_bytes(ByteOrder::Little)
        }
        _ => {
            let own = stored.fill_value.clone().filter(|bytes| bytes.len() == primitive.size());
            own.unwrap_or_else(|| vec![0; primitive.size()])
        }
    }
}

/// All texts of a variable that is too large for the cube to have it: version 3 has no type for them that could be cut into chunks.
fn texts(
    key: &str,
    variable: &Variable,
    files: &[Option<&FileIndex>],
    settings: &ZarrSettings,
    tools: Tools<'_>,
) -> Result<Array, CopyError> {
    let whole =
        ZarrSettings { version: ZarrVersion::V2, target: u64::MAX, chunks: Default::default(), ..settings.clone() };
    let (field, stored) = field(key, variable, files, &whole, (&[], None))?;
    let bytes = copy::whole(&field, Tools { memory: tools.memory / 4, ..tools })?;
    Array::from_bytes(&stored.data_type, &stored.shape, &bytes).ok_or_else(|| CopyError::Shape {
        variable: key.into(),
        found: format!("{} bytes for {:?}", bytes.len(), stored.shape),
    })
}

/// Values that the cube has are one chunk.
fn inline(
    key: &str,
    variable: &Variable,
    array: &Array,
    settings: &ZarrSettings,
    tools: Tools<'_>,
    documents: &mut Documents,
    done: &mut ZarrCopy,
) -> Result<(), CopyError> {
    let stored = Variable { fill_value: None, ..stored(variable, ZarrPacking::Keep) };
    let whole: Vec<u64> = variable.shape.iter().map(|length| (*length).max(1)).collect();
    let wrong = || WriteError::DataType {
        variable: key.into(),
        expected: "values of the variable's own type and number",
        found: format!("{} of {:?}", variable.data_type, array.shape),
    };
    let grid = ChunkGrid::new(variable.shape.clone(), whole).ok_or_else(wrong)?;
    let mut cut = Cut { version: settings.version, grid, shard: None };
    let is_number = stored.data_type.number().is_some();
    let chunk = match settings.version {
        ZarrVersion::V3 => zarr3::plain_chunk(key, &stored, array)?,
        ZarrVersion::V2 => plain::chunk(key, &stored, array)?,
    };
    if is_number {
        documents.numbers(key, &stored, &cut, settings.level)?;
    } else {
        documents.texts(key, &stored)?;
        if settings.version == ZarrVersion::V3 {
            let layout = zarr3::Layout::of(key, &stored)?;
            cut.grid = ChunkGrid::new(layout.shape.clone(), layout.one_chunk()).ok_or_else(wrong)?;
        }
    }
    let Some(mut chunk) = chunk else { return Ok(()) };
    if is_number {
        let failed =
            |error: &dyn std::fmt::Display| CopyError::Encode { variable: key.into(), reason: error.to_string() };
        chunk = encode::Encoders::new(settings.level).chunk(&chunk).map_err(|error| failed(&error))?;
    }
    let key = cut.unit_key(key, &vec![0; cut.grid.shape.len()]);
    done.chunks += 1;
    if tools.sink.has(&key, &origin::of_bytes(&chunk)).is_some() {
        return Ok(());
    }
    tools.sink.put(&key, &[&chunk], 1).map_err(|source| CopyError::Sink { key, source })
}
