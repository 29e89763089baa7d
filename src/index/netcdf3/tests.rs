#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::index;
use crate::index::IndexError;
use crate::model::{
    ArrayValues, AttributeValue, ByteOrder, ChunkLocation, DataType, FileIndex, FileVariable, Layout, Numbers,
    Primitive, SourceUrl, VariableName,
};
use crate::storage::MemoryFile;

/// A header in the making: `version` decides how wide counts and offsets are.
struct Bytes {
    version: u8,
    bytes: Vec<u8>,
}

impl Bytes {
    fn new(version: u8, records: u64) -> Self {
        let mut bytes = Self { version, bytes: b"CDF".to_vec() };
        bytes.bytes.push(version);
        bytes.count(records);
        bytes
    }

    fn word(&mut self, word: u32) {
        self.bytes.extend(word.to_be_bytes());
    }

    fn count(&mut self, count: u64) {
        if self.version == 5 {
            self.bytes.extend(count.to_be_bytes());
        } else {
            self.word(u32::try_from(count).unwrap());
        }
    }

    fn offset(&mut self, offset: u64) {
        if self.version == 1 {
            self.word(u32::try_from(offset).unwrap());
        } else {
            self.bytes.extend(offset.to_be_bytes());
        }
    }

    fn padded(&mut self, text: &[u8]) {
        self.bytes.extend(text);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn text(&mut self, text: &str) {
        self.count(text.len() as u64);
        self.padded(text.as_bytes());
    }

    fn list(&mut self, tag: u32, count: u64) {
        self.word(if count == 0 { 0 } else { tag });
        self.count(count);
    }

    fn attribute(&mut self, name: &str, code: u32, count: u64, value: &[u8]) {
        self.text(name);
        self.word(code);
        self.count(count);
        self.padded(value);
    }

    fn variable(&mut self, name: &str, dimensions: &[u64], code: u32, begin: u64) {
        self.text(name);
        self.count(dimensions.len() as u64);
        dimensions.iter().for_each(|number| self.count(*number));
        self.list(0x0c, 0);
        self.word(code);
        self.count(0); // Wrong on purpose: nobody may believe it.
        self.offset(begin);
    }
}

/// A file of this version: dimensions time (records) and x = 3; time f64, t i16 (time, x), x i8.
fn sample(version: u8, records: u64) -> Vec<u8> {
    let data = 512;
    let mut file = Bytes::new(version, records);
    file.list(0x0a, 2);
    for (name, length) in [("time", 0), ("x", 3)] {
        file.text(name);
        file.count(length);
    }
    file.list(0x0c, 2);
    file.attribute("title", 2, 6, b"a\xe9b\0\0\0");
    file.attribute("version", 3, 3, &[0, 1, 0xff, 0xfe, 0, 3]);
    file.list(0x0b, 3);
    file.variable("x", &[1], 1, data);
    file.variable("time", &[0], 6, data + 4);
    file.variable("t", &[0, 1], 3, data + 12);
    file.bytes.resize(512, 0);
    file.padded(&[1, 2, 0xff]);
    for record in 0..4u8 {
        file.bytes.extend(f64::from(record).to_be_bytes());
        file.padded(&[record, 0, record, 1, record, 2]);
    }
    file.bytes
}

fn indexed(bytes: Vec<u8>) -> Result<FileIndex, IndexError> {
    let version = bytes.get(3).copied().unwrap_or(1);
    // A short head: the rest of a longer header and the values are read after it.
    let head = bytes::Bytes::copy_from_slice(&bytes[..bytes.len().min(64)]);
    index(&MemoryFile::new(SourceUrl::from_path("/a.nc").unwrap(), bytes), version, head).map(|(index, _)| index)
}

fn variable<'a>(index: &'a FileIndex, name: &str) -> &'a FileVariable {
    &index.root.variables[&VariableName::new(name).unwrap()]
}

#[test]
fn records_interleave_in_every_version() {
    for version in [1, 2, 5] {
        let index = indexed(sample(version, 4)).unwrap();
        assert!(index.format.contains(&format!("CDF-{version}")));
        assert_eq!(index.root.attributes["title"], AttributeValue::Text("aéb".into()));
        assert_eq!(index.root.attributes["version"], AttributeValue::Numbers(Numbers::I16(vec![1, -2, 3])));
        let lengths: Vec<_> = index.root.dimensions.values().map(|d| (d.length, d.unlimited)).collect();
        assert_eq!(lengths, [(4, true), (3, false)]);
        let t = variable(&index, "t");
        assert_eq!(t.data_type, DataType::Number { primitive: Primitive::I16, order: ByteOrder::Big });
        assert_eq!(
            (t.layout.clone(), &t.grid.shape[..], &t.grid.chunk_shape[..]),
            (Layout::Chunked, &[4, 3][..], &[1, 3][..])
        );
        let offsets: Vec<_> = t.manifest.iter().flatten().map(|at| (at.offset, at.length)).collect();
        assert_eq!(offsets, [(524, 6), (540, 6), (556, 6), (572, 6)]);
        let x = variable(&index, "x");
        assert_eq!(x.manifest.get(0), Some(ChunkLocation { offset: 512, length: 3, filter_mask: 0 }));
        assert_eq!(x.values.decoded().unwrap().values, ArrayValues::Numbers(Numbers::I8(vec![1, 2, -1])));
        let time = variable(&index, "time").values.decoded().unwrap();
        assert_eq!(time.values, ArrayValues::Numbers(Numbers::F64(vec![0.0, 1.0, 2.0, 3.0])));
    }
}

#[test]
fn a_lone_record_variable_is_not_padded() {
    let mut file = Bytes::new(1, 3);
    file.list(0x0a, 2);
    for (name, length) in [("time", 0), ("x", 3)] {
        file.text(name);
        file.count(length);
    }
    file.list(0x0c, 0);
    file.list(0x0b, 1);
    file.variable("b", &[0, 1], 1, 128);
    file.bytes.resize(128 + 9, 7);
    let index = indexed(file.bytes).unwrap();
    let offsets: Vec<_> = variable(&index, "b").manifest.iter().flatten().map(|at| at.offset).collect();
    assert_eq!(offsets, [128, 131, 134]);
}

#[test]
fn single_numbers_without_a_gap_are_one_piece() {
    let mut file = Bytes::new(2, 1000);
    file.list(0x0a, 1);
    file.text("time");
    file.count(0);
    file.list(0x0c, 0);
    file.list(0x0b, 1);
    file.variable("time", &[0], 3, 100);
    file.bytes.resize(100 + 2000, 0);
    let index = indexed(file.bytes).unwrap();
    let time = variable(&index, "time");
    assert_eq!((time.layout.clone(), time.manifest.len()), (Layout::Contiguous, 1));
    assert_eq!(time.manifest.get(0).unwrap().length, 2000);
    assert_eq!(time.values.decoded().unwrap().shape, [1000]);
}

#[test]
fn streamed_files_have_as_many_records_as_fit() {
    for (version, streaming) in [(1, u64::from(u32::MAX)), (5, u64::MAX)] {
        let whole = sample(version, streaming);
        let count = |bytes: Vec<u8>| indexed(bytes).unwrap().root.dimensions[0].length;
        assert_eq!(count(whole.clone()), 4);
        assert_eq!(count(whole[..whole.len() - 2].to_vec()), 4, "what fills up the last record may be missing");
        assert_eq!(count(whole[..whole.len() - 3].to_vec()), 3);
        assert_eq!(count(whole[..516].to_vec()), 0);
    }
}

#[test]
fn more_records_than_the_file_holds() {
    let error = indexed(sample(1, 5)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/a.nc is cut short: the last record of /time ends at byte 588, but the file at byte 580"
    );
    assert!(matches!(indexed(sample(5, i64::MAX.unsigned_abs())), Err(IndexError::Truncated { .. })));
}

#[test]
fn a_header_beyond_the_first_bytes_is_read_on() {
    let mut file = Bytes::new(1, 0);
    file.list(0x0a, 0);
    file.list(0x0c, 1);
    file.attribute("history", 2, 300_000, &vec![b'x'; 300_000]);
    file.list(0x0b, 0);
    let index = indexed(file.bytes.clone()).unwrap();
    assert_eq!(index.root.attributes["history"].text().unwrap().len(), 300_000);
    file.bytes.truncate(200_000);
    assert!(matches!(indexed(file.bytes), Err(IndexError::Truncated { structure: "the header", .. })));
}

#[test]
fn variables_over_one_another_are_refused() {
    let mut file = Bytes::new(1, 0);
    file.list(0x0a, 1);
    file.text("x");
    file.count(1000);
    file.list(0x0c, 0);
    file.list(0x0b, 20);
    for name in 0..20 {
        file.variable(&format!("lat{name}"), &[0], 6, 0);
    }
    file.bytes.resize(8000, 0);
    assert!(matches!(indexed(file.bytes), Err(IndexError::Truncated { structure: "the data of all variables", .. })));
}

proptest! {
    #[test]
    fn cut_files_never_panic(version in prop::sample::select(vec![1u8, 2, 5]), length in 4usize..580) {
        let whole = sample(version, 4);
        let cut = whole[..length.min(whole.len())].to_vec();
        if cut.len() < whole.len() - 2 {
            prop_assert!(indexed(cut).is_err());
        }
    }

    #[test]
    fn changed_bytes_never_panic(
        version in prop::sample::select(vec![1u8, 2, 5]),
        changes in prop::collection::vec((4usize..580, any::<u8>()), 1..8),
    ) {
        let mut bytes = sample(version, 4);
        let size = bytes.len() as u64;
        for (at, byte) in changes {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        if let Ok(index) = indexed(bytes) {
            for location in index.root.variables.values().flat_map(|variable| variable.manifest.iter().flatten()) {
                prop_assert!(location.offset + location.length <= size);
            }
        }
    }

    #[test]
    fn any_bytes_never_panic(version in prop::sample::select(vec![1u8, 2, 5]), tail in prop::collection::vec(prop_oneof![Just(0u8), Just(255), 0u8..16, any::<u8>()], 0..300)) {
        let mut bytes = b"CDF".to_vec();
        bytes.push(version);
        bytes.extend(tail);
        let _ = indexed(bytes);
    }
}
