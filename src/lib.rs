//! altostac turns an archive of NetCDF/HDF5 files into a published STAC catalogue.
//!
//! While it builds STAC Items and Collections it writes the cloud formats that make the data usable from anywhere,
//! checks each against the bytes of its sources, links them as assets, and pushes the records to a STAC API.
//!
//! ```text
//!  recipe ──▶ scan ──▶ plan ──▶ index ──▶ combine ──▶ write ──▶ verify ──▶ describe ──▶ validate ──▶ publish ──▶ serve
//!              files    what     what a     one cube     a        proof      STAC         proof       catalogue    API
//!              grouped  changed  file       or named     product             records                  and API
//!              to items          holds      conflicts
//! ```
//!
//! Types that pass between the stages live in [`model`]. A stage never names another stage; only [`pipeline`] names
//! them all.

// Shared ground: no stage, named by every stage.
pub mod cftime;
pub mod codec;
pub mod model;
pub mod storage;

// The flow, in its order.
pub mod convert;
pub mod recipe;
pub mod scan;
pub mod plan;
pub mod index;
pub mod read;
pub mod combine;
pub mod write;
pub mod verify;
pub mod describe;
pub mod quicklook;
pub mod validate;
pub mod publish;
pub mod serve;

// Beside the flow: a first recipe for an archive.
pub mod suggest;

// Beside the flow: what happens to an archive, as it happens.
pub mod watch;

// What remembers, what joins, and what people call.
pub mod ledger;
pub mod pipeline;
pub mod cli;
