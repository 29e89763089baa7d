//! What the schemas say about a record.

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, Registry, Resource, ValidationError};
use serde_json::{Value, json};

use super::{Problem, ValidateError, schemas};

const PROJJSON: &str = "https://proj.org/schemas/v0.7/projjson.schema.json";

/// How deep alternatives within alternatives are looked into.
const ALTERNATIVES_DEPTH: usize = 6;
/// Messages beyond so many bytes leave out the value they are about.
const MESSAGE_LIMIT: usize = 200;

/// The vendored schemas, each compiled when it is first needed, once for the whole program: with PROJJSON's, and without for records that hold
/// none.
static COMPILED: LazyLock<BTreeMap<&'static str, [OnceLock<Compiled>; 2]>> =
    LazyLock::new(|| schemas::all().map(|(url, _)| (url, Default::default())).collect());

type Compiled = Result<jsonschema::Validator, String>;

fn broken(url: &str, reason: &dyn std::fmt::Display) -> ValidateError {
    ValidateError::Schema { url: url.to_owned(), reason: reason.to_string() }
}

/// Adds what a schema says about a record; whether that holds PROJJSON is asked once for all schemas ([`holds_projjson`]).
pub(super) fn check(
    url: &str,
    (record, has_projjson): (&Value, bool),
    problems: &mut Vec<Problem>,
) -> Result<(), ValidateError> {
    let (url, [without, with]) = COMPILED.get_key_value(url).ok_or_else(|| broken(url, &"it is not vendored"))?;
    let compiled = if has_projjson { with } else { without };
    let compiled = compiled.get_or_init(|| compile(url, has_projjson));
    let validator = compiled.as_ref().map_err(|reason| broken(url, reason))?;
    if !validator.is_valid(record) {
        validator.iter_errors(record).for_each(|error| explain(&error, ALTERNATIVES_DEPTH, problems));
    }
    Ok(())
}

/// Compiles a schema with those that it refers to, and no others: that takes longer than all else that validation does.
fn compile(url: &'static str, with_projjson: bool) -> Compiled {
    let (mut resources, mut queue) = (BTreeMap::new(), vec![url.to_owned()]);
    while let Some(wanted) = queue.pop() {
        let Some((known, text)) = schemas::all().find(|(known, _)| *known == wanted) else { continue };
        if resources.contains_key(known) {
            continue;
        }
        let mut schema = match known {
            // Its parts refer to each other in so many ways that it takes most of the time and 100 MB.
            PROJJSON if !with_projjson && url != PROJJSON => json!({"type": "object"}),
            _ => serde_json::from_str(text).map_err(|error| error.to_string())?,
        };
        // Each goes by the URL that others use: STAC's common.json gives itself another one.
        schema["$id"] = known.into();
        references(&schema, known, &mut queue);
        resources.insert(known, schema);
    }
    let resource = |(url, schema)| Ok((url, Resource::from_contents(schema)?));
    let resources: Result<Vec<_>, jsonschema::ReferencingError> = resources.into_iter().map(resource).collect();
    let registry = resources.and_then(|resources| Registry::options().draft(Draft::Draft7).build(resources));
    let options = jsonschema::options().with_draft(Draft::Draft7).should_validate_formats(true);
    let options = options.with_registry(registry.map_err(|error| error.to_string())?);
    // What is compiled is compared with the schema of schemas first, at great cost; what it refers to is not. A test does that.
    options.build(&json!({"$ref": url})).map_err(|error| error.to_string())
}

/// Adds the URLs that a schema refers to.
fn references(schema: &Value, base: &str, found: &mut Vec<String>) {
    match schema {
        Value::Object(object) => {
            if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
                let reference = reference.split('#').next().unwrap_or_default();
                let url = url::Url::parse(base).and_then(|base| base.join(reference));
                found.extend(url.ok().filter(|_| !reference.is_empty()).map(String::from));
            }
            object.values().for_each(|value| references(value, base, found));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, base, found)),
        _ => {}
    }
}

/// Whether a record holds what PROJJSON's schema has to look at. All that the schemas refer to it for may be a text or a number instead, and then
/// all that it says is that these are no objects.
pub(super) fn holds_projjson(record: &Value) -> bool {
    match record {
        Value::Object(object) => object.iter().any(|(key, value)| match key.as_str() {
            "proj:projjson" => !value.is_null(),
            "reference_system" => !value.is_string() && !value.is_number(),
            _ => holds_projjson(value),
        }),
        Value::Array(list) => list.iter().any(holds_projjson),
        _ => false,
    }
}

/// Adds an error; of alternatives the problems of the one that was most likely meant.
fn explain(error: &ValidationError<'_>, depth: usize, problems: &mut Vec<Problem>) {
    let alternatives = match &error.kind {
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => context.as_slice(),
        _ => &[],
    };
    let meant = alternatives.iter().filter(|errors| !errors.is_empty()).min_by_key(|errors| unlikeliness(errors));
    match meant {
        Some(errors) if depth > 0 => errors.iter().for_each(|error| explain(error, depth - 1, problems)),
        _ => problems.push(Problem::new(error.instance_path.to_string(), message(error))),
    }
}

/// An alternative for another `type` of object was not meant; else the one with the fewest problems was.
fn unlikeliness(errors: &[ValidationError<'_>]) -> (bool, usize) {
    let other_type = errors.iter().any(|error| {
        let decides = matches!(error.kind, ValidationErrorKind::Constant { .. } | ValidationErrorKind::Enum { .. });
        decides && error.instance_path.to_string().ends_with("/type")
    });
    (other_type, errors.len())
}

fn message(error: &ValidationError<'_>) -> String {
    let whole = error.to_string();
    if whole.len() <= MESSAGE_LIMIT {
        return whole;
    }
    let masked = error.masked().to_string();
    match masked.char_indices().nth(MESSAGE_LIMIT) {
        Some((end, _)) => format!("{}…", &masked[..end]),
        None => masked,
    }
}
