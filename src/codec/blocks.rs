//! What the formats that cut a chunk into blocks share.

use super::CodecError;

/// Numbers and pieces of a stored chunk.
pub(super) struct Reader<'a> {
    filter: &'static str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(filter: &'static str, bytes: &'a [u8]) -> Self {
        Self { filter, bytes, at: 0 }
    }

    pub(super) fn damaged(&self, reason: &str) -> CodecError {
        CodecError::Damaged { filter: self.filter, length: self.bytes.len(), reason: reason.into() }
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], CodecError> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(CodecError::TooShort {
            filter: self.filter,
            expected: self.at.saturating_add(count),
            found: self.bytes.len(),
        })?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// A big-endian length of so many bytes.
    pub(super) fn length(&mut self, width: usize) -> Result<usize, CodecError> {
        let number = self.take(width)?.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        usize::try_from(number).map_err(|_| self.damaged("a length beyond memory"))
    }
}

/// Appends a decoded block, which must be as long as expected.
pub(super) fn push_block(
    bytes: &mut Vec<u8>,
    filter: &'static str,
    block: &[u8],
    expected: usize,
) -> Result<(), CodecError> {
    if block.len() != expected {
        let reason = format!("a block of {} bytes instead of {expected}", block.len());
        return Err(CodecError::Damaged { filter, length: block.len(), reason });
    }
    bytes.extend_from_slice(block);
    Ok(())
}
