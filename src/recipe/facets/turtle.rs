//! Turtle, as far as vocabularies go: prefixes, statements with `;` and `,`, literals of all forms; blank nodes and collections are read
//! over.

use std::collections::HashMap;

use super::skos::Statement;

const TYPE: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type";

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Uri(String),
    Name(String),
    Literal(String),
    Mark(char),
}

/// The statements of a Turtle document.
///
/// # Errors
/// In words: the line, and what stands there.
pub(super) fn turtle(text: &str) -> Result<Vec<Statement>, String> {
    let mut reader = Reader { tokens: tokens(text)?.into_iter(), prefixes: HashMap::new(), base: String::new() };
    let mut found = Vec::new();
    while let Some(first) = reader.next() {
        match first {
            (line, Token::Name(word)) if is_directive(&word) => reader.directive(&word, line)?,
            (_, Token::Mark('.')) => {}
            (line, Token::Mark('[' | '(')) => {
                reader.skip_nested(line)?;
                reader.statement(None, &mut found)?;
            }
            (line, token) => {
                let subject = reader.full(token, line)?;
                reader.statement(Some(&subject), &mut found)?;
            }
        }
    }
    Ok(found)
}

fn is_directive(word: &str) -> bool {
    ["@prefix", "@base"].contains(&word) || ["prefix", "base"].contains(&word.to_ascii_lowercase().as_str())
}

struct Reader {
    tokens: std::vec::IntoIter<(usize, Token)>,
    prefixes: HashMap<String, String>,
    base: String,
}

impl Reader {
    fn next(&mut self) -> Option<(usize, Token)> {
        self.tokens.next()
    }

    fn directive(&mut self, word: &str, line: usize) -> Result<(), String> {
        let is_prefix = word.to_ascii_lowercase().ends_with("prefix");
        let name = match is_prefix.then(|| self.next()) {
            Some(Some((_, Token::Name(name)))) => name.trim_end_matches(':').to_owned(),
            Some(_) => return Err(wrong(line, "a prefix without a name")),
            None => String::new(),
        };
        let Some((_, Token::Uri(uri))) = self.next() else { return Err(wrong(line, "a prefix without a URI")) };
        if is_prefix {
            self.prefixes.insert(name, uri);
        } else {
            self.base = uri;
        }
        Ok(())
    }

    /// What is said of a subject, up to the full stop.
    fn statement(&mut self, subject: Option<&str>, found: &mut Vec<Statement>) -> Result<(), String> {
        let mut property: Option<String> = None;
        while let Some((line, token)) = self.next() {
            match (token, &property) {
                (Token::Mark('.'), _) => return Ok(()),
                (Token::Mark(';'), _) => property = None,
                (Token::Mark(','), _) => {}
                (Token::Mark('[' | '('), _) => self.skip_nested(line)?,
                (Token::Mark(mark), _) => return Err(wrong(line, &format!("{mark:?}"))),
                (Token::Name(word), None) if word == "a" => property = Some(TYPE.into()),
                (token, None) => property = Some(self.full(token, line)?),
                (token, Some(property)) => {
                    let is_literal = matches!(token, Token::Literal(_));
                    let property = property.clone();
                    let value = self.full(token, line)?;
                    if let Some(subject) = subject.map(str::to_owned) {
                        found.push(Statement { subject, property, value, is_literal });
                    }
                }
            }
        }
        Err("is not Turtle: it ends within a statement".into())
    }

    /// Goes on after the bracket that closes the one before.
    fn skip_nested(&mut self, line: usize) -> Result<(), String> {
        let mut depth = 1_usize;
        for (_, token) in self.tokens.by_ref() {
            match token {
                Token::Mark('[' | '(') => depth += 1,
                Token::Mark(']' | ')') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Ok(());
            }
        }
        Err(wrong(line, "a bracket that is not closed"))
    }

    fn full(&self, token: Token, line: usize) -> Result<String, String> {
        match token {
            Token::Literal(text) => Ok(text),
            Token::Uri(uri) if uri.contains(':') => Ok(uri),
            Token::Uri(uri) => Ok(format!("{}{uri}", self.base)),
            Token::Name(name) => match name.split_once(':') {
                Some(("_", _)) => Ok(name),
                Some((prefix, local)) => match self.prefixes.get(prefix) {
                    Some(full) => Ok(format!("{full}{}", local.replace('\\', ""))),
                    None => Err(wrong(line, &format!("the prefix {prefix:?}, which is not declared"))),
                },
                // A number or a truth value.
                None => Ok(name),
            },
            Token::Mark(mark) => Err(wrong(line, &format!("{mark:?}"))),
        }
    }
}

fn wrong(line: usize, found: &str) -> String {
    format!("is not Turtle: line {line} holds {found}")
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, String> {
    let mut found = Vec::new();
    let (mut rest, mut line) = (text.trim_start_matches('\u{feff}'), 1);
    while let Some(character) = rest.chars().next() {
        let (token, length) = match character {
            '\n' => {
                line += 1;
                (None, 1)
            }
            character if character.is_whitespace() => (None, character.len_utf8()),
            '#' => (None, rest.find('\n').unwrap_or(rest.len())),
            '<' => {
                let end = rest.find('>').ok_or_else(|| wrong(line, "a URI that is not closed"))?;
                (Some(Token::Uri(rest[1..end].to_owned())), end + 1)
            }
            '"' | '\'' => {
                let (value, length) =
                    literal(rest, character).ok_or_else(|| wrong(line, "a text that is not closed"))?;
                (Some(Token::Literal(value)), length)
            }
            // A language, or the type of a literal, which says nothing that is asked for.
            '@' if matches!(found.last(), Some((_, Token::Literal(_)))) => (None, 1 + word(&rest[1..])),
            '^' => {
                let after = rest.trim_start_matches('^');
                let skipped = rest.len() - after.len();
                let length = if after.starts_with('<') {
                    after.find('>').map_or(after.len(), |end| end + 1)
                } else {
                    word(after)
                };
                (None, skipped + length)
            }
            '.' | ';' | ',' | '[' | ']' | '(' | ')' => (Some(Token::Mark(character)), 1),
            _ => {
                let length = word(rest).max(character.len_utf8());
                (Some(Token::Name(rest[..length].to_owned())), length)
            }
        };
        let (taken, after) = rest.split_at(length);
        if character != '\n' {
            line += taken.matches('\n').count();
        }
        found.extend(token.map(|token| (line, token)));
        rest = after;
    }
    Ok(found)
}

/// How long a name is: a full stop at its end is none of it.
fn word(text: &str) -> usize {
    let mut escaped = false;
    let ends = |character: char| {
        let ends = !escaped
            && (character.is_whitespace()
                || matches!(character, ';' | ',' | '[' | ']' | '(' | ')' | '<' | '"' | '\'' | '#' | '^'));
        escaped = !escaped && character == '\\';
        ends
    };
    let length = text.find(ends).unwrap_or(text.len());
    text[..length].trim_end_matches('.').len()
}

/// A literal and how long it is with its quotes.
fn literal(text: &str, quote: char) -> Option<(String, usize)> {
    let long: String = [quote; 3].iter().collect();
    let end = if text.starts_with(&long) { long } else { quote.to_string() };
    let (mut value, mut at) = (String::new(), end.len());
    loop {
        let rest = text.get(at..)?;
        if rest.starts_with(&end) {
            return Some((value, at + end.len()));
        }
        let character = rest.chars().next()?;
        at += character.len_utf8();
        if character != '\\' {
            value.push(character);
            continue;
        }
        let escape = rest[1..].chars().next()?;
        at += escape.len_utf8();
        let digits = match escape {
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        value.push(match escape {
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'u' | 'U' => {
                let code = u32::from_str_radix(text.get(at..at + digits)?, 16).ok()?;
                at += digits;
                char::from_u32(code)?
            }
            other => other,
        });
    }
}
