//! A recipe as YAML, with comments for who goes on from there.

use std::fmt::Write as _;

use serde_json::Value;

use super::about::About;
use super::grouping::Grouping;

/// How long a line of a comment gets.
const WIDTH: usize = 110;

/// Something that the recipe cannot know.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Need {
    /// The key of the recipe that it is about.
    pub key: String,
    /// How many of the items that were looked at need it.
    pub items: usize,
    /// Ids of some.
    pub examples: Vec<String>,
    /// What is not as it should be.
    pub found: String,
    /// What can be done.
    pub remedy: String,
}

/// All that a first recipe is written from.
#[derive(Debug, Clone)]
pub struct Suggestion<'a> {
    /// The archive, as the recipe is to name it.
    pub root: &'a str,
    /// The collection's texts.
    pub about: &'a About,
    /// How files become items.
    pub grouping: &'a Grouping,
    /// Globs of the files that are meant.
    pub include: &'a [String],
    /// Paths that are left out, and why.
    pub left_out: &'a [(String, String)],
    /// What has to be decided.
    pub needs: &'a [Need],
    /// What was looked at, in sentences.
    pub looked_at: &'a [String],
}

/// A text of YAML: JSON's texts are YAML's too.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A list of texts in one line.
pub(super) fn listed(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// A comment of as many lines as it takes; control characters would end it.
pub(super) fn comment(out: &mut String, indent: &str, text: &str) {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut line = String::new();
    for word in clean.split_whitespace() {
        if !line.is_empty() && line.chars().count() + word.chars().count() > WIDTH {
            let _ = writeln!(out, "{indent}# {line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        let _ = writeln!(out, "{indent}# {line}");
    }
}

/// The recipe's text.
pub fn write(suggestion: &Suggestion<'_>) -> String {
    let mut out = String::new();
    comment(&mut out, "", "A first recipe, written by `altostac new`. Read it, change what you know better, then");
    out.push_str("#   altostac plan THIS_FILE     says what would be made, and changes nothing\n");
    out.push_str("#   altostac build THIS_FILE    makes it, each product compared with its sources\n");
    out.push_str("#   altostac sync THIS_FILE     makes, keeps current and publishes it: what cron runs\n");
    for sentence in suggestion.looked_at {
        comment(&mut out, "", sentence);
    }
    for need in suggestion.needs {
        comment(
            &mut out,
            "",
            &format!("TODO {}: {}. Remedy: {}", need.key, need.found.trim_end_matches('.'), need.remedy),
        );
    }
    collection(&mut out, suggestion.about);
    sources(&mut out, suggestion);
    item(&mut out, suggestion);
    rest(&mut out, suggestion);
    out
}

fn collection(out: &mut String, about: &About) {
    let _ = writeln!(out, "\ncollection:\n  id: {}", quoted(&about.id));
    let _ = writeln!(out, "  title: {}", quoted(&about.title));
    comment(out, "  ", "What it is, for people; Markdown is allowed.");
    let _ = writeln!(out, "  description: {}", quoted(&about.description));
    match about.license_told.as_slice() {
        [] if about.license == "other" => {
            comment(
                out,
                "  ",
                "The files do not say under which licence they are: an SPDX identifier such as CC-BY-4.0, or other.",
            );
        }
        [] => comment(out, "  ", "As the files say."),
        told => {
            for text in told {
                comment(out, "  ", &format!("A file says of its licence: {text}"));
            }
            comment(out, "  ", "If that is one with an SPDX identifier, name it here.");
        }
    }
    let _ = writeln!(out, "  license: {}", quoted(&about.license));
    if !about.keywords.is_empty() {
        let _ = writeln!(out, "  keywords: {}", listed(&about.keywords));
    }
    for reference in &about.references {
        comment(out, "  ", &format!("The files refer to: {reference}"));
    }
    if about.providers.is_empty() {
        comment(out, "  ", "providers: [{name: \"…\", roles: [host], url: \"https://…\"}]");
        return;
    }
    let _ = writeln!(out, "  providers:");
    comment(out, "    ", "As the files say; add who hosts them.");
    for name in &about.providers {
        let _ = writeln!(out, "    - {{name: {}, roles: [producer]}}", quoted(name));
    }
    if about.more_providers > 0 {
        comment(
            out,
            "    ",
            &format!("and {} more institutions in the files that were looked at", about.more_providers),
        );
    }
}

fn sources(out: &mut String, suggestion: &Suggestion<'_>) {
    let _ = writeln!(out, "\nsources:\n  - root: {}", quoted(suggestion.root));
    let _ = writeln!(out, "    include: {}", listed(suggestion.include));
    let exclude = &suggestion.grouping.exclude;
    if exclude.is_empty() && suggestion.left_out.is_empty() {
        return;
    }
    let _ = writeln!(out, "    exclude:");
    for glob in exclude {
        comment(out, "      ", "Where the folders of versions link to: each file counts once, by its version.");
        let _ = writeln!(out, "      - {}", quoted(glob));
    }
    for (path, reason) in suggestion.left_out {
        comment(out, "      ", &format!("Left out: {reason}"));
        let _ = writeln!(out, "      - {}", quoted(&super::globs::literal(path)));
    }
}

fn item(out: &mut String, suggestion: &Suggestion<'_>) {
    let grouping = suggestion.grouping;
    let _ = writeln!(out, "\nitem:");
    comment(
        out,
        "  ",
        &format!(
            "{}. All files with the same id are one Item, joined along what their coordinates say.",
            grouping.words
        ),
    );
    if grouping.is_regex() {
        comment(out, "  ", "The whole path below root; named groups are facets, which the id and properties may use.");
        let _ = writeln!(out, "  regex: {}", quoted(grouping.pattern()));
    } else {
        comment(out, "  ", "The whole path below root; each {name} is a facet, which the id and properties may use.");
        let _ = writeln!(out, "  pattern: {}", quoted(grouping.pattern()));
    }
    let _ = writeln!(out, "  id: {}", quoted(&grouping.id));
    if !grouping.properties.is_empty() {
        let _ = writeln!(out, "  properties:");
        for (name, template) in &grouping.properties {
            let _ = writeln!(out, "    {}: {}", quoted(name), quoted(template));
        }
    }
    for (key, stand_in) in [
        ("item.datetime", "datetime: {start: 1850-01-01, end: 2014-12-31}"),
        (
            "item.geometry",
            "geometry: {type: Polygon, coordinates: [[[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]]}",
        ),
    ] {
        for need in suggestion.needs.iter().filter(|need| need.key == key) {
            let some = need.examples.join(", ");
            comment(
                out,
                "  ",
                &format!(
                    "TODO {} of the items that were looked at need this, such as {some}: {}",
                    need.items, need.found
                ),
            );
            comment(out, "  ", "What is written here is taken for such items alone; without it they fail, and say so:");
            let _ = writeln!(out, "  # {stand_in}");
        }
    }
}

fn rest(out: &mut String, suggestion: &Suggestion<'_>) {
    let overlaps = suggestion.needs.iter().any(|need| need.key == "aggregate.on_overlap");
    if overlaps {
        out.push_str("\naggregate:\n");
        comment(
            out,
            "  ",
            "TODO steps that two files hold are an error; keep-last takes those of the file whose path comes last.",
        );
        out.push_str("  on_overlap: error\n");
    }
    out.push('\n');
    comment(
        out,
        "",
        "For each Item what carries it faithfully at the least cost: references to its files (Kerchunk, CFA), else a copy (Zarr). \
        To refuse copies name what you want: [kerchunk, cfa].",
    );
    out.push_str("products: auto\n");
    comment(out, "", "Where products and the catalogue go: a folder beside this file.");
    out.push_str("output: published\n\n");
    comment(out, "", "What readers outside see in place of the paths of this machine; before you publish, say it:");
    let _ = writeln!(
        out,
        "# public_urls:\n#   - {{from: {}, to: \"https://data.example.org/archive\"}}",
        quoted(suggestion.root)
    );
    comment(out, "", "Where `altostac publish` and `altostac sync` push records to:");
    out.push_str("# publish: {api: \"https://stac.example.org\"}\n");
}
