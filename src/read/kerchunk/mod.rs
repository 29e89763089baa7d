//! Products in Kerchunk JSON, version 1, read back.

pub(super) mod gather;
pub(super) mod json;

use std::io::{self, BufReader, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use gather::{Gathered, Refused};

use super::{ProductStore, ReadBack, ReadError};
use crate::model::ProductFile;

/// Products of fewer bytes are read at once.
const WHOLE: u64 = 16 << 20;

/// Reads a product: `{"version": 1, "refs": {…}}`, or the references alone.
///
/// ```
/// use altostac::read::parse_kerchunk;
/// let store = parse_kerchunk(br#"{"version": 1, "refs": {
///     ".zgroup": "{\"zarr_format\": 2}",
///     "x/.zarray": "{\"zarr_format\":2,\"shape\":[2],\"chunks\":[2],\"dtype\":\"|u1\",\"fill_value\":null,\"filters\":null}",
///     "x/.zattrs": "{\"_ARRAY_DIMENSIONS\": [\"x\"]}",
///     "x/0": "base64:AQI="
/// }}"#)?;
/// let values = store.read_chunk(&store.arrays["x"], 0, &|_| unreachable!())?;
/// assert_eq!(values, [1, 2]);
/// # Ok::<(), altostac::read::ReadError>(())
/// ```
///
/// # Errors
/// [`ReadError::Json`] for what is no such JSON (a key that stands twice, `templates`, `gen`), [`ReadError::Metadata`] for
/// an array of another Zarr version, or with types, filters or an order that altostac does not know.
pub fn parse_kerchunk(bytes: &[u8]) -> Result<ProductStore, ReadError> {
    gather(|sink| json::read(serde_json::de::SliceRead::new(bytes), sink))
}

/// The same, read piece by piece: chunks whose array stands before them are never all in memory as text. `path` names the file, `size` is
/// about how many bytes it has: so much room is taken at once, up to a limit.
///
/// ```
/// use altostac::read::read_kerchunk;
/// let mut file: &[u8] = br#"{"version": 1, "refs": {".zgroup": "{\"zarr_format\": 2}"}}"#;
/// let read_back = read_kerchunk("kerchunk.json", (&mut file, 59))?;
/// assert!(read_back.store.groups.contains_key("") && read_back.files[0].size == 59);
/// # Ok::<(), altostac::read::ReadError>(())
/// ```
///
/// # Errors
/// As [`parse_kerchunk`]; what cannot be read counts as [`ReadError::Json`].
pub fn read_kerchunk(path: &str, (file, size): (&mut dyn Read, u64)) -> Result<ReadBack, ReadError> {
    let mut file = Digesting { inner: file, size: 0, digest: Sha256::new() };
    let store = store(&mut file, size)?;
    let sha256 = file.digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(ReadBack { store, files: vec![ProductFile { path: path.into(), size: file.size, sha256 }] })
}

fn store(file: &mut Digesting<'_>, size: u64) -> Result<ProductStore, ReadError> {
    // A slice is read faster than a stream.
    // One more, to see that it ends there.
    let mut begin = Vec::with_capacity(usize::try_from(size.min(WHOLE) + 1).unwrap_or(0));
    let read = file.take(WHOLE).read_to_end(&mut begin);
    read.map_err(|error| ReadError::Json { source: serde_json::Error::io(error) })?;
    if (begin.len() as u64) < WHOLE {
        return parse_kerchunk(&begin);
    }
    let rest = BufReader::with_capacity(1 << 18, file);
    gather(|sink| json::read(serde_json::de::IoRead::new(begin.as_slice().chain(rest)), sink))
}

/// Counts and digests what is read through it.
struct Digesting<'a> {
    inner: &'a mut dyn Read,
    size: u64,
    digest: Sha256,
}

impl Read for Digesting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.size += read as u64;
        self.digest.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

fn gather(read: impl FnOnce(json::Sink<'_>) -> Result<(), serde_json::Error>) -> Result<ProductStore, ReadError> {
    let mut gathered = Gathered::default();
    let mut wrong = None;
    let outcome = read(&mut |key, reference| match gathered.take(key, reference) {
        Ok(()) => Ok(()),
        Err(Refused::Twice(key)) => Err(format!("the key {key:?} stands twice")),
        Err(Refused::Metadata(error)) => Err(wrong.insert(error).to_string()),
    });
    match (outcome, wrong) {
        (_, Some(error)) => Err(error),
        (Err(source), None) => Err(ReadError::Json { source }),
        (Ok(()), None) => gathered.finish(),
    }
}

pub(super) fn name(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

pub(super) fn folder(key: &str) -> &str {
    key.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The bytes of a text value: after `base64:` encoded, else as they are.
fn inline_bytes(text: &str) -> Option<Bytes> {
    match text.strip_prefix("base64:") {
        Some(encoded) => STANDARD.decode(encoded).ok().map(Bytes::from),
        None => Some(Bytes::copy_from_slice(text.as_bytes())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;
    use crate::read::Reference;

    const ARRAY: &str = r#""x/.zarray": "{\"zarr_format\":2,\"shape\":[3],\"chunks\":[2],\"dtype\":\">i2\",\"fill_value\":-1,\"order\":\"C\",\"filters\":null,\"compressor\":null}","x/.zattrs":"{\"_ARRAY_DIMENSIONS\":[\"x\"]}""#;

    fn error(refs: &str) -> String {
        let error = parse_kerchunk(refs.as_bytes()).unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        format!("{error}: {source}")
    }

    #[test]
    fn bare_references_and_missing_chunks_read() {
        let text = format!(
            r#"{{".zgroup":"{{\"zarr_format\":2}}",{ARRAY},"x/0":["memory://a",1,4],"x/2":"aa","x/01":"aa","y/0":"aa"}}"#
        );
        let store = parse_kerchunk(text.as_bytes()).unwrap();
        let array = &store.arrays["x"];
        assert_eq!(store.extra_keys, ["x/01", "x/2", "y/0"]);
        assert_eq!(array.reference(0), Some(Reference::Part { url: "memory://a".into(), offset: 1, length: 4 }));
        assert_eq!(store.read_chunk(array, 1, &|_| unreachable!()).unwrap(), [255; 4]);
    }

    #[test]
    fn what_is_not_kerchunk_is_refused_by_name() {
        assert!(error(r#"{"version":1,"refs":{"a":"1","a":"2"}}"#).contains("the key \"a\" stands twice"));
        assert!(error(r#"{"version":1,"templates":{"u":"file"},"refs":{}}"#).contains("templates"));
        assert!(error(r#"{"version":1,"gen":[{}],"refs":{}}"#).contains("gen"));
        assert!(error(r#"{"version":3,"refs":{}}"#).contains("version 3"));
        assert!(error(r#"{"version":1,"refs":{"a":["u",-1,2]}}"#).contains("[url, offset, length]"));
        assert!(error(&format!("{{{}}}", ARRAY.replace(">i2", "<M8[s]"))).contains("x/.zarray"));
        assert!(error(&format!("{{{}}}", ARRAY.replace("[2]", "[0]"))).contains("chunks"));
        assert!(error(&format!("{{{}}}", ARRAY.replace("-1", "99999"))).contains("fill_value"));
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused(text in "\\PC{0,60}", key in "[a-z./0]{0,8}") {
            let _ = parse_kerchunk(text.as_bytes());
            let _ = parse_kerchunk(serde_json::json!({"version": 1, "refs": {key: text}}).to_string().as_bytes());
        }
    }
}
