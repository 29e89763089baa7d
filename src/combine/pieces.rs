//! Parts of files that stand for files: what combining sees of a file of which only some steps are used.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::SourceValues;
use super::join::{Piece, Trim, defining_group};
use super::odd;
use super::split::{gcd, split};
use crate::model::{
    Array, ArrayValues, ByteOrder, ChunkGrid, ChunkManifest, FileGroup, FileIndex, FileVariable, Numbers, SmallValues,
    VariablePath,
};

/// The most bytes of a part of a variable that are read at once.
const READ_LIMIT: u64 = 64 << 20;

/// Where a piece comes from.
#[derive(Debug, Clone, Default)]
pub(super) struct Origin {
    /// The number of its file among all files.
    pub(super) file: usize,
    /// What is used of it.
    pub(super) trims: Vec<Trim>,
    /// Variables of which a used step and one that is not are in one chunk.
    pub(super) uncut: BTreeSet<VariablePath>,
}

impl Origin {
    /// What is used along each dimension of a variable: where it begins, if it is not used as a whole.
    pub(super) fn trims_of(
        &self,
        root: &FileGroup,
        path: &VariablePath,
        variable: &FileVariable,
    ) -> Vec<Option<&Trim>> {
        let own = |name: &crate::model::DimensionName| {
            let group = defining_group(root, path, name)?;
            self.trims.iter().find(|trim| trim.dimension == *name && trim.group == group)
        };
        variable.dimensions.iter().map(own).collect()
    }
}

/// What is seen of a file of which only a part is used, and where that comes from.
pub(super) fn cut(index: &FileIndex, piece: &Piece) -> (FileIndex, Origin) {
    let mut origin = Origin { file: piece.file, trims: piece.trims.clone(), uncut: BTreeSet::new() };
    let mut found = index.clone();
    if piece.trims.is_empty() {
        return (found, origin);
    }
    let mut groups = vec![&mut found.root];
    while let Some(group) = groups.pop() {
        for trim in piece.trims.iter().filter(|trim| *trim.group == *group.path) {
            if let Some(dimension) = Arc::make_mut(&mut group.dimensions).get_mut(&trim.dimension) {
                dimension.length = trim.count;
            }
        }
        for variable in group.variables.values_mut() {
            let path = VariablePath::new(&group.path, &variable.name);
            let trims: Vec<Option<Trim>> =
                origin.trims_of(&index.root, &path, variable).into_iter().map(Option::<&Trim>::cloned).collect();
            if trims.iter().any(Option::is_some) && !trim_variable(variable, &trims) {
                origin.uncut.insert(path);
            }
        }
        groups.extend(group.groups.values_mut());
    }
    (found, origin)
}

/// Leaves of a variable what is used; false if its chunks cannot be cut so: then it has none.
fn trim_variable(variable: &mut FileVariable, trims: &[Option<Trim>]) -> bool {
    let values = variable.values.decoded().and_then(|array| part_of(array, trims));
    let mut manifest = odd::marked(variable);
    let mut grid = variable.grid.clone();
    let size = variable.data_type.size().unwrap_or(1) as u64;
    let mut is_cut = true;
    for (axis, trim) in trims.iter().enumerate().filter_map(|(axis, trim)| Some((axis, trim.as_ref()?))) {
        let cut = at_edges(&grid, &manifest, axis, trim, (variable.codecs.is_empty(), size)).filter(|_| is_cut);
        match cut {
            Some((cut, few)) => (grid, manifest) = (cut, Arc::new(few)),
            None => {
                is_cut = false;
                grid.shape[axis] = used(grid.shape[axis], trim).1;
            }
        }
    }
    if !is_cut {
        let count = usize::try_from(grid.chunk_count()).unwrap_or(0);
        manifest = Arc::new(ChunkManifest::sparse(count));
    }
    (variable.values, variable.manifest) = (values.map_or(SmallValues::NotRead, SmallValues::from), manifest);
    (variable.grid, variable.unfiltered_edges) = (grid, false);
    is_cut
}

/// First and count of what was written of the used steps, out of so many.
fn used(written: u64, trim: &Trim) -> (u64, u64) {
    let end = trim.start.saturating_add(trim.count).min(written);
    let start = trim.start.min(end);
    (start, end - start)
}

/// The chunks of the used steps, if these begin and end with chunks; unfiltered chunks are cut until they do.
fn at_edges(
    grid: &ChunkGrid,
    manifest: &ChunkManifest,
    axis: usize,
    trim: &Trim,
    (is_unfiltered, element_size): (bool, u64),
) -> Option<(ChunkGrid, ChunkManifest)> {
    let (start, count) = used(*grid.shape.get(axis)?, trim);
    let (length, end) = (grid.chunk_shape[axis], start + count);
    let edge = if end == grid.shape[axis] { 0 } else { end };
    let common = gcd(gcd(length, start), edge);
    if common != length {
        let (finer, pieces) = split(grid, manifest, axis, common, element_size).filter(|_| is_unfiltered)?;
        return at_edges(&finer, &pieces, axis, trim, (is_unfiltered, element_size));
    }
    let mut shape = grid.shape.clone();
    shape[axis] = count;
    let part = ChunkGrid::new(shape, grid.chunk_shape.clone())?;
    let mut few = manifest.missing_alike(usize::try_from(part.chunk_count()).ok()?);
    for number in 0..part.chunk_count() {
        let mut place = part.coordinates(number);
        place[axis] += start / length;
        let location = grid.number(&place).and_then(|number| manifest.get(usize::try_from(number).ok()?));
        if let Some(location) = location {
            few.set(usize::try_from(number).ok()?, location);
        }
    }
    Some((part, few))
}

/// The used elements of an array.
fn part_of(array: &Array, trims: &[Option<Trim>]) -> Option<Array> {
    let bounds = |(trim, length): (&Option<Trim>, &u64)| trim.as_ref().map_or((0, *length), |trim| used(*length, trim));
    let (start, count): (Vec<u64>, Vec<u64>) = trims.iter().zip(&array.shape).map(bounds).unzip();
    let mut numbers: Vec<usize> = vec![0];
    for ((start, count), length) in start.iter().zip(&count).zip(&array.shape) {
        let (from, to, length) =
            (usize::try_from(*start).ok()?, usize::try_from(start + count).ok()?, usize::try_from(*length).ok()?);
        numbers = numbers.into_iter().flat_map(|number| (from..to).map(move |at| number * length + at)).collect();
    }
    let values = match &array.values {
        ArrayValues::Numbers(all) => {
            let bytes = all.to_bytes(ByteOrder::Little);
            let primitive = all.primitive();
            ArrayValues::Numbers(Numbers::from_bytes(
                primitive,
                ByteOrder::Little,
                &picked(&bytes, primitive.size(), &numbers)?,
            ))
        }
        ArrayValues::FixedStrings { length, bytes } => {
            let bytes = picked(bytes, usize::try_from(*length).ok()?, &numbers)?;
            ArrayValues::FixedStrings { length: *length, bytes }
        }
        ArrayValues::Strings(texts) => {
            ArrayValues::Strings(numbers.iter().map(|at| texts.get(*at).cloned()).collect::<Option<_>>()?)
        }
    };
    Some(Array { shape: count, values })
}

fn picked(bytes: &[u8], size: usize, numbers: &[usize]) -> Option<Vec<u8>> {
    let mut found = Vec::with_capacity(numbers.len().checked_mul(size)?);
    for at in numbers {
        found.extend_from_slice(bytes.get(at.checked_mul(size)?..at.checked_add(1)?.checked_mul(size)?)?);
    }
    Some(found)
}

/// A variable as its file has it, and what is used along each dimension.
type Trimmed = (FileVariable, Vec<Option<Trim>>);

/// The values of pieces, read from their files.
pub(super) struct PieceValues<'a> {
    sources: &'a dyn SourceValues,
    /// By where the index of the piece is in memory.
    origins: HashMap<*const FileIndex, (&'a FileIndex, &'a Origin)>,
}

impl<'a> PieceValues<'a> {
    pub(super) fn new(sources: &'a dyn SourceValues, pieces: &'a [(FileIndex, Origin)], all: &[&'a FileIndex]) -> Self {
        let origin = |(index, origin): &'a (FileIndex, Origin)| {
            Some((std::ptr::from_ref(index), (*all.get(origin.file)?, origin)))
        };
        Self { sources, origins: pieces.iter().filter_map(origin).collect() }
    }

    /// The file of a piece, its variable there, and what is used of it; `None` if all is.
    fn origin(&self, index: &FileIndex, path: &VariablePath) -> (Option<&'a FileIndex>, Option<Trimmed>) {
        let Some((file, origin)) = self.origins.get(&std::ptr::from_ref(index)) else { return (None, None) };
        let variables = file.root.all_variables();
        let variable = variables.into_iter().find(|(found, _)| found == path).map(|(_, variable)| variable);
        let trims = variable.map(|variable| {
            let trims = origin.trims_of(&file.root, path, variable);
            (variable.clone(), trims.into_iter().map(Option::<&Trim>::cloned).collect::<Vec<_>>())
        });
        (Some(file), trims.filter(|(_, trims)| trims.iter().any(Option::is_some)))
    }
}

impl SourceValues for PieceValues<'_> {
    fn values(&self, index: &FileIndex, path: &VariablePath) -> Result<Array, String> {
        let (file, trimmed) = self.origin(index, path);
        let file = file.unwrap_or(index);
        let Some((variable, trims)) = trimmed else { return self.sources.values(file, path) };
        let bounds =
            |(trim, length): (&Option<Trim>, &u64)| trim.as_ref().map_or((0, *length), |trim| used(*length, trim));
        let (start, count): (Vec<u64>, Vec<u64>) = trims.iter().zip(&variable.grid.shape).map(bounds).unzip();
        if variable.data_type.size().is_none() {
            let all = self.sources.values(file, path)?;
            return part_of(&all, &trims).ok_or_else(|| "steps that the file does not have".to_owned());
        }
        let bytes = self.sources.slab(file, path, &start, &count)?;
        Array::from_bytes(&variable.data_type, &count, &bytes)
            .ok_or_else(|| format!("values of type {} cannot be decoded", variable.data_type))
    }

    fn digest(&self, index: &FileIndex, path: &VariablePath) -> Result<[u8; 32], String> {
        let (file, trimmed) = self.origin(index, path);
        let Some((variable, trims)) = trimmed else { return self.sources.digest(file.unwrap_or(index), path) };
        let elements: u64 = variable
            .grid
            .shape
            .iter()
            .zip(&trims)
            .fold(variable.data_type.size().unwrap_or(1) as u64, |n, (length, trim)| {
                n.saturating_mul(trim.as_ref().map_or(*length, |trim| used(*length, trim).1))
            });
        if elements > READ_LIMIT {
            return Err("more of a file that is used in part than is compared".into());
        }
        let values = self.values(index, path)?;
        let bytes = values.to_bytes(ByteOrder::Little).ok_or("texts of any length")?;
        Ok(Sha256::digest(bytes).into())
    }

    fn slab(&self, index: &FileIndex, path: &VariablePath, start: &[u64], count: &[u64]) -> Result<Vec<u8>, String> {
        let (file, trimmed) = self.origin(index, path);
        let Some((_, trims)) = trimmed else { return self.sources.slab(file.unwrap_or(index), path, start, count) };
        let moved: Vec<u64> =
            start.iter().zip(&trims).map(|(start, trim)| start + trim.as_ref().map_or(0, |trim| trim.start)).collect();
        self.sources.slab(file.unwrap_or(index), path, &moved, count)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::{ChunkLocation, DimensionName};

    fn trim(start: u64, count: u64, length: u64) -> Trim {
        Trim { group: "/".into(), dimension: DimensionName::new("time").unwrap(), start, count, length }
    }

    fn chunks(count: usize, length: u64) -> ChunkManifest {
        let mut manifest = ChunkManifest::missing(count);
        for number in 0..count {
            manifest.set(number, ChunkLocation { offset: 1000 + length * number as u64, length, filter_mask: 0 });
        }
        manifest
    }

    #[test]
    fn chunks_are_kept_whole_or_cut_where_they_may_be() {
        let grid = ChunkGrid::new(vec![5, 2], vec![2, 2]).unwrap();
        let offsets = |manifest: ChunkManifest| manifest.iter().map(|l| l.map(|l| l.offset)).collect::<Vec<_>>();
        let (part, few) = at_edges(&grid, &chunks(3, 16), 0, &trim(2, 3, 5), (false, 4)).unwrap();
        assert_eq!((part.shape, offsets(few)), (vec![3, 2], vec![Some(1016), Some(1032)]));
        assert!(at_edges(&grid, &chunks(3, 16), 0, &trim(1, 4, 5), (false, 4)).is_none());
        let (part, few) = at_edges(&grid, &chunks(3, 16), 0, &trim(1, 2, 5), (true, 4)).unwrap();
        assert_eq!((part.chunk_shape, offsets(few)), (vec![1, 2], vec![Some(1008), Some(1016)]));
        // A variable that ends before its dimension does.
        let (part, few) = at_edges(&grid, &chunks(3, 16), 0, &trim(4, 6, 10), (false, 4)).unwrap();
        assert_eq!((part.shape, offsets(few)), (vec![1, 2], vec![Some(1032)]));
    }

    #[test]
    fn values_of_the_used_steps() {
        let array = Array { shape: vec![3, 2], values: ArrayValues::Numbers(Numbers::I16(vec![0, 1, 2, 3, 4, 5])) };
        let part = part_of(&array, &[Some(trim(1, 2, 3)), None]).unwrap();
        assert_eq!(part, Array { shape: vec![2, 2], values: ArrayValues::Numbers(Numbers::I16(vec![2, 3, 4, 5])) });
        let column = part_of(&array, &[None, Some(trim(1, 1, 2))]).unwrap();
        assert_eq!(column.numbers().unwrap(), &Numbers::I16(vec![1, 3, 5]));
    }
}
