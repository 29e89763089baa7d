//! The references of one array, in a few bytes each.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::Reference;
use crate::model::ChunkLocation;
use crate::model::packed::{PackedLocations, Seeking};

/// What stands for each chunk: pieces of files packed as long as they come in order, all else apart.
#[derive(Debug, Clone, Default)]
pub(in crate::read) struct References {
    parts: PackedLocations,
    /// The URLs of the packed pieces, each with the first chunk from which on it is meant.
    urls: Vec<(u64, Arc<str>)>,
    others: HashMap<u64, Reference>,
    /// Whether the packed pieces are of the product's own files, and the URLs keys in it.
    is_stored: bool,
}

impl References {
    /// From here on pieces of the product's own files are packed, not those of others.
    pub(in crate::read) fn keep_stored(&mut self) {
        self.is_stored = true;
    }

    /// The file and the piece of it, if it is one that is packed.
    fn piece<'a>(&self, reference: &'a Reference) -> Option<(&'a Arc<str>, u64, u64)> {
        match (reference, self.is_stored) {
            (Reference::Part { url, offset, length }, false) => Some((url, *offset, *length)),
            (Reference::Stored { key, offset, length }, true) => Some((key, *offset, *length)),
            _ => None,
        }
    }

    /// Takes a reference; false if the chunk has one.
    pub(in crate::read) fn insert(&mut self, number: u64, reference: Reference) -> bool {
        if number < self.parts.next() && self.parts.get(number).is_some() {
            return false;
        }
        if let Some((url, offset, length)) = self.piece(&reference) {
            let location = ChunkLocation { offset, length, filter_mask: 0 };
            if !self.others.contains_key(&number) && self.parts.push(number, location) {
                if self.urls.last().is_none_or(|(_, last)| last != url) {
                    self.urls.push((number, Arc::clone(url)));
                }
                return true;
            }
        }
        match self.others.entry(number) {
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => {
                entry.insert(reference);
                true
            }
        }
    }

    pub(in crate::read) fn get(&self, number: u64) -> Option<Reference> {
        if let Some(ChunkLocation { offset, length, .. }) = self.parts.get(number) {
            let after = self.urls.partition_point(|(first, _)| *first <= number);
            let (_, url) = self.urls.get(after.checked_sub(1)?)?;
            let file = Arc::clone(url);
            return Some(match self.is_stored {
                false => Reference::Part { url: file, offset, length },
                true => Reference::Stored { key: file, offset, length },
            });
        }
        self.others.get(&number).cloned()
    }

    /// Finds pieces of files one after the other, fast as long as the numbers ascend.
    pub(super) fn seeking(&self) -> SeekingParts<'_> {
        SeekingParts { references: self, parts: self.parts.seeking(), url: 0 }
    }

    pub(in crate::read) fn len(&self) -> usize {
        self.parts.len() + self.others.len()
    }

    /// Lets go of room that was taken for more.
    pub(in crate::read) fn shrink(&mut self) {
        self.parts.shrink();
        self.urls.shrink_to_fit();
    }
}

/// Finds the pieces of files that stand for chunks, one after the other.
#[derive(Debug, Clone)]
pub struct SeekingParts<'a> {
    references: &'a References,
    parts: Seeking<'a>,
    /// The place among the URLs of the last one found.
    url: usize,
}

impl<'a> SeekingParts<'a> {
    /// The URL, offset and length of what stands for a chunk, if it is a piece of a file that is not the product's own. `None` says nothing:
    /// [`ProductArray::reference`](super::ProductArray::reference) knows.
    pub fn part(&mut self, number: u64) -> Option<(&'a Arc<str>, u64, u64)> {
        let urls = &self.references.urls;
        let ChunkLocation { offset, length, .. } = self.parts.get(number).filter(|_| !self.references.is_stored)?;
        let is_meant = |at: usize| {
            urls.get(at).is_some_and(|(first, _)| *first <= number)
                && urls.get(at + 1).is_none_or(|(next, _)| number < *next)
        };
        if !is_meant(self.url) {
            self.url = urls.partition_point(|(first, _)| *first <= number).checked_sub(1)?;
        }
        urls.get(self.url).map(|(_, url)| (url, offset, length))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn references_come_back_in_whatever_order_they_stood(
            placed in prop::collection::vec((0u64..50, 0u8..4, 0u64..1000), 0..120), in_order: bool, is_stored: bool
        ) {
            let mut placed = placed;
            if in_order {
                placed.sort_unstable();
            }
            let mut expected = HashMap::new();
            let mut references = References::default();
            if is_stored {
                references.keep_stored();
            }
            for (number, kind, offset) in placed {
                let reference = match kind {
                    0 => Reference::Inline("a".into()),
                    2 => Reference::Stored { key: "c".into(), offset, length: 9 },
                    1 => Reference::Part { url: "a".into(), offset: offset << 54, length: 7 },
                    _ => Reference::Part { url: "b".into(), offset, length: u64::MAX - offset },
                };
                let is_new = !expected.contains_key(&number);
                prop_assert_eq!(references.insert(number, reference.clone()), is_new);
                expected.entry(number).or_insert(reference);
            }
            prop_assert_eq!(references.len(), expected.len());
            references.shrink();
            let (mut seeking, mut parts) = (references.seeking(), 0);
            for number in 0..51 {
                prop_assert_eq!(references.get(number), expected.get(&number).cloned());
                if let Some((url, offset, length)) = seeking.part(number) {
                    let found = Reference::Part { url: url.clone(), offset, length };
                    prop_assert_eq!(Some(&found), expected.get(&number));
                    parts += 1;
                }
            }
            prop_assert_eq!(parts, if is_stored { 0 } else { references.parts.len() });
        }
    }
}
