#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

struct Files(BTreeMap<String, Bytes>);

impl ProductFolder for Files {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.0.keys().cloned().collect())
    }

    fn get(&self, name: &str) -> io::Result<Bytes> {
        self.0.get(name).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn read(files: &[(&str, &str)]) -> Result<ReadBack, ReadError> {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), Bytes::copy_from_slice(text.as_bytes())));
    read_kerchunk_parquet("p", &Files(files.collect()))
}

const ARRAY: &str = r#"{"metadata":{"x/.zarray":{"zarr_format":2,"shape":[LENGTH],"chunks":[2],"dtype":"|u1","fill_value":null,"filters":null,"compressor":null},"x/.zattrs":{"_ARRAY_DIMENSIONS":["x"]}},"record_size":2}"#;

#[test]
fn what_is_no_such_folder_is_refused_by_name() {
    let error = |files: &[(&str, &str)]| read(files).unwrap_err().to_string();
    assert_eq!(error(&[]), "p/.zmetadata cannot be read");
    assert!(error(&[(".zmetadata", "[]")]).contains(".zmetadata: expected a JSON object"));
    assert!(error(&[(".zmetadata", r#"{"metadata":{}}"#)]).contains("a record_size above 0"));
    assert!(error(&[(".zmetadata", r#"{"metadata":{},"record_size":0}"#)]).contains("a record_size above 0"));
    assert!(error(&[(".zmetadata", r#"{"metadata":[],"record_size":1}"#)]).contains("documents under metadata"));
    let array = ARRAY.replace("LENGTH", "5");
    assert_eq!(error(&[(".zmetadata", &array)]), "x/refs.0.parq: expected a table of references, found no such file");
    assert!(
        error(&[(".zmetadata", &array), ("x/refs.0.parq", "PAR1")])
            .contains("x/refs.0.parq: expected a table in Parquet")
    );
    let large = ARRAY.replace("LENGTH", "18446744073709551615");
    assert!(error(&[(".zmetadata", &large)]).contains("x/refs.0.parq"));
}

#[test]
fn files_that_nothing_asks_for_are_told() {
    let read = read(&[(".zmetadata", &ARRAY.replace("LENGTH", "0")), ("x/refs.0.parq", ""), ("y", "")]).unwrap();
    assert_eq!(read.store.extra_keys, ["x/refs.0.parq", "y"]);
    assert_eq!(read.files.len(), 1);
}

proptest! {
    #[test]
    fn any_bytes_are_taken_or_refused(metadata in "\\PC{0,60}", table in prop::collection::vec(any::<u8>(), 0..200)) {
        let array = ARRAY.replace("LENGTH", "5");
        let files = [(METADATA, Bytes::from(array)), ("x/refs.0.parq", Bytes::from([b"PAR1", &table[..], b"PAR1"].concat()))];
        let files = files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect();
        prop_assert!(read_kerchunk_parquet("p", &Files(files)).is_err());
        let _ = read(&[(METADATA, &metadata)]);
    }
}
