//! Every chunk of a variable: references against the sources' indexes, inlined and sampled values against the files.

use rayon::prelude::*;

use super::boxes::boxes;
use super::direct::Direct;
use super::layout::{Piece, turned};
use super::locate::{are_same_filters, first_written, locate};
use super::packing::Packing;
use super::sample::{SplitMix, strata};
use super::values::Elements;
use super::variable::{Checked, Counts};
use super::{Difference, DifferenceKind, Differences, Sampling};
use crate::model::{Array, ArrayValues, AttributeValue, ChunkLocation, DataType, FileVariable};
use crate::read::{ReadError, Reference, Region, copy_region};

/// Chunks that are looked at together: differences are kept in order, and never all at once.
const BLOCK: u64 = 1 << 14;

/// Chunks that one core takes after another when only their references are looked at.
const RUN: u64 = 1 << 9;

/// Checks all chunks, and the values of the sampled ones.
pub(super) fn check(
    checked: &Checked<'_>,
    sample: &[u64],
    sampling: Sampling,
    differences: &mut Differences,
) -> Counts {
    let values = |number: &u64| match sample.binary_search(number) {
        _ if sampling.every_value => Values::Every,
        Ok(_) => Values::Sample { seed: sampling.seed },
        Err(_) => Values::None,
    };
    let direct = if sampling.every_value { None } else { Direct::new(checked) };
    let mut counts = Counts::default();
    let count = checked.array.grid.chunk_count();
    let mut start = 0;
    while start < count {
        let end = count.min(start.saturating_add(BLOCK));
        let others: Vec<u64> = match &direct {
            None => (start..end).collect(),
            Some(direct) => {
                let run = |at: u64| direct.check(start + at * RUN..end.min(start + (at + 1) * RUN), sample);
                let runs: Vec<_> = (0..(end - start).div_ceil(RUN)).into_par_iter().map(run).collect();
                counts.references += runs.iter().map(|(right, _)| right).sum::<u64>();
                runs.into_iter().flat_map(|(_, others)| others).collect()
            }
        };
        let results: Vec<_> =
            others.par_iter().map(|number| Chunk::new(checked, *number).check(values(number))).collect();
        for (result, found) in results {
            counts.add(found);
            if let Some(difference) = result {
                differences.add(*difference);
            }
        }
        start = end;
    }
    counts
}

/// Which values of a referenced chunk are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Values {
    None,
    /// Of an unfiltered chunk that is large: some boxes.
    Sample {
        seed: u64,
    },
    Every,
}

/// The most boxes of one sampled chunk.
const SAMPLED_BOXES: u64 = 4;

struct Chunk<'a> {
    checked: &'a Checked<'a>,
    number: u64,
    /// The whole chunk, which may reach beyond the array.
    whole: Region,
    /// What of it lies within the array.
    inside: Region,
}

/// A difference, or nothing.
type Verdict = Result<(), Box<Difference>>;

impl<'a> Chunk<'a> {
    fn new(checked: &'a Checked<'a>, number: u64) -> Self {
        let grid = &checked.array.grid;
        let start: Vec<u64> = grid.coordinates(number).iter().zip(&grid.chunk_shape).map(|(at, n)| at * n).collect();
        let whole = Region { start, count: grid.chunk_shape.clone() };
        let array = Region { start: vec![0; grid.shape.len()], count: grid.shape.clone() };
        let inside = whole.intersection(&array).unwrap_or_else(|| whole.clone());
        Self { checked, number, whole, inside }
    }

    fn difference(
        &self,
        kind: DifferenceKind,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Box<Difference> {
        Box::new(self.checked.difference(kind, expected, found).chunk(&self.checked.array.chunk_key(self.number)))
    }

    fn unreadable(&self, error: &ReadError) -> Box<Difference> {
        let difference = Difference::unreadable(error).variable(self.checked.key);
        let difference = difference.chunk(&self.checked.array.chunk_key(self.number));
        Box::new(match self.checked.array.reference(self.number) {
            Some(Reference::Part { url, .. }) => difference.file(self.checked.sources.name_of(&url)),
            _ => difference,
        })
    }

    fn check(&self, values: Values) -> (Option<Box<Difference>>, Counts) {
        let mut counts = Counts::default();
        let pieces = self.checked.layout.pieces(&self.inside);
        let verdict = match self.checked.array.reference(self.number) {
            None => {
                counts.missing_chunks = 1;
                self.check_missing(&pieces)
            }
            Some(Reference::Inline(_)) => {
                counts.inlined_chunks = 1;
                self.check_values(&pieces, Values::Every, &mut counts)
            }
            Some(Reference::Stored { .. }) if values == Values::None => {
                counts.stored_chunks = 1;
                Ok(())
            }
            Some(Reference::Stored { .. }) => {
                (counts.stored_chunks, counts.sampled_chunks) = (1, 1);
                self.check_stored(values, &mut counts)
            }
            Some(Reference::Whole(url)) => {
                Err(self.difference(DifferenceKind::Reference, "a piece of a file", format!("all of {url}")))
            }
            Some(Reference::Part { url, offset, length }) => {
                counts.references = 1;
                self.check_reference(&pieces, &url, offset, length).and_then(|()| {
                    if values == Values::None {
                        return Ok(());
                    }
                    counts.sampled_chunks = 1;
                    if self.is_source_itself(&pieces, &url) {
                        return self.check_decodes(&mut counts);
                    }
                    self.check_values(&pieces, values, &mut counts)
                })
            }
        };
        (verdict.err(), counts)
    }

    fn check_reference(&self, pieces: &[Piece], url: &str, offset: u64, length: u64) -> Verdict {
        let found = format!("bytes {offset}+{length} of {url}");
        let (false, [piece]) = (pieces.iter().any(|piece| piece.file.is_none()), pieces) else {
            let files: Vec<String> = pieces.iter().map(|piece| self.file_name(piece.file)).collect();
            let expected =
                format!("inlined values: the steps are not one stretch of one file but of {}", files.join(", "));
            return Err(self.difference(DifferenceKind::Reference, expected, found));
        };
        // Of files that hold the same there, any will do.
        let named =
            |piece: &Piece| piece.file.is_some_and(|file| self.checked.sources.files[file].reference.as_str() == url);
        let other = if named(piece) { None } else { self.checked.layout.everywhere(piece).into_iter().find(named) };
        let piece = other.as_ref().unwrap_or(piece);
        let Some(number) = piece.file else { return Ok(()) };
        let file = &self.checked.sources.files[number];
        let report = |expected: String| {
            Box::new(self.difference(DifferenceKind::Reference, expected, found.clone()).file(&file.index.source.url))
        };
        let location = self.expected_location(number, piece).map_err(&report)?;
        if url != file.reference || offset != location.offset || length != location.length {
            return Err(report(format!("bytes {}+{} of {}", location.offset, location.length, file.reference)));
        }
        if location.offset.checked_add(location.length).is_none_or(|end| end > file.index.source.size) {
            return Err(report(format!("bytes within the file of {} bytes", file.index.source.size)));
        }
        Ok(())
    }

    /// Whether a filtered chunk of the product, whose reference is right, is the same bytes under the same filters as the source's, read by the
    /// same reader: both sides are one.
    fn is_source_itself(&self, pieces: &[Piece], url: &str) -> bool {
        let checked = self.checked;
        let is_named = |piece: &Piece| {
            piece.file.is_some_and(|file| checked.sources.files[file].reference.as_str() == url)
                && piece.product == self.inside
        };
        checked.sources.are_read_by_index()
            && !checked.array.codecs.is_empty()
            && checked.array.data_type != DataType::VariableString
            && matches!(pieces, [piece] if is_named(piece))
    }

    /// What both sides are is decoded once.
    fn check_decodes(&self, counts: &mut Counts) -> Verdict {
        let checked = self.checked;
        let open = |url: &str| checked.sources.open_reference(url, checked.key);
        let values = checked.store.read_chunk(checked.array, self.number, &open);
        values.map_err(|error| self.unreadable(&error))?;
        let size = checked.array.data_type.size().unwrap_or(0) as u64;
        counts.value_bytes += self.inside.elements().unwrap_or(0).saturating_mul(size);
        Ok(())
    }

    fn file_name(&self, file: Option<usize>) -> String {
        file.map_or_else(|| "no file".into(), |file| self.checked.sources.files[file].index.source.url.to_string())
    }

    /// Where the source's index has this chunk; or in words what should be there instead of a reference.
    fn expected_location(&self, file: usize, piece: &Piece) -> Result<ChunkLocation, String> {
        let checked = self.checked;
        let variable = checked.in_file(file).ok_or("a missing chunk: the file has no such variable")?;
        if variable.data_type.numpy() != checked.array.data_type.numpy() {
            return Err(format!("inlined values: the file has {}", variable.data_type));
        }
        if !are_same_filters(&variable.codecs, &checked.array.codecs) {
            return Err(format!("chunks with {}, not {}", variable.codecs, checked.array.codecs));
        }
        if !checked.meanings[file].is_equivalent(&checked.meaning) {
            return Err("inlined values: the file has other time units".into());
        }
        // The whole chunk, as it would lie in the file.
        let (new, count) = self.whole.count.split_at(checked.layout.new);
        if new.iter().any(|count| *count != 1) {
            return Err("one step in each chunk".into());
        }
        let is_turned =
            checked.layout.reversed(file).iter().zip(count).any(|(reversed, count)| *reversed && *count > 1);
        if is_turned {
            return Err("inlined values: the file runs the other way".into());
        }
        locate(variable, &mut piece.source.start.clone(), count)
    }

    fn check_missing(&self, pieces: &[Piece]) -> Verdict {
        let checked = self.checked;
        if checked.is_repacked && !pieces.is_empty() {
            return Err(self.difference(DifferenceKind::Reference, "inlined values", "no reference"));
        }
        for piece in pieces {
            let report = |kind, expected: String, found: &str| {
                Box::new(self.difference(kind, expected, found).file(self.file_name(piece.file)))
            };
            let variable = piece.file.and_then(|file| checked.in_file(file));
            if let Some(location) = variable.and_then(|variable| first_written(variable, &piece.source)) {
                let expected = format!("bytes {}+{} of the file", location.offset, location.length);
                return Err(report(DifferenceKind::Reference, expected, "no reference"));
            }
            let fill = variable.map_or_else(|| nothing_element(checked.variable), fill_element);
            let variable = variable.unwrap_or(checked.variable);
            if checked.array.missing_element.as_ref() != Some(&fill) {
                let found = format!("fill_value {}", checked.array.fill_value);
                return Err(report(
                    DifferenceKind::Fill,
                    format!("missing chunks to read as {}", one(variable, &fill)),
                    &found,
                ));
            }
        }
        Ok(())
    }

    fn check_values(&self, pieces: &[Piece], values: Values, counts: &mut Counts) -> Verdict {
        let checked = self.checked;
        if checked.array.data_type == DataType::VariableString {
            return self.check_texts(pieces);
        }
        let open = |url: &str| checked.sources.open_reference(url, checked.key);
        let unreadable = |error: ReadError| self.unreadable(&error);
        let size = checked.array.data_type.size().unwrap_or(0);
        if checked.array.codecs.is_empty()
            && matches!(checked.array.reference(self.number), Some(Reference::Part { .. }))
        {
            // An unfiltered chunk may be all of a file's variable: it is read box by box, of a sample some boxes.
            for region in self.boxes(values, size) {
                let within = region.relative_to(&self.whole.start);
                let found = checked.store.read_box(checked.array, self.number, &within, &open).map_err(unreadable)?;
                counts.value_bytes += found.len() as u64;
                for piece in checked.layout.pieces(&region) {
                    self.compare(&piece, &found)?;
                }
            }
            return Ok(());
        }
        let chunk = checked.store.read_chunk(checked.array, self.number, &open).map_err(unreadable)?;
        pieces.iter().try_for_each(|piece| self.compare_within(piece, &chunk, counts))
    }

    /// Compares a chunk of the product's own; of a sampled one some boxes that are about as large as a chunk of the sources, for each of
    /// these has to be decoded whole.
    fn check_stored(&self, values: Values, counts: &mut Counts) -> Verdict {
        let checked = self.checked;
        let Values::Sample { seed } = values else {
            return self.check_values(&checked.layout.pieces(&self.inside), values, counts);
        };
        let open = |url: &str| checked.sources.open_reference(url, checked.key);
        let chunk = checked.store.read_chunk(checked.array, self.number, &open).map_err(|e| self.unreadable(&e))?;
        let mut mix = SplitMix::new(seed.wrapping_add(self.number), checked.key);
        for _ in 0..SAMPLED_BOXES {
            let region = self.source_like(&mut mix);
            for region in boxes(&region, checked.array.data_type.size().unwrap_or(1)).into_iter().take(1) {
                for piece in checked.layout.pieces(&region) {
                    self.compare_within(&piece, &chunk, counts)?;
                }
            }
        }
        Ok(())
    }

    /// A random box within the chunk that is as large as a chunk of the first file, and stands as if the files' chunks began at 0.
    fn source_like(&self, mix: &mut SplitMix) -> Region {
        let own = &self.checked.variable.grid.chunk_shape;
        let new = self.checked.layout.new;
        let mut region = self.inside.clone();
        for axis in 0..region.start.len() {
            let length = axis.checked_sub(new).and_then(|axis| own.get(axis).copied()).unwrap_or(1).max(1);
            let (start, end) = (region.start[axis], region.start[axis] + region.count[axis]);
            let from = (start + mix.below(region.count[axis])) / length * length;
            region.start[axis] = from.max(start);
            region.count[axis] = from.saturating_add(length).min(end) - region.start[axis];
        }
        region
    }

    /// Compares a piece with what a decoded chunk has there.
    fn compare_within(&self, piece: &Piece, chunk: &[u8], counts: &mut Counts) -> Verdict {
        let size = self.checked.array.data_type.size().unwrap_or(0);
        let elements = piece.product.elements().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        let mut found = vec![0; elements.saturating_mul(size)];
        let from = piece.product.relative_to(&self.whole.start).start;
        let origin = vec![0; from.len()];
        let target = (&mut found[..], &piece.product.count[..]);
        copy_region((chunk, &self.whole.count, 0), &from, target, &origin, (&piece.product.count, size));
        counts.value_bytes += found.len() as u64;
        self.compare(piece, &found)
    }

    fn boxes(&self, values: Values, size: usize) -> Vec<Region> {
        let mut all = boxes(&self.inside, size);
        if let Values::Sample { seed } = values {
            let mut mix = SplitMix::new(seed.wrapping_add(self.number), self.checked.key);
            let chosen = strata(all.len() as u64, SAMPLED_BOXES, &mut mix);
            let mut number = 0;
            all.retain(|_| {
                number += 1;
                chosen.binary_search(&(number - 1)).is_ok()
            });
        }
        all
    }

    /// Compares with the file; where several hold the same but for rounding, with any of them.
    fn compare(&self, piece: &Piece, found: &[u8]) -> Verdict {
        let verdict = self.compare_with(piece, found);
        if verdict.is_err()
            && self.checked.layout.everywhere(piece).iter().skip(1).any(|p| self.compare_with(p, found).is_ok())
        {
            return Ok(());
        }
        verdict
    }

    fn compare_with(&self, piece: &Piece, found: &[u8]) -> Verdict {
        let checked = self.checked;
        if checked.is_repacked {
            return self.compare_repacked(piece, found);
        }
        let expected = self.source_bytes(piece)?;
        let (data_type, meaning) = match piece.file.and_then(|file| Some((file, checked.in_file(file)?))) {
            Some((file, variable)) => (&variable.data_type, &checked.meanings[file]),
            None => (&checked.variable.data_type, &checked.meanings[checked.first]),
        };
        let expected = Elements { data_type, bytes: &expected, meaning };
        let found = Elements { data_type: &checked.array.data_type, bytes: found, meaning: &checked.meaning };
        let difference = expected.first_difference(&found, checked.is_reencoded);
        let unusual = || if checked.is_reencoded { expected.first_unusual_time(&found) } else { None };
        let Some((at, expected, found)) = difference.or_else(unusual) else {
            return Ok(());
        };
        let place = place_of(at, &piece.product);
        let report = self.difference(DifferenceKind::Values, expected, format!("{found} at {place:?}"));
        Err(Box::new(report.file(self.file_name(piece.file))))
    }

    /// Compares what numbers mean that are not stored in the same way.
    fn compare_repacked(&self, piece: &Piece, found: &[u8]) -> Verdict {
        let checked = self.checked;
        let Some(product) = Packing::of_product(checked) else {
            let expected = "the packing of some source, or none at all";
            return Err(self.difference(DifferenceKind::Meaning, expected, format!("{:?}", checked.array.attributes)));
        };
        let difference = match piece.file.and_then(|file| checked.in_file(file)) {
            Some(variable) => Packing::of(variable).first_difference(&self.source_bytes(piece)?, &product, found),
            None => product.first_present(found),
        };
        let Some((at, expected, found)) = difference else { return Ok(()) };
        let place = place_of(at, &piece.product);
        let report = self.difference(DifferenceKind::Values, expected, format!("{found} at {place:?}"));
        Err(Box::new(report.file(self.file_name(piece.file))))
    }

    /// The source's elements, in the file's type and the order of the product; fill where no file is.
    fn source_bytes(&self, piece: &Piece) -> Result<Vec<u8>, Box<Difference>> {
        let checked = self.checked;
        let Some((file, variable)) = piece.file.and_then(|file| Some((file, checked.in_file(file)?))) else {
            let elements = piece.source.elements().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
            return Ok(nothing_element(checked.variable).repeat(elements));
        };
        let failed = |error| Box::new(self.unreadable(&error).file(self.file_name(piece.file)));
        let opened = &checked.sources.files[file];
        let bytes = checked.sources.slab(opened, checked.key, variable, &piece.source).map_err(failed)?;
        let size = variable.data_type.size().unwrap_or(1);
        Ok(turned(bytes, &piece.source.count, &checked.layout.reversed(file), size))
    }

    /// Texts of any length, which only the index can give.
    fn check_texts(&self, pieces: &[Piece]) -> Verdict {
        let checked = self.checked;
        let refuse =
            |found: &str| self.difference(DifferenceKind::Unreadable, "texts kept by the index, in one chunk", found);
        if checked.array.grid.chunk_count() != 1 {
            return Err(refuse("several chunks"));
        }
        let open = |url: &str| checked.sources.open_reference(url, checked.key);
        let found = checked.store.read_texts(checked.array, self.number, &open).map_err(|e| self.unreadable(&e))?;
        let count = checked.array.grid.chunk_elements().and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
        if found.len() != count {
            let shown = |count: usize| format!("{count} texts");
            return Err(self.difference(DifferenceKind::Values, shown(count), shown(found.len())));
        }
        let mut expected = found.clone();
        for piece in pieces {
            let variable = piece.file.and_then(|file| Some((file, checked.in_file(file)?)));
            let values = variable.and_then(|(_, variable)| variable.values.decoded());
            let (Some((file, _)), Some(Array { shape, values: ArrayValues::Strings(texts) })) = (variable, values)
            else {
                return Err(refuse("texts that are not kept"));
            };
            let reversed = checked.layout.reversed(file);
            for number in 0..piece.source.elements().unwrap_or(0) {
                let (from, to) = (place_in(number, &piece.source, &reversed), place_in(number, &piece.product, &[]));
                let (from, to) = (number_in(shape, &from), number_in(&self.whole.count, &to));
                if let (Some(text), Some(expected)) = (texts.get(from), expected.get_mut(to)) {
                    expected.clone_from(text);
                } else {
                    return Err(refuse("fewer texts"));
                }
            }
        }
        match expected.iter().zip(&found).position(|(a, b)| a != b) {
            Some(at) => {
                let found = format!("{:?} at {at}", found[at]);
                Err(self.difference(DifferenceKind::Values, format!("{:?}", expected[at]), found))
            }
            None => Ok(()),
        }
    }
}

/// The place of an element of a box by its number in C order; along some dimensions counted from the end.
fn place_in(mut number: u64, region: &Region, reversed: &[bool]) -> Vec<u64> {
    // A box of the product has dimensions in front, of one step, that the file does not have.
    let mut place = region.start.clone();
    for (axis, count) in region.count.iter().enumerate().rev() {
        let at = number.checked_rem(*count).unwrap_or(0);
        number = number.checked_div(*count).unwrap_or(0);
        place[axis] += if reversed.get(axis).copied().unwrap_or(false) { count - 1 - at } else { at };
    }
    place
}

fn number_in(shape: &[u64], place: &[u64]) -> usize {
    let number = shape.iter().zip(place).fold(0u64, |n, (length, at)| n.saturating_mul(*length).saturating_add(*at));
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// What stands where no file is: the `_FillValue`, which readers take for nothing.
fn nothing_element(variable: &FileVariable) -> Vec<u8> {
    match (variable.attributes.get("_FillValue"), variable.data_type.number()) {
        (Some(AttributeValue::Numbers(fill)), Some((primitive, order)))
            if fill.len() == 1 && fill.primitive() == primitive =>
        {
            fill.to_bytes(order)
        }
        _ => fill_element(variable),
    }
}

fn fill_element(variable: &FileVariable) -> Vec<u8> {
    variable.fill_value.clone().unwrap_or_else(|| vec![0; variable.data_type.size().unwrap_or(0)])
}

fn one(variable: &FileVariable, bytes: &[u8]) -> String {
    let elements = Elements { data_type: &variable.data_type, bytes, meaning: &super::values::Meaning::Raw };
    elements.values().first().map_or_else(|| "nothing".into(), ToString::to_string)
}

/// The place in the array of an element of a box, by its number in C order.
fn place_of(mut number: usize, region: &Region) -> Vec<u64> {
    let mut place = region.start.clone();
    for (place, count) in place.iter_mut().zip(&region.count).rev() {
        let count = usize::try_from(*count).unwrap_or(usize::MAX).max(1);
        *place += (number % count) as u64;
        number /= count;
    }
    place
}
