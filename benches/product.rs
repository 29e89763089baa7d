//! From files to a verified product, and no further: CPU seconds of a whole process that indexes, combines, writes Kerchunk JSON, reads it
//! back and verifies it, as a build does.
//!
//! ```text
//! cargo bench --bench product -- --out FOLDER FILE…
//! ```
//!
//! Prints one line of JSON: `files`, `references`, `sampled_chunks`, `cpu_s` of `index`, `combine`, `write`, `verify`, and of `all`, the start of
//! the process included; `wall_s`, `peak_rss_mb`.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::cast_precision_loss)]

mod digesting;
mod one_file;
mod process;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use altostac::combine::combine;
use altostac::index::index;
use altostac::model::recipe::{AggregateSettings, OnOverlap};
use altostac::model::{
    FileIndex, ItemId, Product, ProductFile, ProductFormat, PublicUrls, Revision, Sharing, SourceUrl,
};
use altostac::read::{NativeReader, read_kerchunk};
use altostac::storage::open_source;
use altostac::verify::{DEFAULT_BUDGET, Evidence, Sampling, verify};
use altostac::write::write_kerchunk;
use digesting::Digesting;
use one_file::OneFile;
use process::{cpu_seconds, peak_rss_mb};
use rayon::prelude::*;

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const NAME: &str = "kerchunk.json";

fn index_all(files: &[PathBuf]) -> Result<Vec<FileIndex>, Failure> {
    let one = |path: &PathBuf| -> Result<FileIndex, Failure> {
        let url = SourceUrl::from_path(std::path::absolute(path)?).ok_or("no absolute path")?;
        Ok(index(open_source(&url)?.as_ref())?)
    };
    let mut indexes = files.par_iter().map(one).collect::<Result<Vec<_>, _>>()?;
    let mut sharing = Sharing::default();
    indexes.iter_mut().for_each(|index| sharing.share(index));
    Ok(indexes)
}

fn measure() -> Result<String, Failure> {
    let started = Instant::now();
    let (mut out, mut files) = (PathBuf::new(), Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // What cargo itself adds.
            "--bench" => {}
            "--out" => out = arguments.next().ok_or("--out needs a value")?.into(),
            path => files.push(PathBuf::from(path)),
        }
    }
    let mut times = vec![("start", cpu_seconds())];
    let indexes = index_all(&files)?;
    times.push(("index", cpu_seconds()));
    let urls = PublicUrls::default();
    let cube = combine(&indexes, &[], &AggregateSettings::default(), &OneFile).map_err(|found| format!("{found:?}"))?;
    times.push(("combine", cpu_seconds()));
    let path = out.join(NAME);
    let mut file = Digesting::create(&path)?;
    let written = write_kerchunk(&cube, &urls, &mut file)?;
    file.flush()?;
    let product_file = ProductFile { path: NAME.into(), size: file.bytes, sha256: file.sha256() };
    times.push(("write", cpu_seconds()));
    let read_back = read_kerchunk(NAME, (&mut std::fs::File::open(&path)?, product_file.size))?;
    let (item, format, files) = (ItemId::new("bench")?, ProductFormat::Kerchunk, vec![product_file]);
    let verified = verify(Evidence {
        product: Product { item, format, revision: Revision::FIRST, files, chunks: written.chunks, unlisted: 0 },
        read_back: &read_back,
        recorded: &cube.files,
        verified: &[],
        taken_over: &Default::default(),
        indexes: &indexes,
        facets: &[],
        on_overlap: OnOverlap::Error,
        urls: &urls,
        open: &open_source,
        reader: &NativeReader::new(&open_source),
        sampling: Sampling { budget: DEFAULT_BUDGET, seed: std::process::id().into(), every_value: false },
    })?;
    times.push(("verify", cpu_seconds()));
    let all = cpu_seconds();
    let step = |pair: &[(&'static str, f64)]| (pair[1].0.to_owned(), pair[1].1 - pair[0].1);
    let mut cpu: serde_json::Map<_, _> = times.windows(2).map(step).map(|(name, value)| (name, value.into())).collect();
    cpu.insert("all".into(), all.into());
    let figures = serde_json::json!({
        "files": indexes.len(), "references": written.chunks, "sampled_chunks": verified.report().sampled_chunks,
        "cpu_s": cpu, "wall_s": started.elapsed().as_secs_f64(), "peak_rss_mb": peak_rss_mb(),
    });
    Ok(figures.to_string())
}

fn main() -> ExitCode {
    process::end(measure())
}
