//! Conditions of Python in the language of templates.

/// The same condition; in words why there is none. `$name` stands for a facet.
pub(super) fn of_python(text: &str) -> Result<String, String> {
    let mut words: Vec<String> = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' | '"' => quoted(rest, first).ok_or("has a text that is not closed")?,
            '$' => 1 + name(&rest[1..]),
            first if first.is_ascii_alphanumeric() || first == '_' => {
                rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))).unwrap_or(rest.len())
            }
            _ => ["==", "!=", "<=", ">="]
                .iter()
                .find(|sign| rest.starts_with(**sign))
                .map_or(first.len_utf8(), |sign| sign.len()),
        };
        words.push(word(&rest[..length])?);
        rest = rest[length..].trim_start();
    }
    Ok(without_none(&words).join(" "))
}

fn name(text: &str) -> usize {
    text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len())
}

fn quoted(text: &str, quote: char) -> Option<usize> {
    text[1..].find([quote, '\\']).filter(|at| text[1..][*at..].starts_with(quote)).map(|at| at + 2)
}

fn word(word: &str) -> Result<String, String> {
    let known = ["and", "or", "not", "in", "is", "==", "!=", "<", ">", "<=", ">=", "(", ")", "[", "]", ","];
    Ok(match word {
        "True" => "true".into(),
        "False" => "false".into(),
        "None" => "none".into(),
        _ if known.contains(&word) => word.into(),
        _ => match word.chars().next() {
            Some('\'' | '"' | '0'..='9') => word.into(),
            Some('$') if word.len() > 1 => word[1..].into(),
            _ => return Err(format!("uses {word}, which only Python can evaluate")),
        },
    })
}

/// A facet without a value is not defined.
fn without_none(words: &[String]) -> Vec<String> {
    let mut made: Vec<String> = Vec::new();
    for word in words.iter().map(String::as_str) {
        if word != "none" {
            made.push(word.to_owned());
            continue;
        }
        let mut take = |ending: &[&str]| {
            let matches =
                made.len() >= ending.len() && made[made.len() - ending.len()..].iter().zip(ending).all(|(a, b)| a == b);
            if matches {
                made.truncate(made.len() - ending.len());
            }
            matches
        };
        let told = if take(&["is", "not"]) || take(&["!="]) {
            "is defined"
        } else if take(&["is"]) || take(&["=="]) {
            "is undefined"
        } else {
            "none"
        };
        made.push(told.to_owned());
    }
    made
}

#[cfg(test)]
mod tests {
    use super::of_python;

    #[test]
    fn what_both_languages_know() {
        for (python, expected) in [
            ("$model == 'UKESM'", "model == 'UKESM'"),
            ("$a in ['x', \"y\"] and not $b", "a in [ 'x' , \"y\" ] and not b"),
            ("$a is not None", "a is defined"),
            ("$a == None or $b != None", "a is undefined or b is defined"),
            ("$n >= 1.5", "n >= 1.5"),
            ("True", "true"),
        ] {
            assert_eq!(of_python(python).as_deref(), Ok(expected));
        }
        for python in ["len($a) > 1", "$a.startswith('x')", "__import__('os')", "$a * 2 > 1", "'x", "$a == b"] {
            assert!(of_python(python).is_err(), "{python}");
        }
    }
}
