//! The header messages that say what an object is (HDF5 File Format Specification 3.0, IV.A.2), one file each.

pub(super) mod attribute;
pub(super) mod dataspace;
pub(super) mod datatype;
pub(super) mod external;
pub(super) mod fill_value;
pub(super) mod filters;
pub(super) mod layout;
pub(super) mod link;
mod parts;
mod shared;

pub(super) use shared::{resolve, shared_heap};
