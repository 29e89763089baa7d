"""What records say beside the data: times, statistics, checksums, versions, citations; each against an independent reader."""

import contextlib
import datetime
import hashlib
import json
import sqlite3

import cftime
import netCDF4
import numpy as np
import pandas
import pystac
import pytest
import requests

from program import Project, Server
from schemas import errors

UNITS = "days since 2000-01-01"


def write(path, days, *, seed=0, calendar="standard", attributes=None, edges=None, climatology=False, packed=True):
    """A small file: `t2m` over time, latitude and longitude, packed, with missing values; `edges` are cells in days."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    with netCDF4.Dataset(path, "w") as nc:
        nc.setncatts(attributes or {})
        for name, length in [("time", None), ("lat", 4), ("lon", 6), ("bnds", 2)]:
            nc.createDimension(name, length)
        time = nc.createVariable("time", "f8", ("time",))
        time.setncatts({"standard_name": "time", "units": UNITS, "calendar": calendar, "axis": "T"})
        time[:] = days
        if edges is not None:
            name = "climatology_bnds" if climatology else "time_bnds"
            time.setncattr("climatology" if climatology else "bounds", name)
            nc.createVariable(name, "f8", ("time", "bnds"))[:] = edges
        for name, values, units in [("lat", [-15.0, -5.0, 5.0, 15.0], "degrees_north"), ("lon", np.arange(0.0, 60.0, 10.0), "degrees_east")]:
            axis = nc.createVariable(name, "f8", (name,))
            axis.units = units
            axis[:] = values
        options = {"chunksizes": (1, 2, 3), "zlib": True}
        t2m = nc.createVariable("t2m", "i2" if packed else "f4", ("time", "lat", "lon"), fill_value=-32767 if packed else 1e20, **options)
        t2m.setncatts({"standard_name": "air_temperature", "units": "K", "cell_methods": "time: mean"})
        if packed:
            t2m.setncatts({"scale_factor": 0.01, "add_offset": 273.15})
        values = np.ma.masked_array(random.normal(280.0, 15.0, (len(days), 4, 6)), mask=random.random((len(days), 4, 6)) < 0.2)
        t2m[:] = values


def recipe(**keys):
    given = {"pattern": "{name}_{first}-{last}.nc", "id": "{{ name }}"} | keys.pop("item", {})
    return {
        "collection": {"id": "facts", "description": "For tests."} | keys.pop("collection", {}),
        "sources": [{"root": "archive"}],
        "item": given,
        "products": keys.pop("products", ["kerchunk"]),
        "output": "published",
    } | keys


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "facts"
    for number, (name, first) in enumerate([("20000101-20000105", 0), ("20000106-20000110", 5), ("20000111-20000115", 10)]):
        write(folder / f"archive/t2m_{name}.nc", np.arange(first, first + 5), seed=number)
    return Project.of_recipe(folder, recipe())


def only(project):
    (item,) = project.items.values()
    for record in [item, project.collection]:
        assert errors(record) == []
    return item


def archive(project):
    return sorted((project.folder / "archive").glob("*.nc"))


def values(paths, name="t2m"):
    """All values that are not masked, and how many there are in all."""
    arrays = []
    for path in paths:
        with netCDF4.Dataset(path) as nc:
            arrays.append(nc[name][:])
    whole = np.ma.concatenate(arrays)
    return whole.compressed().astype("f8"), whole.size


def assert_statistics(found, paths):
    expected, size = values(paths)
    assert (found["count"], found["valid_count"]) == (size, expected.size)
    assert 0 < expected.size < size
    assert found["minimum"] == expected.min() and found["maximum"] == expected.max()
    assert found["mean"] == pytest.approx(expected.mean(), rel=1e-13)
    assert found["stddev"] == pytest.approx(expected.std(), rel=1e-11)
    assert found["valid_percent"] == pytest.approx(100 * expected.size / size)


@pytest.mark.parametrize("products", [["kerchunk"], ["cfa"], [{"zarr": {"chunks": {"time": 7}}}]], ids=["kerchunk", "cfa", "zarr"])
def test_statistics_are_those_of_the_unpacked_values(project, products):
    project.edit(stac={"statistics": True}, products=products)
    project.build()
    assert_statistics(only(project)["properties"]["cube:variables"]["t2m"]["statistics"], archive(project))


def test_statistics_are_found_once_for_each_state_of_the_data(project):
    project.edit(stac={"statistics": True})
    project.build()
    before = only(project)["properties"]["cube:variables"]["t2m"]["statistics"]
    kept = project.folder / ".altostac/recipe/statistics/t2m.json"
    # What is kept is what is used: these very data are not read again.
    told = json.loads(kept.read_text())
    told["statistics"]["/t2m"]["mean"] = 1.5
    kept.write_text(json.dumps(told))
    project.edit(collection={"id": "facts", "description": "Another text."})
    assert project.build()["t2m"]["revision"] == 1
    assert only(project)["properties"]["cube:variables"]["t2m"]["statistics"] == before | {"mean": 1.5}
    write(project.folder / "archive/t2m_20000116-20000120.nc", np.arange(15, 20), seed=9)
    project.build()
    assert_statistics(only(project)["properties"]["cube:variables"]["t2m"]["statistics"], archive(project))
    project.edit(stac={"statistics": False})
    project.build()
    assert "statistics" not in only(project)["properties"]["cube:variables"]["t2m"]


def test_variables_are_described_in_full(project):
    project.build()
    variable = only(project)["properties"]["cube:variables"]["t2m"]
    with netCDF4.Dataset(archive(project)[0]) as nc:
        t2m = nc["t2m"]
        assert variable["chunks"] == t2m.chunking()
        assert (variable["standard_name"], variable["unit"], variable["cell_methods"]) == (t2m.standard_name, t2m.units, t2m.cell_methods)
        assert (variable["data_type"], variable["nodata"]) == ("int16", t2m._FillValue)
    assert (variable["dimensions"], variable["shape"]) == (["time", "lat", "lon"], [15, 4, 6])
    assert only(project)["properties"]["cf:parameter"] == [{"name": "air_temperature", "unit": "K"}]
    assert project.collection["summaries"]["cf:parameter"] == [{"name": "air_temperature", "unit": "K"}]


def sums(item):
    return [asset["file:checksum"] for key, asset in sorted(item["assets"].items()) if key.startswith("data")]


def test_checksums_are_taken_once_for_each_state_of_a_file(project):
    project.edit(stac={"checksums": True})
    project.build()
    expected = ["1220" + hashlib.sha256(path.read_bytes()).hexdigest() for path in archive(project)]
    assert sums(only(project)) == expected
    kept = project.folder / ".altostac/recipe/checksums/t2m.json"
    told = json.loads(kept.read_text())
    told[0]["sha256"] = "ab" * 32
    kept.write_text(json.dumps(told))
    project.edit(collection={"id": "facts", "description": "Another text."})
    project.build()
    assert sums(only(project)) == ["1220" + "ab" * 32, *expected[1:]], "what is kept is not read again"
    write(archive(project)[0], np.arange(5), seed=77)
    project.build()
    assert sums(only(project)) == ["1220" + hashlib.sha256(path.read_bytes()).hexdigest() for path in archive(project)]


def test_beyond_the_limit_one_table_names_the_sources(project):
    project.edit(stac={"source_assets": 2})
    project.build()
    item = only(project)
    assert not any(key.startswith("data0") for key in item["assets"])
    path = (project.collection_folder / "items" / item["assets"]["source_manifest"]["href"]).resolve()
    assert item["assets"]["source_manifest"]["file:size"] == path.stat().st_size
    expected = [(source.as_uri(), source.stat().st_size, "source") for source in archive(project)]
    table = pandas.read_parquet(path)
    assert list(table.columns) == ["url", "size", "fingerprint", "role"]
    assert list(table[["url", "size", "role"]].itertuples(index=False, name=None)) == expected
    assert [json.loads(text)["size"] for text in table["fingerprint"]] == [size for _, size, _ in expected]
    duckdb = pytest.importorskip("duckdb")
    rows = duckdb.sql(f"SELECT url, size, role FROM read_parquet('{path}')").fetchall()
    assert rows == expected
    project.edit(stac={"source_assets": 3})
    project.build()
    assert "data0003" in only(project)["assets"]


def instants(item):
    return [item["properties"][key] for key in ["start_datetime", "end_datetime", "duration", "frequency"]]


def test_times_come_from_where_the_recipe_says(project):
    for path in archive(project):
        edges = [[day, day + 1] for day in range(int(path.name[10:12]) - 1, int(path.name[19:21]))]
        stated = {"time_coverage_start": "1999-12-31T12:00:00Z", "time_coverage_end": "20000116"}
        write(path, [low for low, _ in edges], edges=edges, attributes=stated)
    item = project.recipe["item"]
    for time, expected in [
        ("auto", ["2000-01-01T00:00:00Z", "2000-01-16T00:00:00Z", "P15D", "P1D"]),
        ("axis", ["2000-01-01T00:00:00Z", "2000-01-15T00:00:00Z", "P14D", "P1D"]),
        ("bounds", ["2000-01-01T00:00:00Z", "2000-01-16T00:00:00Z", "P15D", "P1D"]),
        ("attributes", ["1999-12-31T12:00:00Z", "2000-01-16T23:59:59Z", "PT396H", "P1D"]),
        ({"from": "facet", "start": "first", "end": "last", "format": "%Y%m%d"}, ["2000-01-01T00:00:00Z", "2000-01-15T23:59:59Z", "P15D", "P1D"]),
    ]:
        project.edit(item=item | {"time": time})
        project.build()
        assert instants(only(project)) == expected, time


def test_a_time_that_cannot_be_read_fails_by_name(project):
    item = project.recipe["item"]
    project.edit(item=item | {"time": {"from": "facet", "start": "first", "format": "%Y%m%dT%H"}})
    error = project.build(status=1)["t2m"]["error"]
    assert error["kind"] == "time" and "first" in error["message"] and "%Y%m%dT%H" in error["message"] and ".nc" in error["message"]
    project.edit(item=item | {"time": "bounds"})
    assert "bounds" in project.build(status=1)["t2m"]["error"]["message"]


@pytest.mark.parametrize("calendar", ["standard", "noleap", "360_day"])
def test_months_are_months_in_every_calendar(project, calendar):
    for path in archive(project):
        path.unlink()
    begins = [cftime.datetime(2001 + at // 12, at % 12 + 1, 1, calendar=calendar) for at in range(25)]
    days = cftime.date2num(begins, UNITS, calendar)
    edges = np.stack([days[:-1], days[1:]], axis=1)
    write(project.folder / "archive/t2m_20010101-20021231.nc", edges.mean(axis=1), edges=edges, calendar=calendar)
    project.build()
    item = only(project)
    assert instants(item) == ["2001-01-01T00:00:00Z", "2003-01-01T00:00:00Z", "P2Y", "P1M"]
    axis = item["properties"]["cube:dimensions"]["time"]
    if calendar == "360_day":
        assert (axis["step"], axis["reference_system"]) == (30, "360_day") and "values" not in axis
    elif calendar == "noleap":
        assert axis["values"] == list(edges.mean(axis=1))
    else:
        dates = cftime.num2date(edges.mean(axis=1), UNITS, calendar)
        assert axis["step"] == "P1M" and axis["values"] == [date.strftime("%Y-%m-%dT%H:%M:%SZ") for date in dates]


def test_climatologies_reach_as_far_as_their_bounds(project):
    for path in archive(project):
        path.unlink()
    # CF 1.11, example 7.8: the mean of each month over 30 years.
    begins = [cftime.datetime(1961, month, 1) for month in range(1, 13)]
    ends = [cftime.datetime(1990 + month // 12, month % 12 + 1, 1) for month in range(1, 13)]
    edges = np.stack([cftime.date2num(begins, UNITS), cftime.date2num(ends, UNITS)], axis=1)
    middles = cftime.date2num([cftime.datetime(1975, month, 16) for month in range(1, 13)], UNITS)
    write(project.folder / "archive/t2m_19610101-19901231.nc", middles, edges=edges, climatology=True)
    project.build()
    item = only(project)
    assert instants(item) == ["1961-01-01T00:00:00Z", "1991-01-01T00:00:00Z", "P30Y", "P1M"]
    axis = item["properties"]["cube:dimensions"]["time"]
    assert axis["extent"] == ["1961-01-01T00:00:00Z", "1991-01-01T00:00:00Z"] and axis["climatology"] is True


def relations(item):
    wanted = ["predecessor-version", "successor-version", "latest-version"]
    return {link["rel"]: link["href"] for link in item["links"] if link["rel"] in wanted}


@pytest.fixture
def versioned(tmp_path):
    folder = tmp_path / "versioned"
    for version in ["v9", "v10"]:
        write(folder / f"archive/t2m/{version}/t2m_20000101-20000105.nc", np.arange(5))
    item = {"pattern": "{name}/{version}/{filename}", "id": "{{ name }}.{{ version }}.gn"}
    return Project.of_recipe(folder, recipe(item=item))


def test_versions_of_a_dataset_are_linked(versioned):
    project = versioned
    project.build()
    assert relations(project.items["t2m.v9.gn"]) == {"successor-version": "./t2m.v10.gn.json", "latest-version": "./t2m.v10.gn.json"}
    assert relations(project.items["t2m.v10.gn"]) == {"predecessor-version": "./t2m.v9.gn.json"}
    assert project.items["t2m.v9.gn"]["properties"]["version"] == "v9"
    assert not [item for item in project.build().values() if item["status"] != "unchanged"]
    write(project.folder / "archive/t2m/v11/t2m_20000101-20000105.nc", np.arange(5))
    project.build()
    items = project.items
    assert relations(items["t2m.v9.gn"])["latest-version"] == "./t2m.v11.gn.json"
    assert relations(items["t2m.v10.gn"]) == {
        "predecessor-version": "./t2m.v9.gn.json", "successor-version": "./t2m.v11.gn.json", "latest-version": "./t2m.v11.gn.json"}
    for item in items.values():
        assert errors(item) == []
        for href in relations(item).values():
            assert (project.collection_folder / "items" / href).exists()
    catalog = pystac.Catalog.from_file(str(project.folder / "published/catalog.json"))
    assert sorted(item.id for item in catalog.get_items(recursive=True)) == sorted(items)
    (project.folder / "archive/t2m/v11/t2m_20000101-20000105.nc").unlink()
    project.build("--allow-removal")
    assert relations(project.items["t2m.v10.gn"]) == {"predecessor-version": "./t2m.v9.gn.json"}


def test_versions_are_linked_in_an_api_too(versioned):
    versioned.build()
    with Server("serve", versioned.folder / versioned.name, "--port", "0") as server:
        item = requests.get(f"{server.url}/collections/facts/items/t2m.v9.gn", timeout=30).json()
        latest = requests.get(relations(item)["latest-version"], timeout=30).json()
        assert latest["id"] == "t2m.v10.gn"


def test_what_the_recipe_states_is_in_the_records(project):
    project.edit(
        collection={"id": "facts", "description": "For tests.", "version": "2.1", "doi": "10.5285/abcd", "citation": "A. Author: Data.",
                    "publications": [{"doi": "10.5194/acp-1", "citation": "A paper."}]},
        item=project.recipe["item"] | {"version": "3", "derived_from": ["https://a.org/{{ name }}.json"]},
        stac={"processing": {"facility": "JASMIN", "level": "L3", "lineage": "Made of {{ name }}."}},
    )
    project.build()
    item, collection = only(project), project.collection
    assert {"rel": "derived_from", "href": "https://a.org/t2m.json"} in item["links"]
    properties = item["properties"]
    assert (properties["version"], properties["processing:lineage"], properties["processing:facility"]) == ("3", "Made of t2m.", "JASMIN")
    assert list(properties["processing:software"]) == ["altostac"]
    assert (collection["version"], collection["sci:doi"], collection["sci:citation"]) == ("2.1", "10.5285/abcd", "A. Author: Data.")
    assert {"rel": "cite-as", "href": "https://doi.org/10.5285/abcd"} in collection["links"]
    made = [datetime.datetime.fromisoformat(collection[key]) for key in ["created", "updated"]]
    assert made == [datetime.datetime.fromisoformat(properties[key]) for key in ["created", "updated"]]


def test_records_that_a_loss_of_power_left_in_part_are_made_again(project):
    project.build()
    record = project.collection_folder / "items/t2m.json"
    whole = record.read_text()
    record.write_text(whole[:100])
    with contextlib.closing(sqlite3.connect(project.folder / ".altostac/recipe/ledger.sqlite")) as ledger, ledger:
        # As it stands when a run was cut off before the catalogue.
        ledger.execute("INSERT INTO flag (name) VALUES ('catalogue_behind')")
    assert project.build()["t2m"]["status"] == "changed"
    assert only(project)["bbox"] == json.loads(whole)["bbox"]
