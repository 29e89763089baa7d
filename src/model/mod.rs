//! The types that pass between stages. No I/O, no stage is named here.
//!
//! | file | nouns |
//! | --- | --- |
//! | [`ids`] | `CollectionId`, `ItemId`, `VariableName`, `DimensionName`, `Revision` |
//! | [`source`] | `SourceUrl`, `SourcePlace`, `Fingerprint`, `SourceFile`, `ItemSource` |
//! | [`dtype`] | `DataType`, `ByteOrder` |
//! | [`codec`] | `Codec`, `CodecChain` |
//! | [`array`](mod@array) | `Numbers`, `Array`, `SmallValues` |
//! | [`attribute`] | `AttributeValue`, `Attributes` |
//! | [`chunk`] | `ChunkGrid`, `ChunkLocation`, `ChunkPayload` |
//! | [`collection_text`] | collections without the links to their items |
//! | [`manifest`] | `ChunkManifest` |
//! | [`group`] | `Dimension`, `VariableGroup`: what files and cubes have in common |
//! | [`file_index`], [`share`] | `FileIndex`: what one file holds; what many have in common |
//! | [`cube`] | `VirtualCube`: one dataset over many files; `Conflict`, `Note` |
//! | [`label`] | the order of labels, and what stands for them |
//! | [`recipe`], [`pattern`], [`public_urls`] | the resolved `Recipe` and its parts |
//! | [`auth`] | how a recipe says who we are to an API |
//! | [`publishing`] | `PublishSettings`: where records are pushed to, and what of the APIs' own stays |
//! | [`facets`], [`vocabulary`] | the rules that find out what is known of a file, and the values that are allowed |
//! | [`template`], [`mod@hash`] | the sandbox of a recipe's templates, and what it offers |
//! | [`state`] | `KnownItem`: what the ledger remembers of an item |
//! | [`thumbnail`] | `ThumbnailSettings`: what a quick-look shows |
//! | [`content`] | `FileContent`: digests of a source's bytes |
//! | [`product`] | `Product`, `VerifiedProduct` |
//! | [`zarr`] | `ZarrSettings`: how a copy is cut and encoded |
//! | [`facts`], [`statistics`], [`time_format`] | what a recipe states of its records, what values are like, dates as texts say them |
//! | [`coverage`] | `Coverage`: where and when |
//! | [`record`], [`extension`] | `Record`, `ValidatedRecord`; the STAC extensions they may use |

pub mod array;
pub mod attribute;
pub mod auth;
pub mod checksum;
pub mod chunk;
pub mod collection_text;
pub mod codec;
pub mod container;
pub mod content;
pub mod coverage;
pub mod cube;
pub mod dtype;
pub mod extension;
pub mod facets;
pub mod facts;
pub mod file_index;
pub mod group;
pub mod hash;
pub mod ids;
pub mod keeping;
pub mod label;
pub mod manifest;
pub(crate) mod packed;
pub mod pattern;
pub mod product;
pub mod public_urls;
pub mod publishing;
pub mod recipe;
pub mod record;
pub mod share;
pub mod source;
pub mod state;
pub mod statistics;
pub mod time_format;
pub mod template;
pub mod vocabulary;
pub mod watch;
pub mod thumbnail;
pub mod zarr;

pub use array::{Array, ArrayValues, Digest, Numbers, SmallValues};
pub use attribute::{AttributeValue, Attributes};
pub use auth::{AuthSettings, NamePlace, SecretPlace};
pub use checksum::FileChecksum;
pub use chunk::{ChunkGrid, ChunkLocation, ChunkPayload};
pub use codec::{Codec, CodecChain};
pub use collection_text::without_item_links;
pub use container::ChunkContainer;
pub use content::{ContentReport, FileContent};
pub use coverage::{BoundingBox, Coverage, TemporalExtent};
pub use cube::{
    ArrayData, Choice, Conflict, ConflictKind, Group, Note, Part, Placement, Variable, VariableChoice, VirtualCube,
};
pub use dtype::{ByteOrder, DataType, Primitive};
pub use facets::{FacetValues, FileAttributes};
pub use facts::{KnownChecksum, KnownFacts, StatedTime};
pub use file_index::{FileGroup, FileIndex, FileVariable, Layout, VariableSchema};
pub use group::{Dimension, Dimensions, VariableGroup};
pub use ids::{CollectionId, DimensionName, IdError, ItemId, Revision, VariableName, VariablePath};
pub use keeping::{Confirmation, Keeping, OnRemoved, RemovalLimit};
pub(crate) use manifest::SeekingChunks;
pub use manifest::{ChunkManifest, ManifestHandle};
pub use pattern::ItemPattern;
pub use product::{
    IcechunkVersion, Product, ProductFile, ProductFormat, ProductSettings, ProductsAsked, VerificationReport,
    VerifiedProduct,
};
pub use public_urls::PublicUrls;
pub use publishing::{ApiSettings, KeptField, Manage, PublishSettings};
pub use record::{Record, RecordKind, ValidatedRecord};
pub use share::Sharing;
pub use source::{Facets, Fingerprint, ItemSource, SourceFile, SourcePlace, SourceUrl, holds_secret, shown_url};
pub use state::{ItemError, ItemState, KnownItem};
pub use statistics::{Accumulator, Statistics};
pub use thumbnail::ThumbnailSettings;
pub use time_format::{TimeFormat, TimeFormatError};
pub use watch::{BrokerSettings, WatchSettings};
pub use zarr::{ZarrAccess, ZarrPacking, ZarrSettings, ZarrShards, ZarrVersion};
