//! The filters that a chunk went through.

use std::fmt;

/// One filter of an HDF5 filter pipeline (specification III, IV.A.2.l).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Codec {
    /// zlib (filter 1).
    Deflate {
        /// 0 to 9.
        level: u8,
    },
    /// Byte shuffle (filter 2).
    Shuffle {
        /// Bytes of one element.
        element_size: u32,
    },
    /// A checksum of four bytes at the end (filter 3).
    Fletcher32,
    /// Zstandard (filter 32015).
    Zstd {
        /// The level it was written with.
        level: i32,
    },
    /// Any other filter: kept by number, so that it can be named and refused.
    Other {
        /// The registered number of the filter.
        id: u16,
        /// The name in the file, or the registered one.
        name: String,
        /// The filter's parameters.
        parameters: Vec<u32>,
    },
}

impl Codec {
    /// The number of the LZF filter.
    pub const LZF: u16 = 32000;
    /// The number of the Blosc filter.
    pub const BLOSC: u16 = 32001;
    /// The number of the LZ4 filter.
    pub const LZ4: u16 = 32004;
    /// The number of the Bitshuffle filter.
    pub const BITSHUFFLE: u16 = 32008;

    /// Whether a plain installation of Zarr's readers decodes chunks with this filter, so that a product may point at them.
    ///
    /// ```
    /// use altostac::model::Codec;
    /// assert!(Codec::Deflate { level: 4 }.is_referable());
    /// assert!(!Codec::Other { id: Codec::LZF, name: "lzf".into(), parameters: vec![] }.is_referable());
    /// ```
    pub fn is_referable(&self) -> bool {
        match self {
            Self::Deflate { .. } | Self::Shuffle { .. } | Self::Fletcher32 | Self::Zstd { .. } => true,
            // The compressor is the seventh parameter; numcodecs is built without Snappy (3).
            Self::Other { id, parameters, .. } => *id == Self::BLOSC && parameters.get(6) != Some(&3),
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deflate { level } => write!(f, "deflate({level})"),
            Self::Shuffle { element_size } => write!(f, "shuffle({element_size})"),
            Self::Fletcher32 => f.write_str("fletcher32"),
            Self::Zstd { level } => write!(f, "zstd({level})"),
            Self::Other { id, name, .. } if name.is_empty() => write!(f, "filter {id}"),
            Self::Other { id, name, .. } => write!(f, "{name} (filter {id})"),
        }
    }
}

/// The filters in the order in which they were applied when the chunk was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct CodecChain(pub Vec<Codec>);

impl CodecChain {
    /// Whether chunks are stored as they are.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether chunks of both are decoded in the same way: how hard a writer tried to make them small does not matter, and chunks of Blosc
    /// say themselves how they were made.
    ///
    /// ```
    /// use altostac::model::{Codec, CodecChain};
    /// let chain = |level| CodecChain(vec![Codec::Shuffle { element_size: 4 }, Codec::Deflate { level }]);
    /// assert!(chain(1).decodes_like(&chain(9)));
    /// assert!(!chain(1).decodes_like(&CodecChain(vec![Codec::Deflate { level: 1 }])));
    /// ```
    pub fn decodes_like(&self, other: &Self) -> bool {
        let alike = |(own, other): (&Codec, &Codec)| match (own, other) {
            (Codec::Deflate { .. }, Codec::Deflate { .. }) | (Codec::Zstd { .. }, Codec::Zstd { .. }) => true,
            (Codec::Other { id: Codec::BLOSC, .. }, Codec::Other { id: Codec::BLOSC, .. }) => true,
            (own, other) => own == other,
        };
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(alike)
    }
}

impl fmt::Display for CodecChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no filter");
        }
        for (position, codec) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(" + ")?;
            }
            write!(f, "{codec}")?;
        }
        Ok(())
    }
}
