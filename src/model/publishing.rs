//! Where records are pushed to, and what of the APIs' own stays.

use std::fmt;
use std::path::PathBuf;

use url::Url;

use super::auth::AuthSettings;

/// Where records are pushed to.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishSettings {
    /// The APIs, in the order in which they are told.
    pub apis: Vec<ApiSettings>,
    /// What others own in the APIs.
    pub keep: Vec<KeptField>,
    /// How many items that the catalogue does not hold may be deleted at once.
    pub max_deletes: DeleteLimit,
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

/// How many items may be deleted at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DeleteLimit {
    /// So many.
    Count(usize),
    /// This part, in percent, of the collection's items in the API.
    Percent(f64),
}

impl Default for DeleteLimit {
    /// A tenth.
    fn default() -> Self {
        Self::Percent(10.0)
    }
}

impl DeleteLimit {
    /// Reads `25`, `10%` or `2.5 %`; `None` if it is neither a number nor a part of all.
    ///
    /// ```
    /// use altostac::model::DeleteLimit;
    /// assert_eq!(DeleteLimit::parse("25"), Some(DeleteLimit::Count(25)));
    /// assert_eq!(DeleteLimit::parse("2.5 %"), Some(DeleteLimit::Percent(2.5)));
    /// assert_eq!(DeleteLimit::parse("101%"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let Some(percent) = text.strip_suffix('%') else { return text.parse().ok().map(Self::Count) };
        percent.trim().parse().ok().filter(|percent| (0.0..=100.0).contains(percent)).map(Self::Percent)
    }

    /// Whether so many of all may be deleted.
    ///
    /// ```
    /// use altostac::model::DeleteLimit;
    /// assert!(DeleteLimit::Count(3).allows(3, 3) && !DeleteLimit::Count(3).allows(4, 100));
    /// assert!(DeleteLimit::Percent(10.0).allows(1, 10) && !DeleteLimit::default().allows(1, 9));
    /// ```
    #[allow(clippy::cast_precision_loss)] // no API has 2^53 items
    pub fn allows(self, surplus: usize, all: usize) -> bool {
        match self {
            Self::Count(most) => surplus <= most,
            Self::Percent(most) => surplus as f64 * 100.0 <= all as f64 * most,
        }
    }
}

impl fmt::Display for DeleteLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(most) => write!(f, "{most}"),
            Self::Percent(most) => write!(f, "{most} %"),
        }
    }
}
