"""Chunks behind registered filters: values as the filters' own library has them, by reference or in the product."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from program import Project

BLOSC = [f"blosc_{name}_{shuffle}" for name in ("blosclz", "lz4", "lz4hc", "zlib", "zstd") for shuffle in (0, 1, 2)]
REFERABLE = [*BLOSC, "zstd", "zstd_shuffle_fletcher"]
OTHERS = ["lz4", "lz4_blocks", "lzf", "lzf_shuffle", "bitshuffle_blocks", "bitshuffle_none", "bitshuffle_lz4", "bitshuffle_zstd"]
SMALL, LARGE = 30_011, 300_007  # up to 1 MiB a variable is kept in the product


def build(folder, names, length, kinds):
    """One item a file: (project, items)."""
    writer = Path(__file__).with_name("filtered_files.py")
    # netCDF4, which other tests have imported, leaves its own filters in the environment.
    surroundings = {key: value for key, value in os.environ.items() if key != "HDF5_PLUGIN_PATH"}
    subprocess.run([sys.executable, "-W", "ignore", writer, folder / "data", str(length), kinds, *names], check=True, timeout=120,
                   env=surroundings)
    project = Project.of_recipe(folder / "project", {
        "collection": {"id": "filters", "title": "Filters", "description": "For tests.", "license": "CC-BY-4.0"},
        "sources": [{"root": str(folder / "data"), "include": ["*.nc"]}], "item": {"pattern": "{name}.nc", "id": "{{ name }}"},
        "products": ["kerchunk"], "output": "published"})
    answer = project.run("build", "--json")
    assert answer.status in (0, 1), answer
    return project, {item["id"]: item for item in answer.json["items"]}


def differences(project, name, source):
    path = project.kerchunk(name)
    virtual = any(isinstance(value, list) for value in json.loads(path.read_text())["refs"].values())
    with np.load(source) as truth, xr.open_dataset(str(path), engine="kerchunk", open_dataset_options={"decode_cf": False}) as ds:
        wrong = [key for key in truth if ds[key].dtype != truth[key].dtype or not np.array_equal(ds[key].values, truth[key])]
    return wrong, virtual


def test_every_filter_decodes_to_what_its_library_says(tmp_path):
    project, items = build(tmp_path, REFERABLE + OTHERS, SMALL, "f4,f8,i2,u1")
    for name, item in items.items():
        assert item["status"] == "added", item
        assert differences(project, name, tmp_path / "data" / f"{name}.npz") == ([], False), name


def test_zarr_readers_decode_what_is_referred_to(tmp_path):
    project, items = build(tmp_path, REFERABLE, LARGE, "f8")
    for name, item in items.items():
        assert item["status"] == "added", item
        assert differences(project, name, tmp_path / "data" / f"{name}.npz") == ([], True), name


@pytest.mark.parametrize("name", OTHERS)
def test_large_data_that_readers_cannot_decode_are_refused_by_name(tmp_path, name):
    _, items = build(tmp_path, [name], LARGE, "f8")
    error = items[name]["error"]
    assert error["kind"] == "unsupported" and name.split("_")[0] in error["message"], error
