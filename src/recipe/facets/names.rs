//! The names of facets: which are known at a rule, and which it makes.

use super::super::mistake::suggest;
use super::Resolver;
use crate::model::facets::GIVEN;

impl Resolver<'_> {
    pub(super) fn check_list(&mut self, key: &str, names: &[String]) {
        for (at, name) in names.iter().enumerate() {
            self.check_name(&format!("{key}[{at}]"), name);
        }
    }

    pub(super) fn check_names(&mut self, key: &str, names: &[String]) {
        for name in names {
            self.check(key, name, "uses");
        }
    }

    pub(super) fn check_name(&mut self, key: &str, name: &str) {
        self.check(key, name, "names");
    }

    fn check(&mut self, key: &str, name: &str, how: &str) {
        if self.checks && !self.known.contains(name) {
            let advice = suggest(name, self.known.iter().map(String::as_str));
            self.mistake(key, format!("{how} {name}, which is no facet that is known there"), advice);
        }
    }

    pub(super) fn learn_all<'a>(&mut self, key: &str, names: impl Iterator<Item = &'a String>) {
        for name in names {
            self.learn(key, name);
        }
    }

    pub(super) fn learn(&mut self, key: &str, name: &str) {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.' | '-');
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(allowed) {
            let what = format!("names a facet {name:?}; expected letters, digits and _ : . -, not a digit first");
            self.mistake(key, what, None);
        }
        if GIVEN.contains(&name) {
            let advice = Some("give it another name".to_owned());
            self.mistake(key, format!("makes a facet {name}, which is what rules start from"), advice);
        }
        self.known.insert(name.to_owned());
    }
}
