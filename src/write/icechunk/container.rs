//! How Icechunk reads from the places that references point to.

use serde_json::{Value, json};
use url::Url;

use crate::model::ChunkContainer;

/// The name of the kind of store, and its settings; a reader may give others.
pub(super) fn store(container: &ChunkContainer) -> (&'static str, Value) {
    let prefix = container.as_str();
    match prefix.split_once(':').map_or("", |(scheme, _)| scheme) {
        "file" => {
            let path = Url::parse(prefix).ok().and_then(|url| url.to_file_path().ok());
            ("local_file_system", json!(path.unwrap_or_default()))
        }
        "s3" => (
            "s3",
            json!({"region": null, "endpoint_url": null, "anonymous": false, "allow_http": false, "force_path_style": false,
                   "network_stream_timeout_seconds": 60, "requester_pays": false}),
        ),
        "gs" | "gcs" => ("gcs", json!({})),
        "az" | "azure" | "abfs" => ("azure", json!({})),
        "http" => ("http", json!({"allow_http": "true"})),
        _ => ("http", json!({})),
    }
}
