//! Coordinate reference systems as well-known text, of both generations (OGC 01-009; OGC 18-010, ISO 19162), as the attributes of a
//! grid mapping (CF 1.11, appendix F).

use std::collections::BTreeMap;

use node::Node;

use crate::model::{AttributeValue, Attributes, Numbers};

mod node;

const PROJECTED: [&str; 3] = ["PROJCRS", "PROJECTEDCRS", "PROJCS"];
const GEOGRAPHIC: [&str; 6] = ["GEOGCRS", "GEOGRAPHICCRS", "GEODCRS", "GEODETICCRS", "GEOGCS", "BASEGEOGCRS"];

/// The part of a system that horizontal coordinates are in.
fn horizontal(root: &Node) -> Option<&Node> {
    root.find(&PROJECTED).or_else(|| root.find(&GEOGRAPHIC))
}

/// Whether a text is of the second generation, which STAC's `proj:wkt2` takes.
pub(super) fn is_second(text: &str) -> bool {
    let own = [
        "PROJCRS",
        "PROJECTEDCRS",
        "GEOGCRS",
        "GEOGRAPHICCRS",
        "GEODCRS",
        "GEODETICCRS",
        "BOUNDCRS",
        "COMPOUNDCRS",
        "DERIVEDPROJCRS",
        "ENGCRS",
    ];
    Node::parse(text).is_some_and(|root| own.contains(&root.keyword.as_str()))
}

/// `EPSG:4326`, if the horizontal part of a system has such a name.
pub(super) fn code(text: &str) -> Option<String> {
    let root = Node::parse(text)?;
    let id = horizontal(&root)?.child(&["ID", "AUTHORITY"])?;
    let code = id.texts.get(1).cloned().or_else(|| id.number().map(|number| number.to_string()))?;
    let authority = id.name().to_ascii_uppercase();
    (!authority.is_empty() && code.chars().all(|letter| letter.is_ascii_alphanumeric()))
        .then(|| format!("{authority}:{code}"))
}

/// Letters and digits alone, as programs differ in all else.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// What a parameter means, whatever it is called.
fn meaning(name: &str) -> Option<&'static str> {
    Some(match plain(name).as_str() {
        "latitudeoforigin"
        | "latitudeofnaturalorigin"
        | "latitudeoffalseorigin"
        | "latitudeofcenter"
        | "latitudeofcentre"
        | "latitudeofprojectioncentre"
        | "latitudeoftopocentricorigin" => "latitude",
        "centralmeridian"
        | "longitudeofnaturalorigin"
        | "longitudeoffalseorigin"
        | "longitudeofcenter"
        | "longitudeofcentre"
        | "longitudeofprojectioncentre"
        | "longitudeoforigin"
        | "longitudeoftopocentricorigin" => "longitude",
        "standardparallel1" | "latitudeof1ststandardparallel" | "latitudeofstandardparallel" => "first",
        "standardparallel2" | "latitudeof2ndstandardparallel" => "second",
        "scalefactor"
        | "scalefactoratnaturalorigin"
        | "scalefactoratprojectioncentre"
        | "scalefactoroninitialline"
        | "scalefactoratprojectioncenter" => "scale",
        "falseeasting" | "eastingatfalseorigin" | "eastingatprojectioncentre" => "easting",
        "falsenorthing" | "northingatfalseorigin" | "northingatprojectioncentre" => "northing",
        "azimuth" | "azimuthofinitialline" | "azimuthatprojectioncentre" => "azimuth",
        "satelliteheight" | "viewpointheight" => "height",
        "gridnorthpolelatitudenetcdfcfconvention" => "pole_latitude",
        "gridnorthpolelongitudenetcdfcfconvention" => "pole_longitude",
        "northpolegridlongitudenetcdfcfconvention" => "pole_grid_longitude",
        _ => return None,
    })
}

/// The attributes of a grid mapping that say the same; `None` if the text is none, or its projection is not known.
pub(super) fn attributes(text: &str) -> Option<Attributes> {
    let root = Node::parse(text)?;
    let system = horizontal(&root)?;
    let mut found = figure(system);
    let mut insert = |name: &str, values: &[f64]| {
        found.insert(name.to_owned(), AttributeValue::Numbers(Numbers::F64(values.to_vec())));
    };
    if let Some(meridian) =
        system.find(&["PRIMEM", "PRIMEMERIDIAN"]).and_then(Node::number).filter(|value| *value != 0.0)
    {
        insert("longitude_of_prime_meridian", &[meridian]);
    }
    let method = system.find(&["METHOD", "PROJECTION"]).map(|node| plain(node.name()));
    let is_first = system.keyword == "PROJCS";
    let parameters = parameters(system);
    let get = |name: &str| parameters.get(name).copied();
    let or_zero = |name: &str| get(name).unwrap_or(0.0);
    insert("false_easting", &[or_zero("easting")]);
    insert("false_northing", &[or_zero("northing")]);
    let (latitude, longitude) = (or_zero("latitude"), or_zero("longitude"));
    let origin = |insert: &mut dyn FnMut(&str, &[f64])| {
        insert("latitude_of_projection_origin", &[latitude]);
        insert("longitude_of_projection_origin", &[longitude]);
    };
    let name = match method.as_deref() {
        None => "latitude_longitude",
        Some("albersconicequalarea" | "albersequalarea") => {
            insert("latitude_of_projection_origin", &[latitude]);
            insert("longitude_of_central_meridian", &[longitude]);
            insert("standard_parallel", &[get("first")?, get("second")?]);
            "albers_conical_equal_area"
        }
        Some("azimuthalequidistant" | "modifiedazimuthalequidistant") => {
            origin(&mut insert);
            "azimuthal_equidistant"
        }
        Some(sweep @ ("geostationarysatellite" | "geostationarysatellitesweepx" | "geostationarysatellitesweepy")) => {
            insert("longitude_of_projection_origin", &[longitude]);
            insert("perspective_point_height", &[get("height")?]);
            let axis = if sweep.ends_with('x') { "x" } else { "y" };
            found.insert("sweep_angle_axis".into(), AttributeValue::Text(axis.into()));
            "geostationary"
        }
        Some("lambertazimuthalequalarea" | "lambertazimuthalequalareaspherical") => {
            origin(&mut insert);
            "lambert_azimuthal_equal_area"
        }
        Some(
            "lambertconformalconic"
            | "lambertconformalconic1sp"
            | "lambertconformalconic2sp"
            | "lambertconicconformal1sp"
            | "lambertconicconformal2sp",
        ) => {
            insert("latitude_of_projection_origin", &[latitude]);
            insert("longitude_of_central_meridian", &[longitude]);
            match (get("first"), get("second")) {
                (Some(first), Some(second)) => insert("standard_parallel", &[first, second]),
                (Some(first), None) => insert("standard_parallel", &[first]),
                _ => insert("standard_parallel", &[latitude]),
            }
            insert("scale_factor_at_projection_origin", &[get("scale").unwrap_or(1.0)]);
            "lambert_conformal_conic"
        }
        Some("cylindricalequalarea" | "lambertcylindricalequalarea" | "lambertcylindricalequalareaspherical") => {
            insert("longitude_of_central_meridian", &[longitude]);
            insert("standard_parallel", &[or_zero("first")]);
            "lambert_cylindrical_equal_area"
        }
        Some("popularvisualisationpseudomercator" | "mercatorauxiliarysphere") => {
            insert("longitude_of_projection_origin", &[longitude]);
            insert("standard_parallel", &[0.0]);
            let radius = found.get("semi_major_axis").cloned();
            found.extend(radius.map(|radius| ("earth_radius".to_owned(), radius)));
            "mercator"
        }
        Some("mercator" | "mercator1sp" | "mercator2sp" | "mercatorvarianta" | "mercatorvariantb") => {
            insert("longitude_of_projection_origin", &[longitude]);
            match (get("first"), get("scale")) {
                (Some(first), _) => insert("standard_parallel", &[first]),
                (None, scale) => insert("scale_factor_at_projection_origin", &[scale.unwrap_or(1.0)]),
            }
            "mercator"
        }
        Some("orthographic") => {
            origin(&mut insert);
            "orthographic"
        }
        Some(
            name @ ("polarstereographic"
            | "polarstereographicvarianta"
            | "polarstereographicvariantb"
            | "stereographicnorthpole"
            | "stereographicsouthpole"),
        ) => {
            // The first generation calls the parallel of true scale the latitude of origin.
            let parallel = get("first").or(Some(latitude).filter(|latitude| is_first && latitude.abs() < 90.0));
            let side = if name.ends_with("southpole") { -1.0 } else { parallel.unwrap_or(latitude) };
            insert("straight_vertical_longitude_from_pole", &[longitude]);
            insert("latitude_of_projection_origin", &[90.0_f64.copysign(side)]);
            match parallel {
                Some(parallel) => insert("standard_parallel", &[parallel]),
                None => insert("scale_factor_at_projection_origin", &[get("scale").unwrap_or(1.0)]),
            }
            "polar_stereographic"
        }
        Some("sinusoidal") => {
            insert("longitude_of_projection_origin", &[longitude]);
            "sinusoidal"
        }
        Some("stereographic") => {
            origin(&mut insert);
            insert("scale_factor_at_projection_origin", &[get("scale").unwrap_or(1.0)]);
            "stereographic"
        }
        Some("transversemercator" | "gausskruger") => {
            insert("latitude_of_projection_origin", &[latitude]);
            insert("longitude_of_central_meridian", &[longitude]);
            insert("scale_factor_at_central_meridian", &[get("scale").unwrap_or(1.0)]);
            "transverse_mercator"
        }
        Some("hotineobliquemercatorazimuthcenter" | "hotineobliquemercatorvariantb") => {
            origin(&mut insert);
            insert("azimuth_of_central_line", &[get("azimuth")?]);
            insert("scale_factor_at_projection_origin", &[get("scale").unwrap_or(1.0)]);
            "oblique_mercator"
        }
        Some("verticalperspective") => {
            origin(&mut insert);
            insert("perspective_point_height", &[get("height")?]);
            "vertical_perspective"
        }
        Some("polerotationnetcdfcfconvention") => {
            insert("grid_north_pole_latitude", &[get("pole_latitude")?]);
            insert("grid_north_pole_longitude", &[get("pole_longitude")?]);
            insert("north_pole_grid_longitude", &[or_zero("pole_grid_longitude")]);
            "rotated_latitude_longitude"
        }
        Some(_) => return None,
    };
    found.insert("grid_mapping_name".into(), AttributeValue::Text(name.into()));
    Some(found)
}

/// The semi-major axis and the inverse flattening, as attributes.
pub(super) fn figure_of(text: &str) -> Attributes {
    Node::parse(text).map(|root| figure(&root)).unwrap_or_default()
}

fn figure(system: &Node) -> Attributes {
    let Some(node) = system.find(&["ELLIPSOID", "SPHEROID"]) else { return Attributes::default() };
    let [major, inverse, ..] = node.numbers.as_slice() else { return Attributes::default() };
    let unit = node.child(&["LENGTHUNIT", "UNIT"]).and_then(Node::number).unwrap_or(1.0);
    let numbers = |value: f64| AttributeValue::Numbers(Numbers::F64(vec![value]));
    let mut found = Attributes::from([("semi_major_axis".to_owned(), numbers(major * unit))]);
    // 0 stands for a sphere.
    let (name, value) =
        if *inverse == 0.0 { ("semi_minor_axis", major * unit) } else { ("inverse_flattening", *inverse) };
    found.insert(name.to_owned(), numbers(value));
    found
}

/// The parameters by their meaning, in degrees, metres and factors.
fn parameters(system: &Node) -> BTreeMap<&'static str, f64> {
    let unit = |keywords: &[&str]| system.child(keywords).and_then(Node::number).filter(|factor| *factor > 0.0);
    let metre = unit(&["UNIT", "LENGTHUNIT"]).filter(|_| system.keyword == "PROJCS").unwrap_or(1.0);
    let mut found = BTreeMap::new();
    for node in system.all(&["PARAMETER"]) {
        let (Some(meaning), Some(value)) = (meaning(node.name()), node.number()) else { continue };
        let own = |keyword: &str| node.child(&[keyword, "UNIT"]).and_then(Node::number);
        let value = match meaning {
            "easting" | "northing" | "height" => value * own("LENGTHUNIT").unwrap_or(metre),
            "scale" => value * own("SCALEUNIT").unwrap_or(1.0),
            _ => own("ANGLEUNIT").map_or(value, |factor| (value * factor).to_degrees()),
        };
        // Degrees by way of radians: 70 is 70, not 69.99999999999999.
        found.insert(meaning, (value * 1e12).round() / 1e12);
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;
    use crate::model::attribute;

    const POLAR: &str = r#"PROJCS["WGS 84 / NSIDC Sea Ice Polar Stereographic North",GEOGCS["WGS 84",DATUM["WGS_1984",
        SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0],
        UNIT["degree",0.0174532925199433],AUTHORITY["EPSG","4326"]],PROJECTION["Polar_Stereographic"],
        PARAMETER["latitude_of_origin",70],PARAMETER["central_meridian",-45],PARAMETER["false_easting",0],
        PARAMETER["false_northing",0],UNIT["metre",1],AUTHORITY["EPSG","3413"]]"#;
    const LAEA: &str = r#"PROJCRS["ETRS89-extended / LAEA Europe",BASEGEOGCRS["ETRS89",DATUM["European ""1989""",
        ELLIPSOID["GRS 1980",6378137,298.257222101,LENGTHUNIT["metre",1]]]],CONVERSION["Europe",
        METHOD["Lambert Azimuthal Equal Area",ID["EPSG",9820]],
        PARAMETER["Latitude of natural origin",52,ANGLEUNIT["degree",0.0174532925199433]],
        PARAMETER["Longitude of natural origin",10,ANGLEUNIT["degree",0.0174532925199433]],
        PARAMETER["False easting",4321,LENGTHUNIT["kilometre",1000]]],CS[Cartesian,2],ID["EPSG",3035]]"#;

    fn number(attributes: &Attributes, name: &str) -> f64 {
        attributes[name].number().unwrap()
    }

    #[test]
    fn both_generations_say_the_same_as_a_grid_mapping() {
        let polar = attributes(POLAR).unwrap();
        assert_eq!(attribute::text(&polar, "grid_mapping_name"), Some("polar_stereographic"));
        assert_eq!(
            (number(&polar, "standard_parallel"), number(&polar, "latitude_of_projection_origin")),
            (70.0, 90.0)
        );
        assert_eq!(number(&polar, "straight_vertical_longitude_from_pole"), -45.0);
        assert_eq!((code(POLAR).as_deref(), is_second(POLAR)), (Some("EPSG:3413"), false));
        let europe = attributes(LAEA).unwrap();
        assert_eq!(attribute::text(&europe, "grid_mapping_name"), Some("lambert_azimuthal_equal_area"));
        assert_eq!(
            (number(&europe, "latitude_of_projection_origin"), number(&europe, "false_easting")),
            (52.0, 4_321_000.0)
        );
        assert_eq!(number(&europe, "inverse_flattening"), 298.257_222_101);
        assert_eq!((code(LAEA).as_deref(), is_second(LAEA)), (Some("EPSG:3035"), true));
    }

    #[test]
    fn what_is_none_is_none() {
        for text in
            ["", "EPSG:4326", "PROJCS[", "PROJCS[\"a\"]]", &"A[".repeat(100), "PROJCS[\"a\",PROJECTION[\"Krovak\"]]"]
        {
            assert!(attributes(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_its_end(text in "[A-Z\\[\\](),\"0-9.a ]{0,200}") {
            let _ = (attributes(&text), code(&text), is_second(&text));
        }
    }
}
