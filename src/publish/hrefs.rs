//! Makes the hrefs of a record mean the same to a reader of an API as to one of the static catalogue. Pure.

use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use super::{PublishError, STRUCTURAL_LINKS};
use crate::model::{ItemId, PublicUrls, Record, RecordKind, ValidatedRecord};
use crate::storage::web::is_loopback;

/// What is encoded in a piece of a URL's path.
const PATH_PIECE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Who reads what is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Programs on this machine: local files mean something to them.
    Loopback,
    /// Anybody: every asset has to be http(s).
    Everyone,
}

impl Audience {
    /// Who can read from the API at this URL.
    ///
    /// ```
    /// use altostac::publish::Audience;
    /// assert_eq!(Audience::of(&url::Url::parse("http://[::1]:8080/stac")?), Audience::Loopback);
    /// assert_eq!(Audience::of(&url::Url::parse("https://localhost.example.org")?), Audience::Everyone);
    /// # Ok::<(), url::ParseError>(())
    /// ```
    pub fn of(api: &Url) -> Self {
        if is_loopback(api) { Self::Loopback } else { Self::Everyone }
    }
}

/// A valid record whose hrefs mean something to its readers, and that has no links between records: the API makes them.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishableRecord {
    record: Record,
    audience: Audience,
}

impl PublishableRecord {
    /// The record as it is sent.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// SHA-256 in hexadecimal of the record as it is sent.
    pub fn digest(&self) -> String {
        digest_of(self.record.json.to_string().as_bytes())
    }

    /// Whom its hrefs mean something to.
    pub fn audience(&self) -> Audience {
        self.audience
    }

    /// The same record for this API: links to other versions lead to where it has them.
    pub fn at(mut self, api: &Url) -> Self {
        let base = folder_url(api);
        for link in self.record.json.get_mut("links").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(path) = version_path(link)
                && let Ok(url) = base.join(&path)
            {
                link["href"] = url.as_str().into();
            }
        }
        self
    }
}

/// SHA-256 in hexadecimal.
pub(super) fn digest_of(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        // A text takes whatever is written.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Links between items (version extension v1.2.0).
const VERSION_LINKS: [&str; 3] = ["predecessor-version", "successor-version", "latest-version"];

/// The path below an API of a link to another version.
fn version_path(link: &Value) -> Option<String> {
    let is_version = link.get("rel")?.as_str().is_some_and(|rel| VERSION_LINKS.contains(&rel));
    let path = link.get("href")?.as_str()?.trim_start_matches('/');
    (is_version && path.starts_with("collections/")).then(|| path.to_owned())
}

/// Takes the links to items beside a record out, and gives them back as an API has them.
fn take_versions(links: &mut Vec<Value>, collection: &str, prefix: &str) -> Vec<Value> {
    let beside = |link: &Value| -> Option<String> {
        let is_version = link.get("rel")?.as_str().is_some_and(|rel| VERSION_LINKS.contains(&rel));
        let name = link.get("href")?.as_str()?.strip_prefix("./")?.strip_suffix(".json")?;
        (is_version && ItemId::new(name).is_ok()).then(|| format!("{prefix}collections/{collection}/items/{name}"))
    };
    let mut taken = Vec::new();
    links.retain(|link| match beside(link) {
        Some(href) => {
            let mut link = link.clone();
            link["href"] = href.into();
            taken.push(link);
            false
        }
        None => true,
    });
    taken
}

/// A local file that the embedded API serves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// The path of its URL, percent-encoded: `/products/…` or `/sources/…`.
    pub url_path: String,
    /// Where it is.
    pub path: PathBuf,
}

/// Makes every href absolute: a relative one is resolved against the record's place below the output, then `public_urls` says what
/// readers see instead. Links between records are dropped.
///
/// `output` is the URL of the output's folder.
///
/// # Errors
/// [`PublishError::Private`] if the audience is everyone and an asset is not http(s), or any href is `file:`;
/// [`PublishError::Href`] if an href is no URL or a relative one leaves the output;
/// [`PublishError::Misplaced`] if an item names no collection.
pub fn absolute(
    record: &ValidatedRecord,
    output: &Url,
    public_urls: &PublicUrls,
    audience: Audience,
) -> Result<PublishableRecord, PublishError> {
    rewrite(record.record(), output, (audience, ""), |owner, url| {
        let seen = public_urls.rewrite(&url);
        if audience == Audience::Everyone && !owner.admits(seen.scheme()) {
            return Err(Fault::Private(seen.into()));
        }
        Ok(seen.into())
    })
}

/// Makes every href of a record what the embedded API expands and serves, and says which local files it thereby has to serve.
///
/// Products and whatever else lies below the output become `/products/<path below output>`, other local files of assets
/// `/sources/<record id>/<asset key>/<file name>`. What `public_urls` is about keeps its public form.
///
/// # Errors
/// As [`absolute`] with an audience on loopback.
pub fn embedded(
    record: &ValidatedRecord,
    output: &Url,
    public_urls: &PublicUrls,
) -> Result<(PublishableRecord, Vec<Grant>), PublishError> {
    let id = &record.record().id;
    let below_output = folder_url(output);
    let mut grants = Vec::new();
    let publishable = rewrite(record.record(), output, (Audience::Loopback, "/"), |owner, url| {
        let seen = public_urls.rewrite(&url);
        let Some(path) = (seen == url && url.scheme() == "file").then(|| url.to_file_path().ok()).flatten() else {
            return Ok(seen.into());
        };
        let url_path = match url.as_str().strip_prefix(below_output.as_str()) {
            Some(rest) => format!("/products/{rest}"),
            None => match owner.asset_key() {
                Some(key) => source_path(id, &key, &url)?,
                None => return Ok(url.into()),
            },
        };
        grants.push(Grant { url_path: url_path.clone(), path });
        Ok(url_path)
    })?;
    grants.sort();
    grants.dedup();
    Ok((publishable, grants))
}

fn source_path(id: &str, asset_key: &str, url: &Url) -> Result<String, Fault> {
    if matches!(asset_key, "." | "..") {
        return Err(Fault::Bad("belongs to an asset whose key cannot be part of a URL"));
    }
    let name = url.path().rsplit('/').next().unwrap_or_default();
    let encoded = |text| utf8_percent_encode(text, PATH_PIECE);
    Ok(format!("/sources/{}/{}/{name}", encoded(id), encoded(asset_key)))
}

/// What an href belongs to.
#[derive(Debug, Clone, Copy)]
enum Owner<'a> {
    Asset(&'a str),
    Alternate(&'a str, &'a str),
    Link(&'a str),
}

impl Owner<'_> {
    /// Whether everyone can be sent an href with this scheme. Alternates exist to name other schemes; a link may be a `mailto:`.
    fn admits(self, scheme: &str) -> bool {
        match self {
            Self::Asset(_) => matches!(scheme, "http" | "https"),
            Self::Alternate(..) | Self::Link(_) => scheme != "file",
        }
    }

    fn asset_key(self) -> Option<String> {
        match self {
            Self::Asset(key) => Some(key.to_owned()),
            Self::Alternate(key, name) => Some(format!("{key}.{name}")),
            Self::Link(_) => None,
        }
    }
}

impl std::fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Asset(key) => write!(f, "asset {key:?}"),
            Self::Alternate(key, name) => write!(f, "asset {key:?} (alternate {name:?})"),
            Self::Link(rel) => write!(f, "the link {rel:?}"),
        }
    }
}

enum Fault {
    Private(String),
    Bad(&'static str),
}

fn folder_url(output: &Url) -> Url {
    let mut folder = output.clone();
    if !folder.path().ends_with('/') {
        folder.set_path(&format!("{}/", folder.path()));
    }
    folder
}

/// The path of a record below the output.
fn place(record: &Record) -> Result<String, PublishError> {
    match (record.kind, record.json.get("collection").and_then(Value::as_str)) {
        (RecordKind::Collection, _) => Ok(format!("{}/collection.json", record.id)),
        (RecordKind::Item, Some(collection)) => Ok(format!("{collection}/items/{}.json", record.id)),
        (RecordKind::Item, None) => Err(PublishError::Misplaced {
            kind: record.kind,
            id: record.id.clone(),
            reason: "it names no collection".into(),
        }),
    }
}

fn rewrite(
    record: &Record,
    output: &Url,
    (audience, versions_prefix): (Audience, &str),
    mut seen: impl FnMut(Owner<'_>, Url) -> Result<String, Fault>,
) -> Result<PublishableRecord, PublishError> {
    let output = folder_url(output);
    let place = output.join(&place(record)?).unwrap_or_else(|_| output.clone());
    let mut json = record.json.clone();
    let mut versions = Vec::new();
    if let Some(links) = json.get_mut("links").and_then(Value::as_array_mut) {
        let collection = record.json.get("collection").and_then(Value::as_str).unwrap_or_default();
        versions = take_versions(links, collection, versions_prefix);
        links
            .retain(|link| !link.get("rel").and_then(Value::as_str).is_some_and(|rel| STRUCTURAL_LINKS.contains(&rel)));
    }
    each_href(&mut json, |owner, href| {
        let rewritten = resolve(&output, &place, href).and_then(|url| seen(owner, url));
        let (kind, id, of) = (record.kind, record.id.clone(), owner.to_string());
        *href = rewritten.map_err(|fault| match fault {
            Fault::Private(seen) => PublishError::Private { kind, id, of, href: seen },
            Fault::Bad(reason) => PublishError::Href { kind, id, of, href: href.clone(), reason },
        })?;
        Ok(())
    })?;
    if let Some(links) = json.get_mut("links").and_then(Value::as_array_mut) {
        links.extend(versions);
    }
    Ok(PublishableRecord { record: Record { json, ..record.clone() }, audience })
}

fn resolve(output: &Url, place: &Url, href: &str) -> Result<Url, Fault> {
    match Url::parse(href) {
        Ok(url) => Ok(url),
        Err(url::ParseError::RelativeUrlWithoutBase) => {
            let url = place.join(href).map_err(|_| Fault::Bad("is no URL"))?;
            if url.as_str().starts_with(output.as_str()) { Ok(url) } else { Err(Fault::Bad("leaves the output")) }
        }
        Err(_) => Err(Fault::Bad("is no URL")),
    }
}

fn each_href(
    json: &mut Value,
    mut change: impl FnMut(Owner<'_>, &mut String) -> Result<(), PublishError>,
) -> Result<(), PublishError> {
    for (key, asset) in json.get_mut("assets").and_then(Value::as_object_mut).into_iter().flatten() {
        if let Some(Value::String(href)) = asset.get_mut("href") {
            change(Owner::Asset(key), href)?;
        }
        for (name, alternate) in asset.get_mut("alternate").and_then(Value::as_object_mut).into_iter().flatten() {
            if let Some(Value::String(href)) = alternate.get_mut("href") {
                change(Owner::Alternate(key, name), href)?;
            }
        }
    }
    for link in json.get_mut("links").and_then(Value::as_array_mut).into_iter().flatten() {
        let rel = link.get("rel").and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Some(Value::String(href)) = link.get_mut("href") {
            change(Owner::Link(&rel), href)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::needless_pass_by_value)]
    use super::*;
    use serde_json::json;

    fn item(assets: Value) -> ValidatedRecord {
        let json = json!({
            "id": "a.1", "collection": "c", "assets": assets,
            "links": [
                {"rel": "root", "href": "../../catalog.json"}, {"rel": "collection", "href": "../collection.json"},
                {"rel": "license", "href": "https://x.org/l"}, {"rel": "about", "href": "../../about.html"},
            ],
        });
        ValidatedRecord::prove(Record { kind: RecordKind::Item, id: "a.1".into(), json })
    }

    #[test]
    fn links_to_other_versions_lead_to_where_an_api_has_them() {
        let json = json!({
            "id": "a.1", "collection": "c", "assets": {},
            "links": [
                {"rel": "latest-version", "href": "./a.2.json", "title": "2"},
                {"rel": "predecessor-version", "href": "https://x.org/a.0.json"},
            ],
        });
        let record = ValidatedRecord::prove(Record { kind: RecordKind::Item, id: "a.1".into(), json });
        let links = |record: PublishableRecord| {
            let links = record.record().json["links"].as_array().unwrap().clone();
            links.into_iter().map(|link| link["href"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let absolute = absolute(&record, &output(), &PublicUrls::default(), Audience::Everyone).unwrap();
        let api = Url::parse("https://api.org/stac").unwrap();
        let expected = ["https://x.org/a.0.json", "https://api.org/stac/collections/c/items/a.2"];
        assert_eq!(links(absolute.at(&api)), expected);
        let (embedded, _) = embedded(&record, &output(), &PublicUrls::default()).unwrap();
        assert_eq!(links(embedded), ["https://x.org/a.0.json", "/collections/c/items/a.2"]);
    }

    fn output() -> Url {
        Url::parse("file:///data/published").unwrap()
    }

    fn urls(rules: &[(&str, &str)]) -> PublicUrls {
        PublicUrls::new(rules.iter().map(|(from, to)| (Url::parse(from).unwrap(), Url::parse(to).unwrap())))
    }

    fn assets() -> Value {
        json!({
            "reference_file": {"href": "../products/a.1/r1/kerchunk.json", "roles": ["data"]},
            "data0001": {"href": "file:///archive/tas%201.nc", "alternate": {"s3": {"href": "s3://b/tas"}}},
            "remote": {"href": "https://x.org/tas.nc"},
        })
    }

    fn href<'a>(record: &'a PublishableRecord, key: &str) -> &'a str {
        record.record().json["assets"][key]["href"].as_str().unwrap()
    }

    #[test]
    fn hrefs_become_absolute_and_public() {
        let public = urls(&[("file:///data/published", "https://p.org/x"), ("file:///archive", "https://dap.org/")]);
        let record = absolute(&item(assets()), &output(), &public, Audience::Everyone).unwrap();
        assert_eq!(href(&record, "reference_file"), "https://p.org/x/c/products/a.1/r1/kerchunk.json");
        assert_eq!(href(&record, "data0001"), "https://dap.org/tas%201.nc");
        assert_eq!(href(&record, "remote"), "https://x.org/tas.nc");
        assert_eq!(record.record().json["assets"]["data0001"]["alternate"]["s3"]["href"], "s3://b/tas");
        let links = json!([{"rel": "license", "href": "https://x.org/l"}, {"rel": "about", "href": "https://p.org/x/about.html"}]);
        assert_eq!(record.record().json["links"], links);
        let keys: Vec<_> = record.record().json["assets"].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["reference_file", "data0001", "remote"], "the order is kept");
    }

    #[test]
    fn local_hrefs_are_for_loopback_only() {
        let record = absolute(&item(assets()), &output(), &PublicUrls::default(), Audience::Loopback).unwrap();
        assert_eq!(href(&record, "reference_file"), "file:///data/published/c/products/a.1/r1/kerchunk.json");
        let error = absolute(&item(assets()), &output(), &PublicUrls::default(), Audience::Everyone).unwrap_err();
        assert_eq!(
            error.to_string(),
            "item \"a.1\": the href \"file:///data/published/c/products/a.1/r1/kerchunk.json\" of asset \"reference_file\" \
             means nothing to readers on other machines; expected http or https"
        );
        assert!(error.remedy().unwrap().contains("public_urls"));
        let object_store = item(json!({"a": {"href": "s3://bucket/a"}}));
        assert!(absolute(&object_store, &output(), &PublicUrls::default(), Audience::Everyone).is_err());
    }

    #[test]
    fn the_embedded_api_serves_exactly_what_the_hrefs_name() {
        let (record, grants) = embedded(&item(assets()), &output(), &PublicUrls::default()).unwrap();
        assert_eq!(href(&record, "reference_file"), "/products/c/products/a.1/r1/kerchunk.json");
        assert_eq!(href(&record, "data0001"), "/sources/a.1/data0001/tas%201.nc");
        assert_eq!(href(&record, "remote"), "https://x.org/tas.nc");
        let grants: Vec<_> = grants.iter().map(|g| (g.url_path.as_str(), g.path.to_str().unwrap())).collect();
        assert_eq!(
            grants,
            [
                ("/products/about.html", "/data/published/about.html"),
                ("/products/c/products/a.1/r1/kerchunk.json", "/data/published/c/products/a.1/r1/kerchunk.json"),
                ("/sources/a.1/data0001/tas%201.nc", "/archive/tas 1.nc"),
            ]
        );
        let public = urls(&[("file:///archive", "https://dap.org")]);
        let (record, grants) = embedded(&item(assets()), &output(), &public).unwrap();
        assert_eq!(href(&record, "data0001"), "https://dap.org/tas%201.nc");
        assert_eq!(grants.len(), 2);
    }

    #[test]
    fn nothing_outside_the_output_is_reached_by_a_relative_href() {
        for bad in ["../../../secret", "/etc/passwd", "../%2e%2e/%2E%2E/secret", "//host/x"] {
            let record = item(json!({"a": {"href": bad}}));
            for result in [
                absolute(&record, &output(), &PublicUrls::default(), Audience::Loopback).map(drop),
                embedded(&record, &output(), &PublicUrls::default()).map(drop),
            ] {
                assert!(matches!(result, Err(PublishError::Href { reason: "leaves the output", .. })), "{bad}");
            }
        }
        assert!(embedded(&item(json!({"..": {"href": "file:///a"}})), &output(), &PublicUrls::default()).is_err());
    }
}
