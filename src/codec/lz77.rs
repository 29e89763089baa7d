//! Three small compressors of the same family: LZ4 blocks, LZF and BloscLZ. Literals, and copies of what came before.

use super::CodecError;

/// The bytes of a stream, read to their end.
struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
    filter: &'static str,
}

impl<'a> Input<'a> {
    fn new(filter: &'static str, bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, filter }
    }

    fn damaged(&self, reason: &str) -> CodecError {
        CodecError::Damaged { filter: self.filter, length: self.bytes.len(), reason: reason.into() }
    }

    fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn byte(&mut self) -> Result<usize, CodecError> {
        let byte = self.bytes.get(self.at).ok_or_else(|| self.damaged("it ends within a sequence"))?;
        self.at += 1;
        Ok(usize::from(*byte))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], CodecError> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| self.damaged("it ends within its literals"))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// Adds bytes as long as they are 255.
    fn long(&mut self, mut length: usize) -> Result<usize, CodecError> {
        loop {
            let byte = self.byte()?;
            length = length.saturating_add(byte);
            if byte != 255 {
                return Ok(length);
            }
        }
    }
}

/// What was decoded so far, never more than `limit` bytes.
struct Output {
    bytes: Vec<u8>,
    limit: usize,
}

impl Output {
    fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit }
    }

    fn check(&self, more: usize) -> Result<(), CodecError> {
        if more > self.limit - self.bytes.len() {
            return Err(CodecError::Length { expected: self.limit, found: self.limit, more: true });
        }
        Ok(())
    }

    fn literals(&mut self, literals: &[u8]) -> Result<(), CodecError> {
        self.check(literals.len())?;
        self.bytes.extend_from_slice(literals);
        Ok(())
    }

    /// Copies from `distance` bytes back; the copy may run into itself.
    fn copy(&mut self, input: &Input<'_>, distance: usize, length: usize) -> Result<(), CodecError> {
        self.check(length)?;
        let start = self.bytes.len().checked_sub(distance).filter(|_| distance > 0);
        let start = start.ok_or_else(|| input.damaged("it refers to what is before its beginning"))?;
        if distance >= length {
            self.bytes.extend_from_within(start..start + length);
        } else {
            for at in start..start + length {
                self.bytes.push(self.bytes[at]);
            }
        }
        Ok(())
    }
}

/// One LZ4 block ("LZ4 Block Format Description").
pub(super) fn lz4(stored: &[u8], limit: usize) -> Result<Vec<u8>, CodecError> {
    let (mut input, mut output) = (Input::new("lz4", stored), Output::new(limit));
    while !input.is_at_end() {
        let token = input.byte()?;
        let literals = if token >> 4 == 15 { input.long(15)? } else { token >> 4 };
        output.literals(input.take(literals)?)?;
        // The last sequence has literals alone.
        if input.is_at_end() {
            break;
        }
        let distance = input.byte()? | input.byte()? << 8;
        let length = if token & 15 == 15 { input.long(15)? } else { token & 15 };
        output.copy(&input, distance, length.saturating_add(4))?;
    }
    Ok(output.bytes)
}

/// LZF (HDF5 filter 32000, as h5py writes it).
pub(super) fn lzf(stored: &[u8], limit: usize) -> Result<Vec<u8>, CodecError> {
    let (mut input, mut output) = (Input::new("lzf", stored), Output::new(limit));
    while !input.is_at_end() {
        let control = input.byte()?;
        if control < 32 {
            output.literals(input.take(control + 1)?)?;
            continue;
        }
        let length = if control >> 5 == 7 { input.byte()? + 7 } else { control >> 5 };
        let distance = ((control & 31) << 8 | input.byte()?) + 1;
        output.copy(&input, distance, length + 2)?;
    }
    Ok(output.bytes)
}

/// BloscLZ, the compressor that Blosc takes unless told otherwise.
pub(super) fn blosclz(stored: &[u8], limit: usize) -> Result<Vec<u8>, CodecError> {
    const NEAR: usize = 8191;
    let (mut input, mut output) = (Input::new("blosclz", stored), Output::new(limit));
    let mut is_first = true;
    while !input.is_at_end() {
        let control = input.byte()? & if is_first { 31 } else { 255 };
        is_first = false;
        if control < 32 {
            output.literals(input.take(control + 1)?)?;
            continue;
        }
        let length = if control >> 5 == 7 { input.long(6)? } else { (control >> 5) - 1 };
        let high = (control & 31) << 8;
        let low = input.byte()?;
        let distance =
            if low == 255 && high == 31 << 8 { (input.byte()? << 8 | input.byte()?) + NEAR } else { high + low };
        output.copy(&input, distance + 1, length.saturating_add(3))?;
    }
    Ok(output.bytes)
}
