//! From the horizontal coordinates of a grid mapping to longitude and latitude (CF 1.11, 5.6 and appendix F).

use proj4rs::Proj;
use proj4rs::transform::transform;

use super::parameters::DEFINITION;
use crate::model::{AttributeValue, Attributes, attribute};

/// How plane or rotated coordinates become degrees on the earth.
#[derive(Debug)]
pub(super) enum Projection {
    /// Rotated latitudes and longitudes, in degrees.
    Rotated(RotatedPole),
    /// Longitudes and latitudes as they are, in degrees.
    Geographic,
    /// All others, in metres; both sides on the ellipsoid of the grid mapping. Coordinates without units have one of so many metres.
    Plane { plane: Box<Proj>, earth: Box<Proj>, metres: f64 },
    /// As seen from a satellite, in radians.
    Geostationary { height: f64, plane: Box<Proj>, earth: Box<Proj> },
}

/// The pole of a rotated grid, angles in radians.
#[derive(Debug, Clone, Copy)]
pub(super) struct RotatedPole {
    latitude: f64,
    longitude: f64,
    north_pole_grid_longitude: f64,
}

impl RotatedPole {
    fn to_earth(self, x: f64, y: f64) -> (f64, f64) {
        let (latitude, longitude) = (y.to_radians(), x.to_radians() - self.north_pole_grid_longitude);
        let (sine, cosine) = self.latitude.sin_cos();
        let height = sine * latitude.sin() + cosine * latitude.cos() * longitude.cos();
        let east = latitude.cos() * longitude.sin();
        let north = sine * latitude.cos() * longitude.cos() - cosine * latitude.sin();
        let turn = self.longitude.to_degrees() + 180.0;
        (east.atan2(north).to_degrees() + turn, height.clamp(-1.0, 1.0).asin().to_degrees())
    }
}

fn number(mapping: &Attributes, name: &str) -> Option<f64> {
    match mapping.get(name)? {
        AttributeValue::Numbers(numbers) => numbers.to_f64().first().copied(),
        AttributeValue::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The first and the second standard parallel.
fn standard_parallels(mapping: &Attributes) -> (Option<f64>, Option<f64>) {
    match mapping.get("standard_parallel") {
        Some(AttributeValue::Numbers(numbers)) => {
            let all = numbers.to_f64();
            (all.first().copied(), all.get(1).copied())
        }
        _ => (number(mapping, "standard_parallel"), None),
    }
}

/// The figure of the earth as PROJ writes it; WGS 84 if the grid mapping says nothing.
fn figure(mapping: &Attributes) -> String {
    let sound = |name| number(mapping, name).filter(|value| value.is_finite() && *value > 0.0);
    if let Some(radius) = sound("earth_radius") {
        return format!("+a={radius} +b={radius}");
    }
    let Some(major) = sound("semi_major_axis") else { return "+ellps=WGS84".into() };
    match (sound("semi_minor_axis"), sound("inverse_flattening")) {
        (Some(minor), _) => format!("+a={major} +b={minor}"),
        (None, Some(flattening)) => format!("+a={major} +b={}", major - major / flattening),
        (None, None) => format!("+a={major} +b={major}"),
    }
}

/// The projection as PROJ writes it, without the figure of the earth; `None` if it is not known.
fn definition(mapping: &Attributes) -> Option<String> {
    let or_zero = |name| number(mapping, name).unwrap_or(0.0);
    let meridian =
        || number(mapping, "longitude_of_central_meridian").unwrap_or(or_zero("longitude_of_projection_origin"));
    let origin = || or_zero("latitude_of_projection_origin");
    let (first, second) = standard_parallels(mapping);
    let parallel = || first.unwrap_or(0.0);
    let scale = |name| number(mapping, name).map_or_else(String::new, |scale| format!(" +k_0={scale}"));
    let scaled_or_true = || match first {
        Some(first) => format!(" +lat_ts={first}"),
        None => scale("scale_factor_at_projection_origin"),
    };
    let text = match attribute::text(mapping, "grid_mapping_name")? {
        "azimuthal_equidistant" => {
            format!("+proj=aeqd +lat_0={} +lon_0={}", origin(), or_zero("longitude_of_projection_origin"))
        }
        "oblique_mercator" => format!(
            "+proj=omerc +lat_0={} +lonc={} +alpha={} +gamma=0{}",
            origin(),
            or_zero("longitude_of_projection_origin"),
            or_zero("azimuth_of_central_line"),
            scale("scale_factor_at_projection_origin")
        ),
        "vertical_perspective" => {
            let height = number(mapping, "perspective_point_height")?;
            format!("+proj=nsper +h={height} +lat_0={} +lon_0={}", origin(), or_zero("longitude_of_projection_origin"))
        }
        "albers_conical_equal_area" => {
            let (first, second) = (parallel(), second.unwrap_or(parallel()));
            format!("+proj=aea +lat_1={first} +lat_2={second} +lat_0={} +lon_0={}", origin(), meridian())
        }
        "geostationary" => {
            let sweep = attribute::text(mapping, "sweep_angle_axis").map(str::to_ascii_lowercase);
            let fixed = attribute::text(mapping, "fixed_angle_axis").map(str::to_ascii_lowercase);
            let is_x = sweep.as_deref() == Some("x") || (sweep.is_none() && fixed.as_deref() == Some("y"));
            let height = or_zero("perspective_point_height");
            format!(
                "+proj=geos +h={height} +lon_0={} +sweep={}",
                or_zero("longitude_of_projection_origin"),
                if is_x { "x" } else { "y" }
            )
        }
        "lambert_azimuthal_equal_area" => {
            format!("+proj=laea +lat_0={} +lon_0={}", origin(), or_zero("longitude_of_projection_origin"))
        }
        "lambert_conformal_conic" => {
            let (first, second) = (first.unwrap_or(origin()), second.or(first).unwrap_or(origin()));
            let scale = scale("scale_factor_at_projection_origin");
            format!("+proj=lcc +lat_1={first} +lat_2={second} +lat_0={} +lon_0={}{scale}", origin(), meridian())
        }
        "lambert_cylindrical_equal_area" => format!("+proj=cea +lon_0={}{}", meridian(), scaled_or_true()),
        "mercator" => {
            format!("+proj=merc +lon_0={}{}", or_zero("longitude_of_projection_origin"), scaled_or_true())
        }
        "orthographic" => {
            format!("+proj=ortho +lat_0={} +lon_0={}", origin(), or_zero("longitude_of_projection_origin"))
        }
        "polar_stereographic" => {
            let meridian = number(mapping, "straight_vertical_longitude_from_pole")
                .unwrap_or(or_zero("longitude_of_projection_origin"));
            // Some files name only the parallel: the pole is on its side.
            let pole = number(mapping, "latitude_of_projection_origin").unwrap_or(90.0_f64.copysign(parallel()));
            format!("+proj=stere +lat_0={pole} +lon_0={meridian}{}", scaled_or_true())
        }
        "sinusoidal" => format!("+proj=sinu +lon_0={}", or_zero("longitude_of_projection_origin")),
        "stereographic" => format!(
            "+proj=stere +lat_0={} +lon_0={}{}",
            origin(),
            or_zero("longitude_of_projection_origin"),
            scale("scale_factor_at_projection_origin")
        ),
        "transverse_mercator" => {
            format!(
                "+proj=tmerc +lat_0={} +lon_0={}{}",
                origin(),
                meridian(),
                scale("scale_factor_at_central_meridian")
            )
        }
        _ => return None,
    };
    Some(format!("{text} +x_0={} +y_0={}", or_zero("false_easting"), or_zero("false_northing")))
}

impl Projection {
    /// Reads a grid mapping; `None` if its name is not known or its numbers make no sense.
    pub(super) fn read(mapping: &Attributes) -> Option<Self> {
        if attribute::text(mapping, "grid_mapping_name")? == "rotated_latitude_longitude" {
            let degrees = |name| number(mapping, name).map(f64::to_radians);
            return Some(Self::Rotated(RotatedPole {
                latitude: degrees("grid_north_pole_latitude")?,
                longitude: degrees("grid_north_pole_longitude")?,
                north_pole_grid_longitude: degrees("north_pole_grid_longitude").unwrap_or(0.0),
            }));
        }
        if attribute::text(mapping, "grid_mapping_name")? == "latitude_longitude" {
            return Some(Self::Geographic);
        }
        if let Some(definition) = attribute::text(mapping, DEFINITION) {
            return defined(definition);
        }
        let (figure, definition) = (figure(mapping), definition(mapping)?);
        let meridian = number(mapping, "longitude_of_prime_meridian").unwrap_or(0.0);
        let plane = Proj::from_proj_string(&format!("{definition} +pm={meridian} {figure} +units=m +no_defs")).ok()?;
        let earth = Proj::from_proj_string(&format!("+proj=longlat {figure} +no_defs")).ok()?;
        let (plane, earth) = (Box::new(plane), Box::new(earth));
        match attribute::text(mapping, "grid_mapping_name") {
            Some("geostationary") => {
                let height = number(mapping, "perspective_point_height").filter(|height| *height > 0.0)?;
                Some(Self::Geostationary { height, plane, earth })
            }
            _ => Some(Self::Plane { plane, earth, metres: 1.0 }),
        }
    }

    /// How much one of a unit is in the unit that [`Self::to_earth`] takes; `None` if it is another kind of unit.
    pub(super) fn unit(&self, unit: Option<&str>) -> Option<f64> {
        let unit = unit.map(str::trim).unwrap_or_default();
        match (self, unit) {
            (Self::Rotated(_), "" | "1" | "degrees" | "degree" | "degrees_north" | "degrees_east") => Some(1.0),
            (Self::Rotated(_), "radians" | "radian" | "rad") => Some(1f64.to_degrees()),
            (Self::Geostationary { .. }, "" | "1" | "radians" | "radian" | "rad") => Some(1.0),
            (Self::Geostationary { .. }, "microradian" | "microradians" | "urad" | "µrad") => Some(1e-6),
            (Self::Geostationary { .. }, "milliradian" | "milliradians" | "mrad") => Some(1e-3),
            (Self::Geostationary { .. }, "degrees" | "degree") => Some(1f64.to_radians()),
            (Self::Geostationary { height, .. }, "km" | "kilometre" | "kilometres" | "kilometer" | "kilometers") => {
                Some(1000.0 / height)
            }
            (Self::Geostationary { height, .. }, "m" | "metre" | "metres" | "meter" | "meters") => Some(1.0 / height),
            (Self::Geographic, "" | "1" | "degrees" | "degree" | "degrees_north" | "degrees_east") => Some(1.0),
            (Self::Plane { metres, .. }, "" | "1") => Some(*metres),
            (Self::Plane { .. }, "m" | "metre" | "metres" | "meter" | "meters") => Some(1.0),
            (Self::Plane { .. }, "km" | "kilometre" | "kilometres" | "kilometer" | "kilometers") => Some(1000.0),
            (Self::Plane { .. }, "100 km" | "100  km") => Some(100_000.0),
            (Self::Plane { .. }, "10 km" | "10km") => Some(10_000.0),
            (Self::Plane { .. }, "foot" | "feet" | "ft") => Some(0.3048),
            (Self::Plane { .. }, "US_survey_foot" | "US survey foot" | "us-ft") => Some(1200.0 / 3937.0),
            _ => None,
        }
    }

    /// By how much coordinates are to be multiplied to be in metres, or degrees: the height from which angles are seen, else 1.
    pub(super) fn height(&self) -> f64 {
        match self {
            Self::Geostationary { height, .. } => *height,
            _ => 1.0,
        }
    }

    /// Longitude and latitude in degrees; `None` where the projection has no point of the earth.
    pub(super) fn to_earth(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let (longitude, latitude) = match self {
            Self::Rotated(pole) => pole.to_earth(x, y),
            Self::Geographic => (x, y),
            Self::Plane { plane, earth, .. } => inverse(plane, earth, x, y)?,
            Self::Geostationary { height, plane, earth } => inverse(plane, earth, x * height, y * height)?,
        };
        (longitude.is_finite() && latitude.is_finite() && latitude.abs() <= 90.0 + 1e-9)
            .then_some((longitude, latitude.clamp(-90.0, 90.0)))
    }
}

/// Whether a grid mapping's name is one of CF appendix F.
pub(super) fn is_known(name: &str) -> bool {
    const NAMES: [&str; 16] = [
        "albers_conical_equal_area",
        "azimuthal_equidistant",
        "geostationary",
        "lambert_azimuthal_equal_area",
        "lambert_conformal_conic",
        "lambert_cylindrical_equal_area",
        "latitude_longitude",
        "mercator",
        "oblique_mercator",
        "orthographic",
        "polar_stereographic",
        "rotated_latitude_longitude",
        "sinusoidal",
        "stereographic",
        "transverse_mercator",
        "vertical_perspective",
    ];
    NAMES.contains(&name)
}

/// A definition as PROJ writes it; shifts between datums, of some hundred metres at most, are left out where they cannot be made.
fn defined(definition: &str) -> Option<Projection> {
    let words: Vec<&str> = definition.split_whitespace().collect();
    let value = |key: &str| words.iter().find_map(|word| word.strip_prefix(key));
    match value("+proj=")? {
        "longlat" | "latlong" | "lonlat" | "latlon" => return Some(Projection::Geographic),
        "ob_tran" => {
            let degrees = |key| value(key).and_then(|text| text.parse::<f64>().ok()).map(f64::to_radians);
            return Some(Projection::Rotated(RotatedPole {
                latitude: degrees("+o_lat_p=")?,
                longitude: degrees("+lon_0=").unwrap_or(0.0) - std::f64::consts::PI,
                north_pole_grid_longitude: degrees("+o_lon_p=").unwrap_or(0.0),
            }));
        }
        _ => {}
    }
    let is_unit = |word: &&&str| word.starts_with("+units=") || word.starts_with("+to_meter=");
    let is_figure = |word: &&&str| ["+ellps=", "+a=", "+b=", "+R=", "+rf="].iter().any(|key| word.starts_with(key));
    let is_datum = |word: &&&str| ["+datum=", "+towgs84=", "+nadgrids="].iter().any(|key| word.starts_with(key));
    let joined = |words: Vec<&&str>| words.into_iter().copied().collect::<Vec<_>>().join(" ");
    let all = joined(words.iter().filter(|word| !is_unit(word)).collect());
    let bare = joined(words.iter().filter(|word| !is_unit(word) && !is_datum(word)).collect());
    let figure = joined(words.iter().filter(is_figure).collect());
    let figure = if figure.is_empty() { "+ellps=WGS84".to_owned() } else { figure };
    let pair = |plane: &str, earth: &str| {
        Some((Box::new(Proj::from_proj_string(plane).ok()?), Box::new(Proj::from_proj_string(earth).ok()?)))
    };
    let (plane, earth) = pair(&format!("{all} +units=m"), "+proj=longlat +datum=WGS84 +no_defs")
        .or_else(|| pair(&format!("{bare} {figure} +units=m"), &format!("+proj=longlat {figure} +no_defs")))?;
    let metres = match (value("+to_meter="), value("+units=")) {
        (Some(factor), _) => factor.parse().ok()?,
        (None, Some("km")) => 1000.0,
        (None, Some("us-ft")) => 1200.0 / 3937.0,
        (None, Some("ft")) => 0.3048,
        _ => 1.0,
    };
    Some(Projection::Plane { plane, earth, metres })
}

fn inverse(plane: &Proj, earth: &Proj, x: f64, y: f64) -> Option<(f64, f64)> {
    let mut point = (x, y, 0.0);
    transform(plane, earth, &mut point).ok()?;
    Some((point.0.to_degrees(), point.1.to_degrees()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::Value;

    use super::super::tests::cubes::{inline, text, with};
    use super::*;
    use crate::model::{Numbers, Variable};

    #[derive(Deserialize)]
    struct Case {
        mapping: BTreeMap<String, Value>,
        point: (f64, f64),
        place: (f64, f64),
    }

    fn mapping(attributes: &BTreeMap<String, Value>) -> Variable {
        attributes.iter().fold(inline("crs", &[], &[], Numbers::I32(vec![0]), &[]), |variable, (name, value)| {
            let numbers = |values: Vec<f64>| AttributeValue::Numbers(Numbers::F64(values));
            let value = match value {
                Value::String(given) => text(given),
                Value::Array(values) => numbers(values.iter().filter_map(Value::as_f64).collect()),
                value => numbers(value.as_f64().into_iter().collect()),
            };
            with(variable, name, value)
        })
    }

    fn named(name: &str) -> Variable {
        mapping(&BTreeMap::from([("grid_mapping_name".into(), name.into())]))
    }

    /// The table is what `tests/oracles/projection_cases.py` printed.
    #[test]
    fn every_projection_agrees_with_pyproj() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("../../tests/data/projection_cases.json")).unwrap();
        assert!(cases.len() >= 20);
        for Case { mapping: attributes, point, place } in cases {
            let found = Projection::read(&mapping(&attributes).attributes).unwrap().to_earth(point.0, point.1).unwrap();
            let turn = (found.0 - place.0 + 540.0).rem_euclid(360.0) - 180.0;
            let near = turn.abs() < 1e-6 && (found.1 - place.1).abs() < 1e-6;
            assert!(near, "{attributes:?}: {found:?}, not {place:?}");
        }
    }

    #[test]
    fn what_is_not_known_is_none() {
        assert!(Projection::read(&named("oblique_something").attributes).is_none());
        assert!(Projection::read(&named("rotated_latitude_longitude").attributes).is_none());
        let laea = Projection::read(&named("lambert_azimuthal_equal_area").attributes).unwrap();
        assert_eq!((laea.unit(Some("km")), laea.unit(Some("K"))), (Some(1000.0), None));
        assert_eq!(laea.to_earth(1e12, 0.0), None);
    }
}
