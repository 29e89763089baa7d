//! Reading the header: a bounds-checked cursor over big-endian numbers.

use crate::index::IndexError;
use crate::model::SourceFile;

/// Why the header could not be read to its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// It goes on beyond the bytes at hand, at least up to `end`.
    Short { end: u64, object: String },
    /// The file is at fault.
    Fault(Box<IndexError>),
}

pub(super) type Found<T> = Result<T, Stop>;

/// A cursor over the first bytes of a file.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    file: &'a SourceFile,
    bytes: &'a [u8],
    at: usize,
    /// Whether counts and lengths have 8 bytes (CDF-5).
    pub(super) wide_counts: bool,
    /// Whether offsets have 8 bytes (CDF-2 and CDF-5).
    pub(super) wide_offsets: bool,
    /// What is being read, for messages.
    pub(super) object: String,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(file: &'a SourceFile, bytes: &'a [u8]) -> Self {
        Self { file, bytes, at: 0, wide_counts: false, wide_offsets: false, object: "/".into() }
    }

    /// How many bytes were read.
    pub(super) fn position(&self) -> u64 {
        self.at as u64
    }

    /// A complaint about what stands `back` bytes before the cursor.
    pub(super) fn corrupt(
        &self,
        structure: &'static str,
        back: u64,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Stop {
        Stop::Fault(Box::new(IndexError::Corrupt {
            file: self.file.url.to_string(),
            object: self.object.clone(),
            structure,
            offset: (self.at as u64).saturating_sub(back),
            expected: expected.into(),
            found: found.into(),
        }))
    }

    /// The next bytes.
    pub(super) fn take(&mut self, count: u64) -> Found<&'a [u8]> {
        let end = usize::try_from(count).ok().and_then(|count| self.at.checked_add(count));
        match end.and_then(|end| self.bytes.get(self.at..end)) {
            Some(taken) => {
                self.at += taken.len();
                Ok(taken)
            }
            None => Err(Stop::Short { end: (self.at as u64).saturating_add(count), object: self.object.clone() }),
        }
    }

    /// The next bytes, and those that fill them up to a multiple of four.
    pub(super) fn take_padded(&mut self, count: u64) -> Found<&'a [u8]> {
        let taken = self.take(count)?;
        self.take(count.next_multiple_of(4) - count)?;
        Ok(taken)
    }

    pub(super) fn u32(&mut self) -> Found<u32> {
        let raw = self.take(4)?;
        Ok(u32::from_be_bytes([raw[0], raw[1], raw[2], raw[3]]))
    }

    fn u64(&mut self) -> Found<u64> {
        Ok(u64::from(self.u32()?) << 32 | u64::from(self.u32()?))
    }

    /// A count or a length (`NON_NEG`): never negative.
    pub(super) fn count(&mut self, structure: &'static str) -> Found<u64> {
        let (count, greatest) = if self.wide_counts {
            (self.u64()?, i64::MAX.unsigned_abs())
        } else {
            (u64::from(self.u32()?), u64::from(u32::MAX >> 1))
        };
        if count > greatest {
            let back = if self.wide_counts { 8 } else { 4 };
            return Err(self.corrupt(structure, back, "a number that is not negative", format!("{count:#x}")));
        }
        Ok(count)
    }

    /// The number of records (`numrecs`); `None` if all bits are set, for a file that was streamed.
    pub(super) fn records(&mut self) -> Found<Option<u64>> {
        if self.wide_counts {
            return Ok(Some(self.u64()?).filter(|count| *count != u64::MAX));
        }
        Ok(Some(self.u32()?).filter(|count| *count != u32::MAX).map(u64::from))
    }

    /// The place of a variable's data (`begin`).
    pub(super) fn offset(&mut self) -> Found<u64> {
        if self.wide_offsets { self.u64() } else { self.u32().map(u64::from) }
    }

    /// The size of a variable's data (`vsize`), which nobody needs: it is wrong for large variables.
    pub(super) fn skip_size(&mut self) -> Found<()> {
        self.take(if self.wide_counts { 8 } else { 4 }).map(|_| ())
    }
}
