//! What a server says is in a folder: the children that a listing links to. Pure.
//!
//! Listings of nginx (HTML and JSON), Apache (plain, fancy, table), Caddy, lighttpd, Python and such as dap.ceda.ac.uk's are read by one rule:
//! a link counts that leads to a direct child of the folder, on the same server. Links to parents, to other orders of the list and to other
//! places are none, so that walking a server ends. Queries and fragments of a link are left out: `?download=1` is no part of a file's name.

mod anchors;

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;
use url::Url;

use anchors::{Anchor, anchors, find_ignoring_case};

/// What is encoded in a name that stands in a JSON listing.
const NAME: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'/').add(b'<').add(b'>').add(b'?').add(b'\\').add(b'`');

/// What marks a link without a slash at its end as one to a folder, in lower case.
const FOLDER_MARKS: [&str; 7] =
    ["[dir]", "fa-folder", "folder.png", "folder.gif", "folder.svg", "icon-folder", "bi-folder"];

/// What only listings say, in lower case.
const LISTING_MARKS: [&str; 4] = ["index of", "directory listing", "parent directory", "href=\"../\""];

/// A child of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its name, percent-decoded.
    pub(super) name: String,
    /// Whether it is a folder.
    pub(super) is_folder: bool,
    /// Where it is; that of a folder ends with `/`.
    pub(super) url: Url,
}

/// What a listing holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// The children, sorted by name, each once.
    pub(super) entries: Vec<Entry>,
    /// Children whose names are not UTF-8.
    pub(super) unnamed: Vec<Url>,
}

/// The children that a page lists, JSON or HTML; `None` if it is no listing. `folder` is the page's own URL and ends with `/`.
pub(super) fn listing(page: &[u8], folder: &Url) -> Option<Listing> {
    let text = String::from_utf8_lossy(page);
    if text.trim_start().starts_with('[')
        && let Ok(entries) = serde_json::from_str::<Vec<JsonEntry>>(&text)
    {
        return Some(from_json(entries, folder));
    }
    links(&text, folder)
}

/// Names, URLs and whether it is a folder, of all children: what fuzzing holds against the rule.
#[cfg(fuzzing)]
#[doc(hidden)]
pub fn children(page: &[u8], folder: &Url) -> Vec<(String, Url, bool)> {
    let entries = listing(page, folder).unwrap_or_default().entries;
    entries.into_iter().map(|entry| (entry.name, entry.url, entry.is_folder)).collect()
}

/// The children that an HTML page links to; `None` if it is no listing.
pub(super) fn links(page: &str, folder: &Url) -> Option<Listing> {
    let mut children = Children::default();
    for Anchor { href, row } in anchors(page) {
        if let Some((segment, slash)) = child(&href, folder) {
            children.add(folder, &segment, slash || has_any(row, &FOLDER_MARKS));
        }
    }
    let listing = children.listing();
    // A page that shows nothing of a folder may be a login, or a page that stands in the place of the listing.
    let shows_something = !listing.entries.is_empty() && find_ignoring_case(page, "type=\"password\"").is_none();
    (shows_something || has_any(page, &LISTING_MARKS)).then_some(listing)
}

fn has_any(text: &str, marks: &[&str]) -> bool {
    marks.iter().any(|mark| find_ignoring_case(text, mark).is_some())
}

/// The last piece of the path that a link leads to, as it is encoded, if that is a direct child of the folder; and whether a slash follows.
fn child(href: &str, folder: &Url) -> Option<(String, bool)> {
    let url = folder.join(href).ok()?;
    let same_server = url.scheme() == folder.scheme()
        && url.host_str() == folder.host_str()
        && url.port_or_known_default() == folder.port_or_known_default();
    if !same_server {
        return None;
    }
    let mut above = folder.path().split('/');
    // What is after the last slash of the folder's own path.
    above.next_back();
    let mut pieces = url.path().split('/');
    for piece in above {
        if !same_decoded(piece, pieces.next()?) {
            return None;
        }
    }
    let segment = pieces.next().filter(|segment| !segment.is_empty())?;
    let slash = match (pieces.next(), pieces.next()) {
        (None, _) => false,
        (Some(""), None) => true,
        _ => return None,
    };
    Some((segment.to_owned(), slash))
}

/// The same piece of a path, with what needs no encoding not encoded (RFC 3986, 6.2.2.2): servers differ in that, and change.
fn normal(segment: &str) -> String {
    let mut out = String::with_capacity(segment.len());
    let mut rest = segment;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let digits = after.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => out.push(char::from(byte)),
            Some(byte) => out.push_str(&format!("%{byte:02X}")),
            None => out.push('%'),
        }
        rest = if code.is_some() { &after[2..] } else { after };
    }
    out + rest
}

fn same_decoded(a: &str, b: &str) -> bool {
    a == b || percent_decode_str(a).eq(percent_decode_str(b))
}

#[derive(Default)]
struct Children {
    named: BTreeMap<String, Entry>,
    unnamed: BTreeSet<Url>,
}

impl Children {
    fn add(&mut self, folder: &Url, segment: &str, is_folder: bool) {
        let mut url = folder.clone();
        url.set_path(&format!("{}{}{}", folder.path(), normal(segment), if is_folder { "/" } else { "" }));
        url.set_query(None);
        url.set_fragment(None);
        match percent_decode_str(segment).decode_utf8() {
            // A name with a slash in it would be taken for two.
            Ok(name) if name.contains(['/', '\0']) || matches!(&*name, "." | "..") => {}
            Ok(name) => {
                let entry = Entry { name: name.clone().into_owned(), is_folder, url };
                let known = self.named.entry(name.into_owned()).or_insert_with(|| entry.clone());
                if entry.is_folder && !known.is_folder {
                    *known = entry;
                }
            }
            Err(_) => {
                self.unnamed.insert(url);
            }
        }
    }

    fn listing(self) -> Listing {
        Listing { entries: self.named.into_values().collect(), unnamed: self.unnamed.into_iter().collect() }
    }
}

/// An entry as nginx (`name`, `type`) or Caddy (`name`, `is_dir`) writes it.
#[derive(Deserialize)]
struct JsonEntry {
    name: String,
    #[serde(default)]
    r#type: Option<String>,
    #[serde(default)]
    is_dir: bool,
}

fn from_json(entries: Vec<JsonEntry>, folder: &Url) -> Listing {
    let mut children = Children::default();
    for entry in entries {
        let is_folder = entry.is_dir || entry.r#type.as_deref() == Some("directory");
        let name = entry.name.strip_suffix('/').unwrap_or(&entry.name);
        // A name that is none is refused as such by `add`.
        if !name.is_empty() && !matches!(name, "." | "..") {
            children.add(folder, &utf8_percent_encode(name, NAME).to_string(), is_folder);
        }
    }
    children.listing()
}

#[cfg(test)]
mod tests;
