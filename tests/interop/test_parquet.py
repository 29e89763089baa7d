"""Kerchunk Parquet: opened by fsspec with fastparquet, under both versions of pandas, with and without pyarrow; and the choice of products."""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import venv

import numpy as np
import pytest
import requests
import xarray as xr
from ceda_datapoint import DataPointClient
from netCDF4 import Dataset

from archives import recipe
from oracle import Series, kerchunk
from program import ROOT, Project, Server
from test_series import ARCHIVE, MINI_ESGF, NETCDF3, each, item_id, series

pytest.importorskip("fastparquet")
FULL = os.environ.get("ALTOSTAC_FULL") == "1"
TAS = "CMIP6.ScenarioMIP.MOHC.UKESM1-0-LL.ssp585.r1i1p1f2.Amon.tas.gn.v20190507"
COLLECTION = "cmip6-sample"


def folder_of(project, item):
    """The folder that the asset points at."""
    href = project.items[item]["assets"]["reference_parquet"]["href"]
    return (project.collection_folder / "items" / href).resolve()


def notes(project, item):
    """What the report of the last revision tells, by kind."""
    revisions = (project.collection_folder / "products" / item).glob("r*/report.json")
    report = json.loads(max(revisions, key=lambda path: int(path.parent.name[1:])).read_text())
    found = {}
    for note in report["notes"]:
        found.setdefault(note["kind"], []).append(note)
    return found


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The fixture in Parquet, in tables of 7 rows, so that there are many; tests only read it."""
    project = Project.of_fixture(tmp_path_factory.mktemp("parquet") / "cmip6")
    project.edit(products=[{"kerchunk-parquet": {"record_size": 7}}, "kerchunk"])
    return project, project.build()


# -- the fixture ---------------------------------------------------------------------------------------------------------


def test_every_item_equals_its_sources(built):
    project, items = built
    assert len(items) == 3
    for item in items:
        assert Series(project.sources(item)).differences(kerchunk(folder_of(project, item))) == []


def test_the_asset_says_how_it_is_opened(built):
    project, items = built
    for item in items:
        asset = project.items[item]["assets"]["reference_parquet"]
        folder = folder_of(project, item)
        assert asset["href"].endswith("/kerchunk.parq") and ".json" not in asset["href"] and folder.is_dir()
        assert asset["type"] == "application/vnd.zarr+kerchunk" and set(asset["roles"]) == {"data", "virtual", "references"}
        assert (asset["cloud_format"], asset["xarray:open_kwargs"]) == ("kerchunk", {"engine": "kerchunk"})
        assert asset["file:size"] == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        assert "file:checksum" not in asset, "a folder has none"
        product = next(product for product in items[item]["products"] if product["format"] == "kerchunk-parquet")
        assert product["path"] == str(folder)


def test_every_table_has_exactly_the_chunks_of_its_array(built):
    import pandas

    project, items = built
    for item in items:
        folder = folder_of(project, item)
        store = json.loads((folder / ".zmetadata").read_text())
        expected = {".zmetadata"}
        for key, array in store["metadata"].items():
            if not key.endswith("/.zarray"):
                continue
            name = key.removesuffix("/.zarray")
            chunks = int(np.prod([-(-length // chunk) for length, chunk in zip(array["shape"], array["chunks"])]))
            for number, first in enumerate(range(0, chunks, store["record_size"])):
                path = folder / name / f"refs.{number}.parq"
                expected.add(path.relative_to(folder).as_posix())
                table = pandas.read_parquet(path, engine="fastparquet")
                assert list(table.columns) == ["path", "offset", "size", "raw"]
                assert len(table) == min(store["record_size"], chunks - first), path
                assert table["offset"].dtype == table["size"].dtype == np.int64 and not table["path"].isna().any()
        assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == expected


def test_zarr_finds_consolidated_metadata_or_none_just_as_well(built):
    project, items = built
    folder = str(folder_of(project, TAS))
    expected = xr.open_dataset(folder, engine="kerchunk").load()
    for consolidated in (True, False):
        found = xr.open_zarr("reference://", storage_options={"fo": folder}, consolidated=consolidated, zarr_format=2)
        assert found.load().identical(expected)


def test_a_chunk_that_was_never_written_reads_as_netcdf_reads_it(tmp_path):
    path = tmp_path / "archive/CMIP6/a/b/c/d/e/f/g/h/v1/x.nc"
    path.parent.mkdir(parents=True)
    with Dataset(path, "w") as nc:
        nc.createDimension("time", None)
        nc.createDimension("x", 4)
        time = nc.createVariable("time", "f8", ("time",))
        time.units, time[:] = "days since 2000-01-01", np.arange(6)
        for name, kind, fill in (("masked", "f4", 1e20), ("plain", "f8", None), ("count", "i2", None)):
            variable = nc.createVariable(name, kind, ("time", "x"), fill_value=fill, chunksizes=(1, 2), zlib=name != "plain")
            variable[::2] = 3
        nc.createVariable("lat", "f8", ("x",))[:] = np.arange(4)
        nc["lat"].units = "degrees_north"
        nc.createVariable("lon", "f8", ("x",))[:] = np.arange(4)
        nc["lon"].units = "degrees_east"
    project = Project.of_recipe(tmp_path / "project", recipe(tmp_path / "archive") | {"products": ["kerchunk-parquet"]})
    (item,) = project.build()
    assert Series([path]).differences(kerchunk(folder_of(project, item))) == []


def test_datapoint_opens_it_over_http(tmp_path):
    project = Project.of_fixture(tmp_path / "cmip6")
    project.edit(products=["kerchunk-parquet"])
    with Server("sync", project.folder / project.name, "--serve", "--port", "0", cwd=project.folder) as server:
        found = DataPointClient(org="interop", url=server.url).search(collections=[COLLECTION], ids=[TAS])
        product = found[0].get_cloud_product()
        href = product.href
        assert href.startswith(server.url) and requests.head(href, timeout=10).status_code == 200
        assert product.open_dataset().load().identical(xr.open_dataset(str(folder_of(project, TAS)), engine="kerchunk").load())
        assert Series(project.sources(TAS)).differences(kerchunk(href)) == []


# -- the versions of its readers -------------------------------------------------------------------------------------------

READ = """
import hashlib, json, sys
import xarray as xr
ds = xr.open_dataset(sys.argv[1], engine="kerchunk", open_dataset_options={"decode_cf": False}).load()
print(json.dumps({name: hashlib.sha256(v.values.tobytes() + str(v.dtype).encode()).hexdigest() for name, v in ds.variables.items()}))
"""
# Every chunk of Kerchunk JSON is there, and the same.
KEYS = """
import base64, json, sys
from fsspec.implementations.reference import LazyReferenceMapper
folder, document, engine = sys.argv[1:]
found, count = LazyReferenceMapper(folder, engine=engine), 0
for key, expected in json.load(open(document))["refs"].items():
    if ".z" not in key:
        value, count = found[key], count + 1
        expected = base64.b64decode(expected[7:]) if isinstance(expected, str) else expected
        assert (list(value) if isinstance(expected, list) else value) == expected, key
print(count)
"""
ENVIRONMENTS = {"pandas-2": ["pandas<3"], "pandas-3": ["pandas>=3"], "pandas-3-pyarrow": ["pandas>=3", "pyarrow"]}


@pytest.mark.skipif(not FULL, reason="makes environments, a minute each: tests/full runs it")
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_other_versions_of_its_readers_see_the_same(built, name):
    place = ROOT / "target/parquet-readers" / name
    python = place / "bin/python"
    if not (place / "made").exists():
        shutil.rmtree(place, ignore_errors=True)
        venv.create(place, with_pip=True)
        packages = ["fastparquet==2026.9.0", "kerchunk==0.2.10", "xarray==2026.9.0", "zarr==3.0.10", "h5py", *ENVIRONMENTS[name]]
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages], check=True)
        (place / "made").touch()
    project, items = built
    for item in items:
        read = [json.loads(subprocess.run([which, "-W", "ignore", "-c", READ, folder_of(project, item)], check=True, capture_output=True,
                                          text=True, timeout=300).stdout) for which in (python, sys.executable)]
        assert read[0] == read[1] and "time" in read[0]
        for engine in ("fastparquet", "pyarrow") if "pyarrow" in ENVIRONMENTS[name] else ("fastparquet",):
            command = [python, "-W", "ignore", "-c", KEYS, folder_of(project, item), project.kerchunk(item), engine]
            assert int(subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout) > 100


# -- verification ----------------------------------------------------------------------------------------------------------


def rewritten(path, change):
    """A table with other rows, as another program would write it."""
    import pandas

    table = pandas.read_parquet(path, engine="fastparquet")
    change(table)
    path.chmod(0o644)
    table.to_parquet(path, engine="fastparquet", compression="zstd", index=False, object_encoding={"path": "utf8", "raw": "bytes"},
                     has_nulls=["raw"])


def other_offset(folder):
    rewritten(folder / "tas/refs.1.parq", lambda table: table.__setitem__("offset", table["offset"] + [0, 8, 0, 0, 0, 0, 0]))


def swapped(folder):
    rewritten(folder / "tas/refs.0.parq", lambda table: table.__setitem__("offset", table["offset"].to_numpy()[[1, 0, 2, 3, 4, 5, 6]]))


def other_file(folder):
    other = lambda table: table["path"].str.replace("_201501-", "_201401-") + ".old"
    rewritten(folder / "tas/refs.0.parq", lambda table: table.__setitem__("path", other(table)))


def other_value(folder):
    rewritten(folder / "lat/refs.0.parq", lambda table: table.__setitem__("raw", [table["raw"][0][:-1] + b"\x41"]))


def tables_exchanged(folder):
    first, second = folder / "tas/refs.0.parq", folder / "tas/refs.1.parq"
    content = first.read_bytes(), second.read_bytes()
    first.write_bytes(content[1]), second.write_bytes(content[0])


def table_missing(folder):
    (folder / "tas/refs.1.parq").unlink()


def table_too_many(folder):
    shutil.copy(folder / "tas/refs.0.parq", folder / "tas/refs.99.parq")


def other_units(folder):
    metadata = folder / ".zmetadata"
    metadata.write_text(metadata.read_text().replace('"units":"K"', '"units":"degC"'))


def short_table(folder):
    shutil.copy(max((folder / "tas").iterdir(), key=lambda path: int(path.name.split(".")[1])), folder / "tas/refs.0.parq")


@pytest.mark.parametrize("corrupt", [other_offset, swapped, other_file, other_value, tables_exchanged, table_missing, table_too_many,
                                     other_units, short_table], ids=lambda corrupt: corrupt.__name__)
def test_verification_finds_what_was_changed_even_if_all_digests_fit(victim, corrupt):
    folder, ledger_file = folder_of(victim, TAS), victim.folder / ".altostac/recipe/ledger.sqlite"
    content = lambda: {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    before, ledger_before = content(), ledger_file.read_bytes()
    try:
        corrupt(folder)
        assert before != content()
        found_to_differ(victim, ledger_file)
    finally:
        for path in content():
            path.unlink()
        for path, bytes_before in before.items():
            path.write_bytes(bytes_before)
        ledger_file.write_bytes(ledger_before)


@pytest.fixture(scope="module")
def victim(tmp_path_factory):
    """The fixture in Parquet alone, to be corrupted and mended."""
    project = Project.of_fixture(tmp_path_factory.mktemp("victim") / "cmip6")
    project.edit(products=[{"kerchunk-parquet": {"record_size": 7}}])
    project.build()
    project.run("verify", "--item", TAS, "--json").expect(0)
    return project


def found_to_differ(project, ledger_file):
    """Makes every digest fit, then lets the program look."""
    with sqlite3.connect(ledger_file) as ledger:
        (products,), = ledger.execute("SELECT products FROM item WHERE id = ?", [TAS]).fetchall()
        products = json.loads(products)
        for file in products[0]["files"]:
            path = project.folder / "published" / file["path"]
            content = path.read_bytes() if path.exists() else b""
            file |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        ledger.execute("UPDATE item SET products = ? WHERE id = ?", [json.dumps(products), TAS])
    answer = project.run("verify", "--item", TAS, "--json").expect(1).json["items"][0]
    assert not answer["verified"] and (answer["difference_count"] or answer["error"]["kind"] == "verification"), answer


# -- the choice ------------------------------------------------------------------------------------------------------------


def formats(items, item=TAS):
    return [product["format"] for product in items[item]["products"]]


def test_the_number_of_references_decides_if_the_recipe_lets_it(tmp_path):
    project = Project.of_fixture(tmp_path / "cmip6")
    for products, expected in (("auto", "kerchunk"), ([{"kerchunk": {"parquet_above": 10}}], "kerchunk-parquet"),
                               ([{"kerchunk": {"parquet_above": 100000}}], "kerchunk")):
        project.edit(products=products)
        assert expected in formats(project.build())
    project.edit(products="auto")
    project.build()
    assert {note["subject"] for note in notes(project, TAS)["product_chosen"]} >= {"kerchunk"}
    project.edit(products="atuo")
    assert "did you mean auto?" in project.run("build").expect(2).stderr


def test_a_format_that_cannot_carry_an_item_is_left_out_by_name(tmp_path):
    path = tmp_path / "archive/CMIP6/a/b/c/d/e/f/g/h/v1/x.nc"
    path.parent.mkdir(parents=True)
    with Dataset(path, "w") as nc:
        for name, axis, units in (("lat", np.linspace(-60, 60, 3), "degrees_north"), ("lon", np.arange(0, 360, 90.0), "degrees_east")):
            nc.createDimension(name, len(axis))
            nc.createVariable(name, "f8", (name,))[:] = axis
            nc[name].units = units
        nc.createDimension("time", 2)
        nc.createVariable("time", "f8", ("time",))[:] = [0, 1]
        nc["time"].units = "days since 2000-01-01"
        nc.createGroup("model").createVariable("tas", "f4", ("time", "lat", "lon"))[:] = 1
    project = Project.of_recipe(tmp_path / "project", recipe(tmp_path / "archive") | {"products": ["kerchunk-parquet", "kerchunk"]})
    (item,) = (items := project.build())
    assert formats(items, item) == ["kerchunk"]
    (note,) = notes(project, item)["product_left_out"]
    assert note["subject"] == "kerchunk-parquet" and "/model" in note["message"]
    project.edit(products=["kerchunk-parquet"])
    error = project.build("--force", status=1)[item]["error"]
    assert error["kind"] == "unsupported" and "/model" in error["message"]


# -- real series -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corpus_build(shared, tmp_path_factory):
    """The series of CMIP6 in one run of `build`, in Parquet alone; a few of them, unless all are asked for."""
    project = Project.of_recipe(tmp_path_factory.mktemp("corpus") / "cmip6", recipe(ARCHIVE) | {
        "sources": [{"root": str(ARCHIVE), "include": [f"{folder}/*.nc" for folder in chosen_series()]}],
        "products": [{"kerchunk-parquet": {"record_size": 100}}]})
    answer = project.run("build", "--json")
    assert answer.status in (0, 1), answer
    return project, {item["id"]: item for item in answer.json["items"]}


def chosen_series():
    return series() if FULL else series()[::6]


@each(chosen_series())
def test_series_equal_or_refused(corpus_build, folder):
    project, items = corpus_build
    item = items[item_id(folder)]
    if item["status"] == "failed":
        # What no format can carry: test_series judges that.
        assert item["error"]["message"]
        return
    sources = Series(sorted((ARCHIVE / folder).glob("*.nc")))
    assert sources.differences(kerchunk(folder_of(project, item_id(folder)))) == []


def test_netcdf3_series_equal(shared, tmp_path):
    folder = NETCDF3[1]
    pattern = {"pattern": "{folder:**}/{filename}", "id": "{{ folder | replace('/', '.') }}"}
    project = Project.of_recipe(tmp_path / "cmip5", recipe(MINI_ESGF) | {
        "sources": [{"root": str(MINI_ESGF), "include": [f"{folder}/*.nc"]}], "item": pattern, "products": ["kerchunk-parquet"]})
    (item,) = project.build()
    assert Series(sorted((MINI_ESGF / folder).glob("*.nc"))).differences(kerchunk(folder_of(project, item))) == []
