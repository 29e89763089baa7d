"""`altostac inspect` against h5py and netCDF4 on the files of the fixture."""

import json

import h5py
import netCDF4
import numpy as np
import pytest

from archives import make
from oracle import Series, kerchunk
from program import FIXTURE, run

FILES = [sorted((FIXTURE / "archive" / one.folder).glob("*.nc"))[-1] for one in make.SERIES]


def by_name(entries):
    """Entries by name, whether written as an object or as a list."""
    return entries if isinstance(entries, dict) else {entry["name"]: entry for entry in entries}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.split("_")[0])
def test_what_the_file_holds(path):
    found = run("inspect", path, "--json").expect(0).json
    dimensions, variables = by_name(found["dimensions"]), by_name(found["variables"])
    with netCDF4.Dataset(path) as nc, h5py.File(path) as h5:
        assert set(dimensions) == set(nc.dimensions) and set(variables) == set(nc.variables)
        for name, dimension in nc.dimensions.items():
            assert (dimensions[name]["size"], bool(dimensions[name].get("unlimited"))) == (len(dimension), dimension.isunlimited())
        for name, variable in nc.variables.items():
            said, stored = variables[name], h5[name]
            assert np.dtype(said["dtype"]) == variable.dtype, name
            assert said["dimensions"] == list(variable.dimensions), name
            assert said["shape"] == list(variable.shape), name
            if stored.chunks:
                count = []
                stored.id.chunk_iter(lambda chunk: count.append(chunk) and None)
                assert said["chunk_shape"] == list(stored.chunks), name
                assert said["chunks"] == len(count), name
            codecs = json.dumps(said.get("codecs", said.get("filters", []))).lower()
            assert ("deflate" in codecs or "zlib" in codecs) == (stored.compression == "gzip"), name
            assert ("shuffle" in codecs) == stored.shuffle and ("fletcher32" in codecs) == stored.fletcher32, name
            for key in variable.ncattrs():
                assert same(said["attributes"][key], variable.getncattr(key)), (name, key)
            assert set(said["attributes"]) == set(variable.ncattrs()), name
        for key in nc.ncattrs():
            assert same(found["attributes"][key], nc.getncattr(key)), key
        assert set(found["attributes"]) == set(nc.ncattrs())


def same(found, expected):
    expected = np.asarray(expected)
    return bool(np.all(np.asarray(found).astype(expected.dtype) == expected))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.split("_")[0])
def test_single_file_references_open_equal(path, tmp_path):
    references = run("inspect", path, "--kerchunk").expect(0).json
    assert references["version"] == 1
    (tmp_path / "kerchunk.json").write_text(json.dumps(references))
    assert Series([path]).differences(kerchunk(tmp_path / "kerchunk.json")) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.split("_")[0])
def test_the_text_names_everything(path):
    text = run("inspect", path).expect(0).stdout
    with netCDF4.Dataset(path) as nc:
        for name in [*nc.variables, *nc.dimensions, *nc.ncattrs()]:
            assert name in text


def test_a_file_that_is_none_is_refused_by_name(tmp_path):
    path = tmp_path / "page.nc"
    path.write_text("<html></html>")
    answer = run("inspect", path)
    assert answer.status in (1, 2) and "page.nc" in answer.stderr, answer
