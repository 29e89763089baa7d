//! What a recipe states of its records: time, versions, citations, processing.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;

use super::mistake::suggest;
use super::raw::{RawCollection, RawItem, RawStac};
use crate::model::TimeFormat;
use crate::model::facts::{CitedPublication, CollectionFacts, ItemFacts, RecordFacts, StatedTimes, TimeSource};

/// Where the time of Items is taken from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Time")]
pub(super) enum RawTime {
    /// By a word.
    Word(RawTimeFrom),
    /// With names.
    Settings(RawTimeSettings),
}

/// Where the time of Items is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "TimeFrom")]
pub(super) enum RawTimeFrom {
    /// The time coordinates, extended by their bounds where these hold them.
    Auto,
    /// The time coordinates alone.
    Axis,
    /// The bounds of the time coordinates; an Item without fails.
    Bounds,
    /// Global attributes of the files.
    Attributes,
    /// Facets of the files.
    Facet,
}

/// Where the time of Items is taken from, with names.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TimeSettings")]
pub(super) struct RawTimeSettings {
    /// Where.
    pub(super) from: RawTimeFrom,
    /// The attribute or facet that says the first instant. Default for attributes: `time_coverage_start`.
    pub(super) start: Option<String>,
    /// The attribute or facet that says the last instant. Default: `time_coverage_end` for attributes; for facets that of `start`, whose date
    /// then stands for all of its day, month or year.
    pub(super) end: Option<String>,
    /// How they say it: `%Y` (four digits), `%m`, `%d`, `%j`, `%H`, `%M`, `%S`, and all else as it is, such as `%Y%m%d`. Default: RFC 3339, or by
    /// the number of digits.
    pub(super) format: Option<String>,
}

/// What Items say of their processing (processing extension).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Processing")]
pub(super) struct RawProcessing {
    /// A template, as `item.id` is one, of what was done to the data. Default: a sentence on what altostac did.
    pub(super) lineage: Option<String>,
    /// Who did it.
    pub(super) facility: Option<String>,
    /// The level of processing, such as `L3`.
    pub(super) level: Option<String>,
}

/// A publication: a DOI, a citation, or both.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Publication")]
pub(super) struct RawPublication {
    /// Its DOI, without `https://doi.org/`.
    pub(super) doi: Option<String>,
    /// How to cite it.
    pub(super) citation: Option<String>,
}

/// What is wrong: the key, what of it, and what may help.
pub(super) type Wrong = (String, String, Option<String>);

/// What a recipe states of its items; `known` are its facets, missing if the pattern is itself wrong: then names are not checked.
pub(super) fn of_item(raw: &RawItem, known: Option<&BTreeSet<String>>, wrong: &mut Vec<Wrong>) -> ItemFacts {
    let time = match &raw.time {
        None | Some(RawTime::Word(RawTimeFrom::Auto)) => TimeSource::Auto,
        Some(RawTime::Word(RawTimeFrom::Axis)) => TimeSource::Axis,
        Some(RawTime::Word(RawTimeFrom::Bounds)) => TimeSource::Bounds,
        Some(RawTime::Word(RawTimeFrom::Attributes)) => TimeSource::Attributes(attributes(None, None, None)),
        Some(RawTime::Word(RawTimeFrom::Facet)) => {
            wrong.push(("item.time".into(), "names no facet".into(), Some("say {from: facet, start: …}".into())));
            TimeSource::Auto
        }
        Some(RawTime::Settings(settings)) => time(settings, known, wrong),
    };
    ItemFacts { time, version: raw.version.clone(), derived_from: raw.derived_from.clone() }
}

fn attributes(start: Option<String>, end: Option<String>, format: Option<TimeFormat>) -> StatedTimes {
    StatedTimes {
        start: start.unwrap_or_else(|| "time_coverage_start".into()),
        end: end.unwrap_or_else(|| "time_coverage_end".into()),
        format,
    }
}

fn time(raw: &RawTimeSettings, known: Option<&BTreeSet<String>>, wrong: &mut Vec<Wrong>) -> TimeSource {
    let format = raw.format.as_deref().and_then(|text| match TimeFormat::parse(text) {
        Ok(format) => Some(format),
        Err(error) => {
            wrong.push(("item.time.format".into(), error.to_string(), None));
            None
        }
    });
    let named = [("start", raw.start.is_some()), ("end", raw.end.is_some()), ("format", raw.format.is_some())];
    let mut goes_with_none = |source: TimeSource| {
        for (name, _) in named.iter().filter(|(_, there)| *there) {
            let advice = "it goes with from: attributes and from: facet".to_owned();
            wrong.push((format!("item.time.{name}"), "says nothing here".into(), Some(advice)));
        }
        source
    };
    match raw.from {
        RawTimeFrom::Auto => goes_with_none(TimeSource::Auto),
        RawTimeFrom::Axis => goes_with_none(TimeSource::Axis),
        RawTimeFrom::Bounds => goes_with_none(TimeSource::Bounds),
        RawTimeFrom::Attributes => TimeSource::Attributes(attributes(raw.start.clone(), raw.end.clone(), format)),
        RawTimeFrom::Facet => {
            let Some(start) = raw.start.clone() else {
                wrong.push(("item.time".into(), "names no facet in start".into(), None));
                return TimeSource::Auto;
            };
            let end = raw.end.clone().unwrap_or_else(|| start.clone());
            for (key, name) in [("start", Some(&start)), ("end", raw.end.as_ref())] {
                let Some((name, known)) = name.zip(known) else { continue };
                if !known.contains(name) {
                    let message = format!("is {name}, which is not a facet of the pattern");
                    wrong.push((format!("item.time.{key}"), message, suggest(name, known.iter().map(String::as_str))));
                }
            }
            TimeSource::Facets(StatedTimes { start, end, format })
        }
    }
}

/// The templates among what a recipe states, by their keys.
pub(super) fn templates<'a>(item: &'a RawItem, stac: &'a RawStac, found: &mut Vec<(String, &'a str)>) {
    found.extend(item.version.as_deref().map(|text| ("item.version".to_owned(), text)));
    found.extend(
        item.derived_from.iter().zip(0..).map(|(text, at)| (format!("item.derived_from[{at}]"), text.as_str())),
    );
    found.extend(stac.processing.lineage.as_deref().map(|text| ("stac.processing.lineage".to_owned(), text)));
}

/// What a recipe states of its collection.
pub(super) fn of_collection(raw: &RawCollection, wrong: &mut Vec<Wrong>) -> CollectionFacts {
    let mut doi = |key: String, doi: &Option<String>| {
        let doi = doi.as_deref()?;
        let bare = doi.trim_start_matches("https://doi.org/").trim_start_matches("doi:");
        if !is_doi(doi) {
            let advice = is_doi(bare).then(|| format!("write {bare}"));
            wrong.push((key, format!("is {doi:?}; expected a DOI such as 10.5285/abcd"), advice));
        }
        Some(doi.to_owned())
    };
    let own = doi("collection.doi".into(), &raw.doi);
    let publications = raw.publications.iter().zip(0..).map(|(publication, at)| CitedPublication {
        doi: doi(format!("collection.publications[{at}].doi"), &publication.doi),
        citation: publication.citation.clone(),
    });
    let publications: Vec<CitedPublication> = publications.collect();
    if let Some(at) = publications.iter().position(|one| one.doi.is_none() && one.citation.is_none()) {
        wrong.push((format!("collection.publications[{at}]"), "has neither doi nor citation".into(), None));
    }
    CollectionFacts { version: raw.version.clone(), doi: own, citation: raw.citation.clone(), publications }
}

/// As the scientific extension v1.0.0 has it.
fn is_doi(text: &str) -> bool {
    let Some((prefix, suffix)) = text.strip_prefix("10.").and_then(|rest| rest.split_once('/')) else { return false };
    prefix.len() >= 4
        && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && !suffix.is_empty()
        && !suffix.contains(char::is_whitespace)
}

/// What goes into all records.
pub(super) fn of_records(raw: &RawStac) -> RecordFacts {
    RecordFacts {
        statistics: raw.statistics,
        checksums: raw.checksums,
        source_assets: raw.source_assets.unwrap_or(RecordFacts::default().source_assets),
        lineage: raw.processing.lineage.clone(),
        facility: raw.processing.facility.clone(),
        level: raw.processing.level.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use crate::model::facts::{RecordFacts, TimeSource};
    use crate::model::recipe::Recipe;
    use crate::recipe::{RecipeError, parse};

    fn recipe(collection: &str, item: &str, stac: &str) -> Result<Recipe, RecipeError> {
        let text = format!(
            "collection: {{id: c, description: D{collection}}}\nsources: [{{root: /a}}]\n\
             item: {{pattern: \"{{model}}/{{first}}-{{last}}.nc\", id: \"{{{{ model }}}}\"{item}}}\nstac: {{profile: default{stac}}}\n"
        );
        parse(&text, "recipe.yaml".as_ref())
    }

    fn mistake(collection: &str, item: &str, stac: &str) -> String {
        match recipe(collection, item, stac) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{collection}{item}{stac} has no mistake"),
        }
    }

    #[test]
    fn times_are_taken_from_where_the_recipe_says() {
        let time = |item: &str| recipe("", item, "").unwrap().item.facts.time;
        assert_eq!(time(""), TimeSource::Auto);
        assert_eq!(time(", time: axis"), TimeSource::Axis);
        assert_eq!(time(", time: {from: bounds}"), TimeSource::Bounds);
        let TimeSource::Attributes(stated) = time(", time: attributes") else { panic!() };
        assert_eq!((&*stated.start, &*stated.end), ("time_coverage_start", "time_coverage_end"));
        let TimeSource::Facets(stated) = time(", time: {from: facet, start: first, end: last, format: \"%Y%m\"}")
        else {
            panic!()
        };
        assert_eq!((&*stated.start, &*stated.end, stated.format.unwrap().text()), ("first", "last", "%Y%m"));
        assert_eq!(time(", time: {from: facet, start: first}").facets(), ["first", "first"]);
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        for (item, expected) in [
            (
                ", time: {from: facet, start: frist}",
                "item.time.start is frist, which is not a facet of the pattern; did you mean first?",
            ),
            (", time: {from: facet, start: first, format: \"%m\"}", "item.time.format has no %Y"),
            (", time: {from: facet}", "item.time names no facet in start"),
            (", time: {from: axis, start: first}", "item.time.start says nothing here"),
            (", time: facet", "item.time names no facet"),
            (", version: \"{{ versoin }}\"", "item.version uses versoin"),
            (", derived_from: [\"https://a.org/{{ modle }}\"]", "item.derived_from[0] uses modle"),
        ] {
            let found = mistake("", item, "");
            assert!(found.contains(expected), "{found}\n  should say {expected}");
        }
        let found = mistake(", doi: \"https://doi.org/10.5285/ab\"", "", "");
        assert!(found.contains("collection.doi is") && found.contains("write 10.5285/ab"), "{found}");
        assert!(mistake(", publications: [{}]", "", "").contains("has neither doi nor citation"));
        assert!(
            mistake("", "", ", processing: {lineage: \"{{ modle }}\"}").contains("stac.processing.lineage uses modle")
        );
    }

    #[test]
    fn what_changes_records_changes_their_digest_alone() {
        let plain = recipe("", "", "").unwrap();
        assert_eq!(plain.stac.facts, RecordFacts::default());
        for (collection, item, stac) in [
            (", doi: 10.5285/ab", "", ""),
            (", version: \"2\"", "", ""),
            ("", ", time: axis", ""),
            ("", ", version: \"{{ model }}\"", ""),
            ("", ", derived_from: [\"https://a.org\"]", ""),
            ("", "", ", statistics: true"),
            ("", "", ", checksums: true"),
            ("", "", ", source_assets: 5"),
            ("", "", ", processing: {facility: F}"),
        ] {
            let other = recipe(collection, item, stac).unwrap();
            assert_ne!(other.record_digest, plain.record_digest, "{collection}{item}{stac}");
            assert_eq!(other.product_digest, plain.product_digest);
        }
    }
}
