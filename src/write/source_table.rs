//! The table of an item's sources, beside its products: what the ledger can be rebuilt from.

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{ConvertedType, Repetition, Type as PhysicalType};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::record::{Row, RowAccessor};
use parquet::schema::types::Type;

use crate::model::{Fingerprint, SourceFile, SourceUrl};

/// Rows that are written at once.
const ROW_GROUP: usize = 100_000;

/// Writes one row for each source, in the order of the join: `url`, `size` (bytes), `fingerprint` (JSON), `role` (`source`).
///
/// # Errors
/// [`ParquetError`] if the output takes no more bytes.
pub fn write_source_table(files: &[SourceFile], out: &mut (dyn Write + Send)) -> Result<(), ParquetError> {
    let column = |name: &str, kind: PhysicalType, text: ConvertedType| {
        let column = Type::primitive_type_builder(name, kind).with_repetition(Repetition::REQUIRED);
        Ok::<_, ParquetError>(Arc::new(column.with_converted_type(text).build()?))
    };
    let text = |name| column(name, PhysicalType::BYTE_ARRAY, ConvertedType::UTF8);
    let fields = vec![
        text("url")?,
        column("size", PhysicalType::INT64, ConvertedType::NONE)?,
        text("fingerprint")?,
        text("role")?,
    ];
    let schema = Arc::new(Type::group_type_builder("sources").with_fields(fields).build()?);
    let mut writer = SerializedFileWriter::new(out, schema, Arc::new(WriterProperties::builder().build()))?;
    for rows in files.chunks(ROW_GROUP) {
        let mut group = writer.next_row_group()?;
        let texts = |text: &dyn Fn(&SourceFile) -> String| -> Vec<ByteArray> {
            rows.iter().map(|file| ByteArray::from(text(file).into_bytes())).collect()
        };
        let sizes: Vec<i64> = rows.iter().map(|file| i64::try_from(file.size).unwrap_or(i64::MAX)).collect();
        put::<ByteArrayType, _>(&mut group, &texts(&|file| file.url.as_str().to_owned()))?;
        put::<Int64Type, _>(&mut group, &sizes)?;
        put::<ByteArrayType, _>(&mut group, &texts(&|file| fingerprint(&file.fingerprint)))?;
        put::<ByteArrayType, _>(&mut group, &texts(&|_| "source".to_owned()))?;
        group.close()?;
    }
    writer.close()?;
    Ok(())
}

/// Reads such a table.
///
/// # Errors
/// [`ParquetError`] if it is none, or a row is not one of a source.
pub fn read_source_table(table: Bytes) -> Result<Vec<SourceFile>, ParquetError> {
    let reader = SerializedFileReader::new(table)?;
    let wrong = |what: &str, found: &str| ParquetError::General(format!("{what} in a table of sources: {found}"));
    let file = |row: Result<Row, ParquetError>| {
        let row = row?;
        let (url, size, state) = (row.get_string(0)?, row.get_long(1)?, row.get_string(2)?);
        let url = url::Url::parse(url).map_err(|error| wrong("a wrong URL", &error.to_string()))?;
        let fingerprint =
            serde_json::from_str(state).map_err(|error| wrong("a wrong fingerprint", &error.to_string()))?;
        let size = u64::try_from(size).map_err(|_| wrong("a wrong size", &size.to_string()))?;
        Ok(SourceFile { url: SourceUrl::new(url), size, fingerprint })
    };
    reader.get_row_iter(None)?.map(file).collect()
}

fn put<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
) -> Result<(), ParquetError> {
    let missing = || ParquetError::General("fewer columns than the schema has".into());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    column.typed::<T>().write_batch(values, None, None)?;
    column.close()
}

fn fingerprint(fingerprint: &Fingerprint) -> String {
    serde_json::to_string(fingerprint).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_source_is_a_row() {
        let file = |name: &str, size| SourceFile {
            url: SourceUrl::from_path(format!("/archive/{name}.nc")).unwrap(),
            size,
            fingerprint: Fingerprint::ModifiedAndSize { modified_ns: -1, size },
        };
        let files = [file("b ü", 3), file("a", 1 << 40)];
        let mut bytes = Vec::new();
        write_source_table(&files, &mut bytes).unwrap();
        assert_eq!(read_source_table(bytes.into()).unwrap(), files);
        assert!(read_source_table(Bytes::from_static(b"PAR1 not really")).is_err());
    }
}
