//! The rules themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use minijinja::{Environment, UndefinedBehavior};
use regex::Regex;
use serde_json::Value;

use super::cast::Cast;
use super::table::Table;
use super::{AskedAttributes, FacetValues};
use crate::model::hash::HashAlgorithm;
use crate::model::template;

/// All rules of a recipe, in their order.
#[derive(Debug, Clone)]
pub struct FacetRules {
    /// The rules.
    pub rules: Vec<Rule>,
    /// The facets that there may be after all rules.
    pub names: BTreeSet<String>,
    /// What they and the files beside the recipe say: it decides whether records are described anew.
    pub digest: String,
    /// Templates, by the key of the recipe that they stand at; a name that is not there is an error.
    pub(super) texts: Environment<'static>,
    /// Conditions, by their key; a name that is not there is false.
    pub(super) conditions: Environment<'static>,
}

impl Default for FacetRules {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            names: BTreeSet::new(),
            digest: String::new(),
            texts: template::environment(UndefinedBehavior::Strict),
            conditions: template::environment(UndefinedBehavior::Lenient),
        }
    }
}

impl FacetRules {
    /// Adds the template that stands at a key of the recipe, and says which names it uses.
    ///
    /// # Errors
    /// In words: why it is not a template that a recipe may have.
    pub fn add_text(&mut self, key: &str, text: &str) -> Result<Vec<String>, String> {
        template::check(text)?;
        let not_one =
            |error: minijinja::Error| format!("is not a template: {}", error.detail().unwrap_or("syntax error"));
        self.texts.add_template_owned(key.to_owned(), text.to_owned()).map_err(not_one)?;
        let added = self.texts.get_template(key).map_err(not_one)?;
        let used = names(added.undeclared_variables(false), &self.texts);
        template::look_up(&added, &used).map(|()| used)
    }

    /// Adds the condition that stands at a key of the recipe, and says which names it uses.
    ///
    /// # Errors
    /// In words: why it is not a condition that a recipe may have.
    pub fn add_condition(&mut self, key: &str, expression: &str) -> Result<Vec<String>, String> {
        let text = format!("{{% if {expression} %}}1{{% endif %}}");
        template::check(&text)?;
        let not_one =
            |error: minijinja::Error| format!("is not a condition: {}", error.detail().unwrap_or("syntax error"));
        // Alone first: within the statement a `%}` could find a partner.
        let alone = self.conditions.compile_expression(expression).map_err(not_one)?;
        let used = names(alone.undeclared_variables(false), &self.conditions);
        self.conditions.add_template_owned(key.to_owned(), text).map_err(not_one)?;
        let added = self.conditions.get_template(key).map_err(not_one)?;
        template::look_up(&added, &used).map(|()| used)
    }

    /// The attributes of files that the rules ask for.
    pub fn asked_attributes(&self) -> AskedAttributes {
        let mut asked = AskedAttributes::default();
        ask(&self.rules, &mut asked);
        asked
    }
}

fn names(undeclared: impl IntoIterator<Item = String>, environment: &Environment<'_>) -> Vec<String> {
    let is_global = |name: &str| environment.globals().any(|(global, _)| global == name);
    let mut names: Vec<String> = undeclared.into_iter().filter(|name| !is_global(name)).collect();
    names.sort();
    names
}

fn ask(rules: &[Rule], asked: &mut AskedAttributes) {
    for rule in rules {
        match &rule.action {
            Action::Attributes { variable, take, .. } => {
                let names = take.values().cloned();
                match variable {
                    Some(_) => asked.variables.extend(names),
                    None => asked.global.extend(names),
                }
            }
            Action::Branch { then, otherwise } => {
                ask(then, asked);
                ask(otherwise, asked);
            }
            _ => {}
        }
    }
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its key in the recipe, such as `item.facets[2]`.
    pub key: String,
    /// The key of its condition; without one it always holds.
    pub condition: Option<String>,
    /// What a rule does that finds nothing.
    pub missing: Missing,
    /// What it does.
    pub action: Action,
}

/// What a rule does that finds nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Missing {
    /// The item fails.
    #[default]
    Error,
    /// Facets stay as they are.
    Ignore,
}

/// What a rule does.
#[derive(Debug, Clone)]
pub enum Action {
    /// The named groups of a regular expression become facets.
    Capture {
        /// The facet that is looked at.
        from: String,
        /// The expression.
        expression: Regex,
    },
    /// Attributes of the file become facets.
    Attributes {
        /// The key of the template of the variable's name; without one global attributes are meant.
        variable: Option<String>,
        /// Facet and attribute.
        take: BTreeMap<String, String>,
    },
    /// Cells of a sidecar's row become facets.
    Sidecar {
        /// Facets whose values find the row, in the order of the table's key.
        by: Vec<String>,
        /// The table.
        table: Arc<Table>,
        /// Facet and column.
        take: BTreeMap<String, String>,
    },
    /// A facet's value is looked up.
    Map {
        /// The facet.
        from: String,
        /// The facet that the result becomes.
        to: String,
        /// What stands for what.
        values: Arc<BTreeMap<String, Value>>,
    },
    /// Facets that are not there yet are set.
    Default(BTreeMap<String, TemplateValue>),
    /// Facets are set, all from what was known before.
    Set(BTreeMap<String, TemplateValue>),
    /// Values are added to facets that are lists.
    Append(BTreeMap<String, TemplateValue>),
    /// Facets take other names: old and new.
    Rename(Vec<(String, String)>),
    /// Values take other types.
    Cast(BTreeMap<String, Cast>),
    /// What a regular expression matches is replaced, everywhere.
    Replace {
        /// The facet.
        from: String,
        /// The facet that the result becomes.
        to: String,
        /// What is replaced.
        expression: Regex,
        /// By what; `$name` stands for a group.
        with: String,
    },
    /// Facets are joined to one text.
    Join {
        /// The facets.
        facets: Vec<String>,
        /// What stands between them.
        with: String,
        /// The facet that the text becomes.
        to: String,
    },
    /// A text is hashed.
    Hash {
        /// The text.
        of: TemplateValue,
        /// How.
        algorithm: HashAlgorithm,
        /// The facet that the hash becomes.
        to: String,
    },
    /// Facets are forgotten.
    Remove(Vec<String>),
    /// Other rules.
    Branch {
        /// If the condition holds.
        then: Vec<Rule>,
        /// If it does not.
        otherwise: Vec<Rule>,
    },
}

/// A value of a recipe whose texts are templates.
#[derive(Debug, Clone)]
pub enum TemplateValue {
    /// It is no text.
    Fixed(Value),
    /// The value of a facet, in its own type.
    Facet(String),
    /// The key of a template.
    Text(String),
    /// Values.
    List(Vec<TemplateValue>),
    /// Values by name.
    Map(Vec<(String, TemplateValue)>),
}

impl TemplateValue {
    /// The facet of a template that is nothing but `{{ facet }}`.
    ///
    /// ```
    /// use altostac::model::facets::TemplateValue;
    /// assert_eq!(TemplateValue::lone_facet(" {{ year }} "), Some("year"));
    /// assert_eq!(TemplateValue::lone_facet("{{ year | int }}"), None);
    /// ```
    pub fn lone_facet(text: &str) -> Option<&str> {
        let name = text.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
        crate::model::pattern::is_name(name).then_some(name)
    }

    /// The value, in words what is wrong if there is none.
    pub(super) fn value(&self, environment: &Environment<'_>, facets: &FacetValues) -> Result<Value, String> {
        Ok(match self {
            Self::Fixed(value) => value.clone(),
            Self::Facet(name) => facets.get(name).cloned().ok_or_else(|| format!("uses {name}, which has no value"))?,
            Self::Text(key) => {
                let template = environment.get_template(key).map_err(|error| error.to_string())?;
                Value::String(template::render(&template, facets)?)
            }
            Self::List(values) => {
                values.iter().map(|value| value.value(environment, facets)).collect::<Result<_, _>>()?
            }
            Self::Map(values) => {
                let named = |(name, value): &(String, Self)| Ok((name.clone(), value.value(environment, facets)?));
                Value::Object(values.iter().map(named).collect::<Result<_, String>>()?)
            }
        })
    }
}
