//! Grid mappings (CF 1.11, appendix F) as well-known text (OGC 18-010, ISO 19162:2019).

use crate::model::{AttributeValue, Attributes, attribute};

/// What a parameter's number is measured in.
#[derive(Clone, Copy)]
enum Unit {
    Angle,
    Length,
    Scale,
}

use Unit::{Angle, Length, Scale};

type Parameter = (&'static str, Unit, f64);

const DEGREE: &str = "ANGLEUNIT[\"degree\",0.0174532925199433]";
const METRE: &str = "LENGTHUNIT[\"metre\",1]";

/// A grid mapping as text; `None` if its name or parameters are not known.
pub(super) fn write(mapping: &Attributes) -> Option<String> {
    let name = attribute::text(mapping, "grid_mapping_name")?;
    let datum = datum(mapping)?;
    if name == "latitude_longitude" {
        return Some(format!("GEOGCRS[\"unknown\",{datum},{}]", ellipsoidal()));
    }
    let (method, parameters) = method(mapping, name)?;
    let parameters: String = parameters.into_iter().map(parameter).collect();
    if name == "rotated_latitude_longitude" {
        let base = format!("BASEGEOGCRS[\"unknown\",{datum}]");
        let conversion = format!("DERIVINGCONVERSION[\"unknown\",METHOD[\"{method}\"]{parameters}]");
        return Some(format!("GEOGCRS[\"unknown\",{base},{conversion},{}]", ellipsoidal()));
    }
    let axes = format!("CS[Cartesian,2],AXIS[\"(E)\",east,ORDER[1],{METRE}],AXIS[\"(N)\",north,ORDER[2],{METRE}]");
    // Around a pole all directions are south or north.
    let axes = match number(mapping, "latitude_of_projection_origin").filter(|_| name == "polar_stereographic") {
        Some(pole) => {
            let (word, turn) = if pole > 0.0 { ("south", 90) } else { ("north", 90) };
            let second = if pole > 0.0 { 180 } else { 0 };
            format!(
                "CS[Cartesian,2],AXIS[\"(E)\",{word},MERIDIAN[{turn},{DEGREE}],ORDER[1],{METRE}],\
                 AXIS[\"(N)\",{word},MERIDIAN[{second},{DEGREE}],ORDER[2],{METRE}]"
            )
        }
        None => axes,
    };
    let conversion = format!("CONVERSION[\"unknown\",METHOD[\"{method}\"]{parameters}]");
    Some(format!("PROJCRS[\"unknown\",BASEGEOGCRS[\"unknown\",{datum}],{conversion},{axes}]"))
}

fn ellipsoidal() -> String {
    format!("CS[ellipsoidal,2],AXIS[\"longitude\",east,ORDER[1],{DEGREE}],AXIS[\"latitude\",north,ORDER[2],{DEGREE}]")
}

fn number(mapping: &Attributes, name: &str) -> Option<f64> {
    match mapping.get(name)? {
        AttributeValue::Numbers(numbers) => numbers.to_f64().first().copied(),
        AttributeValue::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|value| value.is_finite())
}

fn datum(mapping: &Attributes) -> Option<String> {
    let get = |name| number(mapping, name).filter(|value| *value > 0.0);
    let (major, inverse) = match (get("earth_radius"), get("semi_major_axis")) {
        (Some(radius), _) => (radius, 0.0),
        (None, Some(major)) => match (get("semi_minor_axis"), get("inverse_flattening")) {
            (Some(minor), _) if minor < major => (major, major / (major - minor)),
            (None, Some(inverse)) => (major, inverse),
            _ => (major, 0.0),
        },
        (None, None) => (6_378_137.0, 298.257_223_563),
    };
    let is_world = (major, inverse) == (6_378_137.0, 298.257_223_563);
    let name = if is_world { "World Geodetic System 1984" } else { "unknown" };
    let ellipsoid = if is_world { "WGS 84" } else { "unknown" };
    let meridian = match number(mapping, "longitude_of_prime_meridian").filter(|value| *value != 0.0) {
        Some(meridian) => format!(",PRIMEM[\"unknown\",{meridian},{DEGREE}]"),
        None => String::new(),
    };
    Some(format!("DATUM[\"{name}\",ELLIPSOID[\"{ellipsoid}\",{major},{inverse},{METRE}]]{meridian}"))
}

fn parameter((name, unit, value): Parameter) -> String {
    let unit = match unit {
        Angle => DEGREE,
        Length => METRE,
        Scale => "SCALEUNIT[\"unity\",1]",
    };
    format!(",PARAMETER[\"{name}\",{value},{unit}]")
}

/// The method of a projection with its parameters, as PROJ and the EPSG name them.
fn method(mapping: &Attributes, name: &str) -> Option<(&'static str, Vec<Parameter>)> {
    let get = |name| number(mapping, name);
    let or_zero = |name| get(name).unwrap_or(0.0);
    let parallels = match mapping.get("standard_parallel") {
        Some(AttributeValue::Numbers(numbers)) => numbers.to_f64(),
        _ => get("standard_parallel").into_iter().collect(),
    };
    let latitude = or_zero("latitude_of_projection_origin");
    let centre = or_zero("longitude_of_projection_origin");
    let meridian = get("longitude_of_central_meridian").unwrap_or(centre);
    let scale = get("scale_factor_at_projection_origin").unwrap_or(1.0);
    let shift: [Parameter; 2] =
        [("False easting", Length, or_zero("false_easting")), ("False northing", Length, or_zero("false_northing"))];
    let false_origin: [Parameter; 2] = [
        ("Easting at false origin", Length, or_zero("false_easting")),
        ("Northing at false origin", Length, or_zero("false_northing")),
    ];
    let natural = |longitude| -> Vec<Parameter> {
        vec![("Latitude of natural origin", Angle, latitude), ("Longitude of natural origin", Angle, longitude)]
    };
    let with = |mut own: Vec<Parameter>, more: &[Parameter]| {
        own.extend_from_slice(more);
        own
    };
    let conic = |first, second| -> Vec<Parameter> {
        vec![
            ("Latitude of false origin", Angle, latitude),
            ("Longitude of false origin", Angle, meridian),
            ("Latitude of 1st standard parallel", Angle, first),
            ("Latitude of 2nd standard parallel", Angle, second),
        ]
    };
    let scaled: [Parameter; 1] = [("Scale factor at natural origin", Scale, scale)];
    Some(match name {
        "albers_conical_equal_area" => {
            let first = *parallels.first()?;
            ("Albers Equal Area", with(conic(first, parallels.get(1).copied().unwrap_or(first)), &false_origin))
        }
        "azimuthal_equidistant" => ("Azimuthal Equidistant", with(natural(centre), &shift)),
        "geostationary" => {
            let axis = |key, on: &str| attribute::text(mapping, key).is_some_and(|text| text.eq_ignore_ascii_case(on));
            let is_x = axis("sweep_angle_axis", "x")
                || (attribute::text(mapping, "sweep_angle_axis").is_none() && axis("fixed_angle_axis", "y"));
            let own = vec![
                ("Longitude of natural origin", Angle, centre),
                ("Satellite Height", Length, get("perspective_point_height")?),
            ];
            let method = if is_x { "Geostationary Satellite (Sweep X)" } else { "Geostationary Satellite (Sweep Y)" };
            (method, with(own, &shift))
        }
        "lambert_azimuthal_equal_area" => ("Lambert Azimuthal Equal Area", with(natural(centre), &shift)),
        "lambert_conformal_conic" => match parallels.as_slice() {
            [first, second, ..] if scale == 1.0 => {
                ("Lambert Conic Conformal (2SP)", with(conic(*first, *second), &false_origin))
            }
            [first, ..] if scale == 1.0 && (first - latitude).abs() > 1e-9 => {
                ("Lambert Conic Conformal (2SP)", with(conic(*first, *first), &false_origin))
            }
            _ => ("Lambert Conic Conformal (1SP)", with(with(natural(meridian), &scaled), &shift)),
        },
        "lambert_cylindrical_equal_area" => {
            let own = vec![
                ("Latitude of 1st standard parallel", Angle, parallels.first().copied().unwrap_or(0.0)),
                ("Longitude of natural origin", Angle, meridian),
            ];
            ("Lambert Cylindrical Equal Area", with(own, &shift))
        }
        "mercator" => match parallels.first() {
            Some(first) => {
                let own = vec![
                    ("Latitude of 1st standard parallel", Angle, *first),
                    ("Longitude of natural origin", Angle, centre),
                ];
                ("Mercator (variant B)", with(own, &shift))
            }
            None => ("Mercator (variant A)", with(with(natural(centre), &scaled), &shift)),
        },
        "oblique_mercator" => {
            let own = vec![
                ("Latitude of projection centre", Angle, latitude),
                ("Longitude of projection centre", Angle, centre),
                ("Azimuth at projection centre", Angle, or_zero("azimuth_of_central_line")),
                ("Angle from Rectified to Skew Grid", Angle, 0.0),
                ("Scale factor at projection centre", Scale, scale),
                ("Easting at projection centre", Length, or_zero("false_easting")),
                ("Northing at projection centre", Length, or_zero("false_northing")),
            ];
            ("Hotine Oblique Mercator (variant B)", own)
        }
        "orthographic" => ("Orthographic", with(natural(centre), &shift)),
        "polar_stereographic" => {
            let longitude = get("straight_vertical_longitude_from_pole").unwrap_or(centre);
            match parallels.first() {
                Some(first) => {
                    let own = vec![
                        ("Latitude of standard parallel", Angle, *first),
                        ("Longitude of origin", Angle, longitude),
                    ];
                    ("Polar Stereographic (variant B)", with(own, &shift))
                }
                None => ("Polar Stereographic (variant A)", with(with(natural(longitude), &scaled), &shift)),
            }
        }
        "rotated_latitude_longitude" => {
            let own = vec![
                ("Grid north pole latitude (netCDF CF convention)", Angle, get("grid_north_pole_latitude")?),
                ("Grid north pole longitude (netCDF CF convention)", Angle, get("grid_north_pole_longitude")?),
                ("North pole grid longitude (netCDF CF convention)", Angle, or_zero("north_pole_grid_longitude")),
            ];
            ("Pole rotation (netCDF CF convention)", own)
        }
        "sinusoidal" => ("Sinusoidal", with(vec![("Longitude of natural origin", Angle, centre)], &shift)),
        "stereographic" => ("Stereographic", with(with(natural(centre), &scaled), &shift)),
        "transverse_mercator" => {
            let scaled: [Parameter; 1] =
                [("Scale factor at natural origin", Scale, get("scale_factor_at_central_meridian").unwrap_or(1.0))];
            ("Transverse Mercator", with(with(natural(meridian), &scaled), &shift))
        }
        "vertical_perspective" => {
            let own = vec![
                ("Latitude of topocentric origin", Angle, latitude),
                ("Longitude of topocentric origin", Angle, centre),
                ("Ellipsoidal height of topocentric origin", Length, 0.0),
                ("Viewpoint height", Length, get("perspective_point_height")?),
            ];
            ("Vertical Perspective", with(own, &shift))
        }
        _ => return None,
    })
}
