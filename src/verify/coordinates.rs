//! The values of coordinates, in a file and in the product.

use super::sources::{File, Sources};
use super::values::{Elements, Meaning, Value, beyond_tolerance, bounds_of};
use super::{Difference, DifferenceKind};
use crate::model::{DataType, Numbers};
use crate::read::{ProductArray, ProductStore, ReadError, Region, copy_region};

/// Whether two values are one but for rounding, of the steps around both.
pub(super) fn is_close((first, at): (&[Value], usize), (second, place): (&[Value], usize)) -> bool {
    let float = |values: &[Value], at: usize| match values.get(at) {
        Some(Value::Float(bits)) => Some(f64::from_bits(*bits)),
        _ => None,
    };
    let (Some(a), Some(b)) = (float(first, at), float(second, place)) else { return false };
    let around = |values: &[Value], at: usize, own: f64, other: f64| {
        let before = at.checked_sub(1).and_then(|before| float(values, before));
        let own_place = usize::from(before.is_some());
        let row: Vec<f64> = before.into_iter().chain([own]).chain(float(values, at + 1)).collect();
        let mut changed = row.clone();
        changed[own_place] = other;
        beyond_tolerance(&row, &changed, &[row.len() as u64]).is_none()
    };
    around(first, at, a, b) && around(second, place, b, a)
}

/// The values of a coordinate in a source.
///
/// `length` is that of its dimension; `None` for a scalar.
pub(super) fn file_values(
    sources: &Sources<'_>,
    file: &File<'_>,
    key: &str,
    length: Option<u64>,
) -> Result<Vec<Value>, Box<Difference>> {
    let report = |difference: Difference| Box::new(difference.variable(key).file(&file.index.source.url));
    let missing = || report(Difference::new(DifferenceKind::Variable, "the coordinate of the join", "none"));
    let variable = file.variables.get(key).ok_or_else(missing)?;
    if let Some(crate::model::ArrayValues::Strings(texts)) = variable.values.decoded().map(|array| &array.values) {
        return Ok(texts.iter().map(|text| Value::Text(text.clone().into_bytes())).collect());
    }
    let whole = Region { start: vec![0; variable.dimensions.len()], count: Vec::from_iter(length) };
    let unreadable = |error: ReadError| report(Difference::unreadable(&error));
    let bytes = sources.slab(file, key, variable, &whole).map_err(unreadable)?;
    Ok(Elements { data_type: &variable.data_type, bytes: &bytes, meaning: &file.meaning(key) }.values())
}

/// The values of a coordinate of the product; the caller has checked that its length is possible.
pub(super) fn product_values(
    store: &ProductStore,
    sources: &Sources<'_>,
    array: &ProductArray,
) -> Result<Vec<Value>, Box<Difference>> {
    let unreadable = |error: ReadError| Box::new(Difference::unreadable(&error));
    let open = |url: &str| sources.open_reference(url, &array.key);
    if array.data_type == DataType::VariableString {
        let mut texts = Vec::new();
        for number in 0..array.grid.chunk_count() {
            texts.extend(store.read_texts(array, number, &open).map_err(unreadable)?);
        }
        return Ok(texts.into_iter().map(|text| Value::Text(text.into_bytes())).collect());
    }
    let size = array.data_type.size().unwrap_or(0);
    let length = array.grid.shape.first().and_then(|length| usize::try_from(*length).ok()).unwrap_or(0);
    let mut bytes = vec![0; length.saturating_mul(size)];
    for number in 0..array.grid.chunk_count() {
        let chunk = store
            .read_chunk(array, number, &open)
            .map_err(|error| Box::new(Difference::unreadable(&error).chunk(&array.chunk_key(number))))?;
        let start: Vec<u64> = array
            .grid
            .coordinates(number)
            .iter()
            .zip(&array.grid.chunk_shape)
            .map(|(at, length)| at * length)
            .collect();
        let whole = Region { start: vec![0], count: array.grid.shape.clone() };
        let Some(common) = (Region { start, count: array.grid.chunk_shape.clone() }).intersection(&whole) else {
            continue;
        };
        let target = (&mut bytes[..], &array.grid.shape[..]);
        copy_region((&chunk, &array.grid.chunk_shape, 0), &[0], target, &common.start, (&common.count, size));
    }
    Ok(Elements { data_type: &array.data_type, bytes: &bytes, meaning: &product_meaning(store, array) }.values())
}

/// What the numbers of an array of the product mean.
pub(super) fn product_meaning(store: &ProductStore, array: &ProductArray) -> Meaning {
    let text = |key: &str, name: &str| store.arrays.get(key).and_then(|array| array.attributes.get(name)?.as_str());
    let bounds = bounds_of(store.arrays.keys().map(|key| (key.as_str(), move |name: &str| text(key, name))));
    let fill =
        (!array.fill_value.is_null()).then(|| array.data_type.number()).flatten().and_then(|(primitive, order)| {
            Numbers::from_bytes(primitive, order, &array.fill_element).to_f64().first().copied()
        });
    Meaning::new(&array.key, bounds.get(&array.key).map(String::as_str), text, fill)
}
