"""Every record is valid by schemas that altostac does not bring, and its extents are the sources'."""

import datetime
import hashlib
import json

import netCDF4
import numpy as np
import pystac
import pytest

import archives
from oracle import Series
from program import Project
from schemas import errors


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The fixture and a region across the antimeridian, built."""
    project = Project.of_fixture(tmp_path_factory.mktemp("records") / "cmip6")
    archives.make.make(project.folder / "archive", [archives.PACIFIC])
    project.build()
    assert len(project.items) == 4
    return project


@pytest.fixture(scope="module")
def items(project):
    return project.items


ITEMS = [one.item_id for one in [*archives.make.SERIES, archives.PACIFIC]]


def test_every_record_is_valid(project, items):
    catalog = json.loads((project.folder / "published/catalog.json").read_text())
    for record in [catalog, project.collection, *items.values()]:
        assert errors(record) == [], record["id"]
        assert record["stac_version"] == "1.1.0"


def test_the_schemas_refuse_a_broken_record(items):
    record = json.loads(json.dumps(items[ITEMS[0]]))
    record["properties"]["cube:dimensions"]["time"].pop("type")
    record["bbox"] = ["west"]
    found = errors(record)
    assert any("datacube" in error for error in found) and any("item-spec" in error for error in found), found


def test_pystac_reads_every_record_and_writes_it_back_alike(items):
    for item_id, record in items.items():
        item = pystac.Item.from_dict(json.loads(json.dumps(record)))
        assert item.id == item_id
        assert item.to_dict(include_self_link=False, transform_hrefs=False)["properties"] == record["properties"]


def edges(paths, axis):
    with netCDF4.Dataset(paths[0]) as nc:
        return np.asarray(nc[axis]), np.asarray(nc[f"{axis}_bnds"])


def wrapped(longitude):
    return (longitude + 180.0) % 360.0 - 180.0


@pytest.mark.parametrize("item_id", ITEMS)
def test_the_bounding_box_is_that_of_the_cells(project, items, item_id):
    paths = project.sources(item_id)
    (_, latitude), (_, longitude) = edges(paths, "lat"), edges(paths, "lon")
    west, east = longitude.min(), longitude.max()
    x = (-180.0, 180.0) if east - west >= 360.0 - 1e-6 else (wrapped(west), wrapped(east))
    expected = [x[0], latitude.min(), x[1], latitude.max()]
    assert items[item_id]["bbox"] == pytest.approx(expected, abs=1e-6)


def polygons(geometry):
    return [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]


@pytest.mark.parametrize("item_id", ITEMS)
def test_the_geometry_covers_the_bounding_box_and_is_cut_at_the_antimeridian(items, item_id):
    geometry, (west, south, east, north) = items[item_id]["geometry"], items[item_id]["bbox"]
    rings = [np.asarray(polygon[0]) for polygon in polygons(geometry)]
    assert len(rings) == (2 if west > east else 1)
    covered = 0.0
    for ring in rings:
        assert (ring[0] == ring[-1]).all() and (abs(ring[:, 0]) <= 180).all() and (abs(ring[:, 1]) <= 90).all()
        x, y = ring[:-1].T
        area = ((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2
        assert area > 0, "exterior rings go counter-clockwise (RFC 7946)"
        covered += area
    assert covered == pytest.approx(((east - west) % 360.0 or 360.0) * (north - south))


def real(date):
    """The real instant named by a date of any calendar."""
    return datetime.datetime(date.year, date.month, date.day, date.hour, date.minute, date.second, tzinfo=datetime.timezone.utc)


@pytest.mark.parametrize("item_id", ITEMS)
def test_start_and_end_are_the_sources(project, items, item_id):
    series, properties = Series(project.sources(item_id)), items[item_id]["properties"]
    time, bounds = series.variables["time"].decoded, series.variables["time_bnds"].decoded
    start, end = (datetime.datetime.fromisoformat(properties[key]) for key in ("start_datetime", "end_datetime"))
    # Either the first and the last step, or the period that they stand for; never a mixture.
    assert (start, end) in [(real(time.min()), real(time.max())), (real(bounds.min()), real(bounds.max()))]
    assert properties.get("datetime") is None


@pytest.mark.parametrize("item_id", ITEMS)
def test_the_datacube_describes_what_is_there(project, items, item_id):
    series, properties = Series(project.sources(item_id)), items[item_id]["properties"]
    sizes = {dimension: size for column in series.variables.values() for dimension, size in zip(column.dimensions, column.raw.shape)}
    assert set(properties["cube:dimensions"]) <= set(sizes) | {"height"}
    assert {"time", "lat", "lon"} <= set(properties["cube:dimensions"])
    time = properties["cube:dimensions"]["time"]
    assert time["type"] == "temporal"
    if series.calendar == "360_day":
        # No RFC 3339 date can be a 30 February: numbers and their units instead.
        assert time["reference_system"] == "360_day" and " since " in time["unit"]
        assert all(isinstance(number, (int, float)) for number in time["extent"])
    for name, variable in properties["cube:variables"].items():
        assert variable["dimensions"] == list(series.variables[name].dimensions), name
    data = item_id.split(".")[7]
    assert properties["cube:variables"][data]["type"] == "data"
    assert properties["cube:variables"][data]["unit"] == series.variables[data].attributes["units"]


def test_facets_become_properties(items):
    for item_id, item in items.items():
        _, activity, institution, source, experiment, variant, table, variable, grid, _ = item_id.split(".")
        found = {key.removeprefix("cmip6:"): value for key, value in item["properties"].items() if key.startswith("cmip6:")}
        assert found.items() >= {"activity_id": activity, "institution_id": institution, "source_id": source, "experiment_id": experiment,
                                 "variant_label": variant, "table_id": table, "variable_id": variable, "grid_label": grid}.items()


def test_the_collection_spans_its_items(project, items):
    extent = project.collection["extent"]
    starts, ends = ([datetime.datetime.fromisoformat(item["properties"][key]) for item in items.values()]
                    for key in ("start_datetime", "end_datetime"))
    (start, end), west_south_east_north = extent["temporal"]["interval"][0], extent["spatial"]["bbox"][0]
    assert datetime.datetime.fromisoformat(start) == min(starts) and datetime.datetime.fromisoformat(end) == max(ends)
    assert west_south_east_north == pytest.approx([-180, -90, 180, 90])


def test_assets_carry_what_readers_need(project, items):
    for item_id, item in items.items():
        product = item["assets"]["reference_file"]
        assert {"data", "virtual", "references"} <= set(product["roles"])
        assert product["type"] == "application/vnd.zarr+kerchunk" or "kerchunk" in product["type"]
        assert product["cloud_format"] == "kerchunk"
        assert "consolidated" not in product.get("open_zarr_kwargs", {})
        sources = {key: asset for key, asset in item["assets"].items() if "source" in asset.get("roles", [])}
        paths = project.sources(item_id)
        assert sorted(sources) == [f"data{number:04d}" for number in range(1, len(paths) + 1)]
        assert [sources[key]["href"] for key in sorted(sources)] == [path.resolve().as_uri() for path in paths]


def test_checksums_and_sizes_are_right_where_they_are_given(project, items):
    said = 0
    for item_id, item in items.items():
        for key, asset in item["assets"].items():
            path = project.kerchunk(item_id) if key == "reference_file" else \
                dict(zip(sorted(k for k in item["assets"] if k.startswith("data")), project.sources(item_id))).get(key)
            if path is None:
                continue
            if "file:size" in asset:
                said += 1
                assert asset["file:size"] == path.stat().st_size, (item_id, key)
            if "file:checksum" in asset:
                assert asset["file:checksum"] == "1220" + hashlib.sha256(path.read_bytes()).hexdigest(), (item_id, key)
    assert said >= len(items)


def test_asset_keys_survive_datapoint(items):
    assert all("-" not in key for item in items.values() for key in item["assets"])
