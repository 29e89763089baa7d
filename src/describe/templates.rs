//! Templates: how computed pieces become a record, and the check that they still say what was computed.
//!
//! A profile is a folder of `collection.json.j2`, `item.json.j2` and `asset.json.j2` (minijinja). Each yields a JSON object. A
//! template beside the recipe takes the place of the profile's, and may extend it: `{% extends "ceda/item.json.j2" %}`.
//!
//! | template | receives |
//! | --- | --- |
//! | `asset.json.j2` | `key`; `kind`: `kerchunk`, `source`, `source_manifest` or `report`; `asset`: all its fields; of its href `file_name`, `file_key` (the name as a key: what cannot stand in one is `_`), `scheme`, `host`; `created`, `updated` of the item; of a source `modified` and `file_attributes` (`tracking_id`, `creation_date`). Yields `{key: asset}` |
//! | `item.json.j2` | `stac_version`, `id`, `collection`, `bbox`, `geometry`; `properties`: all, merged; and apart from them `facets`, `recipe_properties`, `datetime`, `start_datetime`, `end_datetime`, `created`, `updated`, `variables`, `units`, `long_names`, `standard_names`, `calendars`, `cube_dimensions`, `cube_variables`; `attributes`: the files' global ones, merged; `variable_attributes`: by name, of data variables; `source_size` (bytes), `source_count`; `links`, `assets` |
//! | `collection.json.j2` | `stac_version`, `id`, `title`, `description`, `license`, `keywords`, `providers`, `extent`, `summaries`, `item_assets`, `assets`, `links` |
//!
//! `{{ value }}` writes a value as JSON, with its quotes. A name that is not there is an error. `stac_extensions` may be left out: those whose fields are used are declared
//! after rendering, in addition to what a template declares. What templates can call beyond minijinja is in `template_functions`.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::{Environment, UndefinedBehavior};
use serde_json::{Map, Value};

use super::{DescribeError, template_functions};
use crate::model::FacetValues;
use crate::model::extension::used_extensions;
use crate::model::recipe::StacSettings;

/// The profiles there are.
pub const PROFILES: &[&str] = &["default", "ceda", "esgf"];

/// The files of a profile.
const FILES: [&str; 3] = ["collection.json.j2", "item.json.j2", "asset.json.j2"];

macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/", $name)))),*]
    };
}

const BUILT_IN: &[(&str, &str)] = embedded![
    "default/collection.json.j2",
    "default/item.json.j2",
    "default/asset.json.j2",
    "ceda/collection.json.j2",
    "ceda/item.json.j2",
    "ceda/asset.json.j2",
    "esgf/collection.json.j2",
    "esgf/item.json.j2",
    "esgf/asset.json.j2",
];

/// The files of a profile and their texts; none if there is no such profile.
///
/// ```
/// let files: Vec<_> = altostac::describe::profile_files("ceda").map(|(file, _)| file).collect();
/// assert_eq!(files, ["collection.json.j2", "item.json.j2", "asset.json.j2"]);
/// ```
pub fn profile_files(profile: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let within = move |name: &'static str| name.split_once('/').filter(|(folder, _)| *folder == profile);
    BUILT_IN.iter().filter_map(move |(name, text)| Some((within(name)?.1, *text)))
}

/// The templates of a profile, with those of the recipe in their place.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
    /// For each file of [`FILES`] the name of the template that is used.
    used: [String; 3],
}

impl Templates {
    /// Reads the templates of the recipe's profile and those beside the recipe.
    ///
    /// ```
    /// use altostac::describe::Templates;
    /// use altostac::model::recipe::StacSettings;
    /// assert!(Templates::load(&StacSettings { profile: "ceda".into(), ..StacSettings::default() }).is_ok());
    /// assert!(Templates::load(&StacSettings { profile: "cedar".into(), ..StacSettings::default() }).is_err());
    /// ```
    ///
    /// # Errors
    /// [`DescribeError`] if there is no such profile or template, or one cannot be parsed.
    pub fn load(settings: &StacSettings) -> Result<Self, DescribeError> {
        if !PROFILES.contains(&settings.profile.as_str()) {
            return Err(DescribeError::UnknownProfile { found: settings.profile.clone(), known: PROFILES.to_vec() });
        }
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        template_functions::add_to(&mut environment);
        for (name, text) in BUILT_IN {
            environment.add_template(name, text).map_err(|source| unusable(name, source))?;
        }
        let mut used = FILES.map(|file| format!("{}/{file}", settings.profile));
        for (file, text) in &settings.overrides {
            let Some(position) = FILES.iter().position(|known| known == file) else {
                return Err(DescribeError::UnknownTemplate { found: file.clone(), known: FILES.to_vec() });
            };
            let name = format!("recipe/{file}");
            let added = environment.add_template_owned(name.clone(), text.clone());
            added.map_err(|source| unusable(&name, source))?;
            used[position] = name;
        }
        Ok(Self { environment, used })
    }

    /// Whether records tell when source files were modified.
    ///
    /// ```
    /// use altostac::describe::Templates;
    /// use altostac::model::recipe::StacSettings;
    /// let tell = |profile: &str| Templates::load(&StacSettings { profile: profile.into(), ..StacSettings::default() }).unwrap().tell_modified();
    /// assert!(tell("esgf") && !tell("default"));
    /// ```
    pub fn tell_modified(&self) -> bool {
        let texts: BTreeMap<&str, String> =
            self.environment.templates().map(|(name, template)| (name, template.source().to_owned())).collect();
        // Those that it extends or includes count too.
        let (mut waiting, mut seen) = (vec![self.used[2].as_str()], BTreeSet::new());
        while let Some(name) = waiting.pop() {
            let Some(text) = texts.get(name).filter(|_| seen.insert(name)) else { continue };
            if text.contains("modified") {
                return true;
            }
            waiting.extend(texts.keys().copied().filter(|other| text.contains(*other)));
        }
        false
    }

    /// The name of the template that is used for a file.
    pub(super) fn name(&self, file: &str) -> String {
        FILES
            .iter()
            .zip(&self.used)
            .find(|(known, _)| **known == file)
            .map(|(_, name)| name.clone())
            .unwrap_or_default()
    }

    /// Renders a template to a JSON object.
    pub(super) fn render(&self, file: &str, context: &Value) -> Result<Map<String, Value>, DescribeError> {
        let name = self.name(file);
        let rendered = self.environment.get_template(&name).and_then(|template| template.render(context));
        let text = rendered.map_err(|source| unusable(&name, source))?;
        serde_json::from_str(&text).map_err(|error| DescribeError::NotJson {
            template: name,
            line: error.line(),
            reason: error.to_string(),
        })
    }

    /// Renders a template of the recipe's own text; `name` is its key.
    pub(super) fn text(&self, name: &str, text: &str, facets: &FacetValues) -> Result<String, DescribeError> {
        let environment = crate::model::template::environment(UndefinedBehavior::Strict);
        environment.render_named_str(name, text, facets).map_err(|source| unusable(name, source))
    }

    /// Renders a record, checks that it still holds what was computed, and declares the extensions whose fields it uses.
    pub(super) fn record(&self, file: &str, context: &Value, truth: &[(&str, &Value)]) -> Result<Value, DescribeError> {
        let mut record = Value::Object(self.render(file, context)?);
        for (pointer, expected) in truth {
            let found = record.pointer(pointer).unwrap_or(&Value::Null);
            let same = match *pointer {
                "/links" => links_are_kept(expected, found),
                _ => *expected == found,
            };
            if !same {
                return Err(DescribeError::Untrue {
                    template: self.name(file),
                    field: pointer.trim_start_matches('/').replace('/', "."),
                    expected: brief(expected),
                    found: brief(found),
                });
            }
        }
        declare_extensions(&mut record);
        Ok(record)
    }
}

fn unusable(name: &str, source: minijinja::Error) -> DescribeError {
    let template = source.name().unwrap_or(name).to_owned();
    if let Some(unmet) = template_functions::unmet(&source) {
        return DescribeError::Profile {
            template,
            field: unmet.field.clone(),
            expected: unmet.expected.clone(),
            found: unmet.found.clone(),
        };
    }
    DescribeError::Template { template, line: source.line(), source }
}

fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(120) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Whether a template kept all computed links; it may add others.
fn links_are_kept(computed: &Value, found: &Value) -> bool {
    let found: Vec<_> = found.as_array().into_iter().flatten().map(|link| (&link["rel"], &link["href"])).collect();
    computed.as_array().into_iter().flatten().all(|link| found.contains(&(&link["rel"], &link["href"])))
}

/// Declares the extensions whose fields are used, and keeps what the template declared.
pub(super) fn declare_extensions(record: &mut Value) {
    let own = record["stac_extensions"].as_array().cloned().unwrap_or_default();
    let mut declared: Vec<String> = own.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let used = used_extensions(record).into_iter().filter(|extension| extension.declared_when_used);
    declared.extend(used.map(|extension| extension.url.to_owned()));
    declared.sort();
    declared.dedup();
    record["stac_extensions"] = declared.into();
}
