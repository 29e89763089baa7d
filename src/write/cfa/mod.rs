//! CFA-netCDF: one netCDF-4 file whose large variables are arrays of fragments, each fragment a variable of a source file
//! (CF conventions 1.13, section 2.8 and appendix L).
//!
//! | of the cube | in the file |
//! | --- | --- |
//! | values that the cube holds; coordinates of dimensions; small variables that no grid of whole files gives | the variable itself |
//! | any other variable | a scalar with `aggregated_dimensions` and `aggregated_data`; its fragments stand in a `map`, `uris` and one name |
//! | `Conventions` | `CF-1.13` first, then what the files name beside CF |
//!
//! Variables over the same grid of the same files share `map` and `uris`. Fragments are whole variables of whole files: what is cut,
//! turned round, packed or over a dimension that the files do not have is refused by name, for readers would make something else of it.
//! Attributes of types that are not carried over are left out, as Kerchunk leaves them out.

mod aggregate;
mod attributes;
mod fits;
mod grid;
mod limits;
mod stored;

use std::collections::{HashMap, VecDeque};
use std::io::Write;

use netcdf_writer::{DimensionId, NcFileBuilder, NcWriteFormat, NcWriteOptions};

use self::aggregate::Aggregates;
use self::fits::Sources;
use self::grid::Carried;
use super::{WriteError, Written};
use crate::model::{Array, FileIndex, Group, PublicUrls, Variable, VariablePath, VirtualCube};

/// What the readers of CFA look for.
const CONVENTIONS: &str = "CF-1.13";

/// Reads all values of a variable of the cube whose data are in the files.
pub type Values<'a> = &'a dyn Fn(&VariablePath, &Variable) -> Result<Array, WriteError>;

/// Writes a cube, with the indexes of its files, as CFA-netCDF. The file is put together in memory: some hundred bytes a fragment.
///
/// ```
/// use altostac::model::{PublicUrls, VirtualCube};
/// use altostac::write::write_cfa;
/// let cube = VirtualCube { files: vec![], joins: vec![], root: Default::default(), choices: vec![], apart: vec![], notes: vec![] };
/// let mut file = Vec::new();
/// write_cfa((&cube, &[]), &PublicUrls::default(), &|_, _| unreachable!("no variable"), &mut file)?;
/// assert!(file.starts_with(b"\x89HDF"));
/// # Ok::<(), altostac::write::WriteError>(())
/// ```
///
/// # Errors
/// [`WriteError`] if the output fails, values cannot be read, or the cube holds what CFA cannot say, or its readers would misread.
pub fn write_cfa(
    (cube, indexes): (&VirtualCube, &[FileIndex]),
    urls: &PublicUrls,
    values: Values<'_>,
    out: &mut dyn Write,
) -> Result<Written, WriteError> {
    let references: Vec<String> = cube.files.iter().map(|file| urls.reference(&file.url)).collect();
    let sources = Sources::new(cube, indexes, &references);
    let mut file = File::new(cube, &sources, values);
    let mut groups = VecDeque::from([(&cube.root, Vec::new())]);
    while let Some((group, outer)) = groups.pop_front() {
        let scope = file.group(group, outer)?;
        groups.extend(group.groups.values().map(|child| (child, scope.clone())));
    }
    let File { builder, written, .. } = file;
    let options = NcWriteOptions { format: NcWriteFormat::Nc4 };
    builder.write(out, options).map_err(|error| failed("the file", error))?;
    Ok(written)
}

/// Every variable of a cube that [`write_cfa`] would refuse, and why; nothing is written or read.
///
/// ```
/// use altostac::model::{PublicUrls, VirtualCube};
/// use altostac::write::refused_by_cfa;
/// let cube = VirtualCube { files: vec![], joins: vec![], root: Default::default(), choices: vec![], apart: vec![], notes: vec![] };
/// assert!(refused_by_cfa((&cube, &[]), &PublicUrls::default()).is_empty());
/// ```
pub fn refused_by_cfa(
    (cube, indexes): (&VirtualCube, &[FileIndex]),
    urls: &PublicUrls,
) -> Vec<(VariablePath, WriteError)> {
    let references: Vec<String> = cube.files.iter().map(|file| urls.reference(&file.url)).collect();
    let sources = Sources::new(cube, indexes, &references);
    let variables = cube.root.all_variables().into_iter();
    let refused = variables.filter_map(|(path, variable)| {
        let carried = grid::carried(&path, variable, &sources);
        carried.err().map(|error| (path, error))
    });
    refused.collect()
}

/// Dimensions that can be seen, by name: those of groups further up, then a group's own.
type Scope = Vec<(String, DimensionId)>;

/// A file on its way.
struct File<'a> {
    builder: NcFileBuilder,
    sources: &'a Sources<'a>,
    values: Values<'a>,
    aggregates: Aggregates,
    written: Written,
}

impl<'a> File<'a> {
    fn new(cube: &VirtualCube, sources: &'a Sources<'a>, values: Values<'a>) -> Self {
        let names = cube.root.variables.keys().map(|name| name.to_string());
        let dimensions = cube.root.dimensions.keys().map(|name| name.to_string());
        let aggregates = Aggregates::new(names.chain(dimensions).chain(cube.root.groups.keys().cloned()).collect());
        let (builder, written) = (NcFileBuilder::new(), Written::default());
        Self { builder, sources, values, aggregates, written }
    }

    /// One group: its dimensions, attributes and variables.
    fn group(&mut self, group: &Group, outer: Scope) -> Result<Scope, WriteError> {
        let path = group.path.trim_matches('/');
        let within = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
        let mut scope = outer;
        for (name, dimension) in group.dimensions.iter() {
            let added = match dimension.length {
                // Only a dimension that can grow may be empty.
                0 => self.builder.add_unlimited_dimension_path(within(name.as_str())),
                length => self.builder.add_dimension_path(within(name.as_str()), length),
            };
            scope.push((name.to_string(), added.map_err(|error| failed(name.as_str(), error))?));
        }
        attributes::group(&mut self.builder, path, &group.attributes)?;
        let known: HashMap<&str, DimensionId> = scope.iter().map(|(name, id)| (name.as_str(), *id)).collect();
        for variable in group.variables.values() {
            let path = VariablePath::new(&group.path, &variable.name);
            self.variable(&path, variable, &known)?;
        }
        Ok(scope)
    }

    fn variable(
        &mut self,
        path: &VariablePath,
        variable: &Variable,
        known: &HashMap<&str, DimensionId>,
    ) -> Result<(), WriteError> {
        match grid::carried(path, variable, self.sources)? {
            Carried::Stored => {
                let read;
                let array = match variable.inline() {
                    Some(array) => array,
                    None => {
                        read = (self.values)(path, variable)?;
                        &read
                    }
                };
                stored::add(&mut self.builder, path.key(), variable, array, known)?;
                self.written.inlined += 1;
                self.written.chunks += 1;
            }
            Carried::Fragments(grid) => {
                self.written.chunks += grid.files.len() as u64;
                self.aggregates.add(&mut self.builder, path.key(), variable, &grid, self.sources.references)?;
            }
        }
        Ok(())
    }
}

/// What the writer of netCDF says of an object.
fn failed(object: &str, source: netcdf_writer::Error) -> WriteError {
    match source {
        netcdf_writer::Error::Io(source) => WriteError::Output { source },
        source => WriteError::NetCdf { object: object.into(), source: source.into() },
    }
}

#[cfg(test)]
mod tests;
