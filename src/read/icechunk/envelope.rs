//! What is around the objects of a repository: a header, and zstd.

use std::io::Read;

use icechunk_format::format_constants::{
    CompressionAlgorithmBin, FileTypeBin, ICECHUNK_FILE_HEADER_LEN, parse_file_header,
};

use super::wrong;
use crate::read::ReadError;

/// The most bytes of an object.
const LIMIT: u64 = 1 << 30;
/// How much zstd may make of a byte: references that differ in their places alone come close to a hundred.
const RATIO: u64 = 2_000;

/// The content of an object of this kind.
pub(crate) fn unsealed(path: &str, bytes: &[u8], kind: FileTypeBin) -> Result<Vec<u8>, ReadError> {
    let header = parse_file_header(bytes).map_err(|error| wrong(path, "an object of Icechunk", &error.kind))?;
    if header.file_type != kind {
        return Err(wrong(path, "another kind of object", &format!("{:?}", header.file_type)));
    }
    let content = bytes.get(ICECHUNK_FILE_HEADER_LEN..).unwrap_or_default();
    if header.compression == CompressionAlgorithmBin::None {
        return Ok(content.to_vec());
    }
    let limit = (content.len() as u64).saturating_mul(RATIO).clamp(1 << 16, LIMIT);
    let mut plain = Vec::new();
    let decoder = zstd::stream::Decoder::new(content).map_err(|error| wrong(path, "a zstd frame", &error))?;
    decoder.take(limit + 1).read_to_end(&mut plain).map_err(|error| wrong(path, "a zstd frame", &error))?;
    if plain.len() as u64 > limit {
        return Err(wrong(path, "a smaller object", &format!("more than {limit} bytes")));
    }
    Ok(plain)
}
