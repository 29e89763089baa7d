//! The tables of one variable: rows are kept until a table is full, then written column by column.

use std::io;
use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use parquet::basic::{Compression, ConvertedType, Repetition, Type as PhysicalType, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, Type};

use crate::model::ChunkLocation;
use crate::write::WriteError;
use crate::write::kerchunk::chunks::ChunkSink;

/// Rows that a column is given at once.
const BATCH: usize = 4096;
/// What a reader takes for the beginning of base64.
const BASE64: &[u8] = b"base64:";

/// The tables of one variable.
pub(super) struct Records<'a, 'p> {
    key: &'a str,
    names: &'a [String],
    record_size: usize,
    put: &'a mut (dyn FnMut(&str, &[u8]) -> io::Result<()> + 'p),
    number: u64,
    rows: Rows,
}

/// The rows of the table at hand.
#[derive(Default)]
struct Rows {
    /// The number of the file; `None` for a row with bytes of its own.
    files: Vec<Option<usize>>,
    offsets: Vec<i64>,
    sizes: Vec<i64>,
    raw: Vec<ByteArray>,
}

impl<'a, 'p> Records<'a, 'p> {
    pub(super) fn new(
        key: &'a str,
        names: &'a [String],
        record_size: u32,
        put: &'a mut (dyn FnMut(&str, &[u8]) -> io::Result<()> + 'p),
    ) -> Self {
        let record_size = usize::try_from(record_size).unwrap_or(usize::MAX);
        Self { key, names, record_size, put, number: 0, rows: Rows::default() }
    }

    /// Writes the last table.
    pub(super) fn finish(mut self) -> Result<(), WriteError> {
        if self.rows.files.is_empty() { Ok(()) } else { self.flush() }
    }

    fn row(&mut self, file: Option<usize>, location: ChunkLocation) -> Result<(), WriteError> {
        let too_far = || failed(io::Error::other(format!("{}: a place beyond 2^63 bytes", self.key)));
        self.rows.offsets.push(i64::try_from(location.offset).map_err(|_| too_far())?);
        self.rows.sizes.push(i64::try_from(location.length).map_err(|_| too_far())?);
        self.rows.files.push(file);
        if self.rows.files.len() >= self.record_size { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        let table = table(&self.rows, self.names).map_err(|error| failed(io::Error::other(error)))?;
        let name = format!("{}/refs.{}.parq", self.key, self.number);
        (self.put)(&name, &table).map_err(failed)?;
        self.number += 1;
        self.rows.files.clear();
        self.rows.offsets.clear();
        self.rows.sizes.clear();
        self.rows.raw.clear();
        Ok(())
    }
}

impl ChunkSink for Records<'_, '_> {
    fn reference(&mut self, _: &[u64], file: usize, location: ChunkLocation) -> Result<(), WriteError> {
        self.row(Some(file), location)
    }

    fn inlined(&mut self, _: &[u64], bytes: &Bytes) -> Result<(), WriteError> {
        let raw = if bytes.starts_with(BASE64) {
            [BASE64, STANDARD.encode(bytes).as_bytes()].concat().into()
        } else {
            bytes.clone()
        };
        self.rows.raw.push(ByteArray::from(raw));
        self.row(None, ChunkLocation { offset: 0, length: 0, filter_mask: 0 })
    }
}

fn failed(source: io::Error) -> WriteError {
    WriteError::Output { source }
}

/// The columns, and how they are written: text that repeats by dictionary, all compressed.
static LAYOUT: LazyLock<Result<Layout, String>> = LazyLock::new(|| layout().map_err(|error| error.to_string()));

type Layout = (Arc<Type>, Arc<WriterProperties>);

fn layout() -> Result<Layout, ParquetError> {
    let column = |name: &str, kind: PhysicalType, text: ConvertedType, repetition: Repetition| {
        let column = Type::primitive_type_builder(name, kind).with_repetition(repetition);
        Ok::<_, ParquetError>(Arc::new(column.with_converted_type(text).build()?))
    };
    let fields = vec![
        column("path", PhysicalType::BYTE_ARRAY, ConvertedType::UTF8, Repetition::REQUIRED)?,
        column("offset", PhysicalType::INT64, ConvertedType::NONE, Repetition::REQUIRED)?,
        column("size", PhysicalType::INT64, ConvertedType::NONE, Repetition::REQUIRED)?,
        column("raw", PhysicalType::BYTE_ARRAY, ConvertedType::NONE, Repetition::OPTIONAL)?,
    ];
    let schema = Type::group_type_builder("references").with_fields(fields).build()?;
    let properties = WriterProperties::builder()
        .set_created_by(concat!("altostac ", env!("CARGO_PKG_VERSION")).into())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_dictionary_enabled(false)
        .set_column_dictionary_enabled(ColumnPath::from("path"), true)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .build();
    Ok((Arc::new(schema), Arc::new(properties)))
}

fn table(rows: &Rows, names: &[String]) -> Result<Vec<u8>, ParquetError> {
    let (schema, properties) = LAYOUT.as_ref().map_err(|error| ParquetError::General(error.clone()))?;
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema.clone(), properties.clone())?;
    let mut group = writer.next_row_group()?;
    let missing = || ParquetError::General("fewer columns than the schema has".into());

    let mut paths = group.next_column()?.ok_or_else(missing)?;
    let mut last = (None, ByteArray::from(Vec::new()));
    let mut batch = Vec::with_capacity(BATCH);
    for files in rows.files.chunks(BATCH) {
        batch.clear();
        for file in files {
            if last.0 != *file {
                let name = file.and_then(|file| names.get(file)).map(String::as_str).unwrap_or_default();
                last = (*file, ByteArray::from(name.as_bytes().to_vec()));
            }
            batch.push(last.1.clone());
        }
        paths.typed::<ByteArrayType>().write_batch(&batch, None, None)?;
    }
    paths.close()?;

    for numbers in [&rows.offsets, &rows.sizes] {
        let mut column = group.next_column()?.ok_or_else(missing)?;
        column.typed::<Int64Type>().write_batch(numbers, None, None)?;
        column.close()?;
    }

    let mut raw = group.next_column()?.ok_or_else(missing)?;
    let has_raw: Vec<i16> = rows.files.iter().map(|file| i16::from(file.is_none())).collect();
    raw.typed::<ByteArrayType>().write_batch(&rows.raw, Some(&has_raw), None)?;
    raw.close()?;

    group.close()?;
    writer.close()?;
    Ok(bytes)
}
