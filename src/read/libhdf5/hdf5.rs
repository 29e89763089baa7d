//! HDF5 through libhdf5.

use hdf5_metno::dataset::{FillTime, FillValue};
use hdf5_metno::types::{FixedAscii, FixedUnicode, TypeDescriptor};
use hdf5_metno::{Dataset, File, H5Type, Hyperslab, SliceOrIndex};

use super::{Said, Wanted, lengths, place, within};
use crate::model::{DataType, Numbers, Primitive};
use crate::read::slab::{byte_length, filled};
use crate::read::{Region, read_slab};
use crate::storage::open_source;

/// What netCDF-C puts before the name of a variable that has a dimension's name but is not its coordinate.
pub(super) const NON_COORDINATE: &str = "_nc4_non_coord_";

#[allow(clippy::needless_pass_by_value)] // As `map_err` hands it over.
pub(super) fn said(error: hdf5_metno::Error) -> String {
    error.to_string()
}

/// A dataset by the key of its variable.
pub(super) fn dataset(file: &File, key: &str) -> Said<Dataset> {
    let (folder, name) = key.rsplit_once('/').map_or((String::new(), key), |(path, name)| (format!("{path}/"), name));
    let other = format!("{folder}{NON_COORDINATE}{name}");
    let key = if file.link_exists(&other) { &other } else { key };
    file.dataset(key).map_err(said)
}

pub(super) fn shape(dataset: &Dataset) -> Vec<u64> {
    dataset.shape().into_iter().map(|length| length as u64).collect()
}

pub(super) fn slab(file: &File, wanted: &Wanted<'_>) -> Said<Vec<u8>> {
    let dataset = dataset(file, wanted.key)?;
    if !has_all_filters(&dataset) {
        let source = open_source(&wanted.index.source.url).map_err(|error| error.to_string())?;
        let read = read_slab(wanted.variable, source.as_ref(), &wanted.region.start, &wanted.region.count);
        return read.map_err(|error| format!("a filter is not installed; and without it: {error}"));
    }
    let bytes = if has_undefined_elements(&dataset, wanted) {
        written(&dataset, wanted)?
    } else {
        within(wanted, &shape(&dataset), |region| elements(&dataset, &wanted.variable.data_type, region))?
    };
    if matches!(wanted.variable.data_type, DataType::FixedString { .. }) {
        return texts_as_stored(wanted, bytes);
    }
    Ok(bytes)
}

/// Whether the library knows the filters: those beyond its own are plug-ins. If it lacks one, the native reader reads instead.
pub(super) fn has_all_filters(dataset: &Dataset) -> bool {
    dataset.dcpl().is_ok_and(|properties| !properties.has_filters() || properties.all_filters_avail())
}

/// Whether the library leaves elements as they were in memory: those that were never written, of a dataset without fill value.
fn has_undefined_elements(dataset: &Dataset, wanted: &Wanted<'_>) -> bool {
    let properties = dataset.dcpl();
    let is_undefined = properties.is_ok_and(|properties| {
        properties.fill_time() == FillTime::Never || properties.fill_value_defined() == FillValue::Undefined
    });
    is_undefined && !is_fully_written(dataset, wanted.variable.grid.chunk_count())
}

/// Whether there is a place in the file for every element.
pub(super) fn is_fully_written(dataset: &Dataset, chunks: u64) -> bool {
    match dataset.num_chunks() {
        Some(found) => found as u64 >= chunks,
        None => dataset.offset().is_some() || dataset.layout() == hdf5_metno::dataset::Layout::Compact,
    }
}

/// The chunks that the index knows of, and fill between them.
fn written(dataset: &Dataset, wanted: &Wanted<'_>) -> Said<Vec<u8>> {
    let (variable, region) = (wanted.variable, wanted.region);
    let size = variable.data_type.size().unwrap_or(0);
    let mut out = filled(variable, byte_length(&region.count, size).unwrap_or(0), size);
    let grid = &variable.grid;
    let whole = Region { start: vec![0; grid.shape.len()], count: grid.shape.clone() };
    let inside = region.intersection(&whole);
    let locations = variable.manifest.iter().zip(0u64..).filter(|(location, _)| location.is_some());
    for (_, number) in locations {
        let start = grid.coordinates(number).iter().zip(&grid.chunk_shape).map(|(at, length)| at * length).collect();
        let chunk = Region { start, count: grid.chunk_shape.clone() };
        if let Some(common) = inside.as_ref().and_then(|inside| chunk.intersection(inside)) {
            place(&elements(dataset, &variable.data_type, &common)?, &common, region, &mut out, size);
        }
    }
    Ok(out)
}

/// The library ends texts where they end; what a file holds behind that is taken from our own reader, if all before it is the same.
fn texts_as_stored(wanted: &Wanted<'_>, texts: Vec<u8>) -> Said<Vec<u8>> {
    let size = wanted.variable.data_type.size().unwrap_or(1).max(1);
    let Ok(source) = open_source(&wanted.index.source.url) else { return Ok(texts) };
    let stored = read_slab(wanted.variable, source.as_ref(), &wanted.region.start, &wanted.region.count);
    let end = |text: &[u8]| -> Vec<u8> {
        let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
        text.trim_ascii_end().to_vec()
    };
    match stored {
        Ok(stored) if stored.chunks(size).map(end).eq(texts.chunks(size).map(end)) => Ok(stored),
        _ => Ok(texts),
    }
}

fn elements(dataset: &Dataset, data_type: &DataType, region: &Region) -> Said<Vec<u8>> {
    match data_type {
        DataType::FixedString { length } => texts(dataset, *length, region),
        other => {
            let (primitive, order) = other.number().ok_or_else(|| format!("{other} is no number"))?;
            Ok(numbers(dataset, primitive, region)?.to_bytes(order))
        }
    }
}

fn numbers(dataset: &Dataset, primitive: Primitive, region: &Region) -> Said<Numbers> {
    Ok(match primitive {
        Primitive::I8 => Numbers::I8(typed(dataset, region)?),
        Primitive::U8 => Numbers::U8(typed(dataset, region)?),
        Primitive::I16 => Numbers::I16(typed(dataset, region)?),
        Primitive::U16 => Numbers::U16(typed(dataset, region)?),
        Primitive::I32 => Numbers::I32(typed(dataset, region)?),
        Primitive::U32 => Numbers::U32(typed(dataset, region)?),
        Primitive::I64 => Numbers::I64(typed(dataset, region)?),
        Primitive::U64 => Numbers::U64(typed(dataset, region)?),
        Primitive::F32 => Numbers::F32(typed(dataset, region)?),
        Primitive::F64 => Numbers::F64(typed(dataset, region)?),
    })
}

fn typed<T: H5Type>(dataset: &Dataset, region: &Region) -> Said<Vec<T>> {
    if region.count.is_empty() {
        return dataset.read_raw::<T>().map_err(said);
    }
    let (start, count) = (lengths(&region.start)?, lengths(&region.count)?);
    let slices = start.into_iter().zip(count);
    let slices: Vec<SliceOrIndex> =
        slices.map(|(start, count)| SliceOrIndex::SliceCount { start, step: 1, count, block: 1 }).collect();
    let array = dataset.read_slice::<T, _, ndarray::IxDyn>(Hyperslab::from(slices)).map_err(said)?;
    Ok(array.into_raw_vec_and_offset().0)
}

/// Texts of a fixed number of bytes, each padded with zeros.
fn texts(dataset: &Dataset, length: u32, region: &Region) -> Said<Vec<u8>> {
    let descriptor = dataset.dtype().and_then(|data_type| data_type.to_descriptor()).map_err(said)?;
    let is_unicode = matches!(descriptor, TypeDescriptor::FixedUnicode(_));
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    // The library needs a type of a size that is known when this program is compiled.
    match length {
        0..=1 => texts_in::<1>(dataset, is_unicode, length, region),
        2..=16 => texts_in::<16>(dataset, is_unicode, length, region),
        17..=256 => texts_in::<256>(dataset, is_unicode, length, region),
        257..=4096 => texts_in::<4096>(dataset, is_unicode, length, region),
        _ => Err(format!("texts of {length} bytes are too long for this reader")),
    }
}

fn texts_in<const N: usize>(dataset: &Dataset, is_unicode: bool, length: usize, region: &Region) -> Said<Vec<u8>> {
    let padded = |text: &[u8]| {
        let mut text = text.to_vec();
        text.resize(length, 0);
        text
    };
    if is_unicode {
        let found: Vec<FixedUnicode<N>> = typed(dataset, region)?;
        return Ok(found.iter().flat_map(|text| padded(text.as_bytes())).collect());
    }
    let found: Vec<FixedAscii<N>> = typed(dataset, region)?;
    Ok(found.iter().flat_map(|text| padded(text.as_bytes())).collect())
}

/// How the library names a layout.
pub(super) fn layout_name(dataset: &Dataset) -> &'static str {
    use hdf5_metno::dataset::Layout as Found;
    match dataset.layout() {
        Found::Compact => "compact",
        Found::Contiguous => "contiguous",
        Found::Chunked => "chunked",
        Found::Virtual => "virtual",
    }
}
