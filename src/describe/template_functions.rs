//! What templates can call beyond what minijinja has.
//!
//! | call | gives |
//! | --- | --- |
//! | `merge(a, b, …)` | one object of all fields, the last that has one wins; fields that are undefined are left out |
//! | `need(field, value, …)` | the recipe's property of that name, else the first value that is there; else the error that the profile asks for it |
//! | `expect(field, condition, expected, found)` | nothing; the error that the profile asks for it, if the condition is false |
//! | `words(value)` | a list: the words of a text, or the list that it is |
//! | `split(text, separator)` | a list of the pieces |
//! | `esgf_pid(prefix, id)` | the handle that ESGF's publisher gives a dataset: UUID version 3 (RFC 9562, 5.3) of its id |
//! | `value is matching(pattern)` | whether it is a text that a regular expression matches |

use md5::{Digest, Md5};
use minijinja::value::{Rest, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};

/// What a profile asks for and a dataset does not have.
#[derive(Debug, thiserror::Error)]
#[error("{field}: expected {expected}, found {found}")]
pub(super) struct Unmet {
    pub(super) field: String,
    pub(super) expected: String,
    pub(super) found: String,
}

/// Adds them.
pub(super) fn add_to(environment: &mut Environment<'static>) {
    environment.add_function("merge", merge);
    environment.add_function("need", need);
    environment.add_function("expect", expect);
    environment.add_function("words", words);
    environment.add_function("split", split);
    environment.add_function("esgf_pid", esgf_pid);
    environment.add_test("matching", matching);
}

/// What a profile asked for in vain, if that is what the error comes from.
pub(super) fn unmet(error: &Error) -> Option<&Unmet> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(unmet) = error.downcast_ref::<Unmet>() {
            return Some(unmet);
        }
        cause = error.source();
    }
    None
}

#[allow(clippy::needless_pass_by_value, reason = "minijinja gives the rest of the arguments by value")]
fn merge(objects: Rest<Value>) -> Result<Value, Error> {
    let mut merged = indexmap::IndexMap::new();
    for object in objects.iter().filter(|object| !is_nothing(object)) {
        for key in object.try_iter()? {
            let value = object.get_item(&key)?;
            if !value.is_undefined() {
                merged.insert(key.to_string(), value);
            }
        }
    }
    Ok(merged.into_iter().collect())
}

fn is_nothing(value: &Value) -> bool {
    value.is_undefined() || value.is_none()
}

#[allow(clippy::needless_pass_by_value, reason = "minijinja gives the rest of the arguments by value")]
fn need(state: &State<'_, '_>, field: &str, values: Rest<Value>) -> Result<Value, Error> {
    let given = state.lookup("recipe_properties").and_then(|given| given.get_attr(field).ok());
    let is_there = |value: &Value| !is_nothing(value) && value.as_str() != Some("");
    let found = given.into_iter().chain(values.iter().cloned()).find(is_there);
    let name = field.rsplit(':').next().unwrap_or(field);
    let name = name.strip_prefix("variable_cf_").or(name.strip_prefix("variable_")).unwrap_or(name);
    found.ok_or_else(|| {
        error(Unmet {
            field: field.to_owned(),
            expected: format!("a property {field} of the recipe, or a facet or attribute {name}"),
            found: "none".into(),
        })
    })
}

fn expect(field: String, condition: bool, expected: String, found: &Value) -> Result<Value, Error> {
    if condition {
        return Ok(Value::from(()));
    }
    Err(error(Unmet { field, expected, found: found.to_string() }))
}

fn error(unmet: Unmet) -> Error {
    Error::new(ErrorKind::InvalidOperation, unmet.to_string()).with_source(unmet)
}

fn words(value: &Value) -> Result<Value, Error> {
    match value.as_str() {
        Some(text) => Ok(text.split_whitespace().map(str::to_owned).collect()),
        None if value.kind() == ValueKind::Seq => Ok(value.clone()),
        None => Err(Error::new(ErrorKind::InvalidOperation, format!("expected a text or a list, found {value}"))),
    }
}

fn split(text: &str, separator: &str) -> Vec<String> {
    text.split(separator).map(str::to_owned).collect()
}

/// `prefix` is that of the project (CMIP6: `21.14100`), `id` the dataset's with its version.
fn esgf_pid(prefix: &str, id: &str) -> String {
    // The namespace of URLs: RFC 9562, 6.6.
    const NAMESPACE: [u8; 16] =
        [0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8];
    let mut hash = Md5::new();
    hash.update(NAMESPACE);
    hash.update(id.as_bytes());
    let mut bytes: [u8; 16] = hash.finalize().into();
    bytes[6] = (bytes[6] & 0x0f) | 0x30;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("hdl:{prefix}/{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn matching(value: &Value, pattern: &str) -> Result<bool, Error> {
    let Some(text) = value.as_str() else { return Ok(false) };
    let wrong =
        |error: regex::Error| Error::new(ErrorKind::InvalidOperation, format!("no regular expression: {error}"));
    Ok(regex::Regex::new(pattern).map_err(wrong)?.is_match(text))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// By Python: `uuid.uuid3(uuid.NAMESPACE_URL, id)`.
    #[test]
    fn handles_are_those_of_esgf() {
        let id = "CMIP6.ScenarioMIP.THU.CIESM.ssp585.r1i1p1f1.Amon.rsus.gr.v20200806";
        assert_eq!(esgf_pid("21.14100", id), "hdl:21.14100/c885c820-0375-3e24-99e9-67029bdc4b45");
    }

    #[test]
    fn templates_merge_need_and_expect() {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        add_to(&mut environment);
        let context = serde_json::json!({"a": {"x": 1, "y": null}, "recipe_properties": {"p:x": "given"}, "empty": ""});
        let render = |text: &str| environment.render_str(text, &context);
        assert_eq!(
            render("{{ merge(a, {'x': a.no, 'z': [2]}, a.no) | tojson }}").unwrap(),
            r#"{"x":1,"y":null,"z":[2]}"#
        );
        assert_eq!(render("{{ need('p:x', a.x) }} {{ need('q', a.no, empty, a.y, a.x) }}").unwrap(), "given 1");
        assert_eq!(render("{{ words('a  b') | tojson }}{{ words(['a b']) | tojson }}").unwrap(), r#"["a","b"]["a b"]"#);
        assert_eq!(render("{{ 'ab1' is matching('^[a-z]+1$') }} {{ a.no is matching('.') }}").unwrap(), "True False");
        assert_eq!(render("{% set _ = expect('f', true, 'e', 1) %}").unwrap(), "");
        for (text, field) in [("{{ need('p:units', a.no) }}", "p:units"), ("{{ expect('id', 1 > 2, 'e', 'x') }}", "id")]
        {
            let error = render(text).unwrap_err();
            assert_eq!(unmet(&error).unwrap().field, field);
        }
        assert!(unmet(&render("{{ words(1) }}").unwrap_err()).is_none());
    }
}
