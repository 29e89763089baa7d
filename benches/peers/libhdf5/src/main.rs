//! Indexing with libhdf5, called from Rust: every group and dataset, type, shape, every chunk, attributes; nothing is printed or kept.
//!
//! ```text
//! peer-libhdf5 [--runs N] [--attributes none|names|values] PATH…
//! ```
//!
//! A `PATH` is a file, or a folder whose `.nc` and `.h5` files are taken. Prints one line of JSON, as `benches/engine.rs` of altostac does:
//! the least CPU and wall seconds of the runs, measured in this process around the indexing alone.

#[path = "../../measure.rs"]
mod measure;

use std::ffi::c_void;

use hdf5::{Attribute, Dataset, File, Group, Location};
use hdf5_sys::h5a::{H5Aget_space, H5Aget_type, H5Aread};
use hdf5_sys::h5s::H5Sclose;
use hdf5_sys::h5t::{H5T_class_t::H5T_VLEN, H5Tclose, H5Tdetect_class, H5Tis_variable_str, H5Treclaim};
use measure::Contents;

type Failure = Box<dyn std::error::Error>;

/// What is read of attributes.
#[derive(Clone, Copy, PartialEq)]
enum Attributes {
    None,
    Names,
    Values,
}

/// Where a chunk is: its position in the dataset is kept beside, as all positions of a dataset in one row.
struct Chunk {
    offset: u64,
    length: u64,
    mask: u32,
}

/// What is found of one dataset, held until the file is done, as an index would hold it.
#[derive(Default)]
struct Found {
    shapes: Vec<Vec<usize>>,
    types: Vec<hdf5::types::TypeDescriptor>,
    names: Vec<Vec<String>>,
    values: Vec<Vec<u8>>,
    positions: Vec<u64>,
    chunks: Vec<Chunk>,
}

fn index_dataset(dataset: &Dataset, attributes: Attributes, found: &mut Found) -> Result<(), Failure> {
    found.shapes.push(dataset.shape());
    found.types.push(dataset.dtype()?.to_descriptor()?);
    index_attributes(dataset, attributes, found)?;
    if dataset.is_chunked() {
        dataset.chunks_visit(|chunk| {
            found.positions.extend_from_slice(chunk.offset);
            found.chunks.push(Chunk { offset: chunk.addr, length: chunk.size, mask: chunk.filter_mask });
            0
        })?;
    } else if let Some(offset) = dataset.offset() {
        found.chunks.push(Chunk { offset, length: dataset.storage_size(), mask: 0 });
    }
    Ok(())
}

fn index_attributes(location: &Location, wanted: Attributes, found: &mut Found) -> Result<(), Failure> {
    if wanted == Attributes::None {
        return Ok(());
    }
    let names = location.attr_names()?;
    if wanted == Attributes::Values {
        for name in &names {
            found.values.push(value(&location.attr(name)?)?);
        }
    }
    found.names.push(names);
    Ok(())
}

/// The bytes of an attribute; a text of variable length is followed, other values of variable length (references to dimension
/// scales) are read and given back.
fn value(attribute: &Attribute) -> Result<Vec<u8>, Failure> {
    let count = attribute.size();
    // SAFETY: the buffer holds `count` elements of the type that it is read as; what libhdf5 allocated for it is given back.
    unsafe {
        let kind = H5Aget_type(attribute.id());
        let mut bytes = vec![0u8; count * hdf5_sys::h5t::H5Tget_size(kind)];
        if count > 0 && H5Aread(attribute.id(), kind, bytes.as_mut_ptr().cast::<c_void>()) < 0 {
            return Err(format!("attribute {} cannot be read", attribute.name()).into());
        }
        let text = H5Tis_variable_str(kind) > 0;
        let mut whole = Vec::new();
        if text {
            for pointer in bytes.chunks_exact(size_of::<*const i8>()) {
                let pointer = usize::from_ne_bytes(pointer.try_into()?) as *const std::ffi::c_char;
                if !pointer.is_null() {
                    whole.extend_from_slice(std::ffi::CStr::from_ptr(pointer).to_bytes());
                }
            }
        }
        if text || H5Tdetect_class(kind, H5T_VLEN) > 0 {
            let space = H5Aget_space(attribute.id());
            H5Treclaim(kind, space, 0, bytes.as_mut_ptr().cast::<c_void>());
            H5Sclose(space);
        }
        H5Tclose(kind);
        Ok(if text { whole } else { bytes })
    }
}

fn index_group(group: &Group, attributes: Attributes, found: &mut Found) -> Result<usize, Failure> {
    index_attributes(group, attributes, found)?;
    let datasets = group.datasets()?;
    let mut variables = datasets.len();
    for dataset in &datasets {
        index_dataset(dataset, attributes, found)?;
    }
    for inner in group.groups()? {
        variables += index_group(&inner, attributes, found)?;
    }
    Ok(variables)
}

fn main() -> Result<(), Failure> {
    let (request, rest) = measure::request()?;
    let attributes = match rest.get("--attributes").map(String::as_str) {
        Some("none") => Attributes::None,
        Some("names") => Attributes::Names,
        Some("values") | None => Attributes::Values,
        Some(other) => return Err(format!("--attributes {other}: expected none, names or values").into()),
    };
    let index = |path: &std::path::Path| -> Result<Contents, Failure> {
        let mut found = Found::default();
        let variables = index_group(&*File::open(path)?, attributes, &mut found)?;
        std::hint::black_box((&found.shapes, &found.types, &found.positions));
        let attributes = found.names.iter().map(Vec::len).sum();
        let bytes = found.values.iter().map(Vec::len).sum();
        std::hint::black_box(
            found.chunks.iter().map(|chunk| chunk.offset ^ chunk.length ^ u64::from(chunk.mask)).max(),
        );
        Ok(Contents { variables, chunks: found.chunks.len(), attributes, bytes })
    };
    let (major, minor, release) = hdf5::library_version();
    measure::print(&request, &format!("libhdf5 {major}.{minor}.{release}"), index)
}
