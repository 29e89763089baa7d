//! Values as YAML that people like to read: blocks for the outer maps, everything below on one line.

use serde_json::Value;

/// The lines of a map as an entry of a list, the first with its dash.
pub(super) fn entry(value: &Value, depth: usize) -> Vec<String> {
    let indent = "  ".repeat(depth);
    let Value::Object(members) = value else { return vec![format!("{indent}- {}", flow(value))] };
    let mut lines = Vec::new();
    for (at, (key, value)) in members.iter().enumerate() {
        let lead = if at == 0 { format!("{indent}- ") } else { format!("{indent}  ") };
        match value {
            // Rules within rules.
            Value::Array(rules) if ["then", "else"].contains(&key.as_str()) => {
                lines.push(format!("{lead}{key}:{}", if rules.is_empty() { " []" } else { "" }));
                lines.extend(rules.iter().flat_map(|rule| entry(rule, depth + 2)));
            }
            value => lines.push(format!("{lead}{}: {}", scalar(key), flow(value))),
        }
    }
    lines
}

/// A value on one line.
pub(super) fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Array(values) => format!("[{}]", values.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let member = |(key, value): (&String, &Value)| format!("{}: {}", scalar(key), flow(value));
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// A text: bare if nobody can take it for anything else.
fn scalar(text: &str) -> String {
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
    let words = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"];
    if is_word && !words.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    if text.chars().any(|c| c.is_control()) || !text.contains('\\') {
        return Value::String(text.to_owned()).to_string();
    }
    format!("'{}'", text.replace('\'', "''"))
}

/// A text for a comment: on one line.
pub(super) fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
