#!/usr/bin/env python3
"""Writing a million references beside VirtualiZarr, in one run on the same files: CPU seconds of writing alone, and peak memory.

usage: benches/write_side_by_side.py [--data DIR] [--python PYTHON] [--runs N] [CASE…]     cases: C1 C2

VirtualiZarr writes what it has opened (`to_kerchunk`, JSON and Parquet; `to_icechunk` and the commit); altostac writes what it has indexed, and digests it on the way.
Both measure themselves around the writing alone, in processes of their own. `altostac build` is the whole way, from the file to the
published catalogue: indexed, written, read back, verified, described. Needs `cargo bench --bench write --no-run`, a release build,
the peers' environment (benches/engine_side_by_side.py makes it, or --python names another with virtualizarr 1.3.2, kerchunk, fastparquet and icechunk 1.1)
and the data of ../shared/bench/gen_bench.py. Figures of a shared machine: quote the ratios of one run, never the seconds.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BINARY = Path(os.environ.get("ALTOSTAC_BIN") or ROOT / "target/release/altostac")
DATA = {"C1": "dense_v1.h5", "C2": "dense_latest.h5"}
# The goal of issue 6.
FASTER, MEGABYTES = 20, 300

VIRTUALIZARR = """
import json, resource, sys, time, warnings
warnings.simplefilter("ignore")
from virtualizarr import open_virtual_dataset
path, format, out = sys.argv[1:]
opened = open_virtual_dataset(path, indexes={}, loadable_variables=[])
if format == "icechunk":
    import icechunk
    folder = path.rsplit("/", 1)[0] + "/"
    configuration = icechunk.RepositoryConfig.default()
    configuration.set_virtual_chunk_container(icechunk.VirtualChunkContainer("file://" + folder, icechunk.local_filesystem_store(folder)))
    repository = icechunk.Repository.create(icechunk.local_filesystem_storage(out), configuration, {"file://" + folder: None})
    session = repository.writable_session("main")
before, begun = time.process_time(), time.monotonic()
if format == "icechunk":
    opened.virtualize.to_icechunk(session.store)
    session.commit("written")
else:
    opened.virtualize.to_kerchunk(out, format=format)
print(json.dumps({"cpu_s": time.process_time() - before, "wall_s": time.monotonic() - begun,
                  "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def answer(command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command[:4]} failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def bench_binary():
    """The newest build of benches/write.rs."""
    found = [path for path in (ROOT / "target/release/deps").glob("write-*") if os.access(path, os.X_OK) and path.is_file() and not path.suffix]
    if not found:
        raise SystemExit("no benches/write.rs: cargo bench --bench write --no-run")
    return max(found, key=lambda path: path.stat().st_mtime)


def build(path, format, folder):
    """The whole way of one file: CPU seconds and peak memory of the process."""
    archive = Path(folder) / "archive"
    archive.mkdir()
    os.link(path, archive / path.name) if path.stat().st_dev == archive.stat().st_dev else shutil.copy(path, archive)
    recipe = {"collection": {"id": "bench", "description": "A bench."}, "sources": [{"root": str(archive), "include": ["*.h5"]}],
              "item": {"pattern": "{filename}", "id": "bench", "datetime": "2020-01-01", "geometry": {"type": "Point", "coordinates": [0, 0]}},
              "products": [format]}
    (Path(folder) / "recipe.yaml").write_text(json.dumps(recipe))
    begun = time.monotonic()
    process = subprocess.Popen([BINARY, "build", Path(folder) / "recipe.yaml"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    error = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"altostac build failed: {error.decode()[-2000:]}")
    return {"cpu_s": usage.ru_utime + usage.ru_stime, "wall_s": time.monotonic() - begun, "peak_rss_mb": usage.ru_maxrss / 1024}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT / "target/bench-data")
    parser.add_argument("--python", type=Path, default=ROOT / "target/peers-venv/bin/python")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("cases", nargs="*", default=list(DATA))
    arguments = parser.parse_args()
    print("| case | format | VirtualiZarr writes | altostac writes | times faster | peak MB (theirs) | altostac build, CPU s (wall) | peak MB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    missed = []
    for case in arguments.cases:
        path = arguments.data / DATA[case]
        for format, theirs in (("kerchunk", "json"), ("kerchunk-parquet", "parquet"), ("icechunk", "icechunk")):
            with tempfile.TemporaryDirectory() as folder:
                ours = answer([bench_binary(), "--case", case, "--runs", arguments.runs, "--format", format, "--out", folder, path])
                assert ours["references"] >= 1_000_000, ours
                peer = answer([arguments.python, "-W", "ignore", "-c", VIRTUALIZARR, path.resolve(), theirs, f"{folder}/theirs.{theirs}"])
                whole = build(path, format, folder)
            times = peer["cpu_s"] / ours["cpu_s"]
            print(f"| {case} | {format} | {peer['cpu_s']:.2f} s | {ours['cpu_s']:.3f} s | {times:.0f} | {ours['peak_rss_mb']:.0f} "
                  f"({peer['peak_rss_mb']:.0f}) | {whole['cpu_s']:.2f} ({whole['wall_s']:.2f}) | {whole['peak_rss_mb']:.0f} |", flush=True)
            if times < FASTER or max(ours["peak_rss_mb"], whole["peak_rss_mb"]) > MEGABYTES:
                missed.append(f"{case} {format}")
    print(f"\ngoal: {FASTER} times faster, {MEGABYTES} MB: " + (f"missed by {', '.join(missed)}" if missed else "reached"))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
