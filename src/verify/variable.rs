//! One variable after the other: what it is, and how its places in the product map to places in the files.

use std::collections::BTreeSet;

use super::join::{Step, Steps, product_meaning};
use super::sample::{SplitMix, strata};
use super::sources::{File, Sources};
use super::values::{Meaning, same_but_order};
use super::{Difference, DifferenceKind, Differences, Sampling, attributes, chunks, statics};
use crate::model::{FileVariable, Note};
use crate::read::{KerchunkArray, KerchunkStore, Reference, Region};

/// What was looked at.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) variables: u64,
    pub(super) references: u64,
    pub(super) sampled_chunks: u64,
    pub(super) value_bytes: u64,
}

impl Counts {
    pub(super) fn add(&mut self, other: Self) {
        self.variables += other.variables;
        self.references += other.references;
        self.sampled_chunks += other.sampled_chunks;
        self.value_bytes += other.value_bytes;
    }
}

/// How a variable of the product lies to the join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Along {
    /// Not: it is the first file's.
    Static,
    /// The files' arrays follow each other along this axis.
    Joined(usize),
    /// It has no join dimension in the files, and one, the first, in the product: each step carries its file's whole array.
    Promoted,
}

/// A piece of an array of the product that is one box of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) file: usize,
    /// Where it is in the file's array.
    pub(super) source: Region,
    /// Where it is in the product's array.
    pub(super) product: Region,
}

/// A variable of the product and its counterparts.
pub(super) struct Checked<'a> {
    pub(super) key: &'a str,
    pub(super) store: &'a KerchunkStore,
    pub(super) sources: &'a Sources<'a>,
    pub(super) steps: &'a Steps,
    pub(super) array: &'a KerchunkArray,
    /// The first file that has it: attributes and static values are that file's.
    pub(super) first: usize,
    pub(super) variable: &'a FileVariable,
    pub(super) along: Along,
    /// What the product's numbers mean.
    pub(super) meaning: Meaning,
    /// What each file's numbers mean.
    pub(super) meanings: Vec<Meaning>,
    /// Whether times had to be encoded anew, because files differ in units or type.
    pub(super) is_reencoded: bool,
}

/// Checks every variable of the product and of the sources.
pub(super) fn check_all(
    store: &KerchunkStore,
    sources: &Sources<'_>,
    steps: &Steps,
    sampling: Sampling,
    differences: &mut Differences,
    notes: &mut Vec<Note>,
) -> Counts {
    let keys: BTreeSet<&str> = store.arrays.keys().map(String::as_str).chain(sources.variable_keys()).collect();
    let mut counts = Counts::default();
    let mut checked = Vec::new();
    for key in keys {
        let first = steps.order.iter().copied().find(|file| sources.files[*file].variables.contains_key(key));
        match (store.arrays.get(key), first) {
            (Some(array), Some(first)) => {
                let variable = sources.files[first].variables[key];
                checked.extend(Checked::new(key, store, sources, steps, array, (first, variable), differences));
            }
            (Some(_), None) => {
                differences
                    .add(Difference::new(DifferenceKind::Variable, "no such variable", "the variable").variable(key));
            }
            (None, first) => missing(key, first.map(|first| &sources.files[first]), differences, notes),
        }
    }
    let is_virtual = |checked: &&Checked<'_>| checked.has_virtual_chunks();
    let share = sampling.budget / (checked.iter().filter(is_virtual).count() as u64).max(1);
    for checked in &checked {
        counts.add(checked.check(sampling, share, differences));
        if let Along::Static = checked.along {
            counts.add(statics::check(checked, sampling, differences));
        }
    }
    counts
}

fn missing(key: &str, file: Option<&File<'_>>, differences: &mut Differences, notes: &mut Vec<Note>) {
    let Some(file) = file else { return };
    match file.variables[key].obstacle() {
        Some(obstacle) => notes.push(Note::new("variable_left_out", format!("it is {obstacle}")).about(key)),
        None => differences.add(
            Difference::new(DifferenceKind::Variable, "the variable", "none")
                .variable(key)
                .file(&file.index.source.url),
        ),
    }
}

impl<'a> Checked<'a> {
    /// Compares metadata; `None` if the shapes differ, so that there are no places to compare.
    fn new(
        key: &'a str,
        store: &'a KerchunkStore,
        sources: &'a Sources<'a>,
        steps: &'a Steps,
        array: &'a KerchunkArray,
        (first, variable): (usize, &'a FileVariable),
        differences: &mut Differences,
    ) -> Option<Self> {
        let meanings: Vec<Meaning> = sources.files.iter().map(|file| file.meaning(key)).collect();
        let meaning = product_meaning(store, array);
        let along = along(variable, array, steps);
        let present =
            || sources.files.iter().enumerate().filter_map(|(at, file)| Some((at, *file.variables.get(key)?)));
        let is_reencoded = meanings[first].is_time()
            && present().any(|(at, other)| {
                !meanings[at].is_equivalent(&meanings[first])
                    || other.text("units") != variable.text("units")
                    || other.text("calendar") != variable.text("calendar")
                    || !same_but_order(&other.data_type, &variable.data_type)
            });
        let checked =
            Self { key, store, sources, steps, array, first, variable, along, meaning, meanings, is_reencoded };
        attributes::check_variable(&checked, differences);
        checked.check_type(differences);
        for (at, other) in present() {
            if let Some(obstacle) = other.layout.obstacle() {
                let file = &sources.files[at].index.source.url;
                let expected = format!("no such variable, for it is {obstacle}");
                differences.add(checked.difference(DifferenceKind::Variable, expected, "the variable").file(file));
            }
            attributes::check_agreement(&checked, at, other, differences);
        }
        checked.check_shape(differences).then_some(checked)
    }

    /// A difference of this variable.
    pub(super) fn difference(
        &self,
        kind: DifferenceKind,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Difference {
        Difference::new(kind, expected, found).variable(self.key)
    }

    fn check_type(&self, differences: &mut Differences) {
        let (expected, found) = (self.variable.data_type.numpy(), self.array.data_type.numpy());
        if expected != found && !(self.is_reencoded && found.as_deref() == Some("<i8")) {
            let shown = |name: Option<String>| name.unwrap_or_else(|| "an unsupported type".into());
            differences.add(self.difference(DifferenceKind::DataType, shown(expected), shown(found)));
        }
    }

    fn check_shape(&self, differences: &mut Differences) -> bool {
        let file = &self.sources.files[self.first];
        let mut dimensions: Vec<String> = self.variable.dimensions.iter().map(ToString::to_string).collect();
        let mut shape: Vec<u64> = dimensions
            .iter()
            .zip(&self.variable.grid.shape)
            .map(|(name, stored)| file.dimension_length(self.key, name).unwrap_or(*stored))
            .collect();
        let steps = self.steps.steps.len() as u64;
        match self.along {
            Along::Static => {}
            Along::Joined(axis) => shape[axis] = steps,
            Along::Promoted => {
                dimensions.insert(0, self.steps.dimension.clone().unwrap_or_default());
                shape.insert(0, steps);
            }
        }
        let mut is_same = true;
        if dimensions != self.array.dimensions {
            is_same = false;
            let (expected, found) = (format!("{dimensions:?}"), format!("{:?}", self.array.dimensions));
            differences.add(self.difference(DifferenceKind::Dimension, expected, found));
        }
        if shape != self.array.grid.shape {
            is_same = false;
            let (expected, found) = (format!("{shape:?}"), format!("{:?}", self.array.grid.shape));
            differences.add(self.difference(DifferenceKind::Dimension, expected, found));
        }
        is_same
    }

    fn has_virtual_chunks(&self) -> bool {
        let at_most =
            self.array.reference_count().min(usize::try_from(self.array.grid.chunk_count()).unwrap_or(usize::MAX));
        at_most > 0
            && (0..self.array.grid.chunk_count())
                .any(|n| matches!(self.array.reference(n), Some(Reference::Part { .. })))
    }

    fn check(&self, sampling: Sampling, share: u64, differences: &mut Differences) -> Counts {
        // Each chunk costs time, and the number of chunks is the product's claim: the sources know how many there can be.
        let elements = self.array.grid.shape.iter().fold(1u64, |product, length| product.saturating_mul(*length));
        let possible = self.possible_chunks().saturating_add(self.array.reference_count() as u64);
        let count = self.array.grid.chunk_count();
        let mut counts = Counts { variables: 1, ..Counts::default() };
        if count > possible.saturating_mul(16).saturating_add(1024) || count > elements {
            let expected = format!("about {possible} chunks");
            differences.add(self.difference(DifferenceKind::Dimension, expected, format!("{count} chunks")));
            return counts;
        }
        let mut mix = SplitMix::new(sampling.seed, self.key);
        let sample = strata(count, share.max(1), &mut mix);
        counts.add(chunks::check(self, &sample, sampling, differences));
        counts
    }

    /// The number of chunks of the variable in all files.
    fn possible_chunks(&self) -> u64 {
        let files = self.sources.files.iter().filter_map(|file| file.variables.get(self.key));
        files.fold(0u64, |sum, variable| sum.saturating_add(variable.grid.chunk_count()))
    }

    /// Cuts a box of the product's array into boxes of files; `None` if a step of it belongs to no file.
    pub(super) fn pieces(&self, region: &Region) -> Option<Vec<Piece>> {
        match self.along {
            Along::Static => Some(vec![Piece { file: self.first, source: region.clone(), product: region.clone() }]),
            Along::Joined(axis) => self.runs(region, axis),
            Along::Promoted => {
                let inner = Region { start: region.start[1..].to_vec(), count: region.count[1..].to_vec() };
                let step = |offset: u64| {
                    let at = region.start[0] + offset;
                    let mut product = region.clone();
                    (product.start[0], product.count[0]) = (at, 1);
                    Some(Piece { file: self.step(at)?.file, source: inner.clone(), product })
                };
                (0..region.count[0]).map(step).collect()
            }
        }
    }

    fn step(&self, at: u64) -> Option<Step> {
        self.steps.steps.get(usize::try_from(at).ok()?).copied().flatten()
    }

    /// Consecutive steps of one file together.
    fn runs(&self, region: &Region, axis: usize) -> Option<Vec<Piece>> {
        let mut pieces: Vec<Piece> = Vec::new();
        for at in region.start[axis]..region.start[axis] + region.count[axis] {
            let Step { file, position } = self.step(at)?;
            match pieces.last_mut() {
                Some(last) if last.file == file && last.source.start[axis] + last.source.count[axis] == position => {
                    last.source.count[axis] += 1;
                    last.product.count[axis] += 1;
                }
                _ => {
                    let (mut source, mut product) = (region.clone(), region.clone());
                    (source.start[axis], source.count[axis]) = (position, 1);
                    (product.start[axis], product.count[axis]) = (at, 1);
                    pieces.push(Piece { file, source, product });
                }
            }
        }
        Some(pieces)
    }

    /// The variable in a file.
    pub(super) fn in_file(&self, file: usize) -> Option<&'a FileVariable> {
        self.sources.files[file].variables.get(self.key).copied()
    }
}

fn along(variable: &FileVariable, array: &KerchunkArray, steps: &Steps) -> Along {
    let Some(join) = &steps.dimension else { return Along::Static };
    let position = variable.dimensions.iter().position(|name| name.as_str() == join);
    match position {
        Some(axis) => Along::Joined(axis),
        None if array.dimensions.first() == Some(join) && array.dimensions.len() == variable.dimensions.len() + 1 => {
            Along::Promoted
        }
        None => Along::Static,
    }
}
