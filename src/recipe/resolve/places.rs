//! Where files are: sources, output, and what readers see in their place.

use std::path::PathBuf;

use url::Url;

use super::super::raw::{RawPublicUrl, RawSource};
use super::super::urls;
use super::Resolver;
use crate::model::recipe::{Globs, SourceFiles, SourceSettings};
use crate::model::{SourcePlace, SourceUrl};

impl Resolver<'_> {
    pub(super) fn source(&mut self, index: usize, raw: RawSource) -> Option<SourceSettings> {
        let key = format!("sources[{index}]");
        match (raw.root, raw.list) {
            (Some(root), None) => {
                let include = raw.include.unwrap_or_else(|| vec!["**/*.nc".into()]);
                let include = self.globs(&format!("{key}.include"), include);
                let exclude = self.globs(&format!("{key}.exclude"), raw.exclude.unwrap_or_default());
                let root = self.root(&format!("{key}.root"), &root)?;
                Some(SourceSettings { root, files: SourceFiles::Matching { include: include?, exclude: exclude? } })
            }
            (None, Some(list)) => {
                for (name, there) in [("include", raw.include.is_some()), ("exclude", raw.exclude.is_some())] {
                    if there {
                        self.mistake(&format!("{key}.{name}"), "goes with a root, not with a list", None);
                    }
                }
                let (list, root) = self.list(&format!("{key}.list"), &list)?;
                Some(SourceSettings { root, files: SourceFiles::Listed(list) })
            }
            (Some(_), Some(_)) => {
                self.mistake(&key, "has both root and list; expected one of them", None);
                None
            }
            (None, None) => {
                self.mistake(&key, "has neither root nor list; expected one of them", None);
                None
            }
        }
    }

    /// A folder that is there, or the URL of one.
    fn root(&mut self, key: &str, text: &str) -> Option<SourcePlace> {
        if is_remote(text) {
            let mut url = self.noted(key, urls::source(text))?;
            if !url.path().ends_with('/') {
                url.set_path(&format!("{}/", url.path()));
            }
            return Some(SourcePlace::Remote(SourceUrl::new(url)));
        }
        let folder = self.path(key, text)?;
        let real = self.surroundings.folder(&folder).map_err(|error| format!("{text} is not a folder: {error}"));
        self.noted(key, real).map(SourcePlace::Local)
    }

    /// A list, and where its relative lines start.
    fn list(&mut self, key: &str, text: &str) -> Option<(SourcePlace, SourcePlace)> {
        if is_remote(text) {
            let url = self.noted(key, urls::source(text))?;
            let folder = self.noted(key, url.join(".").map_err(|error| format!("is in no folder: {error}")))?;
            return Some((SourcePlace::Remote(SourceUrl::new(url)), SourcePlace::Remote(SourceUrl::new(folder))));
        }
        let list = self.path(key, text)?;
        let list = self.surroundings.as_far_as_exists(&list);
        Some((SourcePlace::Local(list), SourcePlace::Local(self.surroundings.as_far_as_exists(self.folder))))
    }

    /// An absolute local path.
    fn path(&mut self, key: &str, text: &str) -> Option<PathBuf> {
        match urls::scheme(text) {
            None if text.is_empty() => {
                self.mistake(key, "is empty", None);
                None
            }
            None => Some(self.folder.join(text)),
            Some("file") => self.noted(key, urls::file_path(text)),
            Some(scheme) => {
                self.mistake(key, format!("with {scheme}:// is not supported by this version yet"), None);
                None
            }
        }
    }

    fn globs(&mut self, key: &str, texts: Vec<String>) -> Option<Globs> {
        let mut right = true;
        for (index, text) in texts.iter().enumerate() {
            let key = format!("{key}[{index}]");
            if ["/", "./", "../"].iter().any(|start| text.starts_with(start)) {
                let advice = Some("globs match the path below the root, such as **/*.nc".to_owned());
                self.mistake(&key, format!("{text:?} can match nothing"), advice);
                right = false;
            } else if let Err(error) = Globs::new([text.as_str()]) {
                self.mistake(&key, format!("{text:?} is not a glob: {}", error.kind()), None);
                right = false;
            }
        }
        if right { self.noted(key, Globs::new(texts)) } else { None }
    }

    /// A folder, or the prefix of a bucket; its URL ends with `/`.
    pub(super) fn output(&mut self, text: &str) -> Option<SourcePlace> {
        if is_remote(text) {
            let url = self.noted("output", urls::output(text))?;
            return Some(SourcePlace::Remote(SourceUrl::new(url)));
        }
        let path = self.path("output", text)?;
        Some(SourcePlace::Local(self.surroundings.as_far_as_exists(&path)))
    }

    pub(super) fn public_urls(&mut self, raw: &[RawPublicUrl]) -> Vec<(Url, Url)> {
        let mut rules: Vec<(Url, Url)> = Vec::new();
        for (index, rule) in raw.iter().enumerate() {
            let from_key = format!("public_urls[{index}].from");
            let from = self.noted(&from_key, urls::beginning(&rule.from, self.folder, self.surroundings));
            let to = urls::remote(&rule.to, &["https", "http", "s3", "gs"]);
            let to = self.noted(&format!("public_urls[{index}].to"), to);
            let (Some(from), Some(to)) = (from, to) else { continue };
            if rules.iter().any(|(known, _)| *known == from) {
                self.mistake(&from_key, "names the same place as a rule before", None);
            }
            rules.push((from, to));
        }
        rules
    }
}

fn is_remote(text: &str) -> bool {
    urls::scheme(text).is_some_and(|scheme| scheme != "file")
}
