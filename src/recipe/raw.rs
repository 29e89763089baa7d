//! The recipe exactly as it is written. The doc comments here are what editors show: they come with the JSON Schema.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::facets::{RawFacetRule, RawVocabulary};
use super::facts::{RawProcessing, RawPublication, RawTime};
use super::publishing::{RawManage, RawPublish};
use super::thumbnail::RawThumbnail;
use super::watch::RawWatch;
use super::zarr::RawZarr;
use crate::model::{ProductFormat, RemovalLimit};

/// An altostac recipe: from an archive of files to a published STAC collection.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "altostac recipe")]
pub(super) struct RawRecipe {
    /// The STAC Collection that this recipe feeds.
    pub(super) collection: RawCollection,
    /// Where the files are.
    #[schemars(length(min = 1))]
    pub(super) sources: Vec<RawSource>,
    /// How it is found out that a file changed. Default: `time`.
    #[serde(default)]
    pub(super) fingerprints: RawFingerprints,
    /// How files become Items.
    pub(super) item: RawItem,
    /// How the files of an Item become one dataset.
    #[serde(default)]
    pub(super) aggregate: RawAggregate,
    /// What is written for each Item. Default: `[kerchunk]`.
    pub(super) products: Option<RawProducts>,
    /// Where products and the static catalogue go to: a folder, relative to the recipe, or the prefix of a bucket: `s3://bucket/prefix`, `gs://…`,
    /// `az://…`. Endpoint and credentials of a store come from the environment (`AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, …). Default: `published`.
    pub(super) output: Option<String>,
    /// How many revisions of an Item's products are kept, the current one included. One that the static catalogue or an API points at is never
    /// removed. Default: 2.
    #[schemars(range(min = 1))]
    pub(super) keep_revisions: Option<u32>,
    /// How what was uploaded to an object store is confirmed. Default: `read`.
    #[serde(default)]
    pub(super) confirm_uploads: RawConfirmation,
    /// What becomes of Items whose files are gone. Default: `remove`.
    #[serde(default)]
    pub(super) on_removed: RawOnRemoved,
    /// What stops a run that would do too much.
    #[serde(default)]
    pub(super) guard: RawGuard,
    /// What readers outside see instead of local paths; applied to references and to asset hrefs, the longest match first.
    #[serde(default)]
    pub(super) public_urls: Vec<RawPublicUrl>,
    /// Which templates make the records.
    #[serde(default)]
    pub(super) stac: RawStac,
    /// Where records are pushed to.
    pub(super) publish: Option<RawPublish>,
    /// How `altostac watch` learns of changes. Default: the whole archive is looked at every 15 minutes.
    pub(super) watch: Option<RawWatch>,
}

/// How it is found out that a file changed.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Fingerprints")]
pub(super) enum RawFingerprints {
    /// By its size and the time of its last modification, or its entity tag.
    #[default]
    Time,
    /// By its bytes too: every file is read whenever the archive is looked at, and its digests are kept in the state.
    Checksum,
}

/// How uploads are confirmed.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Confirmation")]
pub(super) enum RawConfirmation {
    /// Each object is read back from the store, and its SHA-256 compared.
    #[default]
    Read,
    /// The store is trusted to compare the SHA-256 that is sent with each object.
    Checksum,
}

/// What becomes of an Item whose files are gone.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "OnRemoved")]
pub(super) enum RawOnRemoved {
    /// Its record goes, from the APIs too; and once none holds it any more, its products.
    #[default]
    Remove,
    /// Its record and its products stay; its property `deprecated` is true (version extension).
    Deprecate,
    /// Its record and its products stay; its property `retracted` is true, as ESGF says it.
    Retract,
}

/// What stops a run that would do too much: an archive that is not mounted looks like one that was emptied.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Guard")]
pub(super) struct RawGuard {
    /// How many of the collection's Items may go in one run because none of their files is left: a share such as `20%`, or a number of Items.
    /// If more would, none does, the rest is done, and the exit status is 1; `--allow-removal` lets them go. Default: `20%`.
    pub(super) max_removed: Option<RawLimit>,
}

/// A share or a number.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "RemovalLimit")]
pub(super) enum RawLimit {
    /// So many Items.
    Items(u32),
    /// A share, such as `20%`.
    Share(String),
}

impl RawLimit {
    /// What is meant, or in words what is wrong.
    pub(super) fn resolve(self) -> Result<RemovalLimit, String> {
        match self {
            Self::Items(items) => Ok(RemovalLimit::Items(items)),
            Self::Share(text) => RemovalLimit::parse(&text).ok_or_else(|| {
                format!("is {text:?}; expected a share of the items, such as 20%, or a number of items")
            }),
        }
    }
}

/// The STAC Collection that a recipe feeds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Collection")]
pub(super) struct RawCollection {
    /// The Collection's id: letters, digits, `.`, `_` and `-`, at most 200.
    pub(super) id: String,
    /// A short title.
    pub(super) title: Option<String>,
    /// What the collection is, for people. Markdown is allowed.
    pub(super) description: String,
    /// An SPDX identifier such as `CC-BY-4.0`, or `other`. Default: `other`.
    pub(super) license: Option<String>,
    /// Keywords.
    #[serde(default)]
    pub(super) keywords: Vec<String>,
    /// Who made, processed and hosts the data.
    #[serde(default)]
    pub(super) providers: Vec<RawProvider>,
    /// The version of the collection (version extension).
    pub(super) version: Option<String>,
    /// The DOI of the data, such as `10.5285/4b6f…`, without `https://doi.org/` (scientific extension).
    pub(super) doi: Option<String>,
    /// How to cite the data.
    pub(super) citation: Option<String>,
    /// Publications about the data.
    #[serde(default)]
    pub(super) publications: Vec<RawPublication>,
    /// A collection of collections that this one is a child of. Its extent and its summaries are those of all its children together;
    /// several recipes with the same output may name the same parent.
    pub(super) parent: Option<RawParent>,
    /// Whether this recipe alone feeds the collection (`own`), or others do too (`extend`): then extents and summaries only grow, in the
    /// static catalogue and in APIs, and Items of others are left alone. Default: `own`.
    #[serde(default)]
    pub(super) manage: RawManage,
}

/// A collection whose children are collections.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Parent")]
pub(super) struct RawParent {
    /// Its id: letters, digits, `.`, `_` and `-`, at most 200.
    pub(super) id: String,
    /// A short title.
    pub(super) title: Option<String>,
    /// What its children have in common, for people. Markdown is allowed.
    pub(super) description: String,
}

/// An organisation behind the data.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Provider")]
pub(super) struct RawProvider {
    /// The organisation's name.
    pub(super) name: String,
    /// More about it.
    pub(super) description: Option<String>,
    /// What it does.
    #[serde(default)]
    pub(super) roles: Vec<RawRole>,
    /// Its home page.
    pub(super) url: Option<String>,
}

/// What an organisation does.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Role")]
pub(super) enum RawRole {
    /// Licenses the data.
    Licensor,
    /// Made the data.
    Producer,
    /// Processed the data.
    Processor,
    /// Hosts the data.
    Host,
}

/// One place to look for files: either `root` with globs, or `list`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Source", extend("oneOf" = [{"required": ["root"]}, {"required": ["list"]}]))]
pub(super) struct RawSource {
    /// A folder, relative to the recipe; or the URL of one: `https://` or `http://` of a server that lists its folders, `s3://`, `gs://`
    /// or `az://` with a bucket and a path. Credentials come from the environment.
    pub(super) root: Option<String>,
    /// Globs on the path below the root: files that are meant. `**` crosses folders. Default: `**/*.nc`.
    #[schemars(length(min = 1))]
    pub(super) include: Option<Vec<String>>,
    /// Globs on the path below the root: files that are not meant.
    pub(super) exclude: Option<Vec<String>>,
    /// A text file, relative to the recipe, that names one file a line, by path or by URL; or the URL of one. Relative names start at
    /// the recipe's folder (or at that of the list's URL); the pattern must match each name as it is written there. Empty lines and
    /// lines that begin with `#` are left out.
    pub(super) list: Option<String>,
}

/// How files become Items: files whose rendered `id` is the same are one Item.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Item", extend("oneOf" = [{"required": ["pattern"]}, {"required": ["regex"]}]))]
pub(super) struct RawItem {
    /// What the whole path below the root looks like. `{name}` captures a piece without `/` as a facet, `{name:**}` one that
    /// may hold `/`; all else is literal.
    pub(super) pattern: Option<String>,
    /// Instead of `pattern`: a regular expression (Rust syntax) on the whole path; its named groups are the facets.
    pub(super) regex: Option<String>,
    /// What else is known: rules that add facets or change them, in their order. Facets that are the same in all files of an Item become
    /// properties, but for `id` and `collection`.
    #[serde(default)]
    pub(super) facets: Vec<RawFacetRule>,
    /// For each facet the values that it may have.
    #[serde(default)]
    pub(super) vocabularies: BTreeMap<String, RawVocabulary>,
    /// A template of the Item's id, such as `{{ model }}.{{ version }}`. Facets are its variables.
    pub(super) id: String,
    /// Properties that every Item gets. Texts are templates as in `id`; what they render to stays text, but a text that is nothing but
    /// `{{ facet }}` keeps the type that the facet has by `item.facets`.
    #[serde(default)]
    pub(super) properties: BTreeMap<String, Value>,
    /// The time of Items whose files have no readable one: an RFC 3339 instant or date, or `{start, end}`.
    pub(super) datetime: Option<RawDatetime>,
    /// The place of Items whose files have no readable one: a GeoJSON geometry in longitude and latitude.
    pub(super) geometry: Option<RawGeometry>,
    /// Where the time of Items is taken from: `auto` (the default), `axis`, `bounds`, or `{from: attributes}` or `{from: facet}` with names.
    pub(super) time: Option<RawTime>,
    /// A template of the Item's version, as `id` is one. Default: the facet `version`, if there is one. Items whose ids differ in nothing but
    /// the version are linked as predecessor, successor and latest version.
    pub(super) version: Option<String>,
    /// Templates, as `id` is one, of URLs of what the Item was made from: links `derived_from`.
    #[serde(default)]
    pub(super) derived_from: Vec<String>,
}

/// A time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Datetime")]
pub(super) enum RawDatetime {
    /// An RFC 3339 instant, or a date: the whole day.
    Single(String),
    /// A first and a last instant.
    Interval(RawInterval),
}

/// A first and a last instant.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Interval")]
pub(super) struct RawInterval {
    /// An RFC 3339 instant, or a date: its first second.
    pub(super) start: String,
    /// An RFC 3339 instant, or a date: its last second.
    pub(super) end: String,
}

/// A GeoJSON geometry.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Geometry")]
pub(super) struct RawGeometry {
    /// The kind of geometry.
    #[schemars(extend("enum" = ["Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"]))]
    pub(super) r#type: String,
    /// Longitudes and latitudes in degrees, nested as GeoJSON asks for.
    #[schemars(extend("type" = "array"))]
    pub(super) coordinates: Value,
}

/// How the files of an Item become one dataset.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Aggregate")]
pub(super) struct RawAggregate {
    /// What the files are joined along: `auto` (the default) finds the dimensions from the coordinate values; or the name of a dimension;
    /// or `{name, from}`, a dimension along which a facet of the pattern says where a file stands; or a list of these. With `{name, from}`
    /// alone the other dimensions are found as by `auto`.
    pub(super) along: Option<RawAlong>,
    /// What steps along the join mean that two files hold: an error; or those of the file whose path comes last, or first, are used (paths in
    /// the order of people, `v9` before `v10`). Default: `error`.
    pub(super) on_overlap: Option<RawOnOverlap>,
    /// What a gap along the join means: a note in the report, or an error. Default: `report`.
    pub(super) on_gap: Option<RawOnGap>,
    /// Up to how many bytes the values of a variable stand in the product itself, where references cannot say them: a number, or one with
    /// `kB`, `MB`, `KiB` or `MiB`; at most 64 MiB. Default: `1MiB`.
    pub(super) inline_limit: Option<RawSize>,
}

/// Bytes: a number, or one with a unit.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Size")]
pub(super) enum RawSize {
    /// Bytes.
    Bytes(u64),
    /// With a unit.
    Text(String),
}

/// What steps along the join mean that two files hold.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "OnOverlap")]
pub(super) enum RawOnOverlap {
    /// The Item fails.
    Error,
    /// Those of the file whose path comes last are used.
    KeepLast,
    /// Those of the file whose path comes first are used.
    KeepFirst,
}

/// What files are joined along: one dimension, or several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Along")]
pub(super) enum RawAlong {
    // First: a list of two texts would do for a map of two keys.
    /// Several, slowest first.
    Several(Vec<RawDimension>),
    /// One dimension.
    One(RawDimension),
}

/// A dimension that files are joined along.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "AlongDimension")]
pub(super) enum RawDimension {
    /// A dimension of the files by its name, or a scalar coordinate variable; `auto` for all whose values differ.
    Name(String),
    /// A dimension along which a facet says where a file stands.
    Facet(RawFacetDimension),
}

/// A dimension along which a facet says where a file stands: a new one, whose coordinate are the facet's labels in natural order (r2 before
/// r10); or one that the files have without a coordinate, along which they then follow each other in that order.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FacetDimension")]
pub(super) struct RawFacetDimension {
    /// The dimension's name.
    pub(super) name: String,
    /// The facet: a name in braces of `item.pattern`, or a named group of `item.regex`.
    pub(super) from: String,
}

/// What a gap along the join means.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "OnGap")]
pub(super) enum RawOnGap {
    /// It is noted in the report.
    Report,
    /// The Item fails.
    Error,
}

/// What is written for each Item: a list of products, or `auto`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Products")]
pub(super) enum RawProducts {
    /// These. What cannot carry an Item is left out and told in its report, unless nothing can.
    Listed(#[schemars(length(min = 1))] Vec<RawProduct>),
    /// For each Item what carries it faithfully at the least cost: references to its files if they can (Kerchunk, in Parquet above 200,000
    /// of them, and CFA), else a copy. The report says what was chosen and why.
    Auto(RawAuto),
}

/// `auto`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Auto")]
pub(super) enum RawAuto {
    /// The best for each Item.
    Auto,
}

/// A product: its name, or its name with options.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Product")]
pub(super) enum RawProduct {
    /// A format by its name.
    Name(ProductFormat),
    /// A format with options.
    Options(RawProductOptions),
}

/// A format with options: one key, the format's name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "ProductOptions", extend("minProperties" = 1, "maxProperties" = 1))]
pub(super) struct RawProductOptions {
    /// Kerchunk references, version 1, in JSON.
    pub(super) kerchunk: Option<RawKerchunk>,
    /// Kerchunk references in Parquet, which readers open piece by piece.
    pub(super) kerchunk_parquet: Option<RawKerchunkParquet>,
    /// Virtual references in an Icechunk repository, one for each Item, whose commits are its history.
    pub(super) icechunk: Option<RawIcechunk>,
    /// CFA-netCDF (CF-1.13), an aggregation of whole files. It has no options yet.
    pub(super) cfa: Option<RawCfa>,
    /// A Zarr store: a copy of the values, rechunked.
    pub(super) zarr: Option<RawZarr>,
}

/// The options of CFA-netCDF: none yet.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Cfa")]
pub(super) struct RawCfa {}

/// The options of Icechunk.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Icechunk")]
pub(super) struct RawIcechunk {
    /// The version of the format on disk: 1, which all readers know, or 2 for those of Python 3.12 and later. Default: 1.
    #[schemars(range(min = 1, max = 2))]
    pub(super) version: Option<u64>,
}

/// The options of Kerchunk JSON.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Kerchunk")]
pub(super) struct RawKerchunk {
    /// Write Parquet instead for Items of more references than these. Default: JSON, however many there are.
    pub(super) parquet_above: Option<u64>,
}

/// The options of Kerchunk Parquet.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KerchunkParquet")]
pub(super) struct RawKerchunkParquet {
    /// How many references a table holds: to read one chunk, a reader fetches its whole table. Default: 100000.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub(super) record_size: Option<u32>,
}

/// What readers outside see instead of a local path or URL.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PublicUrl")]
pub(super) struct RawPublicUrl {
    /// A folder, relative to the recipe, or a URL.
    pub(super) from: String,
    /// The http(s), s3 or gs URL under which readers find what is in it.
    pub(super) to: String,
}

/// Which templates make the records. A file `templates/collection.json.j2`, `templates/item.json.j2` or
/// `templates/asset.json.j2` beside the recipe takes the place of the profile's.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Stac")]
pub(super) struct RawStac {
    /// The profile. Default: `default`.
    #[schemars(extend("enum" = super::PROFILES))]
    pub(super) profile: Option<String>,
    /// Whether the values of each data variable are summed up in `cube:variables`: minimum, maximum, mean, standard deviation, number of valid
    /// values. All values are read for it whenever the data have changed. Default: false.
    #[serde(default)]
    pub(super) statistics: bool,
    /// Whether source assets have a `file:checksum` (SHA-256). Files are read whole for it, once for each of their states. Default: false.
    #[serde(default)]
    pub(super) checksums: bool,
    /// Up to so many source files are assets of their own; if an Item has more, one table of them is instead (`source_manifest`). Default: 200.
    pub(super) source_assets: Option<u64>,
    /// What Items say of their processing.
    #[serde(default)]
    pub(super) processing: RawProcessing,
    /// A quick-look for each Item: a PNG of at most 100 KB, a map of one variable at one step, or a series. It stands beside the products
    /// of a revision. Where none can be made, the report says why. Default: `true`.
    pub(super) thumbnail: Option<RawThumbnail>,
    /// Properties or facets by whose values the static catalogue has catalogues between the collection and its items: the first parts the
    /// collection, the next each of its parts. Default: none.
    #[serde(default)]
    pub(super) catalogs: Vec<String>,
    /// Write `items.parquet` beside the collection: a table of all its items (STAC-GeoParquet 1.1), linked as its asset `items_parquet`.
    /// Default: false.
    pub(super) items_parquet: Option<bool>,
}
