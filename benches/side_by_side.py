#!/usr/bin/env python3
"""altostac from files to catalogue, beside kerchunk's references: CPU seconds and peak memory of whole processes.

usage: benches/side_by_side.py [--data DIR] [--runs N] [CASE…]      cases: build-A build-B cmip6

Needs a release build (cargo build --release; cargo bench --bench product --no-run), the interop environment (tests/run makes target/interop-venv) and
../shared/bench/gen_bench.py, which makes the data once. Figures of a shared machine:
quote the ratios of one run, never the seconds. Indexing alone: engine_side_by_side.py.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BINARY = Path(os.environ.get("ALTOSTAC_BIN") or ROOT / "target/release/altostac")
PYTHON = ROOT / "target/interop-venv/bin/python"
SHARED = Path(os.environ.get("ALTOSTAC_SHARED") or ROOT / "../shared").resolve()

KERCHUNK_COMBINE = """
import sys, json
from kerchunk.hdf import SingleHdf5ToZarr
from kerchunk.combine import MultiZarrToZarr
single = [SingleHdf5ToZarr(path, inline_threshold=500).translate() for path in sys.argv[1:]]
same = ["lat", "lon"] + [name for name in ("lat_bnds", "lon_bnds") if f"{name}/.zarray" in single[0]["refs"]]
json.dumps(MultiZarrToZarr(single, concat_dims=["time"], identical_dims=same).translate())
"""
# Each dataset of a tree: index, combine if there are several files, JSON. What kerchunk cannot do is counted and passed over.
KERCHUNK_TREE = """
import sys, json, collections, os
from kerchunk.hdf import SingleHdf5ToZarr
from kerchunk.combine import MultiZarrToZarr
datasets, failed = collections.defaultdict(list), 0
for path in sys.argv[1:]:
    datasets[os.path.dirname(path)].append(path)
for paths in datasets.values():
    try:
        single = []
        for path in paths:
            with open(path, "rb") as file: classic = file.read(3) == b"CDF"
            if classic: from kerchunk.netCDF3 import NetCDF3ToZarr  # needs scipy
            single.append((NetCDF3ToZarr if classic else SingleHdf5ToZarr)(path, inline_threshold=500).translate())
        same = [key[:-8] for key in single[0]["refs"] if key.endswith("/.zarray") and "time" not in
                json.loads(single[0]["refs"][key[:-8] + "/.zattrs"])["_ARRAY_DIMENSIONS"]]
        json.dumps(MultiZarrToZarr(single, concat_dims=["time"], identical_dims=same).translate() if len(single) > 1 else single[0])
    except Exception as error:
        failed += 1
print(failed, "of", len(datasets), "datasets failed", file=sys.stderr)
"""

def measured(command, runs, accepted=(0,), before=lambda: None):
    """CPU seconds of each run, the shortest wall time, and the greatest resident memory in MB; `before` each run something is done."""
    seconds, wall, memory = [], float("inf"), 0
    for _ in range(runs):
        before()
        begun = time.monotonic()
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        error = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = min(wall, time.monotonic() - begun)
        if os.waitstatus_to_exitcode(status) not in accepted:
            raise SystemExit(f"{command[:3]} failed: {error.decode()[-2000:]}")
        seconds.append(usage.ru_utime + usage.ru_stime)
        memory = max(memory, usage.ru_maxrss / 1024)
    return seconds, wall, memory


def product_bench():
    """The newest build of benches/product.rs."""
    found = [path for path in (ROOT / "target/release/deps").glob("product-*") if os.access(path, os.X_OK) and not path.suffix]
    if not found:
        raise SystemExit("no benches/product.rs: cargo bench --bench product --no-run")
    return max(found, key=lambda path: path.stat().st_mtime)


def recipe(folder, root, name, **settings):
    text = {"collection": {"id": name, "title": name, "description": name, "license": "CC0-1.0"},
            "sources": [{"root": str(root), "include": ["*.nc"]}], "item": {"pattern": "{filename}", "id": name},
            "products": ["kerchunk"], "output": "published", **settings}
    path = Path(folder) / "recipe.yaml"
    path.write_text(json.dumps(text))
    return path


def show(case, who, found, peer=None):
    seconds, wall, memory = found
    ratio = f"{min(peer[0]) / min(seconds):8.1f}x" if peer else " " * 9
    print(f"{case:8} {who:38} CPU min {min(seconds):8.3f} s  median {statistics.median(seconds):8.3f} s  {ratio}  "
          f"wall {wall:8.3f} s  {memory:6.0f} MB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT / "target/bench-data")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("cases", nargs="*", default=["build-A", "build-B"])
    arguments = parser.parse_args()
    data = arguments.data
    data.mkdir(parents=True, exist_ok=True)
    for letter, made in (("A", "daily"), ("B", "cmip")):
        if f"build-{letter}" in arguments.cases and not (data / made).exists():
            subprocess.run([PYTHON, SHARED / "bench/gen_bench.py", data, letter], check=True)
    files = {"A": sorted(data.glob("daily/*.nc")), "B": sorted(data.glob("cmip/*.nc"))}
    for case in arguments.cases:
        letter = case.removeprefix("build-")
        if case == "cmip6":
            root = SHARED / "corpus/archive/mini-esgf-data/badc/cmip6/data"
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "recipe.yaml"
                path.write_text((ROOT / "fixtures/cmip6/recipe.yaml").read_text().replace("root: archive", f"root: {root}"))
                # Some datasets of the corpus are refused by name: exit status 1.
                ours = [("altostac build", measured([BINARY, "build", path, "--force"], arguments.runs, accepted=(0, 1)))]
            peer = ("kerchunk index+combine+JSON", [PYTHON, "-W", "ignore", "-c", KERCHUNK_TREE, *sorted(root.rglob("*.nc"))])
        else:
            # Theirs ends with references. Ours verifies them too; a build also describes, validates and writes the catalogue.
            with tempfile.TemporaryDirectory() as folder:
                # From nothing: neither state nor output of the run before.
                made = [Path(folder) / name for name in ("published", ".altostac")]
                clear = lambda: [shutil.rmtree(one, ignore_errors=True) for one in made]
                build = [BINARY, "build", recipe(folder, files[letter][0].parent, f"bench-{letter}")]
                ours = [("altostac build", measured(build, arguments.runs, before=clear))]
                recipe(folder, files[letter][0].parent, f"bench-{letter}", stac={"thumbnail": False})
                ours.append(("altostac build, no quick-look", measured(build, arguments.runs, before=clear)))
                alone = [product_bench(), "--out", folder, *files[letter]]
                ours.append(("altostac, up to the verified product", measured(alone, arguments.runs)))
            peer = ("kerchunk translate + combine", [PYTHON, "-W", "ignore", "-c", KERCHUNK_COMBINE, *files[letter]])
        found = measured(peer[1], arguments.runs)
        show(case, peer[0], found)
        for who, figures in ours:
            show(case, who, figures, found)


if __name__ == "__main__":
    sys.exit(main())
