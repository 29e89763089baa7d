//! Locations of chunks in a few bytes each.

use super::chunk::ChunkLocation;

/// Locations between two places that can be found without decoding what stands before them.
const BLOCK: usize = 48;

/// The greatest distance between two chunks that is packed; no file is that long.
const FARTHEST: u64 = 1 << 59;

/// Numbered locations in ascending order. Each is told by what sets it apart from the one before: most chunks follow each other in number and in the
/// file, and are about as long, which takes 3 or 4 bytes instead of 16. Numbers that are left out take no room.
#[derive(Debug, Clone, Default)]
pub(crate) struct PackedLocations {
    bytes: Vec<u8>,
    blocks: Vec<Block>,
    count: usize,
    last: State,
}

/// Where a block begins, and what stood before it.
#[derive(Debug, Clone, Copy)]
struct Block {
    first: u64,
    at: usize,
    state: State,
}

/// What the next location is told by.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// The number that would follow.
    number: u64,
    /// Where the last chunk ends.
    end: u64,
    length: u64,
}

impl State {
    fn after(number: u64, location: ChunkLocation) -> Self {
        Self {
            number: number.wrapping_add(1),
            end: location.offset.wrapping_add(location.length),
            length: location.length,
        }
    }
}

impl PackedLocations {
    /// Adds a location behind all others; false if it does not stand behind them, or cannot be packed.
    pub(crate) fn push(&mut self, number: u64, location: ChunkLocation) -> bool {
        let gap = signed(location.offset.wrapping_sub(self.last.end));
        let is_next = self.count == 0 || number >= self.last.number;
        if !is_next || number == u64::MAX || gap >= FARTHEST || location.filter_mask != 0 {
            return false;
        }
        if self.count.is_multiple_of(BLOCK) {
            self.blocks.push(Block { first: number, at: self.bytes.len(), state: self.last });
        }
        let skipped = number - self.last.number;
        let is_longer = location.length != self.last.length;
        put(&mut self.bytes, gap << 2 | u64::from(skipped > 0) << 1 | u64::from(is_longer));
        if skipped > 0 {
            put(&mut self.bytes, skipped);
        }
        if is_longer {
            put(&mut self.bytes, signed(location.length.wrapping_sub(self.last.length)));
        }
        self.last = State::after(number, location);
        self.count += 1;
        true
    }

    /// The number of locations.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The number after the last; smaller ones can no longer be added.
    pub(crate) fn next(&self) -> u64 {
        self.last.number
    }

    /// The location with a number.
    pub(crate) fn get(&self, number: u64) -> Option<ChunkLocation> {
        let after = self.blocks.partition_point(|block| block.first <= number);
        let block = after.checked_sub(1)?;
        let found = self.at_block(block).take(BLOCK).find(|(at, _)| *at >= number)?;
        (found.0 == number).then_some(found.1)
    }

    /// Finds locations by number: fast as long as the numbers ascend.
    pub(crate) fn seeking(&self) -> Seeking<'_> {
        Seeking { packed: self, ahead: self.iter(), asked: 0, found: None }
    }

    /// All locations with their numbers.
    pub(crate) fn iter(&self) -> Unpacking<'_> {
        self.at_block(0)
    }

    /// Lets go of room that was taken for more.
    pub(crate) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.blocks.shrink_to_fit();
    }

    fn at_block(&self, block: usize) -> Unpacking<'_> {
        let begin = self.blocks.get(block);
        let bytes = begin.and_then(|begin| self.bytes.get(begin.at..)).unwrap_or_default();
        Unpacking { bytes, state: begin.map(|begin| begin.state).unwrap_or_default() }
    }
}

/// Reads locations one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Unpacking<'a> {
    bytes: &'a [u8],
    state: State,
}

impl Iterator for Unpacking<'_> {
    type Item = (u64, ChunkLocation);

    fn next(&mut self) -> Option<Self::Item> {
        let head = take(&mut self.bytes)?;
        let skipped = if head & 2 == 0 { 0 } else { take(&mut self.bytes)? };
        let change = if head & 1 == 0 { 0 } else { unsigned(take(&mut self.bytes)?) };
        let number = self.state.number.wrapping_add(skipped);
        let offset = self.state.end.wrapping_add(unsigned(head >> 2));
        let length = self.state.length.wrapping_add(change);
        let location = ChunkLocation { offset, length, filter_mask: 0 };
        self.state = State::after(number, location);
        Some((number, location))
    }
}

/// Finds locations one after the other, without beginning anew for each.
#[derive(Debug, Clone)]
pub(crate) struct Seeking<'a> {
    packed: &'a PackedLocations,
    ahead: Unpacking<'a>,
    /// The number that was asked for last, and the first location from there on; what stands before it has passed by.
    asked: u64,
    found: Option<(u64, ChunkLocation)>,
}

impl Seeking<'_> {
    /// The location with a number, as [`PackedLocations::get`] finds it.
    pub(crate) fn get(&mut self, number: u64) -> Option<ChunkLocation> {
        let is_near = number >= self.asked && number - self.asked <= BLOCK as u64;
        if !is_near || self.found.is_none() {
            let after = self.packed.blocks.partition_point(|block| block.first <= number);
            self.ahead = self.packed.at_block(after.saturating_sub(1));
            self.found = self.ahead.next();
        }
        while self.found.is_some_and(|(at, _)| at < number) {
            self.found = self.ahead.next();
        }
        self.asked = number;
        self.found.filter(|(at, _)| *at == number).map(|(_, location)| location)
    }
}

/// A difference of two's complement, small if it is small either way.
fn signed(difference: u64) -> u64 {
    let difference = difference.cast_signed();
    (difference << 1 ^ difference >> 63).cast_unsigned()
}

fn unsigned(signed: u64) -> u64 {
    (signed >> 1) ^ 0u64.wrapping_sub(signed & 1)
}

/// Seven bits a byte, the lowest first; the last byte is below 128.
fn put(bytes: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            return bytes.push(low & 0x7f);
        }
        bytes.push(low | 0x80);
    }
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    let mut shift = 0;
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(value);
        }
        shift = (shift + 7).min(63);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn location(offset: u64, length: u64) -> ChunkLocation {
        ChunkLocation { offset, length, filter_mask: 0 }
    }

    #[test]
    fn neighbours_take_few_bytes() {
        let mut packed = PackedLocations::default();
        let mut offset = 4096;
        for number in 0..100_000 {
            let length = 50_000 + number * 7919 % 4000;
            assert!(packed.push(number, location(offset, length)));
            offset += length;
        }
        packed.shrink();
        let bytes = packed.bytes.len() + packed.blocks.len() * size_of::<Block>();
        assert!(bytes < 400_000, "{bytes}");
        assert!(!packed.push(99_999, location(0, 1)));
        assert!(!packed.push(100_000, location(1 << 60, 1)));
        assert!(!packed.push(100_000, ChunkLocation { filter_mask: 1, ..location(0, 1) }));
        assert_eq!(packed.get(99_999).map(|last| last.offset + last.length), Some(offset));
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(
            pieces in prop::collection::vec((0u64..3, 0u64..1 << 58, prop_oneof![Just(8u64), any::<u64>()]), 0..300)
        ) {
            let mut packed = PackedLocations::default();
            let mut expected = Vec::new();
            for (skipped, offset, length) in pieces {
                let number = packed.next() + skipped;
                if packed.push(number, location(offset, length)) {
                    expected.push((number, location(offset, length)));
                }
            }
            prop_assert_eq!(packed.len(), expected.len());
            prop_assert!(packed.iter().eq(expected.iter().copied()));
            let (mut ascending, mut leaping) = (packed.seeking(), packed.seeking());
            for number in 0..packed.next() + 2 {
                prop_assert_eq!(ascending.get(number), packed.get(number));
                let other = number * 7919 % (packed.next() + 2);
                prop_assert_eq!(leaping.get(other), packed.get(other));
                let found = expected.iter().find(|(at, _)| *at == number).map(|(_, location)| *location);
                prop_assert_eq!(packed.get(number), found);
            }
        }
    }
}
