//! How files become items, and what is said of them.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use serde_json::{Value, json};

use super::super::raw::{RawDatetime, RawGeometry, RawItem, RawStac};
use super::super::{facets, facts, templates};
use super::Resolver;
use crate::model::ItemPattern;
use crate::model::recipe::ItemSettings;

impl Resolver<'_> {
    pub(super) fn item(&mut self, raw: RawItem, stac: &RawStac) -> Option<ItemSettings> {
        let pattern = match (&raw.pattern, &raw.regex) {
            (Some(text), None) => {
                self.noted("item.pattern", ItemPattern::parse(text).map_err(|error| format!("is wrong: {error}")))
            }
            (None, Some(text)) => {
                self.noted("item.regex", ItemPattern::from_regex(text).map_err(|error| format!("is wrong: {error}")))
            }
            (Some(_), Some(_)) => {
                self.mistake("item", "has both pattern and regex; expected one of them", None);
                None
            }
            (None, None) => {
                self.mistake("item", "has neither pattern nor regex; expected one of them", None);
                None
            }
        };
        let around = (self.folder, self.surroundings);
        let found = facets::resolve(&raw.facets, &raw.vocabularies, pattern.as_ref(), around);
        for (key, what, advice) in found.mistakes {
            self.mistake(&key, what, advice);
        }
        let mut texts = vec![("item.id".to_owned(), raw.id.as_str())];
        for (name, value) in &raw.properties {
            templates::texts(value, &format!("item.properties.{name}"), &mut texts);
        }
        facts::templates(&raw, stac, &mut texts);
        for (key, text) in texts {
            let known = pattern
                .as_ref()
                .map(|_| templates::Known { facets: &found.rules.names, by_rules: !raw.facets.is_empty() });
            for wrong in templates::check(text, known) {
                self.mistake(&key, wrong.message, wrong.advice);
            }
        }
        let mut wrong = Vec::new();
        let facts = facts::of_item(&raw, pattern.as_ref().map(|_| &found.rules.names), &mut wrong);
        wrong.into_iter().for_each(|(key, what, advice)| self.mistake(&key, what, advice));
        let datetime = raw.datetime.map(|datetime| self.datetime(&datetime));
        let geometry = raw.geometry.map(|geometry| self.geometry(&geometry));
        Some(ItemSettings {
            pattern: pattern?,
            facets: found.rules,
            vocabularies: found.vocabularies,
            id: raw.id,
            properties: raw.properties,
            datetime: datetime.flatten(),
            geometry: geometry.flatten(),
            facts,
        })
    }

    fn datetime(&mut self, raw: &RawDatetime) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        match raw {
            RawDatetime::Single(text) => self.instants("item.datetime", text),
            RawDatetime::Interval(interval) => {
                let start = self.instants("item.datetime.start", &interval.start);
                let end = self.instants("item.datetime.end", &interval.end);
                let ((start, _), (_, end)) = (start?, end?);
                if start > end {
                    self.mistake("item.datetime", "ends before it starts", None);
                }
                Some((start, end))
            }
        }
    }

    /// An instant twice, or the first and last second of a day.
    fn instants(&mut self, key: &str, text: &str) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
            return Some((instant.to_utc(), instant.to_utc()));
        }
        let day = text.parse::<NaiveDate>().ok().map(|day| day.and_time(chrono::NaiveTime::MIN).and_utc());
        let last =
            |start: DateTime<Utc>| start.checked_add_days(Days::new(1))?.checked_sub_signed(TimeDelta::seconds(1));
        let days = day.and_then(|start| Some((start, last(start)?)));
        let wrong =
            || format!("{text:?} is neither an RFC 3339 instant (2020-01-31T12:00:00Z) nor a date (2020-01-31)");
        self.noted(key, days.ok_or_else(wrong))
    }

    fn geometry(&mut self, raw: &RawGeometry) -> Option<Value> {
        let value = json!({"type": raw.r#type, "coordinates": raw.coordinates});
        let read = serde_json::from_value::<geojson::Geometry>(value.clone());
        self.noted("item.geometry", read.map_err(|error| format!("is not a GeoJSON geometry: {error}")))?;
        if let Some(position) = bad_position(&raw.coordinates) {
            let what = format!("holds {position}; expected a longitude from -180 to 180 and a latitude from -90 to 90");
            self.mistake("item.geometry.coordinates", what, None);
        }
        Some(value)
    }
}

/// The first position that is not on Earth.
fn bad_position(coordinates: &Value) -> Option<String> {
    let values = coordinates.as_array()?;
    if !values.iter().all(Value::is_number) {
        return values.iter().find_map(bad_position);
    }
    let within =
        |index: usize, limit: f64| values.get(index).and_then(Value::as_f64).is_some_and(|value| value.abs() <= limit);
    if within(0, 180.0) && within(1, 90.0) { None } else { Some(coordinates.to_string()) }
}
