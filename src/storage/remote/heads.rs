//! How much of the head of a file its dataset has needed so far.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use url::{Position, Url};

use crate::storage::DEFAULT_HEAD;

/// What is read of the first file of a folder: more than most need, for a second request costs more than the bytes.
pub(super) const FIRST: u64 = 128 << 10;

/// What is learnt is rounded up to this: files of a dataset differ a little.
const STEP: u64 = 8 << 10;

/// Reading more at once does not pay: what lies that far from the start is asked for by name.
const LARGEST: u64 = 1 << 20;

/// Folders that are remembered; beyond it everything is learnt anew.
const LIMIT: usize = 4096;

/// The head that suffices for all files so far, by server and folder.
#[derive(Debug, Default)]
pub(super) struct Heads(Mutex<HashMap<String, u64>>);

fn folder(url: &Url) -> &str {
    let whole = &url[..Position::AfterPath];
    whole.rfind('/').map_or(whole, |end| &whole[..end])
}

impl Heads {
    /// The bytes that are worth reading of a file that nothing is known of.
    pub(super) fn size(&self, url: &Url) -> u64 {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(folder(url)).copied().unwrap_or(FIRST)
    }

    /// Remembers what would have sufficed for a file.
    pub(super) fn learn(&self, url: &Url, needed: u64) {
        let rounded = needed.min(LARGEST).next_multiple_of(STEP);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= LIMIT && !known.contains_key(folder(url)) {
            known.clear();
        }
        let head = known.entry(folder(url).to_owned()).or_insert(DEFAULT_HEAD);
        *head = rounded.max(*head);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_folder_learns_its_largest_head() {
        let heads = Heads::default();
        let url = |path: &str| Url::parse(&format!("http://host:81/{path}")).unwrap();
        assert_eq!(heads.size(&url("x/a.nc")), FIRST);
        heads.learn(&url("x/a.nc"), 100_000);
        heads.learn(&url("x/b.nc"), 90_000);
        assert_eq!(heads.size(&url("x/c.nc?v=1")), 106_496);
        assert_eq!(heads.size(&url("y/c.nc")), FIRST);
        heads.learn(&url("y/c.nc"), 10);
        assert_eq!(heads.size(&url("y/c.nc")), DEFAULT_HEAD);
        heads.learn(&url("y/c.nc"), u64::MAX);
        assert_eq!(heads.size(&url("y/d.nc")), LARGEST);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let heads = Heads::default();
        for at in 0..3 * LIMIT {
            heads.learn(&Url::parse(&format!("http://host/{at}/a.nc")).unwrap(), 1 << 20);
        }
        assert!(heads.0.lock().unwrap().len() <= LIMIT);
    }
}
