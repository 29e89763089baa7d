//! What files say of the collection that they may become.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::layouts::Layout;
use super::{Archive, FileFacts};
use crate::model::CollectionId;

/// How many institutions are named as providers.
const PROVIDERS: usize = 5;
/// How much of a text that somebody wrote into a file is repeated, in characters.
const TEXT: usize = 300;
/// Names of folders that say nothing of what they hold.
const PLAIN: [&str; 8] = ["data", "archive", "output", "files", "netcdf", "nc", "latest", "datasets"];

/// The texts of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its description.
    pub description: String,
    /// An SPDX identifier or `other`.
    pub license: String,
    /// What the files say of their licence, if that is no identifier that is known here, or differs.
    pub license_told: Vec<String>,
    /// Keywords.
    pub keywords: Vec<String>,
    /// Names of institutions, as producers.
    pub providers: Vec<String>,
    /// Institutions beyond these.
    pub more_providers: usize,
    /// Literature and DOIs.
    pub references: Vec<String>,
}

/// What these files, of an archive of this layout, say of their collection.
pub fn about(archive: &Archive, facts: &[FileFacts], layout: Option<&Layout>) -> About {
    let (license, license_told) = license(&distinct(facts, &["license", "licence", "rights", "license_url"]));
    let institutions =
        distinct(facts, &["institution", "creator_institution", "publisher_institution", "institute_id"]);
    let id = layout.map_or_else(|| id(archive), |layout| layout.collection.to_owned());
    let title = match layout {
        Some(layout) => layout.title.to_owned(),
        None => common(facts, "title").unwrap_or_else(|| id.clone()),
    };
    let told = common(facts, "summary").or_else(|| common(facts, "abstract")).or_else(|| common(facts, "description"));
    let described = told.unwrap_or_else(|| format!("{}: {}.", title.trim_end_matches('.'), variables(facts)));
    let keywords = match layout {
        Some(layout) => layout.keywords.iter().map(ToString::to_string).collect(),
        None => keywords(facts),
    };
    About {
        id,
        title,
        description: described,
        license,
        license_told,
        keywords,
        more_providers: institutions.len().saturating_sub(PROVIDERS),
        providers: institutions.into_iter().take(PROVIDERS).collect(),
        references: distinct(facts, &["doi", "references", "citation"]).into_iter().take(3).collect(),
    }
}

/// The values of the first of these attributes that each file has, each once, as short as may be.
fn distinct(facts: &[FileFacts], names: &[&str]) -> Vec<String> {
    let value = |file: &FileFacts| names.iter().find_map(|name| file.attributes.get(*name).map(|text| short(text)));
    let found: BTreeSet<String> = facts.iter().filter_map(value).filter(|text| !text.is_empty()).collect();
    found.into_iter().collect()
}

/// One line, at most so long.
fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(TEXT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// What all files that have this attribute say; `None` if they differ or none has it.
fn common(facts: &[FileFacts], name: &str) -> Option<String> {
    let found = distinct(facts, &[name]);
    if let [text] = found.as_slice() { Some(text.clone()).filter(|text| text.chars().count() > 2) } else { None }
}

fn variables(facts: &[FileFacts]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in facts.iter().flat_map(|file| &file.variables) {
        *counts.entry(name).or_default() += 1;
    }
    let mut names: Vec<(&str, usize)> = counts.into_iter().collect();
    names.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let shown: Vec<&str> = names.iter().take(8).map(|(name, _)| *name).collect();
    match names.len() {
        0 => "data in NetCDF or HDF5".into(),
        count if count > shown.len() => format!("{} and other variables", shown.join(", ")),
        _ => shown.join(", "),
    }
}

/// An id from the names of the folders.
fn id(archive: &Archive) -> String {
    let telling = archive.above.iter().rev().find(|name| !PLAIN.contains(&name.to_lowercase().as_str()));
    let name = telling.map_or("collection", String::as_str);
    let fit: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
    let fit: String = fit.trim_matches(['.', '-', '_']).chars().take(100).collect();
    CollectionId::new(fit.clone()).map_or_else(|_| "collection".into(), |_| fit)
}

fn keywords(facts: &[FileFacts]) -> Vec<String> {
    let texts = distinct(facts, &["keywords"]);
    let mut found: Vec<String> = Vec::new();
    let projects = distinct(facts, &["project", "project_id", "mip_era"]);
    for word in projects.iter().map(String::as_str).chain(texts.iter().flat_map(|text| text.split([',', ';', '>']))) {
        let word = word.trim();
        if !word.is_empty() && word.len() <= 60 && !found.iter().any(|known| known.eq_ignore_ascii_case(word)) {
            found.push(word.to_owned());
        }
    }
    found.truncate(10);
    found
}

/// An SPDX identifier, and what was said if that is not plain.
fn license(texts: &[String]) -> (String, Vec<String>) {
    let known: Vec<Option<&str>> = texts.iter().map(|text| identifier(text)).collect();
    match known.as_slice() {
        [] => ("other".into(), Vec::new()),
        [Some(first), rest @ ..] if rest.iter().all(|other| *other == Some(*first)) => ((*first).into(), Vec::new()),
        _ => ("other".into(), texts.iter().take(3).cloned().collect()),
    }
}

/// The SPDX identifier of a licence as people write it.
fn identifier(text: &str) -> Option<&'static str> {
    const KNOWN: [(&str, &str); 10] = [
        (r"by-nc-sa[/ -]?4\.0|non-?commercial.?share.?alike.?4\.0", "CC-BY-NC-SA-4.0"),
        (r"by-nc-nd[/ -]?4\.0", "CC-BY-NC-ND-4.0"),
        (r"by-nc[/ -]?4\.0|non-?commercial.?4\.0", "CC-BY-NC-4.0"),
        (r"by-sa[/ -]?4\.0|share.?alike.?4\.0", "CC-BY-SA-4.0"),
        (r"by-nd[/ -]?4\.0", "CC-BY-ND-4.0"),
        (r"cc[ -]?by[/ -]?4\.0|licenses/by/4\.0|creative commons attribution.{0,20}4\.0", "CC-BY-4.0"),
        (r"cc[ -]?by[/ -]?3\.0|licenses/by/3\.0", "CC-BY-3.0"),
        (r"cc0|publicdomain/zero", "CC0-1.0"),
        (r"open government licen[cs]e.{0,12}3|\bogl[- ]?(uk[- ]?)?3", "OGL-UK-3.0"),
        (r"\bodbl\b", "ODbL-1.0"),
    ];
    let text = text.to_lowercase();
    KNOWN.iter().find(|(sign, _)| Regex::new(sign).is_ok_and(|sign| sign.is_match(&text))).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_are_known_as_people_write_them() {
        let of = |text: &str| license(&[text.to_owned()]).0;
        let cmip6 = "CMIP6 model data produced by MOHC is licensed under a Creative Commons Attribution-ShareAlike 4.0 \
                     International License (https://creativecommons.org/licenses).";
        assert_eq!(of(cmip6), "CC-BY-SA-4.0");
        assert_eq!(of("Creative Commons Attribution 4.0 International (CC BY 4.0)"), "CC-BY-4.0");
        assert_eq!(of("https://creativecommons.org/licenses/by-nc-sa/4.0/"), "CC-BY-NC-SA-4.0");
        assert_eq!(of("Open Government Licence v3"), "OGL-UK-3.0");
        assert_eq!(license(&["Ask first.".into()]), ("other".into(), vec!["Ask first.".into()]));
        assert_eq!(license(&["CC0".into(), "CC-BY-4.0".into()]).0, "other", "two licences are none");
    }

    #[test]
    fn ids_come_from_the_folder_that_says_something() {
        let archive =
            |above: &[&str]| Archive { above: above.iter().map(ToString::to_string).collect(), ..Archive::default() };
        assert_eq!(id(&archive(&["badc", "my data!", "data"])), "my-data");
        assert_eq!(id(&archive(&["data"])), "collection");
    }
}
