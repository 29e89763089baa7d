//! The links of an HTML page: a small scanner, not a parser. Pure.
//!
//! It knows as much of HTML as listings hold: tags with attributes, comments, scripts and styles, character references. It reads any text from
//! its beginning to its end once.

/// How far before a link what marks it as a folder may stand, in bytes.
const ROW: usize = 4096;

/// An `<a href=…>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Anchor<'a> {
    /// What it leads to, character references decoded.
    pub(super) href: String,
    /// The text of its row of the page as far as the end of the link: icons, `[DIR]`.
    pub(super) row: &'a str,
}

/// Finds the links of a page, in its order.
pub(super) fn anchors(page: &str) -> Vec<Anchor<'_>> {
    let mut found = Vec::new();
    let (mut at, mut row) = (0, 0);
    while let Some(start) = find(page, at, "<") {
        if page[start..].starts_with("<!--") {
            let Some(end) = find(page, start + 4, "-->") else { break };
            at = end + 3;
            continue;
        }
        let Some((name, attributes, end)) = tag(page, start) else {
            at = start + 1;
            continue;
        };
        at = end;
        match name.as_str() {
            // What is in there is no markup.
            "script" | "style" => {
                let Some(end) = closing(page, end, &name) else { break };
                at = end;
            }
            "tr" | "li" => row = start,
            "a" => {
                let close = end_of_link(page, end);
                let from = floor(page, row.max(start.saturating_sub(ROW)));
                if let Some(href) = href(attributes) {
                    found.push(Anchor { href, row: &page[from..close] });
                }
                row = close;
            }
            _ => {}
        }
    }
    found
}

/// Where the text of a link that starts here ends: at its closing tag, or where the next link begins.
fn end_of_link(page: &str, start: usize) -> usize {
    let mut at = start;
    while let Some(found) = find(page, at, "<") {
        let rest = page.as_bytes().get(found + 1..).unwrap_or_default();
        let rest = rest.strip_prefix(b"/").unwrap_or(rest);
        if let [b'a' | b'A', after, ..] = rest
            && !after.is_ascii_alphanumeric()
        {
            return found;
        }
        at = found + 1;
    }
    page.len()
}

/// The name of the tag that begins at `start` in lower case, its attributes, and where it ends; `None` if it is no opening tag.
fn tag(page: &str, start: usize) -> Option<(String, &str, usize)> {
    let rest = page.get(start + 1..)?;
    let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    if length == 0 {
        return None;
    }
    let name = rest[..length].to_ascii_lowercase();
    let mut quote = None;
    for (at, byte) in rest.bytes().enumerate().skip(length) {
        match (quote, byte) {
            (None, b'>') => return Some((name, &rest[length..at], start + 1 + at + 1)),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    // Not closed: the page was cut short.
    Some((name, "", page.len()))
}

/// The value of `href` among the attributes of a tag.
fn href(mut attributes: &str) -> Option<String> {
    loop {
        attributes = attributes.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if attributes.is_empty() {
            return None;
        }
        let length = attributes.find(|c: char| c.is_ascii_whitespace() || c == '=').unwrap_or(attributes.len());
        let (name, rest) = attributes.split_at(length);
        let rest = rest.trim_start();
        let Some(rest) = rest.strip_prefix('=') else {
            attributes = rest;
            continue;
        };
        let rest = rest.trim_start();
        let (value, rest) = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => rest[1..].split_once(quote).unwrap_or((&rest[1..], "")),
            _ => rest.split_at(rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len())),
        };
        if name.eq_ignore_ascii_case("href") {
            return Some(decoded(value.trim()));
        }
        attributes = rest;
    }
}

/// A text with its character references replaced; what is none stays.
pub(super) fn decoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        // The longest reference is short: `&#x10ffff;`.
        let end = after.bytes().take(12).position(|byte| byte == b';');
        match end.and_then(|end| Some((character(&after[..end])?, end))) {
            Some((character, end)) => {
                out.push(character);
                rest = &after[end + 1..];
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out + rest
}

fn character(name: &str) -> Option<char> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let digits = name.strip_prefix('#')?;
            match digits.strip_prefix(['x', 'X']) {
                Some(digits) => number(digits, 16),
                None => number(digits, 10),
            }
        }
    }
}

fn find(page: &str, from: usize, what: &str) -> Option<usize> {
    Some(from + page.get(from..)?.find(what)?)
}

/// Where the text after the tag that closes a script or style begins.
fn closing(page: &str, from: usize, name: &str) -> Option<usize> {
    let end = find_ignoring_case(page.get(from..)?, &format!("</{name}"))?;
    Some(from + end)
}

/// Where an ASCII text stands, whatever the case of its letters.
pub(super) fn find_ignoring_case(page: &str, what: &str) -> Option<usize> {
    page.as_bytes().windows(what.len()).position(|window| window.eq_ignore_ascii_case(what.as_bytes()))
}

/// The nearest place at or before this one that is between characters.
fn floor(page: &str, mut at: usize) -> usize {
    while !page.is_char_boundary(at) {
        at -= 1;
    }
    at
}
