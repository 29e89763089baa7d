//! The groups of the cube: all that some file has.

use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};

use super::conflict::Report;
use super::{Context, attributes};
use crate::model::{Dimension, FileGroup, Group, Variable, VariablePath};

/// Finds the group with a path in one file.
pub(super) fn find<'a>(root: &'a FileGroup, path: &str) -> Option<&'a FileGroup> {
    path.split('/').filter(|piece| !piece.is_empty()).try_fold(root, |group, piece| group.groups.get(piece))
}

/// The group of the cube at a path, with its variables taken from `variables`.
pub(super) fn group(
    context: &Context<'_>,
    path: &str,
    variables: &mut IndexMap<VariablePath, Variable>,
    report: &mut Report,
) -> Group {
    let here: Vec<&FileGroup> = context.files.iter().filter_map(|file| find(&file.root, path)).collect();
    let mut dimensions = IndexMap::new();
    for axis in context.join.axes.iter().filter(|axis| axis.group == path && axis.is_new()) {
        dimensions.insert(axis.dimension.clone(), Dimension { length: axis.length, unlimited: false });
    }
    for (name, dimension) in here.iter().flat_map(|group| group.dimensions.iter()) {
        let known = dimensions.entry(name.clone()).or_insert(*dimension);
        known.unlimited |= dimension.unlimited;
    }
    for axis in context.join.axes.iter().filter(|axis| axis.group == path) {
        if let Some(dimension) = dimensions.get_mut(&axis.dimension) {
            dimension.length = axis.length;
        }
    }
    let is_own = |path_of: &VariablePath, variable: &Variable| *path_of == VariablePath::new(path, &variable.name);
    let own: Vec<VariablePath> =
        variables.iter().filter(|(path, variable)| is_own(path, variable)).map(|(path, _)| path.clone()).collect();
    let found = own.iter().filter_map(|path| variables.shift_remove(path)).map(|v| (v.name.clone(), v)).collect();
    let inner: IndexSet<&String> = here.iter().flat_map(|group| group.groups.keys()).collect();
    let groups = inner
        .into_iter()
        .map(|name| {
            let inner = format!("{}/{name}", path.trim_end_matches('/'));
            (name.clone(), group(context, &inner, variables, report))
        })
        .collect();
    let attributes = attributes::of_group(context, path, report);
    Group {
        path: path.into(),
        dimensions: Arc::new(dimensions),
        attributes: Arc::new(attributes),
        variables: found,
        groups,
    }
}
