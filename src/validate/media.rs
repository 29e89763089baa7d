//! Is an asset's media type right for what the asset is?

use serde_json::Value;

use super::Problem;

/// The media types of a product, by the `cloud_format` that clients go by.
const CLOUD_FORMATS: [(&str, &[&str]); 4] = [
    (
        "kerchunk",
        &["application/vnd.zarr+kerchunk", "application/json", "application/zstd", "application/vnd.apache.parquet"],
    ),
    ("zarr", &["application/vnd.zarr", "application/vnd+zarr"]),
    ("CFA", &["application/netcdf", "application/x-netcdf", "application/vnd.netcdf"]),
    ("cog", &["image/tiff"]),
];

/// The media types of files, by the ends of their names.
const ENDINGS: [(&str, &[&str]); 10] = [
    (
        ".nc",
        &[
            "application/netcdf",
            "application/x-netcdf",
            "application/vnd.netcdf",
            "application/x-hdf5",
            "application/x-hdf",
        ],
    ),
    (".nca", &["application/netcdf", "application/x-netcdf", "application/vnd.netcdf"]),
    (".h5", &["application/x-hdf5", "application/x-hdf", "application/netcdf", "application/x-netcdf"]),
    (".parq", &["application/vnd.zarr+kerchunk", "application/vnd.apache.parquet", "application/x-parquet"]),
    (".parquet", &["application/vnd.apache.parquet", "application/x-parquet", "application/vnd.zarr+kerchunk"]),
    (".zarr", &["application/vnd.zarr", "application/vnd+zarr"]),
    (".png", &["image/png"]),
    (".jpg", &["image/jpeg"]),
    (".tif", &["image/tiff"]),
    (".html", &["text/html"]),
];

/// Adds what is wrong with the media type of an asset.
pub(super) fn check(pointer: &str, asset: &Value, problems: &mut Vec<Problem>) {
    let Some(media_type) = asset["type"].as_str() else { return };
    let mut wrong = |message: String| problems.push(Problem::new(format!("{pointer}/type"), message));
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !is_media_type(&essence) {
        return wrong(format!("expected a media type such as application/netcdf, found {media_type:?}"));
    }
    let format = asset["cloud_format"].as_str();
    if let Some((_, known)) = CLOUD_FORMATS.iter().find(|(known, _)| Some(*known) == format)
        && !known.contains(&essence.as_str())
    {
        let format = format.unwrap_or_default();
        wrong(format!("expected {} for the cloud_format {format}, found {media_type:?}", known.join(" or ")));
    } else if let Some(known) = by_ending(asset["href"].as_str().unwrap_or_default())
        && !known.contains(&essence.as_str())
    {
        wrong(format!("expected {} by the end of its href, found {media_type:?}", known.join(" or ")));
    }
    let has_role = |role: &str| asset["roles"].as_array().is_some_and(|roles| roles.iter().any(|found| found == role));
    if (has_role("thumbnail") || has_role("overview")) && !essence.starts_with("image/") {
        wrong(format!("expected an image for a thumbnail, found {media_type:?}"));
    }
    if let Some(format) = format.filter(|format| !CLOUD_FORMATS.iter().any(|(known, _)| known == format)) {
        let known: Vec<&str> = CLOUD_FORMATS.iter().map(|(known, _)| *known).collect();
        let message = format!("expected one of {}, found {format:?}", known.join(", "));
        problems.push(Problem::new(format!("{pointer}/cloud_format"), message));
    }
}

fn by_ending(href: &str) -> Option<&'static [&'static str]> {
    let path = href.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/').to_ascii_lowercase();
    ENDINGS.iter().find(|(ending, _)| path.ends_with(ending)).map(|(_, types)| *types)
}

/// `type/subtype` (RFC 6838, 4.2).
fn is_media_type(text: &str) -> bool {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c))
    };
    text.split_once('/').is_some_and(|(kind, name)| is_name(kind) && is_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(asset: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        check("/assets/a", asset, &mut problems);
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn types_fit_what_the_asset_is() {
        for right in [
            json!({"href": "../x/kerchunk.json", "type": "application/vnd.zarr+kerchunk", "cloud_format": "kerchunk"}),
            json!({"href": "../x/data.zarr", "type": "application/vnd.zarr; version=3", "cloud_format": "zarr"}),
            json!({"href": "../x/cfa.nca", "type": "application/netcdf", "cloud_format": "CFA"}),
            json!({"href": "https://x/a.nc", "type": "application/netcdf"}),
            json!({"href": "https://x/a.nc"}),
            json!({"href": "x.png", "type": "image/png", "roles": ["thumbnail"]}),
        ] {
            assert!(said(&right).is_empty(), "{right}: {:?}", said(&right));
        }
        for (wrong, expected) in [
            (
                json!({"href": "k.json", "type": "application/netcdf", "cloud_format": "kerchunk"}),
                "for the cloud_format kerchunk",
            ),
            (json!({"href": "a.nc", "type": "image/png"}), "by the end of its href"),
            (json!({"href": "a", "type": "netcdf"}), "expected a media type"),
            (json!({"href": "a.txt", "type": "text/plain", "roles": ["thumbnail"]}), "an image"),
            (
                json!({"href": "a", "type": "application/x", "cloud_format": "Kerchunk"}),
                "/assets/a/cloud_format: expected one of",
            ),
        ] {
            assert!(said(&wrong).iter().any(|said| said.contains(expected)), "{wrong}: {:?}", said(&wrong));
        }
    }
}
