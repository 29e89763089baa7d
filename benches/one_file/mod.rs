//! One file as a dataset: of it nothing is asked that its index does not say.

use altostac::combine::SourceValues;
use altostac::model::{Array, FileIndex, VariablePath};

pub(crate) struct OneFile;

impl SourceValues for OneFile {
    fn values(&self, _: &FileIndex, path: &VariablePath) -> Result<Array, String> {
        Err(format!("{path}: not read for a bench"))
    }

    fn digest(&self, _: &FileIndex, path: &VariablePath) -> Result<[u8; 32], String> {
        Err(format!("{path}: not read for a bench"))
    }

    fn slab(&self, _: &FileIndex, path: &VariablePath, _: &[u64], _: &[u64]) -> Result<Vec<u8>, String> {
        Err(format!("{path}: not read for a bench"))
    }
}
