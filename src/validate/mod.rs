//! Checks records against the schemas of STAC and of all extensions that they name, offline.
//!
//! In: a [`Record`].
//! Out: a [`ValidatedRecord`], which alone can be published; or every problem, each with a JSON pointer.
//!
//! | file | answers |
//! | --- | --- |
//! | `schemas` | which schemas there are (vendored in `schemas/stac`) |
//! | `schema_check` | what the schemas say |
//! | `meaning` | what schemas cannot say: boxes, instants, links, keys, extensions used but not declared |
//! | `media` | whether an asset's media type is right for what it is |
//! | `lint/` | what only a whole catalogue can say: do links lead anywhere, do extents and summaries cover all items |

pub mod lint;
mod meaning;
mod media;
mod schema_check;
mod schemas;
#[cfg(test)]
mod tests;

use std::fmt;

use serde_json::Value;

use crate::model::{Record, RecordKind, ValidatedRecord};
use schema_check::holds_projjson;

/// Beyond so many problems of one record the rest is only counted.
pub const PROBLEMS_LISTED: usize = 50;

/// One thing that is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where: a JSON pointer, empty for the whole record.
    pub pointer: String,
    /// What is expected and what was found.
    pub message: String,
}

impl Problem {
    fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = if self.pointer.is_empty() { "/" } else { &self.pointer };
        write!(f, "{pointer}: {}", self.message)
    }
}

/// Why a record is not valid, or why nothing can be validated.
#[derive(Debug, thiserror::Error)]
pub enum ValidateError {
    /// The record does not agree with a schema or with itself.
    #[error("{kind} {id} is not valid: {}{}", listed(problems), omitted(*count, problems.len()))]
    Invalid {
        /// What it is.
        kind: RecordKind,
        /// Its id.
        id: String,
        /// The first problems, by pointer.
        problems: Vec<Problem>,
        /// How many there are.
        count: usize,
    },
    /// A vendored schema cannot be used: a mistake in altostac itself.
    #[error("the schema {url} cannot be used: {reason}")]
    Schema {
        /// The schema.
        url: String,
        /// Why.
        reason: String,
    },
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ")
}

fn omitted(count: usize, shown: usize) -> String {
    if count > shown { format!("; and {} more", count - shown) } else { String::new() }
}

/// Validates records, from any thread. What was compiled of the schemas is kept for the whole program.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Validator;

impl Validator {
    /// A validator; each vendored schema is compiled when a record first needs it.
    pub fn new() -> Self {
        Self
    }

    /// Checks a record against STAC 1.1.0, every extension that it names, and what schemas cannot say.
    ///
    /// ```
    /// use altostac::model::{Record, RecordKind};
    /// use altostac::validate::Validator;
    /// let json = serde_json::json!({"type": "Feature", "id": "x"});
    /// let error = Validator::new().validate(Record { kind: RecordKind::Item, id: "x".into(), json }).unwrap_err();
    /// assert!(error.to_string().contains("stac_version"));
    /// ```
    ///
    /// # Errors
    /// [`ValidateError::Invalid`] with all problems.
    pub fn validate(&self, record: Record) -> Result<ValidatedRecord, ValidateError> {
        let mut problems = self.problems(&record)?;
        if problems.is_empty() {
            return Ok(ValidatedRecord::prove(record));
        }
        let count = problems.len();
        problems.truncate(PROBLEMS_LISTED);
        Err(ValidateError::Invalid { kind: record.kind, id: record.id, problems, count })
    }

    /// All problems of a record, by pointer.
    fn problems(&self, record: &Record) -> Result<Vec<Problem>, ValidateError> {
        let mut problems = meaning::problems(record);
        self.schema_problems(schemas::core(record.kind), &record.json, &mut problems)?;
        Ok(problems)
    }

    fn schema_problems(&self, core: &str, json: &Value, problems: &mut Vec<Problem>) -> Result<(), ValidateError> {
        let checked = (json, holds_projjson(json));
        schema_check::check(core, checked, problems)?;
        for (number, extension) in json["stac_extensions"].as_array().into_iter().flatten().enumerate() {
            let url = extension.as_str().unwrap_or_default();
            match schemas::known_extension(url) {
                // It asks for URLs: relative links are what they will be when they are published.
                Some(url) if url.contains("/cmip6/") => {
                    schema_check::check(url, (&with_absolute_links(json), checked.1), problems)?;
                }
                Some(url) => schema_check::check(url, checked, problems)?,
                None => problems.push(unknown_extension(number, extension)),
            }
        }
        problems.sort();
        problems.dedup();
        Ok(())
    }
}

/// The record as a reader of the web sees it, wherever that is.
fn with_absolute_links(record: &Value) -> Value {
    let mut seen = record.clone();
    for link in seen.get_mut("links").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(Value::String(href)) = link.get_mut("href") else { continue };
        let base = url::Url::parse("https://stac.example.org/collection/items/");
        if let (Ok(base), Err(url::ParseError::RelativeUrlWithoutBase)) = (base, url::Url::parse(href)) {
            *href = base.join(href).map_or_else(|_| href.clone(), String::from);
        }
    }
    seen
}

fn unknown_extension(number: usize, found: &Value) -> Problem {
    let known: Vec<_> = schemas::extensions().collect();
    Problem::new(
        format!("/stac_extensions/{number}"),
        format!("expected an extension that can be checked offline ({}), found {found}", known.join(", ")),
    )
}
