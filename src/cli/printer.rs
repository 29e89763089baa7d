//! What is said: one JSON document or text on standard output, errors and hints on standard error.

use std::error::Error;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::model::ItemError;

/// Prints for people or for machines.
pub(super) struct Printer {
    json: bool,
}

impl Printer {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether an answer on standard output may be coloured: on a terminal only, and not where people asked for none (no-color.org).
    pub(super) fn has_colours(&self) -> bool {
        let is_asked_not_to = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        !self.json && !is_asked_not_to && io::stdout().is_terminal()
    }

    /// Prints an answer: the document for machines, the lines for people.
    pub(super) fn answer<T: Serialize>(&self, document: &T, lines: impl FnOnce() -> Vec<String>) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            serde_json::to_writer_pretty(&mut out, document).map_err(io::Error::from)?;
            writeln!(out)?;
        } else {
            for line in lines() {
                writeln!(out, "{line}")?;
            }
        }
        out.flush()
    }

    /// Prints a line after an answer: for people alone, for whoever reads JSON wants nothing else. If nobody takes it, nobody misses it.
    pub(super) fn line(&self, line: &str) {
        if !self.json {
            let _ = writeln!(io::stdout().lock(), "{}", printable(line));
        }
    }

    /// Prints an error with all its causes, and advice.
    pub(super) fn failure(&self, error: &dyn Error, remedy: Option<&str>) {
        self.say(&format!("error: {}", explained(error, remedy)));
    }

    /// Prints an item's error.
    pub(super) fn item_failure(&self, id: &str, error: &ItemError) {
        self.say(&format!("error: {id}: {} ({})", error.message, error.kind));
        for file in error.files.iter().take(10).filter(|file| !error.message.contains(file.as_str())) {
            self.say(&format!("  in {file}"));
        }
    }

    /// Prints what a scan could not match or look at.
    pub(super) fn scan(&self, unmatched: &[String], problems: &[String]) {
        for line in at_most(unmatched, 10) {
            self.warning(&format!("matches no pattern: {line}"));
        }
        for problem in problems {
            self.say(&format!("error: {problem}"));
        }
    }

    /// Prints values that no vocabulary has.
    pub(super) fn warnings(&self, warnings: &[String]) {
        for line in at_most(warnings, 20) {
            self.warning(&line);
        }
    }

    /// Prints what is not as it might be.
    pub(super) fn warning(&self, text: &str) {
        self.say(&format!("warning: {text}"));
    }

    /// Prints advice: on a terminal only.
    pub(super) fn hint(&self, text: &str) {
        if io::stderr().is_terminal() {
            self.say(text);
        }
    }

    /// Prints a line on standard error; if that is gone nobody can be told.
    pub(super) fn say(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{}", printable(text));
    }
}

/// An error with all its causes, and advice: each in a line of its own.
pub(super) fn explained(error: &dyn Error, remedy: Option<&str>) -> String {
    let mut shown = error.to_string();
    let mut text = shown.clone();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !shown.ends_with(&said) {
            text.push_str(&format!("\n  because: {said}"));
        }
        shown = said;
        cause = error.source();
    }
    if let Some(remedy) = remedy {
        text.push_str(&format!("\n  remedy: {remedy}"));
    }
    text
}

/// Names and texts come from files: control characters must not reach the terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// The first so many lines, and how many there are more.
fn at_most(lines: &[String], limit: usize) -> Vec<String> {
    let mut shown: Vec<String> = lines.iter().take(limit).cloned().collect();
    if lines.len() > limit {
        shown.push(format!("… and {} more", lines.len() - limit));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_get_no_control_characters() {
        assert_eq!(printable("a\u{1b}[31m\nb"), "a\u{fffd}[31m\nb");
    }

    #[test]
    fn long_lists_are_cut() {
        let lines: Vec<String> = (0..5).map(|n: i32| n.to_string()).collect();
        assert_eq!(at_most(&lines, 2), ["0", "1", "… and 3 more"]);
        assert_eq!(at_most(&lines, 5).len(), 5);
    }
}
