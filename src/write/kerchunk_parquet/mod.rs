//! Kerchunk Parquet: the references of [Kerchunk JSON](super::write_kerchunk) in a folder of tables, which a reader opens piece by piece
//! (fsspec's `LazyReferenceMapper`).
//!
//! | in the cube | in the folder |
//! | --- | --- |
//! | groups, variables, attributes | `.zmetadata`: the documents of Zarr version 2 by key, and `record_size` |
//! | chunks *k* · `record_size` and on of a variable, in C order | `<variable>/refs.<k>.parq`, a row each |
//! | a piece of a file | `path` (UTF-8), `offset`, `size` (64 bits) |
//! | inlined values | `raw`, and an empty `path` |
//! | a missing chunk | `raw`: an encoded chunk of fill, for a row without a path is not read alike by all versions of pandas |
//!
//! All columns but `raw` are required ones: of optional ones fastparquet makes floats.

mod record;
#[cfg(test)]
mod tests;

use std::io;

use serde_json::{Map, Value, json};

use self::record::Records;
use super::kerchunk::chunks::{self, Gaps, Means};
use super::kerchunk::{metadata, refused};
use super::{WriteError, Written};
use crate::model::{PublicUrls, VariablePath, VirtualCube};

/// Characters that fsspec takes for something else in the path of a URL; a file that is not found reads as fill, silently.
const MISREAD: [char; 4] = ['#', '?', '%', '\\'];

/// Takes a file of the product by its path below the product's folder, whole.
pub type PutFile<'a> = &'a mut dyn FnMut(&str, &[u8]) -> io::Result<()>;

/// Writes a cube as Kerchunk references in Parquet: `.zmetadata` first, then table by table, so that memory does not grow with their number.
///
/// `record_size` is the number of chunks in a table, at least 1: a reader that needs one chunk reads its whole table.
///
/// ```
/// use altostac::model::{PublicUrls, VirtualCube};
/// use altostac::write::write_kerchunk_parquet;
/// let cube = VirtualCube { files: vec![], joins: vec![], root: Default::default(), choices: vec![], apart: vec![], notes: vec![] };
/// let mut files = Vec::new();
/// write_kerchunk_parquet(&cube, &PublicUrls::default(), 100_000, &mut |name, _| Ok(files.push(name.to_owned())))?;
/// assert_eq!(files, [".zmetadata"]);
/// # Ok::<(), altostac::write::WriteError>(())
/// ```
///
/// # Errors
/// As [`super::write_kerchunk`]; and [`WriteError::Group`] and [`WriteError::Name`] for what readers of the folder cannot find.
pub fn write_kerchunk_parquet(
    cube: &VirtualCube,
    urls: &PublicUrls,
    record_size: u32,
    put: PutFile<'_>,
) -> Result<Written, WriteError> {
    let record_size = record_size.max(1);
    check_places(cube)?;
    let output = |source| WriteError::Output { source };
    let names: Vec<String> = cube.files.iter().map(|file| urls.reference(&file.url)).collect();
    let documents = json!({"metadata": documents(cube)?, "record_size": record_size});
    put(".zmetadata", documents.to_string().as_bytes()).map_err(output)?;
    let means = Means { files: &cube.files, gaps: gaps(record_size) };
    let mut written = Written::default();
    for variable in cube.root.variables.values() {
        let (key, fill) = (variable.name.as_str(), metadata::Fill::of(variable));
        let mut records = Records::new(key, &names, record_size, put);
        chunks::write(&mut records, key, variable, &fill, means, &mut written)?;
        records.finish()?;
    }
    Ok(written)
}

/// Every variable of a cube that [`write_kerchunk_parquet`] would refuse, and why; nothing is written.
///
/// ```
/// use altostac::model::VirtualCube;
/// use altostac::write::refused_by_kerchunk_parquet;
/// let cube = VirtualCube { files: vec![], joins: vec![], root: Default::default(), choices: vec![], apart: vec![], notes: vec![] };
/// assert!(refused_by_kerchunk_parquet(&cube, 100_000).is_empty());
/// ```
pub fn refused_by_kerchunk_parquet(cube: &VirtualCube, record_size: u32) -> Vec<(VariablePath, WriteError)> {
    let misplaced = cube
        .root
        .all_variables()
        .into_iter()
        .filter_map(|(path, _)| check_place(&path).err().map(|error| (path, error)));
    misplaced.chain(refused(cube, gaps(record_size.max(1)))).collect()
}

fn gaps(record_size: u32) -> Gaps {
    Gaps::Filled { together: record_size.into() }
}

fn check_places(cube: &VirtualCube) -> Result<(), WriteError> {
    if let Some(group) = cube.root.groups.values().next() {
        return Err(WriteError::Group { group: group.path.to_string() });
    }
    cube.root.all_variables().iter().try_for_each(|(path, _)| check_place(path))
}

/// Whether readers find the tables of a variable: its name is that of a folder.
fn check_place(path: &VariablePath) -> Result<(), WriteError> {
    let key = path.key();
    if let Some((group, _)) = key.rsplit_once('/') {
        return Err(WriteError::Group { group: format!("/{group}") });
    }
    let is_misread = key.starts_with('.') || key.contains(MISREAD) || key.chars().any(char::is_control);
    if is_misread || key.len() > 200 {
        return Err(WriteError::Name { variable: key.into() });
    }
    Ok(())
}

/// The documents of the root group and of all variables.
fn documents(cube: &VirtualCube) -> Result<Map<String, Value>, WriteError> {
    let mut documents = Map::new();
    documents.insert(".zgroup".into(), metadata::group().into());
    documents.insert(".zattrs".into(), metadata::attributes(&cube.root.attributes).into());
    for variable in cube.root.variables.values() {
        let (key, fill) = (variable.name.as_str(), metadata::Fill::of(variable));
        documents.insert(format!("{key}/.zarray"), metadata::array(key, variable, &fill)?.into());
        documents.insert(format!("{key}/.zattrs"), metadata::variable_attributes(variable, &fill).into());
    }
    Ok(documents)
}
