//! A pattern, and paths that it is held against: one a line.
#![no_main]

use altostac::model::ItemPattern;
use altostac_fuzz::allocator::within;

libfuzzer_sys::fuzz_target!(|text: &str| {
    within(1000 * text.len() + (64 << 20), || {
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        let pattern = match first.strip_prefix("regex:") {
            Some(regex) => ItemPattern::from_regex(regex),
            None => ItemPattern::parse(first),
        };
        let Ok(pattern) = pattern else { return };
        let names: Vec<&str> = pattern.facet_names().collect();
        for path in lines {
            if let Some(facets) = pattern.facets(path) {
                assert!(facets.keys().all(|name| names.contains(&name.as_str())));
            } else if let Some(partial) = pattern.longest_match(path) {
                assert!(path.ends_with(&partial.rest) || partial.rest.is_empty(), "{partial:?}");
            }
        }
    });
});
