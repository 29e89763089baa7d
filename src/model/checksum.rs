//! What a product says of a file that it refers to, for readers to notice that the file is another by now.

use std::fmt;

use super::public_urls::PublicUrls;
use super::source::{Fingerprint, SourceFile};

/// What tells readers of a later change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileChecksum {
    /// The entity tag, with its quotes.
    ETag(String),
    /// The last modification, in seconds since 1970, rounded up: readers refuse a file that is younger by a fraction.
    Modified(u32),
}

impl FileChecksum {
    /// That of a file as it was when it was looked at; `None` if nothing is known that a reader could compare.
    ///
    /// A fingerprint is that of the file itself: of another place that readers see it at, nothing is known. Nor has a file on a web server
    /// an ETag here: icechunk 2 asks for it without its quotes, and the server answers that it has no such file.
    ///
    /// ```
    /// use altostac::model::{FileChecksum, Fingerprint, PublicUrls, SourceFile, SourceUrl};
    /// let fingerprint = Fingerprint::ModifiedAndSize { modified_ns: 5_000_000_001, size: 1 };
    /// let file = SourceFile { url: SourceUrl::from_path("/a.nc").unwrap(), size: 1, fingerprint };
    /// assert_eq!(FileChecksum::of(&file, &PublicUrls::default()), Some(FileChecksum::Modified(6)));
    /// ```
    pub fn of(file: &SourceFile, urls: &PublicUrls) -> Option<Self> {
        const SECOND: i64 = 1_000_000_000;
        if urls.rewrite(file.url.url()) != *file.url.url() {
            return None;
        }
        match &file.fingerprint {
            Fingerprint::ETag { .. } if matches!(file.url.url().scheme(), "http" | "https") => None,
            Fingerprint::ETag { tag } => Some(Self::ETag(tag.clone())),
            Fingerprint::ModifiedAndSize { modified_ns, .. } => {
                let seconds = modified_ns.div_euclid(SECOND) + i64::from(modified_ns.rem_euclid(SECOND) != 0);
                // Icechunk takes 0 for none.
                u32::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Self::Modified)
            }
            Fingerprint::Sha256 { .. } => None,
        }
    }
}

impl fmt::Display for FileChecksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ETag(tag) => write!(f, "ETag {tag}"),
            Self::Modified(seconds) => write!(f, "modified by second {seconds}"),
        }
    }
}
