//! Makes STAC records: what a dataset is, where and when it is, and how to open it.
//!
//! In: a [`VirtualCube`], its facets and properties, its [`VerifiedProduct`]s, the collection's settings and the
//! [`Templates`].
//! Out: [`Record`]s of Items and their Collection, as they stand in the static catalogue.
//!
//! Pure: no clock, no I/O; the same input gives the same bytes.
//!
//! | file | answers |
//! | --- | --- |
//! | `dataset`, `purpose`, `axis`, `numbers` | which variables are data, coordinates, bounds by the CF conventions, and what their numbers are |
//! | `coverage`; `horizontal`, `temporal` | where and when the cells are |
//! | `coordinates`, `cells`, `digest`, `longitude`; `curvilinear`, `features`, `mesh`; `stated` | where, by latitudes and longitudes: of grids and swaths, of points and ways, of meshes; in words alone |
//! | `projected`, `projection`, `parameters`, `wkt`; `agreement` | where, by grid mappings, well-known text and EPSG codes; whether latitudes and longitudes agree |
//! | `outline`, `geometry` | footprints and boxes as GeoJSON, split at the antimeridian |
//! | `reference`, `wkt2` | `proj:code`, `proj:wkt2`, `proj:shape`, `proj:transform` |
//! | `datacube` | `cube:dimensions` and `cube:variables` |
//! | `facts`, `period` | when by the recipe's choice, how long and how often; versions, origin, processing |
//! | `assets` | what an Item links to |
//! | `item`, `collection`, `parent`, `summaries` | the records' computed pieces |
//! | `view` | what a quick-look can show |
//! | `templates`, `template_functions` | how the pieces become a record, and that a template cannot bend the truth |

mod agreement;
mod assets;
mod axis;
mod cells;
mod collection;
mod coordinates;
mod coverage;
mod curvilinear;
mod datacube;
mod dataset;
mod digest;
mod error;
mod facts;
mod features;
mod geometry;
mod horizontal;
mod item;
mod longitude;
mod mesh;
mod numbers;
mod parent;
mod period;
mod outline;
mod parameters;
mod projected;
mod projection;
mod purpose;
mod reference;
mod stated;
mod summaries;
mod template_functions;
mod templates;
mod temporal;
mod wkt;
mod wkt2;
#[cfg(test)]
mod tests;
mod view;
mod withdrawn;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::model::facts::{ItemFacts, RecordFacts};
use crate::model::recipe::CollectionSettings;
use crate::model::{
    Digest, FacetValues, ItemId, KnownFacts, Note, ProductFile, PublicUrls, Record, SourceUrl, VariablePath,
    VerifiedProduct, VirtualCube,
};

pub use axis::Axis;
pub use collection::describe_collection;
pub use coverage::{missing_coverage, read_coverage};
pub use error::{DescribeError, Disagreement};
pub use parent::describe_parent;
pub use purpose::{Purpose, Role, read_purposes};
pub use templates::{PROFILES, Templates, profile_files};
pub use view::{Earth, Sight, View, find_view};
pub use withdrawn::withdrawn;

/// The version of STAC that the records follow.
pub const STAC_VERSION: &str = "1.1.0";

/// What one source file says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceFacts {
    /// Its global attribute `tracking_id`.
    pub tracking_id: Option<String>,
    /// Its global attribute `creation_date`.
    pub creation_date: Option<String>,
}

/// All that an Item is made of.
#[derive(Debug, Clone, Copy)]
pub struct ItemInput<'a> {
    /// The dataset.
    pub cube: &'a VirtualCube,
    /// What templates may say of each source file beyond the cube.
    pub source_facts: &'a BTreeMap<SourceUrl, SourceFacts>,
    /// Digests of coordinates and bounds that are too large for the cube to hold them; those of the first file.
    pub coordinate_digests: &'a BTreeMap<VariablePath, Digest>,
    /// The Item's id.
    pub id: &'a ItemId,
    /// What the path pattern captured, and what rules made of it.
    pub facets: &'a FacetValues,
    /// The rendered properties of the recipe: they override facets, never what is computed.
    pub properties: &'a BTreeMap<String, Value>,
    /// What was written and verified, in the order of the recipe.
    pub products: &'a [VerifiedProduct],
    /// The run's report, if one stands beside the products.
    pub report: Option<&'a ProductFile>,
    /// The quick-look, if one stands beside the products.
    pub thumbnail: Option<&'a ProductFile>,
    /// The table of sources beside the products; linked instead of more sources than [`RecordFacts::source_assets`].
    pub source_manifest: Option<&'a ProductFile>,
    /// The collection it belongs to.
    pub collection: &'a CollectionSettings,
    /// What readers see instead of local URLs.
    pub public_urls: &'a PublicUrls,
    /// When the record was first made.
    pub created: DateTime<Utc>,
    /// When it was last changed.
    pub updated: DateTime<Utc>,
    /// The recipe's first and last instant, used if none can be read.
    pub datetime: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The recipe's GeoJSON geometry, used if no place can be read.
    pub geometry: Option<&'a Value>,
    /// What the recipe states of items.
    pub item_facts: &'a ItemFacts,
    /// What the recipe states of all records.
    pub record_facts: &'a RecordFacts,
    /// What is known beside the cube.
    pub known: &'a KnownFacts,
    /// How the pieces become a record.
    pub templates: &'a Templates,
}

/// Makes a STAC Item (STAC 1.1.0, item-spec). Hrefs of products are relative to the Item's place in the static catalogue.
///
/// # Errors
/// [`DescribeError`] names the variable whose place or time cannot be read, or the template that cannot be used.
pub fn describe_item(input: &ItemInput<'_>) -> Result<Record, DescribeError> {
    item::describe(input)
}

/// What people should know of a dataset that its record does not say.
pub fn notes(cube: &VirtualCube, coordinate_digests: &BTreeMap<VariablePath, Digest>) -> Vec<Note> {
    facts::notes(&dataset::Dataset::new(cube, coordinate_digests), cube)
}
