//! Rules and vocabularies exactly as they are written. The doc comments here come with the JSON Schema.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A rule that adds or changes facets: one of `pattern`, `regex`, `attributes`, `sidecar`, `map`, `default`, `set`, `append`, `rename`,
/// `prefix`, `cast`, `replace`, `join`, `hash`, `remove`, `then`, and what goes with it. Any rule may have `when`.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FacetRule", extend("minProperties" = 1))]
pub(in crate::recipe) struct RawFacetRule {
    /// A condition in the language of templates, such as `model == "UKESM1-0-LL" and year > 2000`, `institution is defined` or
    /// `model is matching("UKESM.*")`: else the rule is passed over. A facet without a value counts as undefined.
    pub(super) when: Option<String>,
    /// What the whole text of `from` looks like, as in `item.pattern`: each name in braces becomes a facet.
    pub(super) pattern: Option<String>,
    /// A regular expression (Rust syntax) that is searched in the text of `from`; its named groups become facets.
    pub(super) regex: Option<String>,
    /// Attributes of the files: a list of names, or a map of facets to names. Global ones, or with `variable` those of a variable. The
    /// files are opened once; what they say is kept in the state as long as they do not change.
    pub(super) attributes: Option<RawNames>,
    /// With `attributes`: the variable's name, a template.
    pub(super) variable: Option<String>,
    /// A table beside the recipe, `.csv` with a header, `.json` or `.yaml` (a list of maps, or a map of maps by the value of one facet):
    /// the row whose columns `by` equal facets gives facets.
    pub(super) sidecar: Option<String>,
    /// With `sidecar`: facets that find the row, a list of names or a map of facets to columns. Without it the file holds one map, for
    /// all files.
    pub(super) by: Option<RawNames>,
    /// With `sidecar`: what becomes facets, a list of columns or a map of facets to columns. Default: all other columns.
    pub(super) take: Option<RawNames>,
    /// A map from values of `from` to those of `to`; or a `.csv` (two columns, no header), `.json` or `.yaml` file beside the recipe.
    pub(super) map: Option<RawMap>,
    /// Facets for which nothing is known yet, and their values. Texts are templates.
    pub(super) default: Option<BTreeMap<String, Value>>,
    /// Facets and their values. Texts are templates; a text that is nothing but `{{ facet }}` keeps the type of that facet.
    pub(super) set: Option<BTreeMap<String, Value>>,
    /// Facets that are lists, and what is added to them.
    pub(super) append: Option<BTreeMap<String, Value>>,
    /// A map of old names to new ones.
    pub(super) rename: Option<BTreeMap<String, String>>,
    /// What is put before the names of `facets`, with a colon: `cmip6` makes `cmip6:model` of `model`. Templates cannot use such a name.
    pub(super) prefix: Option<String>,
    /// With `prefix` or `join`: names of facets. With `prefix`, default: all.
    pub(super) facets: Option<Vec<String>>,
    /// A map of facets to types: `text`, `int`, `float`, `bool`, `date` (RFC 3339), or `{date: "%Y%m%d", as: "%Y-%m-%d"}`.
    pub(super) cast: Option<BTreeMap<String, RawCast>>,
    /// A regular expression (Rust syntax): all that it matches in `from` is replaced by `with`.
    pub(super) replace: Option<String>,
    /// With `replace`: by what; `$1` or `${name}` stands for a group. With `join`: what stands between values, default nothing.
    pub(super) with: Option<String>,
    /// The facet that the values of `facets` are joined to, with `with` between them.
    pub(super) join: Option<String>,
    /// A template whose text is hashed; the facet `to` becomes the hash in hexadecimal.
    pub(super) hash: Option<String>,
    /// With `hash`. Default: `sha256`.
    pub(super) algorithm: Option<RawAlgorithm>,
    /// Names of facets that are forgotten.
    pub(super) remove: Option<Vec<String>>,
    /// Rules for files for which `when` holds.
    pub(super) then: Option<Vec<RawFacetRule>>,
    /// With `then`: rules for all other files.
    pub(super) r#else: Option<Vec<RawFacetRule>>,
    /// With `pattern`, `regex`, `map` and `replace`: the facet that is looked at; or `file_path` (below the root; default of `pattern` and
    /// `regex`), `file_name` or `file_location` (the absolute path, or the URL).
    pub(super) from: Option<String>,
    /// With `map`, `replace` and `hash`: the facet that the result becomes. Default: that of `from`.
    pub(super) to: Option<String>,
    /// What it means that nothing is found: no match, no attribute, no row, no entry, no value that can be cast. `error` (the default): the
    /// Item fails; `ignore`: facets stay as they are, a value that cannot be cast is forgotten.
    pub(super) missing: Option<RawMissing>,
}

/// Names, or names and what they are called elsewhere.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "FacetNames")]
pub(super) enum RawNames {
    /// Names that are the same on both sides.
    Same(Vec<String>),
    /// Facets and names.
    Map(BTreeMap<String, String>),
}

/// A map of values: here, or in a file.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "FacetMap")]
pub(super) enum RawMap {
    /// The name of a file.
    File(String),
    /// The map itself.
    Here(BTreeMap<String, Value>),
}

/// The type that a value becomes.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "FacetCast")]
pub(super) enum RawCast {
    /// A type.
    Kind(RawKind),
    /// A date, and how it is written.
    Date(RawDate),
}

/// A type of values.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "FacetType")]
pub(super) enum RawKind {
    /// A text.
    Text,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// `true`, `yes`, `on`, `1` or `false`, `no`, `off`, `0`.
    Bool,
    /// A date, or date and time, in RFC 3339.
    Date,
}

/// A date.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FacetDate")]
pub(super) struct RawDate {
    /// How it is written, in the letters of strftime such as `%Y%m%d`. What is left open is the first.
    pub(super) date: String,
    /// How it is written then. Default: RFC 3339.
    pub(super) r#as: Option<String>,
}

/// How a text is hashed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "HashAlgorithm")]
pub(super) enum RawAlgorithm {
    /// MD5, as stac-generator has it.
    Md5,
    /// SHA-256.
    Sha256,
}

/// What it means that nothing is found.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "FacetMissing")]
pub(super) enum RawMissing {
    /// The Item fails.
    Error,
    /// Facets stay as they are.
    Ignore,
}

/// The values that a facet may have: a list, the name of a file, or one of these with options.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Vocabulary")]
pub(in crate::recipe) enum RawVocabulary {
    /// The values.
    Values(Vec<String>),
    /// A file beside the recipe: `.csv` (its first column), `.json` or `.yaml` (a list of texts, or a map whose keys are the values; such
    /// within a map under the facet's name); or SKOS in `.ttl`, `.rdf`, `.xml` or `.jsonld` (notations and labels of all its concepts).
    File(String),
    /// With options.
    Options(RawVocabularyOptions),
}

/// The values that a facet may have, with options.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "VocabularyOptions", extend("oneOf" = [{"required": ["values"]}, {"required": ["file"]}]))]
pub(in crate::recipe) struct RawVocabularyOptions {
    /// The values.
    pub(super) values: Option<Vec<String>>,
    /// A file beside the recipe.
    pub(super) file: Option<String>,
    /// The column of a `.csv` with a header, or the key in each map of a `.json` or `.yaml` list.
    pub(super) column: Option<String>,
    /// Of SKOS: what counts as a value. Default: `[notation, prefLabel, altLabel]`.
    pub(super) labels: Option<Vec<RawLabel>>,
    /// What an unknown value means: `error` (the default): the Item fails; `warn`: it is told.
    pub(super) on_unknown: Option<RawOnUnknown>,
}

/// What of a SKOS concept counts as a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "VocabularyLabel")]
pub(in crate::recipe) enum RawLabel {
    /// `skos:notation`
    #[serde(rename = "notation")]
    Notation,
    /// `skos:prefLabel`
    #[serde(rename = "prefLabel")]
    PrefLabel,
    /// `skos:altLabel`
    #[serde(rename = "altLabel")]
    AltLabel,
    /// The concept's URI.
    #[serde(rename = "uri")]
    Uri,
}

/// What an unknown value means.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "OnUnknown")]
pub(in crate::recipe) enum RawOnUnknown {
    /// The Item fails.
    Error,
    /// It is told.
    Warn,
}
