//! Many files, one dataset: or the reasons why not.
//!
//! In: the [`FileIndex`]es of one item, and the recipe's `aggregate`.
//! Out: a [`VirtualCube`] whose every value, time and attribute is one of the sources', or a list of [`Conflict`]s.
//!
//! Pure but for [`SourceValues`]: the few small or static variables that an index does not keep are asked of the caller.
//! The order of files comes from coordinate values, never from their names.

mod absent;
mod along;
mod assemble;
mod attributes;
mod axis;
mod boxes;
mod choice;
mod conflict;
mod groups;
mod join;
mod labels;
mod lift;
mod names;
mod odd;
mod pieces;
mod placed;
mod reverse;
mod rewrite;
mod roles;
mod split;
mod statics;
#[cfg(test)]
mod tests;
mod times;
mod tolerance;

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::model::recipe::AggregateSettings;
use crate::model::{
    Array, ArrayData, Choice, Conflict, ConflictKind, DataType, DimensionName, Facets, FileIndex, FileVariable, Note,
    Part, SmallValues, Variable, VariableChoice, VariablePath, VirtualCube,
};

use conflict::Report;
use join::{Join, Order, Stretch};
use pieces::{Origin, PieceValues};
use roles::Roles;
use times::Reencodings;

/// The greatest size in bytes of a variable whose values are compared themselves, not by their digests: that of what an index keeps.
const KEPT_LIMIT: u64 = 1 << 20;

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

    /// The bytes of the elements from `start` on, `count` along each dimension, in C order and the file's own byte order; what was never
    /// written, and what lies beyond the stored shape, is fill.
    ///
    /// # Errors
    /// A sentence that says why they cannot be read.
    fn slab(&self, index: &FileIndex, path: &VariablePath, start: &[u64], count: &[u64]) -> Result<Vec<u8>, String>;
}

/// What one variable becomes.
struct Combined {
    /// Its type, if it is not the first file's.
    data_type: Option<DataType>,
    dimensions: Vec<DimensionName>,
    shape: Vec<u64>,
    data: ArrayData,
    parts: Arc<[Part]>,
    /// What never-written chunks read as, if it is not what the first file says.
    fill_value: Option<Vec<u8>>,
    reason: Reason,
}

/// Why a variable is carried as it is.
struct Reason {
    choice: Choice,
    why: String,
    /// The files that decided it.
    files: Vec<String>,
    /// Of a variable that stands apart: what kind of conflict.
    conflict: Option<ConflictKind>,
}

/// What the parts of this stage share: all files, or those that hold some variable.
struct Context<'a> {
    /// All files, in the order of the join.
    all: &'a [&'a FileIndex],
    /// These files.
    files: Vec<&'a FileIndex>,
    /// Their numbers among all.
    numbers: Vec<usize>,
    /// Where all of them come from: some are parts of files.
    origins: &'a [&'a Origin],
    /// The numbers of all of them in the cube.
    in_cube: &'a [usize],
    /// The variables of each file, by path.
    variables: Vec<&'a BTreeMap<VariablePath, &'a FileVariable>>,
    join: &'a Join,
    roles: &'a Roles,
    sources: &'a dyn SourceValues,
    settings: &'a AggregateSettings,
}

impl<'a> Context<'a> {
    /// Some of the files, by their places here.
    fn some(&self, which: &[usize]) -> Self {
        Self {
            files: which.iter().map(|file| self.files[*file]).collect(),
            numbers: which.iter().map(|file| self.numbers[*file]).collect(),
            variables: which.iter().map(|file| self.variables[*file]).collect(),
            ..*self
        }
    }

    /// The files that hold a variable.
    fn holding(&self, path: &VariablePath) -> Self {
        let which: Vec<usize> = (0..self.files.len()).filter(|file| self.variables[*file].contains_key(path)).collect();
        self.some(&which)
    }

    /// A variable in every file that holds it.
    fn everywhere(&self, path: &VariablePath) -> Vec<&'a FileVariable> {
        self.variables.iter().filter_map(|variables| variables.get(path).copied()).collect()
    }

    fn file_name(&self, file: usize) -> String {
        self.files.get(file).map(|index| index.source.url.to_string()).unwrap_or_default()
    }

    /// Where a file comes from.
    fn origin(&self, file: usize) -> &'a Origin {
        self.origins[self.numbers[file]]
    }

    /// The number of a file in the cube.
    fn number_in_cube(&self, file: usize) -> usize {
        self.in_cube[self.numbers[file]]
    }

    /// Whether no other part of a file, by its number among all, is here either.
    fn lacks(&self, number: usize) -> bool {
        self.numbers.iter().all(|own| self.in_cube[*own] != self.in_cube[number])
    }

    /// A file by its number among all.
    fn name_in_cube(&self, number: usize) -> String {
        self.all.get(number).map(|index| index.source.url.to_string()).unwrap_or_default()
    }

    /// Where a file stands on an axis.
    fn stretch(&self, file: usize, axis: usize) -> Option<Stretch> {
        *self.join.places.get(*self.numbers.get(file)?)?.get(axis)?
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
            SmallValues::Decoded(array) => Ok(Array::clone(array)),
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
/// `facets` are those of each file, in the order of `indexes`; they may be left out if `aggregate.along` asks for none. What cannot be virtual
/// although its values are well defined stands apart ([`VirtualCube::not_virtual`] says why): products of whole files, or copies, can hold it.
///
/// # Errors
/// Every conflict that was found: at most one for each variable, and those of the join itself; behind them, what could not be virtual either.
pub fn combine(
    indexes: &[FileIndex],
    facets: &[Facets],
    settings: &AggregateSettings,
    sources: &dyn SourceValues,
) -> Result<VirtualCube, Vec<Conflict>> {
    let (cube, report) = combine_all(indexes, facets, settings, sources);
    match cube {
        Some(cube) if report.conflicts.is_empty() => {
            Ok(VirtualCube { choices: report.choices, apart: report.apart, notes: report.notes, ..cube })
        }
        _ => Err([report.conflicts, report.apart].concat()),
    }
}

/// What combining would come to, whether it succeeds or not.
#[derive(Debug, Default, PartialEq)]
pub struct Explanation {
    /// How each variable is carried, refused ones among them; none of them if the files do not follow each other at all.
    pub choices: Vec<VariableChoice>,
    /// What is merged, dropped or tolerated on the way.
    pub notes: Vec<Note>,
    /// All that stands in the way.
    pub conflicts: Vec<Conflict>,
    /// Why some variables cannot be virtual, though other products can hold them.
    pub apart: Vec<Conflict>,
}

impl Explanation {
    /// The same for products that are references and nothing else: what they cannot hold is refused.
    pub fn of_references(mut self) -> Self {
        self.conflicts.append(&mut self.apart);
        let refused: Vec<VariableChoice> = self.conflicts.iter().filter_map(Conflict::refusal).collect();
        self.choices.retain(|choice| refused.iter().all(|refused| refused.name != choice.name));
        self.choices.extend(refused);
        self
    }
}

/// Says what [`combine`] would do with each variable, and why.
pub fn explain(
    indexes: &[FileIndex],
    facets: &[Facets],
    settings: &AggregateSettings,
    sources: &dyn SourceValues,
) -> Explanation {
    let (_, Report { conflicts, apart, choices, notes, .. }) = combine_all(indexes, facets, settings, sources);
    let refused: Vec<VariableChoice> = conflicts.iter().filter_map(Conflict::refusal).collect();
    let is_refused = |choice: &VariableChoice| refused.iter().any(|refused| refused.name == choice.name);
    let carried = choices.into_iter().filter(|choice| !is_refused(choice));
    let choices = carried.chain(refused.iter().cloned()).collect();
    Explanation { choices, notes, conflicts, apart }
}

fn combine_all(
    indexes: &[FileIndex],
    facets: &[Facets],
    settings: &AggregateSettings,
    sources: &dyn SourceValues,
) -> (Option<VirtualCube>, Report) {
    let mut report = Report::default();
    let all: Vec<&FileIndex> = indexes.iter().collect();
    let roles = Roles::of(&all);
    match join::order(&all, facets, (settings, false), &roles, sources, &mut report) {
        None => (None, report),
        Some(Order::Joined(order, join)) => {
            let whole = |file: &usize| Origin { file: *file, ..Origin::default() };
            let origins: Vec<Origin> = order.iter().map(whole).collect();
            let files: Vec<&FileIndex> = order.iter().map(|file| all[*file]).collect();
            let arranged = Arranged { indexes, files, origins: origins.iter().collect(), join, roles };
            (arranged.combined(settings, sources, &mut report), report)
        }
        Some(Order::Cut(pieces, along, notes)) => {
            let mut report = Report { notes, ..Report::default() };
            let pieces: Vec<(FileIndex, Origin)> =
                pieces.iter().map(|piece| pieces::cut(&indexes[piece.file], piece)).collect();
            let values = PieceValues::new(sources, &pieces, &all);
            let cut: Vec<&FileIndex> = pieces.iter().map(|(index, _)| index).collect();
            let facets: Vec<Facets> =
                pieces.iter().filter_map(|(_, origin)| facets.get(origin.file).cloned()).collect();
            let mut settings = settings.clone();
            settings.along.dimensions = along;
            let order = join::order(&cut, &facets, (&settings, true), &roles, &values, &mut report);
            let Some(Order::Joined(order, join)) = order else { return (None, report) };
            let files: Vec<&FileIndex> = order.iter().map(|piece| cut[*piece]).collect();
            let origins: Vec<&Origin> = order.iter().map(|piece| &pieces[*piece].1).collect();
            let arranged = Arranged { indexes, files, origins, join, roles };
            (arranged.combined(&settings, &values, &mut report), report)
        }
    }
}

/// Files, or parts of them, in the order of their join.
struct Arranged<'a> {
    /// All that were given, in their order.
    indexes: &'a [FileIndex],
    files: Vec<&'a FileIndex>,
    /// Where each of them comes from.
    origins: Vec<&'a Origin>,
    join: Join,
    roles: Roles,
}

impl Arranged<'_> {
    fn combined(
        &self,
        settings: &AggregateSettings,
        sources: &dyn SourceValues,
        report: &mut Report,
    ) -> Option<VirtualCube> {
        let variables: Vec<BTreeMap<VariablePath, &FileVariable>> =
            self.files.iter().map(|file| file.root.all_variables().into_iter().collect()).collect();
        // Files of which nothing is used come last.
        let mut in_order: indexmap::IndexSet<usize> = self.origins.iter().map(|origin| origin.file).collect();
        in_order.extend(0..self.indexes.len());
        let in_cube: Vec<usize> =
            self.origins.iter().filter_map(|origin| in_order.get_index_of(&origin.file)).collect();
        let context = Context {
            all: &self.files,
            files: self.files.clone(),
            numbers: (0..self.files.len()).collect(),
            origins: &self.origins,
            in_cube: &in_cube,
            variables: variables.iter().collect(),
            join: &self.join,
            roles: &self.roles,
            sources,
            settings,
        };
        let cube = assemble(&context, report);
        report.notes.extend(names::short_files(&context));
        let files = in_order.iter().filter_map(|file| Some(self.indexes.get(*file)?.source.clone())).collect();
        cube.map(|cube| VirtualCube { files, ..cube })
    }
}

fn assemble(context: &Context<'_>, report: &mut Report) -> Option<VirtualCube> {
    context.files.first()?;
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
    for (path, variable) in context.join.axes.iter().filter_map(labels::coordinate) {
        report.choices.push(choice::labels(&path));
        variables.insert(path, variable);
    }
    let root = groups::group(context, "/", &mut variables, report);
    // A variable without a place in the cube; better no cube than one without it.
    report.conflicts.extend(variables.keys().map(|path| *conflict::nothing(path)));
    Some(VirtualCube {
        files: Vec::new(),
        joins: context.join.axes.iter().map(|axis| axis.dimension.clone()).collect(),
        root,
        choices: Vec::new(),
        apart: Vec::new(),
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
    let holding = context.holding(path);
    let variables = holding.everywhere(path);
    conflict::same_kind(&holding, path, &variables)?;
    let rewritten = rewrite::alike(&holding, path, &variables, times, report)?;
    let variables = rewritten.as_ref().map_or(variables, |rewritten| rewritten.variables.iter().collect());
    let attributes = attributes::of_variable(&holding, path, &variables, times, report)?;
    let first = variables.first().copied().ok_or_else(|| conflict::nothing(path))?;
    let lifted = lift::axes(&holding, path, &variables, times, report)?;
    let combined = along::combine(&holding, path, &variables, &lifted, (times, rewritten.as_ref()), report)?;
    let Reason { choice, why, files, conflict } = combined.reason;
    report.choices.push(VariableChoice { name: path.key().to_owned(), choice, why, files, conflict });
    Ok(Variable {
        name: first.name.clone(),
        data_type: combined.data_type.unwrap_or_else(|| first.data_type.clone()),
        dimensions: combined.dimensions,
        shape: combined.shape,
        attributes,
        fill_value: combined.fill_value.or_else(|| first.fill_value.clone()),
        data: combined.data,
        parts: combined.parts,
    })
}
