//! URLs in a recipe: which are allowed, and no secrets in any.

use std::path::Path;

use regex::Regex;
use url::Url;

use super::mistake::{Mistake, one_of};
use super::surroundings::Surroundings;
use super::yaml::{Content, Node};
use crate::model::source::REMOTE_SCHEMES;

const CREDENTIALS: &str = "holds a user or password in a URL; secrets do not belong in a recipe";

/// A mistake for each text with `scheme://user:password@`, wherever it stands. The text itself is not repeated.
pub(super) fn find_credentials(tree: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    if let Ok(expression) = Regex::new(r"[A-Za-z][A-Za-z0-9+.\-]*:[/\\]{1,3}[^/\\\s?#@]*@") {
        search(tree, "", &expression, &mut mistakes);
    }
    mistakes
}

fn search(node: &Node, key: &str, expression: &Regex, mistakes: &mut Vec<Mistake>) {
    match &node.content {
        Content::Text(text) if expression.is_match(text) => {
            mistakes.push(Mistake::new(node.place, key, format!("{key} {CREDENTIALS}").trim_start()));
        }
        Content::List(nodes) => {
            for (index, node) in nodes.iter().enumerate() {
                search(node, &format!("{key}[{index}]"), expression, mistakes);
            }
        }
        Content::Map(entries) => {
            for entry in entries {
                if expression.is_match(&entry.key) {
                    let message = format!("a key of {} {CREDENTIALS}", if key.is_empty() { "the recipe" } else { key });
                    mistakes.push(Mistake::new(entry.place, key, message));
                } else {
                    let path = if key.is_empty() { entry.key.clone() } else { format!("{key}.{}", entry.key) };
                    search(&entry.value, &path, expression, mistakes);
                }
            }
        }
        _ => {}
    }
}

/// The scheme of a text that is a URL, not a path.
pub(super) fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once("://")?;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    (scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(legal)).then_some(scheme)
}

/// A URL with one of the schemes, a host, and nothing after its path.
///
/// # Errors
/// What is wrong with it, in words that follow the key.
pub(super) fn remote(text: &str, schemes: &[&str]) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
    if !schemes.contains(&url.scheme()) {
        return Err(format!("is not a URL that begins with {}", one_of(schemes)));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(CREDENTIALS.to_owned());
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("names no host".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a query or fragment: only what ends with a path can be continued".to_owned());
    }
    Ok(url)
}

/// The absolute URL of a folder: a path below the recipe's folder, or a URL.
///
/// # Errors
/// What is wrong with it, in words that follow the key.
pub(super) fn beginning(text: &str, folder: &Path, surroundings: &dyn Surroundings) -> Result<Url, String> {
    let path = match scheme(text) {
        Some("file") => file_path(text)?,
        Some(_) => return remote(text, &["file", "https", "http", "s3", "gs", "az"]),
        None => folder.join(text),
    };
    Url::from_file_path(surroundings.as_far_as_exists(&path)).map_err(|()| "is not a path".to_owned())
}

/// A URL that sources can be read from.
///
/// # Errors
/// What is wrong with it, in words that follow the key.
pub(super) fn source(text: &str) -> Result<Url, String> {
    match scheme(text) {
        Some(scheme) if !REMOTE_SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()) => {
            let known = one_of(&REMOTE_SCHEMES.map(|scheme| format!("{scheme}://")).each_ref().map(String::as_str));
            Err(format!("with {scheme}:// cannot be read; expected a path, or a URL that begins with {known}"))
        }
        _ => remote(text, &REMOTE_SCHEMES),
    }
}

/// The schemes of stores that can be written to.
const STORES: [&str; 3] = ["s3", "gs", "az"];

/// The URL of a prefix that can be written to; it ends with `/`.
///
/// # Errors
/// What is wrong with it, in words that follow the key.
pub(super) fn output(text: &str) -> Result<Url, String> {
    if let Some(scheme) = scheme(text).filter(|scheme| !STORES.contains(&scheme.to_ascii_lowercase().as_str())) {
        let known = one_of(&STORES.map(|scheme| format!("{scheme}://")).each_ref().map(String::as_str));
        return Err(format!(
            "with {scheme}:// cannot be written to; expected a path, or a URL that begins with {known}"
        ));
    }
    let mut url = remote(text, &STORES)?;
    if url.port().is_some() {
        return Err(
            "holds a port; the endpoint of a store is taken from the environment, such as AWS_ENDPOINT_URL".into()
        );
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    if url.path().contains("//") {
        return Err("holds an empty piece".into());
    }
    Ok(url)
}

/// The path of a `file:` URL.
///
/// # Errors
/// What is wrong with it, in words that follow the key.
pub(super) fn file_path(text: &str) -> Result<std::path::PathBuf, String> {
    let path = Url::parse(text).ok().and_then(|url| url.to_file_path().ok());
    path.ok_or_else(|| "is not the URL of a local file".to_owned())
}
