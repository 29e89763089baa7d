//! Aggregation variables: their map and fragments.

use std::collections::HashMap;
use std::sync::Arc;

use super::{DATA, DIMENSIONS, Texts, stored, wrong};
use crate::model::{
    AttributeValue, FileGroup, FileIndex, FileVariable, Numbers, Primitive, VariableName, VariablePath,
};
use crate::read::product::Fragments;
use crate::read::{ProductArray, ReadError, read_slab};
use crate::storage::ByteSource;

/// Maps and URIs that were read: several variables may share them.
#[derive(Default)]
pub(super) struct Aggregation {
    maps: HashMap<String, Arc<Vec<Vec<u64>>>>,
    uris: HashMap<String, Arc<Vec<String>>>,
}

impl Aggregation {
    pub(super) fn array(
        &mut self,
        (index, source, texts): (&FileIndex, &dyn ByteSource, Texts<'_>),
        path: &VariablePath,
        group: &FileGroup,
        variable: &FileVariable,
    ) -> Result<ProductArray, ReadError> {
        let key = path.key();
        let dimensions: Vec<String> =
            variable.text(DIMENSIONS).unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        let length = |name: &String| {
            let known = group.dimensions.get(name.as_str()).or_else(|| index.root.dimensions.get(name.as_str()));
            known.map(|dimension| dimension.length).ok_or_else(|| wrong(key, "dimensions of the file", name))
        };
        let shape = dimensions.iter().map(length).collect::<Result<Vec<u64>, _>>()?;
        if !variable.dimensions.is_empty() {
            return Err(wrong(key, "a scalar as aggregation variable", format!("{:?}", variable.dimensions)));
        }
        let [map, uris, identifiers] = names(key, variable.text(DATA).unwrap_or_default())?;
        let find = |name: &str| {
            let name = VariableName::new(name).ok();
            let found = name.and_then(|name| group.variables.get(&name));
            found.ok_or_else(|| wrong(key, "fragment array variables beside the variable", "none"))
        };
        let lengths = self.lengths(source, key, find(map)?, &shape)?;
        let counts: Vec<u64> = lengths.iter().map(|along| along.len() as u64).collect();
        let of_uris = find(uris)?;
        if of_uris.grid.shape != counts {
            return Err(wrong(
                key,
                "a URI for each fragment of the map",
                format!("{:?} for {counts:?}", of_uris.grid.shape),
            ));
        }
        let urls = match self.uris.get(uris) {
            Some(known) => Arc::clone(known),
            None => Arc::new(texts(of_uris)?),
        };
        self.uris.insert(uris.to_owned(), Arc::clone(&urls));
        let variables = texts(find(identifiers)?)?;
        let [in_file] = &variables[..] else {
            return Err(wrong(key, "one identifier", format!("{} identifiers", variables.len())));
        };
        if Some(urls.len() as u64) != counts.iter().try_fold(1u64, |n, count| n.checked_mul(*count)) {
            return Err(wrong(key, "a URI for each fragment of the map", urls.len()));
        }
        let mut array = stored::bare(path, variable, shape)?;
        for name in [DIMENSIONS, DATA] {
            array.attributes.shift_remove(name);
        }
        array.dimensions = dimensions;
        array.fragments = Some(Fragments { lengths, urls, variable: in_file.clone() });
        Ok(array)
    }

    /// The lengths of the fragments along each dimension: a row of the map each, padded with missing values.
    fn lengths(
        &mut self,
        source: &dyn ByteSource,
        key: &str,
        map: &FileVariable,
        shape: &[u64],
    ) -> Result<Arc<Vec<Vec<u64>>>, ReadError> {
        let check = |lengths: &[Vec<u64>]| {
            let sum = |along: &Vec<u64>| along.iter().try_fold(0u64, |sum, length| sum.checked_add(*length));
            let is_right = lengths.len() == shape.len() && lengths.iter().zip(shape).all(|(a, b)| sum(a) == Some(*b));
            is_right.then_some(()).ok_or_else(|| wrong(key, "fragments that fill each dimension", "others in the map"))
        };
        if let Some(known) = self.maps.get(map.name.as_str()) {
            return check(known).map(|()| Arc::clone(known));
        }
        let [rows, columns] = map.grid.shape[..] else {
            return Err(wrong(key, "a map of two dimensions", format!("{:?}", map.grid.shape)));
        };
        let size = source.file().size;
        if rows != shape.len() as u64 || rows.checked_mul(columns).is_none_or(|count| count > size) {
            return Err(wrong(key, "a map with a row for each dimension", format!("{rows} of {columns}")));
        }
        let bytes = read_slab(map, source, &[0, 0], &[rows, columns])?;
        let numbers = match map.data_type.number() {
            Some((primitive @ (Primitive::I32 | Primitive::I64), order)) => {
                Numbers::from_bytes(primitive, order, &bytes)
            }
            _ => return Err(wrong(key, "a map of int or int64", &map.data_type)),
        };
        let padding = match map.attributes.get("_FillValue") {
            Some(AttributeValue::Numbers(numbers)) => numbers.to_i64().and_then(|values| values.first().copied()),
            _ => None,
        };
        let values = numbers.to_i64().unwrap_or_default();
        let width = usize::try_from(columns).unwrap_or(usize::MAX).max(1);
        let row = |row: &[i64]| {
            let end = row.iter().rposition(|length| Some(*length) != padding).map_or(0, |last| last + 1);
            let lengths = row[..end].iter().map(|length| u64::try_from(*length).ok().filter(|length| *length > 0));
            lengths.collect::<Option<Vec<u64>>>()
        };
        let lengths = values.chunks(width).map(row).collect::<Option<Vec<Vec<u64>>>>();
        let lengths = lengths.ok_or_else(|| wrong(key, "fragments with elements", "others in the map"))?;
        check(&lengths)?;
        let lengths = Arc::new(lengths);
        self.maps.insert(map.name.to_string(), Arc::clone(&lengths));
        Ok(lengths)
    }
}

/// The names after `map:`, `uris:` and `identifiers:`.
fn names<'a>(key: &str, text: &'a str) -> Result<[&'a str; 3], ReadError> {
    let words: Vec<&str> = text.split(' ').collect();
    match words[..] {
        ["map:", map, "uris:", uris, "identifiers:", identifiers] => Ok([map, uris, identifiers]),
        _ => Err(wrong(key, "aggregated_data with map, uris and identifiers, single blanks between them", text)),
    }
}
