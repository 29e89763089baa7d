//! Small arrays, one after the other.

use crate::model::{Array, ArrayValues, Numbers};

/// Joins arrays of one type along a dimension; `None` if types, or lengths along other dimensions, differ.
pub(super) fn along(arrays: &[Array], axis: usize) -> Option<Array> {
    let first = arrays.first()?;
    let mut shape = first.shape.clone();
    *shape.get_mut(axis)? = arrays.iter().map(|array| array.shape.get(axis).copied()).sum::<Option<u64>>()?;
    let fits = |array: &Array| {
        array.shape.len() == shape.len()
            && array.shape.iter().zip(&shape).enumerate().all(|(at, (a, b))| at == axis || a == b)
    };
    if !arrays.iter().all(fits) {
        return None;
    }
    let rows: usize = usize::try_from(shape[..axis].iter().product::<u64>()).ok()?;
    let pieces = || (0..rows).flat_map(|row| arrays.iter().map(move |array| (array, row)));
    let values = match &first.values {
        ArrayValues::Numbers(numbers) => ArrayValues::Numbers(numbers_along(numbers, arrays, rows)?),
        ArrayValues::FixedStrings { length, .. } => {
            let mut all = Vec::new();
            for (array, row) in pieces() {
                let ArrayValues::FixedStrings { length: other, bytes } = &array.values else { return None };
                if other != length {
                    return None;
                }
                all.extend_from_slice(piece(bytes, row, rows)?);
            }
            ArrayValues::FixedStrings { length: *length, bytes: all }
        }
        ArrayValues::Strings(_) => {
            let mut all = Vec::new();
            for (array, row) in pieces() {
                let ArrayValues::Strings(texts) = &array.values else { return None };
                all.extend_from_slice(piece(texts, row, rows)?);
            }
            ArrayValues::Strings(all)
        }
    };
    Some(Array { shape, values })
}

fn piece<T>(values: &[T], row: usize, rows: usize) -> Option<&[T]> {
    let length = values.len().checked_div(rows)?;
    values.get(row * length..(row + 1) * length)
}

fn numbers_along(first: &Numbers, arrays: &[Array], rows: usize) -> Option<Numbers> {
    macro_rules! joined {
        ($kind:ident) => {{
            let mut all = Vec::new();
            for row in 0..rows {
                for array in arrays {
                    let ArrayValues::Numbers(Numbers::$kind(values)) = &array.values else { return None };
                    all.extend_from_slice(piece(values, row, rows)?);
                }
            }
            Numbers::$kind(all)
        }};
    }
    Some(match first {
        Numbers::I8(_) => joined!(I8),
        Numbers::U8(_) => joined!(U8),
        Numbers::I16(_) => joined!(I16),
        Numbers::U16(_) => joined!(U16),
        Numbers::I32(_) => joined!(I32),
        Numbers::U32(_) => joined!(U32),
        Numbers::I64(_) => joined!(I64),
        Numbers::U64(_) => joined!(U64),
        Numbers::F32(_) => joined!(F32),
        Numbers::F64(_) => joined!(F64),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn joins_along_any_dimension() {
        let array = |shape: &[u64], values: &[i32]| Array {
            shape: shape.to_vec(),
            values: ArrayValues::Numbers(Numbers::I32(values.to_vec())),
        };
        let (a, b) = (array(&[2, 1], &[1, 2]), array(&[2, 2], &[3, 4, 5, 6]));
        assert_eq!(along(&[a.clone(), b.clone()], 1).unwrap(), array(&[2, 3], &[1, 3, 4, 2, 5, 6]));
        assert_eq!(along(&[a.clone(), a.clone()], 0).unwrap(), array(&[4, 1], &[1, 2, 1, 2]));
        assert_eq!(along(&[a, b], 0), None);
    }
}
