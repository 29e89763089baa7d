//! From the pieces of a path to facets.

use std::collections::BTreeMap;

use serde_json::Value;

use super::rule::{Action, FacetRules, Missing, Rule, TemplateValue};
use super::table::Table;
use super::{FacetError, FacetValues, FileAttributes, GIVEN, text};
use crate::model::hash::hash_text;
use crate::model::source::Facets;
use crate::model::template::{OUTPUT_LIMIT, render};

impl FacetRules {
    /// The facets of a file, by its path and what the pattern captured of it; `location` is where it is, an absolute path or a URL.
    ///
    /// # Errors
    /// [`FacetError`] names the rule that found nothing, or what its template, cast or lookup met.
    pub fn apply(
        &self,
        captured: &Facets,
        (path, location): (&str, &str),
        attributes: &FileAttributes,
    ) -> Result<FacetValues, FacetError> {
        let mut facets: FacetValues =
            captured.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect();
        if self.rules.is_empty() {
            return Ok(facets);
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        for (given, value) in GIVEN.iter().zip([path, name, location]) {
            facets.entry((*given).to_owned()).or_insert_with(|| value.into());
        }
        Run { rules: self, attributes }.all(&self.rules, &mut facets)?;
        for given in GIVEN.iter().filter(|given| !captured.contains_key(**given)) {
            facets.remove(*given);
        }
        facets.retain(|_, value| !value.is_null());
        Ok(facets)
    }
}

struct Run<'a> {
    rules: &'a FacetRules,
    attributes: &'a FileAttributes,
}

impl Run<'_> {
    fn all(&self, rules: &[Rule], facets: &mut FacetValues) -> Result<(), FacetError> {
        for rule in rules {
            let failed = |problem| FacetError { rule: rule.key.clone(), problem };
            let holds = match &rule.condition {
                Some(key) => self.holds(key, facets).map_err(failed)?,
                None => true,
            };
            match &rule.action {
                Action::Branch { then, otherwise } => self.all(if holds { then } else { otherwise }, facets)?,
                action if holds => self.one(action, rule.missing, facets).map_err(failed)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn holds(&self, key: &str, facets: &FacetValues) -> Result<bool, String> {
        let template = self.rules.conditions.get_template(key).map_err(|error| error.to_string())?;
        Ok(!render(&template, facets)?.is_empty())
    }

    fn text(&self, key: &str, facets: &FacetValues) -> Result<String, String> {
        render(&self.rules.texts.get_template(key).map_err(|error| error.to_string())?, facets)
    }

    /// What templates come to, all by the facets as they are.
    fn values<'t>(
        &self,
        templates: impl Iterator<Item = (&'t String, &'t TemplateValue)>,
        facets: &FacetValues,
    ) -> Result<FacetValues, String> {
        let value = |(name, template): (&String, &TemplateValue)| {
            let value = template.value(&self.rules.texts, facets);
            Ok((name.clone(), value.map_err(|reason| format!("cannot set {name}: {reason}"))?))
        };
        templates.map(value).collect()
    }

    fn one(&self, action: &Action, missing: Missing, facets: &mut FacetValues) -> Result<(), String> {
        let lacks = |problem: String| if missing == Missing::Error { Err(problem) } else { Ok(()) };
        match action {
            Action::Capture { from, expression } => {
                let Some(value) = facets.get(from).map(text) else { return lacks(no_value(from)) };
                let Some(found) = expression.captures(&value) else {
                    return lacks(format!("does not match {from} {value:?}"));
                };
                for name in expression.capture_names().flatten() {
                    if let Some(piece) = found.name(name) {
                        facets.insert(name.to_owned(), piece.as_str().into());
                    }
                }
            }
            Action::Attributes { variable, take } => {
                let variable = variable.as_ref().map(|key| self.text(key, facets)).transpose()?;
                return self.attributes(variable.as_deref(), take, missing, facets);
            }
            Action::Sidecar { by, table, take } => return sidecar(by, table, take, missing, facets),
            Action::Map { from, to, values } => {
                let Some(value) = facets.get(from).map(text) else { return lacks(no_value(from)) };
                match values.get(&value) {
                    Some(found) => drop(facets.insert(to.clone(), found.clone())),
                    None => return lacks(format!("has nothing for {from} {value:?}")),
                }
            }
            Action::Default(templates) => {
                let absent = |(name, _): &(&String, &TemplateValue)| facets.get(*name).is_none_or(Value::is_null);
                let values = self.values(templates.iter().filter(absent), facets)?;
                facets.extend(values);
            }
            Action::Set(templates) => {
                let values = self.values(templates.iter(), facets)?;
                facets.extend(values);
            }
            Action::Append(templates) => {
                for (name, value) in self.values(templates.iter(), facets)? {
                    append(facets.entry(name).or_insert(Value::Null), value);
                }
            }
            Action::Rename(names) => {
                let taken: Vec<(&String, Option<Value>)> =
                    names.iter().map(|(old, new)| (new, facets.remove(old))).collect();
                facets.extend(taken.into_iter().filter_map(|(new, value)| Some((new.clone(), value?))));
            }
            Action::Cast(casts) => {
                for (name, cast) in casts {
                    let Some(value) = facets.get(name) else { continue };
                    match cast.value(value) {
                        Some(value) => drop(facets.insert(name.clone(), value)),
                        None if missing == Missing::Ignore => drop(facets.remove(name)),
                        None => return Err(format!("cannot make {cast} of {name} {value}")),
                    }
                }
            }
            Action::Replace { from, to, expression, with } => {
                let Some(value) = facets.get(from).map(text) else { return lacks(no_value(from)) };
                let pieces = expression.find_iter(&value).count();
                let grown = pieces.saturating_mul(with.len().saturating_add(value.len())).saturating_add(value.len());
                if grown > OUTPUT_LIMIT {
                    return Err(format!("would make {from} longer than {OUTPUT_LIMIT} bytes"));
                }
                let replaced = expression.replace_all(&value, with.as_str()).into_owned();
                facets.insert(to.clone(), replaced.into());
            }
            Action::Join { facets: names, with, to } => {
                let mut joined = Vec::new();
                for name in names {
                    match facets.get(name) {
                        Some(value) => joined.push(text(value)),
                        None => lacks(no_value(name))?,
                    }
                }
                facets.insert(to.clone(), joined.join(with).into());
            }
            Action::Hash { of, algorithm, to } => {
                let hashed = hash_text(*algorithm, &text(&of.value(&self.rules.texts, facets)?));
                facets.insert(to.clone(), hashed.into());
            }
            Action::Remove(names) => names.iter().for_each(|name| drop(facets.remove(name))),
            Action::Branch { .. } => {}
        }
        Ok(())
    }

    fn attributes(
        &self,
        variable: Option<&str>,
        take: &BTreeMap<String, String>,
        missing: Missing,
        facets: &mut FacetValues,
    ) -> Result<(), String> {
        let (found, of) = match variable {
            None => (Some(&self.attributes.global), "the file has no global attribute".to_owned()),
            Some(name) => (
                self.attributes.variables.get(name.trim_start_matches('/')),
                format!("the file has no variable {name} with an attribute"),
            ),
        };
        for (facet, attribute) in take {
            match found.and_then(|found| found.get(attribute)) {
                Some(value) => drop(facets.insert(facet.clone(), value.clone())),
                None if missing == Missing::Ignore => {}
                None => {
                    return Err(format!("finds no {facet}: {of} {attribute}; if that is right, add `missing: ignore`"));
                }
            }
        }
        Ok(())
    }
}

fn no_value(facet: &str) -> String {
    format!("uses {facet}, which has no value")
}

fn append(place: &mut Value, value: Value) {
    match place {
        Value::Array(values) => values.push(value),
        Value::Null => *place = Value::Array(vec![value]),
        other => *other = Value::Array(vec![other.take(), value]),
    }
}

fn sidecar(
    by: &[String],
    table: &Table,
    take: &BTreeMap<String, String>,
    missing: Missing,
    facets: &mut FacetValues,
) -> Result<(), String> {
    let mut key = Vec::with_capacity(by.len());
    for name in by {
        match facets.get(name) {
            Some(value) => key.push(text(value)),
            None if missing == Missing::Ignore => return Ok(()),
            None => return Err(no_value(name)),
        }
    }
    let Some(row) = table.row(&key) else {
        let of: Vec<String> = by.iter().zip(&key).map(|(name, value)| format!("{name} {value:?}")).collect();
        return match missing {
            Missing::Ignore => Ok(()),
            Missing::Error => Err(format!("finds no row in {} for {}", table.name(), of.join(", "))),
        };
    };
    for (facet, column) in take {
        if let Some(value) = row.get(column) {
            facets.insert(facet.clone(), value.clone());
        }
    }
    Ok(())
}
