//! Rules as they are written, on made-up files.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::super::mistake::Mistake;
use super::super::surroundings::{Imagined, Surroundings};
use super::super::{RecipeError, parse_within};
use crate::model::FileAttributes;
use crate::model::recipe::Recipe;

/// A disk with some texts.
struct Beside(BTreeMap<&'static str, &'static str>);

impl Surroundings for Beside {
    fn folder(&self, path: &Path) -> io::Result<PathBuf> {
        Imagined.folder(path)
    }
    fn as_far_as_exists(&self, path: &Path) -> PathBuf {
        Imagined.as_far_as_exists(path)
    }
    fn file_names(&self, folder: &Path) -> io::Result<Vec<String>> {
        Imagined.file_names(folder)
    }
    fn text(&self, path: &Path) -> io::Result<String> {
        let name = path.file_name().unwrap().to_str().unwrap();
        self.0.get(name).map(|text| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

const TTL: &str = r#"@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
PREFIX ex: <http://vocab.example.org/>
# a comment with "quotes
ex:scheme a skos:ConceptScheme ; skos:prefLabel "Models"@en .
ex:ukesm.1 a skos:Concept ;
    skos:prefLabel "UKESM1-0-LL"@en , '''UK Earth
System''' ;
    skos:notation "ukesm"^^<http://www.w3.org/2001/XMLSchema#string> ;
    skos:broader [ a skos:Concept ; skos:prefLabel "nested" ] ;
    skos:altLabel "UK\u00e9" .
<http://vocab.example.org/b> <http://www.w3.org/2004/02/skos/core#prefLabel> "BCC"; skos:inScheme ex:scheme.
"#;

const RDF: &str = r#"<?xml version="1.0"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:s="http://www.w3.org/2004/02/skos/core#">
  <s:ConceptScheme rdf:about="http://v/scheme"><s:prefLabel>Models</s:prefLabel></s:ConceptScheme>
  <s:Concept rdf:about="http://v/a"><s:prefLabel xml:lang="en">A &amp; B</s:prefLabel><s:inScheme rdf:resource="http://v/scheme"/></s:Concept>
  <rdf:Description rdf:about="http://v/c"><rdf:type rdf:resource="http://www.w3.org/2004/02/skos/core#Concept"/><s:notation>C</s:notation></rdf:Description>
</rdf:RDF>"#;

const JSONLD: &str = r#"{"@context": {"skos": "http://www.w3.org/2004/02/skos/core#", "label": "skos:prefLabel"},
 "@graph": [{"@id": "http://v/s", "@type": "skos:ConceptScheme", "label": "Models"},
            {"@id": "http://v/a", "@type": ["skos:Concept"], "label": {"@value": "A", "@language": "en"}, "skos:notation": ["a", "aa"]},
            {"@id": "http://v/b", "skos:altLabel": {"en": "B"}}]}"#;

fn beside() -> Beside {
    Beside(
        [
            ("people.csv", "model,year,pi,team\nUKESM,1850,Ann,UK\nBCC,1850,,CN\n"),
            ("models.json", r#"{"UKESM": {"title": "UK", "levels": 85}, "BCC": {"title": "Beijing"}}"#),
            ("all.yaml", "project: CMIP6\n"),
            ("map.csv", "UKESM,MOHC\nBCC,BCC-ESM\n"),
            ("models.ttl", TTL),
            ("models.rdf", RDF),
            ("models.jsonld", JSONLD),
            ("cv.json", r#"{"version": 1, "model": {"UKESM": "x", "BCC": "y"}}"#),
            ("list.csv", "model\nUKESM\n"),
            ("bad.ttl", "@prefix x: <y> .\nx:a x:b \"c .\n"),
        ]
        .into(),
    )
}

fn read(facets: &str) -> Result<Recipe, Vec<Mistake>> {
    read_with("{{ model }}", facets)
}

fn read_with(id: &str, facets: &str) -> Result<Recipe, Vec<Mistake>> {
    let text = format!(
        "collection: {{id: c, description: D}}\nsources: [{{root: /archive}}]\nitem:\n  pattern: \"{{model}}/{{year}}.nc\"\n  id: \"{id}\"\n{facets}"
    );
    match parse_within(&text, "recipe.yaml".as_ref(), &beside()) {
        Ok(recipe) => Ok(recipe),
        Err(RecipeError::Mistakes { mistakes, .. }) => Err(mistakes),
        Err(other) => panic!("{other}"),
    }
}

fn applied(rules: &str, path: &str) -> Result<Value, String> {
    let recipe = read_with("x", &format!("  facets:\n{rules}")).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    let captured = recipe.item.pattern.facets(path).unwrap();
    let attributes = FileAttributes {
        global: [("title".to_owned(), json!("T")), ("levels".to_owned(), json!(85))].into(),
        variables: [("tas".to_owned(), [("units".to_owned(), json!("K"))].into())].into(),
    };
    let facets = recipe.item.facets.apply(&captured, (path, &format!("/archive/{path}")), &attributes);
    facets.map(|facets| json!(facets)).map_err(|error| error.to_string())
}

/// What rules add to, or change of, model UKESM and year 1850.
fn added(rules: &str) -> Value {
    let Value::Object(mut facets) = applied(rules, "UKESM/1850.nc").unwrap() else { panic!("a map") };
    facets.retain(|name, value| !(name == "model" && value == "UKESM" || name == "year" && value == "1850"));
    Value::Object(facets)
}

fn problem(rules: &str) -> String {
    applied(rules, "UKESM/1850.nc").unwrap_err()
}

fn mistakes(facets: &str) -> String {
    let mistakes = read(facets).map(|_| "no mistake").unwrap_err();
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_kind_of_rule() {
    for (rule, expected) in [
        ("{pattern: \"{stem}.nc\", from: file_name}", json!({"stem": "1850"})),
        ("{regex: \"^/(?P<top>[a-z]+)/\", from: file_location}", json!({"top": "archive"})),
        ("{regex: \"(?P<first>\\\\w)\"}", json!({"first": "U"})),
        ("{attributes: [title, levels]}", json!({"title": "T", "levels": 85})),
        ("{attributes: {unit: units}, variable: \"{{ 'tas' }}\"}", json!({"unit": "K"})),
        ("{attributes: [nothing], missing: ignore}", json!({})),
        ("{sidecar: people.csv, by: [model, year]}", json!({"pi": "Ann", "team": "UK"})),
        ("{sidecar: people.csv, by: {model: model, year: year}, take: {owner: pi}}", json!({"owner": "Ann"})),
        ("{sidecar: models.json, by: [model], take: [levels]}", json!({"levels": 85})),
        ("{sidecar: all.yaml}", json!({"project": "CMIP6"})),
        ("{map: {UKESM: MOHC}, from: model, to: institution}", json!({"institution": "MOHC"})),
        ("{map: map.csv, from: model}", json!({"model": "MOHC"})),
        ("{map: {X: Y}, from: model, missing: ignore}", json!({})),
        ("{default: {model: X, frequency: mon}}", json!({"frequency": "mon"})),
        (
            "{set: {a: \"{{ model | lower }}\", b: 1, c: [\"{{ year }}\", true], d: \"{{ model }}\"}}",
            json!({"a": "ukesm", "b": 1, "c": ["1850", true], "d": "UKESM"}),
        ),
        ("{append: {labels: \"{{ model }}\"}}", json!({"labels": ["UKESM"]})),
        ("{rename: {model: source, year: model}}", json!({"source": "UKESM", "model": "1850"})),
        ("{prefix: cmip6, facets: [model]}", json!({"cmip6:model": "UKESM"})),
        ("{prefix: x}", json!({"x:model": "UKESM", "x:year": "1850"})),
        ("{cast: {year: int}}", json!({"year": 1850})),
        ("{cast: {year: {date: \"%Y\"}}}", json!({"year": "1850-01-01T00:00:00Z"})),
        ("{cast: {model: int}, missing: ignore}", json!({})),
        ("{replace: \"E(S)\", with: \"<$1>\", from: model}", json!({"model": "UK<S>M"})),
        ("{replace: \"[A-Z]\", with: \"\", from: model, to: short}", json!({"short": ""})),
        ("{join: both, facets: [model, year], with: \"-\"}", json!({"both": "UKESM-1850"})),
        ("{hash: \"{{ model }}\", algorithm: md5, to: h}", json!({"h": "f2c9c6d1e0d1b1c4a0ab5dbd1b1b7cd0"})),
        ("{remove: [year]}", json!({})),
        ("{when: \"model == 'UKESM'\", set: {a: 1}}", json!({"a": 1})),
        ("{when: \"model is matching('UK')\", set: {a: 1}}", json!({})),
        ("{when: \"year | int > 1900\", then: [{set: {a: 1}}], else: [{set: {a: 2}}]}", json!({"a": 2})),
    ] {
        let found = added(&format!("    - {rule}\n"));
        if rule.contains("md5") {
            assert_eq!(found["h"].as_str().unwrap().len(), 32);
        } else {
            assert_eq!(found, expected, "{rule}");
        }
    }
}

#[test]
fn rules_follow_each_other() {
    let rules = "    - cast: {year: int}\n    - set: {decade: \"{{ year // 10 }}0s\", copy: \"{{ year }}\"}\n    - remove: [year]\n";
    assert_eq!(added(rules), json!({"decade": "1850s", "copy": 1850}));
    let rules = "    - append: {l: a}\n    - append: {l: b}\n    - when: \"zz is defined\"\n      append: {l: c}\n    - then: [{set: {zz: 1}}]\n      when: \"false\"\n";
    assert!(read(&format!("  facets:\n{rules}")).is_err(), "zz is not known yet");
}

#[test]
fn a_rule_that_finds_nothing_says_so() {
    for (rule, expected) in [
        ("{pattern: \"{x}.txt\", from: file_name}", "item.facets[0] does not match file_name \"1850.nc\""),
        (
            "{attributes: [creator]}",
            "item.facets[0] finds no creator: the file has no global attribute creator; if that is right, add `missing: ignore`",
        ),
        (
            "{attributes: [units], variable: pr}",
            "item.facets[0] finds no units: the file has no variable pr with an attribute units",
        ),
        ("{map: {X: Y}, from: model}", "item.facets[0] has nothing for model \"UKESM\""),
        ("{cast: {model: int}}", "item.facets[0] cannot make a whole number of model \"UKESM\""),
    ] {
        let found = problem(&format!("    - {rule}\n"));
        assert!(found.starts_with(expected), "{found}");
    }
    let found = applied("    - {sidecar: people.csv, by: [model, year]}\n", "UKESM/1851.nc").unwrap_err();
    assert_eq!(found, "item.facets[0] finds no row in people.csv for model \"UKESM\", year \"1851\"");
    let found =
        applied("    - {sidecar: people.csv, by: [model, year]}\n    - {set: {who: \"{{ pi }}\"}}\n", "BCC/1850.nc");
    assert_eq!(found.unwrap_err(), "item.facets[1] cannot set who: uses pi, which has no value");
}

#[test]
fn mistakes_have_places_and_spellings() {
    for (facets, expected) in [
        (
            "  facets:\n    - {map: {a: b}, from: modle}\n",
            "7:21: item.facets[0].from names modle, which is no facet that is known there; did you mean model?",
        ),
        (
            "  facets:\n    - set: {x: \"{{ yaer }}\"}\n",
            "item.facets[0].set.x uses yaer, which is no facet that is known there; did you mean year?",
        ),
        (
            "  facets:\n    - {when: \"modle == 1\", set: {a: 1}}\n",
            "item.facets[0].when uses modle, which is no facet that is known there; did you mean model?",
        ),
        ("  facets:\n    - {remove: [model]}\n", "item.id uses model, which is not a facet; expected year"),
        (
            "  facets:\n    - {sett: {a: 1}}\n",
            "item.facets[0].sett is not a key of a recipe; did you mean item.facets[0].set?",
        ),
        ("  facets:\n    - {from: model}\n", "item.facets[0] does nothing; expected one of pattern, regex"),
        (
            "  facets:\n    - {set: {a: 1}, remove: [year]}\n",
            "item.facets[0].remove stands beside set; a rule does one thing; make two rules of it",
        ),
        ("  facets:\n    - {set: {a: 1}, with: x}\n", "item.facets[0].with does not go with set"),
        ("  facets:\n    - {replace: x, from: model}\n", "item.facets[0].replace needs with beside it"),
        ("  facets:\n    - {then: []}\n", "item.facets[0].then needs when beside it"),
        ("  facets:\n    - {regex: \"(\"}\n", "item.facets[0].regex is not a regular expression: unclosed group"),
        ("  facets:\n    - {regex: \"x\"}\n", "item.facets[0].regex has no named group, so that it gives no facet"),
        ("  facets:\n    - {cast: {year: integer}}\n", "item.facets[0].cast.year cannot be \"integer\""),
        (
            "  facets:\n    - {cast: {year: {date: \"%Q\"}}}\n",
            "item.facets[0].cast.year.date \"%Q\" is no format of dates",
        ),
        ("  facets:\n    - {sidecar: peple.csv, by: [model]}\n", "item.facets[0].sidecar peple.csv cannot be read"),
        (
            "  facets:\n    - {sidecar: people.csv, by: [model], take: [p]}\n",
            "item.facets[0].take names p, which is no column of people.csv; did you mean pi?",
        ),
        ("  facets:\n    - {sidecar: people.csv}\n", "people.csv has rows; say by which facets they are found"),
        ("  facets:\n    - {sidecar: \"https://x/y.csv\", by: [model]}\n", "with https:// is not supported"),
        (
            "  facets:\n    - {set: {a: \"{% include 'x' %}\"}}\n",
            "item.facets[0].set.a uses the statement include, which templates of a recipe cannot",
        ),
        ("  facets:\n    - {set: {\"a b\": 1}}\n", "names a facet \"a b\"; expected letters, digits and _ : . -"),
        (
            "  vocabularies: {modle: [a]}\n",
            "item.vocabularies.modle names modle, which is no facet that is known there; did you mean model?",
        ),
        (
            "  vocabularies: {model: bad.ttl}\n",
            "item.vocabularies.model bad.ttl is not Turtle: line 2 holds a text that is not closed",
        ),
        ("  vocabularies: {model: {column: x}}\n", "item.vocabularies.model needs either values or a file"),
    ] {
        let found = mistakes(facets);
        assert!(found.contains(expected), "{facets}: {found}");
        assert!(!found.contains(":0:"), "{found}");
    }
    let given = mistakes("  facets:\n    - set: {file_name: x}\n");
    assert!(
        given.contains("item.facets[0].set.file_name makes a facet file_name, which is what rules start from"),
        "{given}"
    );
    assert!(mistakes("  properties: {x: \"{{ 'x' * 9 }}\"}\n").contains("item.properties.x multiplies"));
}

#[test]
fn vocabularies_of_all_forms() {
    let values = |text: &str| {
        let recipe =
            read(&format!("  vocabularies: {{model: {text}}}\n")).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
        recipe.item.vocabularies["model"].values.iter().cloned().collect::<Vec<_>>().join("|")
    };
    assert_eq!(values("[b, a]"), "a|b");
    assert_eq!(values("cv.json"), "BCC|UKESM");
    assert_eq!(values("list.csv"), "UKESM");
    assert_eq!(values("{file: people.csv, column: team}"), "CN|UK");
    assert_eq!(values("models.ttl"), "BCC|UK Earth\nSystem|UKESM1-0-LL|UK\u{e9}|ukesm");
    assert_eq!(values("{file: models.ttl, labels: [notation]}"), "ukesm");
    assert_eq!(
        values("{file: models.ttl, labels: [uri]}"),
        "http://vocab.example.org/b|http://vocab.example.org/ukesm.1"
    );
    assert_eq!(values("models.rdf"), "A & B|C");
    assert_eq!(values("models.jsonld"), "A|B|a|aa");
}

#[test]
fn what_stands_beside_the_recipe_is_digested() {
    let digest = |facets: &str| {
        let recipe = read(facets).unwrap();
        (recipe.product_digest, recipe.record_digest)
    };
    let plain = digest("");
    let with = digest("  facets: [{sidecar: all.yaml}]\n");
    assert_eq!(plain.0, with.0);
    assert_ne!(plain.1, with.1);
    assert_ne!(digest("  vocabularies: {model: [a]}\n").1, plain.1);
    assert_ne!(digest("  vocabularies: {model: [a]}\n").1, digest("  vocabularies: {model: [b]}\n").1);
    let joined = |rule: &str| digest(&format!("  facets: [{rule}]\naggregate: {{along: {{name: x, from: y}}}}\n")).0;
    assert_ne!(joined("{set: {y: \"{{ year }}\"}}"), joined("{set: {y: \"{{ year | int }}\"}}"));
}

proptest::proptest! {
    #[test]
    fn damaged_vocabularies_are_no_harm(cut in 0..TTL.len(), put in "[a-z:;.,\\[\\]<>\"@ \n]{0,5}", from in 0..RDF.len()) {
        let damaged = |text: &str, at: usize| {
            let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            format!("{}{put}{}", &text[..at], &text[at..])
        };
        let _ = super::turtle::turtle(&damaged(TTL, cut));
        let _ = super::turtle::turtle(&TTL[..cut]);
        let _ = super::skos::rdf_xml(&damaged(RDF, from));
        let _ = super::skos::rdf_xml(&RDF[..from]);
    }
}
