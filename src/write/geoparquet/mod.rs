//! A table of STAC Items: STAC-GeoParquet 1.1.0, in GeoParquet 1.1.0.
//!
//! In: the JSON of Items, twice: [`ItemColumns`] learns what columns they take, [`ItemTable`] writes them, some rows at a time.
//! Out: a Parquet file with a column for each property, `geometry` as WKB, `bbox` as a structure of four numbers, assets and links nested, instants as
//! such, and the collection in the footer.
//!
//! | file | answers |
//! | --- | --- |
//! | `kind` | what a column holds, learnt from values |
//! | `layout` | the columns: their Parquet schema, and which leaf is whose |
//! | `leaf` | the values of one leaf until they are written |
//! | `row` | an Item as a row |
//! | `wkb` | GeoJSON as well-known binary |
//!
//! What a column cannot tell: a field that is `null` reads as one that is not there, and so does an object without fields.

mod kind;
mod layout;
mod leaf;
mod row;
mod wkb;

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use serde_json::{Map, Value, json};

use kind::Kind;
use layout::Node;
use leaf::Leaf;

/// Rows that are written at once at most.
const ROW_GROUP: usize = 10_000;
/// Bytes of values that are kept until they are written.
const BYTES_KEPT: usize = 64 << 20;
/// More columns than these are no table any more.
const COLUMNS: usize = 10_000;
/// The links of a collection that are relative to where it stands.
const WITHIN_THE_CATALOGUE: [&str; 5] = ["root", "parent", "self", "child", "item"];

/// Why Items could not be written as a table.
#[derive(Debug, thiserror::Error)]
pub enum ItemTableError {
    /// The output took no more bytes.
    #[error("the table of items cannot be written")]
    Parquet(#[from] ParquetError),
    /// An Item is not what a row can hold.
    #[error("item {item}: expected {expected} in {field}, found {found}")]
    Item {
        /// Its id.
        item: String,
        /// The field.
        field: String,
        /// What should stand there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// The Items have too little in common.
    #[error("the items take {found} columns, of which {widest} takes {fields}; expected at most {COLUMNS}")]
    TooWide {
        /// How many columns.
        found: usize,
        /// The field that takes most of them.
        widest: String,
        /// How many.
        fields: usize,
    },
}

impl ItemTableError {
    /// What a person can do about it, if there is something to say.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::TooWide { .. } => Some(
                "keys that differ from item to item are a column each: name assets by what they are, or leave the table out",
            ),
            Self::Item { .. } => Some("name the property otherwise, or correct the template that makes the record"),
            Self::Parquet(_) => None,
        }
    }
}

/// The columns that Items take, learnt one Item at a time.
#[derive(Debug, Default)]
pub struct ItemColumns {
    rows: Kind,
    geometry_types: BTreeSet<String>,
    bounds: Option<[f64; 4]>,
}

impl ItemColumns {
    /// Looks at an Item.
    ///
    /// # Errors
    /// [`ItemTableError::Item`] if it has no box or geometry, or a property has the name of a column that is not a property.
    pub fn learn(&mut self, item: &Value) -> Result<(), ItemTableError> {
        let row = row::of(item)?;
        for (name, value) in &row {
            self.rows.learn_field(name, value);
        }
        self.geometry_types.extend(row["geometry"]["type"].as_str().map(str::to_owned));
        let side = |name: &str| row["bbox"][name].as_f64().unwrap_or_default();
        let [west, south, east, north] = ["xmin", "ymin", "xmax", "ymax"].map(side);
        // A box across the antimeridian is in both halves.
        let (west, east) = if west > east { (-180.0, 180.0) } else { (west, east) };
        self.bounds = Some(match self.bounds {
            None => [west, south, east, north],
            Some([w, s, e, n]) => [w.min(west), s.min(south), e.max(east), n.max(north)],
        });
        Ok(())
    }

    /// Fields whose values are of kinds that no column can hold: their column is of texts, JSON where a value is none.
    pub fn mixed(&self) -> Vec<String> {
        self.rows.mixed()
    }

    /// The footer of GeoParquet 1.1.0.
    fn geo(&self) -> Value {
        // Of several types none is said, as the specification allows: rustac would make polygons among multipolygons multipolygons.
        let types: Vec<&String> = self.geometry_types.iter().filter(|_| self.geometry_types.len() == 1).collect();
        let covering = ["xmin", "ymin", "xmax", "ymax"].map(|name| (name.to_owned(), json!(["bbox", name])));
        json!({
            "version": "1.1.0",
            "primary_column": "geometry",
            "columns": {"geometry": {
                "encoding": "WKB",
                "geometry_types": types,
                "bbox": self.bounds,
                "covering": {"bbox": covering.into_iter().collect::<Map<_, _>>()},
            }},
        })
    }
}

/// A table that is being written.
pub struct ItemTable<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    root: Node,
    leaves: Vec<Leaf>,
    rows: usize,
}

impl<W: Write + Send> ItemTable<W> {
    /// Begins a table of Items that were all learnt. `collection` is what the footer says of their collection; its links within the catalogue lead
    /// nowhere from a table, and are left out.
    ///
    /// # Errors
    /// [`ItemTableError::TooWide`], [`ItemTableError::Parquet`].
    pub fn new(out: W, columns: &ItemColumns, collection: Option<&Value>) -> Result<Self, ItemTableError> {
        let mut leaves = Vec::new();
        let root = Node::of("item", &columns.rows, 0, &mut leaves);
        if leaves.len() > COLUMNS {
            let widest = root.children().iter().max_by_key(|node| node.leaves.len());
            let (widest, fields) = widest.map_or(("", 0), |node| (node.name.as_str(), node.leaves.len()));
            return Err(ItemTableError::TooWide { found: leaves.len(), widest: widest.into(), fields });
        }
        let fields = root.children().iter().map(Node::parquet).collect::<Result<Vec<_>, _>>()?;
        let schema = Arc::new(Type::group_type_builder("item").with_fields(fields).build()?);
        let footer = vec![
            KeyValue::new("geo".into(), columns.geo().to_string()),
            KeyValue::new("stac-geoparquet".into(), stac_geoparquet(collection).to_string()),
        ];
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by(concat!("altostac ", env!("CARGO_PKG_VERSION")).into())
            .set_key_value_metadata(Some(footer))
            .build();
        let writer = SerializedFileWriter::new(out, schema, Arc::new(properties))?;
        Ok(Self { writer, root, leaves, rows: 0 })
    }

    /// Adds an Item.
    ///
    /// # Errors
    /// [`ItemTableError::Item`] as [`ItemColumns::learn`], [`ItemTableError::Parquet`].
    pub fn write(&mut self, item: &Value) -> Result<(), ItemTableError> {
        let row = Value::Object(row::of(item)?);
        self.root.shred(Some(&row), 0, -1, &mut self.leaves);
        self.rows += 1;
        let kept = || self.leaves.iter().map(Leaf::bytes).sum::<usize>();
        if self.rows >= ROW_GROUP || (self.rows.is_multiple_of(64) && kept() > BYTES_KEPT) {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ItemTableError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for leaf in &mut self.leaves {
            let missing = || ParquetError::General("fewer columns than the schema has".into());
            leaf.write(group.next_column()?.ok_or_else(missing)?)?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }

    /// Writes what is left, and the footer.
    ///
    /// # Errors
    /// [`ItemTableError::Parquet`].
    pub fn finish(mut self) -> Result<W, ItemTableError> {
        self.flush()?;
        Ok(self.writer.into_inner()?)
    }
}

fn stac_geoparquet(collection: Option<&Value>) -> Value {
    let mut collections = Map::new();
    if let Some(collection) = collection {
        let mut collection = collection.clone();
        if let Some(links) = collection.get_mut("links").and_then(Value::as_array_mut) {
            links.retain(|link| !WITHIN_THE_CATALOGUE.contains(&link["rel"].as_str().unwrap_or_default()));
        }
        collections.insert(collection["id"].as_str().unwrap_or_default().to_owned(), collection);
    }
    json!({"version": "1.1.0", "collections": collections})
}

#[cfg(test)]
mod tests;
