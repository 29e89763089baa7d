//! `item.facets` and `item.vocabularies`: from the rules as written to rules that hold, with every name checked in the order of the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use regex::RegexBuilder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::mistake::suggest;
use super::surroundings::Surroundings;
use crate::model::ItemPattern;
use crate::model::facets::{Action, Cast, CastKind, FacetRules, GIVEN, Missing, Rule, TemplateValue};
use crate::model::hash::HashAlgorithm;
use crate::model::pattern::{is_name, one_line};
use crate::model::vocabulary::Vocabulary;

mod files;
mod names;
mod raw;
mod skos;
#[cfg(test)]
mod tests;
mod turtle;
mod verbs;
mod vocabulary;

use raw::{RawAlgorithm, RawCast, RawKind, RawMap, RawMissing, RawNames};
pub(super) use raw::{RawFacetRule, RawVocabulary};
use verbs::Verb;

/// A mistake: its key, what is wrong, and what would help.
pub(super) type Wrong = (String, String, Option<String>);

/// What the rules and vocabularies of a recipe come to.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    pub(super) rules: FacetRules,
    pub(super) vocabularies: BTreeMap<String, Vocabulary>,
    pub(super) mistakes: Vec<Wrong>,
}

/// Resolves rules and vocabularies; `pattern` is missing if it is itself wrong: then names are not checked.
pub(super) fn resolve(
    rules: &[RawFacetRule],
    vocabularies: &BTreeMap<String, RawVocabulary>,
    pattern: Option<&ItemPattern>,
    (folder, surroundings): (&Path, &dyn Surroundings),
) -> Resolved {
    let captured: BTreeSet<String> =
        pattern.into_iter().flat_map(ItemPattern::facet_names).map(str::to_owned).collect();
    let given = GIVEN.iter().map(|name| (*name).to_owned());
    let known = if rules.is_empty() { captured.clone() } else { captured.iter().cloned().chain(given).collect() };
    let digests = Sha256::new();
    let checks = pattern.is_some();
    let mut resolver =
        Resolver { folder, surroundings, known, checks, rules: FacetRules::default(), mistakes: Vec::new(), digests };
    resolver.digests.update(json!([rules, vocabularies]).to_string());
    resolver.rules.rules = resolver.all(rules, "item.facets");
    resolver.known.retain(|name| captured.contains(name) || !GIVEN.contains(&name.as_str()));
    let vocabularies: BTreeMap<_, _> = vocabularies
        .iter()
        .filter_map(|(facet, raw)| Some((facet.clone(), resolver.vocabulary(facet, raw)?)))
        .collect();
    if !rules.is_empty() || !vocabularies.is_empty() {
        resolver.rules.digest = resolver.digests.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    }
    resolver.rules.names = resolver.known;
    Resolved { rules: resolver.rules, vocabularies, mistakes: resolver.mistakes }
}

struct Resolver<'a> {
    folder: &'a Path,
    surroundings: &'a dyn Surroundings,
    /// The facets that are known before the rule that is looked at.
    known: BTreeSet<String>,
    /// Whether names are checked.
    checks: bool,
    rules: FacetRules,
    mistakes: Vec<Wrong>,
    /// Of all that rules and vocabularies go by.
    digests: Sha256,
}

/// A method gives `None` only after it noted a mistake.
impl Resolver<'_> {
    fn mistake(&mut self, key: &str, what: impl Into<String>, advice: Option<String>) {
        self.mistakes.push((key.to_owned(), what.into(), advice));
    }

    fn noted<T>(&mut self, key: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|what| self.mistake(key, what, None)).ok()
    }

    fn all(&mut self, raw: &[RawFacetRule], key: &str) -> Vec<Rule> {
        let rules = raw.iter().enumerate().map(|(at, raw)| self.rule(raw, format!("{key}[{at}]")));
        // All of them, so that all mistakes are told.
        rules.collect::<Vec<_>>().into_iter().flatten().collect()
    }

    fn rule(&mut self, raw: &RawFacetRule, key: String) -> Option<Rule> {
        let condition = match &raw.when {
            None => None,
            Some(expression) => {
                let at = format!("{key}.when");
                let added = self.rules.add_condition(&at, expression);
                let names = self.noted(&at, added)?;
                self.check_names(&at, &names);
                Some(at)
            }
        };
        let verb = match verbs::find(raw) {
            Ok(verb) => verb,
            Err((name, what, advice)) => {
                let at = if name.is_empty() { key } else { format!("{key}.{name}") };
                self.mistake(&at, what, advice);
                return None;
            }
        };
        let missing = match raw.missing {
            None | Some(RawMissing::Error) => Missing::Error,
            Some(RawMissing::Ignore) => Missing::Ignore,
        };
        let action = self.action(raw, verb, &key)?;
        Some(Rule { key, condition, missing, action })
    }

    fn action(&mut self, raw: &RawFacetRule, verb: Verb<'_>, key: &str) -> Option<Action> {
        match verb {
            Verb::Pattern(text) => {
                let expression = ItemPattern::parse(text).map_err(|error| format!("is wrong: {error}"));
                let pattern = self.noted(&format!("{key}.pattern"), expression)?;
                self.capture(raw, pattern.expression().clone(), key)
            }
            Verb::Regex(text) => {
                let expression = self.expression(&format!("{key}.regex"), text)?;
                if expression.capture_names().flatten().next().is_none() {
                    self.mistake(&format!("{key}.regex"), "has no named group, so that it gives no facet", None);
                }
                self.capture(raw, expression, key)
            }
            Verb::Attributes(names) => {
                let variable = match &raw.variable {
                    Some(text) => Some(self.template(&format!("{key}.variable"), text)?),
                    None => None,
                };
                let take = pairs(names);
                self.learn_all(&format!("{key}.attributes"), take.keys());
                Some(Action::Attributes { variable, take })
            }
            Verb::Sidecar(name) => self.sidecar(raw, name, key),
            Verb::Map(map) => self.map(raw, map, key),
            Verb::Default(values) => self.values(&format!("{key}.default"), values).map(Action::Default),
            Verb::Set(values) => self.values(&format!("{key}.set"), values).map(Action::Set),
            Verb::Append(values) => self.values(&format!("{key}.append"), values).map(Action::Append),
            Verb::Rename(names) => {
                for (old, new) in names {
                    let key = format!("{key}.rename.{old}");
                    self.check_name(&key, old);
                    self.known.remove(old);
                    self.learn(&key, new);
                }
                Some(Action::Rename(names.iter().map(|(old, new)| (old.clone(), new.clone())).collect()))
            }
            Verb::Prefix(prefix) => self.prefix(raw, prefix, key),
            Verb::Cast(casts) => {
                let casts = casts.iter().map(|(name, cast)| {
                    let key = format!("{key}.cast.{name}");
                    self.check_name(&key, name);
                    Some((name.clone(), self.cast(&key, cast)?))
                });
                casts.collect::<Vec<_>>().into_iter().collect::<Option<_>>().map(Action::Cast)
            }
            Verb::Replace(text) => {
                let expression = self.expression(&format!("{key}.replace"), text)?;
                let (from, to) = self.ends(raw, key)?;
                Some(Action::Replace { from, to, expression, with: raw.with.clone().unwrap_or_default() })
            }
            Verb::Join(to) => {
                let facets = raw.facets.clone().unwrap_or_default();
                self.check_list(&format!("{key}.facets"), &facets);
                self.learn(&format!("{key}.join"), to);
                Some(Action::Join { facets, with: raw.with.clone().unwrap_or_default(), to: to.to_owned() })
            }
            Verb::Hash(text) => {
                let of = self.value(&format!("{key}.hash"), &Value::String(text.to_owned()))?;
                let to = raw.to.clone().unwrap_or_default();
                self.learn(&format!("{key}.to"), &to);
                let algorithm = match raw.algorithm {
                    Some(RawAlgorithm::Md5) => HashAlgorithm::Md5,
                    Some(RawAlgorithm::Sha256) | None => HashAlgorithm::Sha256,
                };
                Some(Action::Hash { of, algorithm, to })
            }
            Verb::Remove(names) => {
                self.check_list(&format!("{key}.remove"), names);
                self.known.retain(|name| !names.contains(name));
                Some(Action::Remove(names.to_vec()))
            }
            Verb::Then(rules) => {
                let before = self.known.clone();
                let then = self.all(rules, &format!("{key}.then"));
                // What either way leaves may be there afterwards.
                let known = std::mem::replace(&mut self.known, before);
                let otherwise = self.all(raw.r#else.as_deref().unwrap_or_default(), &format!("{key}.else"));
                self.known.extend(known);
                Some(Action::Branch { then, otherwise })
            }
        }
    }

    fn capture(&mut self, raw: &RawFacetRule, expression: regex::Regex, key: &str) -> Option<Action> {
        let from = raw.from.clone().unwrap_or_else(|| GIVEN[0].to_owned());
        self.check_name(&format!("{key}.from"), &from);
        for name in expression.capture_names().flatten() {
            if is_name(name) {
                self.known.insert(name.to_owned());
            } else {
                self.mistake(
                    &format!("{key}.regex"),
                    format!("has a group {name:?}, which is no name of a facet"),
                    None,
                );
            }
        }
        Some(Action::Capture { from, expression })
    }

    fn sidecar(&mut self, raw: &RawFacetRule, name: &str, key: &str) -> Option<Action> {
        let by = raw.by.as_ref().map(pairs).unwrap_or_default();
        for facet in by.keys() {
            self.check_name(&format!("{key}.by"), facet);
        }
        let at = format!("{key}.sidecar");
        let content = self.content(&at, name)?;
        let columns: Vec<String> = by.values().cloned().collect();
        let table = files::table(name, &content, &columns);
        let table = self.noted(&at, table)?;
        let take = match raw.take.as_ref().map(pairs) {
            Some(take) => take,
            None => {
                let others = table.columns().iter().filter(|column| !columns.contains(column));
                others.map(|column| (column.clone(), column.clone())).collect()
            }
        };
        for column in take.values() {
            if table.check(column).is_err() {
                let what = format!("names {column}, which is no column of {name}");
                self.mistake(&format!("{key}.take"), what, suggest(column, table.columns().iter().map(String::as_str)));
            }
        }
        let learnt = if raw.take.is_some() { format!("{key}.take") } else { at };
        self.learn_all(&learnt, take.keys());
        Some(Action::Sidecar { by: by.into_keys().collect(), table: Arc::new(table), take })
    }

    fn map(&mut self, raw: &RawFacetRule, map: &RawMap, key: &str) -> Option<Action> {
        let values = match map {
            RawMap::Here(values) => values.clone(),
            RawMap::File(name) => {
                let at = format!("{key}.map");
                let content = self.content(&at, name)?;
                let read = files::map(name, &content);
                self.noted(&at, read)?
            }
        };
        let (from, to) = self.ends(raw, key)?;
        Some(Action::Map { from, to, values: Arc::new(values) })
    }

    fn prefix(&mut self, raw: &RawFacetRule, prefix: &str, key: &str) -> Option<Action> {
        let names = match &raw.facets {
            Some(names) => {
                self.check_list(&format!("{key}.facets"), names);
                names.clone()
            }
            None => {
                let plain = self.known.iter().filter(|name| !GIVEN.contains(&name.as_str()) && !name.contains(':'));
                plain.cloned().collect()
            }
        };
        let renamed: Vec<_> = names.into_iter().map(|name| (name.clone(), format!("{prefix}:{name}"))).collect();
        for (old, new) in &renamed {
            self.known.remove(old);
            self.learn(&format!("{key}.prefix"), new);
        }
        Some(Action::Rename(renamed))
    }

    /// The facets that a rule looks at and makes.
    fn ends(&mut self, raw: &RawFacetRule, key: &str) -> Option<(String, String)> {
        let from = raw.from.clone()?;
        self.check_name(&format!("{key}.from"), &from);
        let to = raw.to.clone().unwrap_or_else(|| from.clone());
        self.learn(&format!("{key}.{}", if raw.to.is_some() { "to" } else { "from" }), &to);
        Some((from, to))
    }

    fn cast(&mut self, key: &str, raw: &RawCast) -> Option<Cast> {
        Some(match raw {
            RawCast::Kind(kind) => Cast::to(match kind {
                RawKind::Text => CastKind::Text,
                RawKind::Int => CastKind::Int,
                RawKind::Float => CastKind::Float,
                RawKind::Bool => CastKind::Bool,
                RawKind::Date => CastKind::Date,
            }),
            RawCast::Date(date) => {
                for (name, format) in [("date", Some(&date.date)), ("as", date.r#as.as_ref())] {
                    if let Some(format) = format.filter(|format| !crate::model::facets::is_date_format(format)) {
                        let advice = Some("write the letters of strftime, such as %Y%m%d".to_owned());
                        self.mistake(&format!("{key}.{name}"), format!("{format:?} is no format of dates"), advice);
                        return None;
                    }
                }
                let (format, written) = (Some(date.date.clone()), date.r#as.clone());
                Cast { kind: CastKind::Date, format, written }
            }
        })
    }

    fn expression(&mut self, key: &str, text: &str) -> Option<regex::Regex> {
        let compiled = RegexBuilder::new(text).size_limit(10 << 20).build();
        self.noted(key, compiled.map_err(|error| format!("is not a regular expression: {}", one_line(&error))))
    }

    fn values(&mut self, key: &str, values: &BTreeMap<String, Value>) -> Option<BTreeMap<String, TemplateValue>> {
        let found: Vec<_> = values
            .iter()
            .map(|(name, value)| Some((name.clone(), self.value(&format!("{key}.{name}"), value)?)))
            .collect();
        for name in values.keys() {
            self.learn(&format!("{key}.{name}"), name);
        }
        found.into_iter().collect()
    }

    fn value(&mut self, key: &str, value: &Value) -> Option<TemplateValue> {
        Some(match value {
            Value::String(text) => match TemplateValue::lone_facet(text) {
                Some(name) => {
                    self.check_names(key, &[name.to_owned()]);
                    TemplateValue::Facet(name.to_owned())
                }
                None => TemplateValue::Text(self.template(key, text)?),
            },
            Value::Array(values) => {
                let values = values.iter().enumerate().map(|(at, value)| self.value(&format!("{key}[{at}]"), value));
                TemplateValue::List(values.collect::<Option<_>>()?)
            }
            Value::Object(values) => {
                let named = |(name, value): (&String, &Value)| {
                    Some((name.clone(), self.value(&format!("{key}.{name}"), value)?))
                };
                TemplateValue::Map(values.iter().map(named).collect::<Option<_>>()?)
            }
            other => TemplateValue::Fixed(other.clone()),
        })
    }

    /// The key of a template, once it is added.
    fn template(&mut self, key: &str, text: &str) -> Option<String> {
        let added = self.rules.add_text(key, text);
        let names = self.noted(key, added)?;
        self.check_names(key, &names);
        Some(key.to_owned())
    }
}

/// Facets and what they are called elsewhere.
fn pairs(names: &RawNames) -> BTreeMap<String, String> {
    match names {
        RawNames::Same(names) => names.iter().map(|name| (name.clone(), name.clone())).collect(),
        RawNames::Map(names) => names.clone(),
    }
}
