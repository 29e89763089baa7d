//! The index against h5py and netCDF4: every variable, attribute, chunk and small value of every file that there are facts
//! about.
//!
//! The facts are made by `tests/oracles/h5_facts.py OUT FILE...`; `ALTOSTAC_H5_FACTS` names the folder. Without it there is nothing
//! to compare with, and the test says so.

#![allow(clippy::print_stderr, clippy::cast_possible_truncation)] // What was skipped or differs is told on stderr.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use altostac::index::{IndexError, index};
use altostac::model::{
    ArrayValues, AttributeValue, Attributes, ByteOrder, Codec, DataType, DimensionName, FileGroup, FileIndex,
    FileVariable, Layout, SmallValues, VariablePath,
};
use altostac::storage::LocalFile;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

const HIDDEN: [&str; 9] = [
    "CLASS",
    "NAME",
    "DIMENSION_LIST",
    "DIMENSION_LABELS",
    "REFERENCE_LIST",
    "_Netcdf4Dimid",
    "_Netcdf4Coordinates",
    "_NCProperties",
    "_nc3_strict",
];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn attribute(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Text(text) => json!({"kind": "text", "value": [text]}),
        AttributeValue::Texts(texts) => json!({"kind": "text", "value": texts}),
        AttributeValue::Numbers(numbers) => json!({
            "kind": "number",
            "dtype": DataType::little(numbers.primitive()).numpy(),
            "hex": hex(&numbers.to_bytes(ByteOrder::Little)),
        }),
        AttributeValue::Unsupported(_) => json!({"kind": "other"}),
    }
}

fn compare_attributes(path: &str, ours: &Attributes, theirs: &Value, wrong: &mut Vec<String>) {
    let empty = Map::new();
    let theirs = theirs.as_object().unwrap_or(&empty);
    for (name, expected) in theirs.iter().filter(|(name, _)| !HIDDEN.contains(&name.as_str())) {
        match ours.get(name).map(attribute) {
            Some(found) if &found == expected => {}
            found => wrong.push(format!("{path}@{name}: expected {expected}, found {found:?}")),
        }
    }
    for name in ours.keys().filter(|name| !theirs.contains_key(*name)) {
        wrong.push(format!("{path}@{name}: not there for h5py"));
    }
}

fn filter_number(codec: &Codec) -> u64 {
    match codec {
        Codec::Deflate { .. } => 1,
        Codec::Shuffle { .. } => 2,
        Codec::Fletcher32 => 3,
        Codec::Zstd { .. } => 32015,
        Codec::Other { id, .. } => u64::from(*id),
    }
}

/// Chunks by their stored bytes.
fn compare_raw_chunks(path: &str, ours: &FileVariable, theirs: &[Value], content: &[u8], wrong: &mut Vec<String>) {
    let mut expected = BTreeMap::new();
    for chunk in theirs {
        let at: Vec<u64> = chunk[0].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
        expected.insert(
            ours.grid.number(&at).unwrap(),
            (chunk[1].as_str().unwrap().to_owned(), chunk[2].as_u64().unwrap()),
        );
    }
    let mut found = BTreeMap::new();
    for (number, location) in ours.manifest.iter().enumerate() {
        if let Some(at) = location {
            let bytes = &content[at.offset as usize..(at.offset + at.length) as usize];
            found.insert(number as u64, (hex(&Sha256::digest(bytes)), u64::from(at.filter_mask)));
        }
    }
    if found != expected {
        wrong.push(format!("{path}: chunks by their bytes {found:?}, expected {expected:?}"));
    }
}

fn compare_chunks(path: &str, ours: &FileVariable, theirs: &Value, content: &[u8], wrong: &mut Vec<String>) {
    if let Some(raw) = theirs["raw_chunks"].as_array() {
        return compare_raw_chunks(path, ours, raw, content, wrong);
    }
    let rank = ours.grid.shape.len();
    let mut expected = BTreeMap::new();
    for chunk in theirs["chunks"].as_array().into_iter().flatten() {
        let numbers: Vec<u64> = chunk.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
        let at: Vec<u64> = numbers[..rank].iter().zip(&ours.grid.chunk_shape).map(|(at, chunk)| at / chunk).collect();
        if let Some(number) = ours.grid.number(&at) {
            expected.insert(number, (numbers[rank], numbers[rank + 1], numbers[rank + 2]));
        }
    }
    let mut found = BTreeMap::new();
    for (number, location) in ours.manifest.iter().enumerate() {
        if let Some(at) = location {
            found.insert(number as u64, (at.offset, at.length, u64::from(at.filter_mask)));
        }
    }
    if found != expected {
        let first = expected.iter().find(|(number, at)| found.get(number) != Some(at));
        wrong.push(format!(
            "{path}: {} chunks, expected {}; the first that differs: {first:?}, found {:?}",
            found.len(),
            expected.len(),
            first.and_then(|(number, _)| found.get(number))
        ));
    }
}

fn compare_values(path: &str, ours: &FileVariable, theirs: &Value, wrong: &mut Vec<String>) -> bool {
    let Some(expected) = theirs.get("values") else { return false };
    let found = match &ours.values {
        SmallValues::NotRead => return false,
        SmallValues::Digest(digest) => json!({"shape": expected["shape"], "sha256": hex(&digest.sha256)}),
        SmallValues::Decoded(array) => {
            let bytes = match &array.values {
                ArrayValues::Strings(texts) => {
                    texts.iter().flat_map(|text| [text.as_bytes(), b"\0"].concat()).collect()
                }
                _ => array.to_bytes(ByteOrder::Little).unwrap(),
            };
            json!({"shape": array.shape, "sha256": hex(&Sha256::digest(bytes))})
        }
    };
    if &found != expected {
        wrong.push(format!("{path}: values {found}, expected {expected}"));
    }
    true
}

fn compare_variable(path: &str, ours: &FileVariable, theirs: &Value, content: &[u8], wrong: &mut Vec<String>) {
    let mut check = |what: &str, found: Value, expected: &Value| {
        if &found != expected {
            wrong.push(format!("{path}: {what} {found}, expected {expected}"));
        }
    };
    let data_type = ours.data_type.numpy();
    check("type", json!(data_type.as_deref().unwrap_or("other")), &theirs["dtype"]);
    // A virtual dataset that grows is as long as its sources are at the moment, which only they know.
    let grows = theirs["layout"] == "virtual" && theirs["limits"].as_array().is_some_and(|l| l.contains(&Value::Null));
    if data_type.is_some() && !grows {
        check("shape", json!(ours.grid.shape), &theirs["shape"]);
    }
    if data_type.as_deref().is_some_and(|text| text != "|O") && theirs["fill"] != "unknown" {
        check("fill value", json!(ours.fill_value.as_deref().map(hex)), &theirs["fill"]);
    }
    check("layout", json!(ours.layout.to_string()), &theirs["layout"]);
    check("filters", json!(ours.codecs.0.iter().map(filter_number).collect::<Vec<_>>()), &theirs["filters"]);
    match &ours.layout {
        Layout::Chunked => {
            check("chunk shape", json!(ours.grid.chunk_shape), &theirs["chunk_shape"]);
            compare_chunks(path, ours, theirs, content, wrong);
        }
        Layout::Contiguous if ours.grid.chunk_count() > 0 && data_type.is_some() => {
            check("offset", json!(ours.manifest.get(0).map(|at| at.offset)), &theirs["offset"]);
        }
        _ => {}
    }
    compare_attributes(path, &ours.attributes, &theirs["attributes"], wrong);
}

/// Dimensions of all groups and variables, as netCDF4 tells them.
fn compare_netcdf(ours: &FileIndex, theirs: &Value, wrong: &mut Vec<String>) {
    let made_up = compares_made_up_names(ours);
    let mut dimensions = Map::new();
    let mut variables = Map::new();
    let mut pending: Vec<(&FileGroup, BTreeMap<DimensionName, String>)> = vec![(&ours.root, BTreeMap::new())];
    while let Some((group, mut scope)) = pending.pop() {
        let prefix = group.path.trim_end_matches('/');
        for (name, dimension) in group.dimensions.iter() {
            let key = format!("{prefix}/{name}");
            dimensions.insert(key.clone(), json!([dimension.length, dimension.unlimited]));
            scope.insert(name.clone(), key);
        }
        for variable in group.variables.values() {
            let names: Vec<&String> = variable.dimensions.iter().map(|name| &scope[name]).collect();
            variables.insert(VariablePath::new(&group.path, &variable.name).as_str().into(), json!(names));
        }
        pending.extend(group.groups.values().map(|child| (child, scope.clone())));
    }
    for (what, found, expected) in
        [("dimension", dimensions, &theirs["dimensions"]), ("dimensions of", variables, &theirs["variables"])]
    {
        let expected = expected.as_object().unwrap();
        for (name, expected) in expected {
            if !made_up && (name.contains("phony_dim") || expected.to_string().contains("phony_dim")) {
                continue;
            }
            if found.get(name) != Some(expected) {
                wrong.push(format!("{what} {name}: {:?}, netCDF4 {expected}", found.get(name)));
            }
        }
        // Variables of types that netCDF4 does not read are not there for it, nor are their dimensions.
        for name in found.keys().filter(|name| !expected.contains_key(*name) && !name.contains("phony_dim")) {
            if what == "dimension" {
                wrong.push(format!("{what} {name}: not there for netCDF4"));
            }
        }
    }
}

/// Names that netCDF-C makes up depend on what else it sees: types that we do not carry over, other files, dimensions of
/// length 0 (each is new to it). Where there are such, made-up names are not compared.
fn compares_made_up_names(ours: &FileIndex) -> bool {
    !ours.notes.iter().any(|note| note.kind == "link_outside")
        && ours
            .root
            .all_variables()
            .iter()
            .all(|(_, variable)| variable.obstacle().is_none() && !variable.grid.shape.contains(&0))
}

/// Whether a dimension scale has two names: netCDF-C takes the last, we the first, whose coordinate it then is.
fn has_aliases(ours: &FileIndex) -> bool {
    let mut seen = std::collections::HashSet::new();
    let variables = ours.root.all_variables();
    variables.iter().any(|(_, v)| v.manifest.present() > 0 && !seen.insert(std::sync::Arc::as_ptr(&v.manifest)))
}

fn compare(ours: &FileIndex, theirs: &Value, content: &[u8]) -> (Vec<String>, usize) {
    let mut wrong = Vec::new();
    let mut values = 0;
    let mut found = BTreeMap::new();
    let unreadable = |path: &str| theirs["unreadable"].get(path).is_some();
    for (path, variable) in ours.root.all_variables() {
        found.insert(path.as_str().to_owned(), variable);
    }
    let hidden = |theirs: &Value| {
        let name = theirs["attributes"]["NAME"]["value"][0].as_str().unwrap_or_default();
        name.starts_with("This is a netCDF dimension but not a netCDF variable")
    };
    for (path, expected) in theirs["variables"].as_object().unwrap() {
        if hidden(expected) {
            continue;
        }
        let stripped = path.replace("_nc4_non_coord_", "");
        match found.remove(&stripped) {
            Some(variable) => {
                compare_variable(path, variable, expected, content, &mut wrong);
                values += usize::from(compare_values(path, variable, expected, &mut wrong));
            }
            None => wrong.push(format!("{path}: missing")),
        }
    }
    let extra = found.keys().filter(|path| !unreadable(path));
    wrong.extend(extra.map(|path| format!("{path}: not there for h5py")));
    let mut groups = vec![&ours.root];
    while let Some(group) = groups.pop() {
        compare_attributes(&group.path, &group.attributes, &theirs["groups"][&*group.path], &mut wrong);
        groups.extend(group.groups.values());
    }
    if theirs["netcdf"].is_object() && !has_aliases(ours) {
        compare_netcdf(ours, &theirs["netcdf"], &mut wrong);
    }
    (wrong, values)
}

fn index_path(path: &Path) -> Result<FileIndex, IndexError> {
    index(&LocalFile::open(path).unwrap())
}

#[test]
fn the_index_equals_h5py_and_netcdf4() {
    let Some(folder) = std::env::var_os("ALTOSTAC_H5_FACTS").map(PathBuf::from) else {
        eprintln!("skipped: needs ALTOSTAC_H5_FACTS");
        return;
    };
    let mut facts: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    facts.sort();
    assert!(!facts.is_empty());
    let (mut equal, mut unjudged, mut refused, mut differing, mut values) = (0, 0, 0, 0, 0);
    let mut wrong_refusals = Vec::new();
    for file in &facts {
        let theirs: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let path = PathBuf::from(theirs["path"].as_str().unwrap());
        let partly = theirs["unreadable"].as_object().is_some_and(|objects| !objects.is_empty());
        let started = std::time::Instant::now();
        let ours = index_path(&path);
        let elapsed = started.elapsed();
        if elapsed.as_secs_f64() > 2.0 {
            eprintln!("SLOW {} {elapsed:?}", path.display());
        }
        match (ours, theirs["error"].as_str()) {
            (Ok(_), Some(error)) => {
                eprintln!("READ   {}: h5py could not: {error}", path.display());
                unjudged += 1;
            }
            (Ok(ours), None) => {
                let (wrong, compared) = compare(&ours, &theirs, &std::fs::read(&path).unwrap());
                values += compared;
                if wrong.is_empty() {
                    equal += 1;
                } else {
                    differing += 1;
                    eprintln!("DIFFER {}", path.display());
                    wrong.iter().take(12).for_each(|line| eprintln!("       {line}"));
                }
            }
            (Err(error), theirs) => {
                refused += 1;
                let mut text = error.to_string();
                let mut source = std::error::Error::source(&error);
                while let Some(cause) = source {
                    let _ = write!(text, ": {cause}");
                    source = cause.source();
                }
                let reads = if partly { "reads it but for some objects" } else { "reads it" };
                eprintln!("REFUSE {text} (h5py: {})", theirs.unwrap_or(reads));
                if theirs.is_none()
                    && !partly
                    && matches!(error, IndexError::Corrupt { .. } | IndexError::Truncated { .. })
                {
                    wrong_refusals.push(text);
                }
            }
        }
    }
    eprintln!(
        "{} files: {equal} equal, {unjudged} that h5py does not read, {refused} refused, {differing} differing; values of {values} variables",
        facts.len()
    );
    assert_eq!(differing, 0);
    assert!(wrong_refusals.is_empty(), "files that h5py reads are called damaged: {wrong_refusals:#?}");
}
