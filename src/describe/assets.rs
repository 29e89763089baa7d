//! What an Item links to: products, sources, reports.

mod icechunk;
mod zarr;

use chrono::DateTime;
use serde_json::{Map, Value, json};

use super::dataset::Dataset;
use super::purpose::Purpose;
use super::{DescribeError, ItemInput};
use crate::cftime::rfc3339;
use crate::model::{Fingerprint, ProductFile, ProductFormat, SourceFile, VerifiedProduct};

/// One asset before its template: its key and its fields.
struct Asset {
    key: String,
    kind: &'static str,
    fields: Value,
}

/// The assets of an item, each rendered by `asset.json.j2`, by key.
pub(super) fn render(input: &ItemInput<'_>, dataset: &Dataset<'_>) -> Result<Map<String, Value>, DescribeError> {
    let mut assets = Map::new();
    for asset in all(input, dataset) {
        let (key, rendered) = render_one(input, &asset, assets.keys().map(String::as_str))?;
        assets.insert(key, rendered);
    }
    Ok(assets)
}

fn render_one<'k>(
    input: &ItemInput<'_>,
    asset: &Asset,
    mut taken: impl Iterator<Item = &'k str>,
) -> Result<(String, Value), DescribeError> {
    const TEMPLATE: &str = "asset.json.j2";
    let templates = input.templates;
    let rendered = templates.render(TEMPLATE, &context(input, asset))?;
    let untrue = |expected: String, found: String| {
        Err(DescribeError::Untrue {
            template: templates.name(TEMPLATE),
            field: format!("asset {}", asset.key),
            expected,
            found,
        })
    };
    let (Some((key, value)), 1) = (rendered.iter().next(), rendered.len()) else {
        return untrue("one key and its asset".into(), format!("{} keys", rendered.len()));
    };
    if value["href"] != asset.fields["href"] {
        return untrue(format!("the href {}", asset.fields["href"]), value["href"].to_string());
    }
    // What is opened as a dataset goes by keys that DataPoint can take apart; source files may go by their names.
    if key.is_empty() || (key.contains('-') && asset.kind != "source") || taken.any(|other| other == key) {
        return untrue("a key of its own, without -".into(), format!("{key:?}"));
    }
    Ok((key.clone(), value.clone()))
}

/// What `asset.json.j2` receives.
fn context(input: &ItemInput<'_>, asset: &Asset) -> Value {
    let href = asset.fields["href"].as_str().unwrap_or_default();
    let url = url::Url::parse(href).ok();
    let name = href.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let mut context = json!({
        "key": asset.key,
        "kind": asset.kind,
        "asset": asset.fields,
        "file_name": name,
        "file_key": name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect::<String>(),
        "scheme": url.as_ref().map_or("", |url| url.scheme()),
        "host": url.as_ref().and_then(|url| url.host_str()).unwrap_or_default(),
        "created": rfc3339(input.created),
        "updated": rfc3339(input.updated),
        "modified": null,
        "file_attributes": {},
    });
    // Sources are numbered from 1.
    let number = asset.key.strip_prefix("data").filter(|_| asset.kind == "source").and_then(|text| text.parse().ok());
    let file = number.and_then(|number: usize| input.cube.files.get(number.checked_sub(1)?));
    let Some(file) = file else { return context };
    if let Fingerprint::ModifiedAndSize { modified_ns, .. } = &file.fingerprint {
        let seconds = modified_ns.div_euclid(1_000_000_000);
        context["modified"] = json!(DateTime::from_timestamp(seconds, 0).map(rfc3339));
    }
    if let Some(facts) = input.source_facts.get(&file.url) {
        let told = [("tracking_id", &facts.tracking_id), ("creation_date", &facts.creation_date)];
        for (name, value) in told.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
            context["file_attributes"][name] = json!(value);
        }
    }
    context
}

fn all(input: &ItemInput<'_>, dataset: &Dataset<'_>) -> Vec<Asset> {
    let folder = input.collection.id.as_str();
    let mut assets: Vec<Asset> =
        input.products.iter().filter_map(|product| self::product(product, dataset, input)).collect();
    let files = &input.cube.files;
    match input.source_manifest {
        Some(manifest) if files.len() as u64 > input.record_facts.source_assets => {
            assets.push(source_manifest(manifest, folder));
        }
        _ => assets.extend((1..).zip(files).map(|(number, file)| source(number, file, input))),
    }
    if let Some(thumbnail) = input.thumbnail {
        let href = relative(&thumbnail.path, folder);
        let mut fields =
            json!({"href": href, "type": "image/png", "title": "Quick-look of the data", "roles": ["thumbnail"]});
        describe_file(&mut fields, thumbnail);
        assets.push(Asset { key: "thumbnail".into(), kind: "thumbnail", fields });
    }
    if let Some(report) = input.report {
        let mut fields = json!({
            "href": relative(&report.path, folder),
            "type": "application/json",
            "title": "Report of the build and its verification",
            "roles": ["metadata"],
        });
        describe_file(&mut fields, report);
        assets.push(Asset { key: "report".into(), kind: "report", fields });
    }
    assets
}

/// From an Item's place, `<collection>/items/`, to a file or folder below the output.
fn relative(path: &str, collection: &str) -> String {
    match path.strip_prefix(collection).and_then(|rest| rest.strip_prefix('/')) {
        Some(rest) => format!("../{rest}"),
        None => format!("../../{path}"),
    }
}

/// Size and checksum: a multihash, `12` for SHA-256 and `20` for its length (file extension v2.1.0).
fn describe_file(fields: &mut Value, file: &ProductFile) {
    fields["file:size"] = file.size.into();
    fields["file:checksum"] = format!("1220{}", file.sha256.to_ascii_lowercase()).into();
}

fn product(product: &VerifiedProduct, dataset: &Dataset<'_>, input: &ItemInput<'_>) -> Option<Asset> {
    let folder = input.collection.id.as_str();
    let product = product.product();
    let href = relative(product.place()?, folder);
    let (key, kind, mut fields) = match product.format {
        ProductFormat::Kerchunk => (
            "reference_file",
            "kerchunk",
            json!({
                "href": href,
                "type": "application/vnd.zarr+kerchunk",
                "title": "Kerchunk references",
                "description": "All files as one dataset: xarray.open_dataset(href, engine=\"kerchunk\")",
                "roles": ["data", "virtual", "references"],
                "cloud_format": "kerchunk",
                "xarray:open_kwargs": {"engine": "kerchunk"},
                "zarr:node_type": "group",
                "zarr:zarr_format": 2,
            }),
        ),
        ProductFormat::Cfa => ("cfa", "cfa", cfa(&href)),
        ProductFormat::KerchunkParquet => (
            "reference_parquet",
            "kerchunk-parquet",
            json!({
                "href": href,
                "type": "application/vnd.zarr+kerchunk",
                "title": "Kerchunk references in Parquet",
                "description": "All files as one dataset, its references read as they are needed: \
                    xarray.open_dataset(href, engine=\"kerchunk\"), with fastparquet installed",
                "roles": ["data", "virtual", "references"],
                "cloud_format": "kerchunk",
                "xarray:open_kwargs": {"engine": "kerchunk"},
                "zarr:node_type": "group",
                "zarr:zarr_format": 2,
            }),
        ),
        ProductFormat::Icechunk => ("icechunk", "icechunk", icechunk::fields(product, input)),
        ProductFormat::Zarr => ("zarr", "zarr", zarr::fields(&href, product)),
    };
    let parameters = parameters(dataset);
    if !parameters.is_empty() {
        fields["cf:parameter"] = parameters.into();
    }
    match product.files.as_slice() {
        // A repository grows: it has neither size nor checksum.
        _ if product.format == ProductFormat::Icechunk => {}
        // Of a copy only the documents are listed, and the digests that stand beside it.
        files if product.format == ProductFormat::Zarr => {
            let inside = format!("{}/", product.place().unwrap_or_default());
            let documents =
                files.iter().filter(|file| file.path.starts_with(&inside)).map(|file| file.size).sum::<u64>();
            // Unknown of copies that were made before it was counted.
            if product.unlisted > 0 {
                fields["file:size"] = documents.saturating_add(product.unlisted).into();
            }
        }
        [file] if file.path.ends_with(product.format.file_name()) => describe_file(&mut fields, file),
        // A folder: there is no checksum of such.
        files => fields["file:size"] = files.iter().map(|file| file.size).sum::<u64>().into(),
    }
    Some(Asset { key: key.into(), kind, fields })
}

/// CFA-netCDF: `cloud_format` and `open_xarray_kwargs` are what DataPoint goes by; it opens with the engine `CFA`.
fn cfa(href: &str) -> Value {
    json!({
        "href": href,
        "type": "application/netcdf",
        "title": "CFA-netCDF aggregation",
        "description": "All files as one dataset: xarray.open_dataset(href, engine=\"CFA\") with cfapyx, or cf.read(href)",
        "roles": ["data", "virtual", "references"],
        "cloud_format": "CFA",
        "xarray:open_kwargs": {"engine": "CFA"},
    })
}

/// The standard names of data variables with their units (cf extension v0.2.0).
pub(super) fn parameters(dataset: &Dataset<'_>) -> Vec<Value> {
    let mut parameters = Vec::new();
    for member in dataset.of(Purpose::Data) {
        let Some(name) = member.variable.text("standard_name").filter(|name| !name.is_empty()) else { continue };
        let parameter = match member.variable.text("units") {
            Some(units) => json!({"name": name, "unit": units}),
            None => json!({"name": name}),
        };
        if !parameters.contains(&parameter) {
            parameters.push(parameter);
        }
    }
    parameters
}

fn source(number: usize, file: &SourceFile, input: &ItemInput<'_>) -> Asset {
    let name = file.url.file_name().to_owned();
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
    let media_type = match extension.as_str() {
        "h5" | "hdf5" | "he5" | "hdf" => "application/x-hdf5",
        _ => "application/netcdf",
    };
    let mut fields = json!({
        "href": input.public_urls.rewrite(file.url.url()).as_str(),
        "type": media_type,
        "title": percent_encoding::percent_decode_str(&name).decode_utf8_lossy(),
        "roles": ["source"],
        "file:size": file.size,
    });
    let known = match &file.fingerprint {
        Fingerprint::Sha256 { digest } => Some(digest),
        _ => input.known.checksums.get(file.url.as_str()),
    };
    if let Some(digest) = known {
        fields["file:checksum"] = format!("1220{}", digest.to_ascii_lowercase()).into();
    }
    Asset { key: format!("data{number:04}"), kind: "source", fields }
}

fn source_manifest(file: &ProductFile, folder: &str) -> Asset {
    let mut fields = json!({
        "href": relative(&file.path, folder),
        "type": "application/vnd.apache.parquet",
        // The same for all items: a collection describes it.
        "title": "Table of the source files",
        "description": "One row a file: url, size, fingerprint, role",
        "roles": ["source"],
    });
    describe_file(&mut fields, file);
    Asset { key: "source_manifest".into(), kind: "source_manifest", fields }
}
