//! The index engine alone: CPU seconds, memory and reads of indexing files in this process, without printing or storing.
//!
//! ```text
//! cargo bench --bench engine -- [--case NAME] [--runs N] [--threads N] [--facts FILE] PATH|URL…
//! ```
//!
//! A `PATH` is a file, or a folder whose `.nc` and `.h5` files are taken; a `URL` is one file. Every run opens and indexes all files anew (attributes,
//! every chunk, values of coordinates) and drops each index. `--runs` (default 3): figures of time are the least of them.
//! `--threads` (default 1): files are spread over so many threads, and the waves of a huge one.
//!
//! Prints one line of JSON: `case`, `files`, `variables`, `chunks` (those written), `cpu_s` (user and system time of the process),
//! `wall_s`, `threads`, `runs`, `waves` (calls of `ByteSource::read`), `most_waves` (of one file), `requests` (ranges read),
//! `bytes_read`, `most_bytes` (of one file) and `peak_rss_mb`. Reads are counted in a run of their own, in which every file is
//! read with the head that the file before has taught; of URLs, what a server has logged is the better count, so there is none here.
//!
//! `--facts` writes what was found, for a comparison with h5py, and measures nothing.
//!
//! An error of any file ends the run with status 1.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, clippy::cast_precision_loss)]

mod engine_facts;
mod process;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use altostac::index::index;
use altostac::model::{FileGroup, FileIndex, SourceFile, SourceUrl};
use altostac::storage::{ByteSource, DEFAULT_HEAD, LocalFile, StorageError, open_source};
use bytes::Bytes;
use process::{cpu_seconds, peak_rss_mb};
use rayon::prelude::*;

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is counted in the files of one run.
#[derive(Debug, Default, Clone, Copy)]
struct Contents {
    variables: usize,
    chunks: usize,
}

fn count(group: &FileGroup) -> Contents {
    let own = Contents {
        variables: group.variables.len(),
        chunks: group.variables.values().map(|variable| variable.manifest.present()).sum(),
    };
    group.groups.values().map(count).fold(own, add)
}

fn add(a: Contents, b: Contents) -> Contents {
    Contents { variables: a.variables + b.variables, chunks: a.chunks + b.chunks }
}

/// A source that counts what is read of it.
struct Counting<'a> {
    inner: LocalFile,
    waves: AtomicU64,
    requests: AtomicU64,
    bytes: AtomicU64,
    head: &'a AtomicU64,
}

impl ByteSource for Counting<'_> {
    fn file(&self) -> &SourceFile {
        self.inner.file()
    }

    fn head(&self) -> u64 {
        self.head.load(Relaxed)
    }

    fn learn(&self, needed_head: u64) {
        self.head.store(needed_head, Relaxed);
    }

    fn wave_limit(&self) -> u64 {
        self.inner.wave_limit()
    }

    fn gap(&self) -> u64 {
        self.inner.gap()
    }

    fn reads_beside(&self) -> bool {
        self.inner.reads_beside()
    }

    fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, StorageError> {
        self.waves.fetch_add(1, Relaxed);
        self.requests.fetch_add(ranges.len() as u64, Relaxed);
        self.bytes.fetch_add(ranges.iter().map(|range| range.end - range.start).sum(), Relaxed);
        self.inner.read(ranges)
    }
}

fn index_file(url: &SourceUrl) -> Result<FileIndex, String> {
    let source = open_source(url).map_err(|error| error.to_string())?;
    index(source.as_ref()).map_err(|error| error.to_string())
}

/// The files of a folder in the order of their names, or the file itself.
fn files(argument: &str) -> Result<Vec<SourceUrl>, String> {
    if argument.contains("://") {
        return Ok(vec![SourceUrl::new(url::Url::parse(argument).map_err(|error| error.to_string())?)]);
    }
    let path = std::path::absolute(argument).map_err(|error| error.to_string())?;
    let mut found: Vec<PathBuf> = match std::fs::read_dir(&path) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
        Err(_) => return Ok(SourceUrl::from_path(path).into_iter().collect()),
    };
    found.retain(|path| path.extension().is_some_and(|extension| extension == "nc" || extension == "h5"));
    found.sort();
    Ok(found.into_iter().filter_map(SourceUrl::from_path).collect())
}

struct Request {
    case: String,
    runs: usize,
    threads: usize,
    facts: Option<PathBuf>,
    files: Vec<SourceUrl>,
}

fn request() -> Result<Request, String> {
    let mut request = Request { case: String::new(), runs: 3, threads: 1, facts: None, files: Vec::new() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        let number = |text: String| text.parse().map_err(|_| format!("{text:?} is no number"));
        match argument.as_str() {
            // What cargo itself adds.
            "--bench" => {}
            "--case" => request.case = value()?,
            "--runs" => request.runs = number(value()?)?,
            "--threads" => request.threads = number(value()?)?,
            "--facts" => request.facts = Some(value()?.into()),
            path => request.files.extend(files(path)?),
        }
    }
    Ok(request)
}

/// Indexes all files once.
fn run(files: &[SourceUrl], pool: &rayon::ThreadPool) -> Result<Contents, String> {
    let each = |file: &SourceUrl| index_file(file).map(|index| count(&index.root));
    pool.install(|| files.par_iter().map(each).try_reduce(Contents::default, |a, b| Ok(add(a, b))))
}

fn measure(request: &Request) -> Result<String, String> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(request.threads.max(1)).build();
    let pool = pool.map_err(|error| error.to_string())?;
    let (mut cpu, mut wall, mut contents) = (f64::INFINITY, f64::INFINITY, Contents::default());
    for _ in 0..request.runs.max(1) {
        let (started, cpu_before) = (Instant::now(), cpu_seconds());
        contents = run(&request.files, &pool)?;
        wall = wall.min(started.elapsed().as_secs_f64());
        cpu = cpu.min(cpu_seconds() - cpu_before);
    }
    let mut figures = serde_json::json!({
        "case": request.case, "files": request.files.len(), "variables": contents.variables, "chunks": contents.chunks,
        "cpu_s": cpu, "wall_s": wall, "threads": request.threads.max(1), "runs": request.runs.max(1),
        "peak_rss_mb": peak_rss_mb(),
    });
    let paths: Option<Vec<PathBuf>> = request.files.iter().map(SourceUrl::local_path).collect();
    if let (Some(paths), Some(figures)) = (paths, figures.as_object_mut()) {
        figures.extend(reads(&paths)?);
    }
    Ok(figures.to_string())
}

/// What is read of the files, each after the other.
fn reads(paths: &[PathBuf]) -> Result<serde_json::Map<String, serde_json::Value>, String> {
    let head = AtomicU64::new(DEFAULT_HEAD);
    let (mut waves, mut most_waves, mut requests, mut bytes, mut most_bytes) = (0, 0, 0, 0, 0);
    for path in paths {
        let inner = LocalFile::open(path).map_err(|error| error.to_string())?;
        let (of_waves, of_requests, of_bytes) = Default::default();
        let counting = Counting { inner, waves: of_waves, requests: of_requests, bytes: of_bytes, head: &head };
        index(&counting).map_err(|error| error.to_string())?;
        waves += counting.waves.load(Relaxed);
        most_waves = most_waves.max(counting.waves.load(Relaxed));
        requests += counting.requests.load(Relaxed);
        bytes += counting.bytes.load(Relaxed);
        most_bytes = most_bytes.max(counting.bytes.load(Relaxed));
    }
    let figures = [
        ("waves", waves),
        ("most_waves", most_waves),
        ("requests", requests),
        ("bytes_read", bytes),
        ("most_bytes", most_bytes),
    ];
    Ok(figures.into_iter().map(|(name, figure)| (name.to_owned(), figure.into())).collect())
}

fn write_facts(files: &[SourceUrl], path: &Path) -> Result<String, String> {
    let mut out = BufWriter::new(File::create(path).map_err(|error| error.to_string())?);
    for file in files {
        engine_facts::write(file.file_name(), &index_file(file)?.root, &mut out).map_err(|error| error.to_string())?;
    }
    out.flush().map_err(|error| error.to_string())?;
    Ok(serde_json::json!({"facts": path}).to_string())
}

fn main() -> ExitCode {
    let answer = |request: Request| match &request.facts {
        Some(path) => write_facts(&request.files, path),
        None => measure(&request),
    };
    process::end(request().and_then(answer))
}
