//! One variable after the other: what it is, and how its places in the product map to places in the files.

use std::collections::BTreeSet;

use super::axes::Axes;
use super::coordinates::product_meaning;
use super::layout::Layout;
use super::sample::{SplitMix, shares, strata};
use super::sources::{File, Sources};
use super::values::{Meaning, same_but_order};
use super::{Difference, DifferenceKind, Differences, Sampling, attributes, chunks, fragments, packing, shared};
use crate::model::{FileVariable, Note};
use crate::read::{ProductArray, ProductStore, Reference};

/// What was looked at.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) variables: u64,
    pub(super) attributes: u64,
    pub(super) references: u64,
    pub(super) stored_chunks: u64,
    pub(super) inlined_chunks: u64,
    pub(super) missing_chunks: u64,
    pub(super) sampled_chunks: u64,
    pub(super) value_bytes: u64,
}

impl Counts {
    pub(super) fn add(&mut self, other: Self) {
        self.variables += other.variables;
        self.attributes += other.attributes;
        self.references += other.references;
        self.stored_chunks += other.stored_chunks;
        self.inlined_chunks += other.inlined_chunks;
        self.missing_chunks += other.missing_chunks;
        self.sampled_chunks += other.sampled_chunks;
        self.value_bytes += other.value_bytes;
    }
}

/// A variable of the product and its counterparts.
pub(super) struct Checked<'a> {
    pub(super) key: &'a str,
    pub(super) store: &'a ProductStore,
    pub(super) sources: &'a Sources<'a>,
    pub(super) array: &'a ProductArray,
    /// The first file that has it: attributes and static values are that file's.
    pub(super) first: usize,
    pub(super) variable: &'a FileVariable,
    pub(super) layout: Layout,
    /// What the product's numbers mean.
    pub(super) meaning: Meaning,
    /// What each file's numbers mean.
    pub(super) meanings: Vec<Meaning>,
    /// Whether times had to be encoded anew, because files differ in units or type.
    pub(super) is_reencoded: bool,
    /// Whether values had to be stored anew, because files store them in different ways.
    pub(super) is_repacked: bool,
    /// How many attributes were compared.
    attributes: u64,
}

/// Checks every variable of the product and of the sources.
pub(super) fn check_all(
    store: &ProductStore,
    sources: &Sources<'_>,
    axes: &Axes,
    sampling: Sampling,
    differences: &mut Differences,
    notes: &mut Vec<Note>,
) -> Counts {
    let keys: BTreeSet<&str> = store.arrays.keys().map(String::as_str).chain(sources.variable_keys()).collect();
    let mut counts = Counts::default();
    let mut checked = Vec::new();
    for key in keys {
        let first = axes.order.iter().copied().find(|file| sources.files[*file].variables.contains_key(key));
        match (store.arrays.get(key), first) {
            (Some(array), Some(first)) => {
                let variable = sources.files[first].variables[key];
                checked.extend(Checked::new(key, (store, sources, axes), array, (first, variable), differences));
            }
            (Some(array), None) if axes.labels.contains(key) => {
                counts.add(labels(array, differences));
            }
            (Some(_), None) => {
                differences
                    .add(Difference::new(DifferenceKind::Variable, "no such variable", "the variable").variable(key));
            }
            (None, first) => missing(key, first.map(|first| &sources.files[first]), differences, notes),
        }
    }
    let sampled_chunks: Vec<u64> = checked.iter().map(Checked::sampled_chunks).collect();
    for (checked, share) in checked.iter().zip(shares(&sampled_chunks, sampling.budget)) {
        counts.add(checked.check(sampling, share, differences));
        counts.add(shared::check(checked, sampling, differences));
    }
    counts
}

/// Labels have been compared when the files' places were found; they say nothing else.
fn labels(array: &ProductArray, differences: &mut Differences) -> Counts {
    for (name, value) in &array.attributes {
        let difference = Difference::new(DifferenceKind::Attribute, format!("no attribute {name}"), value.to_string());
        differences.add(difference.variable(&array.key));
    }
    Counts { variables: 1, inlined_chunks: array.reference_count() as u64, ..Counts::default() }
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
        (store, sources, axes): (&'a ProductStore, &'a Sources<'a>, &Axes),
        array: &'a ProductArray,
        (first, variable): (usize, &'a FileVariable),
        differences: &mut Differences,
    ) -> Option<Self> {
        let meanings: Vec<Meaning> = sources.files.iter().map(|file| file.meaning(key)).collect();
        let meaning = product_meaning(store, array);
        let present = || axes.order.iter().filter_map(|at| Some((*at, *sources.files[*at].variables.get(key)?)));
        let is_reencoded = meanings[first].is_time()
            && present().any(|(at, other)| {
                !meanings[at].is_equivalent(&meanings[first])
                    || other.text("units") != variable.text("units")
                    || other.text("calendar") != variable.text("calendar")
                    || !same_but_order(&other.data_type, &variable.data_type)
            });
        let layout = Layout::new((store, sources, axes), array, variable);
        let (layout, is_right) = match layout {
            Ok(layout) => (layout, true),
            Err(found) => {
                found.into_iter().for_each(|difference| differences.add(difference.variable(key)));
                (Layout::nothing(), false)
            }
        };
        let is_repacked = !meanings[first].is_time()
            && (present().any(|(_, other)| packing::differ(variable, other)) || packing::is_unpacked(array, variable));
        let mut checked = Self {
            key,
            store,
            sources,
            array,
            first,
            variable,
            layout,
            meaning,
            meanings,
            is_reencoded,
            is_repacked,
            attributes: 0,
        };
        // Only values that stand in the product can be other numbers than the files'.
        checked.is_repacked &= checked.virtual_chunks() == 0 && array.fragments.is_none();
        checked.attributes = attributes::check_variable(&checked, differences);
        checked.check_type(differences);
        for (at, other) in present() {
            if let Some(obstacle) = other.layout.obstacle() {
                let file = &sources.files[at].index.source.url;
                let expected = format!("no such variable, for it is {obstacle}");
                differences.add(checked.difference(DifferenceKind::Variable, expected, "the variable").file(file));
            }
            attributes::check_agreement(&checked, at, other, differences);
        }
        is_right.then_some(checked)
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

    /// The type of some file: of its bytes the references and values are compared.
    fn check_type(&self, differences: &mut Differences) {
        let found = self.array.data_type.numpy();
        let expected = || self.sources.files.iter().filter_map(|file| file.variables.get(self.key)?.data_type.numpy());
        let is_new = (self.is_reencoded && found.as_deref() == Some("<i8"))
            || (self.is_repacked && matches!(found.as_deref(), Some("<f8" | "<f4")));
        // Where no reference is to bytes of a file, their order does not matter.
        let is_native = self.virtual_chunks() == 0
            && self.sources.files.iter().any(|file| {
                file.variables.get(self.key).is_some_and(|v| same_but_order(&v.data_type, &self.array.data_type))
            });
        if !is_new && !is_native && !expected().any(|expected| Some(expected) == found) {
            let shown = |name: Option<String>| name.unwrap_or_else(|| "an unsupported type".into());
            let expected = shown(self.variable.data_type.numpy());
            differences.add(self.difference(DifferenceKind::DataType, expected, shown(found)));
        }
    }

    /// Whether the product is a copy: the bytes are its own.
    fn is_copy(&self) -> bool {
        self.store.folder.is_some()
    }

    /// How many chunks have values that are sampled.
    fn sampled_chunks(&self) -> u64 {
        let is_stored = |number| matches!(self.array.reference(number), Some(Reference::Stored { .. }));
        match self.is_copy() && (0..self.array.grid.chunk_count()).any(is_stored) {
            true => self.array.reference_count() as u64,
            false => self.virtual_chunks(),
        }
    }

    /// About how many chunks are references into files: none, if none is.
    fn virtual_chunks(&self) -> u64 {
        let count = self.array.grid.chunk_count().min(self.array.reference_count() as u64);
        let is_virtual = |number| matches!(self.array.reference(number), Some(Reference::Part { .. }));
        if count > 0 && (0..self.array.grid.chunk_count()).any(is_virtual) { count } else { 0 }
    }

    fn check(&self, sampling: Sampling, share: u64, differences: &mut Differences) -> Counts {
        if let Some(grid) = &self.array.fragments {
            let counts = fragments::check(self, grid, differences);
            return Counts { attributes: self.attributes, ..counts };
        }
        // Each chunk costs time, and the number of chunks is the product's claim: the sources know how many there can be.
        let elements = self.array.grid.shape.iter().fold(1u64, |product, length| product.saturating_mul(*length));
        let possible = self.possible_chunks().saturating_add(self.array.reference_count() as u64);
        let count = self.array.grid.chunk_count();
        let mut counts = Counts { variables: 1, attributes: self.attributes, ..Counts::default() };
        if count > possible.saturating_mul(16).saturating_add(1024) || count > elements {
            let expected = format!("about {possible} chunks");
            differences.add(self.difference(DifferenceKind::Dimension, expected, format!("{count} chunks")));
            return counts;
        }
        let mut mix = SplitMix::new(sampling.seed, self.key);
        let sample = self.sample(count, share.max(1), &mut mix);
        counts.add(chunks::check(self, &sample, sampling, differences));
        counts
    }

    /// Which chunks are compared by value: some of all; where some files were verified before, of those of the others.
    fn sample(&self, count: u64, wanted: u64, mix: &mut SplitMix) -> Vec<u64> {
        let is_copy = self.is_copy();
        if if is_copy { !self.sources.are_some_taken_over() } else { !self.sources.are_some_verified() } {
            return strata(count, wanted, mix);
        }
        let is_new = |number: &u64| match self.array.reference(*number) {
            Some(Reference::Part { url, .. }) => !self.sources.is_verified(&url),
            Some(Reference::Stored { key, .. }) => !self.sources.is_taken_over(&key),
            _ => is_copy,
        };
        let candidates = (0..count).filter(is_new).count() as u64;
        let mut chosen = strata(candidates, wanted, mix).into_iter().peekable();
        let numbered = (0..count).filter(is_new).zip(0u64..);
        numbered.filter_map(|(number, at)| chosen.next_if_eq(&at).map(|_| number)).collect()
    }

    /// The number of chunks of the variable in all files.
    fn possible_chunks(&self) -> u64 {
        let files = self.sources.files.iter().filter_map(|file| file.variables.get(self.key));
        files.fold(0u64, |sum, variable| sum.saturating_add(variable.grid.chunk_count()))
    }

    /// The variable in a file.
    pub(super) fn in_file(&self, file: usize) -> Option<&'a FileVariable> {
        self.sources.files[file].variables.get(self.key).copied()
    }
}
