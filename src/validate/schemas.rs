//! The vendored schemas, by the URL under which records and other schemas name them.

use crate::model::RecordKind;

macro_rules! vendored {
    ($($url:literal => $path:literal),* $(,)?) => {
        &[$(($url, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/stac/", $path)))),*]
    };
}

macro_rules! extension_schemas {
    ($($name:literal),* $(,)?) => {
        &[$((
            concat!("https://stac-extensions.github.io/", $name, "/schema.json"),
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/stac/", $name, "/schema.json")),
        )),*]
    };
}

const ITEM: &str = "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/item.json";
pub(super) const CATALOG: &str = "https://schemas.stacspec.org/v1.1.0/catalog-spec/json-schema/catalog.json";
const COLLECTION: &str = "https://schemas.stacspec.org/v1.1.0/collection-spec/json-schema/collection.json";

/// STAC itself, and what schemas refer to.
const CORE: &[(&str, &str)] = vendored![
    "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/item.json" => "stac-spec/v1.1.0/item-spec/json-schema/item.json",
    "https://schemas.stacspec.org/v1.1.0/collection-spec/json-schema/collection.json" => "stac-spec/v1.1.0/collection-spec/json-schema/collection.json",
    "https://schemas.stacspec.org/v1.1.0/catalog-spec/json-schema/catalog.json" => "stac-spec/v1.1.0/catalog-spec/json-schema/catalog.json",
    "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/bands.json" => "stac-spec/v1.1.0/item-spec/json-schema/bands.json",
    "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/basics.json" => "stac-spec/v1.1.0/item-spec/json-schema/basics.json",
    "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/common.json" => "stac-spec/v1.1.0/item-spec/json-schema/common.json",
    "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/data-values.json" => "stac-spec/v1.1.0/item-spec/json-schema/data-values.json",
    "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/datetime.json" => "stac-spec/v1.1.0/item-spec/json-schema/datetime.json",
    "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/instrument.json" => "stac-spec/v1.1.0/item-spec/json-schema/instrument.json",
    "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/licensing.json" => "stac-spec/v1.1.0/item-spec/json-schema/licensing.json",
    "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/provider.json" => "stac-spec/v1.1.0/item-spec/json-schema/provider.json",
    "https://schemas.stacspec.org/v1.0.0/item-spec/json-schema/basics.json" => "stac-spec/v1.0.0/item-spec/json-schema/basics.json",
    "https://geojson.org/schema/Feature.json" => "geojson/Feature.json",
    "https://geojson.org/schema/Geometry.json" => "geojson/Geometry.json",
    "https://proj.org/schemas/v0.7/projjson.schema.json" => "projjson/v0.7/projjson.schema.json",
    "https://stac-extensions.github.io/storage/v2.0.0/platforms/aws-s3.json" => "storage/v2.0.0/aws-s3.json",
    "https://stac-extensions.github.io/storage/v2.0.0/platforms/custom-s3.json" => "storage/v2.0.0/custom-s3.json",
    "https://stac-extensions.github.io/storage/v2.0.0/platforms/ms-azure.json" => "storage/v2.0.0/ms-azure.json",
];

const EXTENSIONS: &[(&str, &str)] = extension_schemas![
    "alternate-assets/v1.2.0",
    "cf/v0.2.0",
    "cmip6/v3.0.2",
    "contacts/v1.0.0",
    "datacube/v2.3.0",
    "file/v2.1.0",
    "item-assets/v1.0.0",
    "processing/v1.2.0",
    "projection/v2.0.0",
    "scientific/v1.0.0",
    "storage/v2.0.0",
    "timestamps/v1.1.0",
    "version/v1.2.0",
    "xarray-assets/v1.0.0",
    "zarr/v1.1.0",
];

/// All schemas: URL and text.
pub(super) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    CORE.iter().chain(EXTENSIONS).copied()
}

/// The URLs of the extensions.
pub(super) fn extensions() -> impl Iterator<Item = &'static str> {
    EXTENSIONS.iter().map(|(url, _)| *url)
}

/// The vendored extension that a record names.
pub(super) fn known_extension(url: &str) -> Option<&'static str> {
    extensions().find(|known| *known == url.trim_end_matches('#'))
}

/// The schema of a kind of record.
pub(super) fn core(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Collection => COLLECTION,
        RecordKind::Item => ITEM,
    }
}
