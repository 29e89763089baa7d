//! What many files have in common, kept once.

use std::collections::HashMap;
use std::sync::Arc;

use super::array::SmallValues;
use super::attribute::Attributes;
use super::file_index::{FileGroup, FileIndex, FileVariable, VariableSchema};
use super::group::Dimensions;
use super::ids::VariableName;
use super::manifest::ManifestHandle;

/// Shares what is equal between files of one kind: names, dimensions, attributes, schemas, places and values of coordinates, compared bit by bit with
/// those of the same path in the file before.
///
/// ```
/// use altostac::model::Sharing;
/// # use altostac::model::*;
/// # let url = SourceUrl::from_path("/a.nc").unwrap();
/// # let source = SourceFile { url, size: 0, fingerprint: Fingerprint::ETag { tag: "a".into() } };
/// # let index = FileIndex { source, format: "HDF5".into(), root: FileGroup::default(), notes: vec![] };
/// let mut sharing = Sharing::default();
/// let mut shared = index.clone();
/// sharing.share(&mut shared);
/// assert_eq!(shared, index);
/// ```
#[derive(Debug, Default)]
pub struct Sharing {
    format: Arc<str>,
    groups: HashMap<Arc<str>, KnownGroup>,
}

#[derive(Debug, Default)]
struct KnownGroup {
    dimensions: Arc<Dimensions>,
    attributes: Arc<Attributes>,
    variables: HashMap<VariableName, KnownVariable>,
}

#[derive(Debug)]
struct KnownVariable {
    schema: Arc<VariableSchema>,
    /// Where only a shape differs, the attributes are still one.
    attributes: Arc<Attributes>,
    manifest: ManifestHandle,
    values: SmallValues,
}

impl Sharing {
    /// Replaces what is equal to that of an earlier file by the same.
    pub fn share(&mut self, index: &mut FileIndex) {
        index.notes.shrink_to_fit();
        one(&mut index.format, &mut self.format);
        let mut groups: Vec<&mut FileGroup> = vec![&mut index.root];
        while let Some(group) = groups.pop() {
            if let Some((path, _)) = self.groups.get_key_value(&group.path) {
                group.path = Arc::clone(path);
            }
            let known = self.groups.entry(Arc::clone(&group.path)).or_default();
            one_in_order(&mut group.dimensions, &mut known.dimensions, |a, b| a.iter().eq(b));
            one_in_order(&mut group.attributes, &mut known.attributes, |a, b| a.iter().eq(b));
            // The map's own copies of the names become those of the schemas.
            let variables = std::mem::take(&mut group.variables).into_values();
            group.variables = variables.map(|variable| known.share(variable)).map(|v| (v.name.clone(), v)).collect();
            groups.extend(group.groups.values_mut());
        }
    }
}

impl KnownGroup {
    fn share(&mut self, mut variable: FileVariable) -> FileVariable {
        let Some(known) = self.variables.get_mut(&variable.name) else {
            let known = KnownVariable {
                schema: Arc::clone(&variable.schema),
                attributes: Arc::clone(&variable.attributes),
                manifest: Arc::clone(&variable.manifest),
                values: variable.values.clone(),
            };
            self.variables.insert(variable.name.clone(), known);
            return variable;
        };
        one_in_order(&mut variable.schema, &mut known.schema, |a, b| {
            a == b && a.attributes.iter().eq(b.attributes.iter())
        });
        if !Arc::ptr_eq(&variable.schema.attributes, &known.attributes) {
            let is_same = variable.schema.attributes.iter().eq(known.attributes.iter());
            if is_same {
                let attributes = Arc::clone(&known.attributes);
                variable.attributes = attributes;
                known.schema = Arc::clone(&variable.schema);
            } else {
                known.attributes = Arc::clone(&variable.schema.attributes);
            }
        }
        one(&mut variable.manifest, &mut known.manifest);
        match (&mut variable.values, &mut known.values) {
            (SmallValues::Decoded(own), SmallValues::Decoded(known)) => one(own, known),
            (SmallValues::Digest(own), SmallValues::Digest(known)) => one(own, known),
            (own, known) => *known = own.clone(),
        }
        variable
    }
}

/// Takes what is known if it is equal, else makes this known.
fn one<T: PartialEq + ?Sized>(own: &mut Arc<T>, known: &mut Arc<T>) {
    one_in_order(own, known, T::eq);
}

/// The same, where what is equal for `==` may still differ in its order.
fn one_in_order<T: ?Sized>(own: &mut Arc<T>, known: &mut Arc<T>, is_equal: impl FnOnce(&T, &T) -> bool) {
    if is_equal(own, known) {
        *own = Arc::clone(known);
    } else {
        *known = Arc::clone(own);
    }
}
