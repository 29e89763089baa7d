//! Kerchunk JSON, version 1, over Zarr version 2 metadata.
//!
//! | in the cube | in the product |
//! | --- | --- |
//! | a group | `.zgroup`, and its attributes in `.zattrs` |
//! | a variable | `.zarray`; its attributes and `_ARRAY_DIMENSIONS` in `.zattrs` |
//! | placed chunks | `[url, offset, length]`, all filters in `filters`, in the order of encoding |
//! | inlined values | one chunk of the array's own shape, `base64:`, no filter, in the variable's byte order |
//! | texts of any length | `\|O` with numcodecs' `vlen-utf8` |
//! | `_FillValue` | `fill_value` of `.zarray`, and no attribute; texts: `null` |
//! | a missing chunk | left out if `fill_value` means exactly the source's fill, else an encoded chunk of fill |
//!
//! NaN and infinities are the texts `"NaN"`, `"Infinity"` and `"-Infinity"`, also in attributes: JSON has no such numbers.
//! A `_FillValue` of another type than its variable stays an attribute, `fill_value` is `null` then, as readers take both.
//! Attributes of types that are not carried over ([`AttributeValue::Unsupported`](crate::model::AttributeValue)) are left out.

pub(super) mod chunks;
pub(super) mod metadata;
mod output;

use std::collections::VecDeque;
use std::io::Write;

use chunks::{Gaps, Means};
use output::Output;

use super::{WriteError, Written};
use crate::model::{PublicUrls, Variable, VariablePath, VirtualCube};

/// Writes a cube as Kerchunk references; key by key, so that memory does not grow with their number.
///
/// ```
/// use altostac::model::{PublicUrls, VirtualCube};
/// use altostac::write::write_kerchunk;
/// let cube = VirtualCube { files: vec![], joins: vec![], root: Default::default(), choices: vec![], apart: vec![], notes: vec![] };
/// let mut json = Vec::new();
/// write_kerchunk(&cube, &PublicUrls::default(), &mut json)?;
/// let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
/// assert_eq!(json["refs"][".zgroup"], r#"{"zarr_format":2}"#);
/// # Ok::<(), altostac::write::WriteError>(())
/// ```
///
/// # Errors
/// [`WriteError`] if the output fails, or the cube holds what Kerchunk cannot say: chunks that skipped filters, filters without a
/// codec, parts that do not fit the chunk grid. What was written until then is no product.
pub fn write_kerchunk(cube: &VirtualCube, urls: &PublicUrls, out: &mut dyn Write) -> Result<Written, WriteError> {
    let quoted = cube.files.iter().map(|file| output::quoted(&urls.reference(&file.url)));
    let quoted: Vec<String> = quoted.collect::<Result<_, _>>()?;
    let means = Means { files: &cube.files, gaps: Gaps::LeftOut };
    let mut output = Output::start(out)?;
    let mut written = Written::default();
    let mut groups = VecDeque::from([&cube.root]);
    while let Some(group) = groups.pop_front() {
        let path = group.path.trim_matches('/');
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        output.document(&format!("{prefix}.zgroup"), &metadata::group())?;
        output.document(&format!("{prefix}.zattrs"), &metadata::attributes(&group.attributes))?;
        for variable in group.variables.values() {
            let key = format!("{prefix}{}", variable.name);
            let fill = metadata::Fill::of(variable);
            output.document(&format!("{key}/.zarray"), &metadata::array(&key, variable, &fill)?)?;
            output.document(&format!("{key}/.zattrs"), &metadata::variable_attributes(variable, &fill))?;
            let mut sink = output.chunks(&key, &quoted)?;
            chunks::write(&mut sink, &key, variable, &fill, means, &mut written)?;
        }
        groups.extend(group.groups.values());
    }
    output.finish()?;
    Ok(written)
}

/// Every variable of a cube that [`write_kerchunk`] would refuse, and why; nothing is written.
///
/// ```
/// use altostac::model::VirtualCube;
/// use altostac::write::refused_by_kerchunk;
/// let cube = VirtualCube { files: vec![], joins: vec![], root: Default::default(), choices: vec![], apart: vec![], notes: vec![] };
/// assert!(refused_by_kerchunk(&cube).is_empty());
/// ```
pub fn refused_by_kerchunk(cube: &VirtualCube) -> Vec<(VariablePath, WriteError)> {
    refused(cube, Gaps::LeftOut)
}

/// Every variable that cannot be told in references over Zarr version 2, with what becomes of never-written chunks.
pub(super) fn refused(cube: &VirtualCube, gaps: Gaps) -> Vec<(VariablePath, WriteError)> {
    let means = Means { files: &cube.files, gaps };
    let examine = |path: &VariablePath, variable: &Variable| {
        let (key, fill) = (path.key(), metadata::Fill::of(variable));
        metadata::array(key, variable, &fill)?;
        chunks::examine(key, variable, &fill, means)
    };
    let variables = cube.root.all_variables().into_iter();
    let refused = variables.filter_map(|(path, variable)| examine(&path, variable).err().map(|error| (path, error)));
    refused.collect()
}

#[cfg(test)]
mod tests;
