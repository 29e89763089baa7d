//! Texts of any length, however many: those of a product that names its sources by them.

use bytes::Bytes;

use super::driver::{Driver, Failure};
use super::fault::Fault;
use super::{explain, superblock, values};
use crate::index::IndexError;
use crate::index::roles::Wanted;
use crate::model::{ArrayValues, FileVariable, SmallValues, VariablePath};
use crate::storage::ByteSource;

/// Reads all texts of a variable of a file that begins with these bytes and whose superblock lies at an offset.
pub(crate) fn read(
    source: &dyn ByteSource,
    base: u64,
    head: &Bytes,
    variable: &FileVariable,
) -> Result<Vec<String>, IndexError> {
    let file = source.file();
    let failed = |failure: Failure| explain(&file.url, file.size, variable.name.as_str(), failure);
    let mut driver = Driver::new(source, base, head);
    let superblock = driver.run(superblock::read).map_err(failed)?;
    driver.facts.widths = superblock.widths;
    let facts = driver.run(|view| superblock::complete(view, &superblock)).map_err(failed)?;
    driver.learn(facts);
    let element = 8 + driver.facts.widths.address;
    let shape = variable.grid.shape.clone();
    let elements = shape.iter().try_fold(element as u64, |bytes, length| bytes.checked_mul(*length));
    // A reference to a text takes room in the file.
    let too_many = || failed(Fault::Limit { what: format!("{shape:?} texts in a file of {} bytes", file.size) }.into());
    let bytes = elements.filter(|bytes| *bytes <= file.size).ok_or_else(too_many)?;
    let path = VariablePath::new("/", &variable.name);
    let wanted = Wanted { path, variable, shape: shape.clone(), element, coordinate: true, bytes };
    let read = driver.run(|view| values::read_up_to(view, &wanted, file.size)).map_err(failed)?;
    match read {
        SmallValues::Decoded(array) => match &array.values {
            ArrayValues::Strings(texts) => Ok(texts.clone()),
            _ => Err(failed(Fault::Limit { what: format!("{} as texts", variable.data_type) }.into())),
        },
        _ => Err(failed(Fault::Limit { what: "texts of more bytes than the file".into() }.into())),
    }
}
