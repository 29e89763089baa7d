//! Why a parser stops: it needs bytes, or the file is at fault.

use crate::codec::CodecError;

/// What is wrong, without the file and object, which the parser's caller knows.
#[derive(Debug)]
pub(super) enum Fault {
    /// A structure is not as the format demands.
    Corrupt { structure: &'static str, offset: u64, expected: String, found: String },
    /// A structure lies beyond the end of the file.
    BeyondEnd { structure: &'static str, end: u64 },
    /// A part of the format that this reader does not have.
    Unsupported { offset: u64, feature: String },
    /// The file claims more than its size allows.
    Limit { what: String },
    /// A chunk cannot be decoded.
    Decode { source: CodecError },
}

impl Fault {
    pub(super) fn corrupt(
        structure: &'static str,
        offset: u64,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Stop {
        Self::Corrupt { structure, offset, expected: expected.into(), found: found.into() }.into()
    }

    pub(super) fn unsupported(offset: u64, feature: impl Into<String>) -> Stop {
        Self::Unsupported { offset, feature: feature.into() }.into()
    }
}

/// Why a parser did not come to its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// Bytes are missing; the view has written down which.
    Need,
    /// The file is at fault.
    Fault(Box<Fault>),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(Box::new(fault))
    }
}

/// What a parser found, or why it stopped.
pub(super) type Found<T> = Result<T, Stop>;

/// Runs a step for every item even when one of them lacks bytes, so that the needs of a whole level come together.
pub(super) fn each<T, U>(items: impl IntoIterator<Item = T>, mut step: impl FnMut(T) -> Found<U>) -> Found<Vec<U>> {
    let items = items.into_iter();
    let mut found = Vec::with_capacity(items.size_hint().0);
    let mut waiting = false;
    for item in items {
        match step(item) {
            Ok(value) => found.push(value),
            Err(Stop::Need) => waiting = true,
            Err(fault) => return Err(fault),
        }
    }
    if waiting { Err(Stop::Need) } else { Ok(found) }
}
