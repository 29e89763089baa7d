//! Small cubes made by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use chrono::{DateTime, TimeZone, Utc};

use crate::describe::{ItemInput, SourceFacts, Templates};
use crate::model::facts::{ItemFacts, RecordFacts};
use crate::model::recipe::{CollectionSettings, StacSettings};
use crate::model::{
    Array, ArrayData, ArrayValues, AttributeValue, CodecChain, CollectionId, DataType, Digest, Dimension,
    DimensionName, FacetValues, Fingerprint, Group, ItemId, KnownFacts, Numbers, Product, ProductFile, ProductFormat,
    PublicUrls, Revision, SourceFile, SourceUrl, Variable, VariableName, VariablePath, VerificationReport,
    VerifiedProduct, VirtualCube,
};

/// A variable with numbers.
pub(in crate::describe) fn inline(
    name: &str,
    dimensions: &[&str],
    shape: &[u64],
    numbers: Numbers,
    attributes: &[(&str, &str)],
) -> Variable {
    let data_type = DataType::little(numbers.primitive());
    let array = Array { shape: shape.to_vec(), values: ArrayValues::Numbers(numbers) };
    let texts = attributes.iter().map(|(name, text)| ((*name).to_owned(), AttributeValue::Text((*text).to_owned())));
    Variable {
        name: VariableName::new(name).unwrap(),
        data_type,
        dimensions: dimensions.iter().map(|name| DimensionName::new(*name).unwrap()).collect(),
        shape: shape.to_vec(),
        attributes: texts.collect(),
        fill_value: None,
        data: ArrayData::Inline(array),
        parts: std::sync::Arc::default(),
    }
}

/// A coordinate variable of its own dimension.
pub(in crate::describe) fn axis(name: &str, values: &[f64], attributes: &[(&str, &str)]) -> Variable {
    inline(name, &[name], &[values.len() as u64], Numbers::F64(values.to_vec()), attributes)
}

pub(in crate::describe) fn latitude(values: &[f64]) -> Variable {
    axis("lat", values, &[("standard_name", "latitude"), ("units", "degrees_north"), ("axis", "Y")])
}

pub(in crate::describe) fn longitude(values: &[f64]) -> Variable {
    axis("lon", values, &[("standard_name", "longitude"), ("units", "degrees_east"), ("axis", "X")])
}

pub(in crate::describe) fn time(values: &[f64], units: &str, calendar: &str) -> Variable {
    axis("time", values, &[("standard_name", "time"), ("units", units), ("calendar", calendar), ("axis", "T")])
}

/// The same variable with one more attribute.
pub(in crate::describe) fn with(mut variable: Variable, name: &str, value: AttributeValue) -> Variable {
    variable.attributes.insert(name.into(), value);
    variable
}

pub(in crate::describe) fn text(text: &str) -> AttributeValue {
    AttributeValue::Text(text.into())
}

/// Bounds of two edges a cell.
pub(in crate::describe) fn bounds(name: &str, dimension: &str, edges: &[(f64, f64)]) -> Variable {
    let numbers = edges.iter().flat_map(|(low, high)| [*low, *high]).collect();
    inline(name, &[dimension, "bnds"], &[edges.len() as u64, 2], Numbers::F64(numbers), &[])
}

/// The same variable with its chunks in files, none of them listed.
pub(in crate::describe) fn placed(mut variable: Variable) -> Variable {
    let chunk_shape = variable.shape.iter().map(|length| (*length).max(1)).collect();
    variable.data = ArrayData::Placed { chunk_shape, codecs: CodecChain::default(), placements: Vec::new() };
    variable
}

/// A data variable.
pub(in crate::describe) fn data(
    name: &str,
    dimensions: &[&str],
    shape: &[u64],
    attributes: &[(&str, &str)],
) -> Variable {
    let fill = AttributeValue::Numbers(Numbers::F32(vec![1e20]));
    placed(with(inline(name, dimensions, shape, Numbers::F32(Vec::new()), attributes), "_FillValue", fill))
}

/// A cube of variables in the root group, of two files.
pub(in crate::describe) fn cube(variables: Vec<Variable>) -> VirtualCube {
    let mut root = Group { path: "/".into(), ..Group::default() };
    for variable in variables {
        for (name, length) in variable.dimensions.iter().zip(&variable.shape) {
            std::sync::Arc::make_mut(&mut root.dimensions)
                .insert(name.clone(), Dimension { length: *length, unlimited: name.as_str() == "time" });
        }
        root.variables.insert(variable.name.clone(), variable);
    }
    let file = |name: &str, size| SourceFile {
        url: SourceUrl::from_path(format!("/archive/badc/cmip6/{name}")).unwrap(),
        size,
        fingerprint: Fingerprint::ModifiedAndSize { modified_ns: 1, size },
    };
    let files = vec![file("tas 1850.nc", 1000), file("tas_1851.nc", 2000)];
    VirtualCube {
        files,
        joins: DimensionName::new("time").into_iter().collect(),
        root,
        choices: Vec::new(),
        apart: Vec::new(),
        notes: Vec::new(),
    }
}

/// A cube of one data variable over time, latitude and longitude.
pub(in crate::describe) fn grid(latitudes: &[f64], longitudes: &[f64]) -> VirtualCube {
    let shape = [2, latitudes.len() as u64, longitudes.len() as u64];
    let attributes = [("standard_name", "air_temperature"), ("long_name", "Air temperature"), ("units", "K")];
    cube(vec![
        time(&[15.0, 45.0], "days since 1850-01-01", "360_day"),
        latitude(latitudes),
        longitude(longitudes),
        data("tas", &["time", "lat", "lon"], &shape, &attributes),
    ])
}

/// What an item is made of but its cube.
pub(in crate::describe) struct Surroundings {
    pub(in crate::describe) digests: BTreeMap<VariablePath, Digest>,
    pub(in crate::describe) source_facts: BTreeMap<SourceUrl, SourceFacts>,
    pub(in crate::describe) id: ItemId,
    pub(in crate::describe) facets: FacetValues,
    pub(in crate::describe) properties: BTreeMap<String, serde_json::Value>,
    pub(in crate::describe) products: Vec<VerifiedProduct>,
    pub(in crate::describe) report: ProductFile,
    pub(in crate::describe) source_manifest: Option<ProductFile>,
    pub(in crate::describe) collection: CollectionSettings,
    pub(in crate::describe) public_urls: PublicUrls,
    pub(in crate::describe) datetime: Option<(DateTime<Utc>, DateTime<Utc>)>,
    pub(in crate::describe) geometry: Option<serde_json::Value>,
    pub(in crate::describe) templates: Templates,
    pub(in crate::describe) item_facts: ItemFacts,
    pub(in crate::describe) record_facts: RecordFacts,
    pub(in crate::describe) known: KnownFacts,
}

pub(in crate::describe) fn product_file(name: &str) -> ProductFile {
    ProductFile { path: format!("cmip6/products/CMIP6.tas.v1/r1/{name}"), size: 4096, sha256: "ab".repeat(32) }
}

impl Surroundings {
    pub(in crate::describe) fn new(profile: &str) -> Self {
        let id = ItemId::new("CMIP6.tas.v1").unwrap();
        let format = ProductFormat::Kerchunk;
        let files = vec![product_file("kerchunk.json")];
        let product = Product { item: id.clone(), format, revision: Revision::FIRST, files, chunks: 4, unlisted: 0 };
        let rule = ["file:///archive/badc", "https://dap.ceda.ac.uk/badc"].map(|url| url::Url::parse(url).unwrap());
        Self {
            digests: BTreeMap::new(),
            source_facts: BTreeMap::new(),
            id,
            facets: [("variable_id".into(), "tas".into()), ("version".into(), "v1".into())].into(),
            properties: [("cmip6:experiment_id".into(), "historical".into())].into(),
            products: vec![VerifiedProduct::prove(product, VerificationReport::default())],
            report: product_file("report.json"),
            source_manifest: None,
            collection: CollectionSettings {
                id: CollectionId::new("cmip6").unwrap(),
                title: Some("CMIP6 sample".into()),
                description: "A sample of CMIP6.".into(),
                license: "CC-BY-4.0".into(),
                keywords: vec!["CMIP6".into()],
                providers: vec![
                    serde_json::json!({"name": "CEDA", "roles": ["host"], "url": "https://www.ceda.ac.uk"}),
                ],
                facts: Default::default(),
                parent: None,
                items_parquet: false,
            },
            public_urls: PublicUrls::new([rule.into()]),
            datetime: None,
            geometry: None,
            templates: Templates::load(&StacSettings { profile: profile.into(), ..StacSettings::default() }).unwrap(),
            item_facts: Default::default(),
            record_facts: Default::default(),
            known: Default::default(),
        }
    }

    pub(in crate::describe) fn input<'a>(&'a self, cube: &'a VirtualCube) -> ItemInput<'a> {
        ItemInput {
            cube,
            coordinate_digests: &self.digests,
            source_facts: &self.source_facts,
            id: &self.id,
            facets: &self.facets,
            properties: &self.properties,
            products: &self.products,
            report: Some(&self.report),
            thumbnail: None,
            source_manifest: self.source_manifest.as_ref(),
            collection: &self.collection,
            public_urls: &self.public_urls,
            created: Utc.with_ymd_and_hms(2026, 11, 1, 12, 0, 0).unwrap(),
            updated: Utc.with_ymd_and_hms(2026, 11, 2, 12, 0, 0).unwrap(),
            datetime: self.datetime,
            geometry: self.geometry.as_ref(),
            item_facts: &self.item_facts,
            record_facts: &self.record_facts,
            known: &self.known,
            templates: &self.templates,
        }
    }
}
