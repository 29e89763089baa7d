//! Statistics of the values of data variables: every value of every file is read once, in pieces, and unpacked as readers unpack it.

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;

use super::chain;
use super::item::{coordinate_digests, failure, storage_error};
use crate::codec::Storing;
use crate::describe::{Purpose, read_purposes};
use crate::model::{
    Accumulator, ArrayData, Attributes, DataType, FileIndex, FileVariable, ItemError, Note, Numbers, Part, Statistics,
    Variable, VariablePath, VirtualCube,
};
use crate::read::read_values;
use crate::verify::OpenSource;

/// About so many bytes are read at once.
const PIECE: u64 = 8 << 20;

/// The data variables of a cube whose values are numbers and no times.
pub(super) fn asked(cube: &VirtualCube, indexes: &[FileIndex]) -> Vec<VariablePath> {
    let purposes = read_purposes(cube, &coordinate_digests(indexes));
    let is_asked = |(path, variable): &(VariablePath, &Variable)| {
        let is_time = variable.text("units").is_some_and(|units| units.contains(" since "));
        let is_data = purposes.get(path).is_some_and(|role| role.purpose == Purpose::Data);
        is_data && !is_time && variable.data_type.number().is_some()
    };
    cube.root.all_variables().into_iter().filter(is_asked).map(|(path, _)| path).collect()
}

/// The statistics of some variables of a cube over all its files; and notes on those that there are none of, as their values cannot be read.
pub(super) fn of_cube(
    cube: &VirtualCube,
    indexes: &[FileIndex],
    asked: &[VariablePath],
    open: OpenSource<'_>,
) -> (BTreeMap<VariablePath, Statistics>, Vec<Note>) {
    let by_url: HashMap<&str, &FileIndex> = indexes.iter().map(|index| (index.source.url.as_str(), index)).collect();
    let files: Vec<Option<&FileIndex>> = cube.files.iter().map(|file| by_url.get(file.url.as_str()).copied()).collect();
    let variables: HashMap<VariablePath, &Variable> = cube.root.all_variables().into_iter().collect();
    let (mut found, mut notes) = (BTreeMap::new(), Vec::new());
    for (path, variable) in asked.iter().filter_map(|path| variables.get_key_value(path)) {
        match of_variable(path, variable, &files, open) {
            Ok(accumulated) => _ = found.insert(path.clone(), accumulated.finish()),
            Err(error) => notes.push(Note::new("statistics_left_out", error.message).about(path)),
        }
    }
    (found, notes)
}

fn of_variable(
    path: &VariablePath,
    variable: &Variable,
    files: &[Option<&FileIndex>],
    open: OpenSource<'_>,
) -> Result<Accumulator, ItemError> {
    let total = variable.shape.iter().fold(1u64, |product, length| product.saturating_mul(*length));
    let mut all = Accumulator::default();
    if let ArrayData::Inline(array) = &variable.data {
        let unpacking = Unpacking::of(&variable.data_type, &variable.attributes);
        if let (Some(unpacking), Some(numbers)) = (unpacking, array.numbers()) {
            all.add(&unpacking.values_of(numbers));
        }
        return Ok(all);
    }
    let of_part = |part: &Part| {
        let index = files.get(part.file).copied().flatten();
        let own = index.and_then(|index| index.root.all_variables().into_iter().find(|(found, _)| found == path));
        match index.zip(own) {
            Some((index, (_, own))) => of_part((index, path.key()), own, part, open),
            None => Ok(Accumulator::default()),
        }
    };
    let mut read = 0u64;
    // In their order, so that the sums are always the same.
    for parts in variable.parts.chunks(1 << 12) {
        let found: Vec<Accumulator> = parts.par_iter().map(of_part).collect::<Result<_, _>>()?;
        found.iter().for_each(|one| all.merge(one));
        let lengths = |part: &Part| part.count.iter().fold(1u64, |product, length| product.saturating_mul(*length));
        read = read.saturating_add(parts.iter().map(lengths).fold(0, u64::saturating_add));
    }
    // What no file holds is missing.
    all.add_missing(total.saturating_sub(read));
    Ok(all)
}

/// The values of one file's part, as often as they stand in the cube.
fn of_part(
    (index, key): (&FileIndex, &str),
    own: &FileVariable,
    part: &Part,
    open: OpenSource<'_>,
) -> Result<Accumulator, ItemError> {
    let named = |message: String| ItemError {
        files: vec![index.source.url.to_string()],
        ..failure("statistics", format!("{key}: {message}"))
    };
    let unpacking = Unpacking::of(&own.data_type, &own.attributes)
        .ok_or_else(|| named("its attributes do not say what its values are".into()))?;
    let source = open(&index.source.url).map_err(|error| storage_error(&index.source.url, &error))?;
    if source.file() != &index.source {
        return Err(named("the file has changed while it was looked at".into()));
    }
    let (new, count) = part.count.split_at(part.new_dimensions.min(part.count.len()));
    let repeated = new.iter().fold(1u64, |product, length| product.saturating_mul(*length));
    let pieces = pieces(own, &part.start, count);
    let piece = |(start, count): &(Vec<u64>, Vec<u64>)| {
        let bytes =
            read_values((index, key), own, source.as_ref(), start, count).map_err(|error| named(chain(&error)))?;
        let mut values = Accumulator::default();
        values.add(&unpacking.values(&bytes));
        Ok::<_, ItemError>(values)
    };
    let mut all = Accumulator::default();
    // In their order, so that the sums are always the same.
    for some in pieces.chunks(1 << 12) {
        let found: Vec<Accumulator> = some.par_iter().map(piece).collect::<Result<_, _>>()?;
        found.iter().for_each(|one| all.merge(one));
    }
    Ok(if repeated == 1 { all } else { all.times(repeated) })
}

/// Boxes that make up a box of a file's variable: of whole chunks where they are filtered, so that none is decoded twice.
fn pieces(variable: &FileVariable, start: &[u64], count: &[u64]) -> Vec<(Vec<u64>, Vec<u64>)> {
    let size = variable.data_type.size().unwrap_or(1) as u64;
    let chunk = &variable.grid.chunk_shape;
    let unit: Vec<u64> = (0..count.len())
        .map(|axis| if variable.codecs.is_empty() { 1 } else { chunk.get(axis).copied().unwrap_or(1).max(1) })
        .collect();
    let mut tile = unit.clone();
    // From the axis that varies fastest on, as long as there is room.
    for axis in (0..tile.len()).rev() {
        let others = tile.iter().fold(size, |product, length| product.saturating_mul(*length)).max(1);
        let times = (PIECE / others).max(1);
        tile[axis] = tile[axis]
            .saturating_mul(times)
            .min(count[axis].div_ceil(unit[axis]).saturating_mul(unit[axis]))
            .max(unit[axis]);
        if times == 1 {
            break;
        }
    }
    let mut found = Vec::new();
    if count.contains(&0) {
        return found;
    }
    // Tiles lie on the grid of chunks, whatever the box begins with.
    let first: Vec<u64> = start.iter().zip(&tile).map(|(start, tile)| start / tile).collect();
    let mut at = first.clone();
    loop {
        let low: Vec<u64> = (0..at.len()).map(|axis| (at[axis] * tile[axis]).max(start[axis])).collect();
        let high: Vec<u64> =
            (0..at.len()).map(|axis| ((at[axis] + 1) * tile[axis]).min(start[axis] + count[axis])).collect();
        let lengths = low.iter().zip(&high).map(|(low, high)| high - low).collect();
        found.push((low, lengths));
        let Some(axis) = (0..at.len()).rev().find(|axis| (at[*axis] + 1) * tile[*axis] < start[*axis] + count[*axis])
        else {
            return found;
        };
        at[axis] += 1;
        at[axis + 1..].clone_from_slice(&first[axis + 1..]);
    }
}

/// How the numbers of a variable become values, missing ones NaN.
struct Unpacking {
    storing: Storing,
    /// The number that netCDF fills with where no attribute says another.
    default_fill: Option<f64>,
}

impl Unpacking {
    fn of(data_type: &DataType, attributes: &Attributes) -> Option<Self> {
        let storing = Storing::of(data_type, attributes)?;
        let (primitive, _) = data_type.number()?;
        // Of bytes every number may be a value (netCDF's own rule).
        let is_filled = primitive.size() > 1 && !attributes.contains_key("_FillValue");
        let default_fill = is_filled.then(|| Numbers::netcdf_fill(primitive).to_f64().first().copied()).flatten();
        Some(Self { storing, default_fill })
    }

    fn values(&self, bytes: &[u8]) -> Vec<f64> {
        let Some((primitive, order)) = self.storing.data_type().number() else { return Vec::new() };
        self.values_of(&Numbers::from_bytes(primitive, order, bytes))
    }

    fn values_of(&self, numbers: &Numbers) -> Vec<f64> {
        let mut values = self.storing.values(numbers);
        if let Some(fill) = self.default_fill {
            let raw = numbers.to_f64();
            values.iter_mut().zip(&raw).filter(|(_, raw)| **raw == fill).for_each(|(value, _)| *value = f64::NAN);
        }
        values
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::{AttributeValue, Primitive};

    #[test]
    fn values_are_unpacked_and_missing_ones_left_out() {
        let numbers = |values: Vec<f64>| AttributeValue::Numbers(Numbers::F64(values));
        let attributes: Attributes = [
            ("scale_factor".to_owned(), numbers(vec![0.5])),
            ("add_offset".to_owned(), numbers(vec![10.0])),
            ("_FillValue".to_owned(), AttributeValue::Numbers(Numbers::I16(vec![-1]))),
        ]
        .into_iter()
        .collect();
        let unpacking = Unpacking::of(&DataType::little(Primitive::I16), &attributes).unwrap();
        let found = unpacking.values_of(&Numbers::I16(vec![-1, 0, 3]));
        assert!(found[0].is_nan());
        assert_eq!(found[1..], [10.0, 11.5]);
        let plain = Unpacking::of(&DataType::little(Primitive::F32), &Attributes::new()).unwrap();
        let found = plain.values_of(&Numbers::F32(vec![9.969_21e36, 1.5]));
        assert!(found[0].is_nan());
        assert_eq!(found[1], 1.5);
        let bytes = Unpacking::of(&DataType::little(Primitive::U8), &Attributes::new()).unwrap();
        assert_eq!(bytes.values_of(&Numbers::U8(vec![255])), [255.0]);
    }
}
