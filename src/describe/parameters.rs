//! The parameters of a coordinate reference system, from all ways in which files write one down.

use super::wkt;
use crate::model::{AttributeValue, Attributes, Variable};

/// Attributes that hold well-known text; the first is CF's (5.6.1), the second GDAL's.
const TEXTS: [&str; 5] = ["crs_wkt", "spatial_ref", "wkt", "esri_pe_string", "spatial_ref_wkt"];
/// Attributes that hold an EPSG code.
const CODES: [&str; 6] = ["epsg_code", "spatial_epsg", "EPSG_code", "epsg", "EPSG", "srid"];
/// Attributes that hold a definition as PROJ writes it.
const DEFINITIONS: [&str; 6] =
    ["proj4", "proj4_params", "proj4text", "proj4_string", "proj_string", "proj4_definition"];
/// What stands for the name of a grid mapping whose parameters are a definition as PROJ writes it, in the attribute of that name.
pub(super) const DEFINITION: &str = "proj4";

/// The attributes of a grid mapping as CF writes them (appendix F): its own, else what its well-known text, its EPSG code or its PROJ
/// definition says; `None` if there is none of these.
pub(super) fn of(mapping: &Variable) -> Option<Attributes> {
    let has = |name: &str| mapping.attributes.contains_key(name);
    if mapping.text("grid_mapping_name").is_some_and(super::projection::is_known) {
        let mut own = mapping.attributes.clone();
        if !["earth_radius", "semi_major_axis", "semi_minor_axis"].into_iter().any(has) {
            own.extend(text(mapping).map(wkt::figure_of).unwrap_or_default());
        }
        return Some(own);
    }
    let by_text = || text(mapping).and_then(wkt::attributes);
    let by_code = || definition(code(mapping)?.strip_prefix("EPSG:")?.parse().ok()?);
    let by_definition = || DEFINITIONS.into_iter().find_map(|name| mapping.text(name)).map(defined);
    by_text().or_else(by_code).or_else(by_definition)
}

/// Whether a variable says of a coordinate reference system at all.
pub(super) fn is_mapping(variable: &Variable) -> bool {
    variable.text("grid_mapping_name").is_some() || text(variable).is_some() || code(variable).is_some()
}

/// The well-known text of a mapping.
pub(super) fn text(mapping: &Variable) -> Option<&str> {
    TEXTS.into_iter().filter_map(|name| mapping.text(name)).find(|text| text.contains('['))
}

/// The code of a mapping's system, as `EPSG:3413`.
pub(super) fn code(mapping: &Variable) -> Option<String> {
    if let Some(code) = text(mapping).and_then(wkt::code) {
        return Some(code);
    }
    CODES.into_iter().chain(TEXTS).find_map(|name| {
        let value = mapping.attributes.get(name)?;
        let number = value.number().map(|number| number.to_string());
        let text = number.or_else(|| value.text().map(|text| text.trim().to_ascii_uppercase()))?;
        let digits = text.strip_prefix("EPSG:").unwrap_or(&text);
        (!digits.is_empty() && digits.len() <= 6 && digits.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| format!("EPSG:{digits}"))
    })
}

fn definition(code: u16) -> Option<Attributes> {
    crs_definitions::from_code(code).map(|definition| defined(definition.proj4))
}

fn defined(text: &str) -> Attributes {
    [("grid_mapping_name", DEFINITION), (DEFINITION, text)]
        .map(|(name, text)| (name.to_owned(), AttributeValue::Text(text.to_owned())))
        .into()
}
