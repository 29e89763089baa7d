//! The facets of items against vocabularies. No I/O.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::ItemError;
use super::group::{Group, Member};
use crate::model::vocabulary::{OnUnknown, Vocabulary};

/// Vocabularies, and which values were looked up.
pub(super) struct Checked<'a> {
    vocabularies: &'a BTreeMap<String, Vocabulary>,
    right: HashSet<(&'a str, Value)>,
    /// For each facet and unknown value a file, and how many there are.
    told: BTreeMap<(String, String), (String, usize)>,
}

impl<'a> Checked<'a> {
    pub(super) fn new(vocabularies: &'a BTreeMap<String, Vocabulary>) -> Self {
        Self { vocabularies, right: HashSet::new(), told: BTreeMap::new() }
    }

    /// Looks up the values of all files of an item.
    ///
    /// # Errors
    /// [`ItemError::Vocabulary`] for the first value that its vocabulary does not have, if that is an error.
    pub(super) fn item(&mut self, group: &Group) -> Result<(), Box<ItemError>> {
        if self.vocabularies.is_empty() {
            return Ok(());
        }
        std::iter::once(&group.first).chain(&group.others).try_for_each(|member| self.file(member))
    }

    fn file(&mut self, member: &Member) -> Result<(), Box<ItemError>> {
        for (facet, vocabulary) in self.vocabularies {
            let Some(value) = member.facets.get(facet) else { continue };
            let key = (facet.as_str(), value.clone());
            if self.right.contains(&key) {
                continue;
            }
            let unknown = vocabulary.unknown(value);
            for value in &unknown {
                let file = member.file.url.to_string();
                if vocabulary.on_unknown == OnUnknown::Error {
                    let nearest = vocabulary.nearest(value).map(str::to_owned);
                    let (facet, value, vocabulary) = (facet.clone(), value.clone(), vocabulary.name.clone());
                    return Err(Box::new(ItemError::Vocabulary { facet, value, vocabulary, file, nearest }));
                }
                let told = self.told.entry((facet.clone(), value.clone())).or_insert((file, 0));
                told.1 += 1;
            }
            if unknown.is_empty() {
                self.right.insert(key);
            }
        }
        Ok(())
    }

    /// What is to be told, a line for each value.
    pub(super) fn warnings(self) -> Vec<String> {
        let line = |((facet, value), (file, files)): (&(String, String), &(String, usize))| {
            let vocabulary = self.vocabularies.get(facet)?;
            let more = if *files > 1 { format!(" and {} more", files - 1) } else { String::new() };
            let nearest = vocabulary.nearest(value).map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
            let name = &vocabulary.name;
            Some(format!(
                "facet {facet} is {value:?} in {file}{more}, which the vocabulary of {name} does not have{nearest}"
            ))
        };
        self.told.iter().filter_map(line).collect()
    }
}
