//! Regular expressions of Python in the syntax of Rust.

/// The same expression; in words why there is none.
///
/// What Rust does not know are looks ahead and behind, and references to groups. What Rust reads differently are brackets and doubled signs
/// within a class.
pub(super) fn of_python(text: &str) -> Result<String, String> {
    let mut made = String::with_capacity(text.len());
    let mut in_class = false;
    let mut at_class_start = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let was_start = std::mem::take(&mut at_class_start);
        match character {
            '\\' => match characters.next() {
                Some('Z') if !in_class => made.push_str(r"\z"),
                Some(digit @ '1'..='9') if !in_class => return Err(format!("refers to group \\{digit}")),
                Some(other) if other.is_ascii_alphanumeric() || other.is_ascii_punctuation() => {
                    // Rust keeps < and > for word boundaries.
                    if !matches!(other, '<' | '>') {
                        made.push('\\');
                    }
                    made.push(other);
                }
                Some(other) => made.push(other),
                None => return Err("ends with a backslash".into()),
            },
            '[' if !in_class => {
                in_class = true;
                at_class_start = true;
                made.push('[');
                if characters.peek() == Some(&'^') {
                    made.extend(characters.next());
                }
            }
            ']' if in_class && !was_start => {
                in_class = false;
                made.push(']');
            }
            '[' | ']' | '&' | '~' if in_class => {
                made.push('\\');
                made.push(character);
            }
            '(' if !in_class => {
                made.push('(');
                let rest: String = characters.clone().take(4).collect();
                for (sign, what) in [
                    ("?=", "looks ahead"),
                    ("?!", "looks ahead"),
                    ("?<=", "looks behind"),
                    ("?<!", "looks behind"),
                    ("?P=", "refers to a group"),
                    ("?(", "asks for a group"),
                    ("?>", "has an atomic group"),
                ] {
                    if rest.starts_with(sign) {
                        return Err(what.to_owned());
                    }
                }
            }
            other => made.push(other),
        }
    }
    match regex::Regex::new(&made) {
        Ok(_) => Ok(made),
        Err(error) => Err(format!("is not one that altostac knows: {}", crate::model::pattern::one_line(&error))),
    }
}
