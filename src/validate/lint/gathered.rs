//! What a collection says of all its items, and what they are.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{Finding, Severity};
use crate::model::record::is_of_one_item;

/// Boxes are rounded to six decimals.
const TOLERANCE: f64 = 2e-6;
/// A property of more values is none that a summary would list.
const DISTINCT: usize = 200;
const BUILD: &str = "build the collection again, or correct it by hand";

/// What one collection says, and what was seen of its items.
#[derive(Debug)]
pub(super) struct Gathered {
    path: String,
    pub(super) id: String,
    extent: Value,
    summaries: Map<String, Value>,
    item_assets: Map<String, Value>,
    /// The path of each item, by id.
    pub(super) items: BTreeMap<String, String>,
    /// For each property: how many items have it, and its distinct texts, `None` once there are too many or other values.
    properties: BTreeMap<String, (usize, Option<BTreeSet<String>>)>,
    /// Items' place and time as far as they go: west, south, east, north; first, last.
    place: Option<[f64; 4]>,
    crosses: bool,
    time: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

/// A place in a record, and what is wrong there.
type Wrong = (String, String, String, String);

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

impl Gathered {
    pub(super) fn new(path: &str, json: &Value) -> Self {
        Self {
            path: path.to_owned(),
            id: json["id"].as_str().unwrap_or_default().to_owned(),
            extent: json["extent"].clone(),
            summaries: object(&json["summaries"]),
            item_assets: object(&json["item_assets"]),
            items: BTreeMap::new(),
            properties: BTreeMap::new(),
            place: None,
            crosses: false,
            time: None,
        }
    }

    /// What in an item does not agree with its collection.
    pub(super) fn add(&mut self, item: &Value) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        self.place(item, &mut wrong);
        self.time(item, &mut wrong);
        self.summaries(item, &mut wrong);
        self.assets(item, &mut wrong);
        wrong
    }

    fn place(&mut self, item: &Value, wrong: &mut Vec<Wrong>) {
        let Some(inner) = bbox(&item["bbox"]) else { return };
        let outer = &self.extent["spatial"]["bbox"][0];
        if bbox(outer).is_some_and(|outer| !covers(outer, inner)) {
            wrong.push((
                "/bbox".into(),
                format!("a box within that of the collection {}, {outer}", self.id),
                item["bbox"].to_string(),
                format!("correct /extent/spatial/bbox of {}, or the item: {BUILD}", self.path),
            ));
        }
        self.crosses |= inner[0] > inner[2];
        let joined = |[w, s, e, n]: [f64; 4]| [w.min(inner[0]), s.min(inner[1]), e.max(inner[2]), n.max(inner[3])];
        self.place = Some(self.place.map_or(inner, joined));
    }

    fn time(&mut self, item: &Value, wrong: &mut Vec<Wrong>) {
        let Some((start, end)) = times(&item["properties"]) else { return };
        let interval = &self.extent["temporal"]["interval"][0];
        let is_early = instant(&interval[0]).is_some_and(|first| start < first);
        let is_late = instant(&interval[1]).is_some_and(|last| end > last);
        if is_early || is_late {
            wrong.push((
                "/properties/datetime".into(),
                format!("a time within that of the collection {}, {interval}", self.id),
                format!("{} to {}", start.to_rfc3339(), end.to_rfc3339()),
                format!("correct /extent/temporal/interval of {}, or the item: {BUILD}", self.path),
            ));
        }
        self.time = Some(self.time.map_or((start, end), |(first, last)| (first.min(start), last.max(end))));
    }

    fn summaries(&mut self, item: &Value, wrong: &mut Vec<Wrong>) {
        for (key, value) in item["properties"].as_object().into_iter().flatten() {
            if let Some(summary) = self.summaries.get(key)
                && !value.is_null()
                && !summarised(summary, value)
            {
                wrong.push((
                    format!("/properties/{}", escaped(key)),
                    format!("a value that /summaries/{} of {} tells", escaped(key), self.path),
                    value.to_string(),
                    BUILD.into(),
                ));
            }
            let (count, texts) = self.properties.entry(key.clone()).or_insert_with(|| (0, Some(BTreeSet::new())));
            *count += 1;
            match (texts.as_mut(), value.as_str()) {
                (Some(known), Some(text)) if known.len() < DISTINCT => {
                    known.insert(text.to_owned());
                }
                _ => *texts = None,
            }
        }
    }

    fn assets(&self, item: &Value, wrong: &mut Vec<Wrong>) {
        if self.item_assets.is_empty() {
            return;
        }
        for (key, asset) in item["assets"].as_object().into_iter().flatten() {
            let pointer = format!("/assets/{}", escaped(key));
            let Some(told) = self.item_assets.get(key) else {
                if !is_of_one_file(key, asset) {
                    let expected = format!("a key that /item_assets of {} tells", self.path);
                    wrong.push((pointer, expected, format!("{key:?}"), BUILD.into()));
                }
                continue;
            };
            for field in ["type", "roles"] {
                if !told[field].is_null() && told[field] != asset[field] {
                    wrong.push((
                        format!("{pointer}/{field}"),
                        format!("{}, as /item_assets of {} tells", told[field], self.path),
                        asset[field].to_string(),
                        BUILD.into(),
                    ));
                }
            }
        }
    }

    /// What is wrong with the collection itself, once all items were seen.
    pub(super) fn finish(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut warn = |pointer: String, expected: String, found: String| {
            let (record, remedy, severity) = (self.path.clone(), BUILD.to_owned(), Severity::Warning);
            findings.push(Finding { severity, record, pointer, expected, found, remedy });
        };
        let total = self.items.len();
        if total == 0 {
            warn("/links".into(), "items".into(), "none".into());
            return findings;
        }
        for (key, (count, texts)) in &self.properties {
            let is_told = self.summaries.contains_key(key)
                || is_of_one_item(key)
                // Of versions and citations a collection may say one that is its own.
                || key == "version"
                || key.starts_with("sci:");
            if let Some(texts) = texts.as_ref().filter(|texts| *count == total && !is_told && !texts.is_empty()) {
                let shown: Vec<&str> = texts.iter().take(3).map(String::as_str).collect();
                let expected = format!("a summary of {key}, which all {total} items have: {}", shown.join(", "));
                warn("/summaries".into(), expected, "none".into());
            }
        }
        for (key, summary) in &self.summaries {
            let known = self.properties.get(key).and_then(|(_, texts)| texts.as_ref());
            let unused = summary.as_array().into_iter().flatten().filter_map(Value::as_str);
            for text in unused.filter(|text| known.is_some_and(|known| !known.contains(*text))) {
                warn(format!("/summaries/{}", escaped(key)), "values that items have".into(), format!("{text:?}"));
            }
        }
        if let (Some(place), Some(told)) = (self.place, bbox(&self.extent["spatial"]["bbox"][0]))
            && !self.crosses
            && told[0] <= told[2]
            && place.iter().zip(told).any(|(a, b)| (a - b).abs() > TOLERANCE)
        {
            warn("/extent/spatial/bbox/0".into(), format!("the box of its items, {place:?}"), format!("{told:?}"));
        }
        let interval = &self.extent["temporal"]["interval"][0];
        if let Some((start, end)) = self.time
            && (instant(&interval[0]).is_some_and(|first| first < start)
                || instant(&interval[1]).is_some_and(|last| last > end))
        {
            let expected = format!("the time of its items, {} to {}", start.to_rfc3339(), end.to_rfc3339());
            warn("/extent/temporal/interval/0".into(), expected, interval.to_string());
        }
        findings
    }
}

/// One of many files of an item: numbered, or under its own name.
fn is_of_one_file(key: &str, asset: &Value) -> bool {
    let is_source = asset["roles"].as_array().is_some_and(|roles| roles.iter().any(|role| role == "source"));
    let name = asset["href"].as_str().and_then(|href| href.rsplit('/').next()).unwrap_or_default();
    let is_named = !name.is_empty() && (key == name || name.starts_with(key));
    is_source || is_named || key.strip_prefix("data").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()))
}

/// A piece of a JSON pointer (RFC 6901).
pub(super) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn bbox(value: &Value) -> Option<[f64; 4]> {
    let numbers: Vec<f64> = value.as_array()?.iter().map(Value::as_f64).collect::<Option<_>>()?;
    match numbers.as_slice() {
        [west, south, east, north] | [west, south, _, east, north, _] => Some([*west, *south, *east, *north]),
        _ => None,
    }
}

/// Whether one box lies within another; west > east crosses the antimeridian.
fn covers(outer: [f64; 4], inner: [f64; 4]) -> bool {
    let parts = |[west, _, east, _]: [f64; 4]| {
        if west > east { vec![(west, 180.0), (-180.0, east)] } else { vec![(west, east)] }
    };
    let holds = |(west, east): (f64, f64)| {
        parts(outer).iter().any(|(first, last)| *first <= west + TOLERANCE && *last >= east - TOLERANCE)
    };
    let is_round = outer[0] <= -180.0 + TOLERANCE && outer[2] >= 180.0 - TOLERANCE;
    outer[1] <= inner[1] + TOLERANCE
        && outer[3] >= inner[3] - TOLERANCE
        && (is_round || parts(inner).into_iter().all(holds))
}

fn instant(value: &Value) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(value.as_str()?).ok().map(|instant| instant.to_utc())
}

fn times(properties: &Value) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let datetime = instant(&properties["datetime"]);
    let start = instant(&properties["start_datetime"]).or(datetime)?;
    let end = instant(&properties["end_datetime"]).or(datetime)?;
    Some((start, end))
}

/// Whether a summary (a list of values, or a range) tells a value.
fn summarised(summary: &Value, value: &Value) -> bool {
    match (summary, value) {
        (_, Value::Array(values)) => values.iter().all(|value| summarised(summary, value)),
        (Value::Array(known), value) => known.contains(value),
        (Value::Object(range), Value::Number(number)) => match (&range.get("minimum"), &range.get("maximum")) {
            (Some(low), Some(high)) => {
                let number = number.as_f64().unwrap_or(f64::NAN);
                low.as_f64().is_some_and(|low| low <= number) && high.as_f64().is_some_and(|high| number <= high)
            }
            _ => true,
        },
        (Value::Object(range), Value::String(text)) => match (range.get("minimum"), range.get("maximum")) {
            (Some(Value::String(low)), Some(Value::String(high))) => low <= text && text <= high,
            _ => true,
        },
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn boxes_cover_across_the_antimeridian() {
        assert!(covers([-180.0, -90.0, 180.0, 90.0], [170.0, 0.0, -170.0, 1.0]));
        assert!(covers([160.0, -10.0, -160.0, 10.0], [170.0, 0.0, -170.0, 1.0]));
        assert!(covers([160.0, -10.0, -160.0, 10.0], [-175.0, 0.0, -170.0, 1.0]));
        assert!(!covers([160.0, -10.0, 170.0, 10.0], [165.0, 0.0, -170.0, 1.0]));
        assert!(!covers([0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.1, 10.0]));
    }

    #[test]
    fn summaries_tell_values() {
        assert!(summarised(&json!(["a", "b"]), &json!(["b"])) && !summarised(&json!(["a"]), &json!("b")));
        assert!(
            summarised(&json!({"minimum": 1, "maximum": 3}), &json!(2.5))
                && !summarised(&json!({"minimum": 1, "maximum": 3}), &json!(4))
        );
    }
}
