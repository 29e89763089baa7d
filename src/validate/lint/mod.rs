//! What is wrong with a whole static catalogue, beyond what its schemas say of each record.
//!
//! In: the files of a catalogue ([`CatalogueFiles`]), and where to begin.
//! Out: [`Finding`]s, each with its record, a JSON pointer, what is expected, what was found and what to do; errors and warnings.
//!
//! Pure but for `CatalogueFiles`. Records are read one after the other, as links lead to them, and dropped; of each collection is kept what its
//! items have to agree with.
//!
//! | file | answers |
//! | --- | --- |
//! | `walk` | which records are there, and is what they say of each other so |
//! | `hrefs` | where does a link or asset lead |
//! | `gathered` | do extents, summaries and `item_assets` of a collection cover its items |

mod gathered;
mod hrefs;
mod walk;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Problem, ValidateError, Validator};
use crate::model::PublicUrls;

/// Findings beyond so many are only counted.
pub const FINDINGS_LISTED: usize = 1000;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The catalogue says what is not so, or a client cannot use it.
    Error,
    /// It could be better.
    Warning,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The path of the record below the catalogue's folder.
    pub record: String,
    /// Where in it: a JSON pointer, empty for the whole record.
    pub pointer: String,
    /// What is expected.
    pub expected: String,
    /// What was found.
    pub found: String,
    /// What can be done.
    pub remedy: String,
}

/// What linting a catalogue found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LintReport {
    /// How many catalogs were read.
    pub catalogs: usize,
    /// How many collections were read.
    pub collections: usize,
    /// How many items were read.
    pub items: usize,
    /// How many errors there are.
    pub errors: usize,
    /// How many warnings there are.
    pub warnings: usize,
    /// How many hrefs lead elsewhere and were not followed.
    pub not_followed: usize,
    /// The first findings, in the order in which records link to each other.
    pub findings: Vec<Finding>,
}

impl LintReport {
    fn add(&mut self, finding: Finding) {
        match finding.severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
        if self.findings.len() < FINDINGS_LISTED {
            self.findings.push(finding);
        }
    }
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// A file of so many bytes.
    File(u64),
    /// A folder.
    Folder,
}

/// The files of a catalogue. Paths are below its folder, with `/`.
pub trait CatalogueFiles {
    /// The bytes of a file; `None` if there is none.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, String>;

    /// What stands at a path below the folder.
    fn entry(&self, path: &str) -> Option<Entry>;

    /// What a `file:` URL leads to; `None` if that is nothing.
    fn local(&self, url: &url::Url) -> Option<Entry>;

    /// The names in a folder; none if there is no such folder.
    fn names(&self, folder: &str) -> Vec<String>;
}

/// Looks at all records that can be reached from the one at `start`: their schemas, and what these cannot say. With `public_urls` no href
/// may name what readers outside see elsewhere.
///
/// # Errors
/// [`ValidateError::Schema`] if a vendored schema cannot be used. A record that cannot be read is a finding.
pub fn lint(
    files: &dyn CatalogueFiles,
    start: &str,
    public_urls: Option<&PublicUrls>,
    validator: &Validator,
) -> Result<LintReport, ValidateError> {
    walk::Walk::new(files, start, public_urls, validator).run()
}

/// `expected …, found …` of a problem's message apart.
fn apart(problem: &Problem) -> (String, String) {
    let message = problem.message.as_str();
    let rest = message.strip_prefix("expected ").unwrap_or(message);
    match rest.rfind(", found ") {
        Some(at) => (rest[..at].to_owned(), rest[at + ", found ".len()..].to_owned()),
        None => (rest.to_owned(), String::new()),
    }
}
