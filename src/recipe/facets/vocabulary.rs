//! `item.vocabularies`: the values that a facet may have, from the recipe or from a file beside it.

use std::collections::BTreeSet;

use sha2::Digest;

use super::super::urls;
use super::raw::{RawLabel, RawOnUnknown};
use super::{RawVocabulary, Resolver, files};
use crate::model::vocabulary::{OnUnknown, Vocabulary};

impl Resolver<'_> {
    /// The text of a file beside the recipe.
    pub(super) fn content(&mut self, key: &str, name: &str) -> Option<String> {
        if let Some(scheme) = urls::scheme(name) {
            self.mistake(key, format!("with {scheme}:// is not supported; expected a file beside the recipe"), None);
            return None;
        }
        let read = self.surroundings.text(&self.folder.join(name));
        let content = self.noted(key, read.map_err(|error| format!("{name} cannot be read: {error}")))?;
        self.digests.update(&content);
        Some(content)
    }

    pub(super) fn vocabulary(&mut self, facet: &str, raw: &RawVocabulary) -> Option<Vocabulary> {
        let key = format!("item.vocabularies.{facet}");
        self.check_name(&key, facet);
        let (mut labels, mut column, mut on_unknown) = (BTreeSet::new(), None, OnUnknown::Error);
        let (values, file) = match raw {
            RawVocabulary::Values(values) => (Some(values), None),
            RawVocabulary::File(file) => (None, Some(file)),
            RawVocabulary::Options(options) => {
                labels.extend(options.labels.iter().flatten().copied());
                column = options.column.as_deref();
                if let Some(RawOnUnknown::Warn) = options.on_unknown {
                    on_unknown = OnUnknown::Warn;
                }
                (options.values.as_ref(), options.file.as_ref())
            }
        };
        if labels.is_empty() {
            labels.extend([RawLabel::Notation, RawLabel::PrefLabel, RawLabel::AltLabel]);
        }
        let (name, values) = match (values, file) {
            (Some(values), None) => ("the recipe".to_owned(), values.iter().cloned().collect()),
            (None, Some(file)) => {
                let content = self.content(&key, file)?;
                let read = files::vocabulary((file, &content), facet, column, &labels);
                (file.clone(), self.noted(&key, read)?)
            }
            _ => {
                self.mistake(&key, "needs either values or a file", None);
                return None;
            }
        };
        Some(Vocabulary { name, values, on_unknown })
    }
}
