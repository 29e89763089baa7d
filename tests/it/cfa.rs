//! CFA-netCDF of very many files: what it takes, and that all of it comes back.

#![allow(clippy::print_stdout, clippy::print_stderr)] // A process tells its size on stdout; what is skipped, stderr.

use std::process::Command;
use std::sync::Arc;

use altostac::index::{index, read_texts};
use altostac::model::{
    ArrayData, Attributes, ChunkGrid, ChunkManifest, CodecChain, DataType, Dimension, DimensionName, FileGroup,
    FileIndex, FileVariable, Fingerprint, Group, Layout, Part, Primitive, PublicUrls, SmallValues, SourceFile,
    SourceUrl, Variable, VariableName, VariableSchema, VirtualCube,
};
use altostac::read::{ReadError, read_cfa};
use altostac::storage::MemoryFile;
use altostac::write::write_cfa;

const ASKED: &str = "ALTOSTAC_TEST_CFA_MEMORY";
const FILES: u64 = 100_000;
/// The most that the process may take.
const LIMIT: u64 = 500 << 20;
const SHAPE: [u64; 3] = [1, 180, 360];

fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// One step a file.
fn cube() -> (Vec<FileIndex>, VirtualCube) {
    let names: Vec<DimensionName> = ["time", "lat", "lon"].map(|name| DimensionName::new(name).unwrap()).into();
    let name = VariableName::new("tas").unwrap();
    let schema = Arc::new(VariableSchema {
        name: name.clone(),
        data_type: DataType::little(Primitive::F32),
        dimensions: names.clone(),
        attributes: Arc::default(),
        fill_value: None,
        layout: Layout::Chunked,
        codecs: CodecChain::default(),
        grid: ChunkGrid::new(SHAPE.to_vec(), SHAPE.to_vec()).unwrap(),
        unfiltered_edges: false,
    });
    let dimensions = |steps: u64| {
        let lengths = [steps, SHAPE[1], SHAPE[2]];
        let each = names.iter().cloned().zip(lengths.map(|length| Dimension { length, unlimited: false }));
        Arc::new(each.collect())
    };
    let (of_file, manifest) = (dimensions(1), Arc::new(ChunkManifest::missing(1)));
    let file = |number: u64| {
        let path = format!("/archive/cmip6/model/experiment/member/day/tas/gn/v20200101/tas_day_{number:06}.nc");
        let url = SourceUrl::from_path(path).unwrap();
        let source = SourceFile { url, size: 1, fingerprint: Fingerprint::Sha256 { digest: "00".into() } };
        let variable =
            FileVariable { schema: schema.clone(), manifest: manifest.clone(), values: SmallValues::NotRead };
        let variables = [(name.clone(), variable)].into_iter().collect();
        let root = FileGroup { path: "/".into(), dimensions: Arc::clone(&of_file), variables, ..FileGroup::default() };
        FileIndex { source, format: "netCDF-4".into(), root, notes: vec![] }
    };
    let files: Vec<FileIndex> = (0..FILES).map(file).collect();
    let part = |number: u64| Part {
        file: usize::try_from(number).unwrap(),
        origin: vec![number, 0, 0],
        count: SHAPE.to_vec(),
        start: vec![0; 3],
        reversed: vec![],
        new_dimensions: 0,
    };
    let variable = Variable {
        name: name.clone(),
        data_type: DataType::little(Primitive::F32),
        dimensions: names.clone(),
        shape: vec![FILES, SHAPE[1], SHAPE[2]],
        attributes: Attributes::new(),
        fill_value: None,
        data: ArrayData::Apart,
        parts: (0..FILES).map(part).collect(),
    };
    let variables = [(name.clone(), variable)].into_iter().collect();
    let root = Group { path: "/".into(), dimensions: dimensions(FILES), variables, ..Group::default() };
    let sources = files.iter().map(|file| file.source.clone()).collect();
    (files, VirtualCube { files: sources, joins: vec![], root, choices: vec![], apart: vec![], notes: vec![] })
}

#[test]
fn one_hundred_thousand_fragments() {
    if std::env::var_os(ASKED).is_none() {
        return;
    }
    let (files, cube) = cube();
    let begun = std::time::Instant::now();
    let mut bytes = Vec::new();
    let nothing = |_: &altostac::model::VariablePath, _: &Variable| unreachable!("nothing is stored");
    write_cfa((&cube, &files), &PublicUrls::default(), &nothing, &mut bytes).unwrap();
    let (size, written) = (bytes.len(), begun.elapsed());
    let file = MemoryFile::new(SourceUrl::from_path("/cfa.nca").unwrap(), bytes);
    let of_product = index(&file).unwrap();
    let texts = |variable: &FileVariable| {
        read_texts(&file, variable).map_err(|error| ReadError::Unindexed { file: "cfa".into(), source: error.into() })
    };
    let store = read_cfa(&of_product, &file, &texts).unwrap();
    let fragments = store.arrays["tas"].fragments.as_ref().unwrap();
    assert_eq!(
        (fragments.variable.as_str(), fragments.lengths[0].len(), fragments.lengths[1].len()),
        ("tas", 100_000, 1)
    );
    let expected = cube.files.iter().map(|file| PublicUrls::default().reference(&file.url));
    assert!(fragments.urls.iter().cloned().eq(expected));
    println!("\npeak={}", peak().unwrap_or(0));
    println!("told={size} bytes, written in {written:?}, read back in {:?}", begun.elapsed() - written);
}

#[test]
fn a_hundred_thousand_fragments_take_little_memory() {
    if peak().is_none() {
        eprintln!("skipped: needs /proc/self/status");
        return;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["cfa::one_hundred_thousand_fragments", "--exact", "--nocapture"])
        .env(ASKED, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = |key: &str| text.lines().find_map(|line| line.strip_prefix(key).map(str::to_owned));
    let peak: u64 =
        told("peak=").unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr))).parse().unwrap();
    eprintln!("{} MB; {}", peak >> 20, told("told=").unwrap_or_default());
    assert!(peak < LIMIT, "{peak} bytes of memory, not {LIMIT}");
}
