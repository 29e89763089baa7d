//! What the fuzz targets share: memory that is counted, and what must hold of an index.

pub mod allocator;
pub mod index;
