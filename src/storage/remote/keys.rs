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

/// A key as it stands in the path of a URL.
pub(crate) fn encoded_key(key: &str) -> String {
    utf8_percent_encode(key, KEY).to_string()
}

fn url_of(folder: &Url, below: &str) -> Option<SourceUrl> {
    let mut url = folder.clone();
    let above = folder.path().strip_suffix('/').unwrap_or(folder.path());
    url.set_path(&format!("{above}/{}", encoded_key(below)));
    Some(SourceUrl::new(url))
}

fn source_file(url: SourceUrl, object: &ObjectMeta) -> Result<SourceFile, StorageError> {
    let fingerprint = fingerprint_of(object.e_tag.as_deref(), Some(object.last_modified), object.size);
    let fingerprint = fingerprint.ok_or_else(|| StorageError::Indistinct { url: url.to_string() })?;
    Ok(SourceFile { url, size: object.size, fingerprint })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use chrono::DateTime;
    use object_store::path::Path;

    use super::*;
    use crate::model::Fingerprint;

    fn object(key: &str) -> ObjectMeta {
        let location = Path::parse(key).unwrap();
        let last_modified = DateTime::UNIX_EPOCH + chrono::TimeDelta::milliseconds(1_500);
        ObjectMeta { location, last_modified, size: 3, e_tag: Some("\"a\"".into()), version: None }
    }

    #[test]
    fn a_key_and_its_url_mean_the_same_object() {
        let folder = Url::parse("s3://bucket/a%20b/").unwrap();
        for name in [
            "x.nc",
            "a b.nc",
            "100%.nc",
            "50%25.nc",
            "a+b.nc",
            "a#b.nc",
            "a?b.nc",
            "é.nc",
            "a&b=c.nc",
            "c:d@e/[1]{2}.nc",
        ] {
            let object = object(&format!("a b/{name}"));
            let below = below(&object, "a b").unwrap();
            assert_eq!(below, name);
            let url = url_of(&folder, below).unwrap();
            assert_eq!(store(url.url()).unwrap().1, object.location, "{url}");
        }
        assert_eq!(below(&object("a bc/x.nc"), "a b"), None);
        assert_eq!(below(&object("x.nc"), ""), Some("x.nc"));
        let root = Url::parse("gs://bucket/").unwrap();
        assert_eq!(url_of(&root, "x y.nc").unwrap().as_str(), "gs://bucket/x%20y.nc");
    }

    #[test]
    fn a_listing_tells_what_a_look_would() {
        let url = SourceUrl::new(Url::parse("s3://bucket/x.nc").unwrap());
        let with_tag = source_file(url.clone(), &object("x.nc")).unwrap();
        assert_eq!(Some(with_tag.fingerprint), fingerprint_of(Some("\"a\""), None, 3));
        let without = ObjectMeta { e_tag: None, ..object("x.nc") };
        let dated = Fingerprint::ModifiedAndSize { modified_ns: 1_000_000_000, size: 3 };
        assert_eq!(source_file(url, &without).unwrap().fingerprint, dated);
    }
}
