//! What is written of each item, and how much of it is kept.

use super::super::raw::{RawAuto, RawConfirmation, RawLimit, RawProduct, RawProductOptions, RawProducts};
use super::super::zarr;
use super::Resolver;
use crate::model::{
    Confirmation, IcechunkVersion, Keeping, ProductFormat, ProductSettings, ProductsAsked, RemovalLimit, ZarrSettings,
};

impl Resolver<'_> {
    pub(super) fn products(&mut self, raw: Option<RawProducts>) -> Option<ProductsAsked> {
        let listed = match raw {
            Some(RawProducts::Auto(RawAuto::Auto)) => return Some(ProductsAsked::Auto),
            Some(RawProducts::Listed(listed)) => listed,
            None => vec![RawProduct::Name(ProductFormat::Kerchunk)],
        };
        let mut all: Vec<ProductSettings> = Vec::new();
        for (index, product) in listed.into_iter().enumerate() {
            let key = format!("products[{index}]");
            let settings = match product {
                RawProduct::Name(format) => named_product(format),
                RawProduct::Options(options) => self.product(&key, &options)?,
            };
            let format = settings.format();
            if all.iter().any(|known| known.format() == format) {
                self.mistake(&key, format!("names {format} for the second time"), None);
            } else {
                all.push(settings);
            }
        }
        Some(ProductsAsked::Listed(all))
    }

    /// A format with its options.
    fn product(&mut self, key: &str, raw: &RawProductOptions) -> Option<ProductSettings> {
        let mut found = Vec::new();
        if let Some(options) = &raw.kerchunk {
            found.push(match options.parquet_above {
                Some(parquet_above) => ProductSettings::KerchunkByNumber { parquet_above },
                None => ProductSettings::Kerchunk,
            });
        }
        if let Some(options) = &raw.kerchunk_parquet {
            let record_size = options.record_size.unwrap_or(ProductSettings::RECORD_SIZE);
            if !(1..=10_000_000).contains(&record_size) {
                let key = format!("{key}.kerchunk-parquet.record_size");
                self.mistake(&key, format!("is {record_size}; expected 1 to 10,000,000"), None);
            }
            found.push(ProductSettings::KerchunkParquet { record_size });
        }
        found.extend(raw.cfa.as_ref().map(|_| ProductSettings::Cfa));
        if let Some(options) = &raw.icechunk {
            let version = match options.version {
                None | Some(1) => IcechunkVersion::V1,
                Some(2) => IcechunkVersion::V2,
                Some(other) => {
                    self.mistake(&format!("{key}.icechunk.version"), format!("is {other}; expected 1 or 2"), None);
                    IcechunkVersion::V1
                }
            };
            found.push(ProductSettings::Icechunk { version });
        }
        match raw.zarr.clone().map(zarr::resolve) {
            Some(Ok(settings)) => found.push(ProductSettings::Zarr(settings)),
            Some(Err((option, what, advice))) => {
                self.mistake(&format!("{key}.zarr.{option}"), what, advice);
                return None;
            }
            None => {}
        }
        if found.len() != 1 {
            let advice =
                "write `- kerchunk`, or options after its name: `- kerchunk: {parquet_above: 200000}`".to_owned();
            self.mistake(key, format!("has the options of {} formats; expected one", found.len()), Some(advice));
        }
        found.pop()
    }

    pub(super) fn keeping(&mut self, revisions: Option<u32>, confirmation: RawConfirmation) -> Keeping {
        if revisions == Some(0) {
            self.mistake("keep_revisions", "is 0; expected at least 1: the current revision stands", None);
        }
        let confirmation = match confirmation {
            RawConfirmation::Read => Confirmation::Read,
            RawConfirmation::Checksum => Confirmation::Checksum,
        };
        let before = Keeping::default();
        Keeping { revisions: revisions.unwrap_or(before.revisions), confirmation, ..before }
    }

    pub(super) fn max_removed(&mut self, raw: Option<RawLimit>) -> RemovalLimit {
        let Some(raw) = raw else { return RemovalLimit::default() };
        raw.resolve().unwrap_or_else(|what| {
            self.mistake("guard.max_removed", what, None);
            RemovalLimit::default()
        })
    }
}

/// A format without options.
fn named_product(format: ProductFormat) -> ProductSettings {
    match format {
        ProductFormat::Kerchunk => ProductSettings::Kerchunk,
        ProductFormat::Zarr => ProductSettings::Zarr(ZarrSettings::default()),
        ProductFormat::Cfa => ProductSettings::Cfa,
        ProductFormat::Icechunk => ProductSettings::Icechunk { version: IcechunkVersion::default() },
        ProductFormat::KerchunkParquet => {
            ProductSettings::KerchunkParquet { record_size: ProductSettings::RECORD_SIZE }
        }
    }
}
