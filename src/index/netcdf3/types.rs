//! The external types (`nc_type`).

use crate::index::text::decode_text;
use crate::model::{AttributeValue, ByteOrder, DataType, Numbers, Primitive};

/// A type of the classic formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum External {
    /// `NC_CHAR`.
    Char,
    /// All others.
    Number(Primitive),
}

impl External {
    /// The type with a number; those from 7 are of CDF-5 alone.
    pub(super) fn from_code(code: u32, is_cdf5: bool) -> Option<Self> {
        Some(match code {
            1 => Self::Number(Primitive::I8),
            2 => Self::Char,
            3 => Self::Number(Primitive::I16),
            4 => Self::Number(Primitive::I32),
            5 => Self::Number(Primitive::F32),
            6 => Self::Number(Primitive::F64),
            7 if is_cdf5 => Self::Number(Primitive::U8),
            8 if is_cdf5 => Self::Number(Primitive::U16),
            9 if is_cdf5 => Self::Number(Primitive::U32),
            10 if is_cdf5 => Self::Number(Primitive::I64),
            11 if is_cdf5 => Self::Number(Primitive::U64),
            _ => return None,
        })
    }

    /// Bytes of one element.
    pub(super) fn size(self) -> u64 {
        match self {
            Self::Char => 1,
            Self::Number(primitive) => primitive.size() as u64,
        }
    }

    pub(super) fn data_type(self) -> DataType {
        match self {
            Self::Char => DataType::FixedString { length: 1 },
            Self::Number(primitive) => DataType::Number { primitive, order: ByteOrder::Big },
        }
    }

    /// An attribute of this type. The NULs that fill up a text are no part of it.
    pub(super) fn attribute(self, bytes: &[u8]) -> AttributeValue {
        match self {
            Self::Char => {
                let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                AttributeValue::Text(decode_text(&bytes[..length]))
            }
            Self::Number(primitive) => AttributeValue::Numbers(Numbers::from_bytes(primitive, ByteOrder::Big, bytes)),
        }
    }

    /// What netCDF fills variables of this type with (`NC_FILL_…`).
    pub(super) fn default_fill(self) -> Vec<u8> {
        let number = match self {
            Self::Char => return vec![0],
            Self::Number(primitive) => Numbers::netcdf_fill(primitive),
        };
        number.to_bytes(ByteOrder::Big)
    }
}
