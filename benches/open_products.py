#!/usr/bin/env python3
"""How long each product takes to open by xarray: data A (365 daily files) and B (20 files of 1,825 steps), every product of one build.

usage: benches/open_products.py [--data DIR] [--python PYTHON] [--runs N] [CASE…]     cases: A B

Each opening is a process of its own, started anew; what counts is `xr.open_dataset` by the asset's own keywords, and then one value of the
largest variable, decoded, from the middle of the dataset. Imports and the start of Python are not counted: those of the engine are done
before, by opening it once on nothing. The median of the runs stands. All files are in the cache of the system. The sources as xarray opens them
without altostac (`open_mfdataset`) stand beside. Needs a release build, the environment of the interop tests and the data of
../shared/bench/gen_bench.py. Figures of a shared machine: quote the ratios of one run, never the seconds.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BINARY = Path(os.environ.get("ALTOSTAC_BIN") or ROOT / "target/release/altostac").resolve()
DATA = {"A": "daily", "B": "cmip"}
# By product: its entry in the recipe, and its asset.
PRODUCTS = {"Kerchunk JSON": ("kerchunk", "reference_file"), "Kerchunk Parquet": ("kerchunk-parquet", "reference_parquet"),
            "CFA": ("cfa", "cfa"), "Icechunk": ("icechunk", "icechunk"), "Zarr 3": ("zarr", "zarr"),
            "Zarr 2": ({"zarr": {"version": 2}}, "zarr")}

OPEN = """
import json, os, resource, sys, time, warnings
warnings.simplefilter("ignore")
import dask.array, numpy, pandas, xarray as xr
product, path, asset = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
options = asset.get("xarray:open_kwargs", {})
engine = options.get("engine", "netcdf4")
if product == "sources":
    import glob, netCDF4
    opening = lambda: xr.open_mfdataset(sorted(glob.glob(path + "/*.nc")))
elif product == "Icechunk":
    import icechunk, zarr
    def opening():
        allowed = {container: None for container in asset["icechunk:virtual_chunk_containers"]}
        repository = icechunk.Repository.open(icechunk.local_filesystem_storage(path), authorize_virtual_chunk_access=allowed)
        return xr.open_dataset(repository.readonly_session(snapshot_id=asset["icechunk:snapshot_id"]).store, **options)
else:
    opening = lambda: xr.open_dataset(path, **options)
    try:  # what the engine imports
        xr.open_dataset("/nowhere", **options)
    except Exception:
        pass
begun = time.monotonic()
ds = opening()
opened = time.monotonic()
largest = max(ds.data_vars.values(), key=lambda variable: variable.size)
value = float(largest[tuple(length // 2 for length in largest.shape)].values)
print(json.dumps({"open_s": opened - begun, "value_s": time.monotonic() - opened, "value": value, "variable": largest.name,
                  "dimensions": dict(largest.sizes), "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def build(folder, archive, products):
    """The Item of a build of all files of a folder, and its place."""
    folder.mkdir()
    recipe = {"collection": {"id": "bench", "description": "Bench.", "license": "CC0-1.0"}, "sources": [{"root": str(archive)}],
              "item": {"pattern": "{filename}", "id": "series"}, "products": products, "output": "published"}
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    done = subprocess.run([BINARY, "build", "--json", folder / "recipe.yaml"], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"altostac build failed: {done.stderr[-2000:]} {done.stdout[-2000:]}")
    path = folder / "published/bench/items/series.json"
    return json.loads(path.read_text()), path.parent


def measured(python, runs, product, path, asset):
    """The median of fresh processes: one row."""
    answers = []
    for _ in range(runs):
        done = subprocess.run([python, "-c", OPEN, product, str(path), json.dumps(asset)], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{product} did not open: {done.stderr[-2000:]}")
        answers.append(json.loads(done.stdout.splitlines()[-1]))
    median = lambda key: statistics.median(answer[key] for answer in answers)
    return answers[0] | {key: median(key) for key in ("open_s", "value_s", "peak_rss_mb")}


def size(path):
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path.is_dir() else path.stat().st_size


def rows(case, archive, python, runs, folder):
    yield case, "sources", size(archive), measured(python, runs, "sources", archive, {})
    # Version 2 of Zarr takes a recipe of its own.
    first = {name: entry for name, (entry, _) in PRODUCTS.items() if name != "Zarr 2"}
    for number, entries in enumerate((first, {"Zarr 2": PRODUCTS["Zarr 2"][0]})):
        item, place = build(folder / f"{case}-{number}", archive, list(entries.values()))
        for product in entries:
            asset = item["assets"].get(PRODUCTS[product][1])
            if asset is None:
                print(f"{case}: {product} was left out", file=sys.stderr)
                continue
            path = (place / asset["href"]).resolve()
            yield case, product, size(path), measured(python, runs, product, path, asset)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="A or B; without any, both")
    parser.add_argument("--data", type=Path, default=ROOT / "target/bench-data")
    parser.add_argument("--python", type=Path, default=ROOT / "target/interop-venv/bin/python")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    unknown = set(arguments.cases) - set(DATA)
    if unknown:
        parser.error(f"no case {', '.join(sorted(unknown))}: expected {', '.join(DATA)}")
    print("| data | product | MB | open, s | one value, s | peak memory, MB |\n| --- | --- | ---: | ---: | ---: | ---: |", flush=True)
    with tempfile.TemporaryDirectory(prefix="altostac-open-") as folder:
        for case in arguments.cases or DATA:
            values = set()
            for case, product, size_, found in rows(case, (arguments.data / DATA[case]).resolve(), arguments.python, arguments.runs, Path(folder)):
                values.add(found["value"])
                print(f"| {case} | {product} | {size_ / 1e6:.2f} | {found['open_s']:.3f} | {found['value_s']:.3f} | {found['peak_rss_mb']:.0f} |",
                      flush=True)
            if len(values) != 1:
                raise SystemExit(f"{case}: the products do not show one value: {sorted(values)}")


if __name__ == "__main__":
    main()
