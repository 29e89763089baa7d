//! Decoded values of small variables and of attributes.

use std::sync::Arc;

use super::dtype::{ByteOrder, DataType, Primitive};

/// Numbers of one type, in C order.
///
/// Equality is that of the bits: a NaN equals itself, and 0.0 is not -0.0, because a product must carry the source's bits.
#[derive(Debug, Clone)]
pub enum Numbers {
    /// Signed, 1 byte.
    I8(Vec<i8>),
    /// Unsigned, 1 byte.
    U8(Vec<u8>),
    /// Signed, 2 bytes.
    I16(Vec<i16>),
    /// Unsigned, 2 bytes.
    U16(Vec<u16>),
    /// Signed, 4 bytes.
    I32(Vec<i32>),
    /// Unsigned, 4 bytes.
    U32(Vec<u32>),
    /// Signed, 8 bytes.
    I64(Vec<i64>),
    /// Unsigned, 8 bytes.
    U64(Vec<u64>),
    /// IEEE 754 binary32.
    F32(Vec<f32>),
    /// IEEE 754 binary64.
    F64(Vec<f64>),
}

/// Runs one expression for whatever vector of [`Numbers`] is inside.
macro_rules! each {
    ($numbers:expr, $values:ident => $body:expr) => {
        match $numbers {
            Numbers::I8($values) => $body,
            Numbers::U8($values) => $body,
            Numbers::I16($values) => $body,
            Numbers::U16($values) => $body,
            Numbers::I32($values) => $body,
            Numbers::U32($values) => $body,
            Numbers::I64($values) => $body,
            Numbers::U64($values) => $body,
            Numbers::F32($values) => $body,
            Numbers::F64($values) => $body,
        }
    };
}
pub(crate) use each;

/// Runs one expression that yields a vector of the same type.
macro_rules! map_each {
    ($numbers:expr, $values:ident => $body:expr) => {
        match $numbers {
            Numbers::I8($values) => Numbers::I8($body),
            Numbers::U8($values) => Numbers::U8($body),
            Numbers::I16($values) => Numbers::I16($body),
            Numbers::U16($values) => Numbers::U16($body),
            Numbers::I32($values) => Numbers::I32($body),
            Numbers::U32($values) => Numbers::U32($body),
            Numbers::I64($values) => Numbers::I64($body),
            Numbers::U64($values) => Numbers::U64($body),
            Numbers::F32($values) => Numbers::F32($body),
            Numbers::F64($values) => Numbers::F64($body),
        }
    };
}

macro_rules! decode {
    ($kind:ident, $type:ty, $bytes:expr, $order:expr) => {
        Numbers::$kind(
            $bytes
                .chunks_exact(size_of::<$type>())
                .map(|piece| {
                    let mut raw = [0u8; size_of::<$type>()];
                    raw.copy_from_slice(piece);
                    match $order {
                        ByteOrder::Little => <$type>::from_le_bytes(raw),
                        ByteOrder::Big => <$type>::from_be_bytes(raw),
                    }
                })
                .collect(),
        )
    };
}

impl Numbers {
    /// Reads numbers from their bytes; bytes beyond the last whole number are left out.
    ///
    /// ```
    /// use altostac::model::{ByteOrder, Numbers, Primitive};
    /// let numbers = Numbers::from_bytes(Primitive::I16, ByteOrder::Big, &[0, 1, 0, 2]);
    /// assert_eq!(numbers, Numbers::I16(vec![1, 2]));
    /// assert_eq!(numbers.to_bytes(ByteOrder::Little), [1, 0, 2, 0]);
    /// ```
    pub fn from_bytes(primitive: Primitive, order: ByteOrder, bytes: &[u8]) -> Self {
        match primitive {
            Primitive::I8 => decode!(I8, i8, bytes, order),
            Primitive::U8 => decode!(U8, u8, bytes, order),
            Primitive::I16 => decode!(I16, i16, bytes, order),
            Primitive::U16 => decode!(U16, u16, bytes, order),
            Primitive::I32 => decode!(I32, i32, bytes, order),
            Primitive::U32 => decode!(U32, u32, bytes, order),
            Primitive::I64 => decode!(I64, i64, bytes, order),
            Primitive::U64 => decode!(U64, u64, bytes, order),
            Primitive::F32 => decode!(F32, f32, bytes, order),
            Primitive::F64 => decode!(F64, f64, bytes, order),
        }
    }

    /// The number that netCDF fills variables of a type with unless told otherwise (`NC_FILL_…` of netcdf.h).
    ///
    /// ```
    /// use altostac::model::{Numbers, Primitive};
    /// assert_eq!(Numbers::netcdf_fill(Primitive::I16), Numbers::I16(vec![-32_767]));
    /// ```
    pub fn netcdf_fill(primitive: Primitive) -> Self {
        match primitive {
            Primitive::I8 => Self::I8(vec![-127]),
            Primitive::U8 => Self::U8(vec![255]),
            Primitive::I16 => Self::I16(vec![-32_767]),
            Primitive::U16 => Self::U16(vec![65_535]),
            Primitive::I32 => Self::I32(vec![-2_147_483_647]),
            Primitive::U32 => Self::U32(vec![4_294_967_295]),
            Primitive::I64 => Self::I64(vec![-9_223_372_036_854_775_806]),
            Primitive::U64 => Self::U64(vec![18_446_744_073_709_551_614]),
            Primitive::F32 => Self::F32(vec![9.969_21e36]),
            Primitive::F64 => Self::F64(vec![9.969_209_968_386_869e36]),
        }
    }

    /// The bytes of all numbers.
    pub fn to_bytes(&self, order: ByteOrder) -> Vec<u8> {
        match order {
            ByteOrder::Little => each!(self, values => values.iter().flat_map(|v| v.to_le_bytes()).collect()),
            ByteOrder::Big => each!(self, values => values.iter().flat_map(|v| v.to_be_bytes()).collect()),
        }
    }

    /// Which numbers they are.
    pub fn primitive(&self) -> Primitive {
        match self {
            Self::I8(_) => Primitive::I8,
            Self::U8(_) => Primitive::U8,
            Self::I16(_) => Primitive::I16,
            Self::U16(_) => Primitive::U16,
            Self::I32(_) => Primitive::I32,
            Self::U32(_) => Primitive::U32,
            Self::I64(_) => Primitive::I64,
            Self::U64(_) => Primitive::U64,
            Self::F32(_) => Primitive::F32,
            Self::F64(_) => Primitive::F64,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        each!(self, values => values.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers as binary64; integers beyond 2^53 are rounded.
    #[allow(clippy::cast_lossless, clippy::cast_precision_loss, clippy::unnecessary_cast)]
    pub fn to_f64(&self) -> Vec<f64> {
        each!(self, values => values.iter().map(|v| *v as f64).collect())
    }

    /// The numbers as 64-bit integers; `None` for floating-point numbers, or if one does not fit.
    pub fn to_i64(&self) -> Option<Vec<i64>> {
        match self {
            Self::F32(_) | Self::F64(_) => None,
            Self::U64(values) => values.iter().map(|v| i64::try_from(*v).ok()).collect(),
            Self::I64(values) => Some(values.clone()),
            Self::I8(values) => Some(values.iter().map(|v| i64::from(*v)).collect()),
            Self::U8(values) => Some(values.iter().map(|v| i64::from(*v)).collect()),
            Self::I16(values) => Some(values.iter().map(|v| i64::from(*v)).collect()),
            Self::U16(values) => Some(values.iter().map(|v| i64::from(*v)).collect()),
            Self::I32(values) => Some(values.iter().map(|v| i64::from(*v)).collect()),
            Self::U32(values) => Some(values.iter().map(|v| i64::from(*v)).collect()),
        }
    }

    /// The numbers of a range; an empty one if it lies outside.
    pub fn slice(&self, range: std::ops::Range<usize>) -> Self {
        map_each!(self, values => values.get(range.clone()).map(<[_]>::to_vec).unwrap_or_default())
    }
}

impl PartialEq for Numbers {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::F32(a), Self::F32(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
            }
            (Self::F64(a), Self::F64(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
            }
            (Self::I8(a), Self::I8(b)) => a == b,
            (Self::U8(a), Self::U8(b)) => a == b,
            (Self::I16(a), Self::I16(b)) => a == b,
            (Self::U16(a), Self::U16(b)) => a == b,
            (Self::I32(a), Self::I32(b)) => a == b,
            (Self::U32(a), Self::U32(b)) => a == b,
            (Self::I64(a), Self::I64(b)) => a == b,
            (Self::U64(a), Self::U64(b)) => a == b,
            _ => false,
        }
    }
}

/// The elements of an array, in C order.
#[derive(Debug, Clone, PartialEq)]
pub enum ArrayValues {
    /// Numbers.
    Numbers(Numbers),
    /// Texts of a fixed number of bytes each, one after the other.
    FixedStrings {
        /// Bytes of one element.
        length: u32,
        /// All bytes.
        bytes: Vec<u8>,
    },
    /// Texts of any length.
    Strings(Vec<String>),
}

/// A small array in memory: its shape (empty for a scalar) and its elements in C order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// The length of each dimension.
    pub shape: Vec<u64>,
    /// The elements; as many as the product of the shape.
    pub values: ArrayValues,
}

impl Array {
    /// Reads an array from the decoded bytes of its elements.
    ///
    /// `None` if the type has no fixed size, or the bytes are not as many as the shape asks for.
    pub fn from_bytes(data_type: &DataType, shape: &[u64], bytes: &[u8]) -> Option<Self> {
        let count = shape.iter().try_fold(1u64, |product, length| product.checked_mul(*length))?;
        let size = data_type.size()?;
        if usize::try_from(count).ok()?.checked_mul(size)? != bytes.len() {
            return None;
        }
        let values = match data_type {
            DataType::FixedString { length } => ArrayValues::FixedStrings { length: *length, bytes: bytes.to_vec() },
            DataType::FixedUnicode { .. } => {
                ArrayValues::Strings(bytes.chunks(size).map(text_of).collect::<Option<_>>()?)
            }
            other => {
                let (primitive, order) = other.number()?;
                ArrayValues::Numbers(Numbers::from_bytes(primitive, order, bytes))
            }
        };
        Some(Self { shape: shape.to_vec(), values })
    }

    /// The bytes of the elements, numbers in the given order; `None` for texts of any length.
    pub fn to_bytes(&self, order: ByteOrder) -> Option<Vec<u8>> {
        match &self.values {
            ArrayValues::Numbers(numbers) => Some(numbers.to_bytes(order)),
            ArrayValues::FixedStrings { bytes, .. } => Some(bytes.clone()),
            ArrayValues::Strings(_) => None,
        }
    }

    /// The numbers, if it holds numbers.
    pub fn numbers(&self) -> Option<&Numbers> {
        match &self.values {
            ArrayValues::Numbers(numbers) => Some(numbers),
            _ => None,
        }
    }
}

/// A text of UTF-32, little-endian, without the zeros at its end.
fn text_of(bytes: &[u8]) -> Option<String> {
    let code = |four: &[u8]| Some(u32::from_le_bytes(four.try_into().ok()?));
    let codes: Vec<u32> = bytes.chunks(4).map(code).collect::<Option<_>>()?;
    let end = codes.iter().rposition(|code| *code != 0).map_or(0, |last| last + 1);
    codes[..end].iter().map(|code| char::from_u32(*code)).collect()
}

/// What is kept of a coordinate that is too large to be kept whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Digest {
    /// SHA-256 of the decoded elements, numbers little-endian.
    pub sha256: [u8; 32],
    /// The least finite number that is neither `_FillValue` nor `missing_value`.
    pub minimum: f64,
    /// The greatest such number.
    pub maximum: f64,
    /// 1,440 bits: which quarter degrees such numbers, taken modulo 360, fall into. For longitudes: where the gap is.
    pub quarter_degrees: Vec<u64>,
    /// Of two dimensions: the numbers at the rows and columns of [`Digest::sampled`], in C order, missing ones as [`f64::MAX`]; else none.
    pub sample: Vec<f64>,
}

impl Digest {
    /// Which rows, or columns, of so many are sampled: at most 65, evenly, the first and the last among them.
    ///
    /// ```
    /// use altostac::model::Digest;
    /// assert_eq!(Digest::sampled(3).collect::<Vec<_>>(), [0, 1, 2]);
    /// let rows: Vec<u64> = Digest::sampled(1000).collect();
    /// assert_eq!((rows.len(), rows[0], rows[64]), (65, 0, 999));
    /// ```
    pub fn sampled(length: u64) -> impl Iterator<Item = u64> + Clone {
        const MOST: u64 = 65;
        let count = length.min(MOST);
        let last = u128::from(length.saturating_sub(1));
        let at = move |number: u64| match count {
            0 | 1 => 0,
            _ => u64::try_from(u128::from(number) * last / u128::from(count - 1)).unwrap_or(0),
        };
        (0..count).map(at)
    }
}

/// What an index keeps of a variable's values.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum SmallValues {
    /// Data: never read by the index.
    #[default]
    NotRead,
    /// A coordinate, bounds or scalar of at most 1 MiB; shared between files where equal.
    Decoded(Arc<Array>),
    /// A coordinate or bounds beyond that.
    Digest(Arc<Digest>),
}

impl From<Array> for SmallValues {
    fn from(array: Array) -> Self {
        Self::Decoded(Arc::new(array))
    }
}

impl SmallValues {
    /// The values, if they were kept whole.
    pub fn decoded(&self) -> Option<&Array> {
        match self {
            Self::Decoded(array) => Some(array),
            _ => None,
        }
    }
}
