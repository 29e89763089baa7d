//! Places that references of a product point to, which readers of Icechunk must allow.

use std::collections::BTreeSet;
use std::fmt;

/// A place that chunks are read from: the beginning of their URLs, which ends in a slash.
///
/// ```
/// use altostac::model::ChunkContainer;
/// let containers = ChunkContainer::around(&["file:///a/b/1.nc", "file:///a/c/2.nc", "s3://bucket/x/3.nc"]);
/// let encoded = ChunkContainer::around(&["file:///a/b%20c/1.nc"]);
/// assert_eq!(encoded[0].as_str(), "file:///a/");
/// let prefixes: Vec<String> = containers.iter().map(ToString::to_string).collect();
/// assert_eq!(prefixes, ["file:///a/", "s3://bucket/x/"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChunkContainer(String);

impl ChunkContainer {
    /// The fewest containers for these URLs: the deepest common folder of each server, bucket, or of the local disk.
    pub fn around(urls: &[impl AsRef<str>]) -> Vec<Self> {
        let mut containers: Vec<(String, String)> = Vec::new();
        for url in urls {
            let url = url.as_ref();
            let root = root_of(url);
            let folder = &url[..=url.rfind('/').unwrap_or(0)];
            match containers.iter_mut().find(|(known, _)| *known == root) {
                Some((_, prefix)) => shorten(prefix, folder),
                None => containers.push((root.to_owned(), folder.to_owned())),
            }
        }
        let prefixes: BTreeSet<String> = containers.into_iter().map(|(_, prefix)| plain(prefix)).collect();
        prefixes.into_iter().map(Self).collect()
    }

    /// The beginning itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether chunks of this container are all within another.
    pub fn is_within(&self, other: &str) -> bool {
        self.0.starts_with(other)
    }
}

impl fmt::Display for ChunkContainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The folder above the first name that has to be encoded: Icechunk decodes URLs before it looks for their container.
fn plain(mut prefix: String) -> String {
    if let Some(encoded) = prefix.find('%') {
        prefix.truncate(prefix[..encoded].rfind('/').map_or(0, |at| at + 1));
    }
    prefix
}

/// Scheme and host.
fn root_of(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find('/').map_or(url.len(), |at| host + at);
    &url[..end]
}

fn shorten(prefix: &mut String, folder: &str) {
    while !folder.starts_with(prefix.as_str()) {
        let parent = prefix[..prefix.len() - 1].rfind('/').map_or(0, |at| at + 1);
        prefix.truncate(parent);
    }
}
