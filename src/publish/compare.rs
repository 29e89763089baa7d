//! Whether an API holds a record as we would send it. Pure.
//!
//! Servers add links, drop nulls, reorder and re-encode: a record is equal if it means the same, never byte for byte.

use std::collections::BTreeSet;
use std::fmt;

use chrono::DateTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use url::{Origin, Url};

use super::STRUCTURAL_LINKS;

/// More differences than this tell nobody anything.
const DIFFERENCES_LIMIT: usize = 100;

/// Deeper than any record, and than `serde_json` reads.
const DEPTH_LIMIT: usize = 130;

/// Members that proxies and servers add: `auth:*` (stac-auth-proxy), `created` and `updated` (most servers).
const ADDED_MEMBERS: [&str; 4] = ["auth:schemes", "auth:refs", "created", "updated"];

/// The extension that stac-auth-proxy adds; any version.
const ADDED_EXTENSION: &str = "https://stac-extensions.github.io/authentication/";

/// A place where two records differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// Where: a JSON pointer (RFC 6901).
    pub pointer: String,
    /// The API's value; absent if it has none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub theirs: Option<Value>,
    /// Our value, which takes its place; absent if we have none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ours: Option<Value>,
}

impl Difference {
    /// About how many bytes it takes as JSON.
    pub(super) fn size(&self) -> usize {
        let values = [&self.theirs, &self.ours].into_iter().flatten().map(size);
        values.fold(self.pointer.len(), usize::saturating_add)
    }
}

/// About how many bytes a value takes; no record is nested deeper than what reads JSON allows.
fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(values) => values.iter().map(size).fold(2, usize::saturating_add),
        Value::Object(members) => {
            members.iter().map(|(name, value)| name.len() + 3 + size(value)).fold(2, usize::saturating_add)
        }
    }
}

impl fmt::Display for Difference {
    /// The pointer and both values, shortened: `/properties/title: "a", there "b"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<Value>| {
            let text = value.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string);
            if text.chars().count() > 60 { text.chars().take(57).chain("...".chars()).collect() } else { text }
        };
        write!(f, "{}: {}, there {}", self.pointer, shown(&self.ours), shown(&self.theirs))
    }
}

/// Where the record that an API returns differs in meaning from ours; nothing if it does not. At most 100 places.
///
/// Not told: links that servers make, the order of members, links and extensions, members that are null in one and absent in the
/// other, empty members of the record itself, `1` and `1.0`, a number's last digit, other spellings of one instant, hrefs that resolve
/// (against `base`, the record's URL there) to the same URL, and what servers and proxies add: `created`, `updated`, `auth:schemes`,
/// `auth:refs`, links to themselves, by whatever name they go.
///
/// ```
/// use altostac::publish::differences;
/// use serde_json::json;
/// let base = url::Url::parse("https://api.example.org/collections/c/items/i")?;
/// let ours = json!({"id": "i", "properties": {"datetime": null, "n": 1}});
/// let theirs = json!({"properties": {"n": 1.0}, "id": "i", "links": []});
/// assert!(differences(&ours, &theirs, &base).is_empty());
/// let theirs = json!({"properties": {"n": 2}, "id": "i"});
/// assert_eq!(differences(&ours, &theirs, &base)[0].to_string(), "/properties/n: 1, there 2");
/// # Ok::<(), url::ParseError>(())
/// ```
pub fn differences(ours: &Value, theirs: &Value, base: &Url) -> Vec<Difference> {
    let mut comparison = Comparison { base, found: Vec::new() };
    let (Value::Object(ours), Value::Object(theirs)) = (ours, theirs) else {
        comparison.values("", ours, theirs, 0);
        return comparison.found;
    };
    for name in names(ours, theirs) {
        let pointer = format!("/{}", escaped(name));
        let (ours, theirs) = (ours.get(name), theirs.get(name));
        match name {
            "links" => comparison.links(ours, theirs),
            "stac_extensions" => comparison.extensions(ours, theirs),
            _ => {
                let (ours, theirs) = (ours.filter(|v| !is_empty(v)), theirs.filter(|v| !is_empty(v)));
                comparison.members(&pointer, name, ours, theirs, 0);
            }
        }
    }
    comparison.found
}

struct Comparison<'a> {
    base: &'a Url,
    found: Vec<Difference>,
}

impl Comparison<'_> {
    fn differ(&mut self, pointer: &str, ours: Option<&Value>, theirs: Option<&Value>) {
        if self.found.len() < DIFFERENCES_LIMIT {
            self.found.push(Difference { pointer: pointer.into(), ours: ours.cloned(), theirs: theirs.cloned() });
        }
    }

    fn members(&mut self, pointer: &str, name: &str, ours: Option<&Value>, theirs: Option<&Value>, depth: usize) {
        let (ours, theirs) = (ours.filter(|v| !v.is_null()), theirs.filter(|v| !v.is_null()));
        match (ours, theirs) {
            (None, None) => {}
            (None, Some(_)) if ADDED_MEMBERS.contains(&name) => {}
            (Some(Value::String(ours)), Some(Value::String(theirs)))
                if name == "href" && self.resolved(ours) == self.resolved(theirs) => {}
            (Some(ours), Some(theirs)) => self.values(pointer, ours, theirs, depth),
            _ => self.differ(pointer, ours, theirs),
        }
    }

    fn values(&mut self, pointer: &str, ours: &Value, theirs: &Value, depth: usize) {
        match (ours, theirs) {
            _ if depth > DEPTH_LIMIT => self.differ(pointer, Some(ours), Some(theirs)),
            (Value::Object(ours), Value::Object(theirs)) => {
                for name in names(ours, theirs) {
                    let pointer = format!("{pointer}/{}", escaped(name));
                    self.members(&pointer, name, ours.get(name), theirs.get(name), depth + 1);
                }
            }
            (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
                for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                    self.values(&format!("{pointer}/{index}"), ours, theirs, depth + 1);
                }
            }
            (Value::Number(a), Value::Number(b)) if equal_numbers(a, b) => {}
            (Value::String(a), Value::String(b)) if equal_texts(a, b) => {}
            _ if ours == theirs => {}
            _ => self.differ(pointer, Some(ours), Some(theirs)),
        }
    }

    fn links(&mut self, ours: Option<&Value>, theirs: Option<&Value>) {
        let api = self.origins(theirs);
        let (ours, mut theirs) = (own_links(ours), own_links(theirs));
        for (index, link) in ours {
            let equal = |other: &Value| {
                let mut trial = Comparison { base: self.base, found: Vec::new() };
                trial.values("", link, other, 0);
                trial.found.is_empty()
            };
            match theirs.iter().position(|(_, other)| equal(other)) {
                Some(position) => drop(theirs.swap_remove(position)),
                None => self.differ(&format!("/links/{index}"), Some(link), None),
            }
        }
        for (index, link) in theirs {
            let href = link.get("href").and_then(Value::as_str).unwrap_or_default();
            // Previews, queryables and the like: what the API says about itself.
            let is_api = Url::parse(&self.resolved(href)).is_ok_and(|href| api.contains(&href.origin()));
            if !is_api {
                self.differ(&format!("/links/{index}"), None, Some(link));
            }
        }
    }

    /// Where the API is by its own account: behind a proxy it may take itself to be elsewhere.
    fn origins(&self, links: Option<&Value>) -> Vec<Origin> {
        let links = links.and_then(Value::as_array).into_iter().flatten();
        let is_structural =
            |link: &&Value| link.get("rel").and_then(Value::as_str).is_some_and(|rel| STRUCTURAL_LINKS.contains(&rel));
        let hrefs = links.filter(is_structural).filter_map(|link| link.get("href")?.as_str());
        let told = hrefs.filter_map(|href| Some(self.base.join(href).ok()?.origin()));
        std::iter::once(self.base.origin()).chain(told).collect()
    }

    fn extensions(&mut self, ours: Option<&Value>, theirs: Option<&Value>) {
        let ours_set = texts(ours);
        let mut theirs_set = texts(theirs);
        theirs_set.retain(|text| ours_set.contains(text) || !text.starts_with(ADDED_EXTENSION));
        if ours_set != theirs_set {
            self.differ("/stac_extensions", ours, theirs);
        }
    }

    fn resolved(&self, href: &str) -> String {
        self.base.join(href).map_or_else(|_| href.to_owned(), String::from)
    }
}

fn names<'a>(ours: &'a Map<String, Value>, theirs: &'a Map<String, Value>) -> impl Iterator<Item = &'a str> {
    ours.keys().chain(theirs.keys().filter(|name| !ours.contains_key(*name))).map(String::as_str)
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.is_empty(),
        Value::Object(members) => members.values().all(Value::is_null),
        _ => false,
    }
}

fn texts(value: Option<&Value>) -> BTreeSet<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The links that are not made by whoever serves the record, with their places.
fn own_links(links: Option<&Value>) -> Vec<(usize, &Value)> {
    let links = links.and_then(Value::as_array).into_iter().flatten().enumerate();
    let is_own =
        |link: &Value| link.get("rel").and_then(Value::as_str).is_none_or(|rel| !STRUCTURAL_LINKS.contains(&rel));
    links.filter(|(_, link)| is_own(link)).collect()
}

/// Equal by value. Between binary64 numbers the last two bits may differ: JSON readers are not all exact.
fn equal_numbers(a: &Number, b: &Number) -> bool {
    if let (Some(a), Some(b)) = (a.as_i64(), b.as_i64()) {
        return a == b;
    }
    if let (Some(a), Some(b)) = (a.as_u64(), b.as_u64()) {
        return a == b;
    }
    let (Some(a), Some(b)) = (a.as_f64(), b.as_f64()) else { return a == b };
    (a - b).abs() <= a.abs().max(b.abs()) * f64::EPSILON * 2.0
}

/// Equal, or the same instant in two spellings.
fn equal_texts(a: &str, b: &str) -> bool {
    let instant = |text: &str| DateTime::parse_from_rfc3339(text).ok();
    a == b || instant(a).is_some_and(|a| instant(b).is_some_and(|b| a == b))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn base() -> Url {
        Url::parse("http://127.0.0.1:8080/collections/c/items/i").unwrap()
    }

    fn pointers(ours: &Value, theirs: &Value) -> Vec<String> {
        differences(ours, theirs, &base()).into_iter().map(|difference| difference.pointer).collect()
    }

    fn item() -> Value {
        json!({
            "type": "Feature", "id": "i", "stac_extensions": ["https://a/s.json", "https://b/s.json"],
            "bbox": [-10, 40, 10.5, 60], "geometry": {"type": "Point", "coordinates": [0, 0.1]},
            "properties": {"datetime": null, "start_datetime": "2000-01-01T00:00:00Z", "n": [1, null]},
            "assets": {"a": {"href": "/products/a.json"}, "b": {"href": "https://x.org/b"}},
            "links": [{"rel": "license", "href": "https://x.org/l"}, {"rel": "root", "href": "../catalog.json"}],
        })
    }

    #[test]
    fn what_servers_do_to_records_is_not_told() {
        let theirs = json!({
            "assets": {"b": {"href": "https://x.org/b", "auth:refs": ["s"]}, "a": {"href": "http://127.0.0.1:8080/products/a.json"}},
            "links": [
                {"rel": "self", "href": "http://127.0.0.1:8080/collections/c/items/i"},
                {"rel": "preview", "href": "http://127.0.0.1:8080/preview"},
                {"href": "https://x.org/l", "rel": "license", "title": null},
            ],
            "stac_extensions": ["https://b/s.json", "https://stac-extensions.github.io/authentication/v1.1.0/schema.json", "https://a/s.json"],
            "bbox": [-10.0, 40.0, 10.5, 60.0], "geometry": {"coordinates": [0.0, 0.10000000000000002], "type": "Point"},
            "properties": {"start_datetime": "2000-01-01T00:00:00.000+00:00", "n": [1, null], "updated": "2026-01-01T00:00:00Z",
                "auth:schemes": {"s": {}}},
            "type": "Feature", "id": "i", "keywords": [],
        });
        assert_eq!(pointers(&item(), &theirs), Vec::<String>::new());
    }

    #[test]
    fn an_api_behind_a_proxy_links_itself_by_another_name() {
        let queryables = json!({"rel": "queryables", "href": "http://inner:80/collections/c/queryables"});
        let theirs = |own: &str| json!({"id": "i", "links": [{"rel": "self", "href": own}, queryables]});
        let ours = json!({"id": "i"});
        assert_eq!(pointers(&ours, &theirs("http://inner/collections/c/items/i")), Vec::<String>::new());
        assert_eq!(pointers(&ours, &theirs("http://other/collections/c/items/i")), ["/links/1"]);
    }

    #[test]
    fn what_differs_is_told() {
        let changes: [(&str, Value); 9] = [
            ("/id", json!("j")),
            ("/bbox/2", json!(10.500001)),
            ("/bbox", json!([0, 0, 1])),
            ("/geometry", Value::Null),
            ("/properties/start_datetime", json!("2000-01-01T00:00:01Z")),
            ("/properties/n/1", json!(0)),
            ("/assets/a/href", json!("/products/b.json")),
            ("/stac_extensions", json!(["https://a/s.json"])),
            ("/links/0", json!({"rel": "license", "href": "https://x.org/other"})),
        ];
        for (pointer, value) in changes {
            let mut theirs = item();
            *theirs.pointer_mut(pointer).unwrap() = value;
            assert!(pointers(&item(), &theirs).contains(&pointer.to_owned()), "{pointer}");
            assert!(!pointers(&theirs, &item()).is_empty(), "{pointer}");
        }
        assert_eq!(pointers(&json!({"created": "x"}), &json!({})), ["/created"], "what we have is not an addition");
        assert_eq!(pointers(&json!({"a/b~": 1}), &json!({"a/b~": 2})), ["/a~1b~0"]);
        assert_eq!(pointers(&json!({"n": u64::MAX}), &json!({"n": u64::MAX - 1})), ["/n"]);
        assert_eq!(pointers(&json!({}), &json!([])), [""]);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            proptest::num::f64::NORMAL.prop_map(Value::from),
            "[a-z/~:]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z/~]{1,3}", inner, 0..5)
                    .prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    /// The same meaning written differently: members reversed and padded with nulls, whole numbers as binary64.
    fn rewritten(value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                let members = members.iter().rev().map(|(name, value)| (name.clone(), rewritten(value)));
                Value::Object(members.chain([("added null".to_owned(), Value::Null)]).collect())
            }
            Value::Array(values) => values.iter().map(rewritten).collect(),
            Value::Number(number) if number.as_i64().is_some_and(|n| n.unsigned_abs() < 1 << 50) => {
                json!(number.as_f64())
            }
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn a_record_equals_its_rewriting(record in value()) {
            let record = json!({"id": "i", "properties": record});
            prop_assert_eq!(pointers(&record, &rewritten(&record)), Vec::<String>::new());
            prop_assert_eq!(pointers(&rewritten(&record), &record), Vec::<String>::new());
        }

        #[test]
        fn one_changed_leaf_is_found(record in value(), other in "[A-Z]{3}") {
            let ours = json!({"x": {"a": record.clone(), "b": [record.clone(), "leaf"]}});
            let theirs = json!({"x": {"a": record.clone(), "b": [record, other]}});
            prop_assert_eq!(pointers(&ours, &theirs), ["/x/b/1"]);
        }

        #[test]
        fn differing_is_mutual(a in value(), b in value()) {
            let (a, b) = (json!({"x": a}), json!({"x": b}));
            prop_assert_eq!(pointers(&a, &b).is_empty(), pointers(&b, &a).is_empty());
        }
    }
}
