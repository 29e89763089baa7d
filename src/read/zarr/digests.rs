//! The digests of chunks and shards that were taken when they were written, and what stands there now.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::walk;
use crate::read::ReadError;
use crate::read::zarr2::wrong;

/// One file of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDigest {
    /// Its size in bytes.
    pub size: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
    /// How many chunks are in it.
    pub chunks: u64,
}

/// The files of a store that hold chunks, by their keys.
///
/// As text: a line for each, `sha256 size chunks key`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Digests(pub BTreeMap<String, StoredDigest>);

impl Digests {
    /// Reads the text; lines that are none, such as one that was cut off, are left out.
    ///
    /// ```
    /// use altostac::read::Digests;
    /// let line = format!("{} 12 1 tas/c/0/0", "ab".repeat(32));
    /// let digests = Digests::parse(&format!("{line}\n{}", &line[..40]));
    /// assert_eq!(digests.0["tas/c/0/0"].size, 12);
    /// assert_eq!(digests.text(), format!("{line}\n"));
    /// ```
    pub fn parse(text: &str) -> Self {
        let line = |line: &str| {
            let mut words = line.splitn(4, ' ');
            let (sha256, size, chunks, key) = (words.next()?, words.next()?, words.next()?, words.next()?);
            let is_digest = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
            let digest = StoredDigest { size: size.parse().ok()?, sha256: sha256.into(), chunks: chunks.parse().ok()? };
            (is_digest && !key.is_empty()).then(|| (key.to_owned(), digest))
        };
        // Without its end a line may be half a key.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        Self(whole.lines().filter_map(line).collect())
    }

    /// The text.
    pub fn text(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, (key, digest)| {
            let _ = writeln!(text, "{}", digest.line(key));
            text
        })
    }

    /// Those whose files are in this folder as they were written: their bytes are read.
    pub fn whole_in(self, folder: &Path) -> Self {
        let is_whole = |key: &str, digest: &StoredDigest| digest.chunks == 0 || digest.check(folder, key, true).is_ok();
        Self(self.0.into_par_iter().filter(|(key, digest)| is_whole(key, digest)).collect())
    }

    /// Keys of files of so many bytes together, another sample for every seed; all if they are not more.
    pub fn sample(&self, bytes: u64, seed: u64) -> BTreeSet<&str> {
        let mut keys: Vec<(&str, u64)> = self.0.iter().map(|(key, digest)| (key.as_str(), digest.size)).collect();
        let count = keys.len().max(1);
        keys.rotate_left(usize::try_from(seed % count as u64).unwrap_or(0));
        let total = keys.iter().fold(0u64, |sum, (_, size)| sum.saturating_add(*size));
        // Every so many files one, from a random one on.
        let step = usize::try_from(total.div_ceil(bytes.max(1)).max(1)).unwrap_or(usize::MAX);
        keys.into_iter().step_by(step).map(|(key, _)| key).collect()
    }

    /// Compares all files with what is in a folder: the sizes of all, the bytes of some.
    ///
    /// # Errors
    /// [`ReadError`] names the first that is not as it was written.
    pub fn check(&self, folder: &Path, some: &BTreeSet<&str>) -> Result<(), ReadError> {
        self.0.par_iter().try_for_each(|(key, digest)| digest.check(folder, key, some.contains(key.as_str())))
    }
}

impl StoredDigest {
    /// That of a file of these pieces, one after the other.
    pub fn of(pieces: &[&[u8]], chunks: u64) -> Self {
        let mut hash = Sha256::new();
        pieces.iter().for_each(|piece| hash.update(piece));
        let size = pieces.iter().map(|piece| piece.len() as u64).sum();
        Self { size, sha256: hex(&hash.finalize()), chunks }
    }

    fn check(&self, folder: &Path, key: &str, with_bytes: bool) -> Result<(), ReadError> {
        let metadata = std::fs::metadata(folder.join(key));
        let size = metadata.map_err(|source| super::unreadable(key, source))?.len();
        if size != self.size {
            return Err(wrong(key, "as many bytes as were written", &format!("{size} instead of {}", self.size)));
        }
        if with_bytes && hex(&Sha256::digest(walk::read(folder, key)?)) != self.sha256 {
            return Err(wrong(key, "the bytes that were written", &format!("others than of SHA-256 {}", self.sha256)));
        }
        Ok(())
    }

    /// The line of a file.
    pub fn line(&self, key: &str) -> String {
        format!("{} {} {} {key}", self.sha256, self.size, self.chunks)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
