//! The templates of ids and properties: do they compile, and is every name a facet?

use std::collections::BTreeSet;

use minijinja::UndefinedBehavior;
use serde_json::Value;

use super::mistake::suggest;
use crate::model::template;

/// What is wrong with a template: the message follows the key.
pub(super) struct TemplateMistake {
    pub(super) message: String,
    pub(super) advice: Option<String>,
}

/// The names that templates can use.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) facets: &'a BTreeSet<String>,
    /// Whether rules have made them, not the pattern alone.
    pub(super) by_rules: bool,
}

/// Checks one template; `known` is missing if the pattern is itself wrong, then names are not checked.
pub(super) fn check(text: &str, known: Option<Known<'_>>) -> Vec<TemplateMistake> {
    let wrong = |message: String| vec![TemplateMistake { message, advice: None }];
    if let Err(what) = template::check(text) {
        return wrong(what);
    }
    let environment = template::environment(UndefinedBehavior::Strict);
    let compiled = match environment.template_from_str(text) {
        Ok(compiled) => compiled,
        Err(error) => return wrong(format!("is not a template: {}", error.detail().unwrap_or("syntax error"))),
    };
    let Some(Known { facets, by_rules }) = known else { return Vec::new() };
    let is_known = |name: &str| facets.contains(name) || environment.globals().any(|(global, _)| global == name);
    let mut unknown: Vec<String> =
        compiled.undeclared_variables(false).into_iter().filter(|name| !is_known(name)).collect();
    unknown.sort();
    if !unknown.is_empty() {
        let of = if by_rules { "" } else { " of the pattern" };
        return unknown
            .iter()
            .map(|name| TemplateMistake {
                message: format!("uses {name}, which is not a facet{of}"),
                advice: suggest(name, facets.iter().map(String::as_str)),
            })
            .collect();
    }
    let names: Vec<String> = facets.iter().cloned().collect();
    template::look_up(&compiled, &names).map_or_else(wrong, |()| Vec::new())
}

/// Whether a template uses a facet.
pub(super) fn uses(text: &str, facet: &str) -> bool {
    let environment = template::environment(UndefinedBehavior::Strict);
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
