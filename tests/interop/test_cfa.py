"""CFA-netCDF: every reader opens it and sees what the sources hold, or altostac says by name why there is none."""

import json
import os
import shutil
from urllib.parse import urljoin

import h5py
import netCDF4
import numpy as np
import pystac
import pytest
from ceda_datapoint.core.item import DataPointItem

import test_series
from archives import recipe
from cfa import CF_PYTHON, cf_differences, cf_seen, file_differences, open_cfa, xarray_differences
from mismatch_cases import CASES, Maker
from oracle import Series
from program import Project
from servers import WebServer
from test_mismatches import seen

FULL = os.environ.get("ALTOSTAC_FULL") == "1"
needs_cf = pytest.mark.skipif(not CF_PYTHON.is_file(), reason=f"needs cf-python at {CF_PYTHON}: tests/run makes it")


def nca(project, item="series"):
    """The CFA file that an Item's asset points at."""
    asset = project.items[item]["assets"]["cfa"]
    assert asset["cloud_format"] == "CFA" and asset["roles"] == ["data", "virtual", "references"]
    return (project.collection_folder / "items" / asset["href"]).resolve()


def made(folder, case_name=None, make=None, **keys):
    """A project over one series that was made for the test: (project, paths)."""
    archive = folder / "archive"
    archive.mkdir()
    maker = Maker(archive)
    (make or next(case.make for case in CASES if case.name == case_name))(maker)
    project = Project.of_recipe(folder / "project", {
        "collection": {"id": "made", "description": "Made.", "license": "CC0-1.0"}, "sources": [{"root": str(archive)}],
        "item": {"pattern": "{filename}", "id": "series"}, "output": "published", "products": ["cfa"]} | keys)
    return project, maker.paths


@pytest.fixture(scope="module")
def fixture_built(tmp_path_factory):
    project = Project.of_fixture(tmp_path_factory.mktemp("cfa") / "cmip6")
    project.edit(products=["kerchunk", "cfa"])
    project.build()
    return project


def test_the_fixture_is_equal_for_netcdf4_h5py_and_xarray(fixture_built):
    for item in fixture_built.items:
        sources = Series(fixture_built.sources(item))
        assert file_differences(sources, nca(fixture_built, item)) == []
        assert xarray_differences(sources, nca(fixture_built, item)) == []


@needs_cf
def test_the_fixture_is_equal_for_cf_python(fixture_built, tmp_path):
    paths = {item: nca(fixture_built, item) for item in fixture_built.items}
    found = cf_seen(paths.values(), tmp_path)
    for item, path in paths.items():
        assert cf_differences(Series(fixture_built.sources(item)), path, found[str(path)]) == []


def test_the_comparison_can_fail(fixture_built, tmp_path):
    item = next(iter(fixture_built.items))
    path = shutil.copy(nca(fixture_built, item), tmp_path / "wrong.nca")
    os.chmod(path, 0o644)
    with h5py.File(path, "r+") as h5:
        h5["cfa_uris_0"][0, 0, 0] = h5["cfa_uris_0"][1, 0, 0]
        h5["lat"][0] += 1e-9
    sources = Series(fixture_built.sources(item))
    assert file_differences(sources, path) and xarray_differences(sources, path)


def test_datapoint_opens_the_asset(fixture_built, monkeypatch):
    """Over TLS: its reader fetches aggregation files from https alone."""
    server = WebServer(fixture_built.folder / fixture_built.recipe["output"])
    try:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.authority))
        for item_id, record in fixture_built.items.items():
            asset = record["assets"]["cfa"]
            folder = f"{fixture_built.collection_folder.name}/items"
            asset["href"] = urljoin(f"{server.tls_url}/{folder}/", asset["href"])
            record = pystac.Item.from_dict(record | {"assets": {"cfa": asset}})
            record.set_self_href(f"{server.url}/{folder}/{item_id}.json")
            product = DataPointItem(record, meta={"search_terms": {}}).get_cloud_product()
            assert product.cloud_format == "CFA" and product.href.startswith("https://")
            sources = Series(fixture_built.sources(item_id))
            with product.open_dataset() as ds:
                assert set(ds.variables) == set(sources.variables)
                assert sources.seen_differences(ds) == []
    finally:
        server.stop()


# -- real archives ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corpus_built(shared, tmp_path_factory):
    """The series of CMIP6 and those of NetCDF-3 as CFA: {folder: (sources' root, outcome, path)}."""
    found = {}
    folders = test_series.series() if FULL else [test_series.SICONC]
    tmp = tmp_path_factory.mktemp("corpus")
    project = Project.of_recipe(tmp / "cmip6", recipe(test_series.ARCHIVE) | {
        "products": ["cfa"], "sources": [{"root": str(test_series.ARCHIVE), "include": [f"{one}/*.nc" for one in folders]}]})
    classic = Project.of_recipe(tmp / "cmip5", recipe(test_series.MINI_ESGF) | {
        "products": ["cfa"], "sources": [{"root": str(test_series.MINI_ESGF), "include": [f"{one}/*.nc" for one in test_series.NETCDF3]}],
        "item": {"pattern": "{folder:**}/{filename}", "id": "{{ folder | replace('/', '.') }}", "geometry": {
            "type": "Polygon", "coordinates": [[[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]]}}})
    for one, root, of in ((project, test_series.ARCHIVE, folders), (classic, test_series.MINI_ESGF, test_series.NETCDF3)):
        items = {item["id"]: item for item in one.run("build", "--json").json["items"]}
        for folder in of:
            item = items[test_series.item_id(folder)]
            found[folder] = (root, item, nca(one, item["id"]) if item["status"] != "failed" else None)
    return found


def corpus_folders():
    folders = [*test_series.series(), *test_series.NETCDF3]
    mark = lambda folder: [] if FULL or folder in (test_series.SICONC, *test_series.NETCDF3) else [
        pytest.mark.skip(reason="tests/full runs it")]
    return pytest.mark.parametrize("folder", [pytest.param(folder, marks=mark(folder)) for folder in folders])


@corpus_folders()
def test_a_real_series_is_equal_or_refused(corpus_built, folder, record_refusal):
    root, item, path = corpus_built[folder]
    if path is None:
        # One rule for all products: none of these is one dataset.
        assert any(name in folder for name in test_series.NOT_ONE_CUBE), item["error"]
        record_refusal(f"{folder} (CFA)", f"{item['error']['kind']}: {item['error']['message']}")
        return
    sources = Series(sorted((root / folder).glob("*.nc")))
    assert file_differences(sources, path) == []
    assert xarray_differences(sources, path) == []


@needs_cf
def test_real_series_are_equal_for_cf_python(corpus_built, tmp_path):
    built = {folder: (root, path) for folder, (root, _, path) in corpus_built.items() if path}
    found = cf_seen([path for _, path in built.values()], tmp_path)
    for folder, (root, path) in built.items():
        assert cf_differences(Series(sorted((root / folder).glob("*.nc"))), path, found[str(path)]) == [], folder


# -- what chunks cannot say, and what fragments cannot say ---------------------------------------------------------------


IRREGULAR = ["a_short_chunk_in_the_middle", "contiguous_beside_filtered", "chunk_shapes_that_differ", "zlib_beside_none", "zlib_beside_zstd",
             "shuffle_on_and_off", "bytes_that_differ", "classic_and_filtered"]


@pytest.mark.parametrize("name", IRREGULAR)
def test_files_whose_chunks_fit_no_grid_are_equal(tmp_path, name):
    project, paths = made(tmp_path, name)
    project.build()
    assert file_differences(Series(paths, join="time"), nca(project)) == []
    seen(lambda **options: open_cfa(nca(project), **options), paths, "tas")
    project.run("verify", "--json").expect(0)


REFUSED = {"scale_factors_that_differ": "tas", "packed_alike": "unpacked values", "types_that_differ": "one type in all files",
           "fill_values_that_differ": "fill value", "a_variable_that_a_file_lacks": "a file for every place",
           "a_variable_shorter_than_time": "written to their ends"}


@pytest.mark.parametrize("name", REFUSED)
def test_what_readers_would_misread_is_refused_by_name(tmp_path, name):
    project, _ = made(tmp_path, name)
    error = project.build(status=1)["series"]["error"]
    assert error["kind"] == "unsupported", error
    assert all(word in error["message"] for word in ("expected", "found", REFUSED[name])), error


def three_files(maker, **options):
    for number in range(3):
        with netCDF4.Dataset(maker.path(), "w", **options) as nc:
            for name, length in (("time", 10), ("lat", 150), ("lon", 200)):
                nc.createDimension(name, length)
            time = nc.createVariable("time", "f8", ("time",))
            time.units, time[:] = "days since 2000-01-01", np.arange(10) + 10 * number
            for name, units, span in (("lat", "degrees_north", 80), ("lon", "degrees_east", 170)):
                axis = nc.createVariable(name, "f8", (name,))
                axis.units, axis[:] = units, np.linspace(-span, span, len(nc.dimensions[name]))
            random = np.random.default_rng(number)
            plain = nc.createVariable("plain", "i2", ("time", "lat", "lon"))  # neither units nor fill
            plain[:] = random.integers(0, 99, plain.shape)
            tas = nc.createVariable("tas", "f4", ("time", "lat", "lon"), fill_value=-9)
            tas.units, tas[:] = "K", random.random(tas.shape)
            tas[0, 0, :5] = np.ma.masked


@needs_cf
def test_fragments_behind_http_are_equal(tmp_path):
    project, paths = made(tmp_path, make=three_files)
    server = WebServer(tmp_path / "archive")
    try:
        project.edit(public_urls=[{"from": str(tmp_path / "archive"), "to": server.url}])
        project.build()
        sources, path = Series(paths, join="time"), nca(project)
        with netCDF4.Dataset(path) as nc:
            assert all(url.startswith(server.url) for url in nc["cfa_uris_0"][:].ravel())
        assert file_differences(sources, path) == [] == xarray_differences(sources, path)
        assert cf_differences(sources, path, cf_seen([path], tmp_path)[str(path)]) == []
    finally:
        server.stop()


def test_netcdf3_behind_http_is_refused(tmp_path):
    project, _ = made(tmp_path, make=lambda maker: three_files(maker, format="NETCDF3_CLASSIC"))
    project.edit(public_urls=[{"from": str(tmp_path / "archive"), "to": "https://data.example.org"}])
    message = project.build(status=1)["series"]["error"]["message"]
    assert "cfapyx reads no netCDF-3 there; found netCDF-3" in message, message
    # On disk it is read.
    project.edit(public_urls=[])
    project.build()


# -- verification ----------------------------------------------------------------------------------------------------------


def change_uri(h5):
    h5["cfa_uris_0"][0, 0, 0] = h5["cfa_uris_0"][1, 0, 0]


def change_name(h5):
    h5["cfa_identifiers_tas"][()] = "plain"


def change_map(h5):
    h5["cfa_map_0"][0, :2] = [9, 11]


def change_fill(h5):
    h5["tas"].attrs["_FillValue"] = np.float32([-8])


def change_units(h5):
    h5["tas"].attrs["units"] = np.bytes_("C")


def change_stored(h5):
    h5["lat"][3] += 1e-6


def drop_dimension(h5):
    h5["tas"].attrs["aggregated_dimensions"] = np.bytes_("lat time lon")


CHANGES = {change_uri: "reference", change_name: "reference", change_map: "dimension", change_fill: "fill", change_units: "attribute",
           change_stored: "", drop_dimension: ""}


@pytest.mark.parametrize("change", CHANGES)
def test_verify_finds_what_is_wrong(tmp_path, change):
    project, _ = made(tmp_path, make=three_files)
    project.build()
    project.run("verify", "--json").expect(0)
    path = nca(project)
    path.chmod(0o644)
    with h5py.File(path, "r+") as h5:
        change(h5)
    (item,) = project.run("verify", "--json").expect(1).json["items"]
    kinds = {difference["kind"] for difference in item["differences"]} - {"product"}
    # Beside the changed digest: what it is that differs.
    assert (kinds or item["error"]) and CHANGES[change] in "".join(kinds), json.dumps(item)
