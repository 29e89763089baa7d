//! Globs as shells and Python know them: as globs of a recipe, and as regular expressions.

/// The glob that matches this path alone.
pub(super) fn literal(path: &str) -> String {
    let escaped = |c: char| match c {
        '*' | '?' | '[' | '{' => format!("[{c}]"),
        ']' | '}' => format!("[{c}]"),
        '\\' => "[\\\\]".into(),
        other => other.to_string(),
    };
    path.chars().map(escaped).collect()
}

/// The folder that all that a glob matches lies in, without the slash at its end; and the rest.
pub(super) fn split(glob: &str) -> (&str, &str) {
    let wild = glob.find(['*', '?', '[']).unwrap_or(glob.len());
    match glob[..wild].rfind('/') {
        Some(slash) => (&glob[..slash], &glob[slash + 1..]),
        None => ("", glob),
    }
}

/// A glob of Python's `glob` as one of a recipe: there braces are alternatives.
pub(super) fn as_recipe(glob: &str) -> String {
    glob.chars().map(|c| if c == '{' || c == '}' { format!("[{c}]") } else { c.to_string() }).collect()
}

/// A glob as a regular expression; `**` crosses folders.
pub(super) fn as_regex(glob: &str) -> String {
    let mut out = String::new();
    let characters: Vec<char> = glob.chars().collect();
    let mut at = 0;
    while at < characters.len() {
        match characters[at] {
            '*' if characters.get(at + 1) == Some(&'*') => {
                at += 1;
                if characters.get(at + 1) == Some(&'/') {
                    at += 1;
                    out.push_str("(?:.*/)?");
                } else {
                    out.push_str(".*");
                }
            }
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '[' => match characters[at + 1..].iter().skip(1).position(|c| *c == ']') {
                Some(length) => {
                    let inner: String = characters[at + 1..at + 2 + length].iter().collect();
                    let inner = inner.strip_prefix('!').map_or_else(|| inner.clone(), |rest| format!("^{rest}"));
                    out.push_str(&format!("[{}]", inner.replace('\\', "\\\\").replace('[', "\\[")));
                    at += length + 2;
                }
                None => out.push_str("\\["),
            },
            other => out.push_str(&regex::escape(&other.to_string())),
        }
        at += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::recipe::Globs;
    use proptest::prelude::*;
    use regex::Regex;

    #[test]
    fn globs_become_expressions() {
        let matches = |glob: &str, path: &str| Regex::new(&format!(r"\A{}\z", as_regex(glob))).unwrap().is_match(path);
        assert!(matches("a/*/b?.n[cd]", "a/x/b1.nc") && !matches("a/*/b?.nc", "a/x/y/b1.nc"));
        assert!(matches("a/**/b.nc", "a/b.nc") && matches("a/**/b.nc", "a/x/y/b.nc"));
        assert!(matches("a[!0-9].nc", "ab.nc") && !matches("a[!0-9].nc", "a1.nc"));
        assert!(matches("*nc", "a.nc") && !matches("a.nc", "abnc"));
        assert_eq!(split("/neodc/esacci/data/*/*nc"), ("/neodc/esacci/data", "*/*nc"));
        assert_eq!(split("*.nc"), ("", "*.nc"));
    }

    proptest! {
        #[test]
        fn a_literal_matches_itself_alone(path in r"[a-z\[\]{}*?!.\\]{1,8}", other in r"[a-z\[\]{}*?!.\\]{1,8}") {
            let globs = Globs::new([literal(&path)]).unwrap();
            prop_assert!(globs.matches(&path));
            prop_assert_eq!(globs.matches(&other), path == other);
        }

        #[test]
        fn expressions_and_recipes_agree(glob in r"[ab?]{0,2}\*?[ab?]{1,2}(/[ab]\*?){0,2}", path in r"[ab]{1,3}(/[ab]{1,2}){0,2}") {
            let expression = Regex::new(&format!(r"\A{}\z", as_regex(&glob))).unwrap();
            prop_assert_eq!(expression.is_match(&path), Globs::new([as_recipe(&glob)]).unwrap().matches(&path));
        }

        #[test]
        fn no_glob_is_too_strange(glob in r"[\PC]{0,12}") {
            let _ = Regex::new(&as_regex(&glob));
            let _ = (split(&glob), as_recipe(&glob));
        }
    }
}
