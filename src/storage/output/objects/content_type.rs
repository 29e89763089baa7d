//! What kind of document an object is, for browsers and for readers over HTTP.

/// The media type of an object by its path below the output.
pub(super) fn of(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_item = path.rsplit('/').nth(1) == Some("items");
    match name {
        "zarr.json" | ".zmetadata" | ".zarray" | ".zattrs" | ".zgroup" => return "application/json",
        "data.zarr.digests" => return "text/plain; charset=utf-8",
        _ => {}
    }
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("json") if is_item => "application/geo+json",
        Some("json" | "lock") => "application/json",
        Some("geojson") => "application/geo+json",
        Some("parquet" | "parq") => "application/vnd.apache.parquet",
        Some("nc" | "nca" | "nc4") => "application/netcdf",
        Some("png") => "image/png",
        Some("html") => "text/html; charset=utf-8",
        Some("yaml") => "application/yaml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn what_readers_ask_for() {
        for (path, expected) in [
            ("catalog.json", "application/json"),
            ("c/collection.json", "application/json"),
            ("c/items/a.b.json", "application/geo+json"),
            ("c/products/items/r1/report.json", "application/json"),
            ("c/products/a/r1/kerchunk.json", "application/json"),
            ("c/products/a/r1/kerchunk.parq/.zmetadata", "application/json"),
            ("c/products/a/r1/kerchunk.parq/tas/refs.0.parq", "application/vnd.apache.parquet"),
            ("c/products/a/r1/sources.parquet", "application/vnd.apache.parquet"),
            ("c/products/a/r1/cfa.nca", "application/netcdf"),
            ("c/products/a/r1/data.zarr/zarr.json", "application/json"),
            ("c/products/a/r1/data.zarr/tas/c/0/0/0", "application/octet-stream"),
            ("c/products/a/r1/data.zarr/x.json/c/0", "application/octet-stream"),
            ("c/products/a/r1/thumbnail.png", "image/png"),
            ("c/products/a/icechunk/snapshots/ABC", "application/octet-stream"),
        ] {
            assert_eq!(of(path), expected, "{path}");
        }
    }
}
