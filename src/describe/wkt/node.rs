//! Well-known text as a tree: keywords, and what stands in their brackets.

use std::collections::VecDeque;

/// Longer texts are no coordinate reference systems.
const LONGEST: usize = 64 << 10;
/// Nor are texts that are nested deeper.
const DEEPEST: usize = 24;

/// `KEYWORD["text", 1.0, INNER[…]]`.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) keyword: String,
    pub(super) texts: Vec<String>,
    pub(super) numbers: Vec<f64>,
    inner: Vec<Node>,
}

impl Node {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let mut open = vec![Self::default()];
        let mut word = String::new();
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '[' | '(' if open.len() > DEEPEST => return None,
                '[' | '(' => {
                    let keyword = std::mem::take(&mut word).trim().to_ascii_uppercase();
                    open.push(Self { keyword, ..Self::default() });
                }
                ']' | ')' => {
                    let mut done = open.pop()?;
                    done.take_word(&mut word);
                    open.last_mut()?.inner.push(done);
                }
                ',' => open.last_mut()?.take_word(&mut word),
                '"' => {
                    let mut quoted = String::new();
                    loop {
                        match letters.next()? {
                            '"' if letters.peek() == Some(&'"') => quoted.extend(letters.next()),
                            '"' => break,
                            letter => quoted.push(letter),
                        }
                    }
                    open.last_mut()?.texts.push(quoted);
                }
                letter => word.push(letter),
            }
        }
        (open.len() == 1).then(|| open.pop()?.inner.pop()).flatten()
    }

    fn take_word(&mut self, word: &mut String) {
        match std::mem::take(word).trim() {
            "" => {}
            word => match word.parse() {
                Ok(number) => self.numbers.push(number),
                Err(_) => self.texts.push(word.to_owned()),
            },
        }
    }

    /// The nearest node with one of these keywords, this one included.
    pub(super) fn find(&self, keywords: &[&str]) -> Option<&Self> {
        let mut open = VecDeque::from([self]);
        while let Some(node) = open.pop_front() {
            if keywords.contains(&node.keyword.as_str()) {
                return Some(node);
            }
            open.extend(&node.inner);
        }
        None
    }

    /// All nodes with one of these keywords.
    pub(super) fn all(&self, keywords: &[&str]) -> Vec<&Self> {
        let (mut open, mut found) = (VecDeque::from([self]), Vec::new());
        while let Some(node) = open.pop_front() {
            found.extend(keywords.contains(&node.keyword.as_str()).then_some(node));
            open.extend(&node.inner);
        }
        found
    }

    pub(super) fn child(&self, keywords: &[&str]) -> Option<&Self> {
        self.inner.iter().find(|node| keywords.contains(&node.keyword.as_str()))
    }

    pub(super) fn name(&self) -> &str {
        self.texts.first().map_or("", String::as_str)
    }

    pub(super) fn number(&self) -> Option<f64> {
        self.numbers.first().copied()
    }
}
