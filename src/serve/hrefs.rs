//! Hrefs: stored root-relative where they are the server's own, absolute in every answer.
//!
//! A record knows neither the name nor the port under which its readers reach the server, so both come from the
//! request. What a client read and puts back unchanged must be stored unchanged.

use axum::http::uri::Authority;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use std::fmt;
use std::net::IpAddr;
use thiserror::Error;
use url::Url;

/// What may stand unescaped in one segment of a path (RFC 3986, 3.3, without the sub-delimiters).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The text is not an origin.
#[derive(Debug, Error)]
#[error("the public address must be http(s)://host[:port] and nothing after it, found `{0}`")]
pub struct PublicOriginError(String);

/// The address under which a proxy makes the server known, such as `https://stac.example.org`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicOrigin {
    origin: String,
    authority: String,
}

impl PublicOrigin {
    /// Reads an origin: scheme, host and perhaps a port.
    ///
    /// # Errors
    ///
    /// Another scheme than http or https, or a path, query, fragment or user.
    pub fn parse(text: &str) -> Result<Self, PublicOriginError> {
        let invalid = || PublicOriginError(text.to_owned());
        let url = Url::parse(text).map_err(|_| invalid())?;
        let is_bare = matches!(url.scheme(), "http" | "https")
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        let origin = url.origin().ascii_serialization();
        match origin.split_once("://") {
            Some((_, authority)) if is_bare => Ok(Self { authority: authority.to_owned(), origin }),
            _ => Err(invalid()),
        }
    }
}

impl fmt::Display for PublicOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.origin)
    }
}

/// The server's own origin as one request sees it, such as `http://127.0.0.1:8080`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnOrigin(String);

impl OwnOrigin {
    /// The origin that a `Host` header names, if the server answers to it: a loopback name or address, on any port
    /// since a tunnel may change it, or the public address.
    pub(super) fn from_host(host: &str, public: Option<&PublicOrigin>) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        if let Some(public) = public
            && public.authority == host
        {
            return Some(Self(public.origin.clone()));
        }
        let authority: Authority = host.parse().ok()?;
        let name = authority.host();
        let address = name.trim_start_matches('[').trim_end_matches(']');
        let is_loopback = name == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        (is_loopback && !host.contains('@')).then(|| Self(format!("http://{host}")))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// An absolute URL of this server from path segments, each escaped.
    pub(super) fn url(&self, segments: &[&str]) -> String {
        let path: String =
            segments.iter().map(|segment| format!("/{}", utf8_percent_encode(segment, SEGMENT))).collect();
        format!("{}{}", self.0, if path.is_empty() { "/" } else { &path })
    }
}

/// Makes the server's own hrefs in links and assets root-relative.
pub(super) fn to_stored(record: &mut Map<String, Value>, own: &OwnOrigin) {
    each_href(record, &|href| {
        let path = href.strip_prefix(own.as_str())?;
        is_root_relative(path).then(|| path.to_owned())
    });
}

/// Makes root-relative hrefs in links and assets absolute.
pub(super) fn to_public(record: &mut Map<String, Value>, own: &OwnOrigin) {
    each_href(record, &|href| is_root_relative(href).then(|| format!("{}{href}", own.as_str())));
}

fn is_root_relative(href: &str) -> bool {
    href.starts_with('/') && !href.starts_with("//")
}

fn each_href(record: &mut Map<String, Value>, change: &dyn Fn(&str) -> Option<String>) {
    for key in ["links", "assets"] {
        if let Some(value) = record.get_mut(key) {
            change_hrefs(value, change);
        }
    }
}

/// Goes as deep as the record does, which its parser has bounded.
fn change_hrefs(value: &mut Value, change: &dyn Fn(&str) -> Option<String>) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| change_hrefs(value, change)),
        Value::Object(members) => {
            for (key, value) in members {
                match value {
                    Value::String(href) if key == "href" => {
                        if let Some(changed) = change(href) {
                            *href = changed;
                        }
                    }
                    other => change_hrefs(other, change),
                }
            }
        }
        _ => {}
    }
}

/// The relations of an Item that the server itself writes.
const ITEM_RELATIONS: &[&str] = &["self", "parent", "collection", "root"];
/// The relations of a Collection that the server itself writes.
const COLLECTION_RELATIONS: &[&str] = &["self", "parent", "root", "items"];

/// Takes the links out that every answer gets anew; `links` is an array afterwards.
pub(super) fn without_own_links(record: &mut Map<String, Value>, is_item: bool) {
    let own = if is_item { ITEM_RELATIONS } else { COLLECTION_RELATIONS };
    let links = record.entry("links").or_insert_with(|| json!([]));
    if let Value::Array(links) = links {
        links.retain(|link| !link.get("rel").and_then(Value::as_str).is_some_and(|relation| own.contains(&relation)));
    }
}

/// One link.
pub(super) fn link(relation: &str, media_type: &str, href: String) -> Value {
    json!({"rel": relation, "type": media_type, "href": Value::String(href)})
}

/// The media type of plain JSON.
pub(super) const JSON: &str = "application/json";
/// The media type of Items and their collections.
pub(super) const GEOJSON: &str = "application/geo+json";

/// A stored Item as an answer carries it.
pub(super) fn public_item(mut item: Map<String, Value>, collection: &str, id: &str, own: &OwnOrigin) -> Value {
    to_public(&mut item, own);
    let parent = own.url(&["collections", collection]);
    let links = vec![
        link("self", GEOJSON, own.url(&["collections", collection, "items", id])),
        link("parent", JSON, parent.clone()),
        link("collection", JSON, parent),
        link("root", JSON, own.url(&[])),
    ];
    prepend_links(&mut item, links);
    Value::Object(item)
}

/// A stored Collection as an answer carries it.
pub(super) fn public_collection(mut collection: Map<String, Value>, id: &str, own: &OwnOrigin) -> Value {
    to_public(&mut collection, own);
    let links = vec![
        link("self", JSON, own.url(&["collections", id])),
        link("parent", JSON, own.url(&[])),
        link("root", JSON, own.url(&[])),
        link("items", GEOJSON, own.url(&["collections", id, "items"])),
    ];
    prepend_links(&mut collection, links);
    Value::Object(collection)
}

fn prepend_links(record: &mut Map<String, Value>, mut links: Vec<Value>) {
    if let Some(Value::Array(stored)) = record.get_mut("links") {
        links.append(stored);
    }
    record.insert("links".to_owned(), Value::Array(links));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn own() -> OwnOrigin {
        OwnOrigin::from_host("localhost:8080", None).unwrap()
    }

    #[test]
    fn only_loopback_and_the_public_host_are_answered() {
        let public = PublicOrigin::parse("https://stac.example.org").unwrap();
        let of = |host: &str| OwnOrigin::from_host(host, Some(&public)).map(|own| own.0);
        assert_eq!(of("LOCALHOST:9"), Some("http://localhost:9".to_owned()));
        assert_eq!(of("127.0.0.2"), Some("http://127.0.0.2".to_owned()));
        assert_eq!(of("[::1]:80"), Some("http://[::1]:80".to_owned()));
        assert_eq!(of("stac.example.org"), Some("https://stac.example.org".to_owned()));
        for foreign in
            ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "a@localhost", "10.0.0.1", "", "[::1"]
        {
            assert_eq!(of(foreign), None, "{foreign}");
        }
        for wrong in ["stac.example.org", "ftp://a", "https://a/b", "https://a?b", "https://u@a"] {
            assert!(PublicOrigin::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn hrefs_go_out_and_come_back_unchanged() {
        let stored = json!({
            "links": [{"rel": "license", "href": "https://example.org/licence"}, {"rel": "via", "href": "//other/x"}],
            "assets": {"a": {"href": "/products/a.json", "alternate": {"s3": {"href": "s3://b/k"}, "h": {"href": "/x"}}}},
            "properties": {"href": "/not-a-link"},
        });
        let mut record = stored.as_object().unwrap().clone();
        to_public(&mut record, &own());
        assert_eq!(record["assets"]["a"]["href"], "http://localhost:8080/products/a.json");
        assert_eq!(record["assets"]["a"]["alternate"]["h"]["href"], "http://localhost:8080/x");
        assert_eq!(record["properties"]["href"], "/not-a-link");
        to_stored(&mut record, &own());
        assert_eq!(Value::Object(record), stored);
    }

    #[test]
    fn an_origin_that_only_begins_like_ours_is_another() {
        let mut record = json!({"assets": {"a": {"href": "http://localhost:80801/x"}}}).as_object().unwrap().clone();
        to_stored(&mut record, &own());
        assert_eq!(record["assets"]["a"]["href"], "http://localhost:80801/x");
    }

    #[test]
    fn identifiers_are_escaped_in_urls() {
        assert_eq!(own().url(&["collections", "a/b c"]), "http://localhost:8080/collections/a%2Fb%20c");
        assert_eq!(own().url(&[]), "http://localhost:8080/");
    }
}
