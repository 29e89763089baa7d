//! Where records are pushed to, and what of the APIs' own stays.

use std::path::PathBuf;

use url::Url;

use super::auth::AuthSettings;
use super::keeping::RemovalLimit;

/// Where records are pushed to.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishSettings {
    /// The APIs, in the order in which they are told.
    pub apis: Vec<ApiSettings>,
    /// What others own in the APIs.
    pub keep: Vec<KeptField>,
    /// How many items that the catalogue does not hold may be deleted at once.
    pub max_deletes: RemovalLimit,
}

impl PublishSettings {
    /// What a recipe without a word on it says: a tenth of the collection's items in the API.
    pub const DEFAULT_MAX_DELETES: RemovalLimit = RemovalLimit::Share(1000);
}

/// A STAC API with the Transaction extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSettings {
    /// Its landing page.
    pub url: Url,
    /// Who we are to it.
    pub auth: Option<AuthSettings>,
    /// Certificates of authorities (PEM) that are trusted beside the system's.
    pub ca: Option<PathBuf>,
}

/// Whether a recipe alone feeds its collection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Manage {
    /// It does.
    #[default]
    Own,
    /// Others do too: extents and summaries only grow, and what others put there stays.
    Extend,
}

/// A place in records that others own in the API: a JSON pointer (RFC 6901), in which a `*` stands for every member or element.
///
/// ```
/// use altostac::model::KeptField;
/// assert!(KeptField::new("/assets/*/alternate").is_some());
/// assert!(KeptField::new("assets").is_none() && KeptField::new("/id").is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptField {
    pieces: Vec<String>,
}

impl KeptField {
    /// Takes a pointer; `None` if it is none, or means what makes the record ours: the whole of it, `id`, `collection`, `type`.
    pub fn new(pointer: &str) -> Option<Self> {
        let pieces = pointer.strip_prefix('/')?.split('/').map(|piece| piece.replace("~1", "/").replace("~0", "~"));
        let pieces: Vec<String> = pieces.collect();
        let is_own = matches!(pieces.first().map(String::as_str), Some("" | "*" | "id" | "collection" | "type"));
        (!is_own).then_some(Self { pieces })
    }

    /// The names on the way there.
    pub fn pieces(&self) -> &[String] {
        &self.pieces
    }
}
