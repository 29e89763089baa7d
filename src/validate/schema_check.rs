//! What the schemas say about a record.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, Registry, Resource, ValidationError};
use serde_json::Value;

use super::{Problem, ValidateError, schemas};

/// How deep alternatives within alternatives are looked into.
const ALTERNATIVES_DEPTH: usize = 6;
/// Messages beyond so many bytes leave out the value they are about.
const MESSAGE_LIMIT: usize = 200;

/// The vendored schemas, each compiled when it is first needed.
pub(super) struct SchemaSet {
    registry: Registry,
    schemas: BTreeMap<&'static str, (Value, OnceLock<Compiled>)>,
}

type Compiled = Result<jsonschema::Validator, String>;

impl std::fmt::Debug for SchemaSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.schemas.keys()).finish()
    }
}

fn broken(url: &str, reason: &dyn std::fmt::Display) -> ValidateError {
    ValidateError::Schema { url: url.to_owned(), reason: reason.to_string() }
}

impl SchemaSet {
    pub(super) fn new() -> Result<Self, ValidateError> {
        let mut schemas = BTreeMap::new();
        let mut resources = Vec::new();
        for (url, text) in schemas::all() {
            let mut schema: Value = serde_json::from_str(text).map_err(|error| broken(url, &error))?;
            // Each goes by the URL that others use: STAC's common.json gives itself another one.
            schema["$id"] = url.into();
            let resource = Resource::from_contents(schema.clone()).map_err(|error| broken(url, &error))?;
            resources.push((url, resource));
            schemas.insert(url, (schema, OnceLock::new()));
        }
        let registry = Registry::options().draft(Draft::Draft7).build(resources);
        Ok(Self { registry: registry.map_err(|error| broken("schemas/stac", &error))?, schemas })
    }

    /// Adds what a schema says about a record.
    pub(super) fn check(&self, url: &str, record: &Value, problems: &mut Vec<Problem>) -> Result<(), ValidateError> {
        let (schema, compiled) = self.schemas.get(url).ok_or_else(|| broken(url, &"it is not vendored"))?;
        let compile = || {
            let options = jsonschema::options().with_draft(Draft::Draft7).should_validate_formats(true);
            options.with_registry(self.registry.clone()).build(schema).map_err(|error| error.to_string())
        };
        let validator = compiled.get_or_init(compile).as_ref().map_err(|reason| broken(url, &reason))?;
        if !validator.is_valid(record) {
            validator.iter_errors(record).for_each(|error| explain(&error, ALTERNATIVES_DEPTH, problems));
        }
        Ok(())
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
