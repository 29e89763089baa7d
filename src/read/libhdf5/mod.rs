//! A second pair of eyes: sources read by the C libraries of HDF5 and netCDF, which share no code with our own reader.
//!
//! HDF5 (and with it netCDF-4) is read by libhdf5, NetCDF-3 by libnetcdf. Both have one lock for the whole process: nothing here runs in
//! parallel. Only files on this machine can be read.

mod examine;
mod hdf5;
mod netcdf3;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::slab::{byte_length, filled};
use super::{Examination, ReadError, Region, SourceReader, copy_region};
use crate::model::{FileIndex, FileVariable, SourceFile};

/// The C libraries are entered by one thread at a time, closing of files included.
static LIBRARY: Mutex<()> = Mutex::new(());

/// The most files that are kept open.
const MOST_OPEN: usize = 16;

/// Reads sources by libhdf5 and libnetcdf.
#[derive(Default)]
pub struct LibraryReader {
    /// The latest used last.
    opened: Mutex<Vec<(SourceFile, Opened)>>,
}

enum Opened {
    Hdf5(hdf5_metno::File),
    NetCdf3(netcdf::File),
}

/// What the C library said.
type Said<T> = Result<T, String>;

/// A box of a variable that is asked for.
struct Wanted<'a> {
    index: &'a FileIndex,
    key: &'a str,
    variable: &'a FileVariable,
    region: &'a Region,
}

impl LibraryReader {
    /// Does something with a file, which is opened unless it still is.
    fn with<T>(&self, index: &FileIndex, what: &str, task: impl FnOnce(&Opened) -> Said<T>) -> Result<T, ReadError> {
        let _library = LIBRARY.lock().unwrap_or_else(PoisonError::into_inner);
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        // A file that was written anew must not be read through what is known of the old one.
        opened.retain(|(source, _)| source.url != index.source.url || *source == index.source);
        let failed = |reason: String| ReadError::Library { what: what.into(), library: versions(), reason };
        let found = match opened.iter().position(|(source, _)| *source == index.source) {
            Some(at) => opened.remove(at),
            None => (index.source.clone(), open(index).map_err(failed)?),
        };
        if opened.len() >= MOST_OPEN {
            opened.remove(0);
        }
        let done = task(&found.1).map_err(failed);
        opened.push(found);
        done
    }
}

impl Drop for LibraryReader {
    fn drop(&mut self) {
        let _library = LIBRARY.lock().unwrap_or_else(PoisonError::into_inner);
        self.opened.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// The libraries and their versions.
fn versions() -> String {
    let (major, minor, patch) = hdf5_metno::library_version();
    format!("libhdf5 {major}.{minor}.{patch}")
}

fn open(index: &FileIndex) -> Said<Opened> {
    let url = &index.source.url;
    let path: PathBuf = url.local_path().ok_or_else(|| format!("{url} is not on this machine"))?;
    if index.format.starts_with("netCDF-3") {
        return netcdf::open(&path).map(Opened::NetCdf3).map_err(|error| error.to_string());
    }
    hdf5_metno::File::open(&path).map(Opened::Hdf5).map_err(|error| error.to_string())
}

impl SourceReader for LibraryReader {
    fn name(&self) -> String {
        versions()
    }

    fn slab(
        &self,
        index: &FileIndex,
        key: &str,
        variable: &FileVariable,
        start: &[u64],
        count: &[u64],
    ) -> Result<Vec<u8>, ReadError> {
        let size = variable
            .data_type
            .size()
            .ok_or_else(|| ReadError::DataType { variable: key.into(), found: variable.data_type.to_string() })?;
        if byte_length(count, size).is_none() {
            return Err(ReadError::TooLarge { variable: key.into(), elements: count.to_vec(), size });
        }
        let region = Region { start: start.to_vec(), count: count.to_vec() };
        let wanted = Wanted { index, key, variable, region: &region };
        self.with(index, key, |opened| match opened {
            Opened::Hdf5(file) => hdf5::slab(file, &wanted),
            Opened::NetCdf3(file) => netcdf3::slab(file, &wanted),
        })
    }

    fn examine(&self, index: &FileIndex) -> Result<Examination, ReadError> {
        let name = index.source.url.to_string();
        self.with(index, &name, |opened| match opened {
            Opened::Hdf5(file) => Ok(examine::hdf5(file, index)),
            Opened::NetCdf3(file) => Ok(examine::netcdf3(file, index)),
        })
    }
}

/// The stored part of a box read by `read`, the rest of it fill.
fn within(wanted: &Wanted<'_>, shape: &[u64], read: impl Fn(&Region) -> Said<Vec<u8>>) -> Said<Vec<u8>> {
    let (region, size) = (wanted.region, wanted.variable.data_type.size().unwrap_or(0));
    if shape.len() != region.start.len() {
        return Err(format!("the shape is {shape:?}, not of {} dimensions", region.start.len()));
    }
    let whole = Region { start: vec![0; shape.len()], count: shape.to_vec() };
    let inside = region.intersection(&whole);
    if inside.as_ref() == Some(region) {
        return read(region);
    }
    let length = byte_length(&region.count, size).unwrap_or(0);
    let mut out = filled(wanted.variable, length, size);
    if let Some(inside) = inside {
        place(&read(&inside)?, &inside, region, &mut out, size);
    }
    Ok(out)
}

/// Copies the elements of one box to where they are in another.
fn place(bytes: &[u8], inside: &Region, region: &Region, out: &mut [u8], size: usize) {
    let to = inside.relative_to(&region.start).start;
    let origin = vec![0; to.len()];
    copy_region((bytes, &inside.count, 0), &origin, (out, &region.count), &to, (&inside.count, size));
}

/// Numbers as the C libraries take them.
fn lengths(list: &[u64]) -> Said<Vec<usize>> {
    list.iter().map(|n| usize::try_from(*n).map_err(|_| format!("{n} elements are too many"))).collect()
}

#[cfg(test)]
mod tests;
