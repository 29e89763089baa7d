//! Source files, and the items they are grouped into.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::facets::FacetValues;
use super::ids::ItemId;

/// Where a source file is: an absolute URL; local files are `file:///…`. Copies share the text: files are named in many places.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceUrl(Arc<url::Url>);

impl Serialize for SourceUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_ref().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SourceUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        url::Url::deserialize(deserializer).map(Self::new)
    }
}

/// The schemes of files that are not on this machine.
pub const REMOTE_SCHEMES: [&str; 5] = ["https", "http", "s3", "gs", "az"];

impl SourceUrl {
    /// Takes a URL.
    pub fn new(url: url::Url) -> Self {
        Self(Arc::new(url))
    }

    /// The URL of a local file; `None` if the path is not absolute.
    ///
    /// ```
    /// use altostac::model::SourceUrl;
    /// let url = SourceUrl::from_path("/archive/tas 1.nc").unwrap();
    /// assert_eq!(url.as_str(), "file:///archive/tas%201.nc");
    /// ```
    pub fn from_path(path: impl AsRef<Path>) -> Option<Self> {
        url::Url::from_file_path(path).ok().map(Self::new)
    }

    /// The URL as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The URL itself.
    pub fn url(&self) -> &url::Url {
        &self.0
    }

    /// Whether it is not on this machine.
    pub fn is_remote(&self) -> bool {
        self.0.scheme() != "file"
    }

    /// The path of a local file; `None` for any other scheme.
    pub fn local_path(&self) -> Option<PathBuf> {
        if self.0.scheme() == "file" { self.0.to_file_path().ok() } else { None }
    }

    /// Whether this is `folder` or lies below it.
    ///
    /// ```
    /// use altostac::model::SourceUrl;
    /// let url = |text: &str| SourceUrl::new(url::Url::parse(text).unwrap());
    /// assert!(url("https://a.org/x/y.nc").is_within(&url("https://a.org/x")));
    /// assert!(!url("https://a.org/xx/y.nc").is_within(&url("https://a.org/x")));
    /// assert!(!url("https://b.org/x/y.nc").is_within(&url("https://a.org/x/")));
    /// ```
    pub fn is_within(&self, folder: &Self) -> bool {
        let same_place = self.0.scheme() == folder.0.scheme()
            && self.0.host_str() == folder.0.host_str()
            && self.0.port_or_known_default() == folder.0.port_or_known_default();
        let above = folder.0.path().strip_suffix('/').unwrap_or(folder.0.path());
        let rest = self.0.path().strip_prefix(above);
        same_place && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The last piece of the path.
    pub fn file_name(&self) -> &str {
        self.0.path().rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Debug for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SourceUrl").field(&shown_url(&self.0)).finish()
    }
}

impl fmt::Display for SourceUrl {
    /// A local file is shown as its path: that is what people copy into a shell. Secrets in the URL are not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.local_path() {
            Some(path) => write!(f, "{}", path.display()),
            None => f.write_str(&shown_url(&self.0)),
        }
    }
}

/// Pieces of the names of query parameters that give access: presigned URLs of S3, Google and Azure, tokens.
const SECRET_PARAMETERS: [&str; 5] = ["signature", "credential", "token", "secret", "password"];

/// Other names whose values are better not shown.
const PRIVATE_PARAMETERS: [&str; 8] =
    ["key", "apikey", "api_key", "auth", "authorization", "awsaccesskeyid", "googleaccessid", "policy"];

fn is_secret_parameter(parameter: &str) -> bool {
    let name = parameter_name(parameter);
    name == "sig" || SECRET_PARAMETERS.iter().any(|piece| name.contains(piece))
}

fn parameter_name(parameter: &str) -> String {
    let encoded = parameter.split('=').next().unwrap_or_default();
    percent_encoding::percent_decode_str(encoded).decode_utf8_lossy().to_ascii_lowercase()
}

/// Whether who has the URL has access: it holds a user, a password, a signature or a token.
pub fn holds_secret(url: &url::Url) -> bool {
    let query = url.query().unwrap_or_default();
    !url.username().is_empty() || url.password().is_some() || query.split('&').any(is_secret_parameter)
}

/// A URL for messages: without user and password, and without the values of query parameters that look like secrets.
///
/// ```
/// let url = "https://me:pw@host/a.nc?versionId=3&X-Amz-Signature=ab12".parse().unwrap();
/// assert_eq!(altostac::model::shown_url(&url), "https://host/a.nc?versionId=3&X-Amz-Signature=…");
/// ```
pub fn shown_url(url: &url::Url) -> String {
    let mut shown = url.clone();
    if !url.username().is_empty() || url.password().is_some() {
        // They fail for URLs that cannot have any.
        let _ = shown.set_username("");
        let _ = shown.set_password(None);
    }
    let Some(query) = url.query() else { return shown.into() };
    shown.set_query(None);
    let shown_parameter = |parameter: &str| match parameter.split_once('=') {
        Some((name, _))
            if is_secret_parameter(parameter) || PRIVATE_PARAMETERS.contains(&&*parameter_name(parameter)) =>
        {
            format!("{name}=…")
        }
        _ => parameter.to_owned(),
    };
    let parameters: Vec<String> = query.split('&').map(shown_parameter).collect();
    let fragment = shown.fragment().map(|fragment| format!("#{fragment}")).unwrap_or_default();
    shown.set_fragment(None);
    format!("{shown}?{}{fragment}", parameters.join("&"))
}

/// A place that a recipe names: on this machine, or behind a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourcePlace {
    /// An absolute path.
    Local(PathBuf),
    /// A URL that is not `file:`; that of a folder ends with `/`.
    Remote(SourceUrl),
}

impl SourcePlace {
    /// The path, if it is on this machine.
    pub fn local(&self) -> Option<&Path> {
        match self {
            Self::Local(path) => Some(path),
            Self::Remote(_) => None,
        }
    }
}

impl fmt::Display for SourcePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => write!(f, "{}", path.display()),
            Self::Remote(url) => write!(f, "{url}"),
        }
    }
}

/// What tells one state of a source file from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Fingerprint {
    /// The size in bytes and the time of the last modification in nanoseconds since 1970.
    ModifiedAndSize {
        /// Nanoseconds since 1970-01-01T00:00:00Z.
        modified_ns: i64,
        /// Bytes.
        size: u64,
    },
    /// An object store's entity tag.
    ETag {
        /// The tag, with its quotes.
        tag: String,
    },
    /// The SHA-256 of the content, in hexadecimal.
    Sha256 {
        /// 64 hexadecimal digits.
        digest: String,
    },
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ModifiedAndSize { modified_ns, size } => write!(f, "{size} bytes, modified {modified_ns} ns"),
            Self::ETag { tag } => write!(f, "ETag {tag}"),
            Self::Sha256 { digest } => write!(f, "SHA-256 {digest}"),
        }
    }
}

/// One file of the archive, as it was when it was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SourceFile {
    /// Where it is.
    pub url: SourceUrl,
    /// Bytes.
    pub size: u64,
    /// What tells a later change.
    pub fingerprint: Fingerprint,
}

/// The pieces that an item pattern captured, by name.
pub type Facets = BTreeMap<String, String>;

/// An item to be: its id and the files it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemSource {
    /// The rendered id.
    pub id: ItemId,
    /// Facets that are the same for all files of the item.
    pub facets: FacetValues,
    /// The rendered `item.properties` of the recipe.
    pub properties: BTreeMap<String, serde_json::Value>,
    /// The files, sorted by URL; never empty.
    pub files: Vec<SourceFile>,
    /// For each file the facets that tell where it stands (`aggregate.along`); empty if the recipe asks for none.
    pub file_facets: Vec<Facets>,
}
