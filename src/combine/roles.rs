//! What variables are for: data, or a description of other variables (CF 2.4 to 7.2).

use std::collections::BTreeSet;

use super::axis::is_time_like;
use super::groups::find;
use super::join::defining_group;
use crate::model::{FileIndex, FileVariable, VariableName, VariablePath};

/// Attributes that name variables which describe the one that has them.
const DESCRIBED_BY: [&str; 6] =
    ["bounds", "climatology", "coordinates", "grid_mapping", "formula_terms", "cell_measures"];

/// The roles of the variables of all files.
#[derive(Debug, Default)]
pub(super) struct Roles {
    describing: BTreeSet<VariablePath>,
    /// Bounds of the coordinates of dimensions.
    cells: BTreeSet<VariablePath>,
    /// Whether some data lie along a dimension of records.
    pub(super) has_records: bool,
}

impl Roles {
    pub(super) fn of(files: &[&FileIndex]) -> Self {
        let mut roles = Self::default();
        for file in files {
            for (path, variable) in file.root.all_variables() {
                roles.add_described(&path, variable);
            }
        }
        roles.has_records = files.iter().any(|file| {
            let mut variables = file.root.all_variables().into_iter();
            variables.any(|(path, variable)| roles.is_data(&path, variable) && is_record(file, &path, variable))
        });
        roles
    }

    fn add_described(&mut self, path: &VariablePath, variable: &FileVariable) {
        for attribute in DESCRIBED_BY {
            let words = variable.text(attribute).unwrap_or_default().split_whitespace();
            for name in words.filter_map(|word| VariableName::new(word.trim_end_matches(':')).ok()) {
                // In the group of the variable, or further up.
                for group in groups_upwards(path) {
                    let named = VariablePath::new(group, &name);
                    if matches!(attribute, "bounds" | "climatology") && is_dimension_coordinate(variable) {
                        self.cells.insert(named.clone());
                    }
                    self.describing.insert(named);
                }
            }
        }
    }

    /// Whether a variable is neither a coordinate nor describes others.
    pub(super) fn is_data(&self, path: &VariablePath, variable: &FileVariable) -> bool {
        !variable.dimensions.is_empty() && !is_dimension_coordinate(variable) && !self.describing.contains(path)
    }

    /// Whether a variable belongs to a dimension itself: its coordinate, or the bounds of that.
    pub(super) fn is_of_dimension(&self, path: &VariablePath, variable: &FileVariable) -> bool {
        is_dimension_coordinate(variable) || self.cells.contains(path)
    }
}

/// The paths of a variable's group and all further up, `/` last.
fn groups_upwards(path: &VariablePath) -> impl Iterator<Item = &str> {
    let mut rest = path.as_str();
    std::iter::from_fn(move || {
        rest = rest.rsplit_once('/')?.0;
        Some(rest)
    })
}

/// Whether a variable is called like one of its dimensions.
pub(super) fn is_dimension_coordinate(variable: &FileVariable) -> bool {
    variable.dimensions.iter().any(|name| name.as_str() == variable.name.as_str())
}

/// Whether a variable has a dimension of records: one that can grow, or of time.
pub(super) fn is_record(file: &FileIndex, path: &VariablePath, variable: &FileVariable) -> bool {
    variable.dimensions.iter().any(|name| {
        let group = defining_group(&file.root, path, name).and_then(|group| find(&file.root, group));
        group.is_some_and(|group| {
            let coordinate = VariableName::new(name.as_str()).ok().and_then(|name| group.variables.get(&name));
            group.dimensions.get(name).is_some_and(|dimension| dimension.unlimited)
                || coordinate.is_some_and(is_time_like)
        })
    })
}
