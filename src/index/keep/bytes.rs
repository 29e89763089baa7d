//! Numbers, texts and what is shared, as bytes.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

/// The deepest that what is stored may lie within another of its kind.
const DEEPEST: usize = 200;

/// What can be written as bytes and read again.
pub(super) trait Stored: Sized {
    /// `None` if it cannot.
    fn put(&self, out: &mut Out) -> Option<()>;

    /// `None` if the bytes are not of its kind.
    fn take(from: &mut In<'_>) -> Option<Self>;
}

/// Takes bytes.
#[derive(Default)]
pub(super) struct Out {
    bytes: Vec<u8>,
    /// The number of each thing that was written and may be met again, by where it is.
    shared: HashMap<usize, u64>,
    depth: usize,
}

impl Out {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Seven bits a byte, the lowest first; the last byte is below 128.
    pub(super) fn number(&mut self, mut value: u64) {
        loop {
            let [low, ..] = value.to_le_bytes();
            value >>= 7;
            if value == 0 {
                return self.bytes.push(low & 0x7f);
            }
            self.bytes.push(low | 0x80);
        }
    }

    /// A difference that is small either way.
    pub(super) fn difference(&mut self, difference: u64) {
        let signed = difference.cast_signed();
        self.number((signed << 1 ^ signed >> 63).cast_unsigned());
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    /// What is behind this is written once; whoever else points there is told by its number.
    pub(super) fn shared<T: Stored>(&mut self, one: &Arc<T>) -> Option<()> {
        let place = Arc::as_ptr(one).addr();
        if let Some(number) = self.shared.get(&place) {
            let number = *number;
            self.number(number + 1);
            return Some(());
        }
        self.number(0);
        one.put(self)?;
        let number = self.shared.len() as u64;
        self.shared.insert(place, number);
        Some(())
    }

    pub(super) fn deeper(&mut self, write: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        self.depth += 1;
        let written = if self.depth > DEEPEST { None } else { write(self) };
        self.depth -= 1;
        written
    }
}

/// Gives bytes.
pub(super) struct In<'a> {
    bytes: &'a [u8],
    shared: Vec<Arc<dyn Any + Send + Sync>>,
    texts: HashMap<&'a str, Arc<str>>,
    depth: usize,
}

impl<'a> In<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, shared: Vec::new(), texts: HashMap::new(), depth: 0 }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*byte)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let (mut value, mut shift) = (0u64, 0u32);
        loop {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(value);
            }
            shift += 7;
        }
    }

    pub(super) fn difference(&mut self) -> Option<u64> {
        let signed = self.number()?;
        Some((signed >> 1) ^ 0u64.wrapping_sub(signed & 1))
    }

    /// A number of things, each of which takes a byte at least.
    pub(super) fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok().filter(|length| *length <= self.bytes.len())
    }

    pub(super) fn raw(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        let (own, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(own)
    }

    pub(super) fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (own, rest) = self.bytes.split_first_chunk::<N>()?;
        self.bytes = rest;
        Some(*own)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.raw()?).ok()
    }

    /// A text that many say.
    pub(super) fn one_text(&mut self) -> Option<Arc<str>> {
        let text = self.text()?;
        Some(Arc::clone(self.texts.entry(text).or_insert_with(|| text.into())))
    }

    pub(super) fn shared<T: Stored + Send + Sync + 'static>(&mut self) -> Option<Arc<T>> {
        match self.number()?.checked_sub(1) {
            Some(number) => Arc::clone(self.shared.get(usize::try_from(number).ok()?)?).downcast().ok(),
            None => {
                let one = Arc::new(T::take(self)?);
                self.shared.push(Arc::<T>::clone(&one));
                Some(one)
            }
        }
    }

    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.depth += 1;
        let one = if self.depth > DEEPEST { None } else { read(self) };
        self.depth -= 1;
        one
    }
}

impl Stored for bool {
    fn put(&self, out: &mut Out) -> Option<()> {
        out.byte(u8::from(*self));
        Some(())
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        match from.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Stored for u64 {
    fn put(&self, out: &mut Out) -> Option<()> {
        out.number(*self);
        Some(())
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        from.number()
    }
}

impl Stored for u32 {
    fn put(&self, out: &mut Out) -> Option<()> {
        out.number((*self).into());
        Some(())
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        u32::try_from(from.number()?).ok()
    }
}

impl Stored for i64 {
    fn put(&self, out: &mut Out) -> Option<()> {
        out.difference(self.cast_unsigned());
        Some(())
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        Some(from.difference()?.cast_signed())
    }
}

impl Stored for f64 {
    fn put(&self, out: &mut Out) -> Option<()> {
        self.to_bits().to_le_bytes().iter().for_each(|byte| out.byte(*byte));
        Some(())
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        Some(f64::from_bits(u64::from_le_bytes(from.fixed()?)))
    }
}

impl Stored for String {
    fn put(&self, out: &mut Out) -> Option<()> {
        out.raw(self.as_bytes());
        Some(())
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        from.text().map(str::to_owned)
    }
}

impl Stored for Arc<str> {
    fn put(&self, out: &mut Out) -> Option<()> {
        out.raw(self.as_bytes());
        Some(())
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        from.one_text()
    }
}

impl<T: Stored> Stored for Option<T> {
    fn put(&self, out: &mut Out) -> Option<()> {
        self.is_some().put(out)?;
        self.as_ref().map_or(Some(()), |one| one.put(out))
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        if bool::take(from)? { Some(Some(T::take(from)?)) } else { Some(None) }
    }
}

impl<T: Stored> Stored for Vec<T> {
    fn put(&self, out: &mut Out) -> Option<()> {
        out.number(self.len() as u64);
        self.iter().try_for_each(|one| one.put(out))
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        let length = from.length()?;
        (0..length).map(|_| T::take(from)).collect()
    }
}

impl<A: Stored, B: Stored> Stored for (A, B) {
    fn put(&self, out: &mut Out) -> Option<()> {
        self.0.put(out)?;
        self.1.put(out)
    }

    fn take(from: &mut In<'_>) -> Option<Self> {
        Some((A::take(from)?, B::take(from)?))
    }
}
