//! The options of a Zarr copy: as written, and as meant.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::{ZarrAccess, ZarrPacking, ZarrSettings, ZarrShards, ZarrVersion};

/// A Zarr store: a copy of the values, rechunked and compressed with zstd.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Zarr")]
pub(super) struct RawZarr {
    /// The version of the Zarr specification: 2 or 3. Default: 3.
    #[schemars(range(min = 2, max = 3))]
    version: Option<u64>,
    /// The length of a chunk along dimensions, such as `{time: 365, lat: 48}`; along all others it is chosen.
    #[serde(default)]
    chunks: BTreeMap<String, u64>,
    /// How large a chunk should be before it is compressed, where its shape is chosen: bytes, or a text such as `16MiB`. Default: `4MiB`.
    target: Option<RawBytes>,
    /// How the store will be read, where the shape of chunks is chosen. Default: `balanced`.
    #[serde(default)]
    access: ZarrAccess,
    /// Whether chunks are kept together in one file: `auto` (about sixteen of them), `none`, or the length of a shard along dimensions,
    /// such as `{time: 3650}`. Version 3 only. Default: `auto`, with version 2 `none`.
    shards: Option<RawShards>,
    /// The level of zstd, 1 to 22. Default: 3.
    #[schemars(range(min = 1, max = 22))]
    level: Option<i32>,
    /// What becomes of packed values (`scale_factor`, `add_offset`). Default: `keep`.
    #[serde(default)]
    packing: ZarrPacking,
    /// The most memory that copying takes: bytes, or a text such as `1GiB`. Default: `1GiB`.
    memory: Option<RawBytes>,
}

/// A number of bytes: a number, or a text such as `16MiB`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Bytes")]
pub(super) enum RawBytes {
    /// Bytes.
    Number(u64),
    /// A number and a unit: `kB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`.
    Text(String),
}

/// Whether and how chunks are kept together in one file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Shards")]
pub(super) enum RawShards {
    /// `auto` or `none`.
    Word(RawSharding),
    /// The length of a shard along dimensions; along all others it is that of a chunk.
    Lengths(BTreeMap<String, u64>),
}

/// Whether chunks are kept together.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Sharding")]
pub(super) enum RawSharding {
    /// About sixteen chunks in one file.
    Auto,
    /// Each chunk is a file of its own.
    None,
}

/// What is wrong: the option, what of it, and what may help.
pub(super) type Wrong = (&'static str, String, Option<String>);

/// The settings, if all is well.
pub(super) fn resolve(raw: RawZarr) -> Result<ZarrSettings, Wrong> {
    let version = match raw.version {
        None | Some(3) => ZarrVersion::V3,
        Some(2) => ZarrVersion::V2,
        Some(other) => return Err(("version", format!("is {other}; expected 2 or 3"), None)),
    };
    let shards = match (raw.shards, version) {
        (None | Some(RawShards::Word(RawSharding::Auto)), ZarrVersion::V3) => ZarrShards::Auto,
        (None | Some(RawShards::Word(RawSharding::None)), _) => ZarrShards::None,
        (Some(RawShards::Lengths(lengths)), ZarrVersion::V3) => ZarrShards::Given(not_zero("shards", lengths)?),
        (Some(_), ZarrVersion::V2) => {
            let advice = Some("leave it out, or ask for version 3".into());
            return Err(("shards", "asks for shards, which version 2 does not know".into(), advice));
        }
    };
    let level = raw.level.unwrap_or(ZarrSettings::LEVEL);
    if !(1..=22).contains(&level) {
        return Err(("level", format!("is {level}; expected 1 to 22"), None));
    }
    Ok(ZarrSettings {
        version,
        chunks: not_zero("chunks", raw.chunks)?,
        target: bytes("target", raw.target, ZarrSettings::TARGET)?,
        access: raw.access,
        shards,
        level,
        packing: raw.packing,
        memory: bytes("memory", raw.memory, ZarrSettings::MEMORY)?,
    })
}

fn not_zero(option: &'static str, lengths: BTreeMap<String, u64>) -> Result<BTreeMap<String, u64>, Wrong> {
    match lengths.iter().find(|(_, length)| **length == 0) {
        Some((name, _)) => Err((option, format!("asks for length 0 along {name}; expected at least 1"), None)),
        None => Ok(lengths),
    }
}

fn bytes(option: &'static str, raw: Option<RawBytes>, other: u64) -> Result<u64, Wrong> {
    let found = match raw {
        None => return Ok(other),
        Some(RawBytes::Number(bytes)) => Some(bytes),
        Some(RawBytes::Text(ref text)) => parse(text),
    };
    found.filter(|bytes| *bytes > 0).ok_or_else(|| {
        let said = match raw {
            Some(RawBytes::Text(text)) => format!("{text:?}"),
            _ => "0".into(),
        };
        (option, format!("is {said}; expected a number of bytes such as 16MiB"), None)
    })
}

/// `16MiB`, `1.5 GB`, `4096`.
fn parse(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 8] = [
        ("", 1),
        ("b", 1),
        ("kb", 1_000),
        ("mb", 1_000_000),
        ("gb", 1_000_000_000),
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
    ];
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit = text[end..].trim().to_ascii_lowercase();
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    text[..end].parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn from(json: &str) -> Result<ZarrSettings, Wrong> {
        resolve(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn bytes_are_read() {
        assert_eq!(parse("16MiB"), Some(16 << 20));
        assert_eq!(parse(" 2 GB "), Some(2_000_000_000));
        assert_eq!(parse("77"), Some(77));
        for wrong in ["", "MiB", "1 parsec", "99999999999 GiB", "-1"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        assert_eq!(from("{}").unwrap(), ZarrSettings::default());
        assert_eq!(from(r#"{"version": 2}"#).unwrap().shards, ZarrShards::None);
        for (json, option) in [
            (r#"{"version": 4}"#, "version"),
            (r#"{"version": 2, "shards": "auto"}"#, "shards"),
            (r#"{"version": 2, "shards": {"time": 10}}"#, "shards"),
            (r#"{"chunks": {"time": 0}}"#, "chunks"),
            (r#"{"level": 23}"#, "level"),
            (r#"{"target": "0 MiB"}"#, "target"),
            (r#"{"memory": "much"}"#, "memory"),
        ] {
            assert_eq!(from(json).unwrap_err().0, option, "{json}");
        }
    }
}
