//! Dimensions as netCDF-4 has them on top of HDF5: dimension scales, and dimensions made up where there are none.
//!
//! Source: "NetCDF-4 format" (Appendix C of the NetCDF User's Guide), and what netCDF-C does where that is silent.

use std::collections::HashMap;

use super::attributes::{Attribute, DIMENSION_LIST, Value};
use super::dataset::Dataset;
use super::parser::{Body, Structure};
use crate::model::{AttributeValue, DataType, Dimension, Layout};

/// What netCDF-C writes as NAME of a scale that is no variable, followed by the dimension's length.
const NO_VARIABLE: &str = "This is a netCDF dimension but not a netCDF variable";

/// A place of a dimension: the number of its group, and its number there.
pub(super) type DimensionAt = (usize, usize);

/// A group as it is built: its objects by name, and its place in the tree.
#[derive(Debug, Default)]
pub(super) struct GroupNode {
    pub(super) path: String,
    pub(super) object: usize,
    pub(super) parent: Option<usize>,
    pub(super) children: Vec<usize>,
    /// Datasets by name, in the order of the file.
    pub(super) datasets: Vec<(String, usize)>,
    pub(super) dimensions: Vec<(String, Dimension)>,
}

/// The value of an attribute.
pub(super) fn attribute<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a Value> {
    attributes.iter().find(|attribute| attribute.name == name).map(|attribute| &attribute.value)
}

fn text<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    match attribute(attributes, name) {
        Some(Value::Plain(value)) => value.text(),
        _ => None,
    }
}

fn integers(attributes: &[Attribute], name: &str) -> Option<Vec<i64>> {
    match attribute(attributes, name) {
        Some(Value::Plain(AttributeValue::Numbers(numbers))) => numbers.to_i64(),
        _ => None,
    }
}

/// Whether a dataset is a dimension scale.
pub(super) fn is_scale(attributes: &[Attribute]) -> bool {
    text(attributes, "CLASS") == Some("DIMENSION_SCALE")
}

/// Whether a dataset stands for a dimension alone.
pub(super) fn is_no_variable(attributes: &[Attribute]) -> bool {
    is_scale(attributes) && text(attributes, "NAME").is_some_and(|name| name.starts_with(NO_VARIABLE))
}

/// Finds the dimensions of groups and variables.
pub(super) struct Dimensions<'a> {
    structure: &'a Structure,
    pub(super) groups: Vec<GroupNode>,
    /// The dimension that a scale stands for.
    of_scale: HashMap<usize, DimensionAt>,
    of_id: HashMap<i64, DimensionAt>,
    next_id: i64,
    /// The dimensions of each dataset in each group.
    pub(super) of_variable: HashMap<(usize, usize), Vec<DimensionAt>>,
    /// Variables with dimensions that had to be made up.
    pub(super) made_up: Vec<(usize, usize)>,
}

impl<'a> Dimensions<'a> {
    /// Finds all dimensions; the groups are in an order in which parents come before children.
    pub(super) fn find(structure: &'a Structure, groups: Vec<GroupNode>) -> Self {
        let mut dimensions = Self {
            structure,
            groups,
            of_scale: HashMap::new(),
            of_id: HashMap::new(),
            next_id: 0,
            of_variable: HashMap::new(),
            made_up: Vec::new(),
        };
        for group in dimensions.depth_first() {
            dimensions.define_scales(group);
        }
        // netCDF-C numbers the dimensions that it makes up children first, and passes over types that it does not know.
        for known_type in [true, false] {
            for group in dimensions.children_first() {
                dimensions.match_variables(group, known_type);
            }
        }
        dimensions.measure_unlimited();
        dimensions
    }

    fn depth_first(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.groups.len());
        let mut stack: Vec<usize> = if self.groups.is_empty() { vec![] } else { vec![0] };
        while let Some(group) = stack.pop() {
            order.push(group);
            stack.extend(self.groups[group].children.iter().rev());
        }
        order
    }

    fn children_first(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.groups.len());
        let mut stack: Vec<usize> = if self.groups.is_empty() { vec![] } else { vec![0] };
        while let Some(group) = stack.pop() {
            order.push(group);
            stack.extend(&self.groups[group].children);
        }
        order.reverse();
        order
    }

    fn dataset(&self, object: usize) -> Option<(&'a Dataset, &'a [Attribute])> {
        let structure: &'a Structure = self.structure;
        let object = structure.objects.get(object)?;
        match &object.body {
            Body::Dataset(dataset) => Some((dataset, &object.book_keeping)),
            _ => None,
        }
    }

    fn define_scales(&mut self, group: usize) {
        for number in 0..self.groups[group].datasets.len() {
            let object = self.groups[group].datasets[number].1;
            let Some((dataset, attributes)) = self.dataset(object) else { continue };
            let (Some(length), Some(limit)) = (dataset.grid.shape.first(), dataset.limits().first()) else { continue };
            if !is_scale(attributes) || self.of_scale.contains_key(&object) {
                continue;
            }
            let at = (group, self.groups[group].dimensions.len());
            let dimension = Dimension { length: *length, unlimited: limit.is_none() };
            let name = self.groups[group].datasets[number].0.clone();
            self.groups[group].dimensions.push((name, dimension));
            self.of_scale.insert(object, at);
            let id = integers(attributes, "_Netcdf4Dimid").and_then(|ids| ids.first().copied()).unwrap_or(self.next_id);
            self.of_id.entry(id).or_insert(at);
            self.next_id = self.next_id.max(id.saturating_add(1));
        }
    }

    /// Whether a dimension of one group can be used in another: that, or one further down.
    fn is_visible(&self, from: usize, owner: usize) -> bool {
        std::iter::successors(Some(from), |group| self.groups[*group].parent).any(|group| group == owner)
    }

    fn match_variables(&mut self, group: usize, known_type: bool) {
        for number in 0..self.groups[group].datasets.len() {
            let object = self.groups[group].datasets[number].1;
            let Some((dataset, attributes)) = self.dataset(object) else { continue };
            let is_known = !matches!(dataset.datatype.model(), DataType::Unsupported { .. });
            if is_no_variable(attributes) || is_known != known_type {
                continue;
            }
            let known = self.known(group, object, dataset, attributes);
            let mut found: Vec<DimensionAt> = Vec::with_capacity(known.len());
            for (axis, known) in known.into_iter().enumerate() {
                let length = dataset.grid.shape[axis];
                let unlimited = dataset.limits().get(axis).is_some_and(Option::is_none);
                let at = known.unwrap_or_else(|| {
                    if self.made_up.last() != Some(&(group, object)) {
                        self.made_up.push((group, object));
                    }
                    self.make_up(group, Dimension { length, unlimited }, &found)
                });
                found.push(at);
            }
            self.of_variable.insert((group, object), found);
        }
    }

    /// The dimensions that the file itself gives to a variable.
    fn known(
        &self,
        group: usize,
        object: usize,
        dataset: &Dataset,
        attributes: &[Attribute],
    ) -> Vec<Option<DimensionAt>> {
        let rank = dataset.grid.shape.len();
        let by_id = integers(attributes, "_Netcdf4Coordinates").filter(|ids| ids.len() == rank);
        let lists = match attribute(attributes, DIMENSION_LIST) {
            Some(Value::References(lists)) if lists.len() == rank => Some(lists),
            _ => None,
        };
        let own = self.of_scale.get(&object).copied();
        let find = |axis: usize| {
            if let Some(ids) = &by_id {
                return self.of_id.get(&ids[axis]).copied();
            }
            if let (0, Some(own)) = (axis, own) {
                return Some(own);
            }
            let scale = lists.and_then(|lists| lists[axis].first())?;
            self.of_scale.get(self.structure.by_address.get(scale)?).copied()
        };
        let fits = |axis: usize, (owner, number): DimensionAt| {
            let dimension = self.groups[owner].dimensions[number].1;
            self.is_visible(group, owner) && (dimension.unlimited || dimension.length == dataset.grid.shape[axis])
        };
        (0..rank).map(|axis| find(axis).filter(|at| fits(axis, *at))).collect()
    }

    /// A dimension of the group that has this length and that the variable has not yet, or a new one, named as netCDF-C does.
    fn make_up(&mut self, group: usize, wanted: Dimension, taken: &[DimensionAt]) -> DimensionAt {
        let dimensions = &mut self.groups[group].dimensions;
        let fits = |(number, (_, dimension)): (usize, &(String, Dimension))| {
            *dimension == wanted && !taken.contains(&(group, number))
        };
        if let Some(number) = dimensions.iter().enumerate().position(fits) {
            return (group, number);
        }
        dimensions.push((format!("phony_dim_{}", self.next_id), wanted));
        self.next_id += 1;
        (group, dimensions.len() - 1)
    }

    /// An unlimited dimension is as long as the longest variable along it.
    fn measure_unlimited(&mut self) {
        let mut longest: HashMap<DimensionAt, u64> = HashMap::new();
        for ((_, object), dimensions) in &self.of_variable {
            let Some((dataset, _)) = self.dataset(*object) else { continue };
            // How long it was when it was written says nothing: it is as long as its sources are.
            if matches!(dataset.layout, Layout::Virtual(_)) {
                continue;
            }
            for (at, length) in dimensions.iter().zip(&dataset.grid.shape) {
                let known = longest.entry(*at).or_default();
                *known = (*known).max(*length);
            }
        }
        for ((group, number), length) in longest {
            let dimension = &mut self.groups[group].dimensions[number].1;
            if dimension.unlimited {
                dimension.length = length;
            }
        }
    }
}
