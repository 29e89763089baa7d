"""`altostac inspect` against h5py and netCDF4 on the files of the fixture."""

import json

import h5py
import netCDF4
import numpy as np
import pytest

from archives import make
from oracle import Series, kerchunk
from program import FIXTURE, Project, run

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


@pytest.fixture
def elsewhere(tmp_path):
    """A file with coordinates, a variable of the file's own, and three whose values no product can carry."""
    path = tmp_path / "archive" / "elsewhere.h5"
    path.parent.mkdir()
    with h5py.File(path, "w", libver="latest") as file:
        for name, values, units in (("time", [0.0, 1.0], "days since 2000-01-01"), ("lat", [10.0, 20.0, 30.0], "degrees_north"),
                                    ("lon", [1.0, 2.0], "degrees_east")):
            file[name] = values
            file[name].attrs["units"] = units
            file[name].make_scale(name)
        own = file.create_dataset("own", data=np.arange(12, dtype="f4").reshape(2, 3, 2))
        layout = h5py.VirtualLayout(shape=(2, 3, 2), dtype="f4")
        layout[:] = h5py.VirtualSource("not_there.h5", "data", shape=(2, 3, 2))
        virtual = file.create_virtual_dataset("virtual", layout, fillvalue=-1)
        virtual.attrs["units"] = "K"
        outside = file.create_dataset("outside", (2, 3, 2), "f8", external=[(str(tmp_path / "raw.bin"), 0, 96)])
        outside[:] = 7
        pair = file.create_dataset("pair", (2, 3, 2), [("x", "f4"), ("y", "f4")])
        for data in (own, virtual, outside, pair):
            for axis, name in enumerate(("time", "lat", "lon")):
                data.dims[axis].attach_scale(file[name])
    return path


def test_values_that_are_not_in_the_file(elsewhere, tmp_path):
    found = run("inspect", elsewhere, "--json").expect(0).json
    variables = by_name(found["variables"])
    assert {name: said.get("obstacle") for name, said in variables.items() if "obstacle" in said} == {
        "virtual": "a virtual dataset, put together from other datasets (1 piece, the first is data in not_there.h5)",
        "outside": f"data in other files ({tmp_path / 'raw.bin'})", "pair": "compound {x: float32, y: float32}"}
    assert [variables[name]["layout"] for name in ("own", "virtual", "outside")] == ["contiguous", "virtual", "external"]
    said = variables["virtual"]
    assert (said["shape"], said["dtype"], said["dimensions"]) == ([2, 3, 2], "<f4", ["time", "lat", "lon"])
    assert (said["attributes"], said["chunks"], said["missing_chunks"]) == ({"units": "K"}, 0, 0)
    assert found["coverage"]["bbox"] == [0.5, 5.0, 2.5, 35.0]
    told = {note["subject"] for note in found["notes"] if note["kind"] == "data_elsewhere"}
    assert told == {"/virtual", "/outside"}
    text = run("inspect", elsewhere).expect(0).stdout
    assert "shape [2, 3, 2], virtual" in text and "not_there.h5" in text


def test_references_leave_out_what_they_cannot_say_and_tell(elsewhere, tmp_path):
    answer = run("inspect", elsewhere, "--kerchunk").expect(0)
    arrays = {key.split("/")[0] for key in answer.json["refs"] if key.endswith(".zarray")}
    assert arrays == {"time", "lat", "lon", "own"}
    lines = answer.stderr.strip().splitlines()
    assert len(lines) == 3 and all("left out" in line for line in lines)
    assert {name for name in ("virtual", "outside", "pair") if any(f"{name} is left out" in line for line in lines)} == {
        "virtual", "outside", "pair"}


def test_an_item_with_values_that_are_not_in_the_file_is_refused_by_name(elsewhere, tmp_path):
    project = Project.of_recipe(tmp_path / "project", {
        "collection": {"id": "elsewhere", "title": "Elsewhere", "description": "For tests.", "license": "CC-BY-4.0"},
        "sources": [{"root": str(elsewhere.parent), "include": ["*.h5"]}], "item": {"pattern": "{name}.h5", "id": "{{ name }}"},
        "products": ["kerchunk"], "output": "published"})
    answer = project.run("build", "--json")
    assert answer.status == 1
    [item] = answer.json["items"]
    assert item["status"] == "failed"
    assert item["error"]["kind"] == "unsupported"
    for told in ("outside: expected data in the file itself, found data in other files", "raw.bin", "likewise virtual",
                 "pair: expected numbers or texts, found compound", "sources.exclude"):
        assert told in item["error"]["message"]


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
