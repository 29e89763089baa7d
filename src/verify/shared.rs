//! Places that several files hold: the product has one file's values, and the others must agree.

use super::boxes::boxes;
use super::layout::turned;
use super::packing::Packing;
use super::sample::SplitMix;
use super::sources::kept;
use super::values::{Elements, Value, beyond_tolerance};
use super::variable::{Checked, Counts};
use super::{Difference, DifferenceKind, Differences, Sampling};
use crate::model::{ArrayValues, FileVariable, Numbers, SmallValues};
use crate::read::{ReadError, Region};

/// Variables up to so many bytes are compared as a whole.
const WHOLE_LIMIT: u64 = 1 << 20;

/// Compares, wherever several files hold a variable at one place, the first one's values with every other's: all of small boxes, a piece
/// of large ones, or all of them if asked for.
pub(super) fn check(checked: &Checked<'_>, sampling: Sampling, differences: &mut Differences) -> Counts {
    let mut counts = Counts::default();
    let mut mix = SplitMix::new(sampling.seed.wrapping_add(1), checked.key);
    for (first, other, region) in checked.layout.shared() {
        if let Err(difference) = compare(checked, (first, other), &region, sampling, &mut mix, &mut counts) {
            let difference = difference.variable(checked.key);
            differences.add(difference.file(&checked.sources.files[other].index.source.url));
        }
    }
    counts
}

fn compare(
    checked: &Checked<'_>,
    (first, other): (usize, usize),
    region: &Region,
    sampling: Sampling,
    mix: &mut SplitMix,
    counts: &mut Counts,
) -> Result<(), Box<Difference>> {
    let (Some(a), Some(b)) = (checked.in_file(first), checked.in_file(other)) else { return Ok(()) };
    let rank = checked.array.grid.shape.len() - checked.layout.new;
    if [a, b].iter().any(|variable| variable.dimensions.len() != rank) {
        let shown = |variable: &FileVariable| format!("{:?}", variable.grid.shape);
        return Err(Box::new(Difference::new(DifferenceKind::Dimension, shown(a), shown(b))));
    }
    if let (Some(a), Some(b)) = (texts(a), texts(b))
        && a.len() == b.len()
    {
        return match a.iter().zip(b).position(|(a, b)| a != b) {
            Some(at) => Err(differs(at, &format!("{:?}", a[at]), &format!("{:?}", b[at]))),
            None => Ok(()),
        };
    }
    if let (SmallValues::Digest(x), SmallValues::Digest(y)) = (&a.values, &b.values)
        && x.sha256 == y.sha256
        && a.grid.shape == b.grid.shape
        && checked.layout.reversed(first) == checked.layout.reversed(other)
        && checked.meanings[first].is_equivalent(&checked.meanings[other])
    {
        return Ok(());
    }
    for region in regions(checked, a, region, sampling, mix) {
        let bytes = |file: usize, variable: &FileVariable| -> Result<Vec<u8>, ReadError> {
            let source = checked.layout.in_file(file, &region);
            let bytes = match kept(variable, &source) {
                Some(bytes) => bytes,
                None => checked.sources.slab(&checked.sources.files[file], checked.key, variable, &source)?,
            };
            let size = variable.data_type.size().unwrap_or(1);
            Ok(turned(bytes, &source.count, &checked.layout.reversed(file), size))
        };
        let unreadable = |error: ReadError| Box::new(Difference::unreadable(&error));
        let expected = bytes(first, a).map_err(unreadable)?;
        let found = bytes(other, b).map_err(unreadable)?;
        counts.value_bytes += found.len() as u64;
        if checked.is_repacked {
            match Packing::of(a).first_difference(&expected, &Packing::of(b), &found) {
                Some((at, expected, found)) => return Err(differs(at, &expected, &found)),
                None => continue,
            }
        }
        let expected = Elements { data_type: &a.data_type, bytes: &expected, meaning: &checked.meanings[first] };
        let found = Elements { data_type: &b.data_type, bytes: &found, meaning: &checked.meanings[other] };
        let own = Region { start: Vec::new(), count: region.count[checked.layout.new..].to_vec() };
        compare_box(&expected, &found, &own, !matches!(a.values, SmallValues::NotRead))?;
    }
    Ok(())
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
fn regions(
    checked: &Checked<'_>,
    variable: &FileVariable,
    region: &Region,
    sampling: Sampling,
    mix: &mut SplitMix,
) -> Vec<Region> {
    let size = variable.data_type.size().unwrap_or(1);
    let bytes = region.elements().and_then(|elements| elements.checked_mul(size as u64));
    if bytes.is_some_and(|bytes| bytes <= WHOLE_LIMIT) || !matches!(checked.variable.values, SmallValues::NotRead) {
        return vec![region.clone()];
    }
    let mut all = boxes(region, size);
    if !sampling.every_value {
        all.truncate(usize::try_from(mix.below(all.len() as u64)).unwrap_or(0) + 1);
        all = all.pop().into_iter().collect();
    }
    all
}
