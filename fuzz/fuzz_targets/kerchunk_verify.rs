//! Bytes as a Kerchunk product that verification reads back.
#![no_main]

use altostac::model::SourceUrl;
use altostac::read::{ReadError, parse_kerchunk};
use altostac::storage::{ByteSource, MemoryFile};
use altostac_fuzz::allocator::{budget, within};

/// A chunk of so many bytes at most is read back.
const READ_LIMIT: u64 = 1 << 20;

fn open(url: &str) -> Result<Box<dyn ByteSource>, ReadError> {
    match SourceUrl::from_path("/fuzz.nc") {
        Some(file) => Ok(Box::new(MemoryFile::new(file, vec![7; 1000]))),
        None => Err(ReadError::UnknownUrl { variable: String::new(), url: url.into() }),
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    within(budget(data.len()), || {
        let Ok(store) = parse_kerchunk(data) else { return };
        for array in store.arrays.values().take(4) {
            assert_eq!(array.grid.shape.len(), array.grid.chunk_shape.len());
            let size = array.data_type.size().unwrap_or(1) as u64;
            let bytes = array.grid.chunk_elements().and_then(|elements| elements.checked_mul(size));
            if bytes.is_none_or(|bytes| bytes > READ_LIMIT) {
                continue;
            }
            for number in [0, array.grid.chunk_count().saturating_sub(1), u64::MAX] {
                let _ = array.chunk_key(number);
                if let Ok(chunk) = store.read_chunk(array, number, &open) {
                    assert_eq!(Some(chunk.len() as u64), bytes);
                }
                let _ = store.read_texts(array, number, &open);
            }
        }
    });
});
