//! How the peers that are called from Rust are measured: what `benches/engine.rs` does for altostac.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

type Failure = Box<dyn std::error::Error>;

/// What was found in one file, or in all.
#[derive(Default, Clone, Copy)]
pub struct Contents {
    pub variables: usize,
    pub chunks: usize,
    pub attributes: usize,
    pub bytes: usize,
}

pub struct Request {
    runs: usize,
    paths: Vec<PathBuf>,
}

/// The command line: `--runs N`, any other `--option VALUE`, and paths.
pub fn request() -> Result<(Request, HashMap<String, String>), Failure> {
    let (mut runs, mut paths, mut rest) = (3, Vec::new(), HashMap::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix("--") {
            Some(name) => {
                let value = arguments.next().ok_or_else(|| format!("--{name} needs a value"))?;
                if name == "runs" { runs = value.parse()? } else { _ = rest.insert(argument, value) }
            }
            None => paths.extend(files(PathBuf::from(argument))),
        }
    }
    Ok((Request { runs, paths }, rest))
}

fn files(path: PathBuf) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(&path) else { return vec![path] };
    let mut found: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "nc" || extension == "h5"));
    found.sort();
    found
}

/// Indexes all files `runs` times and prints the figures as one line of JSON.
pub fn print(
    request: &Request,
    version: &str,
    index: impl Fn(&Path) -> Result<Contents, Failure>,
) -> Result<(), Failure> {
    let (mut cpu, mut wall, mut sum, mut read) = (f64::INFINITY, f64::INFINITY, Contents::default(), (0, 0));
    for _ in 0..request.runs {
        sum = Contents::default();
        let read_before = read_so_far();
        let (started, before) = (Instant::now(), cpu_seconds());
        for path in &request.paths {
            let found = index(path).map_err(|error| format!("{}: {error}", path.display()))?;
            sum.variables += found.variables;
            sum.chunks += found.chunks;
            sum.attributes += found.attributes;
            sum.bytes += found.bytes;
        }
        wall = wall.min(started.elapsed().as_secs_f64());
        cpu = cpu.min(cpu_seconds() - before);
        let read_now = read_so_far();
        read = (read_now.0 - read_before.0, read_now.1 - read_before.1);
    }
    println!(
        "{{\"version\": \"{version}\", \"files\": {}, \"variables\": {}, \"chunks\": {}, \"attributes\": {}, \"attribute_bytes\": {}, \
         \"cpu_s\": {cpu}, \"wall_s\": {wall}, \"runs\": {}, \"requests\": {}, \"bytes_read\": {}, \"peak_rss_mb\": {}}}",
        request.paths.len(),
        sum.variables,
        sum.chunks,
        sum.attributes,
        sum.bytes,
        request.runs,
        read.0,
        read.1,
        peak_rss_mb(),
    );
    Ok(())
}

fn cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a timespec that outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn peak_rss_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// Calls that read, and the bytes that they gave, of this process since it began.
fn read_so_far() -> (u64, u64) {
    let text = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let figure = |name| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or(0);
    (figure("syscr:"), figure("rchar:"))
}
