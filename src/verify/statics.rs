//! Variables that do not lie along the join: the product has the first file's, and the others must agree.

use super::boxes::boxes;
use super::sample::SplitMix;
use super::values::{Elements, Value, beyond_tolerance};
use super::variable::{Checked, Counts};
use super::{Difference, DifferenceKind, Differences, Sampling};
use crate::model::{ArrayValues, ByteOrder, FileVariable, Numbers, SmallValues};
use crate::read::{ReadError, Region, read_slab};

/// Variables up to so many bytes are compared as a whole.
const WHOLE_LIMIT: u64 = 1 << 20;

/// Compares the first file's array with every other file's: all of a small one, a chunk of a large one, or all of it if asked for.
pub(super) fn check(checked: &Checked<'_>, sampling: Sampling, differences: &mut Differences) -> Counts {
    let mut counts = Counts::default();
    let mut mix = SplitMix::new(sampling.seed.wrapping_add(1), checked.key);
    for file in checked.steps.order.iter().copied().filter(|file| *file != checked.first) {
        let Some(other) = checked.in_file(file) else { continue };
        if let Err(difference) = compare(checked, file, other, sampling, &mut mix, &mut counts) {
            let difference = difference.variable(checked.key);
            differences.add(difference.file(&checked.sources.files[file].index.source.url));
        }
    }
    counts
}

fn compare(
    checked: &Checked<'_>,
    file: usize,
    other: &FileVariable,
    sampling: Sampling,
    mix: &mut SplitMix,
    counts: &mut Counts,
) -> Result<(), Box<Difference>> {
    let first = checked.variable;
    let shape = &checked.array.grid.shape;
    if other.dimensions.len() != shape.len() || other.grid.shape != first.grid.shape {
        let shapes = (format!("{:?} as in the first file", first.grid.shape), format!("{:?}", other.grid.shape));
        return Err(Box::new(Difference::new(DifferenceKind::Dimension, shapes.0, shapes.1)));
    }
    if let (Some(a), Some(b)) = (texts(first), texts(other)) {
        return match a.iter().zip(b).position(|(a, b)| a != b) {
            Some(at) => Err(differs(at, &format!("{:?}", a[at]), &format!("{:?}", b[at]))),
            None => Ok(()),
        };
    }
    if let (SmallValues::Digest(a), SmallValues::Digest(b)) = (&first.values, &other.values)
        && a.sha256 == b.sha256
        && checked.meanings[file].is_equivalent(&checked.meanings[checked.first])
    {
        return Ok(());
    }
    for region in regions(checked, sampling, mix) {
        let bytes = |file: usize, variable: &FileVariable| -> Result<Vec<u8>, ReadError> {
            if let Some(bytes) = kept(variable, &region) {
                return Ok(bytes);
            }
            let source = checked.sources.open(&checked.sources.files[file], checked.key)?;
            read_slab(variable, source.as_ref(), &region.start, &region.count)
        };
        let unreadable = |error: ReadError| Box::new(Difference::unreadable(&error));
        let expected = bytes(checked.first, first).map_err(unreadable)?;
        let found = bytes(file, other).map_err(unreadable)?;
        counts.value_bytes += found.len() as u64;
        let expected =
            Elements { data_type: &first.data_type, bytes: &expected, meaning: &checked.meanings[checked.first] };
        let found = Elements { data_type: &other.data_type, bytes: &found, meaning: &checked.meanings[file] };
        compare_box(&expected, &found, &region, !matches!(first.values, SmallValues::NotRead))?;
    }
    Ok(())
}

/// The bytes of a whole variable that the fresh index has read already.
fn kept(variable: &FileVariable, region: &Region) -> Option<Vec<u8>> {
    let array = variable.values.decoded().filter(|array| array.shape == region.count)?;
    let order = variable.data_type.number().map_or(ByteOrder::Little, |(_, order)| order);
    array.to_bytes(order)
}

/// Coordinates may differ by a little; all else not at all.
fn compare_box(
    expected: &Elements<'_>,
    found: &Elements<'_>,
    region: &Region,
    is_coordinate: bool,
) -> Result<(), Box<Difference>> {
    let Some((at, expected_value, found_value)) = expected.first_difference(found, true) else { return Ok(()) };
    let floats = |side: &Elements<'_>| {
        let (primitive, order) = side.data_type.number().filter(|(primitive, _)| primitive.is_float())?;
        Some(Numbers::from_bytes(primitive, order, side.bytes).to_f64())
    };
    match (floats(expected), floats(found)) {
        (Some(a), Some(b)) if is_coordinate && !expected.meaning.is_time() => {
            match beyond_tolerance(&a, &b, &region.count) {
                Some(at) => Err(differs(
                    at,
                    &Value::Float(a[at].to_bits()).to_string(),
                    &Value::Float(b[at].to_bits()).to_string(),
                )),
                None => Ok(()),
            }
        }
        _ => Err(differs(at, &expected_value, &found_value)),
    }
}

fn differs(at: usize, expected: &str, found: &str) -> Box<Difference> {
    let expected = format!("{expected} as in the first file");
    Box::new(Difference::new(DifferenceKind::Values, expected, format!("{found} at element {at}")))
}

fn texts(variable: &FileVariable) -> Option<&[String]> {
    match &variable.values.decoded()?.values {
        ArrayValues::Strings(texts) => Some(texts),
        _ => None,
    }
}

/// The boxes to compare.
fn regions(checked: &Checked<'_>, sampling: Sampling, mix: &mut SplitMix) -> Vec<Region> {
    let grid = &checked.variable.grid;
    let size = checked.variable.data_type.size().unwrap_or(0) as u64;
    let whole = Region { start: vec![0; grid.shape.len()], count: grid.shape.clone() };
    let bytes = whole.elements().and_then(|elements| elements.checked_mul(size));
    if bytes.is_some_and(|bytes| bytes <= WHOLE_LIMIT) || !matches!(checked.variable.values, SmallValues::NotRead) {
        return vec![whole];
    }
    let chunk = |number: u64| {
        let start = grid.coordinates(number).iter().zip(&grid.chunk_shape).map(|(at, length)| at * length).collect();
        let inside = Region { start, count: grid.chunk_shape.clone() }.intersection(&whole);
        inside.map_or_else(Vec::new, |inside| boxes(&inside, checked.variable.data_type.size().unwrap_or(1)))
    };
    let count = grid.chunk_count();
    if sampling.every_value {
        return (0..count).flat_map(chunk).collect();
    }
    let mut all = chunk(mix.below(count));
    all.truncate(usize::try_from(mix.below(all.len() as u64)).unwrap_or(0) + 1);
    all.pop().into_iter().collect()
}
