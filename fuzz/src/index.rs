//! What must hold of the index of any bytes whatever.

use altostac::model::{ArrayValues, FileGroup, FileIndex, FileVariable, SmallValues, SourceUrl};
use altostac::read::{read_chunk, read_slab};
use altostac::storage::MemoryFile;

use crate::allocator::{budget, within};

/// A chunk of so many bytes at most is read back.
const READ_LIMIT: u64 = 1 << 20;
/// So many chunks of a variable are read back.
const CHUNKS_READ: usize = 3;
/// So many variables of a file are read back.
const VARIABLES_READ: usize = 8;

/// Indexes bytes as a file, checks the index, and reads some of its chunks.
pub fn check(data: &[u8]) {
    let Some(url) = SourceUrl::from_path("/fuzz.nc") else { return };
    let file = MemoryFile::new(url, data.to_vec());
    within(budget(data.len()), || {
        let answer = altostac::index::index(&file);
        // A message must not be larger than what it is about.
        match answer {
            Err(error) => assert!(error.to_string().len() < 4 * data.len() + 10_000, "a message without end"),
            Ok(index) => {
                let mut left = VARIABLES_READ;
                check_group(&index, &index.root, &file, &mut left);
            }
        }
    });
}

fn check_group(index: &FileIndex, group: &FileGroup, file: &MemoryFile, left: &mut usize) {
    for variable in group.variables.values() {
        check_variable(index.source.size, variable);
        if let Some(rest) = left.checked_sub(1) {
            *left = rest;
            read_back(variable, file);
        }
    }
    group.groups.values().for_each(|child| check_group(index, child, file, left));
}

fn check_variable(size: u64, variable: &FileVariable) {
    let grid = &variable.grid;
    let name = &variable.name;
    assert_eq!(grid.shape.len(), grid.chunk_shape.len(), "{name}: rank of the grid");
    assert_eq!(grid.shape.len(), variable.dimensions.len(), "{name}: names of dimensions");
    assert!(!grid.chunk_shape.contains(&0), "{name}: a chunk of length 0");
    if variable.manifest.len() > 0 {
        assert_eq!(variable.manifest.len() as u64, grid.chunk_count(), "{name}: chunks of the manifest");
    }
    // A manifest may be as long as its grid; the look at it is cut short.
    for location in variable.manifest.iter().take(1 << 16).flatten() {
        let end = location.offset.checked_add(location.length);
        assert!(end.is_some_and(|end| end <= size), "{name}: a chunk beyond the end: {location:?}");
    }
    if let (Some(fill), Some(element)) = (&variable.fill_value, variable.data_type.size()) {
        assert_eq!(fill.len(), element, "{name}: bytes of the fill value");
    }
    if let SmallValues::Decoded(array) = &variable.values {
        let expected: u64 = array.shape.iter().product();
        let found = match &array.values {
            ArrayValues::Numbers(numbers) => numbers.len(),
            ArrayValues::FixedStrings { length, bytes } => bytes.len() / (*length as usize).max(1),
            ArrayValues::Strings(texts) => texts.len(),
        };
        assert_eq!(found as u64, expected, "{name}: values of the shape {:?}", array.shape);
        assert_eq!(array.shape.len(), grid.shape.len(), "{name}: rank of the values");
    }
}

fn read_back(variable: &FileVariable, file: &MemoryFile) {
    let grid = &variable.grid;
    let Some(element) = variable.data_type.size() else { return };
    let bytes = grid.chunk_elements().and_then(|elements| elements.checked_mul(element as u64));
    let Some(bytes) = bytes.filter(|bytes| *bytes <= READ_LIMIT) else { return };
    let present = variable.manifest.iter().take(1 << 16).enumerate().filter(|(_, location)| location.is_some());
    for (number, _) in present.take(CHUNKS_READ) {
        if let Ok(chunk) = read_chunk(variable, number as u64, file) {
            assert_eq!(chunk.len() as u64, bytes, "{}: bytes of a chunk", variable.name);
        }
    }
    // One element in the middle, and one across the far corner.
    for start in [grid.shape.iter().map(|n| n / 2).collect::<Vec<_>>(), grid.shape.clone()] {
        let count = vec![2; start.len().min(10)];
        if let Ok(slab) = read_slab(variable, file, &start, &count) {
            assert_eq!(slab.len(), element << count.len(), "{}: bytes of a slab", variable.name);
        }
    }
}
