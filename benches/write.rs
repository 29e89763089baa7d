//! Writing references alone: CPU seconds and memory of Kerchunk JSON, Kerchunk Parquet and Icechunk of one file, as a build writes
//! them, digests included.
//!
//! ```text
//! cargo bench --bench write -- [--case NAME] [--runs N] --out FOLDER --format kerchunk|kerchunk-parquet|icechunk FILE
//! ```
//!
//! The file is indexed and made a dataset first; then `FOLDER/kerchunk.json`, `FOLDER/kerchunk.parq` or `FOLDER/icechunk` is written
//! so many times (default 3).
//! Prints one line of JSON: `case`, `format`, `references`, `cpu_s` and `wall_s` (the least of the runs), `bytes`, `peak_rss_mb` (of the
//! process, the index included).

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::cast_precision_loss)]

mod digesting;
mod one_file;
mod process;

use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use altostac::combine::combine;
use altostac::index::index;
use altostac::model::recipe::AggregateSettings;
use altostac::model::{IcechunkVersion, ProductSettings, PublicUrls, SourceUrl, VirtualCube};
use altostac::storage::open_source;
use altostac::write::{write_icechunk, write_kerchunk, write_kerchunk_parquet};
use digesting::Digesting;
use one_file::OneFile;
use process::{cpu_seconds, peak_rss_mb};

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error>;

fn cube(file: &Path) -> Result<VirtualCube, Failure> {
    let url = SourceUrl::from_path(std::path::absolute(file)?).ok_or("no absolute path")?;
    let index = index(open_source(&url)?.as_ref())?;
    let settings = AggregateSettings::default();
    combine(&[index], &[], &settings, &OneFile).map_err(|conflicts| format!("{conflicts:?}").into())
}

/// Writes one product; its bytes and references.
fn write(cube: &VirtualCube, format: &str, out: &Path) -> Result<(u64, u64), Failure> {
    let urls = PublicUrls::default();
    if format == "kerchunk" {
        let mut file = Digesting::create(&out.join("kerchunk.json"))?;
        let written = write_kerchunk(cube, &urls, &mut file)?;
        file.flush()?;
        black_box(file.sha256());
        return Ok((file.bytes, written.chunks));
    }
    let mut bytes = 0;
    let mut put = |folder: &str, name: &str, content: &[u8]| {
        let mut file = Digesting::create(&out.join(folder).join(name))?;
        file.write_all(content)?;
        bytes += file.bytes;
        black_box(file.sha256());
        file.flush()
    };
    let chunks = if format == "icechunk" {
        let commit =
            write_icechunk(cube, &urls, IcechunkVersion::V1, (None, &Default::default()), &mut |name, object| {
                put("icechunk", name, object)
            })?;
        commit.written.chunks
    } else {
        let mut table = |name: &str, table: &[u8]| put("kerchunk.parq", name, table);
        write_kerchunk_parquet(cube, &urls, ProductSettings::RECORD_SIZE, &mut table)?.chunks
    };
    Ok((bytes, chunks))
}

fn measure() -> Result<String, Failure> {
    let (mut case, mut runs, mut out, mut format, mut file) =
        (String::new(), 3, PathBuf::new(), "kerchunk".to_owned(), PathBuf::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            // What cargo itself adds.
            "--bench" => {}
            "--case" => case = value()?,
            "--runs" => runs = value()?.parse()?,
            "--out" => out = value()?.into(),
            "--format" => format = value()?,
            path => file = path.into(),
        }
    }
    let cube = cube(&file)?;
    let (mut cpu, mut wall, mut written) = (f64::INFINITY, f64::INFINITY, (0, 0));
    for _ in 0..runs.max(1) {
        let (started, before) = (Instant::now(), cpu_seconds());
        written = write(&cube, &format, &out)?;
        cpu = cpu.min(cpu_seconds() - before);
        wall = wall.min(started.elapsed().as_secs_f64());
    }
    let (bytes, references) = written;
    let figures = serde_json::json!({
        "case": case, "format": format, "references": references, "bytes": bytes, "cpu_s": cpu, "wall_s": wall,
        "runs": runs.max(1), "peak_rss_mb": peak_rss_mb(),
    });
    Ok(figures.to_string())
}

fn main() -> ExitCode {
    process::end(measure())
}
