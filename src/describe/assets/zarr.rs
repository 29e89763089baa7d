//! A Zarr store.

use serde_json::{Value, json};

use crate::model::Product;

/// The fields of its asset but the href. The version shows in the name of the document that readers begin with.
pub(super) fn fields(href: &str, product: &Product) -> Value {
    let is_version3 = product.files.first().is_some_and(|file| file.path.ends_with("/zarr.json"));
    let version = if is_version3 { 3 } else { 2 };
    json!({
        "href": href,
        "type": format!("application/vnd.zarr; version={version}"),
        "title": "Zarr store",
        "description": "A copy of the values, rechunked: xarray.open_zarr(href)",
        "roles": ["data"],
        "cloud_format": "zarr",
        "open_zarr_kwargs": {"consolidated": true},
        "xarray:open_kwargs": {"engine": "zarr", "consolidated": true, "chunks": {}},
        "zarr:node_type": "group",
        "zarr:zarr_format": version,
        "zarr:consolidated": true,
    })
}
