//! Data types of arrays, as HDF5 and netCDF store them.

use std::fmt;
use std::sync::Arc;

/// The order of the bytes of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

/// The numbers that netCDF knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Primitive {
    /// Signed, 1 byte.
    I8,
    /// Unsigned, 1 byte.
    U8,
    /// Signed, 2 bytes.
    I16,
    /// Unsigned, 2 bytes.
    U16,
    /// Signed, 4 bytes.
    I32,
    /// Unsigned, 4 bytes.
    U32,
    /// Signed, 8 bytes.
    I64,
    /// Unsigned, 8 bytes.
    U64,
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
}

impl Primitive {
    /// Bytes of one number.
    pub fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }

    /// Whether it is a floating-point number.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }

    /// NumPy's kind letter: `i`, `u` or `f`.
    pub fn kind(self) -> char {
        match self {
            Self::I8 | Self::I16 | Self::I32 | Self::I64 => 'i',
            Self::U8 | Self::U16 | Self::U32 | Self::U64 => 'u',
            Self::F32 | Self::F64 => 'f',
        }
    }
}

/// The type of one element of an array.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DataType {
    /// A number.
    Number {
        /// Which number.
        primitive: Primitive,
        /// The order of its bytes.
        order: ByteOrder,
    },
    /// Text of a fixed number of bytes; `NC_CHAR` has length 1.
    FixedString {
        /// Bytes of one element, at least 1.
        length: u32,
    },
    /// Text of any length (`NC_STRING`), kept in the file's heap: it cannot be referenced, only inlined.
    VariableString,
    /// Text of a fixed number of characters, UTF-32 little-endian: no file has it, labels that a product brings are written so.
    FixedUnicode {
        /// Characters of one element, at least 1.
        length: u32,
    },
    /// A number whose values have names.
    Enumeration {
        /// The number that is stored.
        primitive: Primitive,
        /// The order of its bytes.
        order: ByteOrder,
        /// Name and value of each member, in the order of the file.
        members: Arc<[(String, i64)]>,
    },
    /// A type of the file that altostac does not carry into products (compound, opaque, references, …).
    Unsupported {
        /// The type in words, for messages.
        class: String,
        /// Bytes of one element in the file.
        size: u32,
    },
}

impl DataType {
    /// A little-endian number.
    pub fn little(primitive: Primitive) -> Self {
        Self::Number { primitive, order: ByteOrder::Little }
    }

    /// Bytes of one element in a chunk; `None` for types of no fixed size.
    pub fn size(&self) -> Option<usize> {
        match self {
            Self::Number { primitive, .. } | Self::Enumeration { primitive, .. } => Some(primitive.size()),
            Self::FixedString { length } => usize::try_from(*length).ok(),
            Self::FixedUnicode { length } => usize::try_from(*length).ok()?.checked_mul(4),
            Self::VariableString | Self::Unsupported { .. } => None,
        }
    }

    /// The number that is stored, and its byte order.
    pub fn number(&self) -> Option<(Primitive, ByteOrder)> {
        match self {
            Self::Number { primitive, order } | Self::Enumeration { primitive, order, .. } => {
                Some((*primitive, *order))
            }
            _ => None,
        }
    }

    /// The same type with its bytes in another order: files of NetCDF-3 are big-endian, most others little-endian.
    ///
    /// ```
    /// use altostac::model::{ByteOrder, DataType, Primitive};
    /// let big = DataType::Number { primitive: Primitive::F32, order: ByteOrder::Big };
    /// assert_eq!(big.with_order(ByteOrder::Little), DataType::little(Primitive::F32));
    /// ```
    pub fn with_order(&self, wanted: ByteOrder) -> Self {
        let mut same = self.clone();
        if let Self::Number { order, .. } | Self::Enumeration { order, .. } = &mut same {
            *order = wanted;
        }
        same
    }

    /// NumPy's type string (`<f4`, `|i1`, `|S1`), as Zarr v2 writes it; `None` for unsupported types.
    ///
    /// ```
    /// use altostac::model::{DataType, Primitive};
    /// assert_eq!(DataType::little(Primitive::F32).numpy().as_deref(), Some("<f4"));
    /// assert_eq!(DataType::FixedString { length: 1 }.numpy().as_deref(), Some("|S1"));
    /// ```
    pub fn numpy(&self) -> Option<String> {
        match self {
            Self::Number { primitive, order } | Self::Enumeration { primitive, order, .. } => {
                let order = match (primitive.size(), order) {
                    (1, _) => '|',
                    (_, ByteOrder::Little) => '<',
                    (_, ByteOrder::Big) => '>',
                };
                Some(format!("{order}{}{}", primitive.kind(), primitive.size()))
            }
            Self::FixedString { length } => Some(format!("|S{length}")),
            Self::VariableString => Some("|O".into()),
            Self::FixedUnicode { length } => Some(format!("<U{length}")),
            Self::Unsupported { .. } => None,
        }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { primitive, order } => {
                let name = match primitive.kind() {
                    'i' => "int",
                    'u' => "uint",
                    _ => "float",
                };
                let big = if *order == ByteOrder::Big && primitive.size() > 1 { " big-endian" } else { "" };
                write!(f, "{name}{}{big}", primitive.size() * 8)
            }
            Self::FixedString { length: 1 } => f.write_str("char"),
            Self::FixedString { length } => write!(f, "char[{length}]"),
            Self::VariableString => f.write_str("string"),
            Self::FixedUnicode { length } => write!(f, "text[{length}]"),
            Self::Enumeration { primitive, order, .. } => {
                write!(f, "enum of {}", Self::Number { primitive: *primitive, order: *order })
            }
            Self::Unsupported { class, .. } => f.write_str(class),
        }
    }
}
