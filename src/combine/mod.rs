//! Many files, one dataset: or the reasons why not.
//!
//! In: the [`FileIndex`]es of one item, and the recipe's `aggregate`.
//! Out: a [`VirtualCube`] whose every value, time and attribute is one of the sources', or a list of [`Conflict`]s.
//!
//! Pure but for [`SourceValues`]: the few small or static variables that an index does not keep are asked of the caller.
//! The order of files comes from coordinate values, never from their names.

mod absent;
mod along;
mod attributes;
mod axis;
mod concatenate;
mod conflict;
mod join;
mod names;
mod placed;
mod split;
mod statics;
#[cfg(test)]
mod tests;
mod times;
mod tolerance;

use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::model::recipe::AggregateSettings;
use crate::model::{
    Array, ArrayData, Conflict, ConflictKind, DataType, DimensionName, FileGroup, FileIndex, FileVariable, Group,
    SmallValues, Variable, VariablePath, VirtualCube,
};

use conflict::Report;
use join::Join;
use times::Reencodings;

/// The greatest size in bytes of a variable that is kept in the product itself.
pub const INLINE_LIMIT: u64 = 1 << 20;

/// Values of the sources that an index does not hold.
pub trait SourceValues {
    /// All values of a variable of one file, over the full length of its dimensions.
    ///
    /// # Errors
    /// A sentence that says why they cannot be read.
    fn values(&self, index: &FileIndex, path: &VariablePath) -> Result<Array, String>;

    /// The SHA-256 of the decoded values of a variable of any size, numbers little-endian.
    ///
    /// # Errors
    /// A sentence that says why they cannot be read.
    fn digest(&self, index: &FileIndex, path: &VariablePath) -> Result<[u8; 32], String>;
}

/// What one variable becomes.
struct Combined {
    /// Its type, if it is not the first file's.
    data_type: Option<DataType>,
    dimensions: Vec<DimensionName>,
    shape: Vec<u64>,
    data: ArrayData,
}

/// What the parts of this stage share.
struct Context<'a> {
    /// The files in the order of the join.
    files: Vec<&'a FileIndex>,
    /// The variables of each file, by path.
    variables: Vec<BTreeMap<VariablePath, &'a FileVariable>>,
    join: Option<Join>,
    sources: &'a dyn SourceValues,
}

impl<'a> Context<'a> {
    /// A variable in every file, in the order of the join; `None` where a file lacks it.
    fn everywhere(&self, path: &VariablePath) -> Vec<Option<&'a FileVariable>> {
        self.variables.iter().map(|variables| variables.get(path).copied()).collect()
    }

    fn file_name(&self, file: usize) -> String {
        self.files.get(file).map(|index| index.source.url.to_string()).unwrap_or_default()
    }

    /// The length of a variable's dimensions in each file: it may be longer than what was written.
    fn shapes(&self, path: &VariablePath, variables: &[&FileVariable]) -> Vec<Vec<u64>> {
        let shape = |(file, variable): (&&FileIndex, &&FileVariable)| {
            let lengths = variable.dimensions.iter().zip(&variable.grid.shape);
            lengths.map(|(name, written)| join::length(&file.root, path, name).unwrap_or(*written)).collect()
        };
        self.files.iter().zip(variables).map(shape).collect()
    }

    /// All values of a variable in one file.
    fn values(&self, path: &VariablePath, file: usize, variable: &FileVariable) -> Result<Array, Box<Conflict>> {
        match &variable.values {
            SmallValues::Decoded(array) => Ok(array.clone()),
            _ => self.sources.values(self.files[file], path).map_err(|error| self.unreadable(path, file, error)),
        }
    }

    /// The digest of a variable's values in one file.
    fn digest(&self, path: &VariablePath, file: usize, variable: &FileVariable) -> Result<[u8; 32], Box<Conflict>> {
        match &variable.values {
            SmallValues::Digest(digest) => Ok(digest.sha256),
            _ => self.sources.digest(self.files[file], path).map_err(|error| self.unreadable(path, file, error)),
        }
    }

    fn unreadable(&self, path: &VariablePath, file: usize, error: String) -> Box<Conflict> {
        let remedy = "mend the file, or leave it out with sources.exclude";
        conflict::within(self, ConflictKind::Values, path, file, "values that can be read", error, remedy)
    }
}

/// Combines the files of one item.
///
/// # Errors
/// Every conflict that was found: at most one for each variable, and those of the join itself.
pub fn combine(
    indexes: &[FileIndex],
    settings: &AggregateSettings,
    sources: &dyn SourceValues,
) -> Result<VirtualCube, Vec<Conflict>> {
    let mut report = Report::default();
    let files: Vec<&FileIndex> = indexes.iter().collect();
    let Some((files, join)) = join::order(&files, settings, sources, &mut report) else {
        return Err(report.conflicts);
    };
    let mut variables: Vec<BTreeMap<VariablePath, &FileVariable>> =
        files.iter().map(|file| file.root.all_variables().into_iter().collect()).collect();
    let (stand_ins, notes) = match &join {
        Some(join) => absent::stand_ins(&files, &variables, join, sources),
        None => (Vec::new(), Vec::new()),
    };
    report.notes.extend(notes);
    for stand_in in &stand_ins {
        variables[stand_in.file].insert(stand_in.path.clone(), &stand_in.variable);
    }
    let context = Context { files, variables, join, sources };
    let cube = assemble(&context, &mut report);
    report.notes.extend(names::short_files(&context));
    match cube {
        Some(cube) if report.conflicts.is_empty() => Ok(VirtualCube { notes: report.notes, ..cube }),
        _ => Err(report.conflicts),
    }
}

fn assemble(context: &Context<'_>, report: &mut Report) -> Option<VirtualCube> {
    let first = *context.files.first()?;
    let paths = variable_paths(context);
    let times = Reencodings::decide(context, &paths, report);
    let mut variables = IndexMap::new();
    for path in paths {
        match combine_variable(context, &path, &times, report) {
            Ok(variable) => {
                variables.insert(path, variable);
            }
            Err(conflict) => report.conflicts.push(*conflict),
        }
    }
    let root = group(context, &first.root, &mut variables, report);
    // A group that the first file lacks has no place in the cube; better no cube than one without its variables.
    report.conflicts.extend(variables.keys().map(|path| *conflict::nothing(path)));
    Some(VirtualCube {
        files: context.files.iter().map(|index| index.source.clone()).collect(),
        join: context.join.as_ref().map(|join| join.dimension.clone()),
        root,
        notes: Vec::new(),
    })
}

/// The paths of all variables of all files, those of the first file first.
fn variable_paths(context: &Context<'_>) -> Vec<VariablePath> {
    let mut paths = indexmap::IndexSet::new();
    for file in &context.files {
        paths.extend(file.root.all_variables().into_iter().map(|(path, _)| path));
    }
    paths.into_iter().collect()
}

fn combine_variable(
    context: &Context<'_>,
    path: &VariablePath,
    times: &Reencodings,
    report: &mut Report,
) -> Result<Variable, Box<Conflict>> {
    let variables = conflict::same_kind(context, path)?;
    if times.get(path).is_none() {
        conflict::same_type(context, path, &variables)?;
    }
    let attributes = attributes::of_variable(context, path, &variables, times, report)?;
    let first = variables.first().copied().ok_or_else(|| conflict::nothing(path))?;
    let axis = context.join.as_ref().and_then(|join| join.axis_of(&context.files[0].root, path, first));
    let combined = match axis {
        Some(axis) => along::combine(context, path, &variables, axis, times)?,
        None => statics::combine(context, path, &variables, times, report)?,
    };
    Ok(Variable {
        name: first.name.clone(),
        data_type: combined.data_type.unwrap_or_else(|| first.data_type.clone()),
        dimensions: combined.dimensions,
        shape: combined.shape,
        attributes,
        fill_value: first.fill_value.clone(),
        data: combined.data,
    })
}

/// The group of the cube that stands where a group of the first file stands, with its variables taken from `variables`.
fn group(
    context: &Context<'_>,
    model: &FileGroup,
    variables: &mut IndexMap<VariablePath, Variable>,
    report: &mut Report,
) -> Group {
    let mut dimensions = model.dimensions.clone();
    for other in context.files.iter().filter_map(|file| find_group(&file.root, &model.path)) {
        for (name, dimension) in &other.dimensions {
            dimensions.entry(name.clone()).or_insert(*dimension);
        }
    }
    if let Some(join) = context.join.as_ref().filter(|join| join.group == model.path)
        && let Some(dimension) = dimensions.get_mut(&join.dimension)
    {
        dimension.length = join.length();
    }
    let is_own = |path: &VariablePath, variable: &Variable| *path == VariablePath::new(&model.path, &variable.name);
    let own: Vec<VariablePath> =
        variables.iter().filter(|(path, variable)| is_own(path, variable)).map(|(path, _)| path.clone()).collect();
    let found = own.iter().filter_map(|path| variables.shift_remove(path)).map(|v| (v.name.clone(), v)).collect();
    let groups =
        model.groups.iter().map(|(name, inner)| (name.clone(), group(context, inner, variables, report))).collect();
    Group {
        path: model.path.clone(),
        dimensions,
        attributes: attributes::of_group(context, &model.path, report),
        variables: found,
        groups,
    }
}

/// Finds the group with a path in one file.
fn find_group<'a>(root: &'a FileGroup, path: &str) -> Option<&'a FileGroup> {
    path.split('/').filter(|piece| !piece.is_empty()).try_fold(root, |group, piece| group.groups.get(piece))
}
