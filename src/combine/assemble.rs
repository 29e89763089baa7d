//! Small arrays put together from parts.

use super::boxes::Part;
use crate::model::{Array, ArrayValues, Numbers};

/// How the elements of a part are taken from an array: the first one, and how far it is to the next along each dimension.
#[derive(Debug)]
pub(super) struct View {
    first: usize,
    strides: Vec<isize>,
}

impl View {
    /// An array of `shape`, repeated along `lifted` dimensions in front of its own, turned round along some of its own.
    pub(super) fn new(shape: &[u64], lifted: usize, reversed: &[bool]) -> Option<Self> {
        let (mut first, mut stride) = (0isize, 1isize);
        let mut strides = vec![0; lifted + shape.len()];
        for (at, length) in shape.iter().enumerate().rev() {
            let length = isize::try_from(*length).ok()?;
            let is_reversed = reversed.get(at).copied().unwrap_or(false) && length > 0;
            strides[lifted + at] = if is_reversed { -stride } else { stride };
            first = first.checked_add(if is_reversed { stride.checked_mul(length - 1)? } else { 0 })?;
            stride = stride.checked_mul(length)?;
        }
        Some(Self { first: usize::try_from(first).ok()?, strides })
    }
}

/// Why parts do not make an array.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// An element that no part has, and there is no fill.
    Hole,
    /// This part has other values than one before it.
    Different { part: usize, before: usize },
    /// Types or lengths do not fit.
    Kind,
}

/// Where an element comes from: the number of a part and that of an element in its array. No part: fill.
type Origin = (usize, usize);

const FILL: usize = usize::MAX;

/// Puts parts together. Where they overlap their values must agree, by `agree` if their bits do not.
pub(super) fn together(
    shape: &[u64],
    parts: &[(&Part, View, Array)],
    fill: Option<&ArrayValues>,
    agree: impl Fn(&[f64], &[f64], usize) -> bool,
) -> Result<Array, Misfit> {
    let count = shape.iter().try_fold(1u64, |product, length| product.checked_mul(*length));
    let count = count.and_then(|count| usize::try_from(count).ok()).ok_or(Misfit::Kind)?;
    let mut origins: Vec<Origin> = vec![(FILL, 0); count];
    for (number, (part, view, array)) in parts.iter().enumerate() {
        let mut clash: Option<usize> = None;
        let mut pairs = Vec::new();
        each(shape, part, view, |target, source| {
            let origin = origins.get_mut(target)?;
            if origin.0 == FILL {
                *origin = (number, source);
                pairs.push((number, source, source));
            } else {
                let (before, other) = *origin;
                let is_same = same_element(&parts[before].2, other, array, source);
                pairs.push((before, other, source));
                clash = clash.or((!is_same).then_some(before));
            }
            Some(())
        })
        .ok_or(Misfit::Kind)?;
        if let Some(before) = clash {
            let old: Option<Vec<f64>> = pairs.iter().map(|(part, at, _)| float(&parts[*part].2, *at)).collect();
            let new: Option<Vec<f64>> = pairs.iter().map(|(_, _, at)| float(array, *at)).collect();
            let row = part.count.last().and_then(|count| usize::try_from(*count).ok()).unwrap_or(1);
            match (old, new) {
                (Some(old), Some(new)) if agree(&old, &new, row) => {}
                _ => return Err(Misfit::Different { part: number, before }),
            }
        }
    }
    if fill.is_none() && origins.iter().any(|(part, _)| *part == FILL) {
        return Err(Misfit::Hole);
    }
    let arrays: Vec<&ArrayValues> = parts.iter().map(|(_, _, array)| &array.values).collect();
    let values = gathered(&arrays, &origins, fill).ok_or(Misfit::Kind)?;
    Ok(Array { shape: shape.to_vec(), values })
}

/// An array turned round along some of its dimensions.
pub(super) fn turned(array: Array, reversed: &[bool]) -> Option<Array> {
    let shape = array.shape.clone();
    let part = Part { start: vec![0; shape.len()], count: shape.clone() };
    let view = View::new(&shape, 0, reversed)?;
    together(&shape, &[(&part, view, array)], None, |_, _, _| false).ok()
}

/// Calls with the number of each element of a part in the whole, and in its array; `None` as soon as a call says so.
fn each(shape: &[u64], part: &Part, view: &View, mut call: impl FnMut(usize, usize) -> Option<()>) -> Option<()> {
    if part.count.contains(&0) {
        return Some(());
    }
    let mut at = vec![0u64; part.count.len()];
    loop {
        let place = at.iter().zip(&part.start).map(|(at, start)| at + start);
        let target = place.zip(shape).fold(0u64, |number, (at, length)| number * length + at);
        let mut source = isize::try_from(view.first).ok()?;
        for (at, stride) in at.iter().zip(&view.strides) {
            source += isize::try_from(*at).ok()? * stride;
        }
        call(usize::try_from(target).ok()?, usize::try_from(source).ok()?)?;
        let mut axis = at.len();
        loop {
            if axis == 0 {
                return Some(());
            }
            axis -= 1;
            at[axis] += 1;
            if at[axis] < part.count[axis] {
                break;
            }
            at[axis] = 0;
        }
    }
}

fn float(array: &Array, at: usize) -> Option<f64> {
    let numbers = array.numbers().filter(|numbers| numbers.primitive().is_float())?;
    numbers.slice(at..at + 1).to_f64().first().copied()
}

fn same_element(a: &Array, at: usize, b: &Array, bt: usize) -> bool {
    match (&a.values, &b.values) {
        (ArrayValues::Numbers(a), ArrayValues::Numbers(b)) => a.slice(at..at + 1) == b.slice(bt..bt + 1),
        (ArrayValues::FixedStrings { length, bytes }, ArrayValues::FixedStrings { length: other, bytes: others }) => {
            let length_of = |length: u32| usize::try_from(length).unwrap_or(0);
            let piece =
                |bytes: &[u8], length: usize, at: usize| bytes.get(at * length..(at + 1) * length).map(<[u8]>::to_vec);
            length == other && piece(bytes, length_of(*length), at) == piece(others, length_of(*other), bt)
        }
        (ArrayValues::Strings(a), ArrayValues::Strings(b)) => a.get(at) == b.get(bt),
        _ => false,
    }
}

fn gathered(arrays: &[&ArrayValues], origins: &[Origin], fill: Option<&ArrayValues>) -> Option<ArrayValues> {
    let first = arrays.first()?;
    let of = |part: usize| if part == FILL { fill } else { arrays.get(part).copied() };
    Some(match first {
        ArrayValues::Numbers(numbers) => ArrayValues::Numbers(gathered_numbers(numbers, &of, origins)?),
        ArrayValues::FixedStrings { length, .. } => {
            let size = usize::try_from(*length).ok()?;
            let mut all = Vec::with_capacity(origins.len().checked_mul(size)?);
            for (part, at) in origins {
                let ArrayValues::FixedStrings { length: other, bytes } = of(*part)? else { return None };
                if other != length {
                    return None;
                }
                all.extend_from_slice(bytes.get(at * size..(at + 1) * size)?);
            }
            ArrayValues::FixedStrings { length: *length, bytes: all }
        }
        ArrayValues::Strings(_) => {
            let text = |(part, at): &Origin| match of(*part)? {
                ArrayValues::Strings(texts) => texts.get(*at).cloned(),
                _ => None,
            };
            ArrayValues::Strings(origins.iter().map(text).collect::<Option<_>>()?)
        }
    })
}

fn gathered_numbers<'a>(
    first: &Numbers,
    of: &dyn Fn(usize) -> Option<&'a ArrayValues>,
    origins: &[Origin],
) -> Option<Numbers> {
    macro_rules! gathered {
        ($kind:ident) => {{
            let number = |(part, at): &Origin| match of(*part)? {
                ArrayValues::Numbers(Numbers::$kind(values)) => values.get(*at).copied(),
                _ => None,
            };
            Numbers::$kind(origins.iter().map(number).collect::<Option<_>>()?)
        }};
    }
    Some(match first {
        Numbers::I8(_) => gathered!(I8),
        Numbers::U8(_) => gathered!(U8),
        Numbers::I16(_) => gathered!(I16),
        Numbers::U16(_) => gathered!(U16),
        Numbers::I32(_) => gathered!(I32),
        Numbers::U32(_) => gathered!(U32),
        Numbers::I64(_) => gathered!(I64),
        Numbers::U64(_) => gathered!(U64),
        Numbers::F32(_) => gathered!(F32),
        Numbers::F64(_) => gathered!(F64),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn array(shape: &[u64], values: &[i32]) -> Array {
        Array { shape: shape.to_vec(), values: ArrayValues::Numbers(Numbers::I32(values.to_vec())) }
    }

    fn put(shape: &[u64], parts: &[([u64; 2], [u64; 2], View, Array)], fill: Option<i32>) -> Result<Array, Misfit> {
        let boxes: Vec<Part> =
            parts.iter().map(|(start, count, ..)| Part { start: start.to_vec(), count: count.to_vec() }).collect();
        let parts: Vec<(&Part, View, Array)> = boxes
            .iter()
            .zip(parts)
            .map(|(one, (.., view, array))| {
                (one, View { first: view.first, strides: view.strides.clone() }, array.clone())
            })
            .collect();
        let fill = fill.map(|fill| ArrayValues::Numbers(Numbers::I32(vec![fill])));
        together(shape, &parts, fill.as_ref(), |_, _, _| false)
    }

    #[test]
    fn parts_along_any_dimension() {
        let plain = |shape: [u64; 2]| View::new(&shape, 0, &[]).unwrap();
        let (a, b) = (array(&[2, 1], &[1, 2]), array(&[2, 2], &[3, 4, 5, 6]));
        let parts = [([0, 0], [2, 1], plain([2, 1]), a.clone()), ([0, 1], [2, 2], plain([2, 2]), b.clone())];
        assert_eq!(put(&[2, 3], &parts, None).unwrap(), array(&[2, 3], &[1, 3, 4, 2, 5, 6]));
        assert_eq!(put(&[2, 4], &parts, None), Err(Misfit::Hole));
        assert_eq!(put(&[2, 4], &parts, Some(9)).unwrap(), array(&[2, 4], &[1, 3, 4, 9, 2, 5, 6, 9]));
        let over = [([0, 0], [2, 1], plain([2, 1]), a), ([0, 0], [2, 2], plain([2, 2]), b)];
        assert_eq!(put(&[2, 2], &over, None), Err(Misfit::Different { part: 1, before: 0 }));
    }

    #[test]
    fn repeated_and_turned_round() {
        let view = View::new(&[3], 1, &[true]).unwrap();
        let parts = [([0, 0], [2, 3], view, array(&[3], &[1, 2, 3]))];
        assert_eq!(put(&[2, 3], &parts, None).unwrap(), array(&[2, 3], &[3, 2, 1, 3, 2, 1]));
    }
}
