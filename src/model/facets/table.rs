//! Tables beside a recipe: sidecars, lookups, lists. Pure: texts in.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::text;

/// A row: cells by column.
pub type Row = BTreeMap<String, Value>;

/// Rows that are found by the values of some columns.
#[derive(Debug, Clone, Default)]
pub struct Table {
    name: String,
    columns: BTreeSet<String>,
    rows: HashMap<Vec<String>, Row>,
}

/// Why a text is not a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// It cannot be read as CSV.
    #[error("is not CSV: line {line} has {found} cells where the first has {expected}")]
    Cells {
        /// The line, from 1.
        line: usize,
        /// How many cells the header has.
        expected: usize,
        /// How many this line has.
        found: usize,
    },
    /// A quote is not closed.
    #[error("is not CSV: the quote that opens on line {line} is not closed")]
    Quote {
        /// The line, from 1.
        line: usize,
    },
    /// It is not a list of maps, nor a map of maps.
    #[error("holds {found}; expected a list of maps, or a map of maps by the value of one facet")]
    Shape {
        /// What it holds.
        found: String,
    },
    /// A column is not there.
    #[error("has no column {column}; there are: {}", known.iter().cloned().collect::<Vec<_>>().join(", "))]
    Column {
        /// The column.
        column: String,
        /// Those that are there.
        known: BTreeSet<String>,
    },
    /// Two rows have the same key.
    #[error("has two rows for {key}")]
    Twice {
        /// The values that find them.
        key: String,
    },
}

impl Table {
    /// The rows of CSV with a header; empty cells are no cells.
    ///
    /// ```
    /// use altostac::model::facets::Table;
    /// let table = Table::from_csv("a.csv", "model,title\nUKESM,\"UK, Earth\"\n", &["model".into()]).unwrap();
    /// assert_eq!(table.row(&["UKESM".into()]).unwrap()["title"], "UK, Earth");
    /// ```
    ///
    /// # Errors
    /// [`TableError`] if it is not CSV, a column of the key is not there, or two rows have the same key.
    pub fn from_csv(name: &str, csv: &str, by: &[String]) -> Result<Self, TableError> {
        let mut lines = parse_csv(csv)?.into_iter();
        let header: Vec<String> = lines.next().map(|(_, cells)| cells).unwrap_or_default();
        let header: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
        let mut rows = Vec::new();
        for (line, cells) in lines {
            if cells.len() != header.len() {
                return Err(TableError::Cells { line, expected: header.len(), found: cells.len() });
            }
            let filled = header.iter().cloned().zip(cells).filter(|(_, cell)| !cell.is_empty());
            rows.push(filled.map(|(column, cell)| (column, Value::String(cell))).collect());
        }
        Self::new(name, header.into_iter().collect(), rows, by)
    }

    /// The rows of a list of maps, of a map of maps by the value of the key, or of one map for all files if there is no key.
    ///
    /// # Errors
    /// [`TableError`] for other shapes, a column of the key that is not there, or two rows with the same key.
    pub fn from_value(name: &str, value: &Value, by: &[String]) -> Result<Self, TableError> {
        let shape = |found: &Value| TableError::Shape { found: kind(found).to_owned() };
        let row = |cells: &Map<String, Value>| -> Row {
            let filled = cells.iter().filter(|(_, cell)| !cell.is_null());
            filled.map(|(column, cell)| (column.clone(), cell.clone())).collect()
        };
        let rows: Vec<Row> = match (value, by) {
            (Value::Object(cells), []) => vec![row(cells)],
            (Value::Array(rows), _) => rows
                .iter()
                .map(|cells| cells.as_object().map(row).ok_or_else(|| shape(cells)))
                .collect::<Result<_, _>>()?,
            (Value::Object(rows), [by]) => rows
                .iter()
                .map(|(key, cells)| {
                    let mut row = cells.as_object().map(row).ok_or_else(|| shape(cells))?;
                    row.entry(by.clone()).or_insert_with(|| key.as_str().into());
                    Ok(row)
                })
                .collect::<Result<_, _>>()?,
            (other, _) => return Err(shape(other)),
        };
        let columns = rows.iter().flat_map(BTreeMap::keys).cloned().collect();
        Self::new(name, columns, rows, by)
    }

    fn new(name: &str, columns: BTreeSet<String>, rows: Vec<Row>, by: &[String]) -> Result<Self, TableError> {
        let mut table = Self { name: name.to_owned(), columns, rows: HashMap::with_capacity(rows.len()) };
        for column in by {
            table.check(column)?;
        }
        for row in rows {
            let key: Vec<String> = by.iter().map(|column| row.get(column).map(text).unwrap_or_default()).collect();
            if table.rows.contains_key(&key) {
                return Err(TableError::Twice { key: key.join(", ") });
            }
            table.rows.insert(key, row);
        }
        Ok(table)
    }

    /// Whether there is such a column.
    ///
    /// # Errors
    /// [`TableError::Column`] if there is none.
    pub fn check(&self, column: &str) -> Result<(), TableError> {
        if self.columns.contains(column) {
            return Ok(());
        }
        Err(TableError::Column { column: column.to_owned(), known: self.columns.clone() })
    }

    /// The columns.
    pub fn columns(&self) -> &BTreeSet<String> {
        &self.columns
    }

    /// The name of the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The row with these values in the columns of the key.
    pub fn row(&self, key: &[String]) -> Option<&Row> {
        self.rows.get(key)
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

/// The lines of CSV (RFC 4180; a byte order mark and empty lines are left out), each with its number from 1.
///
/// # Errors
/// [`TableError::Quote`] if a quote is not closed.
pub fn parse_csv(csv: &str) -> Result<Vec<(usize, Vec<String>)>, TableError> {
    let mut rows = Vec::new();
    let (mut cells, mut cell) = (Vec::new(), String::new());
    let (mut line, mut began, mut quoted) = (1, 1, None);
    let mut characters = csv.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(character) = characters.next() {
        match (quoted, character) {
            (Some(_), '"') if characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            (Some(_), '"') => quoted = None,
            (None, '"') if cell.is_empty() => quoted = Some(line),
            (None, ',') => cells.push(std::mem::take(&mut cell)),
            (None, '\r') if characters.peek() == Some(&'\n') => {}
            (None, '\n') => {
                end_row(&mut rows, &mut cells, &mut cell, began);
                began = line + 1;
            }
            (_, other) => cell.push(other),
        }
        if character == '\n' {
            line += 1;
        }
    }
    if let Some(line) = quoted {
        return Err(TableError::Quote { line });
    }
    end_row(&mut rows, &mut cells, &mut cell, began);
    Ok(rows)
}

fn end_row(rows: &mut Vec<(usize, Vec<String>)>, cells: &mut Vec<String>, cell: &mut String, line: usize) {
    cells.push(std::mem::take(cell));
    let row = std::mem::take(cells);
    if row.len() > 1 || row.first().is_some_and(|cell| !cell.is_empty()) {
        rows.push((line, row));
    }
}
