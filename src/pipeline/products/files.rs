//! Files of products: written into a folder that is not revealed yet, counted and digested on the way.

use std::io::{self, BufWriter, Write};

use sha2::{Digest as _, Sha256};

use super::super::chain;
use super::super::item::{error_of, failure};
use crate::model::{ItemError, ProductFile};
use crate::storage::StagedFolder;
use crate::write::WriteError;

/// Counts and digests what goes through it.
struct Digesting<W> {
    inner: W,
    size: u64,
    digest: Sha256,
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.size += written as u64;
        self.digest.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Creates a file in a staged folder and says what it came to.
pub(in crate::pipeline) fn staged_file(
    staged: &mut StagedFolder,
    folder: &str,
    name: &str,
    write: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
) -> Result<ProductFile, ItemError> {
    let mut file = staged.create(name).map_err(|error| error_of("output", &error))?;
    let mut out = Digesting { inner: BufWriter::with_capacity(1 << 16, &mut file), size: 0, digest: Sha256::new() };
    let written = write(&mut out).and_then(|()| out.flush());
    written.map_err(|error| unwritten(&format!("{folder}/{name}"), &error))?;
    let (size, digest) = (out.size, hex(&out.digest.clone().finalize()));
    drop(out);
    file.finish().map_err(|error| error_of("output", &error))?;
    Ok(ProductFile { path: format!("{folder}/{name}"), size, sha256: digest })
}

/// Why a product could not be written: most often the format cannot say what the files hold.
pub(super) fn unwritten(path: &str, error: &io::Error) -> ItemError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<WriteError>()) {
        Some(inner) if !matches!(inner, WriteError::Output { .. }) => failure("unsupported", chain(inner)),
        _ => failure("write", format!("{path}: {}", chain(error))),
    }
}

pub(in crate::pipeline) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(in crate::pipeline) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
