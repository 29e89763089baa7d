"""Data B (or any series) copied to Zarr v3, chunks (365, 48, 48), zstd-3: altostac beside zarr-python + netCDF4 and xarray + dask, in one run.

    python benches/zarr_copy.py FOLDER [RUNS]      (needs numpy, netCDF4, zarr 3, xarray, dask; ALTOSTAC_BIN names the program)

Every contestant is a process of its own on the same cores, in turn; the peers' single codec threads are left as they come. altostac's time
is that of all of `build`: indexing, copying, reading back, verification, records.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHUNKS = {"time": 365, "lat": 48, "lon": 48}
BINARY = os.environ.get("ALTOSTAC_BIN") or str(Path(__file__).resolve().parents[1] / "target/release/altostac")
RECIPE = """\
collection: {{id: b, title: B, description: Data B, license: other}}
sources: [{{root: "{folder}", include: ["*.nc"]}}]
item: {{pattern: "{{name}}.nc", id: b}}
products: [{{zarr: {{chunks: {{time: 365, lat: 48, lon: 48}}, shards: none, level: 3}}}}]
output: "{out}"
"""


def by_zarr_python(paths, out):
    """The loop that people write: a slab of 365 steps at a time."""
    import netCDF4
    import numpy as np
    import zarr
    from zarr.codecs import ZstdCodec

    files = [netCDF4.Dataset(path) for path in paths]
    lengths = [len(file.dimensions["time"]) for file in files]
    total, (_, lat, lon) = sum(lengths), files[0]["tas"].shape
    target = zarr.create_array(out, name="tas", shape=(total, lat, lon), chunks=(365, 48, 48), dtype="f4", compressors=[ZstdCodec(level=3)])
    starts = np.concatenate([[0], np.cumsum(lengths)])
    for file in files:
        file["tas"].set_auto_maskandscale(False)
    for begin in range(0, total, 365):
        end = min(total, begin + 365)
        pieces = [file["tas"][max(begin - start, 0):end - start] for file, start, length in zip(files, starts, lengths)
                  if start < end and start + length > begin]
        target[begin:end] = np.concatenate(pieces)


def by_dask(paths, out):
    """xarray + dask, with its threads."""
    import xarray as xr
    from zarr.codecs import ZstdCodec

    ds = xr.open_mfdataset(paths, combine="nested", concat_dim="time", chunks={"time": 365}, data_vars="minimal", coords="minimal",
                           compat="override", mask_and_scale=False, decode_times=False)[["tas"]].chunk(CHUNKS)
    ds.tas.encoding = {}
    ds.to_zarr(out, zarr_format=3, encoding={"tas": {"chunks": (365, 48, 48), "compressors": [ZstdCodec(level=3)]}}, consolidated=True)


def child(command):
    """Wall seconds, CPU seconds and greatest resident MB of a process."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{command} failed"
    wall = time.monotonic() - begun
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main(folder, runs):
    paths = sorted(str(path) for path in Path(folder).resolve().glob("*.nc"))
    import netCDF4

    size = 0
    for path in paths:
        with netCDF4.Dataset(path) as file:
            size += file["tas"].dtype.itemsize * file["tas"].size
    results = {}
    for _ in range(runs):
        for name in ("altostac", "zarr-python + netCDF4", "xarray + dask"):
            with tempfile.TemporaryDirectory() as scratch:
                if name == "altostac":
                    recipe = Path(scratch) / "recipe.yaml"
                    recipe.write_text(RECIPE.format(folder=Path(folder).resolve(), out=f"{scratch}/out"))
                    command = [BINARY, "build", str(recipe)]
                else:
                    command = [sys.executable, "-W", "ignore", __file__, "--peer", name, f"{scratch}/out.zarr", *paths]
                results.setdefault(name, []).append(child(command))
                shutil.rmtree(f"{scratch}/out", ignore_errors=True)
    rows = {}
    for name, all_runs in results.items():
        wall, cpu, memory = (statistics.median(column) for column in zip(*all_runs))
        rows[name] = {"MB/s": round(size / 1e6 / wall, 1), "MB per CPU s": round(size / 1e6 / cpu, 1), "wall s": round(wall, 2),
                      "CPU s": round(cpu, 2), "RSS MB": round(memory)}
        print(f"{name:24}", *(f"{key} {value:>9}" for key, value in rows[name].items()), sep="  ")
    best = max(row["MB/s"] for name, row in rows.items() if name != "altostac")
    best_cpu = max(row["MB per CPU s"] for name, row in rows.items() if name != "altostac")
    print(f"altostac / best peer: {rows['altostac']['MB/s'] / best:.1f} by wall, {rows['altostac']['MB per CPU s'] / best_cpu:.1f} by CPU")
    return rows


if __name__ == "__main__":
    if sys.argv[1] == "--peer":
        {"zarr-python + netCDF4": by_zarr_python, "xarray + dask": by_dask}[sys.argv[2]](sys.argv[4:], sys.argv[3])
    else:
        main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3)
