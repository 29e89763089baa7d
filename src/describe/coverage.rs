//! Where and when a dataset is: as its coordinates say, else as the recipe says.

use std::collections::BTreeMap;

use super::dataset::Dataset;
use super::horizontal::Place;
use super::{DescribeError, ItemInput, geometry, horizontal, temporal};
use crate::model::{Coverage, Digest, VariablePath, VirtualCube};

#[cfg(test)]
mod tests;

/// Reads where and when a dataset is from its coordinates, with no help of a recipe.
///
/// Cells count whole: by their bounds, else to half a step beyond their centres; boxes are rounded to six decimals. Times
/// count with their bounds. `coordinate_digests` are of coordinates that the cube does not hold itself.
///
/// # Errors
/// [`DescribeError`] if there is no latitude, longitude or time, or their values cannot be right.
pub fn read_coverage(
    cube: &VirtualCube,
    coordinate_digests: &BTreeMap<VariablePath, Digest>,
) -> Result<Coverage, DescribeError> {
    let dataset = Dataset::new(cube, coordinate_digests);
    let bounding_box = horizontal::read(&dataset)?.bounding_box;
    Ok(Coverage { bounding_box, temporal: temporal::read(&dataset, temporal::By::Auto)? })
}

/// What of a dataset's place and time cannot be read from its coordinates: what a recipe would have to say instead.
pub fn missing_coverage(
    cube: &VirtualCube,
    coordinate_digests: &BTreeMap<VariablePath, Digest>,
) -> (Option<DescribeError>, Option<DescribeError>) {
    let dataset = Dataset::new(cube, coordinate_digests);
    (horizontal::read(&dataset).err(), temporal::read(&dataset, temporal::By::Auto).err())
}

/// Where an item is: its coordinates, else the recipe's geometry.
pub(super) fn place(dataset: &Dataset<'_>, input: &ItemInput<'_>) -> Result<Place, DescribeError> {
    match (horizontal::read(dataset), input.geometry) {
        (Ok(place), _) => Ok(place),
        (Err(_), Some(given)) => Ok(Place { bounding_box: geometry::bounding_box(given)?, geometry: given.clone() }),
        (Err(error), None) => Err(error),
    }
}
