//! The shape of a dataset or attribute (IV.A.2.b).

use super::super::bytes::Cursor;
use super::super::fault::Found;

/// libhdf5's greatest number of dimensions.
const MOST_DIMENSIONS: u8 = 32;

/// A shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Dataspace {
    /// No element at all.
    Null,
    /// A scalar (no dimensions) or an array.
    Simple {
        /// The length of each dimension.
        shape: Vec<u64>,
        /// The greatest length; `None`: unlimited.
        limits: Vec<Option<u64>>,
    },
}

impl Dataspace {
    /// The number of elements; `None` if it cannot be counted.
    pub(in super::super) fn elements(&self) -> Option<u64> {
        match self {
            Self::Null => Some(0),
            Self::Simple { shape, .. } => shape.iter().try_fold(1u64, |product, length| product.checked_mul(*length)),
        }
    }

    /// The length of each dimension; none for a scalar and for the null dataspace.
    pub(in super::super) fn shape(&self) -> &[u64] {
        match self {
            Self::Null => &[],
            Self::Simple { shape, .. } => shape,
        }
    }
}

/// Reads a dataspace message.
pub(in super::super) fn read(mut cursor: Cursor) -> Found<Dataspace> {
    let version = cursor.u8()?;
    let (rank, flags) = (cursor.u8()?, cursor.u8()?);
    match version {
        1 => cursor.skip(5)?,
        2 => {
            if cursor.u8()? == 2 {
                return Ok(Dataspace::Null);
            }
        }
        _ => return Err(cursor.unsupported(format!("dataspace version {version}"))),
    }
    if rank > MOST_DIMENSIONS {
        return Err(cursor.corrupt(format!("at most {MOST_DIMENSIONS} dimensions"), format!("{rank}")));
    }
    let shape = (0..rank).map(|_| cursor.length()).collect::<Found<Vec<_>>>()?;
    let limits = if flags & 1 == 1 {
        (0..rank).map(|_| cursor.limit()).collect::<Found<Vec<_>>>()?
    } else {
        shape.iter().copied().map(Some).collect()
    };
    if let Some((length, limit)) = shape.iter().zip(&limits).find(|(length, limit)| limit.is_some_and(|l| l < **length))
    {
        return Err(cursor.corrupt(format!("a length of at most {limit:?}"), format!("{length}")));
    }
    let space = Dataspace::Simple { shape, limits };
    match space.elements() {
        Some(_) => Ok(space),
        None => Err(cursor.corrupt("a number of elements below 2^64", "more")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::super::bytes::Widths;
    use super::*;

    fn parse(bytes: &[u8]) -> Found<Dataspace> {
        read(Cursor::new("dataspace", bytes, 0, Widths::default()))
    }

    #[test]
    fn versions() {
        let mut one = vec![1, 1, 1, 0, 0, 0, 0, 0];
        one.extend(3u64.to_le_bytes());
        one.extend(u64::MAX.to_le_bytes());
        let expected = Dataspace::Simple { shape: vec![3], limits: vec![None] };
        assert_eq!(parse(&one).unwrap(), expected);
        let mut two = vec![2, 1, 1, 1];
        two.extend(&one[8..]);
        assert_eq!(parse(&two).unwrap(), expected);
        assert_eq!(parse(&[2, 0, 0, 0]).unwrap(), Dataspace::Simple { shape: vec![], limits: vec![] });
        assert_eq!(parse(&[2, 0, 0, 2]).unwrap(), Dataspace::Null);
    }

    #[test]
    fn impossible_shapes_are_refused() {
        assert!(parse(&[2, 33, 0, 1]).is_err());
        assert!(parse(&[2, 1, 0, 1, 9]).is_err());
        let mut huge = vec![2, 2, 0, 1];
        huge.extend([0xff; 16]);
        assert!(parse(&huge).is_err());
    }
}
