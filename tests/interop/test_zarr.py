"""Zarr copies, opened by zarr-python and xarray: equal to the sources, whatever version, chunks, shards and packing."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import requests
import xarray as xr
import zarr
from ceda_datapoint import DataPointClient
from netCDF4 import Dataset

from archives import recipe
from oracle import Series
from program import BINARY, SHARED, Project, Server, environment
from test_joins import Maker, per_file_units, steps
from test_series import ARCHIVE, NOT_ONE_CUBE, item_id, series

FULL = os.environ.get("ALTOSTAC_FULL") == "1"
PLAIN = {"version": 3}
CASES = {
    "sharded": {"version": 3, "target": "64 KiB"},
    "one-file-a-chunk": {"version": 3, "shards": "none", "target": 20000, "access": "time-series"},
    "shards-given": {"version": 3, "chunks": {"time": 2, "lat": 4, "lon": 5}, "shards": {"time": 7, "lat": 8}},
    "version-2": {"version": 2, "target": "16 KiB", "access": "maps"},
    "little-memory": {"version": 3, "chunks": {"time": 1000, "lat": 1, "lon": 1}, "shards": "none", "memory": "1 MiB"},
}


def store(project, item):
    asset = project.items[item]["assets"]["zarr"]
    return (project.collection_folder / "items" / asset["href"]).resolve(), asset


def opened(path):
    """The store as `Series.differences` opens it: by the asset's own keywords."""
    return lambda **options: xr.open_dataset(path, engine="zarr", **({"consolidated": True, "chunks": None} | options))


def differences(sources, path, version):
    """zarr-python 3.0 has no type of a fixed number of bytes in version 3: characters stand joined, and are compared as texts."""
    shown = lambda column, rank: dict(zip(column.dimensions[:rank], column.raw.shape[:rank]))
    joined = {f"{name}: {shown(column, -1)}, expected {shown(column, None)}" for name, column in sources.variables.items()
              if version == 3 and column.raw.dtype == "S1" and column.raw.ndim}
    return [found for found in sources.differences(opened(path)) if found not in joined]


def made(folder, make, zarr_options, **keys):
    """One series made here, as a Zarr copy: (project, its sources)."""
    archive = folder / "archive"
    archive.mkdir(parents=True)
    make(Maker(archive))
    project = Project.of_recipe(folder / "project", recipe(archive) | {
        "item": {"pattern": "{name}.nc", "id": "one"}, "products": [{"zarr": zarr_options}]} | keys)
    return project, sorted(archive.glob("*.nc"))


def quirks(make):
    """What a copy has to get right besides values: fill, characters, integers, big-endian numbers, chunks never written."""

    def more(nc):
        nc.createDimension("n", 5)
        names = nc.createVariable("station", "S1", ("lat", "n"))
        names[:] = np.array([list(f"ab{at:03}") for at in range(len(nc.dimensions["lat"]))], "S1")
        crs = nc.createVariable("crs", "i4", ())
        crs.grid_mapping_name = "latitude_longitude"
        crs[...] = 7
        half = nc.createVariable("half", "f4", ("time", "lat", "lon"), chunksizes=(1, 9, 12), zlib=True, fill_value=-5.0)
        half[0] = 1.5
        bare = nc.createVariable("bare", "i2", ("time", "lat"), chunksizes=(2, 9))
        bare[:1] = 3

    make.file(steps(0, 6), more=more, chunks=(2, 5, 7), endian="big")
    make.file(steps(6, 4), more=more, chunks=(2, 5, 7), endian="big")


def different_chunks(make):
    """No grid of chunks says this: each file has its own, and one is not compressed."""
    make.file(steps(0, 5), chunks=(5, 9, 12))
    make.file(steps(5, 3), chunks=(1, 4, 12), zlib=False)
    make.file(steps(8, 4), contiguous=True, unlimited=False)


def packed(make):
    for number in range(3):
        make.file(steps(4 * number, 4), data_type="i2", fill=-32768, chunks=(2, 9, 12),
                  data_attributes={"scale_factor": np.float32(0.01), "add_offset": np.float32(273.15)},
                  values=lambda made: made % 30000 - 15000)


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
@pytest.mark.parametrize("make", [per_file_units, quirks, different_chunks, packed])
def test_a_copy_equals_its_sources(tmp_path, make, options):
    project, sources = made(tmp_path, make, options)
    built = project.build("--every-value")["one"]
    assert built["status"] == "added", built
    path, asset = store(project, "one")
    assert differences(Series(sources), path, options["version"]) == []
    assert zarr.open_group(path, mode="r").metadata.zarr_format == options["version"]
    assert asset["type"] == f"application/vnd.zarr; version={options['version']}" and asset["cloud_format"] == "zarr"
    xr.open_dataset(path, **asset["xarray:open_kwargs"]).close()
    project.run("verify", "--json", "--every-value").expect(0)
    report = json.loads(next(path.parent.glob("report.json")).read_text())
    assert report, "a report is beside the copy"
    assert not list(path.parent.glob("*journal*"))


def test_chunks_and_shards_are_those_of_the_recipe(tmp_path):
    project, _ = made(tmp_path, per_file_units, CASES["shards-given"])
    project.build()
    tas = zarr.open_group(store(project, "one")[0], mode="r")["tas"]
    assert (tas.chunks, tas.shards) == ((2, 4, 5), (8, 8, 5))


@pytest.mark.parametrize("version", [3, 2])
def test_packed_values_can_be_unpacked(tmp_path, version):
    project, sources = made(tmp_path, packed, {"version": version, "packing": "decode"})
    project.build("--every-value")
    path, _ = store(project, "one")
    with xr.open_dataset(path, engine="zarr", chunks=None) as copy, xr.open_dataset(path, engine="zarr", decode_cf=False) as raw:
        assert raw.tas.dtype == np.float32 and "scale_factor" not in raw.tas.attrs
        files = sorted((xr.open_dataset(source) for source in sources), key=lambda ds: ds.time.values[0])
        np.testing.assert_array_equal(copy.tas.values, np.concatenate([ds.tas.values for ds in files]))


def spoil(path):
    chunk = next(path.rglob("c/*/*/*"))
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)


def drop(path):
    next(path.rglob("tas/c/*/*/*")).unlink()


def invent(path):
    (path / "tas/c/99").write_bytes(b"x")


def contradict(path):
    document = json.loads((path / "tas/zarr.json").read_text())
    document["attributes"]["units"] = "degC"
    (path / "tas/zarr.json").write_text(json.dumps(document))


@pytest.mark.parametrize("change", [spoil, drop, invent, contradict])
def test_a_change_is_found(tmp_path, change):
    project, _ = made(tmp_path, per_file_units, PLAIN | {"target": "8 KiB"})
    project.build()
    change(store(project, "one")[0])
    answer = project.run("verify", "--json").expect(1)
    assert not answer.json["items"][0]["verified"]


def test_datapoint_opens_a_copy_over_http(tmp_path):
    project, sources = made(tmp_path, per_file_units, PLAIN)
    with Server("sync", project.folder / project.name, "--serve", "--port", "0", cwd=tmp_path) as server:
        href = requests.get(f"{server.url}/collections/cmip6/items/one", timeout=10).json()["assets"]["zarr"]["href"]
        assert href.startswith(server.url) and requests.head(href, timeout=10).status_code == 200
        found = DataPointClient(org="interop", url=server.url).search(collections=["cmip6"])
        with found.collect_cloud_assets().open_dataset("one-zarr") as ds:
            assert Series(sources).seen_differences(ds) == []


# -- killed, and taken up again -------------------------------------------------------------------------------------------


def large(make):
    rows = np.linspace(-89, 89, 180)
    for year in range(12 if FULL else 6):
        make.file(steps(60 * year, 60), lat=rows, chunks=(1, 180, 12))


def chunks_of_partial_copies(products):
    try:
        return len(list(products.glob(".*partial*/data.zarr/tas/c/*/*/*")))
    except FileNotFoundError:
        return 0  # it was revealed at this moment


def peak_memory(command, folder):
    """Greatest resident bytes of a command that ends well."""
    asked = {"commands": [[str(word) for word in command]], "seconds": 600, "memory": 64 << 30, "folder": str(folder)}
    runner = [sys.executable, "-I", "-S", Path(__file__).with_name("measure.py")]
    answer = subprocess.run(runner, input=json.dumps(asked), capture_output=True, text=True, check=True, env=environment())
    status, _, error, _, peak = json.loads(answer.stdout)
    assert status == 0, error
    return peak


@pytest.mark.skipif(not FULL, reason="ALTOSTAC_FULL=1: writes 600 MB of values")
def test_memory_stays_within_the_budget(tmp_path):
    def wide(make):
        for number in range(3):
            make.file(steps(2000 * number, 2000), lat=np.linspace(-89, 89, 2000), chunks=(10, 2000, 12))

    project, _ = made(tmp_path, wide, {"chunks": {"time": 500, "lat": 200, "lon": 12}, "shards": "none", "memory": "128 MiB"})
    peak = peak_memory([BINARY, "build", project.folder / project.name], tmp_path)
    assert project.items["one"]["assets"]["zarr"]
    assert peak < (128 + 300) << 20, f"{peak >> 20} MiB"


def test_pieces_decoded_more_than_once_are_reported(tmp_path):
    options = {"chunks": {"time": 360, "lat": 10, "lon": 12}, "shards": "none"}
    for memory, expected in (("2 MiB", ["tas"]), ("1 GiB", [])):
        project, _ = made(tmp_path / memory[0], large, options | {"memory": memory})
        project.build()
        path, asset = store(project, "one")
        notes = json.loads((path.parent / "report.json").read_text())["notes"]
        assert [note["subject"] for note in notes if note["kind"] == "decoded_repeatedly"] == expected, notes
        assert asset["file:size"] == sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def test_a_killed_copy_is_taken_up_again(tmp_path):
    options = {"chunks": {"time": 20, "lat": 30, "lon": 4}, "shards": "none", "memory": "4 MiB"}
    project, sources = made(tmp_path, large, options)
    products, random_moment, resumed = project.collection_folder / "products/one", random.Random(3), 0
    command = [BINARY, "build", project.folder / project.name]
    for _ in range(5 if FULL else 2):
        before = chunks_of_partial_copies(products)
        process = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wanted = before + random_moment.randint(1, 150)
        while process.poll() is None and chunks_of_partial_copies(products) < wanted:
            pass
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
        resumed += before > 0
        assert not (project.collection_folder.parent / "catalog.json").exists() or process.returncode == 0
    project.build("--every-value")
    path, _ = store(project, "one")
    assert Series(sources).differences(opened(path)) == []
    assert not list(products.glob(".*partial*")) and path.parent.name == "r1"
    assert resumed > 0, "no run found what another had left"


# -- the corpus -----------------------------------------------------------------------------------------------------------


def chosen():
    found = [folder for folder in series() if not any(name in folder for name in NOT_ONE_CUBE)]
    return found if FULL else found[::6]


@pytest.fixture(scope="module")
def corpus(shared, tmp_path_factory):
    project = Project.of_recipe(tmp_path_factory.mktemp("zarr") / "cmip6", recipe(ARCHIVE) | {
        "sources": [{"root": str(ARCHIVE), "include": [f"{folder}/*.nc" for folder in chosen()]}],
        "products": [{"zarr": {"target": "1 MiB"}}]})
    answer = project.run("build", "--json")
    assert answer.status in (0, 1), answer
    return project, {item["id"]: item for item in answer.json["items"]}


@pytest.mark.parametrize("folder", chosen() or [pytest.param("", marks=pytest.mark.skip(reason="needs ../shared"))])
def test_series_of_the_corpus(corpus, folder):
    project, items = corpus
    item = items[item_id(folder)]
    assert item["status"] == "added", item
    path, _ = store(project, item_id(folder))
    assert differences(Series(sorted((ARCHIVE / folder).glob("*.nc"))), path, 3) == []
