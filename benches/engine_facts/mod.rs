//! What altostac found, in a form that another reader's answer can be compared with: `--facts` of the harness.
//!
//! One line of JSON for each group and each variable. Chunks are given as a digest, for there may be a million:
//! `benches/peers/facts.py` makes the same lines from what h5py says.

use std::io::{self, Write};

use altostac::model::{AttributeValue, Attributes, ByteOrder, DataType, FileGroup, FileVariable, Numbers};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Writes the facts of one file.
pub(crate) fn write(file: &str, root: &FileGroup, out: &mut impl Write) -> io::Result<()> {
    let path = if root.path.is_empty() { "/" } else { &root.path };
    writeln!(out, "{}", json!({"file": file, "path": path, "attributes": attributes(&root.attributes)}))?;
    for (name, variable) in &root.variables {
        let path = format!("{}/{name}", root.path.trim_end_matches('/'));
        writeln!(out, "{}", of_variable(file, &path, variable))?;
    }
    root.groups.values().try_for_each(|group| write(file, group, out))
}

fn of_variable(file: &str, path: &str, variable: &FileVariable) -> Value {
    let mut digest = Sha256::new();
    for (number, location) in (0u64..).zip(variable.manifest.iter()) {
        let Some(location) = location else { continue };
        digest.update(number.to_le_bytes());
        digest.update(location.offset.to_le_bytes());
        digest.update(location.length.to_le_bytes());
        digest.update(u64::from(location.filter_mask).to_le_bytes());
    }
    let digest: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "file": file, "path": path, "attributes": attributes(&variable.attributes),
        "shape": variable.grid.shape, "chunk_shape": variable.grid.chunk_shape, "dtype": dtype(&variable.data_type),
        "chunks": variable.manifest.present(), "digest": digest,
    })
}

/// As NumPy writes it.
fn dtype(data_type: &DataType) -> String {
    match data_type {
        DataType::FixedString { length } => format!("|S{length}"),
        other => other.number().map_or_else(
            || format!("{other:?}"),
            |(primitive, order)| {
                let order = if primitive.size() == 1 {
                    '|'
                } else if order == ByteOrder::Little {
                    '<'
                } else {
                    '>'
                };
                format!("{order}{}{}", primitive.kind(), primitive.size())
            },
        ),
    }
}

fn attributes(attributes: &Attributes) -> Value {
    attributes.iter().map(|(name, value)| (name.clone(), of_attribute(value))).collect()
}

/// `[type, values…]`: `text` or the kind and size of the numbers. Floating-point numbers by their bits: JSON has no NaN.
fn of_attribute(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Text(text) => json!(["text", text]),
        AttributeValue::Texts(texts) => std::iter::once("text").chain(texts.iter().map(String::as_str)).collect(),
        AttributeValue::Unsupported(class) => json!(["unsupported", class]),
        AttributeValue::Numbers(numbers) => {
            let primitive = numbers.primitive();
            let kind = json!(format!("{}{}", primitive.kind(), primitive.size()));
            let values: Vec<Value> = match numbers {
                Numbers::F32(values) => values.iter().map(|value| json!(value.to_bits())).collect(),
                Numbers::F64(values) => values.iter().map(|value| json!(value.to_bits())).collect(),
                Numbers::U64(values) => values.iter().map(|value| json!(value)).collect(),
                other => other.to_i64().unwrap_or_default().into_iter().map(Value::from).collect(),
            };
            std::iter::once(kind).chain(values).collect()
        }
    }
}
