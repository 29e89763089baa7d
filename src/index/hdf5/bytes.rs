//! Reading the bytes of one structure: a bounds-checked cursor, and the ways in which reading stops.

use super::fault::{Fault, Found, Stop};
pub(super) use crate::index::text::decode_text;

/// The address of a structure that is not there (all bits set, in whatever width).
const UNDEFINED: u64 = u64::MAX;

/// How wide addresses and lengths are in a file (superblock, "Size of Offsets" and "Size of Lengths").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Widths {
    pub(super) address: usize,
    pub(super) length: usize,
}

impl Default for Widths {
    fn default() -> Self {
        Self { address: 8, length: 8 }
    }
}

/// A cursor over the bytes of one structure. All numbers of the format are little-endian.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    start: u64,
    structure: &'static str,
    widths: Widths,
}

impl<'a> Cursor<'a> {
    /// A cursor at the first of the bytes, which lie at `start` of the file.
    pub(super) fn new(structure: &'static str, bytes: &'a [u8], start: u64, widths: Widths) -> Self {
        Self { bytes, at: 0, start, structure, widths }
    }

    /// Where the cursor is in the file.
    pub(super) fn offset(&self) -> u64 {
        self.start.saturating_add(self.at as u64)
    }

    /// How many bytes were read.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub(super) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// A complaint about what stands here.
    #[cold]
    pub(super) fn corrupt(&self, expected: impl Into<String>, found: impl Into<String>) -> Stop {
        Fault::corrupt(self.structure, self.offset(), expected, found)
    }

    #[cold]
    fn corrupt_at(&self, at: usize, expected: impl Into<String>, found: impl Into<String>) -> Stop {
        Fault::corrupt(self.structure, self.start.saturating_add(at as u64), expected, found)
    }

    /// A feature that this reader does not have.
    pub(super) fn unsupported(&self, feature: impl Into<String>) -> Stop {
        Fault::unsupported(self.offset(), feature)
    }

    /// The next bytes.
    #[inline]
    pub(super) fn take(&mut self, count: usize) -> Found<&'a [u8]> {
        match self.bytes.get(self.at..self.at.saturating_add(count)) {
            Some(taken) => {
                self.at += count;
                Ok(taken)
            }
            None => Err(self.too_short(count)),
        }
    }

    #[cold]
    fn too_short(&self, count: usize) -> Stop {
        self.corrupt(format!("{count} more bytes"), format!("{}", self.remaining()))
    }

    /// The next bytes, as many as an array has.
    #[inline]
    pub(super) fn array<const COUNT: usize>(&mut self) -> Found<[u8; COUNT]> {
        match self.bytes.get(self.at..).and_then(|rest| rest.first_chunk()) {
            Some(taken) => {
                self.at += COUNT;
                Ok(*taken)
            }
            None => Err(self.too_short(COUNT)),
        }
    }

    /// Passes over bytes.
    pub(super) fn skip(&mut self, count: usize) -> Found<()> {
        self.take(count).map(|_| ())
    }

    /// An unsigned number of up to 8 bytes.
    #[inline]
    pub(super) fn uint(&mut self, width: usize) -> Found<u64> {
        // Mostly there are eight bytes to take some of.
        if let (1..=8, Some(eight)) = (width, self.bytes.get(self.at..).and_then(|rest| rest.first_chunk())) {
            self.at += width;
            return Ok(u64::from_le_bytes(*eight) & (u64::MAX >> (64 - 8 * width)));
        }
        let mut raw = [0u8; 8];
        let Some(target) = raw.get_mut(..width) else {
            return Err(self.corrupt("a number of at most 8 bytes", format!("{width} bytes")));
        };
        target.copy_from_slice(self.take(width)?);
        Ok(u64::from_le_bytes(raw))
    }

    /// One byte.
    #[inline]
    pub(super) fn u8(&mut self) -> Found<u8> {
        self.array::<1>().map(u8::from_le_bytes)
    }

    /// Two bytes.
    #[inline]
    pub(super) fn u16(&mut self) -> Found<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// Four bytes.
    #[inline]
    pub(super) fn u32(&mut self) -> Found<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes.
    #[inline]
    pub(super) fn u64(&mut self) -> Found<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// An address; `None` if it is undefined.
    #[inline]
    pub(super) fn address(&mut self) -> Found<Option<u64>> {
        self.unless_all_set(self.widths.address)
    }

    /// The greatest length of something; `None` if it is unlimited.
    pub(super) fn limit(&mut self) -> Found<Option<u64>> {
        self.unless_all_set(self.widths.length)
    }

    fn unless_all_set(&mut self, width: usize) -> Found<Option<u64>> {
        let number = self.uint(width)?;
        let all_set = UNDEFINED >> (64 - 8 * width.clamp(1, 8));
        Ok(if number == all_set { None } else { Some(number) })
    }

    /// An address that must be there.
    #[inline]
    pub(super) fn defined_address(&mut self) -> Found<u64> {
        let start = self.at;
        match self.address()? {
            Some(address) => Ok(address),
            None => Err(self.corrupt_at(start, "an address", "the undefined address")),
        }
    }

    /// A length.
    pub(super) fn length(&mut self) -> Found<u64> {
        self.uint(self.widths.length)
    }

    /// Requires these four bytes.
    pub(super) fn signature(&mut self, expected: &[u8; 4]) -> Found<()> {
        let start = self.at;
        let found = self.array()?;
        if found == *expected {
            return Ok(());
        }
        let expected = format!("the signature {}", expected.escape_ascii());
        Err(self.corrupt_at(start, expected, found.escape_ascii().to_string()))
    }

    /// Requires this version.
    pub(super) fn version(&mut self, expected: u8) -> Found<()> {
        let start = self.at;
        match self.u8()? {
            found if found == expected => Ok(()),
            found => Err(self.corrupt_at(start, format!("version {expected}"), format!("version {found}"))),
        }
    }

    /// Bytes up to a NUL, which is passed over.
    pub(super) fn until_nul(&mut self) -> Found<&'a [u8]> {
        let Some(length) = self.bytes[self.at..].iter().position(|byte| *byte == 0) else {
            return Err(self.corrupt("a text that ends in NUL", "no NUL"));
        };
        let text = self.take(length)?;
        self.skip(1)?;
        Ok(text)
    }
}

/// The logarithm to base 2, rounded down; 0 of 0.
pub(super) fn log2(number: u64) -> u32 {
    number.checked_ilog2().unwrap_or(0)
}

/// How many bytes libhdf5 gives a number that is at most `limit`.
pub(super) fn width_for(limit: u64) -> usize {
    (log2(limit) / 8 + 1) as usize
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn numbers_and_addresses() {
        let bytes = [1, 2, 0, 3, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 9];
        let mut cursor = Cursor::new("test", &bytes, 100, Widths { address: 4, length: 1 });
        assert_eq!(cursor.u8().unwrap(), 1);
        assert_eq!(cursor.u16().unwrap(), 2);
        assert_eq!(cursor.u32().unwrap(), 3);
        assert_eq!(cursor.address().unwrap(), None);
        assert_eq!(cursor.length().unwrap(), 9);
        assert_eq!(cursor.remaining(), 0);
        let Err(Stop::Fault(fault)) = cursor.u8() else { panic!("read beyond the end") };
        assert!(matches!(*fault, Fault::Corrupt { offset: 112, .. }));
    }

    #[test]
    fn widths() {
        assert_eq!([width_for(0), width_for(255), width_for(256), width_for(u64::MAX)], [1, 1, 2, 8]);
    }
}
