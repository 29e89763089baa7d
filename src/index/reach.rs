//! How much of the start of a file was used: what a head of the right size would have held.

use std::cell::Cell;
use std::ops::Range;

/// What is used beyond this is not worth a longer head.
const NEAR: u64 = 1 << 20;
const PAGE: u64 = 4096;
const WORDS: usize = 4;
const _: () = assert!(NEAR == PAGE * 64 * WORDS as u64);
/// So many unused pages in a row end what lies together at the start.
const GAP: u64 = 16;

/// The pages near the start of a file that were used.
#[derive(Debug, Default)]
pub(super) struct Reach {
    pages: [Cell<u64>; WORDS],
    beyond: Cell<bool>,
}

impl Reach {
    /// Notes that bytes were used.
    pub(super) fn note(&self, range: &Range<u64>) {
        if range.end > NEAR {
            self.beyond.set(true);
        }
        for page in range.start / PAGE..range.end.min(NEAR).div_ceil(PAGE) {
            if let Some(word) = usize::try_from(page / 64).ok().and_then(|word| self.pages.get(word)) {
                word.set(word.get() | 1 << (page % 64));
            }
        }
    }

    /// Notes what another one has noted.
    pub(super) fn merge(&self, other: &Self) {
        self.beyond.set(self.beyond.get() || other.beyond.get());
        for (word, more) in self.pages.iter().zip(&other.pages) {
            word.set(word.get() | more.get());
        }
    }

    /// The head that would have held all that was used, or else all that lies together at the start.
    pub(super) fn head(&self, size: u64) -> u64 {
        let pages = (0u64..).zip(&self.pages).flat_map(|(word, bits)| {
            let bits = bits.get();
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| word * 64 + bit)
        });
        let mut end = 0;
        for page in pages {
            if self.beyond.get() && page > end + GAP {
                break;
            }
            end = page + 1;
        }
        (end * PAGE).min(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(used: &[Range<u64>]) -> u64 {
        let reach = Reach::default();
        used.iter().for_each(|range| reach.note(range));
        reach.head(5_000_000)
    }

    #[test]
    fn a_head_holds_what_is_near() {
        assert_eq!(head(&[]), 0);
        assert_eq!(head(&[0..48, 300_000..300_001, 90_000..90_100]), 74 * 4096);
        assert_eq!(head(&[0..PAGE, 0..1]), PAGE);
        // With something far away, only what lies together at the start counts.
        assert_eq!(head(&[0..48, 60_000..70_000, 300_000..300_001, NEAR..NEAR + 1]), 18 * PAGE);
        assert_eq!(head(&[0..1, 0..u64::MAX]), NEAR);
        let (reach, other) = (Reach::default(), Reach::default());
        reach.note(&(0..100));
        assert_eq!(reach.head(100), 100);
        other.note(&(PAGE..PAGE + 1));
        reach.merge(&other);
        assert_eq!(reach.head(5_000_000), 2 * PAGE);
    }
}
