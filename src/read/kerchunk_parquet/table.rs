//! One table of references, read batch by batch.

use std::panic::{AssertUnwindSafe, catch_unwind};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};

use super::wrong;
use crate::read::kerchunk::json::Urls;
use crate::read::{ReadError, Reference};

/// Rows that are read at once.
const BATCH: usize = 4096;

/// A table whose schema and number of rows are right.
pub(super) struct Table<'a> {
    name: &'a str,
    reader: SerializedFileReader<Bytes>,
    columns: Columns,
}

/// Where the columns stand.
struct Columns {
    path: usize,
    offset: usize,
    size: usize,
    raw: usize,
}

/// A column, and how much of it was read.
struct Column<T: DataType> {
    reader: ColumnReaderImpl<T>,
    is_optional: bool,
}

impl<'a> Table<'a> {
    pub(super) fn open(name: &'a str, bytes: Bytes, rows: u64) -> Result<Self, ReadError> {
        let reader = guarded(name, || SerializedFileReader::new(bytes))?;
        let metadata = reader.metadata().file_metadata();
        let found = u64::try_from(metadata.num_rows()).unwrap_or(0);
        if found != rows {
            return Err(wrong(name, "a row for each chunk", &format!("{found} rows for {rows} chunks")));
        }
        let schema = metadata.schema_descr();
        let place = |column: &str| {
            let found = (0..schema.num_columns()).find(|at| schema.column(*at).path().string() == column);
            found.ok_or_else(|| wrong(name, "the columns path, offset, size and raw", &format!("no {column}")))
        };
        let (path, offset, size, raw) = (place("path")?, place("offset")?, place("size")?, place("raw")?);
        let columns = Columns { path, offset, size, raw };
        Ok(Self { name, reader, columns })
    }

    /// Gives the reference of every row.
    pub(super) fn each(&self, urls: &mut Urls, take: &mut dyn FnMut(Reference)) -> Result<(), ReadError> {
        for group in 0..self.reader.num_row_groups() {
            let group = guarded(self.name, || self.reader.get_row_group(group))?;
            self.group(group.as_ref(), urls, take)?;
        }
        Ok(())
    }

    fn group(
        &self,
        group: &dyn RowGroupReader,
        urls: &mut Urls,
        take: &mut dyn FnMut(Reference),
    ) -> Result<(), ReadError> {
        let mut left = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
        let mut paths = self.column::<ByteArrayType>(group, self.columns.path)?;
        let mut offsets = self.column::<Int64Type>(group, self.columns.offset)?;
        let mut sizes = self.column::<Int64Type>(group, self.columns.size)?;
        let mut raws = self.column::<ByteArrayType>(group, self.columns.raw)?;
        while left > 0 {
            let rows = left.min(BATCH);
            let (paths, offsets) = (paths.read(self.name, rows)?, offsets.read(self.name, rows)?);
            let (sizes, raws) = (sizes.read(self.name, rows)?, raws.read(self.name, rows)?);
            for (((path, offset), size), raw) in paths.into_iter().zip(offsets).zip(sizes).zip(raws) {
                take(self.reference(path, (offset, size), raw, urls)?);
            }
            left -= rows;
        }
        Ok(())
    }

    fn column<T: DataType>(&self, group: &dyn RowGroupReader, at: usize) -> Result<Column<T>, ReadError>
    where
        ColumnReaderImpl<T>: TryFromReader,
    {
        let description = self.reader.metadata().file_metadata().schema_descr().column(at);
        if description.max_rep_level() > 0 || description.max_def_level() > 1 {
            return Err(wrong(self.name, "columns of single values", &description.path().string()));
        }
        let reader = guarded(self.name, || group.get_column_reader(at))?;
        let reader = ColumnReaderImpl::<T>::try_from_reader(reader);
        let reader =
            reader.ok_or_else(|| wrong(self.name, "texts and numbers of 64 bits", &description.physical_type()))?;
        Ok(Column { reader, is_optional: description.max_def_level() > 0 })
    }

    fn reference(
        &self,
        path: Option<ByteArray>,
        place: (Option<i64>, Option<i64>),
        raw: Option<ByteArray>,
        urls: &mut Urls,
    ) -> Result<Reference, ReadError> {
        if let Some(raw) = raw {
            let encoded = raw.data().strip_prefix(b"base64:");
            let decoded = encoded.map(|text| STANDARD.decode(text).map(Bytes::from));
            // A piece of its own: a whole page must not stay because of it.
            let bytes = decoded.unwrap_or_else(|| Ok(Bytes::copy_from_slice(raw.data())));
            return bytes.map(Reference::Inline).map_err(|error| wrong(self.name, "base64 after base64:", &error));
        }
        let path = path.filter(|path| !path.is_empty());
        let path = path.ok_or_else(|| wrong(self.name, "a path or raw bytes in each row", &"a row with neither"))?;
        let path = std::str::from_utf8(path.data()).map_err(|error| wrong(self.name, "UTF-8 paths", &error))?;
        let url = urls.share(path);
        let number = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
        match (number(place.0), number(place.1)) {
            (Some(0), Some(0)) => Ok(Reference::Whole(url)),
            (Some(offset), Some(length)) => Ok(Reference::Part { url, offset, length }),
            _ => Err(wrong(self.name, "offset and size of at least 0 in each row", &format!("{place:?}"))),
        }
    }
}

impl<T: DataType> Column<T> {
    /// So many rows, those without a value too.
    fn read(&mut self, name: &str, rows: usize) -> Result<Vec<Option<T::T>>, ReadError> {
        let (mut values, mut levels) = (Vec::new(), Vec::new());
        let mut read = 0;
        while read < rows {
            let levels = self.is_optional.then_some(&mut levels);
            let (more, _, _) = guarded(name, || self.reader.read_records(rows - read, levels, None, &mut values))?;
            if more == 0 {
                return Err(wrong(name, "columns of one length", &"a shorter one"));
            }
            read += more;
        }
        let mut values = values.into_iter();
        if !self.is_optional {
            return Ok(values.map(Some).collect());
        }
        Ok(levels.into_iter().map(|level| if level > 0 { values.next() } else { None }).collect())
    }
}

/// Takes the reader of a column of one type.
trait TryFromReader: Sized {
    fn try_from_reader(reader: ColumnReader) -> Option<Self>;
}

impl TryFromReader for ColumnReaderImpl<ByteArrayType> {
    fn try_from_reader(reader: ColumnReader) -> Option<Self> {
        if let ColumnReader::ByteArrayColumnReader(reader) = reader { Some(reader) } else { None }
    }
}

impl TryFromReader for ColumnReaderImpl<Int64Type> {
    fn try_from_reader(reader: ColumnReader) -> Option<Self> {
        if let ColumnReader::Int64ColumnReader(reader) = reader { Some(reader) } else { None }
    }
}

/// Whatever the library does with bytes that are no Parquet, it comes to an error.
fn guarded<T>(name: &str, read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ReadError> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(result) => result.map_err(|error| wrong(name, "a table in Parquet", &error)),
        Err(_) => Err(wrong(name, "a table in Parquet", &"bytes that its reader does not bear")),
    }
}
