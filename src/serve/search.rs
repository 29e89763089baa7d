//! Searching the store: the database narrows by its columns, shapes that are no boxes are compared here.

use super::extent::{self, BoundingBox};
use super::query::{ItemQuery, PageToken};
use super::store::{Store, StoreError, count, item};
use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, Row, params_from_iter};

/// One page of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The Items, by Collection and id.
    pub items: Vec<FoundItem>,
    /// How many Items matched when the first page was made.
    pub matched: u64,
    /// Where the next page begins, if there is one.
    pub next: Option<PageToken>,
}

/// An Item that a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundItem {
    /// Its Collection.
    pub collection: String,
    /// Its id.
    pub id: String,
    /// Its stored JSON.
    pub json: String,
}

/// A page ends early when its records reach this, so that no answer fills the memory.
const LARGEST_PAGE_BYTES: usize = 32 << 20;

impl Store {
    /// Finds one page of Items, ordered by Collection and id. Each Item that stays in the store while a client pages
    /// through is found exactly once.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn search(&self, query: &ItemQuery) -> Result<Page, StoreError> {
        self.read(|connection| {
            let narrowing = Narrowing::of(query);
            let is_exact = query.area.is_none();
            let mut found = if is_exact {
                keys_by_columns(connection, query, &narrowing)?
            } else {
                keys_by_shape(connection, query, &narrowing)?
            };
            let mut has_more = found.keys.len() > query.limit;
            found.keys.truncate(query.limit);
            let mut items = Vec::with_capacity(found.keys.len());
            let mut bytes = 0;
            for (collection, id) in found.keys {
                if bytes > LARGEST_PAGE_BYTES {
                    has_more = true;
                    break;
                }
                let json = item(connection, &collection, &id)?.json;
                bytes += json.len();
                items.push(FoundItem { collection, id, json });
            }
            let last = items.last().filter(|_| has_more);
            let next = last.map(|last| PageToken {
                collection: last.collection.clone(),
                id: last.id.clone(),
                matched: found.matched,
            });
            Ok(Page { items, matched: found.matched, next })
        })
    }
}

/// The keys of a page and one more, and how many match in all.
struct Found {
    keys: Vec<(String, String)>,
    matched: u64,
}

/// The part of a query that columns answer, as SQL.
struct Narrowing {
    conditions: Vec<String>,
    values: Vec<SqlValue>,
}

impl Narrowing {
    fn of(query: &ItemQuery) -> Self {
        let mut narrowing = Self { conditions: vec!["true".to_owned()], values: vec![] };
        for (column, texts) in [("collection", &query.collections), ("id", &query.ids)] {
            if let [text] = texts.as_slice() {
                // The usual case, for which the primary key gives the order without sorting.
                let text = narrowing.value(text.clone());
                narrowing.conditions.push(format!("{column} = {text}"));
            } else if !texts.is_empty() {
                let list = serde_json::Value::from(texts.as_slice()).to_string();
                let list = narrowing.value(list);
                narrowing.conditions.push(format!("{column} IN (SELECT value FROM json_each({list}))"));
            }
        }
        if let Some(interval) = query.interval {
            let (start, end) = (narrowing.value(interval.start), narrowing.value(interval.end));
            narrowing.conditions.push(format!("start <= {end} AND finish >= {start}"));
        }
        if let Some(area) = &query.area {
            narrowing.overlap(&area.bounds);
        }
        narrowing
    }

    fn overlap(&mut self, bounds: &BoundingBox) {
        let (west, south) = (self.value(bounds.west), self.value(bounds.south));
        let (east, north) = (self.value(bounds.east), self.value(bounds.north));
        self.conditions.push(format!("west IS NOT NULL AND south <= {north} AND north >= {south}"));
        self.conditions.push(if bounds.crosses_antimeridian() {
            format!("(west > east OR east >= {west} OR west <= {east})")
        } else {
            format!(
                "CASE WHEN west <= east THEN west <= {east} AND east >= {west} ELSE west <= {east} OR east >= {west} END"
            )
        });
        if let Some((low, high)) = bounds.heights {
            let (low, high) = (self.value(low), self.value(high));
            self.conditions.push(format!("(low IS NULL OR (low <= {high} AND high >= {low}))"));
        }
    }

    fn after(&self, token: Option<&PageToken>) -> (String, Vec<SqlValue>) {
        let mut values = self.values.clone();
        let mut condition = self.conditions.join(" AND ");
        if let Some(token) = token {
            values.push(token.collection.clone().into());
            values.push(token.id.clone().into());
            condition += &format!(" AND (collection, id) > (?{}, ?{})", values.len() - 1, values.len());
        }
        (condition, values)
    }

    /// Binds a value and gives the name by which the SQL calls it.
    fn value(&mut self, value: impl Into<SqlValue>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }
}

fn key(row: &Row<'_>) -> rusqlite::Result<(String, String)> {
    Ok((row.get(0)?, row.get(1)?))
}

fn keys_by_columns(connection: &Connection, query: &ItemQuery, narrowing: &Narrowing) -> Result<Found, StoreError> {
    let matched = match &query.after {
        Some(token) => token.matched,
        None => {
            let (condition, values) = narrowing.after(None);
            let sql = format!("SELECT count(*) FROM items WHERE {condition}");
            connection.prepare_cached(&sql)?.query_row(params_from_iter(values), |row| count(row, 0))?
        }
    };
    let (condition, values) = narrowing.after(query.after.as_ref());
    let most = query.limit.saturating_add(1);
    let sql = format!("SELECT collection, id FROM items WHERE {condition} ORDER BY collection, id LIMIT {most}");
    let mut statement = connection.prepare_cached(&sql)?;
    let keys = statement.query_map(params_from_iter(values), key)?.collect::<Result<_, _>>()?;
    Ok(Found { keys, matched })
}

fn keys_by_shape(connection: &Connection, query: &ItemQuery, narrowing: &Narrowing) -> Result<Found, StoreError> {
    let (condition, values) = narrowing.after(query.after.as_ref());
    let sql = format!(
        "SELECT collection, id, outline, west, south, east, north FROM items WHERE {condition} ORDER BY collection, id"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut keys = Vec::new();
    let mut counted: u64 = 0;
    while let Some(row) = rows.next()? {
        if !meets(query, row)? {
            continue;
        }
        counted += 1;
        if keys.len() <= query.limit {
            keys.push(key(row)?);
        } else if query.after.is_some() {
            // Only the first page counts to the end.
            break;
        }
    }
    Ok(Found { keys, matched: query.after.as_ref().map_or(counted, |token| token.matched) })
}

fn meets(query: &ItemQuery, row: &Row<'_>) -> rusqlite::Result<bool> {
    let outline = row.get_ref(2)?.as_str_or_null()?;
    let Some(area) = query.area.as_ref().filter(|area| area.needs_shapes(outline)) else {
        return Ok(true);
    };
    let bounds =
        BoundingBox { west: row.get(3)?, south: row.get(4)?, east: row.get(5)?, north: row.get(6)?, heights: None };
    // What stands in the column was a geometry when it was written; were it not, its box decides.
    let outline = outline.and_then(|text| serde_json::from_str(text).ok());
    let outline = outline.and_then(|value| extent::geometry(&value).ok());
    Ok(area.meets(&bounds, outline.as_ref()))
}
