//! What many files have in common, kept once.

use std::collections::HashMap;
use std::sync::Arc;

use super::array::{Array, SmallValues};
use super::attribute::Attributes;
use super::file_index::{FileGroup, FileIndex};

/// Shares what is equal between files of one kind: the attributes of variables and the values of coordinates, compared bit by bit with those of the
/// variable of the same path in the file before.
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
    /// By the path of the group and the name of the variable.
    known: HashMap<String, HashMap<String, Known>>,
}

#[derive(Debug, Default)]
struct Known {
    attributes: Arc<Attributes>,
    values: Option<Arc<Array>>,
}

impl Sharing {
    /// Lets a file use what another one has already, and remembers what it has.
    pub fn share(&mut self, index: &mut FileIndex) {
        index.notes.shrink_to_fit();
        let mut groups: Vec<&mut FileGroup> = vec![&mut index.root];
        while let Some(group) = groups.pop() {
            if !self.known.contains_key(&group.path) {
                self.known.insert(group.path.clone(), HashMap::new());
            }
            let Some(known) = self.known.get_mut(&group.path) else { continue };
            for variable in group.variables.values_mut() {
                let name = variable.name.as_str();
                if !known.contains_key(name) {
                    known.insert(name.to_owned(), Known::default());
                }
                let Some(known) = known.get_mut(name) else { continue };
                // The order of attributes counts too.
                if variable.attributes.iter().eq(known.attributes.iter()) {
                    variable.attributes = Arc::clone(&known.attributes);
                } else {
                    known.attributes = Arc::clone(&variable.attributes);
                }
                if let SmallValues::Decoded(values) = &mut variable.values {
                    match &known.values {
                        Some(before) if before == values => *values = Arc::clone(before),
                        _ => known.values = Some(Arc::clone(values)),
                    }
                }
            }
            groups.extend(group.groups.values_mut());
        }
    }
}
