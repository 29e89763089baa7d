//! Which variables' values an index keeps.
//!
//! The rule: coordinates, bounds and scalars of up to 1 MiB are kept whole, numbers beyond that as a digest; any other
//! variable of one dimension, or of texts of any length, is kept if it has up to 1 MiB. What counts as a coordinate: a variable named like one of its own
//! dimensions; one that a `coordinates`, `bounds`, `climatology` or `grid_mapping` attribute of the file names, or the topology of a mesh; one that its
//! `axis`, `standard_name` or `units` calls latitude, longitude, time or a projection's x or y.

use std::collections::HashSet;

use indexmap::IndexMap;

use crate::model::{DataType, Dimension, DimensionName, FileGroup, FileVariable, VariablePath};

/// Up to so many bytes values are kept whole.
pub(super) const WHOLE_LIMIT: u64 = 1 << 20;

/// Attributes that name coordinates, bounds and the like.
const NAMING: [&str; 8] = [
    "coordinates",
    "bounds",
    "climatology",
    "grid_mapping",
    "node_coordinates",
    "face_coordinates",
    "face_node_connectivity",
    "edge_node_connectivity",
];

const STANDARD_NAMES: [&str; 8] = [
    "latitude",
    "longitude",
    "time",
    "forecast_reference_time",
    "projection_x_coordinate",
    "projection_y_coordinate",
    "grid_latitude",
    "grid_longitude",
];

const DEGREES: [&str; 12] = [
    "degrees_north",
    "degree_north",
    "degree_N",
    "degrees_N",
    "degreeN",
    "degreesN",
    "degrees_east",
    "degree_east",
    "degree_E",
    "degrees_E",
    "degreeE",
    "degreesE",
];

/// A variable whose values are to be read.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) path: VariablePath,
    pub(super) variable: &'a FileVariable,
    /// The lengths of its dimensions, which may be greater than what is stored.
    pub(super) shape: Vec<u64>,
    /// Bytes of one element in a chunk.
    pub(super) element: usize,
    /// Whether it is a coordinate or bounds.
    pub(super) coordinate: bool,
    /// Bytes of all elements.
    pub(super) bytes: u64,
}

type Scope<'a> = Vec<&'a IndexMap<DimensionName, Dimension>>;

/// Finds the variables whose values are to be read; `reference` is the size of an element of any length.
pub(super) fn wanted(root: &FileGroup, reference: usize) -> Vec<Wanted<'_>> {
    let mut named = HashSet::new();
    let mut pending = vec![root];
    while let Some(group) = pending.pop() {
        pending.extend(group.groups.values());
        for variable in group.variables.values() {
            for text in NAMING.iter().filter_map(|name| variable.text(name)) {
                // `grid_mapping` may read `crs: x y`; a path may lead to another group.
                let names = text.split([' ', ':', ',']).filter_map(|name| name.rsplit('/').next());
                named.extend(names.filter(|name| !name.is_empty()));
            }
        }
    }
    let mut found = Vec::new();
    visit(root, &mut Vec::new(), &named, reference, &mut found);
    found
}

/// Groups are nested no deeper than the parser allows.
fn visit<'a>(
    group: &'a FileGroup,
    scope: &mut Scope<'a>,
    named: &HashSet<&str>,
    reference: usize,
    found: &mut Vec<Wanted<'a>>,
) {
    scope.push(&group.dimensions);
    found.extend(group.variables.values().filter_map(|variable| want(group, variable, scope, named, reference)));
    for child in group.groups.values() {
        visit(child, scope, named, reference, found);
    }
    scope.pop();
}

fn want<'a>(
    group: &FileGroup,
    variable: &'a FileVariable,
    scope: &Scope,
    named: &HashSet<&str>,
    reference: usize,
) -> Option<Wanted<'a>> {
    if variable.layout.obstacle().is_some() {
        return None;
    }
    let element = match &variable.data_type {
        DataType::VariableString => reference,
        other => other.size()?,
    };
    let length =
        |name: &DimensionName| scope.iter().rev().find_map(|dimensions| dimensions.get(name)).map(|d| d.length);
    let shape: Vec<u64> = variable.dimensions.iter().map(length).collect::<Option<_>>()?;
    let elements = shape.iter().try_fold(1u64, |product, length| product.checked_mul(*length));
    let bytes = elements.and_then(|elements| elements.checked_mul(element as u64)).unwrap_or(u64::MAX);
    let coordinate = named.contains(variable.name.as_str()) || is_coordinate(variable);
    let small = bytes <= WHOLE_LIMIT;
    let digestible = variable.data_type.number().is_some();
    // Texts of any length are in the file's heap, where no product can point at them.
    let in_heap = variable.data_type == DataType::VariableString;
    let keep = if coordinate { small || digestible } else { small && (shape.len() <= 1 || in_heap) };
    keep.then(|| {
        let path = VariablePath::new(&group.path, &variable.name);
        Wanted { path, variable, shape, element, coordinate, bytes }
    })
}

fn is_coordinate(variable: &FileVariable) -> bool {
    let own = variable.dimensions.iter().any(|dimension| dimension.as_str() == variable.name.as_str());
    let is = |name: &str, known: &[&str]| variable.text(name).is_some_and(|text| known.contains(&text.trim()));
    own || variable.attributes.contains_key("axis")
        || is("standard_name", &STANDARD_NAMES)
        || is("units", &DEGREES)
        || variable.text("units").is_some_and(|units| units.contains(" since "))
}
