//! Templates of recipes: minijinja in a sandbox.
//!
//! A recipe may come from anywhere. Its templates see facets and nothing else: no file, no other template. They end: statements
//! are paid for with fuel. And they stay small: no operator, filter or statement that multiplies a text is left, and what is
//! rendered is bounded.

use std::collections::BTreeMap;
use std::io;

use minijinja::{Environment, Error, ErrorKind, Template, UndefinedBehavior, Value};
use regex::{Regex, RegexBuilder};
use serde::Serialize;

use super::hash::{HashAlgorithm, hash_text};

/// The longest text that a template may become, in bytes.
pub const OUTPUT_LIMIT: usize = 64 * 1024;
/// The longest template, in bytes.
const TEXT_LIMIT: usize = 16 * 1024;
/// How many instructions a template may take.
const FUEL: u64 = 50_000;
/// The greatest size of a compiled regular expression that a template holds, in bytes.
const REGEX_LIMIT: usize = 1 << 20;
/// In a template that sets names, each of these may double a text.
const LENGTHENING_LIMIT: usize = 8;

const STATEMENTS: [&str; 7] = ["if", "elif", "else", "endif", "for", "endfor", "set"];
/// What could make large values out of small ones, or look at what is none of a recipe's business.
const REMOVED_FILTERS: [&str; 5] = ["format", "indent", "batch", "slice", "pprint"];
const REMOVED_GLOBALS: [&str; 4] = ["range", "namespace", "dict", "debug"];

/// The environment that templates of recipes are rendered in.
///
/// Beyond minijinja's own there are the filters `hash(algorithm)`, `md5`, `sha256` and `regex_replace(regex, with)`, and the tests
/// `matching(regex)`, for a text as a whole, and `containing(regex)`.
pub fn environment(undefined: UndefinedBehavior) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(undefined);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(32);
    for name in REMOVED_FILTERS {
        environment.remove_filter(name);
    }
    for name in REMOVED_GLOBALS {
        environment.remove_global(name);
    }
    environment.add_filter("replace", |text: String, from: String, to: String| {
        let grown = text.matches(&from).count().saturating_mul(to.len()).saturating_add(text.len());
        within_limit(grown).map(|()| text.replace(&from, &to))
    });
    environment.add_filter("join", |values: Value, separator: Option<String>| {
        join(&values, separator.as_deref().unwrap_or_default())
    });
    environment.add_filter("tojson", |value: Value| {
        let text = serde_json::to_string(&value).map_err(|error| invalid(error.to_string()))?;
        within_limit(text.len()).map(|()| text)
    });
    environment.add_filter("hash", |text: String, algorithm: Option<String>| {
        let name = algorithm.as_deref().unwrap_or("sha256");
        let algorithm = HashAlgorithm::by_name(name).ok_or_else(|| invalid(format!("there is no hash {name}")))?;
        Ok::<_, Error>(hash_text(algorithm, &text))
    });
    environment.add_filter("md5", |text: String| hash_text(HashAlgorithm::Md5, &text));
    environment.add_filter("sha256", |text: String| hash_text(HashAlgorithm::Sha256, &text));
    environment.add_filter("regex_replace", |text: String, expression: String, with: String| {
        let expression = compile(&expression)?;
        let grown = expression.find_iter(&text).count().saturating_mul(with.len().saturating_add(text.len()));
        within_limit(grown.saturating_add(text.len()))?;
        Ok::<_, Error>(expression.replace_all(&text, with.as_str()).into_owned())
    });
    environment.add_test("matching", |text: String, expression: String| {
        compile(&expression)?;
        Ok::<_, Error>(compile(&format!(r"\A(?:{expression})\z"))?.is_match(&text))
    });
    environment.add_test("containing", |text: String, expression: String| {
        Ok::<_, Error>(compile(&expression)?.is_match(&text))
    });
    environment
}

fn join(values: &Value, separator: &str) -> Result<String, Error> {
    let mut joined = String::new();
    for (index, value) in values.try_iter()?.enumerate() {
        if index > 0 {
            joined.push_str(separator);
        }
        joined.push_str(&value.to_string());
        within_limit(joined.len())?;
    }
    Ok(joined)
}

fn compile(expression: &str) -> Result<Regex, Error> {
    let compiled = RegexBuilder::new(expression).size_limit(REGEX_LIMIT).build();
    compiled.map_err(|error| invalid(format!("not a regular expression: {}", super::pattern::one_line(&error))))
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

fn within_limit(bytes: usize) -> Result<(), Error> {
    if bytes <= OUTPUT_LIMIT {
        return Ok(());
    }
    Err(invalid(format!("a text of {bytes} bytes is too long; at most {OUTPUT_LIMIT} are allowed")))
}

/// Renders a template.
///
/// # Errors
/// In words: what the template engine says, or that the text is longer than [`OUTPUT_LIMIT`].
pub fn render<S: Serialize>(template: &Template<'_, '_>, facets: S) -> Result<String, String> {
    let mut bounded = Bounded::default();
    let rendered = template.render_captured_to(facets, &mut bounded).map(drop);
    if bounded.is_full {
        return Err(format!("it becomes longer than {OUTPUT_LIMIT} bytes"));
    }
    rendered.map_err(|error| error.to_string())?;
    String::from_utf8(bounded.bytes).map_err(|error| error.to_string())
}

/// Looks up the filters, tests and functions of a template, which the engine does no sooner than it renders; `names` are those it uses.
///
/// # Errors
/// In words, to follow the name of the template: which is unknown.
pub fn look_up(template: &Template<'_, '_>, names: &[String]) -> Result<(), String> {
    let made_up: BTreeMap<&String, &String> = names.iter().map(|name| (name, name)).collect();
    match template.render_captured_to(made_up, Bounded::default()) {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction
            ) =>
        {
            Err(format!("is not a template that can be rendered: {}", error.detail().unwrap_or_default()))
        }
        // What else fails may do so because the values are made up.
        _ => Ok(()),
    }
}

#[derive(Default)]
struct Bounded {
    bytes: Vec<u8>,
    is_full: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > OUTPUT_LIMIT {
            self.is_full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a text keeps within what a recipe's template may use; the engine checks the rest.
///
/// ```
/// use altostac::model::template::check;
/// assert!(check("{{ model | lower }}.{% if year > 2000 %}new{% endif %}").is_ok());
/// assert_eq!(check("{% include '/etc/passwd' %}").unwrap_err(), "uses the statement include, which templates of a recipe cannot");
/// assert!(check("{{ 'x' * 1000000 }}").is_err());
/// ```
///
/// # Errors
/// In words, to follow the name of the template.
pub fn check(text: &str) -> Result<(), String> {
    if text.len() > TEXT_LIMIT {
        return Err(format!("has {} bytes; a template may have {TEXT_LIMIT}", text.len()));
    }
    let (mut sets, mut lengthening) = (0_usize, 0_usize);
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let tag = &rest[start + 1..];
        let is_statement = tag.starts_with('%');
        if tag.starts_with('#') {
            rest = tag.find("#}").map_or("", |end| &tag[end + 2..]);
            continue;
        }
        if !is_statement && !tag.starts_with('{') {
            rest = tag;
            continue;
        }
        let (inside, after) = split_tag(&tag[1..], if is_statement { "%}" } else { "}}" });
        rest = after;
        if inside.contains('*') {
            return Err("multiplies, which templates of a recipe cannot".into());
        }
        lengthening += inside.matches(['~', '+']).count();
        if is_statement {
            let words = inside.trim_start_matches(['-', '+']).trim_start();
            let word: String = words.chars().take_while(char::is_ascii_alphanumeric).collect();
            if !STATEMENTS.contains(&word.as_str()) {
                return Err(format!("uses the statement {word}, which templates of a recipe cannot"));
            }
            if word == "set" {
                sets += 1;
                if !inside.contains('=') {
                    return Err("sets a name to a block, which templates of a recipe cannot".into());
                }
            }
        }
    }
    if sets > 0 && lengthening > LENGTHENING_LIMIT {
        return Err(format!(
            "sets names and has {lengthening} of the operators ~ and +; {LENGTHENING_LIMIT} are allowed"
        ));
    }
    Ok(())
}

/// The inside of a tag without its quoted texts, and what follows the tag.
fn split_tag<'a>(text: &'a str, end: &str) -> (String, &'a str) {
    let mut inside = String::new();
    let mut quote = None;
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match quote {
            Some(_) if character == '\\' => {
                characters.next();
            }
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if matches!(character, '"' | '\'') => quote = Some(character),
            None if text[at..].starts_with(end) => return (inside, &text[at + end.len()..]),
            None => inside.push(character),
        }
    }
    (inside, "")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn rendered(text: &str) -> Result<String, String> {
        check(text)?;
        let environment = environment(UndefinedBehavior::Strict);
        let template = environment.template_from_str(text).map_err(|error| error.to_string())?;
        let facets = serde_json::json!({"model": "UKESM1-0-LL", "year": 1850, "words": ["a", "b"]});
        render(&template, facets)
    }

    #[test]
    fn what_curators_write() {
        for (text, expected) in [
            ("{{ model | lower }}.{{ year }}", "ukesm1-0-ll.1850"),
            ("{{ model | regex_replace('[0-9]+', '#') }}", "UKESM#-#-LL"),
            ("{{ model | regex_replace('(\\\\w+)-(\\\\w+)', '$2.$1') }}", "0.UKESM1-LL"),
            ("{{ words | join('+') }}", "a+b"),
            ("{{ model | md5 }}", "c1cbd8ba6bf6dd1ca1f2d7ea8ab0e2ec"),
            ("{% if model is matching('UKESM.*') %}yes{% else %}no{% endif %}", "yes"),
            ("{% if model is matching('UKESM') or model is containing('^0') %}yes{% else %}no{% endif %}", "no"),
            ("{% set parts = model.split('-') if false else model | split('-') %}{{ parts[0] }}", "UKESM1"),
            ("{{ missing | default('none') }}", "none"),
            ("a { b } {# * #} {{ '*' }}", "a { b }  *"),
            ("{% for word in words %}{{ word ~ '.' }}{% endfor %}", "a.b."),
        ] {
            if text.contains("md5") {
                assert_eq!(rendered(text).unwrap().len(), 32);
            } else {
                assert_eq!(rendered(text).as_deref(), Ok(expected), "{text}");
            }
        }
    }

    #[test]
    fn hostile_templates_end_in_errors() {
        for text in [
            "{% include '/etc/passwd' %}",
            "{% extends 'x' %}",
            "{% import 'x' as y %}",
            "{{ 'x' * 100000000 }}",
            "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}",
            "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}",
            "{% set ns = namespace(x='a') %}{{ ns }}",
            "{% set x %}{{ model }}{{ model }}{% endset %}",
            "{%- set x -%}{{ model }}{% endset %}",
            "{{ model | indent(1000000000) }}",
            "{{ '%1000000000d' | format(1) }}",
            "{{ words | batch(1000000000, 'x') }}",
            "{{ debug() }}",
            "{{ 'aaaaaaaaaa' | regex_replace('(', 'x') }}",
        ] {
            assert!(rendered(text).is_err(), "{text}");
        }
        let long = "x".repeat(9_000);
        assert!(rendered(&format!("{{{{ '{long}' | replace('x', '0123456789') }}}}")).is_err());
        assert!(rendered(&format!("{{{{ ('{long}' | list) | join('0123456789') }}}}")).is_err());
        let doubling = format!("{{% set x = 'xxxxxxxx' %}}{}{{{{ x }}}}", "{% set x = x ~ x %}".repeat(40));
        assert!(rendered(&doubling).is_err());
        let loops = (0..6).map(|n| format!("{{% for a{n} in 'aaaaaaaaaaaaaaaa' %}}")).collect::<String>();
        assert!(rendered(&format!("{loops}x{}", "{% endfor %}".repeat(6))).is_err());
        assert!(rendered(&"{{ model }}".repeat(2_000)).is_err());
        assert!(rendered(&format!("{}1{}", "{{ (".repeat(3_000), ") }}".repeat(3_000))).is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(text in r"[a-z\{\}%#'\* \|\(\)~=]{0,40}") {
            let _ = rendered(&text);
        }
    }
}
