//! Messages, as people see them.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::model::recipe::{AggregateSettings, Along, OnGap, OnOverlap, SourceFiles};
use crate::model::{Manage, ProductSettings, ProductsAsked, RemovalLimit, SourcePlace};

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
fn an_unknown_key() {
    insta::assert_snapshot!(message(&[("pattern:", "patern:")]), @r"recipe.yaml:10:3: item.patern is not a key of a recipe; did you mean item.pattern?");
}

#[test]
fn an_unknown_key_at_the_top() {
    insta::assert_snapshot!(message(&[("sources:", "source:")]), @r"recipe.yaml:6:1: source is not a key of a recipe; did you mean sources?");
}

#[test]
fn a_key_of_another_level() {
    insta::assert_snapshot!(message(&[("output: published", "pattern: x")]), @r"recipe.yaml:19:1: pattern is not a key of a recipe; did you mean item.pattern?");
}

#[test]
fn an_unknown_key_without_a_neighbour() {
    insta::assert_snapshot!(message(&[("title: T", "frobnicate: T")]), @r"recipe.yaml:3:3: collection.frobnicate is not a key of a recipe; collection has the keys id, title, description, license, keywords, providers, version, doi, citation, publications, parent, manage");
}

#[test]
fn a_repeated_key() {
    insta::assert_snapshot!(message(&[("title: T", "id: again")]), @r"recipe.yaml:3:3: collection.id stands there twice; the first time on line 2");
}

#[test]
fn a_missing_key() {
    insta::assert_snapshot!(message(&[("  description: D\n", "")]), @r"recipe.yaml:2:3: collection.description is missing");
}

#[test]
fn a_wrong_type() {
    insta::assert_snapshot!(message(&[("keywords: [a]", "keywords: a")]), @r"recipe.yaml:5:13: collection.keywords is a text; expected a list");
}

#[test]
fn a_number_where_a_text_belongs() {
    insta::assert_snapshot!(message(&[("title: T", "title: 2020")]), @r"recipe.yaml:3:10: collection.title is a number; expected a text; put it in quotes");
}

#[test]
fn an_unknown_value() {
    insta::assert_snapshot!(message(&[("on_gap: report", "on_gap: reprot")]), @r#"recipe.yaml:17:11: aggregate.on_gap cannot be "reprot"; did you mean report?"#);
}

#[test]
fn an_unknown_product() {
    insta::assert_snapshot!(message(&[("[kerchunk]", "[kerchnk]")]), @r#"recipe.yaml:18:12: products[0] cannot be "kerchnk"; did you mean kerchunk?"#);
}

#[test]
fn a_copy_with_wrong_options() {
    for (options, expected) in [
        ("{version: 2, shards: auto}", "products[0].zarr.shards asks for shards, which version 2 does not know"),
        ("{target: much}", "products[0].zarr.target is \"much\"; expected a number of bytes such as 16MiB"),
        ("{access: sideways}", "products[0].zarr.access cannot be \"sideways\""),
        ("{chunk: {time: 1}}", "did you mean products[0].zarr.chunks?"),
    ] {
        let message = message(&[("[kerchunk]", &format!("[{{zarr: {options}}}]"))]);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_product_twice() {
    insta::assert_snapshot!(message(&[("[kerchunk]", "[kerchunk, {kerchunk: {}}]")]), @r"recipe.yaml:18:22: products[1] names kerchunk for the second time");
}

#[test]
fn a_product_has_its_own_options_alone() {
    insta::assert_snapshot!(message(&[("[kerchunk]", "[{kerchunk: {}, kerchunk-parquet: {}}]")]), @r"recipe.yaml:18:12: products[0] has the options of 2 formats; expected one; write `- kerchunk`, or options after its name: `- kerchunk: {parquet_above: 200000}`");
    insta::assert_snapshot!(message(&[("[kerchunk]", "[{kerchunk-parquet: {record_size: 0}}]")]), @r"recipe.yaml:18:32: products[0].kerchunk-parquet.record_size is 0; expected 1 to 10,000,000");
    insta::assert_snapshot!(message(&[("[kerchunk]", "[{kerchunk: {parquet_above: many}}]")]), @r"recipe.yaml:18:39: products[0].kerchunk.parquet_above is a text; expected a whole number");
    insta::assert_snapshot!(message(&[("[kerchunk]", "{auto: true}")]), @r"recipe.yaml:18:11: products is a map; expected a list or a text");
    insta::assert_snapshot!(message(&[("[kerchunk]", "all")]), @r#"recipe.yaml:18:11: products cannot be "all"; expected auto"#);
}

#[test]
fn products_mean_what_they_say() {
    let products = |text: &str| recipe(&[("[kerchunk]", text)]).products;
    assert_eq!(products("auto"), ProductsAsked::Auto);
    let by_number = ProductSettings::KerchunkByNumber { parquet_above: 7 };
    assert_eq!(products("[{kerchunk: {parquet_above: 7}}]"), ProductsAsked::Listed(vec![by_number]));
    let parquet = |record_size| ProductSettings::KerchunkParquet { record_size };
    assert_eq!(
        products("[kerchunk, kerchunk-parquet]"),
        ProductsAsked::Listed(vec![ProductSettings::Kerchunk, parquet(100_000)])
    );
    assert_eq!(products("[{kerchunk-parquet: {record_size: 5}}]"), ProductsAsked::Listed(vec![parquet(5)]));
    // What is asked for by name is digested as before there was a choice.
    let digest = |text: &str| recipe(&[("[kerchunk]", text)]).product_digest;
    assert_ne!(digest("auto"), digest("[kerchunk]"));
    assert_ne!(digest("[{kerchunk-parquet: {record_size: 5}}]"), digest("[kerchunk-parquet]"));
    assert_eq!(digest("[{kerchunk: {}}]"), digest("[kerchunk]"));
}

#[test]
fn an_option_that_no_product_has() {
    insta::assert_snapshot!(message(&[("[kerchunk]", "[{kerchunk: {level: 3}}]")]), @r"recipe.yaml:18:24: products[0].kerchunk.level is not a key of a recipe; products[0].kerchunk has the keys parquet_above");
}

#[test]
fn an_unknown_profile() {
    insta::assert_snapshot!(message(&[("profile: ceda", "profile: cdea")]), @r#"recipe.yaml:22:17: stac.profile cannot be "cdea"; did you mean ceda?"#);
}

#[test]
fn where_records_are_pushed_to() {
    let publish = |text: &str| recipe(&[("api: \"https://stac.example.org\"", text)]).publish.unwrap();
    let one = publish("api: \"https://stac.example.org\"");
    assert_eq!((one.apis.len(), one.keep.len(), one.max_deletes), (1, 0, RemovalLimit::Share(1000)));
    let several = publish(
        "api: [\"https://a.org\", {url: \"https://b.org/stac\", auth: {bearer: {env: B}}, ca: ca.pem}]\n  keep: [/properties/x]\n  max_deletes: 5",
    );
    assert_eq!(
        several.apis.iter().map(|api| api.url.as_str()).collect::<Vec<_>>(),
        ["https://a.org/", "https://b.org/stac"]
    );
    assert!(several.apis[0].auth.is_none() && several.apis[1].auth.is_some() && several.apis[1].ca.is_some());
    assert_eq!((several.keep.len(), several.max_deletes), (1, RemovalLimit::Items(5)));
    let told = |text: &str| message(&[("api: \"https://stac.example.org\"", text)]);
    insta::assert_snapshot!(told("api: [\"https://a.org\", {url: \"https://a.org\"}]"), @r"recipe.yaml:24:26: publish.api[1] names https://a.org/ again");
    insta::assert_snapshot!(told("api: [\"https://a.org\"]\n  auth: {bearer: {env: A}}"), @r"recipe.yaml:25:3: publish.auth is for one API; of several each says it: {url: …, auth: …}");
    insta::assert_snapshot!(told("api: \"https://a.org\"\n  keep: [title]"), @r#"recipe.yaml:25:10: publish.keep[0] is "title"; expected a JSON pointer below the record, such as /properties/reviewed"#);
    insta::assert_snapshot!(told("api: \"https://a.org\"\n  max_deletes: some"), @r#"recipe.yaml:25:3: publish.max_deletes is "some"; expected a share of the items, such as 20%, or a number of items"#);
}

#[test]
fn who_feeds_a_collection() {
    assert_eq!(recipe(&[]).manage, Manage::Own);
    assert_eq!(recipe(&[("title: T", "manage: extend")]).manage, Manage::Extend);
    insta::assert_snapshot!(message(&[("title: T", "manage: extend"), ("{profile: ceda}", "{catalogs: [model]}")]), @r"recipe.yaml:22:8: stac.catalogs goes with collection.manage: own only: it is made of all items, and others have some of them");
}

#[test]
fn what_becomes_of_overlaps_and_how_much_is_inlined() {
    let aggregate = |text: &str| recipe(&[("on_gap: report", text)]).aggregate;
    assert_eq!(aggregate("on_gap: report"), AggregateSettings::default());
    assert_eq!(aggregate("on_overlap: keep-last").on_overlap, OnOverlap::KeepLast);
    assert_eq!(aggregate("on_overlap: keep-first").on_overlap, OnOverlap::KeepFirst);
    for (text, bytes) in [("0", 0), ("5000", 5000), ("100 kB", 100_000), ("2MiB", 2 << 20), ("7 B", 7)] {
        assert_eq!(aggregate(&format!("inline_limit: {text}")).inline_limit, bytes);
    }
    for text in ["1GiB", "65MiB", "67108865", "much", "1.5MiB", "99999999999999999999MiB"] {
        let wrong = message(&[("on_gap: report", &format!("inline_limit: {text}"))]);
        assert!(wrong.contains("aggregate.inline_limit") && wrong.contains("at most 67108864 bytes"), "{wrong}");
    }
}

#[test]
fn what_files_are_joined_along() {
    let along = |text: &str| recipe(&[("along: auto", text)]).aggregate.along;
    let dimension = |name: &str| crate::model::DimensionName::new(name).unwrap();
    assert_eq!(along("along: [time, depth]").dimensions, [dimension("time"), dimension("depth")]);
    let facets = along("along: [auto, {name: piece, from: year}]").facets;
    assert_eq!(facets, [crate::model::recipe::FacetDimension { name: dimension("piece"), from: "year".into() }]);
    let wrong = |text: &str, expected: &str| {
        let found = message(&[("along: auto", text)]);
        assert!(found.contains(expected), "{found}");
    };
    wrong(
        "along: {name: piece, from: yaer}",
        "aggregate.along.from names no facet of the pattern; there are: model, year; did you mean year?",
    );
    wrong("along: {name: piece, of: year}", "aggregate.along.of is not a key of a recipe");
    wrong("along: [auto, time]", "aggregate.along has both auto and the name of a dimension");
    wrong("along: []", "aggregate.along is an empty list");
    wrong("along: {name: x, from: model}", "names model, which item.id uses: it is the same in all files of an item");
}

#[test]
fn remote_roots() {
    let root = |text: &str| recipe(&[("root: archive", &format!("root: {text:?}"))]).sources[0].root.to_string();
    assert_eq!(root("s3://bucket/a b"), "s3://bucket/a%20b/");
    assert_eq!(root("https://dap.ceda.ac.uk/badc/cmip6/"), "https://dap.ceda.ac.uk/badc/cmip6/");
    assert_eq!(root("gs://bucket"), "gs://bucket/");
    assert_eq!(root("az://container/a/../b"), "az://container/b/");
    let list = |text: &str| {
        let recipe = recipe(&[("include: [\"**/*.nc\"]\n    root: archive", &format!("list: {text:?}"))]);
        let SourceFiles::Listed(list) = &recipe.sources[0].files else { panic!("a list") };
        (list.to_string(), recipe.sources[0].root.to_string())
    };
    assert_eq!(list("https://a.org/x/files.txt"), ("https://a.org/x/files.txt".into(), "https://a.org/x/".into()));
}

#[test]
fn an_unknown_scheme() {
    insta::assert_snapshot!(message(&[("root: archive", "root: \"ftp://host/archive\"")]), @"recipe.yaml:8:5: sources[0].root with ftp:// cannot be read; expected a path, or a URL that begins with https://, http://, s3://, gs:// or az://");
}

#[test]
fn a_root_with_a_query() {
    insta::assert_snapshot!(message(&[("root: archive", "root: \"https://host/archive?token=x\"")]), @"recipe.yaml:8:5: sources[0].root has a query or fragment: only what ends with a path can be continued");
}

#[test]
fn an_output_in_a_store() {
    let output = |text: &str| recipe(&[("output: published", &format!("output: \"{text}\""))]).output.to_string();
    assert_eq!(output("s3://bucket/a%20prefix"), "s3://bucket/a%20prefix/");
    assert_eq!(output("gs://bucket"), "gs://bucket/");
    let keeping = recipe(&[("output: published", "keep_revisions: 3\nconfirm_uploads: checksum")]).keeping;
    assert_eq!((keeping.revisions, keeping.confirmation), (3, crate::model::Confirmation::Checksum));
    assert_eq!(recipe(&[]).keeping, crate::model::Keeping::default());
}

#[test]
fn what_becomes_of_items_without_files() {
    use crate::model::OnRemoved;
    let keeping = |text: &str| recipe(&[("output: published", text)]).keeping;
    assert_eq!(keeping("on_removed: retract").on_removed, OnRemoved::Retract);
    assert_eq!(keeping("guard: {max_removed: 2.5%}").max_removed, RemovalLimit::Share(250));
    assert_eq!(keeping("guard: {max_removed: 3}").max_removed, RemovalLimit::Items(3));
    let told = |text: &str| message(&[("output: published", text)]);
    insta::assert_snapshot!(told("guard: {max_removed: a fifth}"), @r#"recipe.yaml:19:9: guard.max_removed is "a fifth"; expected a share of the items, such as 20%, or a number of items"#);
    assert!(told("on_removed: hide").contains("on_removed"));
}

#[test]
fn an_output_that_cannot_be_written_to() {
    let told = |text: &str| message(&[("output: published", text)]);
    insta::assert_snapshot!(told("output: \"https://host/published\""), @"recipe.yaml:19:1: output with https:// cannot be written to; expected a path, or a URL that begins with s3://, gs:// or az://");
    insta::assert_snapshot!(told("output: \"s3://bucket:9000/published\""), @"recipe.yaml:19:1: output holds a port; the endpoint of a store is taken from the environment, such as AWS_ENDPOINT_URL");
    insta::assert_snapshot!(told("keep_revisions: 0"), @"recipe.yaml:19:1: keep_revisions is 0; expected at least 1: the current revision stands");
}

#[test]
fn a_misspelt_facet() {
    insta::assert_snapshot!(message(&[("{{ model }}", "{{ modle }}")]), @r"recipe.yaml:11:3: item.id uses modle, which is not a facet of the pattern; did you mean model?");
}

#[test]
fn a_misspelt_facet_in_a_nested_property() {
    insta::assert_snapshot!(message(&[("{{ year }}", "{{ yaer }}")]), @r"recipe.yaml:12:26: item.properties.nested[0].year uses yaer, which is not a facet of the pattern; did you mean year?");
}

#[test]
fn a_facet_that_resembles_none() {
    insta::assert_snapshot!(message(&[("{{ model }}", "{{ institution }}")]), @r"recipe.yaml:11:3: item.id uses institution, which is not a facet of the pattern; expected model or year");
}

#[test]
fn a_broken_template() {
    insta::assert_snapshot!(message(&[("{{ model }}", "{{ model }")]), @r"recipe.yaml:11:3: item.id is not a template: unexpected `}`, expected end of variable block");
}

#[test]
fn an_unknown_filter() {
    insta::assert_snapshot!(message(&[("{{ model }}", "{{ model | uper }}")]), @r"recipe.yaml:11:3: item.id is not a template that can be rendered: filter uper is unknown");
}

#[test]
fn a_repeated_facet() {
    insta::assert_snapshot!(message(&[("{model}/", "{model}/{model}/")]), @r"recipe.yaml:10:3: item.pattern is wrong: the facet model stands there twice");
}

#[test]
fn a_brace_without_partner() {
    insta::assert_snapshot!(message(&[("{model}/", "{model/")]), @r"recipe.yaml:10:3: item.pattern is wrong: the { at character 1 has no partner");
}

#[test]
fn a_bad_regex() {
    insta::assert_snapshot!(message(&[("pattern: \"{model}/{year}.nc\"", "regex: \"(?P<model>[^/+\"")]), @r"recipe.yaml:10:3: item.regex is wrong: it is not a regular expression: unclosed character class");
}

#[test]
fn pattern_and_regex() {
    insta::assert_snapshot!(message(&[("  id: \"{{", "  regex: x\n  id: \"{{")]), @r"recipe.yaml:9:1: item has both pattern and regex; expected one of them");
}

#[test]
fn no_globs() {
    insta::assert_snapshot!(message(&[("[\"**/*.nc\"]", "[]")]), @r"recipe.yaml:7:14: sources[0].include is an empty list; expected at least one entry");
}

#[test]
fn a_bad_glob() {
    insta::assert_snapshot!(message(&[("**/*.nc", "**/*.{nc")]), @r#"recipe.yaml:7:15: sources[0].include[0] "**/*.{nc" is not a glob: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)"#);
}

#[test]
fn a_glob_that_matches_nothing() {
    insta::assert_snapshot!(message(&[("**/*.nc", "/archive/*.nc")]), @r#"recipe.yaml:7:15: sources[0].include[0] "/archive/*.nc" can match nothing; globs match the path below the root, such as **/*.nc"#);
}

#[test]
fn root_and_list() {
    insta::assert_snapshot!(message(&[("    root: archive", "    root: archive\n    list: files.txt")]), @r"recipe.yaml:7:5: sources[0] has both root and list; expected one of them");
}

#[test]
fn a_bad_collection_id() {
    insta::assert_snapshot!(message(&[("id: cmip6", "id: cmip6/all")]), @r#"recipe.yaml:2:3: collection.id is wrong: a collection id "cmip6/all" holds '/'; allowed are A-Z a-z 0-9 . _ -"#);
}

#[test]
fn a_password() {
    insta::assert_snapshot!(message(&[("https://stac.example.org", "https://me:hunter2@stac.example.org")]), @r"recipe.yaml:24:8: publish.api holds a user or password in a URL; secrets do not belong in a recipe");
}

#[test]
fn a_public_url_without_scheme() {
    insta::assert_snapshot!(message(&[("https://data.example.org/x", "data.example.org")]), @r"recipe.yaml:21:21: public_urls[0].to is not a URL: relative URL without a base");
}

#[test]
fn a_bad_instant() {
    insta::assert_snapshot!(message(&[("2020-01-01", "01/02/2020")]), @r#"recipe.yaml:13:3: item.datetime "01/02/2020" is neither an RFC 3339 instant (2020-01-31T12:00:00Z) nor a date (2020-01-31)"#);
}

#[test]
fn a_backward_interval() {
    insta::assert_snapshot!(message(&[("datetime: 2020-01-01", "datetime: {start: 2020-01-02, end: 2020-01-01}")]), @r"recipe.yaml:13:3: item.datetime ends before it starts");
}

#[test]
fn a_bad_geometry() {
    insta::assert_snapshot!(message(&[("[1, 2]", "[[1, 2]]")]), @r"recipe.yaml:14:3: item.geometry is not a GeoJSON geometry: Encountered geometry type: `Point` with unexpected coordinates dimensions: 1");
}

#[test]
fn a_place_that_is_not_on_earth() {
    insta::assert_snapshot!(message(&[("[1, 2]", "[1, 200]")]), @r"recipe.yaml:14:27: item.geometry.coordinates holds [1,200]; expected a longitude from -180 to 180 and a latitude from -90 to 90");
}

#[test]
fn several_mistakes() {
    insta::assert_snapshot!(message(&[("pattern:", "patern:"), ("profile: ceda", "profil: ceda"), ("title: T", "title: [T]")]), @r"
recipe.yaml:3:10: collection.title is a list; expected a text
recipe.yaml:10:3: item.patern is not a key of a recipe; did you mean item.pattern?
recipe.yaml:22:8: stac.profil is not a key of a recipe; did you mean stac.profile?
");
}

#[test]
fn not_yaml() {
    insta::assert_snapshot!(message(&[("title: T", "title: T: T")]), @r"recipe.yaml:3:11: this is not YAML: mapping values are not allowed in this context");
}

#[test]
fn a_merge_key() {
    insta::assert_snapshot!(message(&[("title: T", "<<: {title: T}")]), @r"recipe.yaml:3:3: this is not YAML: YAML merge keys are not allowed by configured policy");
}

#[test]
fn an_empty_recipe() {
    insta::assert_snapshot!(parse("", "recipe.yaml".as_ref()).unwrap_err().to_string(), @r"recipe.yaml:1:1: the recipe is empty; expected a map");
}

#[test]
fn a_recipe_that_is_a_list() {
    insta::assert_snapshot!(parse("- a", "recipe.yaml".as_ref()).unwrap_err().to_string(), @r"recipe.yaml:1:1: the recipe is a list; expected a map");
}

#[test]
fn a_secret_is_never_repeated() {
    for secret in ["https://me:hunter2@x.org", "s3:/me:hunter2@x", "https:\\\\me:hunter2@x.org"] {
        let text = message(&[("title: T", &format!("title: \"{secret}\"\n  patern: {{}}"))]);
        assert!(text.contains("collection.title holds a user or password") && !text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_small_text_cannot_become_a_large_tree() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let references = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{references}]\n"));
    }
    for text in [bomb, "[".repeat(100_000), "- ".repeat(100_000), "{a: ".repeat(5_000)] {
        let error = parse(&text, "recipe.yaml".as_ref()).unwrap_err().to_string();
        assert!(error.contains("this is not YAML"), "{error}");
    }
}

#[test]
fn the_least_recipe_has_defaults() {
    let text =
        "collection: {id: c, description: D}\nsources: [{root: a/../b}]\nitem: {pattern: '{f}', id: '{{ f }}'}\n";
    let recipe = parse(text, "/somewhere/recipe.yaml".as_ref()).unwrap();
    assert_eq!(recipe.output, SourcePlace::Local("/somewhere/published".into()));
    assert_eq!(recipe.sources[0].root, SourcePlace::Local("/somewhere/b".into()));
    assert_eq!(recipe.products, ProductsAsked::Listed(vec![ProductSettings::Kerchunk]));
    assert_eq!((recipe.aggregate.along, recipe.aggregate.on_gap), (Along::default(), OnGap::Report));
    assert_eq!((recipe.stac.profile.as_str(), recipe.collection.license.as_str()), ("default", "other"));
    let SourceFiles::Matching { include, exclude } = &recipe.sources[0].files else { panic!("a root") };
    assert_eq!((include.texts(), exclude.texts()), (&["**/*.nc".to_owned()][..], &[][..]));
    assert!(recipe.publish.is_none());
}

#[test]
fn times_are_resolved() {
    let times = |text: &str| {
        let (first, last) = recipe(&[("datetime: 2020-01-01", &format!("datetime: {text}"))]).item.datetime.unwrap();
        format!("{first:?} {last:?}")
    };
    assert_eq!(times("2020-01-01"), "2020-01-01T00:00:00Z 2020-01-01T23:59:59Z");
    assert_eq!(times("2020-01-01T12:00:00+01:00"), "2020-01-01T11:00:00Z 2020-01-01T11:00:00Z");
    assert_eq!(times("{start: 2020-01-01, end: 2020-01-31}"), "2020-01-01T00:00:00Z 2020-01-31T23:59:59Z");
}

#[test]
fn each_digest_changes_with_what_it_is_about() {
    let digests = |replacements: &[(&str, &str)]| {
        let recipe = recipe(replacements);
        (recipe.product_digest, recipe.record_digest)
    };
    let (product, record) = digests(&[]);
    assert_eq!((&product, &record), (&digests(&[]).0, &digests(&[]).1));
    assert_eq!(product.len(), 64);
    for change in [("title: T", "title: U"), ("[1, 2]", "[1, 3]"), ("7]", "8]"), ("profile: ceda", "profile: default")]
    {
        let (changed_product, changed_record) = digests(&[change]);
        assert_eq!(changed_product, product, "{change:?}");
        assert_ne!(changed_record, record, "{change:?}");
    }
    for change in [
        ("root: archive", "root: b"),
        ("{year}.nc", "{year}.{x}"),
        ("along: auto", "along: time"),
        ("on_gap: report", "on_gap: error"),
        ("on_gap: report", "on_overlap: keep-last"),
        ("on_gap: report", "inline_limit: 64KiB"),
        ("example.org/x", "example.org/y"),
        ("profile: ceda", "profile: ceda, thumbnail: false"),
        ("profile: ceda", "profile: ceda, thumbnail: {step: 2, at: {plev: 50000}}"),
    ] {
        let (changed_product, changed_record) = digests(&[change]);
        assert_ne!(changed_product, product, "{change:?}");
        assert_eq!(changed_record, record, "{change:?}");
    }
    for change in [
        ("stac.example.org", "other.example.org"),
        ("output: published", "output: elsewhere"),
        ("output: published", "keep_revisions: 7"),
        ("output: published", "on_removed: deprecate"),
        ("output: published", "fingerprints: checksum"),
        ("output: published", "guard: {max_removed: 5%}"),
    ] {
        assert_eq!(digests(&[change]), (product.clone(), record.clone()), "{change:?}");
    }
    // The order of keys is nothing.
    let properties = |text: &str| digests(&[("{nested: [{year: \"{{ year }}\"}, 7]}", text)]).1;
    assert_eq!(properties("{a: {x: 1, y: 2}, b: 3}"), properties("{b: 3, a: {y: 2, x: 1}}"));
}

#[test]
fn a_recipe_on_disk_finds_its_folders_and_templates() {
    let folder = tempfile::tempdir().unwrap();
    let real = folder.path().canonicalize().unwrap();
    let path = folder.path().join("recipe.yaml");
    std::fs::write(&path, RECIPE).unwrap();
    let error = load(&path).unwrap_err().to_string();
    assert!(error.contains("recipe.yaml:8:5: sources[0].root archive is not a folder: "), "{error}");

    std::fs::create_dir(folder.path().join("real")).unwrap();
    std::os::unix::fs::symlink("real", folder.path().join("archive")).unwrap();
    let before = load(&path).unwrap();
    assert_eq!(before.sources[0].root, SourcePlace::Local(real.join("real")));
    assert_eq!(before.output, SourcePlace::Local(real.join("published")));
    let url = url::Url::from_file_path(real.join("real/a.nc")).unwrap();
    assert_eq!(before.public_urls.rewrite(&url).as_str(), "https://data.example.org/x/a.nc");

    let templates = folder.path().join("templates");
    std::fs::create_dir(&templates).unwrap();
    std::fs::write(templates.join("item.json.j2"), "{}").unwrap();
    std::fs::write(templates.join("README.md"), "").unwrap();
    let after = load(&path).unwrap();
    assert_eq!(after.stac.overrides["item.json.j2"], "{}");
    assert_eq!(after.product_digest, before.product_digest);
    assert_ne!(after.record_digest, before.record_digest);

    std::fs::write(templates.join("itm.json.j2"), "{}").unwrap();
    let error = load(&path).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "templates/itm.json.j2 beside the recipe is not a template that altostac knows; did you mean item.json.j2?"
        ),
        "{error}"
    );
    assert!(matches!(load(&folder.path().join("none.yaml")), Err(RecipeError::Read { .. })));
}

proptest::proptest! {
    /// Whatever is cut out of a recipe: an answer, and every mistake has a line of the text.
    #[test]
    fn a_damaged_recipe_is_no_harm(start in 0..RECIPE.len(), length in 0..60usize, put in "[a-z:{}\\[\\] \n\"&*-]{0,6}") {
        let end = (start + length).min(RECIPE.len());
        let text = format!("{}{put}{}", &RECIPE[..start], &RECIPE[end..]);
        if let Err(RecipeError::Mistakes { mistakes, .. }) = parse(&text, "recipe.yaml".as_ref()) {
            proptest::prop_assert!(!mistakes.is_empty());
            let lines = text.lines().count() as u64 + 1;
            for mistake in mistakes {
                proptest::prop_assert!((1..=lines).contains(&mistake.line), "{mistake}");
            }
        }
    }
}

#[test]
fn profiles_spell_collections_as_their_catalogues_do() {
    for (profile, id, expected) in [
        ("ceda", "ESACCI-SST", "esacci-sst"),
        ("ceda", "CCI", "cci"),
        ("ceda", "CMIP6", "CMIP6"),
        ("default", "ESACCI-SST", "ESACCI-SST"),
        ("esgf", "cmip6", "CMIP6"),
    ] {
        let recipe = recipe(&[("profile: ceda", &format!("profile: {profile}")), ("id: cmip6", &format!("id: {id}"))]);
        assert_eq!(recipe.collection.id.as_str(), expected);
    }
}
