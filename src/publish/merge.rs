//! What of a record in an API others own, and stays when ours takes its place. Pure.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::model::KeptField;

/// How records of ours and those in an API become one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MergeRules {
    /// What others own: it stays as the API has it, there or not.
    pub keep: Vec<KeptField>,
    /// Whether others feed the collection too: its extents, summaries and asset definitions only grow.
    pub extend: bool,
}

impl MergeRules {
    /// What an item is to be, where the API holds `theirs`.
    pub(super) fn item<'a>(&self, ours: &'a Value, theirs: &Value) -> Cow<'a, Value> {
        self.kept(Cow::Borrowed(ours), theirs)
    }

    /// What a collection is to be, where the API holds `theirs`.
    pub(super) fn collection<'a>(&self, ours: &'a Value, theirs: &Value) -> Cow<'a, Value> {
        let grown = if self.extend { Cow::Owned(grown(ours, theirs)) } else { Cow::Borrowed(ours) };
        self.kept(grown, theirs)
    }

    fn kept<'a>(&self, mut ours: Cow<'a, Value>, theirs: &Value) -> Cow<'a, Value> {
        for field in &self.keep {
            keep(ours.to_mut(), theirs, field.pieces());
        }
        ours
    }
}

/// Makes one place of ours what it is in theirs.
fn keep(ours: &mut Value, theirs: &Value, pieces: &[String]) {
    let Some((first, rest)) = pieces.split_first() else {
        *ours = theirs.clone();
        return;
    };
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for name in members(ours, theirs, first) {
                keep_member(ours, theirs, &name, rest);
            }
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            let index = first.parse::<usize>().ok();
            for (at, (ours, theirs)) in ours.iter_mut().zip(theirs).enumerate() {
                if first == "*" || index == Some(at) {
                    keep(ours, theirs, rest);
                }
            }
        }
        _ => {}
    }
}

fn members(ours: &Map<String, Value>, theirs: &Map<String, Value>, piece: &str) -> Vec<String> {
    if piece != "*" {
        return vec![piece.to_owned()];
    }
    let more = theirs.keys().filter(|name| !ours.contains_key(*name));
    ours.keys().chain(more).cloned().collect()
}

fn keep_member(ours: &mut Map<String, Value>, theirs: &Map<String, Value>, name: &str, rest: &[String]) {
    match (theirs.get(name).filter(|value| !value.is_null()), rest.is_empty()) {
        (Some(theirs), true) => drop(ours.insert(name.to_owned(), theirs.clone())),
        (None, true) => drop(ours.shift_remove(name)),
        (theirs, false) => {
            let nothing = Value::Object(Map::new());
            if let Some(ours) = ours.get_mut(name) {
                keep(ours, theirs.unwrap_or(&nothing), rest);
            }
        }
    }
}

/// A collection of ours that says no less than theirs: extents, summaries and definitions of assets of both; members that it alone has are theirs.
///
/// ```
/// use altostac::publish::grown;
/// use serde_json::json;
/// let ours = json!({"title": "ours", "extent": {"temporal": {"interval": [["2001-01-01T00:00:00Z", null]]}}});
/// let theirs = json!({"title": "theirs", "extent": {"temporal": {"interval": [["1999-01-01T00:00:00Z", "2000-01-01T00:00:00Z"]]}}});
/// let both = json!({"title": "ours", "extent": {"temporal": {"interval": [["1999-01-01T00:00:00Z", null]]}}});
/// assert_eq!(grown(&ours, &theirs), both);
/// ```
pub fn grown(ours: &Value, theirs: &Value) -> Value {
    let mut both = ours.clone();
    let (Value::Object(members), Value::Object(theirs)) = (&mut both, theirs) else { return both };
    for (name, theirs) in theirs.iter().filter(|(_, theirs)| !theirs.is_null()) {
        match (name.as_str(), members.get_mut(name)) {
            ("links" | "created" | "updated", _) => {}
            (_, None) => drop(members.insert(name.clone(), theirs.clone())),
            ("extent", Some(ours)) => grow_extent(ours, theirs),
            ("summaries", Some(ours)) => grow_summaries(ours, theirs),
            ("item_assets" | "assets", Some(ours)) => add_members(ours, theirs),
            ("stac_extensions" | "keywords" | "providers", Some(ours)) => add_elements(ours, theirs),
            (_, Some(_)) => {}
        }
    }
    both
}

fn grow_extent(ours: &mut Value, theirs: &Value) {
    let places = ["/spatial/bbox/0", "/temporal/interval/0"];
    for (place, grow) in places.into_iter().zip([grow_box as fn(&mut [Value], &[Value]), grow_interval]) {
        if let (Some(Value::Array(ours)), Some(Value::Array(theirs))) = (ours.pointer_mut(place), theirs.pointer(place))
        {
            grow(ours, theirs);
        }
    }
}

/// West, south, east, north. Across the antimeridian, where west is east of east, the whole circle is what surely holds both.
fn grow_box(ours: &mut [Value], theirs: &[Value]) {
    let numbers = |values: &[Value]| -> Option<[f64; 4]> {
        let numbers: Vec<f64> = values.iter().map(Value::as_f64).collect::<Option<_>>()?;
        match numbers.as_slice() {
            [west, south, east, north] | [west, south, _, east, north, _] => Some([*west, *south, *east, *north]),
            _ => None,
        }
    };
    let (Some(a), Some(b), 4) = (numbers(ours), numbers(theirs), ours.len()) else { return };
    let mut both = [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])];
    if (a[0] > a[2] || b[0] > b[2]) && (a[0], a[2]) != (b[0], b[2]) {
        (both[0], both[2]) = (-180.0, 180.0);
    } else if a[0] > a[2] {
        (both[0], both[2]) = (a[0], a[2]);
    }
    for ((ours, before), after) in ours.iter_mut().zip(a).zip(both) {
        if before != after {
            *ours = after.into();
        }
    }
}

/// A start and an end; `null` is open.
fn grow_interval(ours: &mut [Value], theirs: &[Value]) {
    let ([start, end], [their_start, their_end]) = (ours, theirs) else { return };
    if !start.is_null() && (their_start.is_null() || earlier(their_start, start)) {
        *start = their_start.clone();
    }
    if !end.is_null() && (their_end.is_null() || earlier(end, their_end)) {
        *end = their_end.clone();
    }
}

fn earlier(a: &Value, b: &Value) -> bool {
    let instant = |value: &Value| chrono::DateTime::parse_from_rfc3339(value.as_str()?).ok();
    instant(a).zip(instant(b)).is_some_and(|(a, b)| a < b)
}

fn grow_summaries(ours: &mut Value, theirs: &Value) {
    let (Value::Object(ours), Value::Object(theirs)) = (ours, theirs) else { return };
    for (name, theirs) in theirs {
        match ours.get_mut(name) {
            None => drop(ours.insert(name.clone(), theirs.clone())),
            Some(values @ Value::Array(_)) => add_elements(values, theirs),
            Some(range) => grow_range(range, theirs),
        }
    }
}

/// `{minimum, maximum}`: numbers, or texts such as instants.
fn grow_range(ours: &mut Value, theirs: &Value) {
    let less = |a: &Value, b: &Value| match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a < b,
        _ => a.as_str().zip(b.as_str()).is_some_and(|(a, b)| a < b),
    };
    let (Some(low), Some(high)) = (theirs.get("minimum"), theirs.get("maximum")) else { return };
    if ours.get("minimum").is_some_and(|own| less(low, own)) {
        ours["minimum"] = low.clone();
    }
    if ours.get("maximum").is_some_and(|own| less(own, high)) {
        ours["maximum"] = high.clone();
    }
}

fn add_members(ours: &mut Value, theirs: &Value) {
    let (Value::Object(ours), Value::Object(theirs)) = (ours, theirs) else { return };
    for (name, theirs) in theirs.iter().filter(|(_, theirs)| !theirs.is_null()) {
        ours.entry(name.clone()).or_insert_with(|| theirs.clone());
    }
}

/// What the API has comes first, so that nothing changes where ours adds nothing.
fn add_elements(ours: &mut Value, theirs: &Value) {
    let (Value::Array(own), Value::Array(theirs)) = (&mut *ours, theirs) else { return };
    let mut both = theirs.clone();
    both.extend(own.drain(..).filter(|value| !theirs.contains(value)));
    *own = both;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn rules(fields: &[&str]) -> MergeRules {
        MergeRules { keep: fields.iter().map(|field| KeptField::new(field).unwrap()).collect(), extend: false }
    }

    #[test]
    fn what_others_own_is_as_the_api_has_it() {
        let ours = json!({"id": "i", "properties": {"a": 1, "b": 2}, "assets": {"x": {"href": "h", "t": 1}, "y": {"href": "k"}}});
        let theirs = json!({"id": "i", "properties": {"a": 5, "c": 6}, "assets": {"x": {"href": "old", "alternate": 7}, "z": {}}});
        let kept = |fields: &[&str]| rules(fields).item(&ours, &theirs).into_owned();
        assert_eq!(kept(&[]), ours);
        assert_eq!(kept(&["/properties/a", "/properties/b", "/properties/c"])["properties"], json!({"a": 5, "c": 6}));
        assert_eq!(
            kept(&["/assets/*/alternate"])["assets"],
            json!({"x": {"href": "h", "t": 1, "alternate": 7}, "y": {"href": "k"}})
        );
        assert_eq!(kept(&["/assets/z"])["assets"]["z"], json!({}));
        assert_eq!(kept(&["/nowhere/x"]), ours);
    }

    #[test]
    fn a_shared_collection_only_grows() {
        let ours = json!({
            "id": "c", "title": "ours", "keywords": ["b"], "item_assets": {"x": {}},
            "extent": {"spatial": {"bbox": [[0, 0, 10, 10]]}, "temporal": {"interval": [["2000-01-01T00:00:00Z", "2001-01-01T00:00:00Z"]]}},
            "summaries": {"m": ["b", "c"], "n": {"minimum": 1, "maximum": 2}},
        });
        let theirs = json!({
            "id": "c", "title": "theirs", "keywords": ["a"], "item_assets": {"y": {}}, "doi": "d", "links": [1],
            "extent": {"spatial": {"bbox": [[5, -5, 20, 6]]}, "temporal": {"interval": [["1999-01-01T00:00:00Z", "2000-06-01T00:00:00Z"]]}},
            "summaries": {"m": ["a", "b"], "n": {"minimum": 0, "maximum": 1}, "o": [1]},
        });
        let both = grown(&ours, &theirs);
        assert_eq!(both["extent"]["spatial"]["bbox"][0], json!([0, -5.0, 20.0, 10]));
        assert_eq!(both["extent"]["temporal"]["interval"][0], json!(["1999-01-01T00:00:00Z", "2001-01-01T00:00:00Z"]));
        assert_eq!(both["summaries"], json!({"m": ["a", "b", "c"], "n": {"minimum": 0, "maximum": 2}, "o": [1]}));
        assert_eq!((&both["title"], &both["doi"], both.get("links")), (&json!("ours"), &json!("d"), None));
        assert_eq!(both["item_assets"], json!({"x": {}, "y": {}}));
        assert_eq!(grown(&ours, &both), both, "once is enough");
        assert_eq!(grown(&ours, &ours), ours);
    }

    #[test]
    fn boxes_across_the_antimeridian_lose_nothing() {
        let grow = |mut a: Value, b: Value| {
            grow_box(a.as_array_mut().unwrap(), b.as_array().unwrap());
            a
        };
        assert_eq!(grow(json!([170, 0, -170, 1]), json!([10, 0, 20, 1])), json!([-180.0, 0, 180.0, 1]));
        assert_eq!(grow(json!([170, 0, -170, 1]), json!([170, -1, -170, 1])), json!([170, -1.0, -170, 1]));
    }
}
