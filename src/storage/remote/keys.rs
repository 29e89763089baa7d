//! The objects of a store below a folder.

use futures_util::StreamExt;
use object_store::ObjectMeta;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use url::Url;

use super::{block_on, failed, fingerprint_of, store};
use crate::model::{SourceFile, SourceUrl};
use crate::storage::StorageError;

/// What is encoded when a key becomes the path of a URL; as the `url` crate does it, and `%`.
const KEY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// Tells of each object below a folder (`s3://bucket/folder/`): its key below that folder, and the object as it is now. The listing says all that a
/// look at the objects themselves would, a thousand at a time.
///
/// # Errors
/// [`StorageError`] if the store does not list them to the end; what it has listed was told.
pub fn list_objects(folder: &SourceUrl, mut tell: impl FnMut(&str, SourceFile) + Send) -> Result<(), StorageError> {
    let url = folder.url();
    let (store, prefix) = store(url)?;
    block_on(async {
        let mut objects = store.list(Some(&prefix));
        while let Some(object) = objects.next().await {
            let object = object.map_err(|error| failed(url, &error))?;
            let Some(below) = below(&object, prefix.as_ref()) else { continue };
            if let Some(url) = url_of(url, below) {
                tell(below, source_file(url, &object)?);
            }
        }
        Ok(())
    })
}

/// The key below a folder; `None` if it is none.
fn below<'a>(object: &'a ObjectMeta, prefix: &str) -> Option<&'a str> {
    let key = object.location.as_ref();
    let below = if prefix.is_empty() { key } else { key.strip_prefix(prefix)?.strip_prefix('/')? };
    (!below.is_empty()).then_some(below)
}

fn url_of(folder: &Url, below: &str) -> Option<SourceUrl> {
    let mut url = folder.clone();
    let above = folder.path().strip_suffix('/').unwrap_or(folder.path());
    url.set_path(&format!("{above}/{}", utf8_percent_encode(below, KEY)));
    Some(SourceUrl::new(url))
}

fn source_file(url: SourceUrl, object: &ObjectMeta) -> Result<SourceFile, StorageError> {
    let fingerprint = fingerprint_of(object.e_tag.as_deref(), Some(object.last_modified), object.size);
    let fingerprint = fingerprint.ok_or_else(|| StorageError::Indistinct { url: url.to_string() })?;
    Ok(SourceFile { url, size: object.size, fingerprint })
}
