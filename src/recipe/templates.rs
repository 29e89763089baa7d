//! The templates of ids and properties: do they compile, and is every name a facet?

use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use serde_json::Value;

use super::mistake::suggest;
use crate::model::ItemPattern;

/// What is wrong with a template: the message follows the key.
pub(super) struct TemplateMistake {
    pub(super) message: String,
    pub(super) advice: Option<String>,
}

/// Checks one template; `pattern` is missing if it is itself wrong, then names are not checked.
pub(super) fn check(text: &str, pattern: Option<&ItemPattern>) -> Vec<TemplateMistake> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let template = match environment.template_from_str(text) {
        Ok(template) => template,
        Err(error) => {
            let message = format!("is not a template: {}", error.detail().unwrap_or("syntax error"));
            return vec![TemplateMistake { message, advice: None }];
        }
    };
    let Some(pattern) = pattern else { return Vec::new() };
    let facets: Vec<&str> = pattern.facet_names().collect();
    let is_known = |name: &str| facets.contains(&name) || environment.globals().any(|(global, _)| global == name);
    let mut unknown: Vec<String> =
        template.undeclared_variables(false).into_iter().filter(|name| !is_known(name)).collect();
    unknown.sort();
    if !unknown.is_empty() {
        return unknown
            .iter()
            .map(|name| TemplateMistake {
                message: format!("uses {name}, which is not a facet of the pattern"),
                advice: suggest(name, facets.iter().copied()),
            })
            .collect();
    }
    // Filters and tests are looked up at the first rendering. What else fails may do so because the values are made up.
    let made_up: std::collections::BTreeMap<&str, &str> = facets.iter().map(|name| (*name, *name)).collect();
    match template.render(made_up) {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction
            ) =>
        {
            let message = format!("is not a template that can be rendered: {}", error.detail().unwrap_or_default());
            vec![TemplateMistake { message, advice: None }]
        }
        _ => Vec::new(),
    }
}

/// Whether a template uses a facet.
pub(super) fn uses(text: &str, facet: &str) -> bool {
    let environment = Environment::new();
    environment.template_from_str(text).is_ok_and(|template| template.undeclared_variables(false).contains(facet))
}

/// All texts within a value, each with the end of its key path.
pub(super) fn texts<'a>(value: &'a Value, key: &str, found: &mut Vec<(String, &'a str)>) {
    match value {
        Value::String(text) => found.push((key.to_owned(), text)),
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                texts(value, &format!("{key}[{index}]"), found);
            }
        }
        Value::Object(values) => {
            for (name, value) in values {
                texts(value, &format!("{key}.{name}"), found);
            }
        }
        _ => {}
    }
}
