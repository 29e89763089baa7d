//! How much memory an index takes: a budget proportional to the file, whatever the file says.
//!
//! Each file is indexed by a process of its own, this test binary started again, which tells its greatest size.

#![allow(clippy::print_stdout, clippy::print_stderr)] // A process tells its size on stdout; what is skipped, stderr.

use std::process::Command;
use std::time::{Duration, Instant};

use altostac::index::index;
use altostac::model::SourceUrl;
use altostac::storage::open_source;

use crate::hostile;

/// The file that the process is to index.
const FILE: &str = "ALTOSTAC_TEST_INDEX_MEMORY";
/// What any file may take beyond one that holds nothing: the test program itself grows with every crate.
const CONSTANT: u64 = 80 << 20;

/// The greatest size of this process so far; `None` where the system does not tell.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[test]
fn one_file() {
    let Some(path) = std::env::var_os(FILE) else { return };
    let started = Instant::now();
    let answer = index(&*open_source(&SourceUrl::from_path(std::path::Path::new(&path)).unwrap()).unwrap());
    let answer = answer.map_or_else(|error| error.to_string(), |index| index.format.to_string());
    println!("\npeak={}", peak().unwrap_or(0));
    println!("seconds={}", started.elapsed().as_secs());
    println!("answer={}", answer.chars().take(300).collect::<String>());
}

#[test]
fn greedy_files_are_held_short() {
    if peak().is_none() {
        eprintln!("skipped: needs /proc/self/status");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("greedy.nc");
    let mut own = None;
    let nothing = ("a file that holds nothing", b"CDF\x01".iter().copied().chain([0; 28]).collect());
    for (name, content) in std::iter::once(nothing).chain(hostile::greedy()) {
        std::fs::write(&path, &content).unwrap();
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["index_memory::one_file", "--exact", "--nocapture"])
            .env(FILE, &path)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let told = |key: &str| text.lines().find_map(|line| line.strip_prefix(key).map(str::to_owned));
        let peak: u64 = told("peak=").unwrap_or_else(|| panic!("{name}: {text}")).parse().unwrap();
        let allowed = *own.get_or_insert(peak) + CONSTANT + 64 * content.len() as u64;
        let answer = told("answer=").unwrap_or_default();
        eprintln!("{name}: {} bytes, {} MB at most: {answer}", content.len(), peak >> 20);
        assert!(peak < allowed, "{name}: {} bytes took {peak} bytes of memory, not {allowed}: {answer}", content.len());
        let seconds = Duration::from_secs(told("seconds=").unwrap().parse().unwrap());
        assert!(seconds < Duration::from_secs(20), "{name}: took {seconds:?}: {answer}");
    }
}
