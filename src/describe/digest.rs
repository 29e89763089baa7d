//! Where the cells of a coordinate are that is too large to be kept whole.

use super::longitude::Arcs;
use crate::model::Digest;

/// The gap that such a grid may leave between two of its quarter degrees, in degrees.
const GAP: f64 = 1.0;

/// The least and the greatest longitude if all between them may be there, else the quarter degrees that are.
///
/// Longitudes in another unit than degrees have no quarter degrees: of them only the range counts.
pub(super) fn arcs(digest: &Digest, to_degrees: f64) -> Arcs {
    let (low, high) = (digest.minimum * to_degrees, digest.maximum * to_degrees);
    let mut range = Arcs::default();
    range.add(low, high);
    if (to_degrees - 1.0).abs() > f64::EPSILON {
        return range;
    }
    let mut quarters = Arcs::default();
    for (word, bits) in (0u32..).zip(&digest.quarter_degrees) {
        for bit in (0..64).filter(|bit| bits >> bit & 1 == 1) {
            let west = f64::from(word * 64 + bit) / 4.0;
            quarters.add(west, west + 0.25);
        }
    }
    quarters.tolerate(GAP);
    match quarters.hull() {
        Some((-180.0, 180.0)) | None => quarters,
        // The range is the finer answer where it does not go the long way round.
        Some((west, east)) if high - low <= (east - west).rem_euclid(360.0) => range,
        Some(_) => quarters,
    }
}
