//! The JSON Schemas in `schemas/` are those of the types. `BLESS=1 cargo test --test it schemas` writes them anew.

use std::path::{Path, PathBuf};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Compares a committed schema with a generated one; writes it under `BLESS=1`.
fn compare(path: &str, generated: &Value) {
    let path = root().join(path);
    let text = format!("{}\n", serde_json::to_string_pretty(generated).unwrap());
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "{} is not what the types say: BLESS=1 cargo test --test it schemas", path.display());
}

#[test]
fn the_recipe_schema_is_that_of_the_types() {
    let schema = altostac::recipe::schema();
    compare("schemas/recipe.json", &schema);
    let mut open = Vec::new();
    find_undescribed(&schema, "", &mut open);
    assert!(open.is_empty(), "keys without a description, or maps that take any key: {open:?}");
}

/// Every object with properties is closed, and every property says what it is for.
fn find_undescribed(schema: &Value, path: &str, found: &mut Vec<String>) {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        if schema["additionalProperties"] != Value::Bool(false) {
            found.push(path.to_owned());
        }
        let silent = |(_, property): &(&String, &Value)| property.get("description").is_none();
        found.extend(properties.iter().filter(silent).map(|(name, _)| format!("{path}.{name}")));
    }
    for (name, definition) in schema.get("$defs").and_then(Value::as_object).into_iter().flatten() {
        find_undescribed(definition, name, found);
    }
}

fn fixture_recipes() -> Vec<PathBuf> {
    let folders = std::fs::read_dir(root().join("fixtures")).into_iter().flatten();
    folders.map(|folder| folder.unwrap().path().join("recipe.yaml")).filter(|path| path.is_file()).collect()
}

#[test]
fn the_fixtures_agree_with_the_schema_and_load() {
    let schema = jsonschema::validator_for(&altostac::recipe::schema()).unwrap();
    for path in fixture_recipes() {
        let text = std::fs::read_to_string(&path).unwrap();
        let recipe: Value = serde_saphyr::from_str(&text).unwrap();
        let errors: Vec<_> = schema.iter_errors(&recipe).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
        altostac::recipe::load(&path).unwrap();
    }
}

/// Recipes for archives that are not here: all but their roots is checked.
#[test]
fn the_recipes_to_copy_agree_with_the_schema_and_parse() {
    let schema = jsonschema::validator_for(&altostac::recipe::schema()).unwrap();
    let files = std::fs::read_dir(root().join("fixtures/recipes")).unwrap();
    let paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    assert!(paths.len() >= 3, "{paths:?}");
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let recipe: Value = serde_saphyr::from_str(&text).unwrap();
        let errors: Vec<_> = schema.iter_errors(&recipe).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
        let parsed = altostac::recipe::parse(&text, &path).unwrap();
        // Every facet is used in the id, but for the file's name.
        let pattern = recipe["item"]["pattern"].as_str().unwrap();
        for facet in pattern.split('{').filter_map(|piece| Some(piece.split_once('}')?.0)) {
            let used = parsed.item.id.contains(&format!("{{{{ {facet} }}}}"));
            assert!(used || facet == "filename", "{}: {facet} is not in the id", path.display());
        }
    }
}

/// What an editor says by the schema and what altostac says of the shape is one thing.
#[test]
fn the_schema_and_the_program_agree() {
    let schema = jsonschema::validator_for(&altostac::recipe::schema()).unwrap();
    let whole = r#"
collection: {id: c, title: T, description: D, license: MIT, keywords: [k], providers: [{name: P, roles: [host], url: "https://x.org"}]}
sources: [{root: a, include: ["**/*.nc"], exclude: ["b/**"]}, {list: l.txt}]
item:
  pattern: "{f}"
  id: "{{ f }}"
  properties: {any: [{thing: 1}, true, null, "{{ f }}"]}
  datetime: {start: 2020-01-01, end: 2020-01-02}
  geometry: {type: Point, coordinates: [1, 2]}
aggregate: {along: time, on_gap: error}
products: [kerchunk]
output: o
public_urls: [{from: a, to: "https://x.org/a"}]
stac: {profile: ceda}
publish: {api: "https://x.org"}
"#;
    // Each is one change, and whether the result is right.
    let changes = [
        ("output: o", "output: o", true),
        ("products: [kerchunk]", "products: [{kerchunk: {}}]", true),
        ("datetime: {start: 2020-01-01, end: 2020-01-02}", "datetime: 2020-01-01", true),
        ("pattern: \"{f}\"", "regex: \"(?P<f>.*)\"", true),
        ("title: T", "title:", true),
        ("output: o", "otput: o", false),
        ("output: o", "output: 7", false),
        ("products: [kerchunk]", "products: []", false),
        ("products: [kerchunk]", "products: [{kerchunk: {x: 1}}]", false),
        ("products: [kerchunk]", "products: [zarr2]", false),
        ("products: [kerchunk]", "products: kerchunk", false),
        ("roles: [host]", "roles: [guest]", false),
        ("on_gap: error", "on_gap: maybe", false),
        ("profile: ceda", "profile: none", false),
        ("title: T", "titel: T", false),
        ("description: D, ", "", false),
        ("id: \"{{ f }}\"", "id:", false),
        ("{list: l.txt}", "{list: l.txt, root: a}", false),
        ("{list: l.txt}", "{}", false),
        ("pattern: \"{f}\"", "pattern: \"{f}\"\n  regex: x", false),
        ("include: [\"**/*.nc\"]", "include: []", false),
        ("type: Point", "type: Dot", false),
        ("coordinates: [1, 2]", "coordinates: x", false),
    ];
    for (from, to, is_right) in changes {
        assert!(whole.contains(from), "{from}");
        let text = whole.replacen(from, to, 1);
        let by_schema = schema.is_valid(&serde_saphyr::from_str::<Value>(&text).unwrap());
        let by_program = altostac::recipe::parse(&text, "recipe.yaml".as_ref());
        assert_eq!(by_schema, is_right, "the schema on {to}");
        assert_eq!(by_program.is_ok(), is_right, "the program on {to}: {by_program:?}");
    }
}

#[test]
fn the_output_schemas_are_those_of_the_types() {
    for (command, schema) in altostac::cli::output_schemas() {
        compare(&format!("schemas/output/{command}.json"), &schema);
    }
}
