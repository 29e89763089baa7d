//! NetCDF-3 through libnetcdf.

use super::{Said, Wanted, lengths, within};
use crate::model::{ByteOrder, Numbers};
use crate::read::Region;

const NATIVE: ByteOrder = if cfg!(target_endian = "big") { ByteOrder::Big } else { ByteOrder::Little };

pub(super) fn variable<'f>(file: &'f netcdf::File, key: &str) -> Said<netcdf::Variable<'f>> {
    file.variable(key).ok_or_else(|| format!("there is no variable {key}"))
}

pub(super) fn shape(variable: &netcdf::Variable<'_>) -> Vec<u64> {
    variable.dimensions().iter().map(|dimension| dimension.len() as u64).collect()
}

pub(super) fn slab(file: &netcdf::File, wanted: &Wanted<'_>) -> Said<Vec<u8>> {
    let variable = variable(file, wanted.key)?;
    let read = |region: &Region| {
        let extents = (lengths(&region.start)?, lengths(&region.count)?);
        let bytes = variable.get_raw_values(extents).map_err(|error| error.to_string())?;
        Ok(match wanted.variable.data_type.number() {
            Some((primitive, order)) => Numbers::from_bytes(primitive, NATIVE, &bytes).to_bytes(order),
            None => bytes,
        })
    };
    within(wanted, &shape(&variable), read)
}
