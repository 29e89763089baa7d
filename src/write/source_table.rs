//! The table of an item's sources, beside its products: what the ledger can be rebuilt from.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{ConvertedType, Repetition, Type as PhysicalType};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;

use crate::model::{Fingerprint, SourceFile};

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
    use crate::model::SourceUrl;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

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
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        let rows: Vec<_> = reader
            .get_row_iter(None)
            .unwrap()
            .map(|row| {
                let row = row.unwrap();
                let fingerprint: Fingerprint = serde_json::from_str(row.get_string(2).unwrap()).unwrap();
                let url = SourceUrl::new(url::Url::parse(row.get_string(0).unwrap()).unwrap());
                SourceFile { url, size: u64::try_from(row.get_long(1).unwrap()).unwrap(), fingerprint }
            })
            .collect();
        assert_eq!(rows, files);
    }
}
