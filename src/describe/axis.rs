//! Which axis a coordinate runs along (CF 1.11, chapter 4).

use std::fmt;

use crate::model::Variable;

/// The axis that a coordinate runs along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Degrees north.
    Latitude,
    /// Degrees east.
    Longitude,
    /// A horizontal axis that is not longitude: projected or rotated.
    X,
    /// A horizontal axis that is not latitude: projected or rotated.
    Y,
    /// Up or down.
    Vertical,
    /// Time.
    Time,
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Latitude => "latitude",
            Self::Longitude => "longitude",
            Self::X => "x",
            Self::Y => "y",
            Self::Vertical => "vertical",
            Self::Time => "time",
        })
    }
}

const LATITUDE_UNITS: [&str; 6] = ["degrees_north", "degree_north", "degree_n", "degrees_n", "degreen", "degreesn"];
const LONGITUDE_UNITS: [&str; 6] = ["degrees_east", "degree_east", "degree_e", "degrees_e", "degreee", "degreese"];
const VERTICAL_NAMES: [&str; 12] = [
    "air_pressure",
    "altitude",
    "depth",
    "height",
    "height_above_mean_sea_level",
    "height_above_reference_ellipsoid",
    "model_level_number",
    "atmosphere_sigma_coordinate",
    "atmosphere_hybrid_sigma_pressure_coordinate",
    "atmosphere_hybrid_height_coordinate",
    "ocean_sigma_coordinate",
    "ocean_s_coordinate",
];

/// The axis of a variable, by `standard_name`, `units`, `axis` and `positive`; by its name only where it has no standard name.
pub(super) fn axis(variable: &Variable) -> Option<Axis> {
    let units = variable.text("units").map(|units| units.trim().to_ascii_lowercase()).unwrap_or_default();
    match variable.text("standard_name").unwrap_or_default() {
        "latitude" => return Some(Axis::Latitude),
        "longitude" => return Some(Axis::Longitude),
        "time" => return Some(Axis::Time),
        "projection_x_coordinate" | "grid_longitude" | "projection_x_angular_coordinate" => return Some(Axis::X),
        "projection_y_coordinate" | "grid_latitude" | "projection_y_angular_coordinate" => return Some(Axis::Y),
        name if VERTICAL_NAMES.contains(&name) => return Some(Axis::Vertical),
        _ => {}
    }
    if LATITUDE_UNITS.contains(&units.as_str()) {
        return Some(Axis::Latitude);
    }
    if LONGITUDE_UNITS.contains(&units.as_str()) {
        return Some(Axis::Longitude);
    }
    let plain_degrees = units.is_empty() || units.starts_with("degree");
    match variable.name.as_str().to_ascii_lowercase().as_str() {
        "lat" | "latitude" | "nav_lat" if plain_degrees => return Some(Axis::Latitude),
        "lon" | "longitude" | "nav_lon" if plain_degrees => return Some(Axis::Longitude),
        _ => {}
    }
    match variable.text("axis").map(str::trim) {
        Some("X" | "x") => return Some(Axis::X),
        Some("Y" | "y") => return Some(Axis::Y),
        Some("Z" | "z") => return Some(Axis::Vertical),
        Some("T" | "t") => return Some(Axis::Time),
        _ => {}
    }
    let positive = variable.text("positive").map(str::to_ascii_lowercase);
    if matches!(positive.as_deref(), Some("up" | "down")) {
        return Some(Axis::Vertical);
    }
    None
}
