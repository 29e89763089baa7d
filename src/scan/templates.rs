//! Compiled templates that know which facets they look at.

use minijinja::{Environment, Template};
use serde_json::Value;

use super::ScanError;
use crate::model::FacetValues;
use crate::model::facets::TemplateValue;
use crate::model::template::render;

/// A compiled template and the facets that it may look at.
pub(super) struct Compiled<'a> {
    template: Template<'a, 'a>,
    pub(super) facets: Vec<String>,
}

impl<'a> Compiled<'a> {
    /// Compiles a template; `what` names it, `known` are the facets there are.
    pub(super) fn new(
        environment: &'a Environment<'a>,
        what: &str,
        text: &'a str,
        known: &[&str],
    ) -> Result<Self, ScanError> {
        let template = environment
            .template_from_str(text)
            .map_err(|source| ScanError::Template { what: what.to_owned(), source })?;
        let mut facets: Vec<String> = template.undeclared_variables(false).into_iter().collect();
        facets.retain(|name| known.contains(&name.as_str()));
        facets.sort();
        Ok(Self { template, facets })
    }

    pub(super) fn render(&self, facets: &FacetValues) -> Result<String, String> {
        render(&self.template, facets)
    }
}

/// A value of `item.properties` with its texts compiled.
pub(super) enum Property<'a> {
    Fixed(Value),
    Text(Compiled<'a>),
    /// Nothing but a facet, whose type it keeps.
    Facet(Compiled<'a>, String),
    List(Vec<Property<'a>>),
    Map(Vec<(String, Property<'a>)>),
}

impl<'a> Property<'a> {
    pub(super) fn new(
        environment: &'a Environment<'a>,
        what: &str,
        value: &'a Value,
        known: &[&str],
    ) -> Result<Self, ScanError> {
        Ok(match value {
            Value::String(text) => {
                let compiled = Compiled::new(environment, what, text, known)?;
                match TemplateValue::lone_facet(text).filter(|name| known.contains(name)) {
                    Some(name) => Self::Facet(compiled, name.to_owned()),
                    None => Self::Text(compiled),
                }
            }
            Value::Array(values) => {
                let compile = |value| Self::new(environment, what, value, known);
                Self::List(values.iter().map(compile).collect::<Result<_, _>>()?)
            }
            Value::Object(values) => {
                let compile = |(name, value): (&String, &'a Value)| {
                    Ok((name.clone(), Self::new(environment, what, value, known)?))
                };
                Self::Map(values.iter().map(compile).collect::<Result<_, _>>()?)
            }
            other => Self::Fixed(other.clone()),
        })
    }

    /// The facets that any of its texts may look at.
    pub(super) fn facets(&self) -> Vec<&String> {
        match self {
            Self::Fixed(_) => Vec::new(),
            Self::Text(text) | Self::Facet(text, _) => text.facets.iter().collect(),
            Self::List(values) => values.iter().flat_map(Self::facets).collect(),
            Self::Map(values) => values.iter().flat_map(|(_, value)| value.facets()).collect(),
        }
    }

    pub(super) fn render(&self, facets: &FacetValues) -> Result<Value, String> {
        Ok(match self {
            Self::Fixed(value) => value.clone(),
            Self::Text(text) => Value::String(text.render(facets)?),
            Self::Facet(text, name) => match facets.get(name) {
                Some(value) => value.clone(),
                None => Value::String(text.render(facets)?),
            },
            Self::List(values) => values.iter().map(|value| value.render(facets)).collect::<Result<_, _>>()?,
            Self::Map(values) => Value::Object(
                values
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), value.render(facets)?)))
                    .collect::<Result<_, String>>()?,
            ),
        })
    }
}
