//! Messages, as people see them.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::model::recipe::{Along, OnGap, SourceFiles};
use crate::model::ProductFormat;

const RECIPE: &str = r#"collection:
  id: cmip6
  title: T
  description: D
  keywords: [a]
sources:
  - include: ["**/*.nc"]
    root: archive
item:
  pattern: "{model}/{year}.nc"
  id: "{{ model }}"
  properties: {nested: [{year: "{{ year }}"}, 7]}
  datetime: 2020-01-01
  geometry: {type: Point, coordinates: [1, 2]}
aggregate:
  along: auto
  on_gap: report
products: [kerchunk]
output: published
public_urls:
  - {from: archive, to: "https://data.example.org/x"}
stac: {profile: ceda}
publish:
  api: "https://stac.example.org"
"#;

/// The message for the recipe above with some of its text replaced.
fn message(replacements: &[(&str, &str)]) -> String {
    let mut text = RECIPE.to_owned();
    for (from, to) in replacements {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    parse(&text, "recipe.yaml".as_ref()).map(|recipe| format!("{recipe:?}")).unwrap_err().to_string()
}

fn recipe(replacements: &[(&str, &str)]) -> Recipe {
    let text = replacements.iter().fold(RECIPE.to_owned(), |text, (from, to)| text.replacen(from, to, 1));
    parse(&text, "recipe.yaml".as_ref()).unwrap()
}

#[test]
fn show() {
    eprintln!("@@an_unknown_key\n{}", std::panic::catch_unwind(|| message(&[("pattern:", "patern:")])).unwrap_or("PANIC".into()));
    eprintln!("@@an_unknown_key_at_the_top\n{}", std::panic::catch_unwind(|| message(&[("sources:", "source:")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_key_of_another_level\n{}", std::panic::catch_unwind(|| message(&[("output: published", "pattern: x")])).unwrap_or("PANIC".into()));
    eprintln!("@@an_unknown_key_without_a_neighbour\n{}", std::panic::catch_unwind(|| message(&[("title: T", "frobnicate: T")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_repeated_key\n{}", std::panic::catch_unwind(|| message(&[("title: T", "id: again")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_missing_key\n{}", std::panic::catch_unwind(|| message(&[("  description: D\n", "")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_wrong_type\n{}", std::panic::catch_unwind(|| message(&[("keywords: [a]", "keywords: a")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_number_where_a_text_belongs\n{}", std::panic::catch_unwind(|| message(&[("title: T", "title: 2020")])).unwrap_or("PANIC".into()));
    eprintln!("@@an_unknown_value\n{}", std::panic::catch_unwind(|| message(&[("on_gap: report", "on_gap: reprot")])).unwrap_or("PANIC".into()));
    eprintln!("@@an_unknown_product\n{}", std::panic::catch_unwind(|| message(&[("[kerchunk]", "[kerchnk]")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_product_to_come\n{}", std::panic::catch_unwind(|| message(&[("[kerchunk]", "[kerchunk, zarr]")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_product_to_come_with_options\n{}", std::panic::catch_unwind(|| message(&[("[kerchunk]", "[{icechunk: {}}]")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_product_twice\n{}", std::panic::catch_unwind(|| message(&[("[kerchunk]", "[kerchunk, {kerchunk: {}}]")])).unwrap_or("PANIC".into()));
    eprintln!("@@an_option_that_no_product_has\n{}", std::panic::catch_unwind(|| message(&[("[kerchunk]", "[{kerchunk: {level: 3}}]")])).unwrap_or("PANIC".into()));
    eprintln!("@@an_unknown_profile\n{}", std::panic::catch_unwind(|| message(&[("profile: ceda", "profile: cdea")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_profile_to_come\n{}", std::panic::catch_unwind(|| message(&[("profile: ceda", "profile: esgf")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_key_to_come\n{}", std::panic::catch_unwind(|| message(&[("on_gap: report", "on_overlap: error")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_list_of_dimensions_to_come\n{}", std::panic::catch_unwind(|| message(&[("along: auto", "along: [time, depth]")])).unwrap_or("PANIC".into()));
    eprintln!("@@authentication_to_come\n{}", std::panic::catch_unwind(|| message(&[("api: \"https://stac.example.org\"", "auth: {basic: {}}\n  api: \"https://stac.example.org\"")])).unwrap_or("PANIC".into()));
    eprintln!("@@an_object_store_to_come\n{}", std::panic::catch_unwind(|| message(&[("root: archive", "root: \"s3://bucket/archive\"")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_misspelt_facet\n{}", std::panic::catch_unwind(|| message(&[("{{ model }}", "{{ modle }}")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_misspelt_facet_in_a_nested_property\n{}", std::panic::catch_unwind(|| message(&[("{{ year }}", "{{ yaer }}")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_facet_that_resembles_none\n{}", std::panic::catch_unwind(|| message(&[("{{ model }}", "{{ institution }}")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_broken_template\n{}", std::panic::catch_unwind(|| message(&[("{{ model }}", "{{ model }")])).unwrap_or("PANIC".into()));
    eprintln!("@@an_unknown_filter\n{}", std::panic::catch_unwind(|| message(&[("{{ model }}", "{{ model | uper }}")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_repeated_facet\n{}", std::panic::catch_unwind(|| message(&[("{model}/", "{model}/{model}/")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_brace_without_partner\n{}", std::panic::catch_unwind(|| message(&[("{model}/", "{model/")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_bad_regex\n{}", std::panic::catch_unwind(|| message(&[("pattern: \"{model}/{year}.nc\"", "regex: \"(?P<model>[^/+\"")])).unwrap_or("PANIC".into()));
    eprintln!("@@pattern_and_regex\n{}", std::panic::catch_unwind(|| message(&[("  id: \"{{", "  regex: x\n  id: \"{{")])).unwrap_or("PANIC".into()));
    eprintln!("@@no_globs\n{}", std::panic::catch_unwind(|| message(&[("[\"**/*.nc\"]", "[]")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_bad_glob\n{}", std::panic::catch_unwind(|| message(&[("**/*.nc", "**/*.{nc")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_glob_that_matches_nothing\n{}", std::panic::catch_unwind(|| message(&[("**/*.nc", "/archive/*.nc")])).unwrap_or("PANIC".into()));
    eprintln!("@@root_and_list\n{}", std::panic::catch_unwind(|| message(&[("    root: archive", "    root: archive\n    list: files.txt")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_bad_collection_id\n{}", std::panic::catch_unwind(|| message(&[("id: cmip6", "id: cmip6/all")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_password\n{}", std::panic::catch_unwind(|| message(&[("https://stac.example.org", "https://me:hunter2@stac.example.org")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_public_url_without_scheme\n{}", std::panic::catch_unwind(|| message(&[("https://data.example.org/x", "data.example.org")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_bad_instant\n{}", std::panic::catch_unwind(|| message(&[("2020-01-01", "01/02/2020")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_backward_interval\n{}", std::panic::catch_unwind(|| message(&[("datetime: 2020-01-01", "datetime: {start: 2020-01-02, end: 2020-01-01}")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_bad_geometry\n{}", std::panic::catch_unwind(|| message(&[("[1, 2]", "[[1, 2]]")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_place_that_is_not_on_earth\n{}", std::panic::catch_unwind(|| message(&[("[1, 2]", "[1, 200]")])).unwrap_or("PANIC".into()));
    eprintln!("@@several_mistakes\n{}", std::panic::catch_unwind(|| message(&[("pattern:", "patern:"), ("profile: ceda", "profil: ceda"), ("title: T", "title: [T]")])).unwrap_or("PANIC".into()));
    eprintln!("@@not_yaml\n{}", std::panic::catch_unwind(|| message(&[("title: T", "title: T: T")])).unwrap_or("PANIC".into()));
    eprintln!("@@a_merge_key\n{}", std::panic::catch_unwind(|| message(&[("title: T", "<<: {title: T}")])).unwrap_or("PANIC".into()));
    eprintln!("@@an_empty_recipe\n{}", std::panic::catch_unwind(|| parse("", "recipe.yaml".as_ref()).unwrap_err().to_string()).unwrap_or("PANIC".into()));
    eprintln!("@@a_recipe_that_is_a_list\n{}", std::panic::catch_unwind(|| parse("- a", "recipe.yaml".as_ref()).unwrap_err().to_string()).unwrap_or("PANIC".into()));
}
