//! A file that is written as a build writes its products.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// Counts and digests what goes through it, as a build does.
pub(crate) struct Digesting {
    file: BufWriter<File>,
    digest: Sha256,
    pub(crate) bytes: u64,
}

impl Digesting {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(Self { file: BufWriter::with_capacity(1 << 16, File::create(path)?), digest: Sha256::new(), bytes: 0 })
    }

    /// The digest of what went through it, in hexadecimal.
    pub(crate) fn sha256(&self) -> String {
        self.digest.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.digest.update(bytes.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
