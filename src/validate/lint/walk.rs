//! From record to record, as links lead.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;

use super::gathered::{Gathered, escaped};
use super::hrefs::{Target, target};
use super::{CatalogueFiles, Entry, Finding, LintReport, Severity, apart};
use crate::model::{PublicUrls, Record, RecordKind};
use crate::validate::{Problem, ValidateError, Validator, schemas};

/// How many records there may be: links could be made up as they are followed.
const RECORDS: usize = 10_000_000;

const BUILD: &str = "build it again (altostac build RECIPE --force --item ID), or correct it by hand";

/// A record to be read, and the one that links to it.
struct Pending {
    path: String,
    by: Option<String>,
    pointer: String,
}

pub(super) struct Walk<'a> {
    files: &'a dyn CatalogueFiles,
    start: String,
    public_urls: Option<&'a PublicUrls>,
    validator: &'a Validator,
    pending: VecDeque<Pending>,
    /// Every path that was or will be read, and what links to it.
    seen: BTreeMap<String, BTreeSet<String>>,
    /// Parents other than the record that linked here first: record, pointer, parent.
    other_parents: Vec<(String, String, String)>,
    collections: BTreeMap<String, Gathered>,
    /// Local files that hrefs name: how many, and one of them.
    local: BTreeMap<String, (usize, String)>,
    report: LintReport,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        files: &'a dyn CatalogueFiles,
        start: &str,
        public_urls: Option<&'a PublicUrls>,
        validator: &'a Validator,
    ) -> Self {
        let pending = VecDeque::from([Pending { path: start.into(), by: None, pointer: String::new() }]);
        Self {
            files,
            start: start.into(),
            public_urls,
            validator,
            pending,
            seen: BTreeMap::from([(start.to_owned(), BTreeSet::new())]),
            other_parents: Vec::new(),
            collections: BTreeMap::new(),
            local: BTreeMap::new(),
            report: LintReport::default(),
        }
    }

    pub(super) fn run(mut self) -> Result<LintReport, ValidateError> {
        while let Some(pending) = self.pending.pop_front() {
            self.record(&pending)?;
        }
        self.finish();
        Ok(self.report)
    }

    fn find(
        &mut self,
        severity: Severity,
        record: &str,
        pointer: &str,
        (expected, found, remedy): (String, String, &str),
    ) {
        let (record, pointer, remedy) = (record.to_owned(), pointer.to_owned(), remedy.to_owned());
        self.report.add(Finding { severity, record, pointer, expected, found, remedy });
    }

    fn error(
        &mut self,
        record: &str,
        pointer: &str,
        expected: impl Into<String>,
        found: impl Into<String>,
        remedy: &str,
    ) {
        self.find(Severity::Error, record, pointer, (expected.into(), found.into(), remedy));
    }

    fn record(&mut self, pending: &Pending) -> Result<(), ValidateError> {
        let path = &pending.path;
        let json = match self.files.read(path) {
            Ok(Some(bytes)) => serde_json::from_slice::<Value>(&bytes).map_err(|error| error.to_string()),
            Ok(None) => Err("no such file".into()),
            Err(reason) => Err(reason),
        };
        let json = match json {
            Ok(json) => json,
            Err(reason) => {
                let (record, pointer) = (pending.by.as_deref().unwrap_or(path).to_owned(), pending.pointer.clone());
                self.error(&record, &pointer, format!("a record at {path}"), reason, BUILD);
                return Ok(());
            }
        };
        match json["type"].as_str() {
            Some("Catalog") => {
                self.report.catalogs += 1;
                let mut problems = Vec::new();
                self.validator.schema_problems(schemas::CATALOG, &json, &mut problems)?;
                self.problems(path, problems);
                self.links(path, &json, pending.by.as_deref());
            }
            Some("Collection") => {
                self.report.collections += 1;
                self.checked(path, RecordKind::Collection, &json)?;
                let gathered = Gathered::new(path, &json);
                let double =
                    self.collections.iter().find(|(_, known)| known.id == gathered.id).map(|(path, _)| path.clone());
                if let Some(other) = double {
                    let found = format!("{:?}, which {other} has too", gathered.id);
                    self.error(path, "/id", "an id of its own", found, "give one of the collections another id");
                }
                self.collections.insert(path.clone(), gathered);
                self.links(path, &json, pending.by.as_deref());
                self.assets(path, &json);
            }
            Some("Feature") => {
                self.report.items += 1;
                self.checked(path, RecordKind::Item, &json)?;
                self.links(path, &json, pending.by.as_deref());
                self.assets(path, &json);
                self.item(path, &json);
            }
            _ => self.error(path, "/type", "Catalog, Collection or Feature", json["type"].to_string(), BUILD),
        }
        Ok(())
    }

    fn checked(&mut self, path: &str, kind: RecordKind, json: &Value) -> Result<(), ValidateError> {
        let id = json["id"].as_str().unwrap_or_default().to_owned();
        let problems = self.validator.problems(&Record { kind, id, json: json.clone() })?;
        self.problems(path, problems);
        Ok(())
    }

    fn problems(&mut self, path: &str, problems: Vec<Problem>) {
        for problem in problems {
            let (expected, found) = apart(&problem);
            self.error(path, &problem.pointer, expected, found, BUILD);
        }
    }

    fn links(&mut self, path: &str, json: &Value, by: Option<&str>) {
        for (number, link) in json["links"].as_array().into_iter().flatten().enumerate() {
            let pointer = format!("/links/{number}/href");
            let (rel, href) = (link["rel"].as_str().unwrap_or_default(), link["href"].as_str().unwrap_or_default());
            let Some(inside) = self.href(path, &pointer, href) else { continue };
            match rel {
                "root" if inside != self.start => {
                    let expected = format!("the root of the catalogue, {}", self.start);
                    self.error(path, &pointer, expected, inside, BUILD);
                }
                "self" if inside != path => {
                    self.error(path, &pointer, format!("the record itself, {path}"), inside, BUILD);
                }
                "parent" if by.is_some_and(|by| by != inside) => {
                    self.other_parents.push((path.to_owned(), pointer.clone(), inside));
                }
                "child" | "item" => self.follow(path, pointer, inside),
                _ => {}
            }
            let wanted: &[&str] = match rel {
                "item" => &["application/geo+json", "application/json"],
                "root" | "parent" | "child" | "collection" => &["application/json"],
                _ => &[],
            };
            let found = link["type"].as_str().unwrap_or_default();
            if !wanted.is_empty() && !wanted.contains(&found) {
                let what = (format!("{} for a link {rel}", wanted.join(" or ")), format!("{found:?}"), BUILD);
                self.find(Severity::Warning, path, &format!("/links/{number}/type"), what);
            }
        }
    }

    fn follow(&mut self, by: &str, pointer: String, path: String) {
        if path == by || self.seen.get(&path).is_some_and(|known| known.contains(by)) {
            return self.error(by, &pointer, "one link to each record below it", format!("{path} again"), BUILD);
        }
        let is_new = !self.seen.contains_key(&path);
        if is_new && self.seen.len() >= RECORDS {
            return;
        }
        self.seen.entry(path.clone()).or_default().insert(by.to_owned());
        if is_new {
            self.pending.push_back(Pending { path, by: Some(by.to_owned()), pointer });
        }
    }

    /// The path below the folder that an href leads to, if it leads to something there; findings otherwise.
    fn href(&mut self, path: &str, pointer: &str, href: &str) -> Option<String> {
        match target(path, href) {
            Target::Inside(inside) => {
                if self.files.entry(&inside).is_none() {
                    self.error(
                        path,
                        pointer,
                        "an href that leads to a file or folder",
                        format!("{href:?}: there is nothing"),
                        BUILD,
                    );
                    return None;
                }
                Some(inside)
            }
            Target::Local(url) => {
                self.local_file(path, pointer, &url);
                None
            }
            Target::Elsewhere => {
                self.report.not_followed += 1;
                None
            }
            Target::Outside => {
                self.error(path, pointer, "an href within the catalogue's folder", format!("{href:?}"), BUILD);
                None
            }
            Target::Wrong => None,
        }
    }

    fn local_file(&mut self, path: &str, pointer: &str, url: &url::Url) {
        let public = self.public_urls.map(|urls| urls.rewrite(url)).filter(|public| public != url);
        if let Some(public) = public {
            let remedy = "it was written before public_urls said so: build it again";
            self.error(path, pointer, public.as_str(), url.as_str(), remedy);
        } else if self.files.local(url).is_none() {
            let found = format!("{url}: there is nothing");
            self.error(
                path,
                pointer,
                "an href that leads to a file or folder",
                found,
                "is its disk mounted? else build again",
            );
        } else {
            let collection = path.split('/').next().unwrap_or_default().to_owned();
            self.local.entry(collection).or_insert_with(|| (0, url.to_string())).0 += 1;
        }
    }

    fn assets(&mut self, path: &str, json: &Value) {
        for (key, asset) in json["assets"].as_object().into_iter().flatten() {
            let pointer = format!("/assets/{}", escaped(key));
            let href = asset["href"].as_str().unwrap_or_default();
            let inside = self.href(path, &format!("{pointer}/href"), href);
            let Some(Entry::File(size)) = inside.and_then(|inside| self.files.entry(&inside)) else { continue };
            if let Some(told) = asset["file:size"].as_u64().filter(|told| *told != size) {
                let remedy = "the file is not what it was when the record was made: altostac verify RECIPE";
                self.error(path, &format!("{pointer}/file:size"), size.to_string(), told.to_string(), remedy);
            }
        }
    }

    fn item(&mut self, path: &str, json: &Value) {
        let id = json["id"].as_str().unwrap_or_default().to_owned();
        let stem = path.rsplit('/').next().and_then(|name| name.strip_suffix(".json")).unwrap_or_default();
        if stem != id && self.seen.len() > 1 {
            self.find(
                Severity::Warning,
                path,
                "/id",
                (format!("the name of its file, {stem:?}"), format!("{id:?}"), BUILD),
            );
        }
        let links = json["links"].as_array().map(Vec::as_slice).unwrap_or_default();
        let at = links.iter().position(|link| link["rel"] == "collection");
        let href = at.and_then(|at| links[at]["href"].as_str()).unwrap_or_default();
        let Target::Inside(collection) = target(path, href) else { return };
        let Some(gathered) = self.collections.get_mut(&collection) else {
            if self.seen.len() > 1 {
                let pointer = format!("/links/{}/href", at.unwrap_or(0));
                self.error(path, &pointer, "a collection that the catalogue links to", collection, BUILD);
            }
            return;
        };
        let own = gathered.id.clone();
        let double = gathered.items.insert(id.clone(), path.to_owned());
        let wrong = gathered.add(json);
        if json["collection"] != own.as_str() {
            self.error(
                path,
                "/collection",
                format!("{own:?}, the id of {collection}"),
                json["collection"].to_string(),
                BUILD,
            );
        }
        if let Some(other) = double {
            let found = format!("{id:?}, which {other} has too");
            self.error(
                path,
                "/id",
                "an id of its own within its collection",
                found,
                "give one of the items another id",
            );
        }
        for (pointer, expected, found, remedy) in wrong {
            self.error(path, &pointer, expected, found, &remedy);
        }
    }

    fn finish(&mut self) {
        for (path, pointer, parent) in std::mem::take(&mut self.other_parents) {
            let linking = self.seen.get(&path).cloned().unwrap_or_default();
            if !linking.contains(&parent) {
                let linking: Vec<String> = linking.into_iter().collect();
                let expected = format!("a record that links to it: {}", linking.join(", "));
                self.error(&path, &pointer, expected, parent, BUILD);
            }
        }
        let mut findings: Vec<Finding> = self.collections.values().flat_map(Gathered::finish).collect();
        let mut folders: BTreeSet<String> = BTreeSet::new();
        for path in self.collections.keys() {
            folders
                .insert(path.rsplit_once('/').map_or_else(|| "items".into(), |(folder, _)| format!("{folder}/items")));
        }
        for folder in folders {
            let names = self.files.names(&folder).into_iter().filter(|name| name.ends_with(".json"));
            for path in names.map(|name| format!("{folder}/{name}")).filter(|path| !self.seen.contains_key(path)) {
                findings.push(Finding {
                    severity: Severity::Warning,
                    record: path,
                    pointer: String::new(),
                    expected: "a link to it".into(),
                    found: "none: no client finds it".into(),
                    remedy: "build the collection again, or remove the file".into(),
                });
            }
        }
        for (collection, (count, example)) in &self.local {
            findings.push(Finding {
                severity: Severity::Warning,
                record: collection.clone(),
                pointer: String::new(),
                expected: "hrefs that readers on other machines can open".into(),
                found: format!("{count} that name files of this machine, such as {example}"),
                remedy: "say public_urls in the recipe".into(),
            });
        }
        findings.into_iter().for_each(|finding| self.report.add(finding));
    }
}
