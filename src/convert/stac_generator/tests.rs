//! What methods become; that it means the same is tested beside stac-generator itself (tests/interop/test_stac_generator.py).
#![allow(clippy::unwrap_used)]

use super::*;

fn converted(methods: &str) -> Converted {
    convert("a b.yaml", &format!("type: item\npaths: [/archive]\nextraction_methods:\n{methods}")).unwrap()
}

/// The rules, without what stands around them.
fn rules(methods: &str) -> String {
    let recipe = converted(methods).recipe;
    let (_, rest) = recipe.split_once("    - remove: [whole_path]\n").unwrap();
    rest.split_once("  id: \"{{ id }}\"").unwrap().0.to_owned()
}

const ID: &str = "  - {method: default, inputs: {defaults: {id: x}}}\n";

#[test]
fn a_recipe_that_loads() {
    let Converted { recipe, notes } = converted(
        "  - {method: regex, inputs: {regex: '/(?P<model>[\\w-]+)_(?P<n>\\d+)'}}
  - {method: conditional, inputs: {condition: \"$model == 'a' and $n is not None\", true_methods: [{method: default, inputs: {defaults: {a: 1, b: $n}}}]}}
  - {method: string_template, inputs: {template: '{model}.{zz}', output_key: id}}
  - {method: lambda, inputs: {function: 'lambda: 1'}}
",
    );
    let loaded = crate::recipe::parse(&recipe, "r.yaml".as_ref());
    assert!(loaded.is_ok(), "{recipe}{loaded:?}");
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].ends_with("nothing makes zz: it is left empty"), "{notes:?}");
    assert!(recipe.contains("# TODO extraction_methods[3], lambda: not carried over: it is Python"), "{recipe}");
    assert!(recipe.contains("when: \"model == 'a' and n is defined\""), "{recipe}");
    assert!(recipe.contains("id: \"a-b\""), "{recipe}");
}

#[test]
fn each_method() {
    for (method, expected) in [
        ("{method: regex_label, inputs: {regex: '.*\\.nc', label: data}}", "append: {label: data}"),
        ("{method: remove, inputs: {keys: [i, uri]}}", "- remove: [id]"),
        ("{method: facet_map, inputs: {term_map: {id: other, none: x}}}", "- rename: {id: other}"),
        ("{method: facet_prefix, inputs: {prefix: cmip6, keys: [id, none]}}", "facets: [id]"),
        ("{method: hash, inputs: {hash_str: $id, output_key: h}}", "algorithm: md5"),
        ("{method: regex_type_cast, inputs: {regex_casts: [{regex: id, cast_type: int}]}}", "- cast: {id: int}"),
        ("{method: regex_rename, inputs: {regex_swaps: [{regex: 'i', output_key: new}]}}", "- rename: {id: new}"),
        (
            "{method: netcdf, inputs: {variable_id: $id, variable_attributes: [{key: units, output_key: u}]}}",
            "variable: \"{{ id }}\"",
        ),
        (
            "{method: header, inputs: {backend: {method: xarray, inputs: {attributes: [{key: title}]}}}}",
            "- attributes: {title: title}",
        ),
        (
            "{method: iso_date, inputs: {date_terms: [{input_term: $id, format: '%Y', output_key: d}]}}",
            "- cast: {d: {date: \"%Y\", as: \"%Y-%m-%dT%H:%M:%S%.f\"}}",
        ),
        ("{method: path_parts, inputs: {skip: 2}}", "(?P<_dir1>[^/]+)"),
        ("{method: json_file, inputs: {path: x.json, properties: [{key: A, output_key: a}]}}", "- sidecar: x.json"),
    ] {
        let found = rules(&format!("{ID}  - {method}\n"));
        assert!(found.contains(expected), "{method}: {found}");
    }
}

#[test]
fn nothing_is_dropped_silently() {
    for method in [
        "{method: lambda}",
        "{method: general_function}",
        "{method: assets}",
        "{method: xml}",
        "{method: dict_aggregator}",
        "{method: controlled_vocabulary}",
        "{method: elasticsearch_search}",
        "{method: bbox, inputs: {west: $w, south: 0, east: 1, north: 1}}",
        "{method: bbox, inputs: {west: 0, south: 0, east: 1, north: 1}}",
        "{method: geometry, inputs: {type: Point, coordinates: [$x, 1]}}",
        "{method: regex, inputs: {regex: '(?=a)(?P<x>a)'}}",
        "{method: regex, inputs: {regex: '(?P<x>a)', input_term: $nothing}}",
        "{method: string_template, inputs: {template: '{a:03d}', output_key: x}}",
        "{method: conditional, inputs: {condition: 'len($id) > 3'}}",
        "{method: regex_type_cast, inputs: {regex_casts: [{regex: id, cast_type: complex}]}}",
        "{method: remove, inputs: {keys: [assets.x]}}",
        "{method: default, inputs: {defaults: {bbox: [1, 2, 3, 4]}}}",
        "{}",
    ] {
        let found = converted(&format!("{ID}  - {method}\n"));
        assert!(!found.notes.is_empty(), "{method}");
        for note in found.notes {
            assert!(found.recipe.contains(&format!("# TODO {note}")), "{note}");
        }
    }
}

#[test]
fn what_is_no_recipe() {
    for text in ["", "[]", "a: b", "extraction_methods: {a: b}", "a: [", "\t"] {
        assert!(convert("x.yaml", text).is_err(), "{text}");
    }
}

#[test]
fn expressions_of_python() {
    for (python, rust) in [
        (r"\/(?P<a>[\w-]*)\.nc\Z", Ok(r"\/(?P<a>[\w-]*)\.nc\z")),
        (r"[[a]&~]", Ok(r"[\[a]&~]")),
        (r"[]a]", Ok(r"[\]a]")),
        (r"(?<!a)b", Err("looks behind")),
        (r"(a)\1", Err("refers to group \\1")),
    ] {
        assert_eq!(regex::of_python(python).as_deref().map_err(String::as_str), rust);
    }
}

proptest::proptest! {
    #[test]
    fn no_recipe_breaks_it(cut in 0..400_usize, put in "[a-z:{}\\[\\]$'\\\\ \n-]{0,8}") {
        let whole = format!("type: item\npaths: [/a]\nextraction_methods:\n{ID}  - {{method: regex, inputs: {{regex: '(?P<a>.)'}}}}\n  - {{method: string_template, inputs: {{template: '{{a}}.{{b}}', output_key: id}}}}\n  - {{method: conditional, inputs: {{condition: \"$a == 'x'\", true_methods: [{{method: remove, inputs: {{keys: [a]}}}}]}}}}\n");
        let cut = cut.min(whole.len());
        if let Ok(Converted { recipe, .. }) = convert("x.yaml", &format!("{}{put}{}", &whole[..cut], &whole[cut..])) {
            let _ = crate::recipe::parse(&recipe, "r.yaml".as_ref());
        }
    }
}
