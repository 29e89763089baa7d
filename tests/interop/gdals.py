"""Zarr copies and CFA files as GDAL opens them, compared with their sources."""

import json
import os
import subprocess
from functools import cache
from pathlib import Path

import netCDF4
import numpy as np

from program import environment

# Debian's gdal-bin brings python3-gdal, for the system's Python alone.
PYTHON = os.environ.get("ALTOSTAC_GDAL_PYTHON") or "/usr/bin/python3"


@cache
def is_there():
    try:
        return subprocess.run([PYTHON, "-c", "import numpy, osgeo.gdal"], capture_output=True, env=environment(), timeout=60).returncode == 0
    except OSError:
        return False


def gdal_seen(paths, folder):
    """What GDAL sees in files, by path: {name: array, or the text of its error}, or the text of its error."""
    paths = [str(path) for path in paths]
    done = subprocess.run([PYTHON, str(Path(__file__).with_name("gdal_reader.py")), str(folder), *paths],
                          env=environment(), capture_output=True, text=True, timeout=900)
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"path"')]
    seen = {}
    for number, path in enumerate(paths):
        if number >= len(answers):
            seen[path] = f"GDAL ended: {done.stderr[-500:]}"
        elif answers[number]["error"]:
            seen[path] = answers[number]["error"]
        else:
            with np.load(Path(folder) / f"{number}.npz") as arrays:
                seen[path] = {name: error or arrays[name] for name, error in answers[number]["arrays"].items()}
    return seen


def gdal_differences(series, path, seen):
    """By GDAL: the stored values of every variable; of a CFA file those that it holds itself."""
    if not seen:
        return ["GDAL shows no array" + " of Zarr 3" * (Path(path) / "zarr.json").is_file()]
    aggregated = set()
    if Path(path).is_file():
        with netCDF4.Dataset(path) as nc:
            aggregated = {name for name, variable in nc.variables.items() if "aggregated_data" in variable.ncattrs()}
    return [difference for name, column in series.variables.items() if name not in aggregated
            for difference in _of_one(name, column, seen.get(name, "GDAL does not show it"))]


def _of_one(name, column, found):
    if isinstance(found, str):
        return [f"{name}: {found}"]
    if column.is_time and column.time[0] is None:
        return []  # written anew, in units of the product's own
    if found.dtype.kind == "U":
        return _texts(name, column.raw, found)
    expected = column.raw
    if expected.dtype.kind not in "fiu" or (found.dtype, found.shape) != (expected.dtype.newbyteorder("="), expected.shape):
        return [f"{name}: {found.dtype}{found.shape}, expected {expected.dtype}{expected.shape}"]
    same = (found == expected) | ((found != found) & (expected != expected))
    return [] if np.all(same) else [f"{name}: {np.size(same) - np.count_nonzero(same)} of {np.size(same)} values differ"]


def _texts(name, expected, found):
    if expected.dtype == "S1":
        # Joined along the last dimension where the format has texts of a fixed length.
        expected = (expected if found.shape == expected.shape else netCDF4.chartostring(expected, encoding="none")).astype("U")
    return [] if np.array_equal(np.asarray(expected, "O"), found.astype("O")) else [f"{name}: texts differ"]
