//! Aggregation variables and their fragments.

use std::collections::{BTreeSet, HashMap};

use netcdf_writer::{DimensionId, NcAttrValue, NcFileBuilder};

use super::grid::FragmentGrid;
use super::{attributes, failed, stored};
use crate::model::{AttributeValue, Numbers, Primitive, Variable};
use crate::write::WriteError;

/// Padding of the rows of `map`: a missing value.
const PADDING: i64 = -1;

/// The fragments that were written, to be shared by variables over the same grid.
pub(super) struct Aggregates {
    taken: BTreeSet<String>,
    grids: HashMap<FragmentGrid, (String, String)>,
    dimensions: HashMap<u64, DimensionId>,
}

impl Aggregates {
    /// `taken` are the names of the cube's own variables, dimensions and groups.
    pub(super) fn new(taken: BTreeSet<String>) -> Self {
        Self { taken, grids: HashMap::new(), dimensions: HashMap::new() }
    }

    /// A scalar that stands for the whole array.
    pub(super) fn add(
        &mut self,
        builder: &mut NcFileBuilder,
        key: &str,
        variable: &Variable,
        grid: &FragmentGrid,
        references: &[String],
    ) -> Result<(), WriteError> {
        let failed = |error| failed(key, error);
        let (map, uris) = match self.grids.get(grid) {
            Some(names) => names.clone(),
            None => {
                let names = self.fragments(builder, grid, references).map_err(failed)?;
                self.grids.insert(grid.clone(), names.clone());
                names
            }
        };
        let identifiers = self.name(&format!("cfa_identifiers_{key}"));
        let id = builder.add_string_variable(&identifiers, &[]).map_err(failed)?;
        builder.write_string_variable(id, &[key]).map_err(failed)?;
        let value = scalar(variable);
        let id = stored::add_numbers(builder, key, &[], &value).map_err(failed)?;
        attributes::variable(builder, key, id, variable)?;
        let dimensions: Vec<&str> = variable.dimensions.iter().map(|name| name.as_str()).collect();
        let data = format!("map: {map} uris: {uris} identifiers: {identifiers}");
        for (name, text) in [("aggregated_dimensions", dimensions.join(" ")), ("aggregated_data", data)] {
            builder.add_variable_attribute(id, name, NcAttrValue::Chars(text)).map_err(failed)?;
        }
        Ok(())
    }

    /// `map`: the lengths of the fragments, a row a dimension; `uris`: the file of each.
    fn fragments(
        &mut self,
        builder: &mut NcFileBuilder,
        grid: &FragmentGrid,
        references: &[String],
    ) -> netcdf_writer::Result<(String, String)> {
        let number = self.grids.len();
        let shape = grid.shape();
        let longest = shape.iter().copied().max().unwrap_or(1);
        let rows = self.dimension(builder, shape.len() as u64)?;
        let columns = self.dimension(builder, longest)?;
        let map = self.name(&format!("cfa_map_{number}"));
        let padded = |along: &Vec<u64>| {
            let lengths = along.iter().map(|length| i64::try_from(*length).unwrap_or(i64::MAX));
            let width = usize::try_from(longest).unwrap_or(0);
            lengths.chain(std::iter::repeat(PADDING)).take(width).collect::<Vec<i64>>()
        };
        let lengths: Vec<i64> = grid.lengths.iter().flat_map(padded).collect();
        let id = builder.add_variable::<i64>(&map, &[rows, columns])?;
        builder.write_variable(id, &lengths)?;
        builder.set_variable_fill_value(id, PADDING)?;
        let along = shape.iter().map(|length| self.dimension(builder, *length));
        let along = along.collect::<netcdf_writer::Result<Vec<DimensionId>>>()?;
        let uris = self.name(&format!("cfa_uris_{number}"));
        let id = builder.add_string_variable(&uris, &along)?;
        let names: Vec<&str> = grid.files.iter().map(|file| references.get(*file).map_or("", String::as_str)).collect();
        builder.write_string_variable(id, &names)?;
        Ok((map, uris))
    }

    /// A dimension of the fragments' own.
    fn dimension(&mut self, builder: &mut NcFileBuilder, length: u64) -> netcdf_writer::Result<DimensionId> {
        if let Some(id) = self.dimensions.get(&length) {
            return Ok(*id);
        }
        let name = self.name(&format!("cfa_{length}"));
        let id = builder.add_dimension(name, length)?;
        self.dimensions.insert(length, id);
        Ok(id)
    }

    /// A name that nothing else has.
    fn name(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        while !self.taken.insert(name.clone()) {
            name.push('_');
        }
        name
    }
}

/// The value of the scalar: what is missing, for nobody should take it for a value.
fn scalar(variable: &Variable) -> Numbers {
    let primitive = variable.data_type.number().map_or(Primitive::F64, |(primitive, _)| primitive);
    match variable.attributes.get("_FillValue") {
        Some(AttributeValue::Numbers(numbers)) if numbers.len() == 1 && numbers.primitive() == primitive => {
            numbers.clone()
        }
        _ => Numbers::netcdf_fill(primitive),
    }
}
