//! Who reads the sources when products are verified.

use super::PipelineError;
use crate::read::SourceReader;

/// Who reads the sources when products are verified.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Reader {
    /// altostac itself, by a fresh index of each file
    #[default]
    Native,
    /// The C libraries of HDF5 and netCDF, which check that index too; local files only
    Libhdf5,
}

impl Reader {
    /// The library that reads in our stead, if one shall.
    ///
    /// # Errors
    /// [`PipelineError::NoReader`] if this program was built without it.
    pub(super) fn start(self) -> Result<Option<Box<dyn SourceReader>>, PipelineError> {
        match self {
            Self::Native => Ok(None),
            #[cfg(feature = "libhdf5")]
            Self::Libhdf5 => Ok(Some(Box::new(crate::read::LibraryReader::default()))),
            #[cfg(not(feature = "libhdf5"))]
            Self::Libhdf5 => Err(PipelineError::NoReader { reader: "libhdf5" }),
        }
    }
}
