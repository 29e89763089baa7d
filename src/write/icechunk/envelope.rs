//! What is around every object of a repository but configuration and references: a header, and zstd.

use std::io;

use icechunk_format::format_constants::{
    CompressionAlgorithmBin, FileTypeBin, ICECHUNK_FORMAT_MAGIC_BYTES, ICECHUNK_IMPL_NAME_LEN,
};

use crate::model::IcechunkVersion;

/// How hard zstd tries: references of a series differ little, more effort makes them no smaller to speak of.
const LEVEL: i32 = 1;

/// The bytes of an object as they stand in the repository.
pub(super) fn sealed(kind: FileTypeBin, version: IcechunkVersion, content: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(content.len() / 4 + 64);
    bytes.extend_from_slice(ICECHUNK_FORMAT_MAGIC_BYTES);
    let name = concat!("altostac-", env!("CARGO_PKG_VERSION"));
    let padded = name.bytes().chain(std::iter::repeat(b' ')).take(ICECHUNK_IMPL_NAME_LEN);
    bytes.extend(padded);
    bytes.extend([version.number(), kind as u8, CompressionAlgorithmBin::Zstd as u8]);
    zstd::stream::copy_encode(content, &mut bytes, LEVEL)?;
    Ok(bytes)
}
