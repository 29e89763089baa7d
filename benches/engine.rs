//! The index engine alone: CPU seconds, memory and reads of indexing files in this process, without printing or storing.
//!
//! ```text
//! cargo bench --bench engine -- [--case NAME] [--runs N] [--threads N] PATH…
//! ```
//!
//! A `PATH` is a file, or a folder whose `.nc` and `.h5` files are taken. Every run opens and indexes all files anew (attributes,
//! every chunk, values of coordinates) and drops each index. `--runs` (default 3): figures of time are the least of them.
//! `--threads` (default 1): files are spread over so many threads.
//!
//! Prints one line of JSON: `case`, `files`, `variables`, `chunks` (those written), `cpu_s` (user and system time of the process),
//! `wall_s`, `threads`, `runs`, `waves` (calls of `ByteSource::read`), `most_waves` (of one file), `requests` (ranges read),
//! `bytes_read`, `most_bytes` (of one file) and `peak_rss_mb`. Reads are counted in a run of their own, in which every file is
//! read with the head that the file before has taught.
//!
//! An error of any file ends the run with status 1.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, clippy::cast_precision_loss)]

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use altostac::index::index;
use altostac::model::{FileGroup, FileIndex, SourceFile};
use altostac::storage::{ByteSource, DEFAULT_HEAD, LocalFile, StorageError};
use bytes::Bytes;
use rayon::prelude::*;
use rustix::time::{ClockId, clock_gettime};

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

    fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, StorageError> {
        self.waves.fetch_add(1, Relaxed);
        self.requests.fetch_add(ranges.len() as u64, Relaxed);
        self.bytes.fetch_add(ranges.iter().map(|range| range.end - range.start).sum(), Relaxed);
        self.inner.read(ranges)
    }
}

fn index_file(path: &Path) -> Result<FileIndex, String> {
    let source = LocalFile::open(path).map_err(|error| error.to_string())?;
    index(&source).map_err(|error| error.to_string())
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn peak_rss_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// The files of a folder in the order of their names, or the file itself.
fn files(path: PathBuf) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(&path) else { return vec![path] };
    let mut found: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "nc" || extension == "h5"));
    found.sort();
    found
}

struct Request {
    case: String,
    runs: usize,
    threads: usize,
    paths: Vec<PathBuf>,
}

fn request() -> Result<Request, String> {
    let mut request = Request { case: String::new(), runs: 3, threads: 1, paths: Vec::new() };
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
            path => request.paths.extend(files(std::path::absolute(path).map_err(|error| error.to_string())?)),
        }
    }
    Ok(request)
}

/// Indexes all files once.
fn run(paths: &[PathBuf], pool: Option<&rayon::ThreadPool>) -> Result<Contents, String> {
    let each = |path: &PathBuf| index_file(path).map(|index| count(&index.root));
    match pool {
        Some(pool) => pool.install(|| paths.par_iter().map(each).try_reduce(Contents::default, |a, b| Ok(add(a, b)))),
        None => paths.iter().try_fold(Contents::default(), |sum, path| Ok(add(sum, each(path)?))),
    }
}

fn measure(request: &Request) -> Result<String, String> {
    let paths = &request.paths;
    let pool = match request.threads {
        0 | 1 => None,
        threads => {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            Some(Arc::new(pool.map_err(|error| error.to_string())?))
        }
    };
    let (mut cpu, mut wall, mut contents) = (f64::INFINITY, f64::INFINITY, Contents::default());
    for _ in 0..request.runs.max(1) {
        let (started, cpu_before) = (Instant::now(), cpu_seconds());
        contents = run(paths, pool.as_deref())?;
        wall = wall.min(started.elapsed().as_secs_f64());
        cpu = cpu.min(cpu_seconds() - cpu_before);
    }
    let peak = peak_rss_mb();
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
    let figures = serde_json::json!({
        "case": request.case, "files": paths.len(), "variables": contents.variables, "chunks": contents.chunks,
        "cpu_s": cpu, "wall_s": wall, "threads": request.threads.max(1), "runs": request.runs.max(1),
        "waves": waves, "most_waves": most_waves, "requests": requests, "bytes_read": bytes, "most_bytes": most_bytes,
        "peak_rss_mb": peak,
    });
    Ok(figures.to_string())
}

fn main() -> ExitCode {
    match request().and_then(|request| measure(&request)) {
        Ok(figures) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
