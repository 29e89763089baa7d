//! The pattern that turns a path into facets.

use regex::Regex;

use super::source::Facets;

/// Why a text is not an item pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A brace has no partner.
    #[error("the {brace} at character {position} has no partner")]
    Brace {
        /// The brace.
        brace: char,
        /// Its place, counted from 1.
        position: usize,
    },
    /// A facet's name is not a name.
    #[error("{{{name}}} does not name a facet: expected letters, digits and _, not a digit first")]
    Name {
        /// What stands between the braces.
        name: String,
    },
    /// Two facets have one name.
    #[error("the facet {name} stands there twice")]
    Repeated {
        /// The name.
        name: String,
    },
    /// A regular expression is not one.
    #[error("it is not a regular expression: {reason}")]
    Regex {
        /// What the parser of regular expressions says, in one line.
        reason: String,
    },
    /// Nothing is captured.
    #[error("it captures no facet")]
    NoFacet,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(char),
    Facet { name: String, crosses_slash: bool },
}

impl Piece {
    fn to_regex(&self, shortest: bool) -> String {
        match self {
            Self::Literal(character) => regex::escape(character.encode_utf8(&mut [0; 4])),
            Self::Facet { name, crosses_slash } => {
                let characters = if *crosses_slash { r"[\s\S]" } else { "[^/]" };
                format!("(?P<{name}>{characters}+{})", if shortest { "?" } else { "" })
            }
        }
    }

    fn to_text(&self) -> String {
        match self {
            Self::Literal(character) => character.to_string(),
            Self::Facet { name, crosses_slash: false } => format!("{{{name}}}"),
            Self::Facet { name, crosses_slash: true } => format!("{{{name}:**}}"),
        }
    }
}

/// How far a path agrees with a pattern that it does not match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialMatch {
    /// The longest beginning of the pattern that the path begins with.
    pub pattern: String,
    /// The part of the path after that.
    pub rest: String,
}

/// A compiled item pattern: it must match the whole path below a root.
///
/// ```
/// use altostac::model::ItemPattern;
/// let pattern = ItemPattern::parse("{model}/{rest:**}.nc")?;
/// let facets = pattern.facets("MIROC6/Amon/tas.nc").unwrap();
/// assert_eq!((facets["model"].as_str(), facets["rest"].as_str()), ("MIROC6", "Amon/tas"));
/// assert_eq!(pattern.facets("MIROC6/tas.txt"), None);
/// # Ok::<(), altostac::model::pattern::PatternError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ItemPattern {
    text: String,
    /// Empty for a pattern that was given as a regular expression.
    pieces: Vec<Piece>,
    expression: Regex,
}

impl ItemPattern {
    /// Compiles a pattern: `{name}` is the shortest `[^/]+`, `{name:**}` also crosses `/`, all else is literal.
    ///
    /// # Errors
    /// [`PatternError`] for braces without a partner, names that are none or stand there twice, and a pattern without a facet.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let pieces = parse_pieces(text)?;
        let body: String = pieces.iter().map(|piece| piece.to_regex(true)).collect();
        Self::compile(text, pieces, &body)
    }

    /// Compiles a regular expression with named groups; it is anchored at both ends.
    ///
    /// # Errors
    /// [`PatternError`] if it is not a regular expression, or no group has a name.
    pub fn from_regex(text: &str) -> Result<Self, PatternError> {
        // Alone first: within the anchors an unbalanced `)` could find a partner.
        Regex::new(text).map_err(|error| PatternError::Regex { reason: one_line(&error) })?;
        let pattern = Self::compile(text, Vec::new(), text)?;
        if let Some(name) = pattern.facet_names().find(|name| !is_name(name)) {
            return Err(PatternError::Name { name: name.to_owned() });
        }
        Ok(pattern)
    }

    fn compile(text: &str, pieces: Vec<Piece>, body: &str) -> Result<Self, PatternError> {
        let expression = Regex::new(&format!(r"\A(?:{body})\z"))
            .map_err(|error| PatternError::Regex { reason: one_line(&error) })?;
        if expression.capture_names().flatten().next().is_none() {
            return Err(PatternError::NoFacet);
        }
        Ok(Self { text: text.to_owned(), pieces, expression })
    }

    /// The expression that it is, anchored at both ends.
    pub fn expression(&self) -> &Regex {
        &self.expression
    }

    /// The pattern or regular expression as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names of the facets, in the order of the pattern.
    pub fn facet_names(&self) -> impl Iterator<Item = &str> {
        self.expression.capture_names().flatten()
    }

    /// The facets of a path; `None` if it does not match as a whole.
    pub fn facets(&self, path: &str) -> Option<Facets> {
        let found = self.expression.captures(path)?;
        Some(
            self.facet_names()
                .filter_map(|name| Some((name.to_owned(), found.name(name)?.as_str().to_owned())))
                .collect(),
        )
    }

    /// How far a path that does not match agrees; `None` for a regular expression.
    ///
    /// Slow: it is meant for a few examples in messages.
    pub fn longest_match(&self, path: &str) -> Option<PartialMatch> {
        (1..=self.pieces.len()).rev().find_map(|count| {
            let (last, before) = self.pieces[..count].split_last()?;
            let body: String = before.iter().map(|piece| piece.to_regex(true)).collect();
            let found = Regex::new(&format!(r"\A{body}{}", last.to_regex(false))).ok()?.find(path)?;
            let pattern = self.pieces[..count].iter().map(Piece::to_text).collect();
            Some(PartialMatch { pattern, rest: path[found.end()..].to_owned() })
        })
    }
}

fn parse_pieces(text: &str) -> Result<Vec<Piece>, PatternError> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut characters = text.chars().enumerate();
    while let Some((index, character)) = characters.next() {
        let stray = |brace| PatternError::Brace { brace, position: index + 1 };
        let piece = match character {
            '}' => return Err(stray('}')),
            '{' => {
                let mut inner = String::new();
                loop {
                    match characters.next() {
                        Some((_, '}')) => break,
                        Some((_, '{')) | None => return Err(stray('{')),
                        Some((_, other)) => inner.push(other),
                    }
                }
                facet(&inner)?
            }
            literal => Piece::Literal(literal),
        };
        if let Piece::Facet { name, .. } = &piece
            && pieces.iter().any(|known| matches!(known, Piece::Facet { name: other, .. } if other == name))
        {
            return Err(PatternError::Repeated { name: name.clone() });
        }
        pieces.push(piece);
    }
    Ok(pieces)
}

fn facet(inner: &str) -> Result<Piece, PatternError> {
    let (name, crosses_slash) = match inner.strip_suffix(":**") {
        Some(name) => (name, true),
        None => (inner, false),
    };
    if !is_name(name) {
        return Err(PatternError::Name { name: inner.to_owned() });
    }
    Ok(Piece::Facet { name: name.to_owned(), crosses_slash })
}

/// What a template can use as a variable.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The last line says what is wrong; those before draw the expression and an arrow.
pub(crate) fn one_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn facets(pattern: &str, path: &str) -> Option<Vec<(String, String)>> {
        ItemPattern::parse(pattern).unwrap().facets(path).map(|facets| facets.into_iter().collect())
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.into(), value.into())
    }

    #[test]
    fn facets_are_the_shortest_and_the_whole_path_matches() {
        assert_eq!(facets("{a}_{b}.nc", "x_y_z.nc"), Some(vec![pair("a", "x"), pair("b", "y_z")]));
        assert_eq!(facets("{a}.nc", "x/y.nc"), None);
        assert_eq!(facets("{a:**}.nc", "x/y.nc"), Some(vec![pair("a", "x/y")]));
        assert_eq!(facets("{a}.nc", "x.nc4"), None);
        assert_eq!(facets("{a}.nc", ".nc"), None);
        assert_eq!(facets("a.c/{b}", "axc/y"), None, "a dot is a dot");
        assert_eq!(facets("{a}(1)*/{b}", "x(1)*/y"), Some(vec![pair("a", "x"), pair("b", "y")]));
        assert_eq!(facets("{a}.nc", "x\n.nc"), Some(vec![pair("a", "x\n")]));
    }

    #[test]
    fn mistakes_are_named() {
        let error = |text: &str| ItemPattern::parse(text).unwrap_err().to_string();
        assert_eq!(error("a/{b"), "the { at character 3 has no partner");
        assert_eq!(error("a}/{b}"), "the } at character 2 has no partner");
        assert_eq!(error("{a}/{a}"), "the facet a stands there twice");
        assert_eq!(error("{a-b}"), "{a-b} does not name a facet: expected letters, digits and _, not a digit first");
        assert_eq!(error("a.nc"), "it captures no facet");
        let error = |text: &str| ItemPattern::from_regex(text).unwrap_err().to_string();
        assert_eq!(error("(?P<a>x"), "it is not a regular expression: unclosed group");
        assert_eq!(error("(?P<a>x)|y)(?:z"), "it is not a regular expression: unopened group");
        assert_eq!(error("(?P<a>x)(?P<a>y)"), "it is not a regular expression: duplicate capture group name");
        assert_eq!(error("(x)"), "it captures no facet");
        assert!(ItemPattern::from_regex("(?P<a>x)|(?P<b>y)").unwrap().facets("xz").is_none(), "anchored as a whole");
    }

    #[test]
    fn a_path_that_does_not_match_says_how_far_it_agrees() {
        let partial = |pattern: &str, path: &str| {
            let found = ItemPattern::parse(pattern).unwrap().longest_match(path);
            found.map(|found| (found.pattern, found.rest))
        };
        assert_eq!(
            partial("CMIP6/{model}/v{version}/{file}.nc", "CMIP6/MIROC6/latest/a.nc"),
            Some(pair("CMIP6/{model}/", "latest/a.nc"))
        );
        assert_eq!(partial("{model}/{file}.nc", "a/b/c.nc"), Some(pair("{model}/{file}", "/c.nc")));
        assert_eq!(partial("CMIP6/{model}", "cmip6/x"), None);
    }

    proptest! {
        /// A path that is made of facets gives them back.
        #[test]
        fn facets_come_back(
            values in prop::collection::vec("[^/{}_]{1,8}", 1..6),
            separators in prop::collection::vec("[/_]", 6),
            literal in "[^{}]{0,5}",
        ) {
            let (mut pattern, mut path) = (literal.clone(), literal);
            for (index, value) in values.iter().enumerate() {
                pattern.push_str(&format!("{{f{index}}}{}", separators[index]));
                path.push_str(&format!("{value}{}", separators[index]));
            }
            let found = ItemPattern::parse(&pattern).unwrap().facets(&path).unwrap();
            for (index, value) in values.iter().enumerate() {
                prop_assert_eq!(&found[&format!("f{index}")], value);
            }
        }

        #[test]
        fn nothing_panics(pattern in r"[\{\}a-c:\*/\.\(\)\?\[]{0,20}", path in "[a-c/.]{0,12}") {
            for compiled in [ItemPattern::parse(&pattern), ItemPattern::from_regex(&pattern)].into_iter().flatten() {
                let _ = compiled.facets(&path);
                let _ = compiled.longest_match(&path);
            }
        }
    }
}
