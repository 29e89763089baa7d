//! How the files of an item become one dataset.

use super::super::mistake::suggest;
use super::super::raw::{RawAggregate, RawAlong, RawDimension, RawOnGap, RawOnOverlap, RawSize};
use super::super::templates;
use super::Resolver;
use crate::model::DimensionName;
use crate::model::recipe::{AggregateSettings, Along, FacetDimension, ItemSettings, OnGap, OnOverlap};

impl Resolver<'_> {
    pub(super) fn aggregate(&mut self, raw: &RawAggregate, item: Option<&ItemSettings>) -> Option<AggregateSettings> {
        let along = self.along(raw.along.as_ref(), item)?;
        let on_gap = match raw.on_gap {
            None | Some(RawOnGap::Report) => OnGap::Report,
            Some(RawOnGap::Error) => OnGap::Error,
        };
        let on_overlap = match raw.on_overlap {
            None | Some(RawOnOverlap::Error) => OnOverlap::Error,
            Some(RawOnOverlap::KeepLast) => OnOverlap::KeepLast,
            Some(RawOnOverlap::KeepFirst) => OnOverlap::KeepFirst,
        };
        let inline_limit = match &raw.inline_limit {
            None => AggregateSettings::default().inline_limit,
            Some(size) => self.size("aggregate.inline_limit", size, 64 << 20)?,
        };
        Some(AggregateSettings { along, on_overlap, on_gap, inline_limit })
    }

    /// Bytes, at most so many.
    fn size(&mut self, key: &str, raw: &RawSize, most: u64) -> Option<u64> {
        let found = match raw {
            RawSize::Bytes(bytes) => Some(*bytes),
            RawSize::Text(text) => bytes_of(text),
        };
        let shown = || match raw {
            RawSize::Bytes(bytes) => bytes.to_string(),
            RawSize::Text(text) => format!("{text:?}"),
        };
        if found.is_none_or(|bytes| bytes > most) {
            let what = format!("is {}; expected at most {most} bytes, as a number or with kB, MB, KiB or MiB", shown());
            self.mistake(key, what, None);
            return None;
        }
        found
    }

    fn along(&mut self, raw: Option<&RawAlong>, item: Option<&ItemSettings>) -> Option<Along> {
        let (mut along, mut is_auto) = (Along::default(), false);
        let listed: Vec<(String, &RawDimension)> = match raw {
            None => Vec::new(),
            Some(RawAlong::One(one)) => vec![("aggregate.along".into(), one)],
            Some(RawAlong::Several(all)) => {
                if all.is_empty() {
                    self.mistake("aggregate.along", "is an empty list; expected at least one entry", None);
                }
                all.iter().enumerate().map(|(at, one)| (format!("aggregate.along[{at}]"), one)).collect()
            }
        };
        for (key, one) in listed {
            let name = match one {
                RawDimension::Name(name) if name == "auto" => {
                    is_auto = true;
                    continue;
                }
                RawDimension::Name(name) => name,
                RawDimension::Facet(facet) => &facet.name,
            };
            let dimension = self.noted(&key, DimensionName::new(name.as_str()))?;
            if along.dimensions.contains(&dimension) || along.facets.iter().any(|facet| facet.name == dimension) {
                self.mistake(&key, format!("names {name} for the second time"), None);
            }
            match one {
                RawDimension::Name(_) => along.dimensions.push(dimension),
                RawDimension::Facet(facet) => {
                    self.facet(&key, &facet.from, item);
                    along.facets.push(FacetDimension { name: dimension, from: facet.from.clone() });
                }
            }
        }
        if is_auto && !along.dimensions.is_empty() {
            let advice = "auto finds all dimensions whose values differ: leave it out, or the names".to_owned();
            self.mistake("aggregate.along", "has both auto and the name of a dimension", Some(advice));
        }
        Some(along)
    }

    /// A facet that tells the files of one item apart.
    fn facet(&mut self, key: &str, from: &str, item: Option<&ItemSettings>) {
        let Some(item) = item else { return };
        let key = format!("{key}.from");
        let known: Vec<&str> = item.facet_names();
        if !known.contains(&from) {
            let of = if item.facets.rules.is_empty() { " of the pattern" } else { "" };
            let what = format!("names no facet{of}; there are: {}", known.join(", "));
            self.mistake(&key, what, suggest(from, known.iter().copied()));
        } else if templates::uses(&item.id, from) {
            let what = format!("names {from}, which item.id uses: it is the same in all files of an item");
            self.mistake(&key, what, Some(format!("take {{{{ {from} }}}} out of item.id")));
        }
    }
}

/// The bytes that a number with a unit says.
fn bytes_of(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit = match text[end..].trim() {
        "" | "B" => 1,
        "kB" => 1000,
        "MB" => 1_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => return None,
    };
    text[..end].parse::<u64>().ok()?.checked_mul(unit)
}
