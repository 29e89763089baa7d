//! A reader of HDF5 and netCDF-4 files, in Rust alone.
//!
//! ```text
//!  driver ──bytes──▶ parser ──▶ Structure ──▶ netcdf4 ──▶ groups, dimensions ──▶ values ──▶ FileIndex
//!     ◀──byte ranges──┘         every object             as netCDF has them      of coordinates
//! ```
//!
//! Parsers are synchronous and do no I/O: they look at bytes through a [`store::View`], which writes down what is missing
//! ([`fault::Stop::Need`]); the [`driver`] reads that, in as few ranges as will do, and runs the parser again. Every number of
//! a file is untrusted: addresses and lengths are checked against the file's size before anything is allocated, pieces of
//! a tree may be met once, and the whole work is bounded by the size of the file ([`store::Budget`]).
//!
//! Files are indexed by one thread each, but for the index of a million chunks: its waves are read and parsed by all that are
//! idle ([`beside`]).
//!
//! What is whole but beyond this reader is a fact of one object, with its reason, and takes no other with it
//! ([`Layout::obstacle`](crate::model::Layout::obstacle)); what is damaged is a fault of the file.
//!
//! Section numbers are those of the HDF5 File Format Specification, version 3.0.

mod attributes;
mod beside;
mod btree_v1;
mod btree_v2;
mod bytes;
mod cache_image;
mod checksum;
mod chunks;
mod dataset;
mod digest;
mod dimensions;
mod driver;
mod extensible_array;
mod fault;
mod fixed_array;
mod fractal_heap;
mod global_heap;
mod group;
mod local_heap;
mod message;
mod netcdf4;
mod object_header;
mod parser;
mod placer;
mod store;
mod superblock;
mod symbol_table;
#[cfg(test)]
mod testing;
mod texts;
mod values;
#[cfg(test)]
mod waves;

pub(super) use superblock::SIGNATURE;
pub(super) use texts::read as read_texts;

use ::bytes::Bytes;
use driver::{Driver, Failure};
use fault::Fault;
use parser::Parser;

use super::IndexError;
use crate::model::{FileIndex, Note, SourceUrl};
use crate::storage::ByteSource;

/// Indexes a file that begins with these bytes and whose superblock lies at an offset; tells the head that would have
/// sufficed, too.
pub(super) fn index(source: &dyn ByteSource, base: u64, head: &Bytes) -> Result<(FileIndex, u64), IndexError> {
    let file = source.file();
    let failed = |object: &str, failure: Failure| explain(&file.url, file.size, object, failure);
    let mut driver = Driver::new(source, base, head);
    let superblock = driver.run(superblock::read).map_err(|failure| failed("the superblock", failure))?;
    driver.facts.widths = superblock.widths;
    let facts = driver
        .run(|view| superblock::complete(view, &superblock))
        .map_err(|failure| failed("the superblock", failure))?;
    driver.learn(facts);
    let mut parser = Parser::new(superblock.root);
    let parsed = driver.run(|view| parser.run(view));
    parsed.map_err(|failure| failed(parser.path(), failure))?;
    let mut tree =
        netcdf4::build(&parser.into_structure()).map_err(|misfit| failed(&misfit.object, misfit.fault.into()))?;
    if superblock.beside_readers {
        let message = "the file is marked as open for writing beside readers (SWMR), and is told of as it was found; \
                       `h5clear -s` removes a stale mark";
        tree.notes.push(Note::new("open_for_writing", message));
    }
    values::read(&mut driver, source, &mut tree).map_err(|(object, failure)| failed(&object, failure))?;
    let index = FileIndex { source: file.clone(), format: tree.format.into(), root: tree.root, notes: tree.notes };
    Ok((index, driver.needed_head()))
}

/// Says which file and object a failure is about.
fn explain(file: &SourceUrl, size: u64, object: &str, failure: Failure) -> IndexError {
    let (file, object) = (file.to_string(), object.to_owned());
    match failure {
        Failure::Storage(source) => IndexError::Storage { file, source },
        Failure::Fault(Fault::Corrupt { structure, offset, expected, found }) => {
            IndexError::Corrupt { file, object, structure, offset, expected, found }
        }
        Failure::Fault(Fault::BeyondEnd { structure, end, .. }) => {
            IndexError::Truncated { file, object, structure, end, size }
        }
        Failure::Fault(Fault::Unsupported { offset, feature }) => {
            IndexError::Unsupported { file, object, offset, feature }
        }
        Failure::Fault(Fault::Limit { what }) => IndexError::Limit { file, object, what },
        Failure::Fault(Fault::Decode { source }) => IndexError::Values { file, variable: object, source },
    }
}
