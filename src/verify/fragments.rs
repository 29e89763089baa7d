//! Fragments: each of them against the index of the file that must stand at its place.
//!
//! Values are not compared: both sides would read the same variable of the same file. Compared is all that a reader goes by: the file,
//! the variable, that it is all of it and not turned round, and that its type, packing, fill value and units are those that the product
//! claims, for readers of fragments undo differences in different ways.

use super::attributes::is_equal;
use super::layout::Piece;
use super::values::same_but_order;
use super::variable::{Checked, Counts};
use super::{Difference, DifferenceKind, Differences};
use crate::model::{AttributeValue, FileVariable};
use crate::read::{Fragments, Region};

/// Checks all fragments of an array.
pub(super) fn check(checked: &Checked<'_>, fragments: &Fragments, differences: &mut Differences) -> Counts {
    let counts: Vec<usize> = fragments.lengths.iter().map(Vec::len).collect();
    let starts: Vec<Vec<u64>> = fragments.lengths.iter().map(|along| starts(along)).collect();
    let mut found = Counts { variables: 1, ..Counts::default() };
    for (number, url) in fragments.urls.iter().enumerate() {
        let (mut rest, mut place) = (number, vec![0; counts.len()]);
        for (place, count) in place.iter_mut().zip(&counts).rev() {
            *place = rest % count;
            rest /= count;
        }
        let start = place.iter().zip(&starts).map(|(at, starts)| starts[*at]).collect();
        let count = place.iter().zip(fragments.lengths.iter()).map(|(at, along)| along[*at]).collect();
        let fragment = Fragment { checked, url, variable: &fragments.variable, region: Region { start, count } };
        found.references += 1;
        if let Err(difference) = fragment.check() {
            let key = crate::read::chunk_key(&place.iter().map(|at| *at as u64).collect::<Vec<u64>>());
            differences.add(difference.chunk(&format!("{}/{key}", checked.key)));
        }
    }
    found
}

fn starts(lengths: &[u64]) -> Vec<u64> {
    let next = |at: &mut u64, length: &u64| {
        let start = *at;
        *at = at.saturating_add(*length);
        Some(start)
    };
    lengths.iter().scan(0, next).collect()
}

struct Fragment<'a> {
    checked: &'a Checked<'a>,
    url: &'a str,
    variable: &'a str,
    region: Region,
}

impl Fragment<'_> {
    fn difference(&self, kind: DifferenceKind, expected: impl Into<String>, found: impl Into<String>) -> Difference {
        self.checked.difference(kind, expected, found)
    }

    fn reference(&self, expected: impl Into<String>) -> Difference {
        self.difference(DifferenceKind::Reference, expected, format!("{} of {}", self.variable, self.url))
    }

    fn check(&self) -> Result<(), Box<Difference>> {
        let checked = self.checked;
        let pieces = checked.layout.pieces(&self.region);
        let [piece] = &pieces[..] else {
            return Err(Box::new(self.reference(format!("a place of one file, not of {}", pieces.len()))));
        };
        // Of files that hold the same there, any will do.
        let named = |piece: &Piece| piece.file.is_some_and(|file| checked.sources.files[file].reference == self.url);
        let other = if named(piece) { None } else { checked.layout.everywhere(piece).into_iter().find(named) };
        let piece = other.as_ref().unwrap_or(piece);
        let Some(number) = piece.file else {
            return Err(Box::new(self.reference("no fragment, for no file holds the place")));
        };
        let file = &checked.sources.files[number];
        let at_file = |difference: Difference| Box::new(difference.file(&file.index.source.url));
        let variable =
            checked.in_file(number).ok_or_else(|| at_file(self.reference("a file that has the variable")))?;
        if !named(piece) || self.variable.trim_start_matches('/') != checked.key {
            return Err(at_file(self.reference(format!("{} of {}", checked.key, file.reference))));
        }
        self.check_extent(number, piece, variable).map_err(|difference| at_file(*difference))?;
        self.check_meaning(number, variable).map_err(|difference| at_file(*difference))
    }

    /// All of the variable, as it is.
    fn check_extent(&self, file: usize, piece: &Piece, variable: &FileVariable) -> Result<(), Box<Difference>> {
        let layout = &self.checked.layout;
        let source = &self.checked.sources.files[file];
        if layout.new > 0 {
            return Err(Box::new(self.reference("no fragments: the files do not have all dimensions")));
        }
        let turned = layout.reversed(file).iter().zip(&piece.source.count).any(|(turned, count)| *turned && *count > 1);
        if turned {
            return Err(Box::new(self.reference("no fragments: the file runs the other way")));
        }
        let length = |name: &crate::model::DimensionName| {
            let group = source.defining_group(self.checked.key, name.as_str())?;
            source.length_of(group, name.as_str())
        };
        let whole: Option<Vec<u64>> = variable.dimensions.iter().map(length).collect();
        if piece.source.start.iter().any(|start| *start != 0) || whole.as_ref() != Some(&piece.source.count) {
            let expected = format!("all of a variable of {:?}", whole.unwrap_or_default());
            let found = format!("{:?} elements at {:?}", piece.source.count, piece.source.start);
            return Err(Box::new(self.difference(DifferenceKind::Dimension, expected, found)));
        }
        // netCDF4 fills up to the length of the dimension; readers that do without it take what was written.
        if variable.grid.shape != piece.source.count {
            let found = format!("{:?} elements written", variable.grid.shape);
            let expected = "no fragment of a variable that is shorter than its dimensions";
            return Err(Box::new(self.difference(DifferenceKind::Dimension, expected, found)));
        }
        let is_remote = ["http://", "https://"].iter().any(|scheme| self.url.starts_with(scheme));
        if is_remote && source.index.format.starts_with("netCDF-3") {
            let expected = "HDF5 behind http(s): cfapyx reads no netCDF-3 there (ask for kerchunk instead)";
            return Err(Box::new(self.difference(DifferenceKind::Reference, expected, source.index.format.as_ref())));
        }
        Ok(())
    }

    /// Numbers that mean what those of the product mean, without any conversion.
    fn check_meaning(&self, file: usize, variable: &FileVariable) -> Result<(), Box<Difference>> {
        let (checked, array) = (self.checked, self.checked.array);
        if !same_but_order(&variable.data_type, &array.data_type) {
            let found = array.data_type.to_string();
            return Err(Box::new(self.difference(DifferenceKind::DataType, variable.data_type.to_string(), found)));
        }
        let text = |value: Option<&AttributeValue>| value.map_or_else(|| "none".into(), |value| format!("{value:?}"));
        for name in ["units", "calendar", "_FillValue", "scale_factor", "add_offset", "_Unsigned"] {
            let (says, has) = (array.attributes.get(name), variable.attributes.get(name));
            let says = says.or(Some(&array.fill_value).filter(|fill| name == "_FillValue" && !fill.is_null()));
            let is_same = match (says, has) {
                (Some(says), Some(has)) => is_equal(says, has),
                (says, has) => says.is_none() && has.is_none(),
            };
            if !is_same {
                let found = says.map_or_else(|| "none".into(), ToString::to_string);
                let expected = format!("{name} = {}", text(has));
                return Err(Box::new(self.difference(DifferenceKind::Meaning, expected, found)));
            }
        }
        let trivial = [("scale_factor", 1.0), ("add_offset", 0.0)];
        for (name, nothing) in trivial {
            let value = variable.attributes.get(name);
            if value.is_some_and(|value| value.number() != Some(nothing)) {
                return Err(Box::new(self.difference(
                    DifferenceKind::Meaning,
                    "unpacked values",
                    format!("{name} {}", text(value)),
                )));
            }
        }
        if !checked.meanings[file].is_equivalent(&checked.meaning) {
            let (expected, found) = (checked.meanings[file].to_string(), checked.meaning.to_string());
            return Err(Box::new(self.difference(DifferenceKind::Meaning, expected, found)));
        }
        Ok(())
    }
}
