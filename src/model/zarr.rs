//! What a recipe asks of a Zarr copy.

use std::collections::BTreeMap;

use serde::Serialize;

/// How a Zarr store is written. All but `memory` decides what it holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ZarrSettings {
    /// The version of the specification.
    pub version: ZarrVersion,
    /// The length of a chunk along dimensions, by name; the others are chosen.
    pub chunks: BTreeMap<String, u64>,
    /// The bytes of a chunk, before encoding, where its shape is chosen.
    pub target: u64,
    /// How it will be read, where the shape of chunks is chosen.
    pub access: ZarrAccess,
    /// How chunks are kept together in one file or object. Version 3 alone knows any but `None`.
    pub shards: ZarrShards,
    /// The level of zstd, 1 to 22.
    pub level: i32,
    /// What becomes of packed values.
    pub packing: ZarrPacking,
    /// The most bytes that copying holds at once.
    #[serde(skip)]
    pub memory: u64,
}

impl ZarrSettings {
    /// The bytes of a chunk unless the recipe says otherwise.
    pub const TARGET: u64 = 4 << 20;
    /// The level of zstd unless the recipe says otherwise.
    pub const LEVEL: i32 = 3;
    /// The memory that copying may take unless the recipe says otherwise.
    pub const MEMORY: u64 = 1 << 30;
}

impl Default for ZarrSettings {
    fn default() -> Self {
        Self {
            version: ZarrVersion::V3,
            chunks: BTreeMap::new(),
            target: Self::TARGET,
            access: ZarrAccess::Balanced,
            shards: ZarrShards::Auto,
            level: Self::LEVEL,
            packing: ZarrPacking::Keep,
            memory: Self::MEMORY,
        }
    }
}

/// The version of the Zarr specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZarrVersion {
    /// `.zarray`, `.zattrs`, `.zgroup`, consolidated in `.zmetadata`.
    V2,
    /// `zarr.json`, consolidated in that of the root.
    V3,
}

impl ZarrVersion {
    /// The number.
    pub fn number(self) -> u8 {
        match self {
            Self::V2 => 2,
            Self::V3 => 3,
        }
    }
}

/// How a Zarr store will be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ZarrAccess {
    /// All times of few places: chunks are long in time and small in space.
    TimeSeries,
    /// All places at few times: chunks are short in time and large in space.
    Maps,
    /// Both, neither as fast: as many chunks along each dimension.
    #[default]
    Balanced,
}

/// How chunks are kept together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZarrShards {
    /// Each chunk is a file or object of its own.
    None,
    /// About sixteen chunks together.
    Auto,
    /// The length of a shard along dimensions, by name, rounded up to whole chunks; along the others it is as long as a chunk.
    Given(BTreeMap<String, u64>),
}

/// What becomes of packed values (CF 8.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ZarrPacking {
    /// They stay as the files store them, with `scale_factor`, `add_offset` and `_FillValue`.
    #[default]
    Keep,
    /// They become floating-point numbers, and what is missing NaN.
    Decode,
}
