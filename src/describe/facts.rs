//! What records say beyond the data themselves: when by the recipe's choice, how long and how often, versions, origin, processing.

use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::dataset::Dataset;
use super::period;
use super::temporal::{self, By, TimeAxis};
use super::{DescribeError, ItemInput};
use crate::cftime::{Calendar, Instant, rfc3339};
use crate::model::facts::{CollectionFacts, StatedTimes, TimeSource};
use crate::model::{Note, TemporalExtent, TimeFormat};

/// When an item is: as the recipe's source of time says; without it the recipe's own instants.
pub(super) fn time(dataset: &Dataset<'_>, input: &ItemInput<'_>) -> Result<TemporalExtent, DescribeError> {
    let read = match &input.item_facts.time {
        TimeSource::Auto => temporal::read(dataset, By::Auto),
        TimeSource::Axis => temporal::read(dataset, By::Axis),
        TimeSource::Bounds => temporal::read(dataset, By::Bounds),
        TimeSource::Attributes(stated) => self::stated(input, stated, "the global attribute"),
        TimeSource::Facets(stated) => self::stated(input, stated, "the facet"),
    };
    match (read, input.datetime) {
        (Ok(extent), _) => Ok(extent),
        (Err(_), Some((start, end))) => Ok(TemporalExtent { start, end }),
        (Err(error), None) => Err(error),
    }
}

/// From the first to the last instant that the files state.
fn stated(input: &ItemInput<'_>, names: &StatedTimes, kind: &'static str) -> Result<TemporalExtent, DescribeError> {
    let wrong = |file: &str, name: &str, found: String| DescribeError::Stated {
        what: format!("{kind} {name}"),
        file: file.to_owned(),
        expected: match &names.format {
            Some(format) => format!("a date as {}", format.text()),
            None => "a date such as 2020-01-31 or 20200131, or an instant by RFC 3339".into(),
        },
        found,
    };
    let mut extent: Option<TemporalExtent> = None;
    for times in &input.known.times {
        let read = |name: &str, text: Option<&String>| {
            let text = text.ok_or_else(|| wrong(&times.file, name, "none".into()))?;
            let span = match &names.format {
                Some(format) => format.read(text),
                None => TimeFormat::guess(text),
            };
            span.ok_or_else(|| wrong(&times.file, name, format!("{:?}", text.chars().take(80).collect::<String>())))
        };
        let (start, _) = read(&names.start, times.start.as_ref())?;
        let (_, end) = read(&names.end, times.end.as_ref())?;
        if start > end {
            let found = format!("{} before {}", rfc3339(end), rfc3339(start));
            return Err(wrong(&times.file, &names.end, found));
        }
        extent = Some(extent.map_or(TemporalExtent { start, end }, |so_far| TemporalExtent {
            start: so_far.start.min(start),
            end: so_far.end.max(end),
        }));
    }
    extent.ok_or_else(|| wrong("the item", &names.start, "none".into()))
}

/// The duration of an item and the frequency of its values, as far as they are known (ISO 8601).
pub(super) fn periods(
    dataset: &Dataset<'_>,
    input: &ItemInput<'_>,
    extent: &TemporalExtent,
) -> Vec<(&'static str, Value)> {
    let axes = temporal::axes(dataset);
    let mut found = vec![("duration", json!(duration(&axes, input, extent)))];
    found.extend(frequency(&axes).or_else(|| stated_frequency(input.cube)).map(|text| ("frequency", json!(text))));
    found
}

/// By the calendar of the dataset, if the extent is that of its axes.
fn duration(axes: &[Rc<TimeAxis>], input: &ItemInput<'_>, extent: &TemporalExtent) -> String {
    let by = match &input.item_facts.time {
        TimeSource::Axis => By::Axis,
        TimeSource::Bounds => By::Bounds,
        _ => By::Auto,
    };
    let reaches: Option<Vec<(Instant, Instant)>> = axes.iter().map(|axis| axis.reach(by)).collect();
    let calendar = axes.first().map(|axis| axis.units.calendar());
    let one_calendar = axes.iter().all(|axis| Some(axis.units.calendar()) == calendar);
    if let (Some(calendar), Some(reaches)) = (calendar.filter(|_| one_calendar), reaches)
        && let (Some(first), Some(last)) =
            (reaches.iter().map(|(first, _)| *first).min(), reaches.iter().map(|(_, last)| *last).max())
        && calendar.nearest_real(first) == Ok(extent.start)
        && calendar.nearest_real(last) == Ok(extent.end)
    {
        return period::between(calendar, first, last).to_string();
    }
    // Counted from the year 1, as instants are.
    let instant = |moment: chrono::DateTime<chrono::Utc>| {
        Instant::from_microseconds(moment.timestamp_micros().saturating_add(SINCE_YEAR_ONE))
    };
    // A stated time ends with a last second; what is meant is the whole of it.
    let end = match input.item_facts.time {
        TimeSource::Attributes(_) | TimeSource::Facets(_) if extent.start < extent.end => {
            extent.end + chrono::TimeDelta::seconds(i64::from(is_last_second(extent.end)))
        }
        _ => extent.end,
    };
    period::between(Calendar::ProlepticGregorian, instant(extent.start), instant(end)).to_string()
}

/// Microseconds from 0001-01-01 to 1970-01-01.
const SINCE_YEAR_ONE: i64 = 719_162 * 86_400 * 1_000_000;

fn is_last_second(moment: chrono::DateTime<chrono::Utc>) -> bool {
    moment.timestamp().rem_euclid(60) == 59
}

/// The one period of all axes.
fn frequency(axes: &[Rc<TimeAxis>]) -> Option<String> {
    let mut periods = axes.iter().filter_map(|axis| axis.frequency());
    let first = periods.next()?;
    periods.all(|period| period == first).then(|| first.to_string())
}

/// What the files' own attributes say of their frequency (CMIP, CORDEX; ACDD 1.3).
fn stated_frequency(cube: &crate::model::VirtualCube) -> Option<String> {
    let text = |name| crate::model::attribute::text(&cube.root.attributes, name);
    ["frequency", "time_coverage_resolution"].into_iter().filter_map(text).find_map(period::of_attribute)
}

/// What people should know of the time axes: that their step is not the frequency that the files state.
pub(super) fn notes(dataset: &Dataset<'_>, cube: &crate::model::VirtualCube) -> Vec<Note> {
    let axes = temporal::axes(dataset);
    let (Some(found), Some(stated)) = (frequency(&axes), stated_frequency(cube)) else { return Vec::new() };
    if found == stated || same_length(&found, &stated) {
        return Vec::new();
    }
    let message =
        format!("the files state the frequency {stated}; their time axis has a step of {found}, which is published");
    vec![Note::new("frequency_differs", message).about("frequency")]
}

/// A day is 24 hours, a year 12 months.
fn same_length(a: &str, b: &str) -> bool {
    let pairs = [("P1D", "PT24H"), ("P1Y", "P12M"), ("PT1H", "PT60M"), ("P7D", "P1W")];
    pairs.iter().any(|pair| *pair == (a, b) || *pair == (b, a))
}

/// What a recipe states of processing and version, and what altostac says of itself.
pub(super) fn properties(input: &ItemInput<'_>) -> Result<Map<String, Value>, DescribeError> {
    let mut found = Map::new();
    let facts = input.record_facts;
    let lineage = match &facts.lineage {
        Some(text) => input.templates.text("stac.processing.lineage", text, input.facets)?,
        None => lineage(input),
    };
    found.insert("processing:lineage".into(), lineage.into());
    found.insert("processing:software".into(), json!({"altostac": env!("CARGO_PKG_VERSION")}));
    found.extend(facts.facility.as_ref().map(|text| ("processing:facility".to_owned(), json!(text))));
    found.extend(facts.level.as_ref().map(|text| ("processing:level".to_owned(), json!(text))));
    if let Some(text) = &input.item_facts.version {
        found.insert("version".into(), input.templates.text("item.version", text, input.facets)?.into());
    }
    Ok(found)
}

fn lineage(input: &ItemInput<'_>) -> String {
    let files = match input.cube.files.len() {
        1 => "one source file".to_owned(),
        count => format!("{count} source files"),
    };
    let joined = match input.cube.joins.as_slice() {
        [] => String::new(),
        joins => {
            let names: Vec<&str> = joins.iter().map(|name| name.as_str()).collect();
            format!(", joined along {}", names.join(" and "))
        }
    };
    format!("Made from {files}{joined}; every product was compared with them.")
}

/// Links to what an item was made from.
pub(super) fn links(input: &ItemInput<'_>) -> Result<Vec<Value>, DescribeError> {
    let link = |(text, at): (&String, usize)| {
        let href = input.templates.text(&format!("item.derived_from[{at}]"), text, input.facets)?;
        Ok(json!({"rel": "derived_from", "href": href}))
    };
    input.item_facts.derived_from.iter().zip(0..).map(link).collect()
}

/// The fields of a collection that a recipe states, and the link that cites it.
pub(super) fn of_collection(facts: &CollectionFacts) -> (Map<String, Value>, Vec<Value>) {
    let mut found = Map::new();
    found.extend(facts.version.as_ref().map(|text| ("version".to_owned(), json!(text))));
    found.extend(facts.doi.as_ref().map(|text| ("sci:doi".to_owned(), json!(text))));
    found.extend(facts.citation.as_ref().map(|text| ("sci:citation".to_owned(), json!(text))));
    if !facts.publications.is_empty() {
        found.insert("sci:publications".into(), json!(facts.publications));
    }
    let cited = facts.publications.iter().filter_map(|publication| publication.doi.as_ref());
    let links = facts.doi.iter().chain(cited);
    (found, links.map(|doi| json!({"rel": "cite-as", "href": format!("https://doi.org/{doi}")})).collect())
}
