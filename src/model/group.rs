//! Groups of variables: of a file, and of a dataset over many files.

use std::collections::VecDeque;
use std::sync::Arc;

use indexmap::IndexMap;

use super::attribute::Attributes;
use super::ids::{DimensionName, VariableName, VariablePath};

/// A dimension of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dimension {
    /// Its length.
    pub length: u64,
    /// Whether it can grow.
    pub unlimited: bool,
}

/// Dimensions by name, in the order of the file.
pub type Dimensions = IndexMap<DimensionName, Dimension>;

/// A group with its variables and the groups within it.
#[derive(Debug, Clone, PartialEq)]
pub struct VariableGroup<V> {
    /// The absolute path, `/` for the root.
    pub path: Arc<str>,
    /// The dimensions defined here; those of groups further up are inherited. Shared between files where equal.
    pub dimensions: Arc<Dimensions>,
    /// Its attributes; of the root: the global attributes. Shared between files where equal.
    pub attributes: Arc<Attributes>,
    /// Its variables, in the order of the file.
    pub variables: IndexMap<VariableName, V>,
    /// Groups within it, by name.
    pub groups: IndexMap<String, Self>,
}

impl<V> Default for VariableGroup<V> {
    fn default() -> Self {
        Self {
            path: Arc::default(),
            dimensions: Arc::default(),
            attributes: Arc::default(),
            variables: IndexMap::new(),
            groups: IndexMap::new(),
        }
    }
}

impl<V> VariableGroup<V> {
    /// Every variable here and further down, with its path; groups after the variables of their parent.
    pub fn all_variables(&self) -> Vec<(VariablePath, &V)> {
        let mut found = Vec::new();
        let mut groups = VecDeque::from([self]);
        while let Some(group) = groups.pop_front() {
            found.extend(group.variables.iter().map(|(name, v)| (VariablePath::new(&group.path, name), v)));
            groups.extend(group.groups.values());
        }
        found
    }

    /// Takes out a variable of this group or one further down, by its [key](VariablePath::key); the rest keeps its order.
    ///
    /// ```
    /// use altostac::model::{VariableGroup, VariableName};
    /// let mut model = VariableGroup::default();
    /// model.variables.insert(VariableName::new("tas")?, 1);
    /// let mut root = VariableGroup::default();
    /// root.groups.insert("model".into(), model);
    /// assert_eq!((root.remove("tas"), root.remove("model/tas"), root.remove("model/tas")), (None, Some(1), None));
    /// # Ok::<(), altostac::model::IdError>(())
    /// ```
    pub fn remove(&mut self, key: &str) -> Option<V> {
        let (groups, name) = key.rsplit_once('/').unwrap_or(("", key));
        let mut pieces = groups.split('/').filter(|piece| !piece.is_empty());
        let group = pieces.try_fold(self, |group, piece| group.groups.get_mut(piece))?;
        group.variables.shift_remove(&VariableName::new(name).ok()?)
    }
}
