//! Where and when a dataset is.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A box in degrees on WGS 84; `west > east` crosses the antimeridian (RFC 7946, 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BoundingBox {
    /// -180 to 180.
    pub west: f64,
    /// -90 to 90.
    pub south: f64,
    /// -180 to 180.
    pub east: f64,
    /// -90 to 90.
    pub north: f64,
}

/// The first and the last instant, as real instants of the Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemporalExtent {
    /// The first.
    pub start: DateTime<Utc>,
    /// The last.
    pub end: DateTime<Utc>,
}

/// Where and when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coverage {
    /// Where.
    pub bounding_box: BoundingBox,
    /// When.
    pub temporal: TemporalExtent,
}
