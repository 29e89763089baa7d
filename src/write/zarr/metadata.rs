//! The documents of a store: of each group and array, and consolidated for all.

use serde_json::{Map, Value, json};

use super::CopyError;
use super::cut::Cut;
use crate::model::{Attributes, DataType, Variable, ZarrSettings, ZarrVersion};
use crate::write::kerchunk::metadata as version2;
use crate::write::{WriteError, zarr3};

type Object = Map<String, Value>;

/// The documents of a store, in the order in which they were made.
pub(super) struct Documents {
    version: ZarrVersion,
    /// The key of a node, and its documents by name.
    nodes: Vec<(String, Vec<(&'static str, Object)>)>,
}

impl Documents {
    pub(super) fn new(version: ZarrVersion) -> Self {
        Self { version, nodes: Vec::new() }
    }

    pub(super) fn group(&mut self, key: &str, attributes: &Attributes) {
        let documents = match self.version {
            ZarrVersion::V2 => {
                vec![(".zgroup", version2::group()), (".zattrs", version2::attributes(attributes))]
            }
            ZarrVersion::V3 => vec![("zarr.json", zarr3::group(attributes))],
        };
        self.nodes.push((key.to_owned(), documents));
    }

    /// An array of numbers whose chunks are compressed with zstd.
    pub(super) fn numbers(&mut self, key: &str, variable: &Variable, cut: &Cut, level: i32) -> Result<(), WriteError> {
        let documents = match self.version {
            ZarrVersion::V2 => version2_array(key, variable, &cut.grid.chunk_shape, Some(level))?,
            ZarrVersion::V3 => {
                let mut codecs = zarr3::plain_codecs(&variable.data_type);
                codecs.push(json!({"name": "zstd", "configuration": {"level": level, "checksum": false}}));
                if cut.shard.is_some() {
                    codecs = vec![sharding(&cut.grid.chunk_shape, &codecs)];
                }
                let layout = zarr3::Layout::of(key, variable)?;
                vec![("zarr.json", zarr3::array(key, variable, &layout, cut.unit(), &codecs)?)]
            }
        };
        self.nodes.push((key.to_owned(), documents));
        Ok(())
    }

    /// An array of texts in one chunk, as it is.
    pub(super) fn texts(&mut self, key: &str, variable: &Variable) -> Result<(), WriteError> {
        let documents = match self.version {
            ZarrVersion::V2 => {
                let whole: Vec<u64> = variable.shape.iter().map(|length| (*length).max(1)).collect();
                version2_array(key, variable, &whole, None)?
            }
            ZarrVersion::V3 => {
                let layout = zarr3::Layout::of(key, variable)?;
                let codecs = zarr3::plain_codecs(&variable.data_type);
                vec![("zarr.json", zarr3::array(key, variable, &layout, &layout.one_chunk(), &codecs)?)]
            }
        };
        self.nodes.push((key.to_owned(), documents));
        Ok(())
    }

    /// All documents by their keys, the one that readers begin with first.
    pub(super) fn finish(self) -> Vec<(String, Vec<u8>)> {
        let below = |key: &str, name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}/{name}") };
        match self.version {
            ZarrVersion::V2 => {
                let all = self.nodes.into_iter().flat_map(|(key, documents)| {
                    documents.into_iter().map(move |(name, document)| (below(&key, name), Value::Object(document)))
                });
                let metadata: Object = all.collect();
                let consolidated = json!({"zarr_consolidated_format": 1, "metadata": &metadata});
                let first = (".zmetadata".to_owned(), text(&consolidated));
                let others = metadata.iter().map(|(key, document)| (key.clone(), text(document)));
                std::iter::once(first).chain(others).collect()
            }
            ZarrVersion::V3 => {
                let nodes = self.nodes.into_iter().flat_map(|(key, documents)| {
                    documents.into_iter().map(move |(_, document)| (key.clone(), document))
                });
                let (root, others): (Vec<_>, Vec<_>) = nodes.partition(|(key, _)| key.is_empty());
                let metadata: Object =
                    others.iter().map(|(key, one)| (key.clone(), Value::Object(one.clone()))).collect();
                let mut root = root.into_iter().next().map(|(_, document)| document).unwrap_or_default();
                let consolidated = json!({"kind": "inline", "must_understand": false, "metadata": metadata});
                root.insert("consolidated_metadata".into(), consolidated);
                let others =
                    others.iter().map(|(key, one)| (below(key, "zarr.json"), text(&Value::Object(one.clone()))));
                // DataPoint looks whether there is a `.zmetadata`, and no further.
                let stub = (".zmetadata".to_owned(), b"{}".to_vec());
                std::iter::once(("zarr.json".to_owned(), text(&Value::Object(root))))
                    .chain([stub])
                    .chain(others)
                    .collect()
            }
        }
    }
}

fn text(document: &Value) -> Vec<u8> {
    document.to_string().into_bytes()
}

fn version2_array(
    key: &str,
    variable: &Variable,
    chunks: &[u64],
    level: Option<i32>,
) -> Result<Vec<(&'static str, Object)>, WriteError> {
    let fill = version2::Fill::of(variable);
    let mut document = version2::array(key, variable, &fill)?;
    document.insert("chunks".into(), json!(chunks));
    if let Some(level) = level {
        document.insert("compressor".into(), json!({"id": "zstd", "level": level}));
    }
    Ok(vec![(".zarray", document), (".zattrs", version2::variable_attributes(variable, &fill))])
}

/// The codec `sharding_indexed` around those of the chunks in a shard.
fn sharding(chunk: &[u64], codecs: &[Value]) -> Value {
    json!({"name": "sharding_indexed", "configuration": {
        "chunk_shape": chunk,
        "codecs": codecs,
        "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
        "index_location": "end",
    }})
}

/// The bytes of the element that readers take a missing chunk for; `None` if they take it for different things.
pub(super) fn readable_fill(version: ZarrVersion, variable: &Variable) -> Option<Vec<u8>> {
    match (version, &variable.data_type) {
        (_, DataType::FixedString { .. } | DataType::VariableString | DataType::FixedUnicode { .. }) => None,
        (ZarrVersion::V2, _) => version2::Fill::of(variable).element,
        (ZarrVersion::V3, _) => zarr3::Fill::of(variable).element,
    }
}

/// What the documents of an array would be refused for.
pub(super) fn examine(key: &str, variable: &Variable, settings: &ZarrSettings) -> Result<(), CopyError> {
    let mut documents = Documents::new(settings.version);
    documents.texts(key, variable).map_err(CopyError::Write)
}
