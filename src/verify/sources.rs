//! The sources of a product: what their indexes say, by the keys of the product.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::values::{Meaning, bounds_of};
use super::{Difference, DifferenceKind, Differences, OpenSource};
use crate::model::{AttributeValue, ByteOrder, FileGroup, FileIndex, FileVariable, Note, PublicUrls, SourceFile};
use crate::read::{ReadError, Region, SourceReader};
use crate::storage::ByteSource;

/// One source.
pub(super) struct File<'a> {
    pub(super) index: &'a FileIndex,
    /// How the product names it.
    pub(super) reference: String,
    /// Its variables by key.
    pub(super) variables: BTreeMap<String, &'a FileVariable>,
    /// Its groups by path without slashes at the ends.
    pub(super) groups: BTreeMap<String, &'a FileGroup>,
    /// The variable that a variable holds the bounds of, by key.
    bounds_of: HashMap<String, String>,
}

impl<'a> File<'a> {
    fn new(index: &'a FileIndex, urls: &PublicUrls) -> Self {
        let mut variables = BTreeMap::new();
        let mut groups = BTreeMap::new();
        let mut queue = vec![&index.root];
        while let Some(group) = queue.pop() {
            let path = group.path.trim_matches('/').to_owned();
            let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
            variables.extend(group.variables.values().map(|variable| (format!("{prefix}{}", variable.name), variable)));
            groups.insert(path, group);
            queue.extend(group.groups.values());
        }
        let bounds_of =
            bounds_of(variables.iter().map(|(key, variable)| (key.as_str(), |name: &str| variable.text(name))));
        Self { index, reference: urls.reference(&index.source.url), variables, groups, bounds_of }
    }

    /// The path, without slashes at the ends, of the nearest group from a variable upwards that defines a dimension.
    pub(super) fn defining_group<'k>(&self, key: &'k str, name: &str) -> Option<&'k str> {
        let mut path = key;
        loop {
            path = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            if self.groups.get(path).is_some_and(|group| group.dimensions.contains_key(name)) {
                return Some(path);
            }
            if path.is_empty() {
                return None;
            }
        }
    }

    /// The length of a dimension that a group itself defines.
    pub(super) fn length_of(&self, group: &str, name: &str) -> Option<u64> {
        self.groups.get(group)?.dimensions.get(name).map(|dimension| dimension.length)
    }

    /// Whether any group defines a dimension of this name.
    pub(super) fn defines(&self, name: &str) -> bool {
        self.groups.values().any(|group| group.dimensions.contains_key(name))
    }

    /// What the numbers of a variable mean.
    pub(super) fn meaning(&self, key: &str) -> Meaning {
        let text = |key: &str, name: &str| self.variables.get(key).and_then(|variable| variable.text(name));
        let fill = self.variables.get(key).and_then(|variable| variable.attributes.get("_FillValue"));
        Meaning::new(key, self.bounds_of.get(key).map(String::as_str), text, fill.and_then(AttributeValue::number))
    }
}

/// All sources.
pub(super) struct Sources<'a> {
    pub(super) files: Vec<File<'a>>,
    by_reference: HashMap<String, usize>,
    /// How the product names those whose values were verified before; none if all were.
    verified: HashSet<String>,
    taken_over: Option<&'a BTreeSet<String>>,
    open: OpenSource<'a>,
    reader: &'a dyn SourceReader,
}

impl<'a> Sources<'a> {
    pub(super) fn new(
        indexes: &'a [FileIndex],
        urls: &PublicUrls,
        (open, reader): (OpenSource<'a>, &'a dyn SourceReader),
        verified: &[SourceFile],
    ) -> Self {
        let files: Vec<File<'a>> = indexes.iter().map(|index| File::new(index, urls)).collect();
        let by_reference = files.iter().enumerate().map(|(at, file)| (file.reference.clone(), at)).collect();
        let known: HashSet<&SourceFile> = verified.iter().collect();
        let is_known = |file: &&File<'_>| known.contains(&file.index.source);
        let mut verified: HashSet<String> = files.iter().filter(is_known).map(|file| file.reference.clone()).collect();
        if verified.len() == files.len() {
            verified.clear();
        }
        Self { files, by_reference, verified, taken_over: None, open, reader }
    }

    /// With files of a copy that hold what was verified before.
    pub(super) fn with_taken_over(self, taken_over: &'a BTreeSet<String>) -> Self {
        Self { taken_over: Some(taken_over).filter(|keys| !keys.is_empty()), ..self }
    }

    /// Whether some files of a copy hold what was verified before.
    pub(super) fn are_some_taken_over(&self) -> bool {
        self.taken_over.is_some()
    }

    /// Whether this file of a copy holds what was verified before.
    pub(super) fn is_taken_over(&self, key: &str) -> bool {
        self.taken_over.is_some_and(|keys| keys.contains(key))
    }

    /// Whether the values of some sources, but not of all, were verified before.
    pub(super) fn are_some_verified(&self) -> bool {
        !self.verified.is_empty()
    }

    /// Whether the values of the source of this name were verified before.
    pub(super) fn is_verified(&self, reference: &str) -> bool {
        self.verified.contains(reference)
    }

    /// The keys of all variables of all files.
    pub(super) fn variable_keys(&self) -> BTreeSet<&str> {
        self.files.iter().flat_map(|file| file.variables.keys().map(String::as_str)).collect()
    }

    /// Each source is what it was, can be opened, and has a name of its own in the product.
    pub(super) fn check(&self, recorded: &[SourceFile], differences: &mut Differences) {
        let mut recorded: HashMap<&str, &SourceFile> = recorded.iter().map(|file| (file.url.as_str(), file)).collect();
        for (at, file) in self.files.iter().enumerate() {
            let now = &file.index.source;
            if self.by_reference.get(&file.reference) != Some(&at) {
                let difference = Difference::new(DifferenceKind::Join, "a public URL for each source", "one for two");
                differences.add(difference.file(&file.reference));
            }
            match recorded.remove(now.url.as_str()) {
                Some(then) => self.compare_states(then, now, differences),
                None => {
                    let found = format!("a source of {}", now.fingerprint);
                    differences
                        .add(Difference::new(DifferenceKind::SourceChanged, "no such source", found).file(&now.url));
                }
            }
            match (self.open)(&now.url) {
                Ok(source) => self.compare_states(now, source.file(), differences),
                Err(error) => differences.add(Difference::unreadable(&error).file(&now.url)),
            }
        }
        for then in recorded.values() {
            let expected = format!("a source of {}", then.fingerprint);
            differences.add(Difference::new(DifferenceKind::SourceChanged, expected, "no such source").file(&then.url));
        }
    }

    fn compare_states(&self, then: &SourceFile, now: &SourceFile, differences: &mut Differences) {
        if (then.size, &then.fingerprint) != (now.size, &now.fingerprint) {
            let shown = |file: &SourceFile| format!("{} bytes, fingerprint {}", file.size, file.fingerprint);
            let difference = Difference::new(DifferenceKind::SourceChanged, shown(then), shown(now));
            differences.add(difference.file(&now.url));
        }
    }

    /// What the reader of the sources sees otherwise than their indexes; the number of facts that were compared.
    pub(super) fn examine(&self, differences: &mut Differences, notes: &mut Vec<Note>) -> u64 {
        let mut facts = 0u64;
        for file in &self.files {
            let url = &file.index.source.url;
            match self.reader.examine(file.index) {
                Ok(examination) => {
                    facts = facts.saturating_add(examination.facts);
                    for note in examination.notes {
                        if !notes.contains(&note) {
                            notes.push(note);
                        }
                    }
                    for found in examination.disagreements {
                        let difference = Difference::new(DifferenceKind::Index, found.reader, found.index);
                        differences.add(difference.variable(&found.variable).file(url));
                    }
                }
                Err(error) => differences.add(Difference::unreadable(&error).file(url)),
            }
        }
        facts
    }

    /// Whether the reader of the sources shows nothing else than their indexes.
    pub(super) fn are_read_by_index(&self) -> bool {
        self.reader.goes_by_index()
    }

    /// Elements of a variable of a source. What the index has read is not read again.
    pub(super) fn slab(
        &self,
        file: &File<'_>,
        key: &str,
        variable: &FileVariable,
        region: &Region,
    ) -> Result<Vec<u8>, ReadError> {
        let kept = if self.are_read_by_index() { kept(variable, region) } else { None };
        match kept {
            Some(bytes) => Ok(bytes),
            None => self.reader.slab(file.index, key, variable, &region.start, &region.count),
        }
    }

    /// Opens a source by its number.
    pub(super) fn open(&self, file: &File<'_>, variable: &str) -> Result<Box<dyn ByteSource>, ReadError> {
        (self.open)(&file.index.source.url).map_err(|source| ReadError::Open { variable: variable.into(), source })
    }

    /// The URL of the source of this name in the product; the name itself if it is none's.
    pub(super) fn name_of(&self, reference: &str) -> String {
        let file = self.by_reference.get(reference).map(|file| &self.files[*file]);
        file.map_or_else(|| reference.to_owned(), |file| file.index.source.url.to_string())
    }

    /// Opens a source by its name in the product.
    pub(super) fn open_reference(&self, url: &str, variable: &str) -> Result<Box<dyn ByteSource>, ReadError> {
        match self.by_reference.get(url) {
            Some(file) => self.open(&self.files[*file], variable),
            None => Err(ReadError::UnknownUrl { variable: variable.into(), url: url.into() }),
        }
    }
}

/// The bytes of a whole variable that the index has read already.
pub(super) fn kept(variable: &FileVariable, region: &Region) -> Option<Vec<u8>> {
    let array = variable.values.decoded()?;
    if array.shape != region.count || region.start.iter().any(|start| *start > 0) {
        return None;
    }
    let order = variable.data_type.number().map_or(ByteOrder::Little, |(_, order)| order);
    array.to_bytes(order)
}
