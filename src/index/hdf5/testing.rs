//! What the tests of the parsers share: bytes laid out by address, and a view of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::cast_possible_truncation)]

use bytes::Bytes;

use super::bytes::Widths;
use super::checksum::lookup3;
use super::driver::{Step, step};
use super::fault::{Fault, Found};
use super::store::{Budget, FileFacts, Shared, View};
use crate::index::pieces::Pieces;

pub(super) const WIDTHS: Widths = Widths { address: 8, length: 8 };

/// A file in the making.
#[derive(Debug, Default)]
pub(super) struct Image(pub(super) Vec<u8>);

impl Image {
    /// Puts bytes at an address.
    pub(super) fn put(mut self, address: usize, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        let end = address + bytes.len();
        self.0.resize(self.0.len().max(end), 0);
        self.0[address..end].copy_from_slice(bytes);
        self
    }

    /// Puts bytes followed by their checksum at an address.
    pub(super) fn put_summed(self, address: usize, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.put(address, [bytes, &lookup3(bytes).to_le_bytes()].concat())
    }

    /// Runs a parser, handing out exactly the bytes that it asks for.
    pub(super) fn parse<T>(&self, mut parser: impl FnMut(&View) -> Found<T>) -> Result<T, Fault> {
        let size = self.0.len() as u64;
        let facts = FileFacts { base: 0, size, widths: WIDTHS, ..FileFacts::default() };
        let (shared, budget, mut store) = (Shared::default(), Budget::new(size, 1 << 20), Pieces::default());
        for _ in 0..1000 {
            match step(&store, &facts, &shared, &budget, &mut parser)? {
                Step::Done(found) => return Ok(found),
                Step::Need(needs) => {
                    assert!(!needs.kept.is_empty() || !needs.passing.is_empty(), "waits for nothing");
                    let cut = |range: &std::ops::Range<u64>| {
                        Bytes::copy_from_slice(&self.0[range.start as usize..range.end as usize])
                    };
                    store.forget_passed();
                    needs.kept.iter().for_each(|range| store.keep(range.start, &cut(range)));
                    needs.passing.iter().for_each(|range| store.pass(range.start, &cut(range)));
                }
            }
        }
        panic!("does not end");
    }
}

/// Numbers of eight bytes.
pub(super) fn words(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}
