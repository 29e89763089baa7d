//! However a dataset is split into files, combining them gives it back: read from the product, and proven by verification.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use altostac::codec::encode_chunk;
use altostac::combine::{SourceValues, combine};
use altostac::model::recipe::{AggregateSettings, Along, FacetDimension, OnOverlap};
use altostac::model::{
    Array, AttributeValue, Attributes, ByteOrder, ChunkGrid, ChunkLocation, ChunkManifest, Codec, CodecChain,
    ConflictKind, DataType, Dimension, DimensionName, Facets, FileGroup, FileIndex, FileVariable, ItemId, Layout,
    Numbers, Product, ProductFile, ProductFormat, PublicUrls, Revision, SmallValues, SourceUrl, VariableName,
    VariablePath, VariableSchema, VirtualCube,
};
use altostac::read::{ProductStore, Region, copy_region, read_kerchunk, read_slab};
use altostac::storage::{ByteSource, MemoryFile, StorageError};
use altostac::verify::{Evidence, FacetLabels, Sampling, VerifyError, verify};
use altostac::write::write_kerchunk;
use proptest::prelude::*;
use sha2::Digest as _;

const LONGITUDES: u64 = 2;

/// One file of the split: which piece of the dataset it holds.
#[derive(Debug, Clone)]
struct Piece {
    member: u64,
    times: Range<u64>,
    lats: Range<u64>,
    variables: Vec<&'static str>,
    /// Days after 2000-01-01 that its times are counted from.
    epoch: u64,
    reversed: bool,
}

/// The dataset, and how it is split.
#[derive(Debug, Clone)]
struct Split {
    by_facet: bool,
    filtered: bool,
    orography_differs: bool,
    on_overlap: OnOverlap,
    pieces: Vec<Piece>,
}

/// What sets the values of one file apart from those of others that hold the same steps.
#[allow(clippy::cast_precision_loss)]
fn version(split: &Split, variable: &str, number: usize) -> f64 {
    let is_versioned = split.on_overlap != OnOverlap::Error && variable != "orog";
    if is_versioned { number as f64 * 0.25 } else { 0.0 }
}

/// The value of a variable where its coordinates have these values; dimensions that it does not have do not count.
#[allow(clippy::cast_precision_loss)]
fn value(variable: &str, member: u64, time: f64, lat: f64, lon: u64) -> f64 {
    match variable {
        "tas" => member as f64 * 1000.0 + time * 50.0 + lat * 5.0 + lon as f64,
        "pr" => -(member as f64 * 1000.0 + time * 50.0 + lat * 5.0),
        "orog" => member as f64 * 100.0 + lat * 5.0 + lon as f64,
        "total" => member as f64 * 1000.0 + time,
        other => panic!("no variable {other}"),
    }
}

struct Writer {
    content: Vec<u8>,
    root: FileGroup,
}

impl Writer {
    #[allow(clippy::too_many_arguments)]
    fn add(
        &mut self,
        name: &str,
        dimensions: &[(&str, u64)],
        numbers: &Numbers,
        chunks: Option<&[u64]>,
        codecs: CodecChain,
        attributes: Attributes,
        small: bool,
    ) {
        let shape: Vec<u64> = dimensions.iter().map(|(_, length)| *length).collect();
        let whole: Vec<u64> = shape.iter().map(|length| (*length).max(1)).collect();
        let grid = ChunkGrid::new(shape.clone(), chunks.map_or(whole, <[u64]>::to_vec)).unwrap();
        let data_type = DataType::little(numbers.primitive());
        let (bytes, size) = (numbers.to_bytes(ByteOrder::Little), data_type.size().unwrap());
        let mut manifest = ChunkManifest::missing(usize::try_from(grid.chunk_count()).unwrap());
        for number in 0..grid.chunk_count() {
            let start: Vec<u64> =
                grid.coordinates(number).iter().zip(&grid.chunk_shape).map(|(at, n)| at * n).collect();
            let chunk = Region { start: start.clone(), count: grid.chunk_shape.clone() };
            let common = chunk.intersection(&Region { start: vec![0; start.len()], count: shape.clone() }).unwrap();
            let mut raw = vec![0; usize::try_from(grid.chunk_elements().unwrap()).unwrap() * size];
            copy_region(
                (&bytes, &shape, 0),
                &start,
                (&mut raw, &grid.chunk_shape),
                &vec![0; start.len()],
                (&common.count, size),
            );
            let stored = encode_chunk(&raw, &codecs).unwrap();
            let location =
                ChunkLocation { offset: self.content.len() as u64, length: stored.len() as u64, filter_mask: 0 };
            self.content.extend(stored);
            manifest.set(usize::try_from(number).unwrap(), location);
        }
        let dimension = |(name, length): &(&str, u64)| {
            (DimensionName::new(*name).unwrap(), Dimension { length: *length, unlimited: *name == "time" })
        };
        Arc::make_mut(&mut self.root.dimensions).extend(dimensions.iter().map(dimension));
        let array = Array::from_bytes(&data_type, &shape, &bytes).unwrap();
        let variable = FileVariable {
            schema: Arc::new(VariableSchema {
                name: VariableName::new(name).unwrap(),
                data_type,
                dimensions: dimensions.iter().map(|(name, _)| DimensionName::new(*name).unwrap()).collect(),
                attributes: Arc::new(attributes),
                fill_value: None,
                layout: if chunks.is_some() { Layout::Chunked } else { Layout::Contiguous },
                codecs,
                grid,
                unfiltered_edges: false,
            }),
            manifest: Arc::new(manifest),
            values: if small { array.into() } else { SmallValues::NotRead },
        };
        self.root.variables.insert(variable.name.clone(), variable);
    }
}

fn text(pairs: &[(&str, &str)]) -> Attributes {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), AttributeValue::Text((*value).to_owned()))).collect()
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
fn written(split: &Split, piece: &Piece, number: usize) -> (FileIndex, MemoryFile) {
    let mut times: Vec<f64> = piece.times.clone().map(|time| time as f64).collect();
    if piece.reversed {
        times.reverse();
    }
    let lats: Vec<f64> = piece.lats.clone().map(|lat| lat as f64 * 10.0 - 30.0).collect();
    let mut writer =
        Writer { content: b"a file in memory".to_vec(), root: FileGroup { path: "/".into(), ..FileGroup::default() } };
    let (time, lat, lon) = (("time", times.len() as u64), ("lat", lats.len() as u64), ("lon", LONGITUDES));
    let day = chrono::NaiveDate::from_ymd_opt(2000, 1, 1).unwrap() + chrono::Days::new(piece.epoch);
    let units = format!("days since {day}");
    let own: Vec<f64> = times.iter().map(|time| time - piece.epoch as f64).collect();
    let bounds = own.iter().flat_map(|time| [time - 0.5, time + 0.5]).collect();
    let none = CodecChain::default;
    let attributes = text(&[("units", &units), ("calendar", "standard"), ("bounds", "time_bnds")]);
    writer.add("time", &[time], &Numbers::F64(own), None, none(), attributes, true);
    writer.add("time_bnds", &[time, ("bnds", 2)], &Numbers::F64(bounds), None, none(), text(&[]), true);
    writer.add("lat", &[lat], &Numbers::F64(lats.clone()), None, none(), text(&[("units", "degrees_north")]), true);
    writer.add("lon", &[lon], &Numbers::F64(vec![0.0, 1.5]), None, none(), text(&[("units", "degrees_east")]), true);
    writer.add("height", &[], &Numbers::F64(vec![2.0]), None, none(), text(&[]), true);
    let chain = if split.filtered { CodecChain(vec![Codec::Deflate { level: 1 }]) } else { none() };
    for variable in &piece.variables {
        let member = if *variable == "orog" && !split.orography_differs { 0 } else { piece.member };
        let dimensions: &[(&str, u64)] = match *variable {
            "tas" => &[time, lat, lon],
            "pr" => &[time, lat],
            "total" => &[time],
            _ => &[lat, lon],
        };
        let length = |name: &str| dimensions.iter().find(|(own, _)| *own == name).map_or(1, |(_, length)| *length);
        let mut numbers = Vec::new();
        for t in 0..length("time") {
            for y in 0..length("lat") {
                for x in 0..length("lon") {
                    let at = usize::try_from(t).unwrap();
                    numbers.push(
                        value(
                            variable,
                            member,
                            times.get(at).copied().unwrap_or(0.0),
                            lats[usize::try_from(y).unwrap()],
                            x,
                        ) as f32
                            + version(split, variable, number) as f32,
                    );
                }
            }
        }
        let chunks: Vec<u64> = dimensions.iter().map(|(name, _)| if *name == "lon" { LONGITUDES } else { 1 }).collect();
        let chunks = split.filtered.then_some(chunks.as_slice());
        writer.add(variable, dimensions, &Numbers::F32(numbers), chunks, chain.clone(), text(&[("units", "1")]), false);
    }
    let memory = MemoryFile::new(SourceUrl::from_path(format!("/archive/{number:03}.nc")).unwrap(), writer.content);
    (FileIndex { source: memory.file().clone(), format: "memory".into(), root: writer.root, notes: vec![] }, memory)
}

struct Memory(HashMap<SourceUrl, MemoryFile>);

impl Memory {
    fn open(&self, url: &SourceUrl) -> Result<Box<dyn ByteSource>, StorageError> {
        Ok(Box::new(self.0[url].clone()))
    }

    fn bytes(&self, index: &FileIndex, path: &VariablePath) -> (DataType, Vec<u64>, Vec<u8>) {
        let variable = &index.root.variables[path.key()];
        let shape = variable.grid.shape.clone();
        let bytes = read_slab(variable, &self.0[&index.source.url], &vec![0; shape.len()], &shape).unwrap();
        (variable.data_type.clone(), shape, bytes)
    }
}

impl SourceValues for Memory {
    fn values(&self, index: &FileIndex, path: &VariablePath) -> Result<Array, String> {
        let (data_type, shape, bytes) = self.bytes(index, path);
        Array::from_bytes(&data_type, &shape, &bytes).ok_or_else(|| "no array".into())
    }

    fn digest(&self, index: &FileIndex, path: &VariablePath) -> Result<[u8; 32], String> {
        Ok(sha2::Sha256::digest(self.bytes(index, path).2).into())
    }

    fn slab(&self, index: &FileIndex, path: &VariablePath, start: &[u64], count: &[u64]) -> Result<Vec<u8>, String> {
        let variables = index.root.all_variables();
        let (_, variable) = variables.into_iter().find(|(found, _)| found == path).ok_or("no such variable")?;
        read_slab(variable, &self.0[&index.source.url], start, count).map_err(|error| error.to_string())
    }
}

fn settings(split: &Split) -> AggregateSettings {
    let facet = FacetDimension { name: DimensionName::new("member").unwrap(), from: "variant".into() };
    let facets = if split.by_facet { vec![facet] } else { vec![] };
    AggregateSettings {
        along: Along { dimensions: vec![], facets },
        on_overlap: split.on_overlap,
        ..AggregateSettings::default()
    }
}

/// All elements of an array of the product, as numbers.
fn elements(store: &ProductStore, key: &str, memory: &Memory) -> (Vec<String>, Vec<u64>, Array) {
    let array = &store.arrays[key];
    let open = |url: &str| Ok(memory.open(&SourceUrl::new(url::Url::parse(url).unwrap())).unwrap());
    let (shape, size) = (array.grid.shape.clone(), array.data_type.size().unwrap());
    let mut bytes = vec![0; usize::try_from(shape.iter().product::<u64>()).unwrap() * size];
    for number in 0..array.grid.chunk_count() {
        let chunk = store.read_chunk(array, number, &open).unwrap();
        let start: Vec<u64> =
            array.grid.coordinates(number).iter().zip(&array.grid.chunk_shape).map(|(at, n)| at * n).collect();
        let whole = Region { start: vec![0; start.len()], count: shape.clone() };
        let common =
            Region { start: start.clone(), count: array.grid.chunk_shape.clone() }.intersection(&whole).unwrap();
        copy_region(
            (&chunk, &array.grid.chunk_shape, 0),
            &vec![0; start.len()],
            (&mut bytes, &shape),
            &start,
            (&common.count, size),
        );
    }
    let values = Array::from_bytes(&array.data_type, &shape, &bytes).unwrap();
    (array.dimensions.clone(), shape, values)
}

fn numbers(store: &ProductStore, key: &str, memory: &Memory) -> Vec<f64> {
    elements(store, key, memory).2.numbers().unwrap().to_f64()
}

/// Combines, writes, verifies, reads back and compares.
fn check(split: &Split) {
    prove(split, split.on_overlap).unwrap_or_else(|error| panic!("{error}\n{split:#?}"));
}

/// The same, verified as if the recipe had said this of overlaps.
fn prove(split: &Split, on_overlap: OnOverlap) -> Result<(), VerifyError> {
    let (indexes, files): (Vec<FileIndex>, Vec<MemoryFile>) =
        split.pieces.iter().enumerate().map(|(number, piece)| written(split, piece, number)).unzip();
    let memory = Memory(files.into_iter().map(|file| (file.file().url.clone(), file)).collect());
    let labels: Vec<String> = split.pieces.iter().map(|piece| format!("r{}", piece.member)).collect();
    let facets: Vec<Facets> =
        labels.iter().map(|label| BTreeMap::from([("variant".to_owned(), label.clone())])).collect();
    let cube = combine(&indexes, &facets, &settings(split), &memory)
        .unwrap_or_else(|conflicts| panic!("{conflicts:#?}\n{split:#?}"));
    let mut bytes = Vec::new();
    write_kerchunk(&cube, &PublicUrls::default(), &mut bytes).unwrap();
    let sha256 = sha2::Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let product = Product {
        item: ItemId::new("item").unwrap(),
        format: ProductFormat::Kerchunk,
        revision: Revision::FIRST,
        files: vec![ProductFile { path: "kerchunk.json".into(), size: bytes.len() as u64, sha256 }],
        chunks: 0,
        unlisted: 0,
    };
    let read_back = read_kerchunk("kerchunk.json", (&mut &bytes[..], bytes.len() as u64)).unwrap();
    let verified = verify(Evidence {
        product,
        read_back: &read_back,
        verified: &[],
        taken_over: &Default::default(),
        recorded: &indexes.iter().map(|index| index.source.clone()).collect::<Vec<_>>(),
        indexes: &indexes,
        facets: &if split.by_facet { vec![FacetLabels { dimension: "member".into(), labels }] } else { vec![] },
        on_overlap,
        urls: &PublicUrls::default(),
        open: &|url| memory.open(url),
        reader: &altostac::read::NativeReader::new(&|url| memory.open(url)),
        sampling: Sampling { budget: 64, seed: 1, every_value: true },
    });
    verified?;
    compare(split, &read_back.store, &memory);
    check_parts(&cube, &indexes, &read_back.store, &memory);
    Ok(())
}

/// What the cube says of each file's part of its variables is what stands in the product.
fn check_parts(cube: &VirtualCube, indexes: &[FileIndex], store: &ProductStore, memory: &Memory) {
    for (path, variable) in cube.root.all_variables() {
        assert_eq!(variable.parts.is_empty(), variable.inline().is_some(), "{path}");
        let (_, shape, array) = elements(store, path.key(), memory);
        let expected = array.numbers();
        let mut covered = 0;
        for part in &*variable.parts {
            let index = indexes.iter().find(|index| index.source == cube.files[part.file]).unwrap();
            let count = &part.count[part.new_dimensions..];
            let bytes = memory.slab(index, &path, &part.start, count).unwrap();
            let found = Array::from_bytes(&variable.data_type, count, &bytes).unwrap();
            for number in 0..part.count.iter().product::<u64>() {
                let (mut rest, mut source, mut stride, mut target, mut row) = (number, 0, 1, 0, 1);
                for axis in (0..shape.len()).rev() {
                    let at = rest % part.count[axis];
                    rest /= part.count[axis];
                    target += (part.origin[axis] + at) * row;
                    row *= shape[axis];
                    let Some(own) = axis.checked_sub(part.new_dimensions) else { continue };
                    let is_reversed = part.reversed.get(own).copied().unwrap_or(false);
                    source += stride * if is_reversed { part.count[axis] - 1 - at } else { at };
                    stride *= part.count[axis];
                }
                let one = |numbers: &Numbers, at: u64| {
                    let at = usize::try_from(at).unwrap();
                    numbers.slice(at..at + 1)
                };
                let (found, expected) = (one(found.numbers().unwrap(), source), one(expected.unwrap(), target));
                assert_eq!(found, expected, "{path} {part:?} {number}");
                covered += 1;
            }
        }
        assert!(covered == 0 || covered == shape.iter().product::<u64>(), "{path}: every place once");
    }
}

fn compare(split: &Split, store: &ProductStore, memory: &Memory) {
    let first = store.arrays["time"].attributes["units"].as_str().unwrap().split(' ').nth(2).unwrap().to_owned();
    let epoch = (first[..10].parse::<chrono::NaiveDate>().unwrap()
        - chrono::NaiveDate::from_ymd_opt(2000, 1, 1).unwrap())
    .num_days();
    #[allow(clippy::cast_precision_loss)]
    let times: Vec<f64> = numbers(store, "time", memory).into_iter().map(|time| time + epoch as f64).collect();
    let lats = numbers(store, "lat", memory);
    let end = |range: fn(&Piece) -> &Range<u64>| split.pieces.iter().map(|piece| range(piece).end).max().unwrap();
    assert_eq!((times.len() as u64, lats.len() as u64), (end(|p| &p.times), end(|p| &p.lats)), "{split:#?}");
    let mut members: Vec<u64> = split.pieces.iter().map(|piece| piece.member).collect();
    members.sort_unstable();
    members.dedup();
    if split.by_facet {
        let (_, _, labels) = elements(store, "member", memory);
        let expected = members.iter().map(|member| format!("r{member}")).collect();
        assert_eq!(labels.values, altostac::model::ArrayValues::Strings(expected));
    }
    let bounds = numbers(store, "time_bnds", memory);
    let own = numbers(store, "time", memory);
    assert_eq!(bounds, own.iter().flat_map(|time| [time - 0.5, time + 0.5]).collect::<Vec<_>>());
    for key in ["tas", "pr", "total", "orog"] {
        let (dimensions, shape, array) = elements(store, key, memory);
        let is_told = key != "orog" || (split.orography_differs && members.len() > 1);
        assert_eq!(dimensions[0] == "member", split.by_facet && is_told, "{key} {dimensions:?}\n{split:#?}");
        let found = array.numbers().unwrap().to_f64();
        for (number, found) in found.iter().enumerate() {
            let mut rest = number as u64;
            let mut at: HashMap<&str, usize> = HashMap::new();
            for (name, length) in dimensions.iter().zip(&shape).rev() {
                at.insert(name, usize::try_from(rest % length).unwrap());
                rest /= length;
            }
            let place = |name: &str| at.get(name).copied().unwrap_or(0);
            let member = if key == "orog" && !split.orography_differs { 0 } else { members[place("member")] };
            let of_version = || {
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let time = times[place("time")] as u64;
                let holds = |piece: &Piece| {
                    piece.times.contains(&time)
                        && piece.variables.contains(&key)
                        && (!split.by_facet || piece.member == member)
                };
                let holders: Vec<usize> =
                    (0..split.pieces.len()).filter(|number| holds(&split.pieces[*number])).collect();
                let kept = if split.on_overlap == OnOverlap::KeepLast { holders.last() } else { holders.first() };
                kept.map_or(0.0, |number| version(split, key, *number))
            };
            let expected =
                of_version() + value(key, member, times[place("time")], lats[place("lat")], place("lon") as u64);
            assert!((expected - found).abs() < 1e-6, "{key} at {at:?}: {found}, expected {expected}\n{split:#?}");
        }
    }
}

/// The stretches between cuts, each bit of `mask` one.
fn stretches(length: u64, mask: u64) -> Vec<Range<u64>> {
    let mut cuts: Vec<u64> = (1..length).filter(|at| mask >> (at % 64) & 1 == 1).collect();
    cuts.insert(0, 0);
    cuts.push(length);
    cuts.windows(2).map(|pair| pair[0]..pair[1]).collect()
}

/// A stretch with some steps of its neighbours, if files may overlap.
fn longer(own: Range<u64>, length: u64, on_overlap: OnOverlap, bits: u64) -> Range<u64> {
    if on_overlap == OnOverlap::Error {
        return own;
    }
    own.start.saturating_sub(bits & 3)..(own.end + (bits >> 2 & 3)).min(length)
}

fn splits() -> impl Strategy<Value = Split> {
    let shape = (1u64..8, 1u64..5, 1u64..4);
    let policy = prop_oneof![Just(OnOverlap::Error), Just(OnOverlap::KeepLast), Just(OnOverlap::KeepFirst)];
    let how = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), policy);
    (shape, how, any::<u64>(), any::<u64>(), prop::collection::vec(any::<u64>(), 8)).prop_map(
        |((times, lats, members), (facet, filtered, orography_differs, spread, on_overlap), tiles, order, seeds)| {
            // Files that overlap in time are told apart by nothing else.
            let tiles = stretches(lats, if on_overlap == OnOverlap::Error { tiles } else { 0 });
            let groups: Vec<Vec<&'static str>> = if spread {
                vec![vec!["tas", "orog"], vec!["pr", "total", "orog"]]
            } else {
                vec![vec!["tas", "pr", "total", "orog"]]
            };
            let mut pieces = Vec::new();
            for member in 0..members {
                for (group, variables) in groups.iter().enumerate() {
                    // Tiles are cut alike; series may be cut anywhere.
                    let seed = if tiles.len() > 1 {
                        seeds[0]
                    } else {
                        seeds[(usize::try_from(member).unwrap() * 2 + group) % 8]
                    };
                    for (number, stretch) in stretches(times, seed).into_iter().enumerate() {
                        for lats in &tiles {
                            let bits = seeds[number % 8].rotate_left(7 * u32::try_from(group).unwrap());
                            pieces.push(Piece {
                                member: [1, 2, 10][usize::try_from(member).unwrap()],
                                times: longer(stretch.clone(), times, on_overlap, bits >> 24),
                                lats: lats.clone(),
                                variables: variables.clone(),
                                epoch: if bits & 1 == 1 { 0 } else { bits >> 8 & 3 },
                                reversed: bits >> 16 & 3 == 3,
                            });
                        }
                    }
                }
            }
            let rotation = usize::try_from(order % pieces.len() as u64).unwrap();
            pieces.rotate_left(rotation);
            Split { by_facet: facet || members > 1, filtered, orography_differs, on_overlap, pieces }
        },
    )
}

proptest! {
    #[test]
    fn any_split_of_a_dataset_combines_to_the_dataset(split in splits()) {
        check(&split);
    }
}

fn two(change: impl Fn(&mut Vec<Piece>)) -> Split {
    let piece = |times: Range<u64>| Piece {
        member: 1,
        times,
        lats: 0..2,
        variables: vec!["tas", "pr", "total", "orog"],
        epoch: 0,
        reversed: false,
    };
    let mut pieces = vec![piece(0..3), piece(3..5)];
    change(&mut pieces);
    Split { by_facet: false, filtered: true, orography_differs: false, on_overlap: OnOverlap::Error, pieces }
}

#[test]
fn steps_of_another_file_than_the_recipe_names_are_found() {
    let overlapping = |on_overlap: OnOverlap| Split { on_overlap, ..two(|pieces| pieces[1].times = 2..5) };
    let policies = [OnOverlap::KeepLast, OnOverlap::KeepFirst];
    for (built, asked) in policies.into_iter().flat_map(|built| policies.map(|asked| (built, asked))) {
        assert_eq!(prove(&overlapping(built), asked).is_ok(), built == asked, "{built:?} {asked:?}");
    }
    // Both files hold other values there, which are not to be taken for one.
    assert!(prove(&overlapping(OnOverlap::KeepLast), OnOverlap::Error).is_err());
}

#[test]
fn what_cannot_be_placed_is_refused() {
    let kinds = |split: &Split| -> Vec<ConflictKind> {
        let (indexes, files): (Vec<FileIndex>, Vec<MemoryFile>) =
            split.pieces.iter().enumerate().map(|(number, piece)| written(split, piece, number)).unzip();
        let memory = Memory(files.into_iter().map(|file| (file.file().url.clone(), file)).collect());
        let conflicts = combine(&indexes, &[], &settings(split), &memory).unwrap_err();
        assert!(conflicts.iter().all(|conflict| !conflict.files.is_empty() && !conflict.remedy.is_empty()));
        conflicts.into_iter().map(|conflict| conflict.kind).collect()
    };
    check(&two(|_| ()));
    assert_eq!(kinds(&two(|pieces| pieces[1].times = 2..5)), [ConflictKind::Overlap]);
    assert_eq!(kinds(&two(|pieces| pieces[1].times = 0..3)), [ConflictKind::Overlap]);
    // A tile of another time: half of the grid would be nothing.
    assert_eq!(kinds(&two(|pieces| pieces[1].lats = 2..4)), [ConflictKind::Coordinate]);
    // Other variables at other times.
    let apart = two(|pieces| {
        pieces[0].variables = vec!["tas"];
        pieces[1].variables = vec!["pr"];
    });
    assert_eq!(kinds(&apart), [ConflictKind::Variable]);
    // No fill for where a variable is not.
    let shorter = two(|pieces| {
        pieces[0].variables = vec!["tas"];
        (pieces[1].variables, pieces[1].times) = (vec!["pr"], 1..3);
    });
    assert_eq!(kinds(&shorter), [ConflictKind::Variable]);
}
