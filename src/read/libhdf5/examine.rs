//! What the C libraries see in a file, beside what our index says of it.

use std::collections::{BTreeSet, HashSet};

use hdf5_metno::dataset::FillValue;
use hdf5_metno::datatype::ByteOrder as FoundOrder;
use hdf5_metno::types::{FloatSize, TypeDescriptor, VarLenAscii, VarLenUnicode};
use hdf5_metno::{Dataset, File, Group, LinkType, Location, LocationType};

use super::hdf5::{self, NON_COORDINATE, is_fully_written, layout_name};
use super::{Said, Wanted, netcdf3};
use crate::model::{
    Array, ArrayValues, ByteOrder, ChunkLocation, Codec, DataType, FileIndex, FileVariable, Layout, Note, Numbers,
    Primitive,
};
use crate::read::{Disagreement, Examination, Region};

/// The library walks all chunks before the one that is asked for: so many steps are taken in one variable.
const CHUNK_STEPS: usize = 2_000_000;

/// At least so many chunks of a variable are looked at.
const LEAST_CHUNKS: usize = 8;

/// Filters that the library knows by number.
fn filter_number(codec: &Codec) -> i32 {
    match codec {
        Codec::Deflate { .. } => 1,
        Codec::Shuffle { .. } => 2,
        Codec::Fletcher32 => 3,
        Codec::Zstd { .. } => 32015,
        Codec::Other { id, .. } => i32::from(*id),
    }
}

/// A file of HDF5.
pub(super) fn hdf5(file: &File, index: &FileIndex) -> Examination {
    let mut examination = Examination::default();
    let mut known = BTreeSet::new();
    for (path, variable) in index.root.all_variables() {
        if matches!(variable.data_type, DataType::Unsupported { .. }) {
            known.extend(hdf5::dataset(file, path.key()).ok().and_then(|dataset| identity(&dataset)));
            continue;
        }
        let seen = hdf5::dataset(file, path.key()).and_then(|dataset| {
            known.extend(identity(&dataset));
            Looked { file, dataset, index, key: path.key(), variable }.examine(&mut examination)
        });
        said(&mut examination, path.key(), seen);
    }
    for (key, dataset) in datasets(file) {
        examination.facts += 1;
        // The same object may stand under several names.
        let is_known = identity(&dataset).is_some_and(|identity| known.contains(&identity));
        if !is_known && !is_dimension_alone(&dataset) {
            let disagreement =
                Disagreement { variable: key, index: "no such variable".into(), reader: "a dataset".into() };
            examination.disagreements.push(disagreement);
        }
    }
    examination
}

/// What tells one object of a file from another.
fn identity(object: &Location) -> Option<String> {
    object.loc_info().ok().map(|info| format!("{:?}", info.token))
}

/// A failure of the library is a disagreement: the index says that the variable is there.
fn said(examination: &mut Examination, key: &str, seen: Said<()>) {
    if let Err(reason) = seen {
        let index = "a variable".into();
        examination.disagreements.push(Disagreement { variable: key.into(), index, reader: reason });
    }
}

/// All datasets that hard links lead to, each by one of its keys.
fn datasets(file: &File) -> Vec<(String, Dataset)> {
    let mut found = Vec::new();
    let root = file.as_group().ok().map(|root| (String::new(), root));
    let mut groups: Vec<(String, Group)> = root.into_iter().collect();
    let mut seen = BTreeSet::new();
    while let Some((prefix, group)) = groups.pop() {
        if identity(&group).is_none_or(|identity| !seen.insert(identity)) {
            continue;
        }
        let mut names = Vec::new();
        let _ = group.iter_visit_default(|name, link| {
            if link.link_type == LinkType::Hard {
                names.push(name.to_owned());
            }
            Ok(())
        });
        for name in names {
            match group.loc_type_by_name(&name) {
                Ok(LocationType::Dataset) => {
                    let key = format!("{prefix}{}", name.strip_prefix(NON_COORDINATE).unwrap_or(&name));
                    found.extend(group.dataset(&name).ok().map(|dataset| (key, dataset)));
                }
                Ok(LocationType::Group) => {
                    groups.extend(group.group(&name).ok().map(|inner| (format!("{prefix}{name}/"), inner)));
                }
                _ => {}
            }
        }
    }
    found
}

/// A dataset that netCDF-C made for a dimension without a variable.
fn is_dimension_alone(dataset: &Dataset) -> bool {
    let name = dataset.attr("NAME").and_then(|name| name.read_scalar::<hdf5_metno::types::FixedAscii<128>>());
    name.is_ok_and(|name| name.as_bytes().starts_with(b"This is a netCDF dimension but not a netCDF variable"))
}

/// One variable and its dataset.
struct Looked<'a> {
    file: &'a File,
    dataset: Dataset,
    index: &'a FileIndex,
    key: &'a str,
    variable: &'a FileVariable,
}

impl Looked<'_> {
    fn examine(&self, found: &mut Examination) -> Said<()> {
        let variable = self.variable;
        self.examine_type(found)?;
        // The library finds out the shape of a virtual dataset from its sources.
        if variable.layout.obstacle().is_some() {
            return Ok(());
        }
        found.compare(self.key, "shape", &variable.grid.shape, &hdf5::shape(&self.dataset));
        found.compare(self.key, "layout", &variable.layout.to_string().as_str(), &layout_name(&self.dataset));
        self.examine_fill(found);
        match variable.layout {
            Layout::Chunked => self.examine_chunks(found)?,
            Layout::Contiguous => self.examine_piece(found),
            _ => {}
        }
        if hdf5::has_all_filters(&self.dataset) {
            return self.examine_values(found);
        }
        let message =
            format!("{} is read by altostac alone: a filter of {} is not installed", self.key, variable.codecs);
        found.notes.push(Note::new("read_once", message).about(self.key));
        Ok(())
    }

    fn examine_type(&self, found: &mut Examination) -> Said<()> {
        let data_type = self.dataset.dtype().map_err(hdf5::said)?;
        let descriptor = data_type.to_descriptor().map_err(hdf5::said)?;
        let order = match data_type.byte_order() {
            FoundOrder::BigEndian => ByteOrder::Big,
            _ => ByteOrder::Little,
        };
        let expected = self.variable.data_type.numpy();
        found.compare(self.key, "type", &expected, &numpy(&descriptor, order));
        Ok(())
    }

    fn examine_fill(&self, found: &mut Examination) {
        let Some((primitive, order)) = self.variable.data_type.number() else { return };
        let Ok(properties) = self.dataset.dcpl() else { return };
        if properties.fill_value_defined() == FillValue::Undefined {
            return;
        }
        macro_rules! fill {
            ($kind:ident) => {
                properties.get_fill_value_as().ok().flatten().map(|fill| Numbers::$kind(vec![fill]))
            };
        }
        let fill = match primitive {
            Primitive::I8 => fill!(I8),
            Primitive::U8 => fill!(U8),
            Primitive::I16 => fill!(I16),
            Primitive::U16 => fill!(U16),
            Primitive::I32 => fill!(I32),
            Primitive::U32 => fill!(U32),
            Primitive::I64 => fill!(I64),
            Primitive::U64 => fill!(U64),
            Primitive::F32 => fill!(F32),
            Primitive::F64 => fill!(F64),
        };
        if let Some(fill) = fill {
            let own = self.variable.fill_value.clone().unwrap_or_else(|| vec![0; primitive.size()]);
            found.compare(self.key, "fill value", &Numbers::from_bytes(primitive, order, &own), &fill);
        }
    }

    /// Chunk shape, filters, how many chunks there are, and where some of them are: all, if they are not too many.
    fn examine_chunks(&self, found: &mut Examination) -> Said<()> {
        let (variable, key) = (self.variable, self.key);
        let chunk = self.dataset.chunk().unwrap_or_default().into_iter().map(|length| length as u64).collect();
        found.compare(key, "chunks of", &variable.grid.chunk_shape, &chunk);
        // Parameters that the crate does not expect make it see no filter at all.
        if let Ok(filters) = self.dataset.dcpl().and_then(|properties| properties.get_filters()) {
            let filters: Vec<i32> = filters.iter().map(hdf5_metno::filters::Filter::id).collect();
            found.compare(key, "filters", &variable.codecs.0.iter().map(filter_number).collect(), &filters);
        }
        let count = self.dataset.num_chunks().ok_or("its chunks cannot be counted")?;
        if chunk != variable.grid.chunk_shape {
            return Ok(());
        }
        let looked_at = (CHUNK_STEPS / count.max(1)).max(LEAST_CHUNKS).min(count);
        let (base, mut outside) = (self.file.userblock(), 0usize);
        let swapped = has_swapped_places(&self.dataset);
        let addresses: HashSet<u64> = if swapped {
            variable.manifest.iter().flatten().map(|location| location.offset).collect()
        } else {
            HashSet::new()
        };
        for at in (0..looked_at).map(|number| number.saturating_mul(count) / looked_at) {
            let info = self.dataset.chunk_info(at).ok_or_else(|| format!("there is no chunk {at} of {count}"))?;
            if swapped {
                let is_known = addresses.contains(&info.addr) || addresses.contains(&(info.addr + base));
                outside += usize::from(!is_known);
                continue;
            }
            let place: Vec<u64> = info.offset.iter().zip(&chunk).map(|(start, length)| start / length).collect();
            // Chunks outlive the shrinking of an array.
            let Some(number) = variable.grid.number(&place) else {
                outside += 1;
                continue;
            };
            let own = usize::try_from(number).ok().and_then(|number| variable.manifest.get(number));
            // Up to HDF5 1.14, addresses count from the end of the user block.
            let address = if own.is_some_and(|own| own.offset == info.addr) { info.addr } else { info.addr + base };
            let there = ChunkLocation { offset: address, length: info.size, filter_mask: info.filter_mask };
            found.compare(key, &format!("chunk {}", crate::read::chunk_key(&place)), &own, &Some(there));
        }
        let present = variable.manifest.present();
        let is_countable = looked_at == count || outside == 0 || present > count;
        if is_countable {
            found.compare(key, "number of chunks", &present, &(count - outside));
        }
        Ok(())
    }

    /// Where a variable in one piece is.
    fn examine_piece(&self, found: &mut Examination) {
        let own = self.variable.manifest.get(0).map(|location| location.offset);
        let is_empty = self.variable.grid.shape.contains(&0);
        let mut there = self.dataset.offset();
        if own.is_some() && own == there.map(|there| there + self.file.userblock()) {
            there = own;
        }
        if !is_empty {
            found.compare(self.key, "data at", &own, &there);
        }
    }

    /// The values that the index keeps.
    fn examine_values(&self, found: &mut Examination) -> Said<()> {
        let variable = self.variable;
        let Some(kept) = variable.values.decoded() else { return Ok(()) };
        if let ArrayValues::Strings(texts) = &kept.values {
            let is_readable = is_fully_written(&self.dataset, variable.grid.chunk_count());
            if kept.shape == variable.grid.shape && is_readable && !texts.is_empty() {
                compare_texts(found, self.key, texts, &read_texts(&self.dataset)?);
            }
            return Ok(());
        }
        let region = Region { start: vec![0; kept.shape.len()], count: kept.shape.clone() };
        let wanted = Wanted { index: self.index, key: self.key, variable, region: &region };
        let bytes = hdf5::slab(self.file, &wanted)?;
        compare_values(found, self.key, variable, kept, &bytes);
        Ok(())
    }
}

/// Up to HDF5 1.14, the library tells wrong places of chunks if one dimension is unlimited and not the first: it reads from the right
/// ones, but counts through an extensible array as if that dimension were the slowest.
fn has_swapped_places(dataset: &Dataset) -> bool {
    let longest = dataset.space().map(|space| space.maxdims()).unwrap_or_default();
    let unlimited: Vec<usize> =
        longest.iter().enumerate().filter(|(_, length)| length.is_none()).map(|(axis, _)| axis).collect();
    matches!(unlimited.as_slice(), [axis] if *axis > 0)
}

fn compare_values(found: &mut Examination, key: &str, variable: &FileVariable, kept: &Array, bytes: &[u8]) {
    found.facts += 1;
    if Array::from_bytes(&variable.data_type, &kept.shape, bytes).as_ref() == Some(kept) {
        return;
    }
    let order = variable.data_type.number().map_or(ByteOrder::Little, |(_, order)| order);
    let own = kept.to_bytes(order).unwrap_or_default();
    let size = variable.data_type.size().unwrap_or(1).max(1);
    let at = own.chunks(size).zip(bytes.chunks(size)).position(|(own, other)| own != other).unwrap_or(0);
    let element =
        |bytes: &[u8]| format!("element {at} of bytes {:02x?}", bytes.chunks(size).nth(at).unwrap_or_default());
    found.disagreements.push(Disagreement { variable: key.into(), index: element(&own), reader: element(bytes) });
}

fn compare_texts(found: &mut Examination, key: &str, own: &[String], other: &[String]) {
    found.facts += 1;
    if own == other {
        return;
    }
    let at = own.iter().zip(other).position(|(own, other)| own != other).unwrap_or(own.len().min(other.len()));
    let element = |texts: &[String]| format!("element {at} of {}: {:?}", texts.len(), texts.get(at));
    found.disagreements.push(Disagreement { variable: key.into(), index: element(own), reader: element(other) });
}

fn read_texts(dataset: &Dataset) -> Said<Vec<String>> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match dataset.dtype().and_then(|data_type| data_type.to_descriptor()).map_err(hdf5::said)? {
        TypeDescriptor::VarLenAscii => {
            let texts = dataset.read_raw::<VarLenAscii>().map_err(hdf5::said)?;
            Ok(texts.iter().map(|found| text(found.as_bytes())).collect())
        }
        _ => {
            let texts = dataset.read_raw::<VarLenUnicode>().map_err(hdf5::said)?;
            Ok(texts.iter().map(|found| text(found.as_bytes())).collect())
        }
    }
}

/// NumPy's name of a type as the library has it; `None` for types that no product carries.
fn numpy(descriptor: &TypeDescriptor, order: ByteOrder) -> Option<String> {
    let number = |kind: char, size: usize| {
        let order = match (size, order) {
            (1, _) => '|',
            (_, ByteOrder::Little) => '<',
            (_, ByteOrder::Big) => '>',
        };
        Some(format!("{order}{kind}{size}"))
    };
    match descriptor {
        TypeDescriptor::Integer(size) => number('i', *size as usize),
        TypeDescriptor::Unsigned(size) => number('u', *size as usize),
        TypeDescriptor::Float(FloatSize::U4) => number('f', 4),
        TypeDescriptor::Float(FloatSize::U8) => number('f', 8),
        TypeDescriptor::Enum(members) => number(if members.signed { 'i' } else { 'u' }, members.size as usize),
        TypeDescriptor::Boolean => number('i', 1),
        TypeDescriptor::FixedAscii(length) | TypeDescriptor::FixedUnicode(length) => Some(format!("|S{length}")),
        TypeDescriptor::VarLenAscii | TypeDescriptor::VarLenUnicode => Some("|O".into()),
        _ => None,
    }
}

/// A file of NetCDF-3.
pub(super) fn netcdf3(file: &netcdf::File, index: &FileIndex) -> Examination {
    let mut examination = Examination::default();
    let variables = index.root.all_variables();
    let names = |names: Vec<String>| names.into_iter().collect::<BTreeSet<_>>();
    let own = names(variables.iter().map(|(path, _)| path.key().to_owned()).collect());
    let other = names(file.variables().map(|variable| variable.name()).collect());
    examination.compare("", "variables", &own, &other);
    for (path, variable) in variables {
        let seen = examine_netcdf3(file, index, (path.key(), variable), &mut examination);
        said(&mut examination, path.key(), seen);
    }
    examination
}

fn examine_netcdf3(
    file: &netcdf::File,
    index: &FileIndex,
    (key, variable): (&str, &FileVariable),
    found: &mut Examination,
) -> Said<()> {
    use netcdf::types::{FloatType, IntType, NcVariableType};
    let other = netcdf3::variable(file, key)?;
    found.compare(key, "shape", &variable.grid.shape, &netcdf3::shape(&other));
    let name = match other.vartype() {
        NcVariableType::Int(IntType::I8) => "|i1",
        NcVariableType::Int(IntType::U8) => "|u1",
        NcVariableType::Int(IntType::I16) => ">i2",
        NcVariableType::Int(IntType::U16) => ">u2",
        NcVariableType::Int(IntType::I32) => ">i4",
        NcVariableType::Int(IntType::U32) => ">u4",
        NcVariableType::Int(IntType::I64) => ">i8",
        NcVariableType::Int(IntType::U64) => ">u8",
        NcVariableType::Float(FloatType::F32) => ">f4",
        NcVariableType::Float(FloatType::F64) => ">f8",
        NcVariableType::Char => "|S1",
        _ => "another",
    };
    found.compare(key, "type", &variable.data_type.numpy().as_deref(), &Some(name));
    if let Some(kept) = variable.values.decoded() {
        let region = Region { start: vec![0; kept.shape.len()], count: kept.shape.clone() };
        let bytes = netcdf3::slab(file, &Wanted { index, key, variable, region: &region })?;
        compare_values(found, key, variable, kept, &bytes);
    }
    Ok(())
}
