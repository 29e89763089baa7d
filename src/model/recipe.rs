//! The recipe as the stages see it: resolved, checked, free of I/O. `recipe` makes it from the YAML that a user writes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde_json::Value;

use super::facts::{CollectionFacts, ItemFacts, RecordFacts};
use super::ids::{CollectionId, DimensionName};
use super::keeping::Keeping;
use super::product::ProductsAsked;
use super::public_urls::PublicUrls;
use super::publishing::{Manage, PublishSettings};
use super::source::SourcePlace;
use super::thumbnail::ThumbnailSettings;
use super::watch::WatchSettings;

/// A whole recipe.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The file it was read from, absolute.
    pub path: PathBuf,
    /// The collection that it feeds.
    pub collection: CollectionSettings,
    /// Where the files are.
    pub sources: Vec<SourceSettings>,
    /// Whether the bytes of files whose fingerprints are the same are compared whenever the archive is looked at.
    pub compares_bytes: bool,
    /// How files become items.
    pub item: ItemSettings,
    /// How the files of an item become one dataset.
    pub aggregate: AggregateSettings,
    /// What is written for each item.
    pub products: ProductsAsked,
    /// Where products and the static catalogue go to: a folder, absolute, or the prefix of a bucket.
    pub output: SourcePlace,
    /// How it is kept.
    pub keeping: Keeping,
    /// What readers outside see instead of local URLs.
    pub public_urls: PublicUrls,
    /// Which templates make the records.
    pub stac: StacSettings,
    /// What the quick-look of each item shows; `None` for no quick-looks.
    pub thumbnail: Option<ThumbnailSettings>,
    /// Whether it alone feeds its collection.
    pub manage: Manage,
    /// Where records are pushed to.
    pub publish: Option<PublishSettings>,
    /// How the archive is watched.
    pub watch: WatchSettings,
    /// SHA-256 in hexadecimal of all that decides what products hold: sources' roots, pattern, aggregation, products,
    /// public URLs. Globs and the id are left out: they show in the files of each item.
    pub product_digest: String,
    /// SHA-256 in hexadecimal of all that decides what records hold beyond their products: collection, properties, the
    /// stand-ins for time and place, the profile's name, the text of templates beside the recipe.
    pub record_digest: String,
}

/// The collection's own texts.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectionSettings {
    /// Its id.
    pub id: CollectionId,
    /// Its title.
    pub title: Option<String>,
    /// Its description: STAC asks for one.
    pub description: String,
    /// An SPDX identifier or `other`.
    pub license: String,
    /// Keywords.
    pub keywords: Vec<String>,
    /// STAC Provider objects: name, description, roles, url.
    pub providers: Vec<Value>,
    /// Its version, DOI and citations.
    pub facts: CollectionFacts,
    /// The collection of collections that it is a child of.
    pub parent: Option<ParentSettings>,
    /// Whether a table of its items stands beside it.
    pub items_parquet: bool,
}

/// A collection whose children are collections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParentSettings {
    /// Its id.
    pub id: CollectionId,
    /// Its title.
    pub title: Option<String>,
    /// Its description.
    pub description: String,
}

/// One place to look for files.
#[derive(Debug, Clone)]
pub struct SourceSettings {
    /// The folder; links in the path of a local one are resolved. Of a list: where relative lines start, the recipe's folder or that
    /// of the list's URL.
    pub root: SourcePlace,
    /// What is looked for.
    pub files: SourceFiles,
}

/// Which files of a root are meant.
#[derive(Debug, Clone)]
pub enum SourceFiles {
    /// Those below the root that one of the globs includes and none excludes.
    Matching {
        /// Globs that include, on the path below the root.
        include: Globs,
        /// Globs that exclude, on the path below the root.
        exclude: Globs,
    },
    /// Those that a text file names, one path or URL a line: where that text file is.
    Listed(SourcePlace),
}

/// Globs on the path below a root: `*` and `?` stay within one folder, `**` crosses folders.
///
/// ```
/// use altostac::model::recipe::Globs;
/// let globs = Globs::new(["**/*.nc", "**/files/**"])?;
/// assert!(globs.matches("a.nc") && globs.matches("a/b.nc") && !globs.matches("a.nc4"));
/// assert!(globs.matches_all_below("gn/files") && !globs.matches_all_below("gn"));
/// # Ok::<(), globset::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Globs {
    texts: Vec<String>,
    files: GlobSet,
    folders: GlobSet,
}

impl Globs {
    /// Compiles globs.
    ///
    /// # Errors
    /// [`globset::Error`] if one is not a glob.
    pub fn new<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Result<Self, globset::Error> {
        let texts: Vec<String> = texts.into_iter().map(Into::into).collect();
        let compile = |text: &str| GlobBuilder::new(text).literal_separator(true).build();
        let (mut files, mut folders) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for text in &texts {
            files.add(compile(text)?);
            if let Some(folder) = text.strip_suffix("/**").filter(|folder| !folder.is_empty()) {
                folders.add(compile(folder)?);
            }
        }
        Ok(Self { files: files.build()?, folders: folders.build()?, texts })
    }

    /// The globs as they were written.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Whether one of them matches the path below the root.
    pub fn matches(&self, path: impl AsRef<Path>) -> bool {
        self.files.is_match(path)
    }

    /// Whether one of them ends in `/**` and matches so all that is below this folder.
    pub fn matches_all_below(&self, folder: impl AsRef<Path>) -> bool {
        self.folders.is_match(folder)
    }
}

/// How files become items.
#[derive(Debug, Clone)]
pub struct ItemSettings {
    /// The pattern on the path below the root.
    pub pattern: super::pattern::ItemPattern,
    /// What is found out beyond the pattern.
    pub facets: super::facets::FacetRules,
    /// The values that facets may have, by facet.
    pub vocabularies: BTreeMap<String, super::vocabulary::Vocabulary>,
    /// A minijinja template of the id.
    pub id: String,
    /// minijinja templates of properties, in the types of YAML (only texts are rendered).
    pub properties: BTreeMap<String, Value>,
    /// The instants of items that have no readable time: first and last.
    pub datetime: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The place of items that have no readable one: a GeoJSON geometry.
    pub geometry: Option<Value>,
    /// Where time, version and origin are taken from.
    pub facts: ItemFacts,
}

impl ItemSettings {
    /// The facets that there may be: those of the pattern, or what the rules make of them.
    pub fn facet_names(&self) -> Vec<&str> {
        match self.facets.rules.is_empty() {
            true => self.pattern.facet_names().collect(),
            false => self.facets.names.iter().map(String::as_str).collect(),
        }
    }
}

/// How the files of an item become one dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AggregateSettings {
    /// The dimensions to join along.
    pub along: Along,
    /// What a step along the join that two files hold means.
    pub on_overlap: OnOverlap,
    /// What a gap along the join means.
    pub on_gap: OnGap,
    /// Up to how many bytes a variable is kept in the product itself, if it cannot be virtual or describes others.
    pub inline_limit: u64,
}

impl Default for AggregateSettings {
    /// What a recipe without `aggregate` says.
    fn default() -> Self {
        let (along, on_overlap, on_gap) = (Along::default(), OnOverlap::Error, OnGap::Report);
        Self { along, on_overlap, on_gap, inline_limit: 1 << 20 }
    }
}

/// The dimensions to join along.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Along {
    /// Dimensions of the files; empty: those whose coordinate values differ between the files.
    pub dimensions: Vec<DimensionName>,
    /// Dimensions along which a facet says where a file stands, slowest first.
    pub facets: Vec<FacetDimension>,
}

/// A dimension along which a facet says where a file stands.
///
/// If the files have no dimension of this name it is a new one, one step for each label; if they have one, without coordinate, they
/// follow each other along it in the order of their labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetDimension {
    /// The dimension.
    pub name: DimensionName,
    /// The facet.
    pub from: String,
}

/// What a step along the join that two files hold means.
///
/// The order of files is that of their URLs as people list them: runs of digits count as numbers ([`natural_order`](super::label::natural_order)), so that
/// of two versions in folders the later one is last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnOverlap {
    /// It is a conflict.
    Error,
    /// The step of the file that comes last is used.
    KeepLast,
    /// The step of the file that comes first is used.
    KeepFirst,
}

/// What a gap along the join means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnGap {
    /// It is noted in the report.
    Report,
    /// It is a conflict.
    Error,
}

/// Which templates make the records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StacSettings {
    /// The name of a profile: a folder of templates.
    pub profile: String,
    /// Templates beside the recipe that take the place of the profile's: file name and text.
    pub overrides: BTreeMap<String, String>,
    /// What goes into all records.
    pub facts: RecordFacts,
    /// Properties of items by whose values there are catalogues between the collection and its items, the outermost first.
    pub catalogs: Vec<String>,
}
