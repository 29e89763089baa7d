//! The asset of an Icechunk repository: it pins the snapshot that was verified.

use serde_json::{Value, json};

use super::relative;
use crate::describe::ItemInput;
use crate::model::{ChunkContainer, Product};

pub(super) fn fields(product: &Product, input: &ItemInput<'_>) -> Value {
    let urls: Vec<String> =
        input.cube.files.iter().map(|file| input.public_urls.rewrite(file.url.url()).to_string()).collect();
    let containers = ChunkContainer::around(&urls);
    let containers: Vec<&str> = containers.iter().map(ChunkContainer::as_str).collect();
    json!({
        "href": relative(product.place().unwrap_or_default(), input.collection.id.as_str()),
        "type": "application/vnd.zarr+icechunk",
        "title": "Icechunk repository of virtual references",
        "description": "All files as one dataset, with its history: open the repository, allow the places in \
                        icechunk:virtual_chunk_containers (authorize_virtual_chunk_access), and give the store of a session at the snapshot \
                        in icechunk:snapshot_id to xarray",
        "roles": ["data", "virtual"],
        "icechunk:snapshot_id": product.snapshot(),
        "icechunk:virtual_chunk_containers": containers,
        "xarray:open_kwargs": {"engine": "zarr", "consolidated": false, "zarr_format": 3},
        "zarr:consolidated": false,
        "zarr:node_type": "group",
        "zarr:zarr_format": 3,
    })
}
