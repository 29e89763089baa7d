//! The few values that combining asks of the sources.

use sha2::{Digest, Sha256};

use crate::combine::SourceValues;
use crate::model::{Array, ByteOrder, FileIndex, FileVariable, Numbers, VariablePath};
use crate::read::read_values;
use crate::storage::{ByteSource, open_source};

/// The longest piece that is decoded at once, in bytes.
const PIECE: u64 = 16 << 20;

/// Reads from the source files themselves.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FileValues;

impl SourceValues for FileValues {
    fn values(&self, index: &FileIndex, path: &VariablePath) -> Result<Array, String> {
        let (variable, source) = open(index, path)?;
        let start = vec![0; variable.grid.shape.len()];
        let bytes = read_values((index, path.key()), variable, source.as_ref(), &start, &variable.grid.shape)
            .map_err(|e| super::chain(&e))?;
        Array::from_bytes(&variable.data_type, &variable.grid.shape, &bytes)
            .ok_or_else(|| format!("values of type {} cannot be decoded", variable.data_type))
    }

    fn digest(&self, index: &FileIndex, path: &VariablePath) -> Result<[u8; 32], String> {
        let (variable, source) = open(index, path)?;
        let mut digest = Sha256::new();
        for (start, count) in pieces(variable) {
            let bytes = read_values((index, path.key()), variable, source.as_ref(), &start, &count)
                .map_err(|e| super::chain(&e))?;
            if let Some((primitive, ByteOrder::Big)) = variable.data_type.number() {
                let little = Numbers::from_bytes(primitive, ByteOrder::Big, &bytes).to_bytes(ByteOrder::Little);
                digest.update(little);
            } else {
                digest.update(&bytes);
            }
        }
        Ok(digest.finalize().into())
    }

    fn slab(&self, index: &FileIndex, path: &VariablePath, start: &[u64], count: &[u64]) -> Result<Vec<u8>, String> {
        let (variable, source) = open(index, path)?;
        read_values((index, path.key()), variable, source.as_ref(), start, count).map_err(|error| super::chain(&error))
    }
}

fn open<'a>(index: &'a FileIndex, path: &VariablePath) -> Result<(&'a FileVariable, Box<dyn ByteSource>), String> {
    let variables = index.root.all_variables();
    let variable = variables.into_iter().find(|(found, _)| found == path).map(|(_, variable)| variable);
    let variable = variable.ok_or_else(|| format!("{} has no variable {path}", index.source.url))?;
    let source = open_source(&index.source.url).map_err(|error| super::chain(&error))?;
    Ok((variable, source))
}

/// Rows along the first dimension, so many at once that a piece stays small; in C order.
fn pieces(variable: &FileVariable) -> Vec<(Vec<u64>, Vec<u64>)> {
    let shape = &variable.grid.shape;
    let Some((length, rest)) = shape.split_first() else { return vec![(Vec::new(), Vec::new())] };
    let size = variable.data_type.size().unwrap_or(1) as u64;
    let row = rest.iter().fold(size, |product, length| product.saturating_mul(*length)).max(1);
    // Whole chunks, so that none is decoded twice.
    let chunk = variable.grid.chunk_shape[0].max(1);
    let rows = (PIECE / row / chunk).max(1).saturating_mul(chunk);
    (0..*length)
        .step_by(usize::try_from(rows).unwrap_or(usize::MAX))
        .map(|start| {
            let mut at = vec![0; shape.len()];
            at[0] = start;
            let mut count = shape.clone();
            count[0] = rows.min(length - start);
            (at, count)
        })
        .collect()
}
