//! Which files of an item are new, changed, gone, or only have another name.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Circumstances;
use crate::model::{Fingerprint, ItemSource, KnownItem, SourceFile, SourceUrl};

/// What is different between the files of an item now and those of its last revision. Every list is sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileChanges {
    /// Files that were not there.
    pub added: Vec<SourceUrl>,
    /// Files that are not what they were.
    pub changed: Vec<ChangedFile>,
    /// Files that are gone.
    pub removed: Vec<SourceUrl>,
    /// Files that have another name now, or lie elsewhere: size and fingerprint are the same. The other name may be of another item.
    pub renamed: Vec<RenamedFile>,
    /// Files that are another only by their fingerprint: their bytes are the same.
    pub touched: Vec<SourceUrl>,
    /// How many files are as they were.
    pub unchanged: usize,
}

/// A file that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    /// Where it is.
    pub url: SourceUrl,
    /// By what the change shows.
    pub why: String,
    /// Whether it shows by nothing but its bytes.
    pub rewritten: bool,
}

/// A file that has another name now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenamedFile {
    /// Where it was.
    pub from: SourceUrl,
    /// Where it is.
    pub to: SourceUrl,
}

impl FileChanges {
    /// How many files are of each kind, in words; none if the bytes of all are what they were.
    pub fn words(&self) -> Vec<String> {
        let counts = [
            (self.added.len(), "added"),
            (self.removed.len(), "removed"),
            (self.changed.len(), "changed"),
            (self.renamed.len(), "renamed"),
        ];
        let word = |count| if count == 1 { "file" } else { "files" };
        let told = counts.iter().filter(|(count, _)| *count > 0);
        told.map(|(count, what)| format!("{count} {} {what}", word(*count))).collect()
    }
}

/// The files of the archive that have another name now.
#[derive(Debug, Default)]
pub(super) struct Renames {
    /// By the name that they have now.
    from: HashMap<SourceUrl, SourceUrl>,
    /// By the name that they had.
    to: HashMap<SourceUrl, SourceUrl>,
}

/// Files of one size and fingerprint: those that are gone, and those that are new.
type Alike<'a> = (BTreeSet<&'a SourceUrl>, BTreeSet<&'a SourceUrl>);

impl Renames {
    /// Pairs files that are gone with files that are new, by size and fingerprint. Of several that are alike those pair whose names in
    /// their folders are the same; what stays ambiguous is gone and new.
    pub(super) fn find(found: &[ItemSource], known: &[KnownItem], is_hidden: &dyn Fn(&SourceFile) -> bool) -> Self {
        let now: BTreeSet<&SourceUrl> = found.iter().flat_map(|item| &item.files).map(|file| &file.url).collect();
        // Files of withdrawn items are gone for longer.
        let before = || known.iter().filter(|item| !item.state.is_withdrawn()).flat_map(|item| &item.sources);
        let known_urls: BTreeSet<&SourceUrl> = before().map(|file| &file.url).collect();
        let mut alike: HashMap<(u64, &Fingerprint), Alike<'_>> = HashMap::new();
        for file in before().filter(|file| !now.contains(&file.url) && !is_hidden(file)) {
            alike.entry((file.size, &file.fingerprint)).or_default().0.insert(&file.url);
        }
        if alike.is_empty() {
            return Self::default();
        }
        let new = found.iter().flat_map(|item| &item.files).filter(|file| !known_urls.contains(&file.url));
        for file in new {
            if let Some((_, new)) = alike.get_mut(&(file.size, &file.fingerprint)) {
                new.insert(&file.url);
            }
        }
        let mut renames = Self::default();
        alike.into_values().for_each(|(gone, new)| renames.pair(gone, new));
        renames
    }

    fn pair(&mut self, gone: BTreeSet<&SourceUrl>, new: BTreeSet<&SourceUrl>) {
        if let (1, 1, Some(gone), Some(new)) = (gone.len(), new.len(), gone.first(), new.first()) {
            return self.note(gone, new);
        }
        let mut by_name: BTreeMap<&str, (Vec<&SourceUrl>, Vec<&SourceUrl>)> = BTreeMap::new();
        gone.into_iter().for_each(|url| by_name.entry(url.file_name()).or_default().0.push(url));
        new.into_iter().for_each(|url| by_name.entry(url.file_name()).or_default().1.push(url));
        for (gone, new) in by_name.into_values() {
            if let ([gone], [new]) = (&gone[..], &new[..]) {
                self.note(gone, new);
            }
        }
    }

    fn note(&mut self, gone: &SourceUrl, new: &SourceUrl) {
        self.from.insert(new.clone(), gone.clone());
        self.to.insert(gone.clone(), new.clone());
    }
}

/// What is different between two lists of files of one item.
pub(super) fn changes(
    now: &[SourceFile],
    before: &[SourceFile],
    renames: &Renames,
    Circumstances { rewritten, touched, .. }: &Circumstances,
) -> FileChanges {
    let by_url = |files: &[SourceFile]| -> BTreeMap<SourceUrl, SourceFile> {
        files.iter().map(|file| (file.url.clone(), file.clone())).collect()
    };
    let (now, before) = (by_url(now), by_url(before));
    let mut changes = FileChanges::default();
    for (url, file) in &now {
        match (before.get(url), renames.from.get(url)) {
            (Some(old), _) if old == file && !rewritten.contains(url) => changes.unchanged += 1,
            (Some(old), _) if old != file && touched.contains(url) => changes.touched.push(url.clone()),
            (Some(old), _) => {
                let rewritten = old == file;
                changes.changed.push(ChangedFile { url: url.clone(), why: why(old, file), rewritten });
            }
            (None, Some(from)) => changes.renamed.push(RenamedFile { from: from.clone(), to: url.clone() }),
            (None, None) => changes.added.push(url.clone()),
        }
    }
    for url in before.keys().filter(|url| !now.contains_key(*url)) {
        match renames.to.get(url) {
            // Told by its new name already.
            Some(to) if now.contains_key(to) => {}
            Some(to) => changes.renamed.push(RenamedFile { from: url.clone(), to: to.clone() }),
            None => changes.removed.push(url.clone()),
        }
    }
    changes.renamed.sort_by(|a, b| a.from.cmp(&b.from));
    changes
}

/// By what it shows that a file is not what it was.
fn why(before: &SourceFile, now: &SourceFile) -> String {
    let modified = |file: &SourceFile| match file.fingerprint {
        Fingerprint::ModifiedAndSize { modified_ns, .. } => Some(modified_ns),
        _ => None,
    };
    if before == now {
        return "other bytes, of the same size and time".into();
    }
    if before.size != now.size {
        return format!("{} bytes, before {}", now.size, before.size);
    }
    match (modified(before), modified(now)) {
        (Some(before), Some(now)) if now > before => "modified later, of the same size".into(),
        (Some(_), Some(_)) => {
            "modified earlier than before, of the same size: an older file was put there, or a clock was set back"
                .into()
        }
        _ => format!("{}, before {}", now.fingerprint, before.fingerprint),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn file(name: &str, size: u64, modified_ns: i64) -> SourceFile {
        let url = SourceUrl::from_path(format!("/a/{name}")).unwrap();
        SourceFile { url, size, fingerprint: Fingerprint::ModifiedAndSize { modified_ns, size } }
    }

    fn pairs(gone: &[SourceFile], new: &[SourceFile]) -> Vec<(String, String)> {
        let changes = changes(new, gone, &renames(gone, new), &Circumstances::default());
        let name = |url: &SourceUrl| url.as_str().replace("file:///a/", "");
        changes.renamed.iter().map(|renamed| (name(&renamed.from), name(&renamed.to))).collect()
    }

    fn renames(gone: &[SourceFile], new: &[SourceFile]) -> Renames {
        let id = crate::model::ItemId::new("x").unwrap();
        let known = KnownItem {
            id: id.clone(),
            state: crate::model::ItemState::Current,
            revision: None,
            sources: gone.to_vec(),
            products: Vec::new(),
            product_digest: String::new(),
            record_digest: String::new(),
            error: None,
            updated: chrono::DateTime::UNIX_EPOCH,
        };
        let found = ItemSource {
            id,
            facets: BTreeMap::new(),
            properties: BTreeMap::new(),
            files: new.to_vec(),
            file_facets: Vec::new(),
        };
        Renames::find(&[found], &[known], &|_| false)
    }

    #[test]
    fn renames_are_pairs_that_nothing_else_fits() {
        assert_eq!(pairs(&[file("old", 1, 5)], &[file("new", 1, 5)]), [("old".into(), "new".into())]);
        assert!(pairs(&[file("old", 1, 5)], &[file("new", 1, 6)]).is_empty(), "another time");
        assert!(pairs(&[file("old", 1, 5)], &[file("old", 1, 5), file("new", 1, 5)]).is_empty(), "it is still there");
        // Files of one size that were unpacked in one second: by their names in their folders, or not at all.
        let moved = pairs(&[file("p/1", 1, 5), file("p/2", 1, 5)], &[file("q/2", 1, 5), file("q/1", 1, 5)]);
        assert_eq!(moved, [("p/1".into(), "q/1".into()), ("p/2".into(), "q/2".into())]);
        assert!(pairs(&[file("p/1", 1, 5), file("p/2", 1, 5)], &[file("q/3", 1, 5), file("q/4", 1, 5)]).is_empty());
    }

    #[test]
    fn every_file_is_told_once() {
        let before =
            [file("same", 1, 1), file("larger", 1, 1), file("older", 1, 9), file("gone", 1, 3), file("p/x", 7, 7)];
        let now = [file("same", 1, 1), file("larger", 2, 1), file("older", 1, 8), file("new", 1, 4), file("q/x", 7, 7)];
        let none = Circumstances::default();
        let other = Circumstances { rewritten: BTreeSet::from([now[0].url.clone()]), ..Circumstances::default() };
        let rewritten = changes(&now[..1], &before[..1], &Renames::default(), &other);
        assert!(rewritten.changed[0].rewritten && rewritten.unchanged == 0);
        let changes = changes(&now, &before, &renames(&before, &now), &none);
        assert_eq!(changes.words(), ["1 file added", "1 file removed", "2 files changed", "1 file renamed"]);
        assert_eq!(changes.unchanged, 1);
        let whys: Vec<&str> = changes.changed.iter().map(|changed| changed.why.as_str()).collect();
        assert_eq!(whys[0], "2 bytes, before 1");
        assert!(whys[1].contains("a clock was set back"));
        let same = Circumstances { touched: BTreeSet::from([now[0].url.clone(), now[2].url.clone()]), ..none };
        let touched = super::changes(&now, &before, &renames(&before, &now), &same);
        assert_eq!((touched.touched, touched.changed.len(), touched.unchanged), (vec![now[2].url.clone()], 1, 1));
    }
}
