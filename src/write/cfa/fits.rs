//! Whether the files say a variable in the way that the product will claim: readers of fragments take all else for the same.

use std::collections::HashMap;

use super::grid::Refusal;
use crate::model::{
    AttributeValue, ByteOrder, DataType, FileGroup, FileIndex, FileVariable, Part, Variable, VariableName,
    VariablePath, VirtualCube,
};
use crate::write::WriteError;

/// The files of a cube: what they hold, and how the product names them.
pub(super) struct Sources<'a> {
    pub(super) cube: &'a VirtualCube,
    indexes: Vec<Option<&'a FileIndex>>,
    pub(super) references: &'a [String],
}

impl<'a> Sources<'a> {
    /// `indexes` are those of the cube's files, in any order.
    pub(super) fn new(cube: &'a VirtualCube, indexes: &'a [FileIndex], references: &'a [String]) -> Self {
        let by_url: HashMap<&str, &FileIndex> = indexes.iter().map(|i| (i.source.url.as_str(), i)).collect();
        let indexes = cube.files.iter().map(|file| by_url.get(file.url.as_str()).copied()).collect();
        Self { cube, indexes, references }
    }

    /// A refusal, told of a variable.
    pub(super) fn error(&self, path: &VariablePath, refusal: Refusal) -> WriteError {
        let Refusal { expected, found, file, remedy } = refusal;
        let name =
            |file: usize| self.cube.files.get(file).map_or_else(|| format!("file {file}"), |f| f.url.to_string());
        let found = file.map_or_else(|| found.clone(), |file| format!("{found} in {}", name(file)));
        WriteError::Fragments { variable: path.key().into(), expected, found, remedy }
    }

    /// Whether each part is the whole variable of its file, and means there what it means in the cube.
    pub(super) fn check(&self, path: &VariablePath, variable: &Variable) -> Result<(), Refusal> {
        if path.key().contains('/') {
            let found = format!("the group of {path}");
            return Err(Refusal::new("fragments in the root group, for cfapyx finds no others", found));
        }
        if let Some(found) = packing(&variable.attributes) {
            let expected = "unpacked values, for some readers unpack fragments and others do not";
            return Err(Refusal::new(expected, found));
        }
        for part in &*variable.parts {
            let found = self.indexes.get(part.file).copied().flatten();
            let found = found.and_then(|index| Some((index, find(&index.root, path.key())?)));
            let (index, (group, in_file)) =
                found.ok_or_else(|| Refusal::new("a file that has the variable", "none".into()).in_file(part.file))?;
            let reference = self.references.get(part.file).map_or("", String::as_str);
            reachable(reference, index)
                .and_then(|()| whole(group, &index.root, in_file, part))
                .and_then(|()| same(variable, in_file))
                .map_err(|refusal| refusal.in_file(part.file))?;
        }
        Ok(())
    }
}

/// A variable of a file, and its group.
fn find<'f>(root: &'f FileGroup, key: &str) -> Option<(&'f FileGroup, &'f FileVariable)> {
    let (groups, name) = key.rsplit_once('/').unwrap_or(("", key));
    let group =
        groups.split('/').filter(|name| !name.is_empty()).try_fold(root, |group, name| group.groups.get(name))?;
    Some((group, group.variables.get(&VariableName::new(name).ok()?)?))
}

/// What cfapyx opens: files on disk by netCDF4, those behind http(s) by pyfive, and no others.
fn reachable(reference: &str, index: &FileIndex) -> Result<(), Refusal> {
    let begins = |schemes: &[&str]| schemes.iter().any(|scheme| reference.starts_with(scheme));
    let is_remote = begins(&["http://", "https://"]);
    if !is_remote && !begins(&["file://"]) {
        let remedy = "let public_urls map the sources to an http(s) URL, or ask for another product";
        let refusal = Refusal::new("fragments on disk or behind http(s)", reference.to_owned());
        return Err(Refusal { remedy, ..refusal });
    }
    if is_remote && index.format.starts_with("netCDF-3") {
        return Err(Refusal::new("HDF5 behind http(s), for cfapyx reads no netCDF-3 there", index.format.to_string()));
    }
    Ok(())
}

/// All of the file's variable, as it lies there.
fn whole(group: &FileGroup, root: &FileGroup, variable: &FileVariable, part: &Part) -> Result<(), Refusal> {
    let length = |name: &crate::model::DimensionName| {
        group.dimensions.get(name).or_else(|| root.dimensions.get(name)).map(|dimension| dimension.length)
    };
    let lengths: Option<Vec<u64>> = variable.dimensions.iter().map(length).collect();
    if part.new_dimensions > 0 {
        let found = format!("{} dimensions that the file lacks", part.new_dimensions);
        return Err(Refusal::new("fragments with all dimensions, for cfapyx adds none", found));
    }
    let turned = part.reversed.iter().zip(&part.count).any(|(reversed, count)| *reversed && *count > 1);
    if turned {
        let found = format!("{:?}, turned round along some of them", variable.dimensions);
        return Err(Refusal::new("dimensions that run the same way in all files", found));
    }
    if part.start.iter().any(|start| *start != 0) || lengths.as_ref() != Some(&part.count) {
        let found = format!("{:?} at {:?} of {:?}", part.count, part.start, lengths.unwrap_or_default());
        return Err(Refusal::new("whole variables of whole files", found));
    }
    if variable.grid.shape != part.count {
        let found = format!("{:?} elements written of {:?}", variable.grid.shape, part.count);
        return Err(Refusal::new("variables written to their ends, for cf-python does not fill them up", found));
    }
    Ok(())
}

/// The same type, whatever its order of bytes, and the same attributes that say what numbers mean.
fn same(variable: &Variable, in_file: &FileVariable) -> Result<(), Refusal> {
    let kind = |data_type: &DataType| data_type.with_order(ByteOrder::Little).numpy();
    if kind(&variable.data_type) != kind(&in_file.data_type) {
        let expected = "one type in all files, for cfapyx casts fragments without a word";
        return Err(Refusal::new(expected, format!("{} for {}", in_file.data_type, variable.data_type)));
    }
    if let Some(found) = packing(&in_file.attributes) {
        return Err(Refusal::new("unpacked values, for some readers unpack fragments and others do not", found));
    }
    for name in ["_FillValue", "missing_value", "units", "calendar", "_Unsigned"] {
        let (claimed, found) = (variable.attributes.get(name), in_file.attributes.get(name));
        if claimed != found {
            let shown = |value: Option<&AttributeValue>| {
                value.and_then(AttributeValue::to_json).map_or_else(|| "none".into(), |value| value.to_string())
            };
            let found = format!("{name} {} for {}", shown(found), shown(claimed));
            return Err(Refusal::new("the same fill value and units in all files, for cfapyx converts no fill", found));
        }
    }
    Ok(())
}

/// What is neither a factor of 1 nor an offset of 0.
fn packing(attributes: &crate::model::Attributes) -> Option<String> {
    let packed = |(name, nothing): (&str, f64)| {
        let value = attributes.get(name)?;
        let shown = || value.to_json().map_or_else(String::new, |value| value.to_string());
        (value.number() != Some(nothing)).then(|| format!("{name} {}", shown()))
    };
    [("scale_factor", 1.0), ("add_offset", 0.0)].into_iter().find_map(packed)
}
