//! Products in CFA-netCDF (CF conventions 1.13, section 2.8 and appendix L), read back.

mod aggregate;
mod stored;

use std::collections::{BTreeSet, VecDeque};

use serde_json::{Map, Value};

use self::aggregate::Aggregation;
use super::{ProductStore, ReadError};
use crate::model::{AttributeValue, Attributes, FileGroup, FileIndex, FileVariable, VariablePath};
use crate::storage::ByteSource;

/// Reads all texts of a variable of the product.
pub type Texts<'a> = &'a dyn Fn(&FileVariable) -> Result<Vec<String>, ReadError>;

/// The attribute that says what an aggregation variable is made of.
const DATA: &str = "aggregated_data";
const DIMENSIONS: &str = "aggregated_dimensions";
const CONVENTIONS: &str = "Conventions";

/// Reads a product from its index and its bytes: variables whose values stand in it become arrays of one inlined chunk, aggregation
/// variables arrays with [`Fragments`](super::Fragments).
///
/// # Errors
/// [`ReadError::Metadata`] if it does not follow CF-1.13, or an aggregation variable is not made as appendix L says.
pub fn read_cfa(index: &FileIndex, source: &dyn ByteSource, texts: Texts<'_>) -> Result<ProductStore, ReadError> {
    let root = &index.root;
    let conventions = root.attributes.get(CONVENTIONS).and_then(AttributeValue::text).unwrap_or_default();
    if !conventions.split(' ').any(|word| word == "CF-1.13") {
        return Err(wrong(CONVENTIONS, "CF-1.13", conventions));
    }
    let mut reading =
        Reading { index, source, texts, store: ProductStore::default(), aggregation: Aggregation::default() };
    // What the readers of the format look for says nothing of the sources.
    reading.store.own_attributes.insert(CONVENTIONS.into());
    let mut groups = VecDeque::from([root]);
    while let Some(group) = groups.pop_front() {
        reading.group(group)?;
        groups.extend(group.groups.values());
    }
    Ok(reading.store)
}

struct Reading<'a> {
    index: &'a FileIndex,
    source: &'a dyn ByteSource,
    texts: Texts<'a>,
    store: ProductStore,
    aggregation: Aggregation,
}

impl Reading<'_> {
    fn group(&mut self, group: &FileGroup) -> Result<(), ReadError> {
        let path = group.path.trim_matches('/').to_owned();
        let mut attributes = json(&group.attributes);
        if path.is_empty() {
            attributes.shift_remove(CONVENTIONS);
        }
        self.store.groups.insert(path, attributes);
        let aggregated = group.variables.values().filter_map(|variable| variable.text(DATA));
        let parts: BTreeSet<&str> = aggregated.flat_map(|text| text.split(' ').skip(1).step_by(2)).collect();
        for variable in group.variables.values().filter(|variable| !parts.contains(variable.name.as_str())) {
            let path = VariablePath::new(&group.path, &variable.name);
            let array = if variable.attributes.contains_key(DIMENSIONS) {
                self.aggregation.array((self.index, self.source, self.texts), &path, group, variable)?
            } else {
                stored::array((self.source, self.texts), &path, variable)?
            };
            self.store.arrays.insert(array.key.clone(), array);
        }
        Ok(())
    }
}

/// Attributes as JSON; those of unsupported types were never written.
fn json(attributes: &Attributes) -> Map<String, Value> {
    attributes.iter().filter_map(|(name, value)| Some((name.clone(), value.to_json()?))).collect()
}

fn wrong(key: &str, expected: &'static str, found: impl std::fmt::Display) -> ReadError {
    let found: String = found.to_string().chars().take(200).collect();
    ReadError::Metadata { key: key.into(), expected, found }
}
