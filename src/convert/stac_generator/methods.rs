//! What each extraction method becomes: rules of `item.facets`, in JSON.

use serde_json::{Map, Value, json};

use super::{Conversion, condition, regex};
use crate::model::facets::{FacetRules, TemplateValue};
use crate::model::pattern::is_name;

/// How many folders `path_parts` can name.
const LEVELS: usize = 24;

/// Fields of an Item that are not properties, and that altostac finds out by itself.
const COMPUTED: [&str; 7] = ["assets", "links", "bbox", "geometry", "datetime", "start_datetime", "end_datetime"];

impl Conversion {
    /// The rules of a method; what it cannot become is noted.
    pub(super) fn rules(&mut self, name: &str, inputs: &Value, place: &str) -> Vec<Value> {
        match name {
            "regex" => self.regex(inputs, place),
            "path_parts" => self.path_parts(inputs, place),
            "string_template" => self.string_template(inputs, place),
            "regex_label" => self.regex_label(inputs, place),
            "regex_rename" => self.regex_rename(inputs, place),
            "regex_type_cast" => self.regex_type_cast(inputs, place),
            "hash" => self.hash(inputs, place),
            "default" => self.default(inputs, place),
            "remove" => self.remove(inputs, place),
            "facet_map" => self.facet_map(inputs),
            "facet_prefix" => self.facet_prefix(inputs),
            "stac_extension" => self.stac_extension(inputs, place),
            "conditional" => self.conditional(inputs, place),
            "header" => self.header(inputs, place),
            "netcdf" => self.netcdf(inputs, place),
            "json_file" => self.json_file(inputs, place),
            "bbox" => self.bbox(inputs, place),
            "geometry" => self.geometry(inputs, place),
            "iso_date" => self.iso_date(inputs, place),
            "dict_aggregator" => {
                self.not_carried(place, "extents and sizes over all files of an Item are found by altostac itself")
            }
            "assets" => self.not_carried(
                place,
                "files with the same id are one Item, whose assets are its files and the products made of them",
            ),
            "xml" => self.not_carried(
                place,
                "no XML is read; put what it says into a sidecar (.csv, .json or .yaml) and add a rule `sidecar`",
            ),
            "controlled_vocabulary" => self.not_carried(
                place,
                "its values are in a Python class; list them in item.vocabularies (a list, .csv, .json or SKOS)",
            ),
            "ceda_vocabulary" => self.not_carried(
                place,
                "no server is asked; put the vocabulary beside the recipe and name it in item.vocabularies",
            ),
            "lambda" | "general_function" => {
                self.not_carried(place, "it is Python; a rule `set` with a template, or `map`, may say the same")
            }
            "geometry_to_bbox" | "datetime_bound_to_centroid" => {
                self.not_carried(place, "altostac finds place and time of an Item by itself")
            }
            _ => self.not_carried(place, "altostac knows nothing like it"),
        }
    }

    fn regex(&mut self, inputs: &Value, place: &str) -> Vec<Value> {
        let Some(from) = self.term(inputs.get("input_term"), place) else { return Vec::new() };
        let expression = match regex::of_python(words(inputs, "regex")) {
            Ok(expression) => expression,
            Err(why) => return self.not_carried(place, &format!("the expression {why}")),
        };
        let groups: Vec<String> = ::regex::Regex::new(&expression)
            .map(|compiled| compiled.capture_names().flatten().map(str::to_owned).collect())
            .unwrap_or_default();
        if groups.is_empty() {
            return self.not_carried(place, "the expression has no named group");
        }
        if let Some(stray) = groups.iter().find(|group| !is_name(group)) {
            return self.not_carried(place, &format!("the group {stray} is no name of a facet"));
        }
        self.known.extend(groups);
        vec![json!({"regex": expression, "from": from, "missing": "ignore"})]
    }

    fn path_parts(&mut self, inputs: &Value, place: &str) -> Vec<Value> {
        if !matches!(inputs.get("path").and_then(Value::as_str), None | Some("$uri")) {
            return self.not_carried(place, "only the path of the file itself is taken apart");
        }
        let skip = inputs.get("skip").and_then(Value::as_u64).unwrap_or(0);
        if skip > 1_000 {
            return self.not_carried(place, "no path has so many parts");
        }
        // Python's first part of an absolute path is its slash, and of a URL its scheme.
        let (lead, left, first) = match (self.remote, skip) {
            (true, skip) => (String::new(), skip, 1),
            (false, 0) => ("(?P<_dir1>/)".to_owned(), 0, 2),
            (false, skip) => ("/".to_owned(), skip - 1, 1),
        };
        let skipped = if left == 0 { String::new() } else { format!("(?:[^/]+/+){{{left}}}") };
        let mut folders = String::new();
        for level in (first..=LEVELS).rev() {
            folders = format!("(?:(?P<_dir{level}>[^/]+)/+{folders})?");
        }
        self.known.extend((1..=LEVELS).map(|level| format!("_dir{level}")));
        self.known.insert("filename".into());
        let expression = format!("^{lead}{skipped}{folders}(?P<filename>[^/]+)$");
        vec![json!({"regex": expression, "from": "file_location"})]
    }

    fn string_template(&mut self, inputs: &Value, place: &str) -> Vec<Value> {
        let (text, key) = (words(inputs, "template"), words(inputs, "output_key"));
        let (template, terms) = match self.formatted(text) {
            Ok(found) => found,
            Err(why) => return self.not_carried(place, &why),
        };
        let unknown = |term: &&String| *term != "uri" && !self.known.contains(*term);
        for term in terms.iter().filter(unknown).cloned().collect::<Vec<_>>() {
            self.note(place, &format!("nothing makes {term}: it is left empty"));
        }
        let mut rules = Vec::new();
        if self.is_kept(key, place) {
            rules.push(json!({"set": {key: template}}));
        }
        // By its own name.
        if inputs.get("descructive").and_then(Value::as_bool) == Some(true) {
            let gone: Vec<&String> = terms.iter().filter(|term| *term != key && self.known.contains(*term)).collect();
            if !gone.is_empty() {
                rules.push(json!({"remove": gone}));
            }
            let gone: Vec<String> = gone.into_iter().cloned().collect();
            self.known.retain(|known| !gone.contains(known));
        }
        rules
    }

    /// A template of Python's `str.format`, and the names in it. What is not known is nothing.
    fn formatted(&self, text: &str) -> Result<(String, Vec<String>), String> {
        let (mut made, mut terms) = (String::new(), Vec::new());
        let mut rest = text;
        while let Some(start) = rest.find(['{', '}']) {
            made.push_str(&rest[..start]);
            let Some(end) = rest[start..].strip_prefix('{').and_then(|inner| inner.find('}')) else {
                return Err("the template has a brace without a partner".into());
            };
            let term = &rest[start + 1..start + 1 + end];
            if term == "uri" {
                made.push_str("{{ file_location }}");
            } else if !is_name(term) {
                return Err(format!("the template's {{{term}}} is more than a name"));
            } else if self.known.contains(term) {
                made.push_str(&format!("{{{{ {term} | default('') }}}}"));
            }
            terms.push(term.to_owned());
            rest = &rest[start + end + 2..];
        }
        Ok((made + rest, terms))
    }

    fn regex_label(&mut self, inputs: &Value, place: &str) -> Vec<Value> {
        let Some(from) = self.term(inputs.get("input_term"), place) else { return Vec::new() };
        let expression = match regex::of_python(words(inputs, "regex")) {
            Ok(expression) => expression,
            Err(why) => return self.not_carried(place, &format!("the expression {why}")),
        };
        let key = inputs.get("output_key").and_then(Value::as_str).unwrap_or("label");
        if !self.is_kept(key, place) {
            return Vec::new();
        }
        let several = inputs.get("allow_multiple").and_then(Value::as_bool).unwrap_or(true);
        let label = self.value(inputs.get("label").unwrap_or(&Value::Null));
        let condition = format!("{from} is defined and {from} is matching({})", literal(&expression));
        vec![json!({"when": condition, if several { "append" } else { "set" }: {key: label}})]
    }

    fn regex_rename(&mut self, inputs: &Value, place: &str) -> Vec<Value> {
        let delimiter = words(inputs, "delimiter").to_owned();
        let mut rules = Vec::new();
        for swap in objects(inputs, "regex_swaps") {
            let (expression, key) = (words(swap, "regex"), words(swap, "output_key"));
            if !delimiter.is_empty() && (expression.contains(&delimiter) || key.contains(&delimiter)) {
                rules.extend(self.not_carried(place, "facets are not nested"));
                continue;
            }
            match self.matching(expression, false) {
                Ok(found) => {
                    for old in found {
                        // Later ones take precedence.
                        self.known.shift_remove(&old);
                        if self.is_kept(key, place) && old != key {
                            rules.push(json!({"rename": {old: key}}));
                        }
                    }
                }
                Err(why) => rules.extend(self.not_carried(place, &why)),
            }
        }
        rules
    }

    fn regex_type_cast(&mut self, inputs: &Value, place: &str) -> Vec<Value> {
        let mut casts = Map::new();
        for cast in objects(inputs, "regex_casts") {
            let kind = match words(cast, "cast_type") {
                "int" => "int",
                "float" => "float",
                "str" => "text",
                "bool" => {
                    self.note(place, "Python takes every text that is not empty for true; altostac reads true, yes, on, 1 and false, no, off, 0");
                    "bool"
                }
                other => {
                    let why = format!("there is no cast to {other}");
                    self.not_carried(place, &why);
                    continue;
                }
            };
            match self.matching(words(cast, "regex"), true) {
                Ok(found) => casts.extend(found.into_iter().map(|name| (name, json!(kind)))),
                Err(why) => drop(self.not_carried(place, &why)),
            }
        }
        if casts.is_empty() { Vec::new() } else { vec![json!({"cast": casts})] }
    }

    fn hash(&mut self, inputs: &Value, place: &str) -> Vec<Value> {
        let Some(text) = inputs.get("hash_str").and_then(Value::as_str) else {
            return self.not_carried(place, "it has no hash_str; a rule `hash` with a template says what is hashed");
        };
        let key = words(inputs, "output_key");
        if !self.is_kept(key, place) {
            return Vec::new();
        }
        vec![json!({"hash": self.value(&json!(text)), "algorithm": "md5", "to": key})]
    }

    fn default(&mut self, inputs: &Value, place: &str) -> Vec<Value> {
        let mut values = Map::new();
        for (key, value) in inputs.get("defaults").and_then(Value::as_object).into_iter().flatten() {
            if key == "collection" && value.is_string() {
                self.collection = value.as_str().map(str::to_owned);
                continue;
            }
            if !value.is_null() && self.is_kept(key, place) {
                values.insert(key.clone(), self.value(value));
            }
        }
        if values.is_empty() { Vec::new() } else { vec![json!({"set": values})] }
    }

    fn remove(&mut self, inputs: &Value, place: &str) -> Vec<Value> {
        let delimiter = inputs.get("delimiter").and_then(Value::as_str).unwrap_or(".");
        let mut gone = Vec::new();
        for key in inputs.get("keys").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if !delimiter.is_empty() && key.contains(delimiter) {
                self.not_carried(place, &format!("{key} is within another key; facets are not nested"));
                continue;
            }
            match self.matching(key, false) {
                Ok(found) => gone.extend(found),
                Err(why) => drop(self.not_carried(place, &why)),
            }
        }
        self.known.retain(|known| !gone.contains(known));
        gone.dedup();
        if gone.is_empty() { Vec::new() } else { vec![json!({"remove": gone})] }
    }

    fn facet_map(&mut self, inputs: &Value) -> Vec<Value> {
        let mut rules = Vec::new();
        for (old, new) in inputs.get("term_map").and_then(Value::as_object).into_iter().flatten() {
            if let (true, Some(new)) = (self.known.shift_remove(old), new.as_str()) {
                self.known.insert(new.to_owned());
                rules.push(json!({"rename": {old: new}}));
            }
        }
        rules
    }

    fn facet_prefix(&mut self, inputs: &Value) -> Vec<Value> {
        self.prefixed(words(inputs, "prefix"), inputs.get("keys"))
    }

    fn prefixed(&mut self, prefix: &str, keys: Option<&Value>) -> Vec<Value> {
        let keys = keys.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let there: Vec<String> = keys.filter(|key| self.known.shift_remove(*key)).map(str::to_owned).collect();
        self.known.extend(there.iter().map(|key| format!("{prefix}:{key}")));
        if there.is_empty() { Vec::new() } else { vec![json!({"prefix": prefix, "facets": there})] }
    }

    fn stac_extension(&mut self, inputs: &Value, place: &str) -> Vec<Value> {
        let mut rules = Vec::new();
        for extension in objects(inputs, "extensions") {
            rules.extend(self.prefixed(words(extension, "prefix"), extension.get("properties")));
            self.note(place, &format!("altostac declares the extensions that it knows by itself; declare {} in templates/item.json.j2 beside the recipe", words(extension, "url")));
        }
        rules
    }

    fn conditional(&mut self, inputs: &Value, place: &str) -> Vec<Value> {
        let made = condition::of_python(words(inputs, "condition"));
        let when = match made.and_then(|made| self.checked(&made).map(|()| made)) {
            Ok(when) => when,
            Err(why) => return self.not_carried(place, &format!("the condition {why}; with it all its methods")),
        };
        let before = self.known.clone();
        let then = self.nested(inputs, "true_methods", place);
        let known = std::mem::replace(&mut self.known, before);
        let otherwise = self.nested(inputs, "false_methods", place);
        self.known.extend(known);
        match (then.is_empty(), otherwise.is_empty()) {
            (true, true) => Vec::new(),
            (false, true) => vec![json!({"when": when, "then": then})],
            _ => vec![json!({"when": when, "then": then, "else": otherwise})],
        }
    }

    /// Whether a condition is one for a recipe, of facets that are known.
    fn checked(&self, condition: &str) -> Result<(), String> {
        let names = FacetRules::default().add_condition("condition", condition)?;
        match names.iter().find(|name| !self.known.contains(*name) && *name != "uri") {
            Some(name) => Err(format!("asks for {name}, which nothing makes")),
            None if names.iter().any(|name| name == "uri") => Err("asks for uri".into()),
            None => Ok(()),
        }
    }

    fn nested(&mut self, inputs: &Value, key: &str, place: &str) -> Vec<Value> {
        let methods = inputs.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let mut rules = Vec::new();
        for (index, method) in methods.iter().enumerate() {
            let name = words(method, "method");
            let inputs = method.get("inputs").cloned().unwrap_or_else(|| json!({}));
            rules.extend(self.rules(name, &inputs, &format!("{place}, {key}[{index}], {name}")));
        }
        rules
    }

    fn header(&mut self, inputs: &Value, place: &str) -> Vec<Value> {
        let backend = inputs.get("backend").unwrap_or(&Value::Null);
        // Before version 2 the attributes stood beside the backend.
        let of = backend.get("inputs").unwrap_or(inputs);
        if self.term(of.get("input_term"), place).is_none_or(|term| term != "file_location") {
            return self.not_carried(place, "only attributes of the file itself are read");
        }
        self.attributes(of.get("attributes"), None, place)
    }

    fn netcdf(&mut self, inputs: &Value, place: &str) -> Vec<Value> {
        if self.term(inputs.get("input_term"), place).is_none_or(|term| term != "file_location") {
            return self.not_carried(place, "only attributes of the file itself are read");
        }
        let mut rules = Vec::new();
        if let Some(taken) = inputs.get("variable_attributes") {
            let variable = self.value(inputs.get("variable_id").unwrap_or(&Value::Null));
            match variable.as_str() {
                Some(variable) => rules.extend(self.attributes(Some(taken), Some(variable), place)),
                None => drop(self.not_carried(place, "it does not say which variable")),
            }
        }
        rules.extend(self.attributes(inputs.get("global_attributes"), None, place));
        for key in ["cf_attributes", "rio_attributes"] {
            if inputs.get(key).and_then(Value::as_array).is_some_and(|taken| !taken.is_empty()) {
                self.not_carried(
                    place,
                    &format!("{key} are objects of Python; altostac describes axes, bounds and projections by itself"),
                );
            }
        }
        rules
    }

    fn attributes(&mut self, taken: Option<&Value>, variable: Option<&str>, place: &str) -> Vec<Value> {
        let taken = self.pairs(taken, place);
        if taken.is_empty() {
            return Vec::new();
        }
        match variable {
            Some(variable) => vec![json!({"attributes": taken, "variable": variable, "missing": "ignore"})],
            None => vec![json!({"attributes": taken, "missing": "ignore"})],
        }
    }

    /// Facets and what they are called there; they are known from now on.
    fn pairs(&mut self, taken: Option<&Value>, place: &str) -> Map<String, Value> {
        let mut pairs = Map::new();
        for one in taken.and_then(Value::as_array).into_iter().flatten() {
            let key = one.as_str().unwrap_or_else(|| words(one, if one.get("key").is_some() { "key" } else { "name" }));
            let output = one.get("output_key").and_then(Value::as_str).filter(|key| !key.is_empty()).unwrap_or(key);
            if !key.is_empty() && self.is_kept(output, place) {
                pairs.insert(output.to_owned(), json!(key));
            }
        }
        pairs
    }

    fn json_file(&mut self, inputs: &Value, place: &str) -> Vec<Value> {
        let path = words(inputs, "path");
        if path.starts_with('$') || !path.ends_with(".json") {
            return self.not_carried(place, "only one file with the same name for all files of the archive is read: a rule `sidecar` with `by` finds rows by facets");
        }
        let taken = self.pairs(inputs.get("properties"), place);
        self.note(place, "stac-generator puts these into a map of the file's name; here they are facets themselves");
        vec![json!({"sidecar": path, "take": taken})]
    }

    fn bbox(&mut self, inputs: &Value, place: &str) -> Vec<Value> {
        let side = |name: &str| match inputs.get(name)? {
            Value::String(text) => text.parse().ok(),
            value => value.as_f64(),
        };
        match (side("west"), side("south"), side("east"), side("north")) {
            (Some(west), Some(south), Some(east), Some(north)) => {
                let ring = [[west, south], [east, south], [east, north], [west, north], [west, south]];
                self.geometry = Some(json!({"type": "Polygon", "coordinates": [ring]}));
                self.note(
                    place,
                    "places are read from the files; this one stands in for those that have none (item.geometry)",
                );
                Vec::new()
            }
            _ => self.not_carried(place, "places are read from the files"),
        }
    }

    fn geometry(&mut self, inputs: &Value, place: &str) -> Vec<Value> {
        let geometry = json!({"type": inputs.get("type"), "coordinates": inputs.get("coordinates")});
        match is_constant(&geometry["coordinates"]) && ["Point", "LineString"].contains(&words(inputs, "type")) {
            true => {
                self.geometry = Some(geometry);
                self.note(
                    place,
                    "places are read from the files; this one stands in for those that have none (item.geometry)",
                );
                Vec::new()
            }
            false => self.not_carried(place, "places are read from the files"),
        }
    }

    fn iso_date(&mut self, inputs: &Value, place: &str) -> Vec<Value> {
        let mut rules = Vec::new();
        for date in objects(inputs, "date_terms") {
            let key = date.get("output_key").and_then(Value::as_str).unwrap_or("datetime");
            let format =
                date.get("format").and_then(Value::as_str).unwrap_or("%Y-%m-%dT%H:%M:%SZ").replace("%f", "%6f");
            let value = self.value(date.get("input_term").unwrap_or(&Value::Null));
            let from = value.as_str().and_then(TemplateValue::lone_facet).map(str::to_owned);
            if !self.is_kept(key, place) {
                continue;
            }
            match from {
                Some(from) if from == key => {}
                Some(from) => rules.push(json!({"when": format!("{from} is defined"), "set": {key: value}})),
                None => rules.push(json!({"set": {key: value}})),
            }
            rules.push(json!({"cast": {key: {"date": format, "as": "%Y-%m-%dT%H:%M:%S%.f"}}, "missing": "ignore"}));
        }
        rules
    }

    /// The facet that a term means; noted if it is none.
    fn term(&mut self, term: Option<&Value>, place: &str) -> Option<String> {
        match term.map(|term| term.as_str().unwrap_or_default()) {
            None | Some("$uri") => Some("file_location".into()),
            Some(term) => match term.strip_prefix('$').filter(|name| self.known.contains(*name) && is_name(name)) {
                Some(name) => Some(name.to_owned()),
                None => {
                    self.not_carried(place, &format!("it looks at {term:?}, which is no facet that is known there"));
                    None
                }
            },
        }
    }

    /// A value as a template.
    fn value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => match text.strip_prefix('$') {
                Some("uri") => json!("{{ file_location }}"),
                Some(name) if self.known.contains(name) && is_name(name) => json!(format!("{{{{ {name} }}}}")),
                _ if text.contains("{{") || text.contains("{%") || text.contains("{#") => {
                    json!(format!("{{{{ {} }}}}", literal(text)))
                }
                _ => value.clone(),
            },
            Value::Array(values) => values.iter().map(|value| self.value(value)).collect(),
            Value::Object(values) => {
                Value::Object(values.iter().map(|(key, value)| (key.clone(), self.value(value))).collect())
            }
            other => other.clone(),
        }
    }

    /// Whether a key becomes a facet; it is known from now on. What an Item says in other places is noted.
    fn is_kept(&mut self, key: &str, place: &str) -> bool {
        if COMPUTED.contains(&key) {
            self.note(place, &format!("{key} is read from the files: what is said here changes nothing"));
            return ["datetime", "start_datetime", "end_datetime"].contains(&key) && {
                self.known.insert(key.to_owned());
                true
            };
        }
        if key == "collection" {
            self.not_carried(place, "a recipe feeds one collection, that of `collection.id`");
            return false;
        }
        let is_name = !key.is_empty()
            && !key.starts_with(|c: char| c.is_ascii_digit())
            && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.' | '-'));
        if !is_name {
            self.not_carried(place, &format!("{key:?} is no name of a facet"));
            return false;
        }
        if key != "uri" {
            self.known.insert(key.to_owned());
        }
        key != "uri"
    }

    /// The known keys that an expression matches: as a whole, or where they begin, as Python's `match` does.
    fn matching(&self, expression: &str, whole: bool) -> Result<Vec<String>, String> {
        let expression = regex::of_python(expression).map_err(|why| format!("the expression {why}"))?;
        let anchored = format!("^(?:{expression}){}", if whole { "$" } else { "" });
        let compiled = ::regex::Regex::new(&anchored).map_err(|_| "the expression cannot be read".to_owned())?;
        Ok(self.known.iter().filter(|key| compiled.is_match(key)).cloned().collect())
    }
}

/// A text in the language of templates.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n"))
}

fn words<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn objects<'a>(value: &'a Value, key: &str) -> Vec<&'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten().filter(|one| one.is_object()).collect()
}

/// Whether it is made of numbers alone.
fn is_constant(value: &Value) -> bool {
    match value {
        Value::Array(values) => !values.is_empty() && values.iter().all(is_constant),
        value => value.is_number(),
    }
}
