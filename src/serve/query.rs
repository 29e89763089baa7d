//! What a search asks for, read from a query string or a JSON body; nothing unknown is silently ignored.

use super::extent::{Area, BoundingBox, ExtentError, Interval};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use thiserror::Error;

/// Why a search cannot be answered.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum QueryError {
    /// A parameter that this server does not know.
    #[error("parameter `{parameter}` is not supported here; supported are {supported}")]
    Unsupported {
        /// Its name as sent.
        parameter: String,
        /// The known ones.
        supported: String,
    },
    /// A parameter whose value cannot be used.
    #[error("parameter `{parameter}` cannot be read")]
    Invalid {
        /// Its name.
        parameter: &'static str,
        /// Expected and found.
        #[source]
        source: ExtentError,
    },
    /// Both `bbox` and `intersects` are given (STAC API, Item Search).
    #[error("parameters `bbox` and `intersects` exclude each other")]
    TwoAreas,
    /// A parameter is given twice.
    #[error("parameter `{0}` is given more than once")]
    Repeated(String),
}

/// The parameters of `/search`, and of `/collections/{id}/items` too: pystac-client sends `ids` and `collections` there.
pub(super) const PARAMETERS: &[&str] = &["bbox", "datetime", "intersects", "ids", "collections", "limit", "token"];

/// Items on a page when the client names no number.
pub const DEFAULT_LIMIT: usize = 100;
/// Items on a page at most; a greater number counts as this one (OGC API - Features, 7.15.2).
pub const LARGEST_LIMIT: usize = 10_000;

/// A search; without restrictions it finds every Item.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemQuery {
    /// Only Items of these Collections; of all if empty.
    pub collections: Vec<String>,
    /// Only Items with these ids; all if empty.
    pub ids: Vec<String>,
    /// Only Items that meet this area.
    pub area: Option<Area>,
    /// Only Items whose time overlaps this.
    pub interval: Option<Interval>,
    /// The most Items of one page.
    pub limit: usize,
    /// Where the page before ended.
    pub after: Option<PageToken>,
}

impl Default for ItemQuery {
    fn default() -> Self {
        Self { collections: vec![], ids: vec![], area: None, interval: None, limit: DEFAULT_LIMIT, after: None }
    }
}

/// The last Item of a page, and how many matched when the first page was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageToken {
    pub(super) collection: String,
    pub(super) id: String,
    pub(super) matched: u64,
}

impl PageToken {
    /// The token as text for a URL.
    pub(super) fn encode(&self) -> String {
        let parts = serde_json::json!([self.collection, self.id, self.matched]);
        URL_SAFE_NO_PAD.encode(parts.to_string())
    }

    fn decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (collection, id, matched) = serde_json::from_slice(&bytes).ok()?;
        Some(Self { collection, id, matched })
    }
}

impl ItemQuery {
    /// Reads a query string, percent-encoded and without its `?`.
    pub(super) fn from_query_string(text: &str) -> Result<Self, QueryError> {
        let mut parameters = Map::new();
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            let value = match name.as_ref() {
                "bbox" => numbers(&value)?,
                "ids" | "collections" => value.split(',').filter(|part| !part.is_empty()).map(Value::from).collect(),
                "intersects" => serde_json::from_str(&value)
                    .map_err(|_| invalid("intersects")(ExtentError::new("a GeoJSON geometry", &value)))?,
                // Text that is no number stays text, which the reader of the limit names.
                "limit" => value.parse::<u64>().map_or_else(|_| Value::from(value), Value::from),
                _ => Value::from(value),
            };
            if parameters.insert(name.to_string(), value).is_some() {
                return Err(QueryError::Repeated(name.into_owned()));
            }
        }
        Self::from_json(&parameters)
    }

    /// Reads the body of `POST /search`.
    pub(super) fn from_json(parameters: &Map<String, Value>) -> Result<Self, QueryError> {
        let mut query = Self::default();
        for (name, value) in parameters {
            if !PARAMETERS.contains(&name.as_str()) {
                let supported = PARAMETERS.join(", ");
                return Err(QueryError::Unsupported { parameter: name.clone(), supported });
            }
            if !value.is_null() {
                query.set(name, value)?;
            }
        }
        let is_given = |name| parameters.get(name).is_some_and(|value: &Value| !value.is_null());
        if is_given("bbox") && is_given("intersects") { Err(QueryError::TwoAreas) } else { Ok(query) }
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), QueryError> {
        match name {
            "bbox" => self.area = Some(Area::of_box(bounds(value).map_err(invalid("bbox"))?)),
            "intersects" => self.area = Some(Area::of_geometry(value).map_err(invalid("intersects"))?),
            "datetime" => {
                let text =
                    value.as_str().ok_or_else(|| ExtentError::new("text", value)).map_err(invalid("datetime"))?;
                self.interval = Some(Interval::from_parameter(text).map_err(invalid("datetime"))?);
            }
            "ids" => self.ids = texts(value).map_err(invalid("ids"))?,
            "collections" => self.collections = texts(value).map_err(invalid("collections"))?,
            "limit" => self.limit = limit(value).map_err(invalid("limit"))?,
            _ => {
                let token = value.as_str().and_then(PageToken::decode);
                let expected = "the token of a next link";
                self.after = Some(token.ok_or_else(|| ExtentError::new(expected, value)).map_err(invalid("token"))?);
            }
        }
        Ok(())
    }
}

fn invalid(parameter: &'static str) -> impl Fn(ExtentError) -> QueryError {
    move |source| QueryError::Invalid { parameter, source }
}

fn numbers(text: &str) -> Result<Value, QueryError> {
    let number = |part: &str| part.trim().parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from);
    let numbers: Option<Value> = text.split(',').map(number).collect();
    numbers.ok_or_else(|| invalid("bbox")(ExtentError::new("4 or 6 numbers between commas", &text)))
}

fn bounds(value: &Value) -> Result<BoundingBox, ExtentError> {
    let numbers: Option<Vec<f64>> = value.as_array().and_then(|numbers| numbers.iter().map(Value::as_f64).collect());
    BoundingBox::from_numbers(&numbers.ok_or_else(|| ExtentError::new("an array of 4 or 6 numbers", value))?)
}

fn texts(value: &Value) -> Result<Vec<String>, ExtentError> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let texts: Option<Vec<String>> = value.as_array().and_then(|values| values.iter().map(text).collect());
    texts.ok_or_else(|| ExtentError::new("an array of texts", value))
}

fn limit(value: &Value) -> Result<usize, ExtentError> {
    match value.as_u64() {
        None | Some(0) => Err(ExtentError::new("a whole number from 1 to 10000", value)),
        Some(limit) => Ok(usize::try_from(limit).unwrap_or(LARGEST_LIMIT).min(LARGEST_LIMIT)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    #[test]
    fn a_query_string_and_a_body_mean_the_same() {
        let text = "bbox=170,-10.5,-170,10&datetime=../2020-01-01T00:00:00%2B01:00&ids=a,b&collections=c&limit=7";
        let body = json!({"bbox": [170, -10.5, -170, 10], "datetime": "../2020-01-01T00:00:00+01:00",
            "ids": ["a", "b"], "collections": ["c"], "limit": 7, "intersects": null});
        let from_body = ItemQuery::from_json(body.as_object().unwrap()).unwrap();
        assert_eq!(ItemQuery::from_query_string(text).unwrap(), from_body);
        assert_eq!((from_body.limit, from_body.ids.len()), (7, 2));
    }

    #[test]
    fn what_is_not_supported_is_named() {
        let error = |text: &str| ItemQuery::from_query_string(text).unwrap_err().to_string();
        for name in ["sortby", "filter", "fields", "query"] {
            assert!(error(&format!("{name}=x")).contains(&format!("`{name}`")));
        }
        assert!(error("limit=5&limit=6").contains("more than once"));
        for wrong in [
            "limit=0",
            "limit=-1",
            "limit=x",
            "bbox=1,2,3",
            "bbox=a,b,c,d",
            "bbox=0,0,inf,1",
            "token=x",
            "datetime=2020",
            "intersects={}",
            "intersects=%7B%22type%22:%22Point%22%7D",
        ] {
            assert!(error(wrong).contains(&format!("`{}`", wrong.split('=').next().unwrap())), "{wrong}");
        }
        let both = json!({"bbox": [0, 0, 1, 1], "intersects": {"type": "Point", "coordinates": [0, 0]}});
        assert_eq!(ItemQuery::from_json(both.as_object().unwrap()), Err(QueryError::TwoAreas));
        assert_eq!(ItemQuery::from_query_string("limit=99999999999").unwrap().limit, LARGEST_LIMIT);
    }

    #[test]
    fn tokens_come_back() {
        let token = PageToken { collection: "c/ü".into(), id: "i\"".into(), matched: u64::MAX };
        assert_eq!(PageToken::decode(&token.encode()), Some(token));
    }
}
