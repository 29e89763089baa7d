"""The table of items is read by rustac, stac-geoparquet, DuckDB and pyarrow as the items' own files say."""

import datetime
import json
import os
import subprocess
from pathlib import Path

import pytest

import archives
from program import ROOT, Project, environment
from schemas import errors

PYTHON = Path(os.environ.get("ALTOSTAC_GEOPARQUET_PYTHON") or ROOT / "target/geoparquet-venv/bin/python")


def read(table):
    done = subprocess.run([str(PYTHON), str(Path(__file__).with_name("geoparquet_reader.py")), str(table)], env=environment(),
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def told(value):
    """Without what a column cannot tell from nothing; instants as such, numbers as numbers."""
    if isinstance(value, dict):
        return {key: told(one) for key, one in value.items() if told(one) is not None} or None
    if isinstance(value, list):
        return [told(one) for one in value]
    if isinstance(value, str) and value[4:5] == "-" and "T" in value:
        try:
            return datetime.datetime.fromisoformat(value).timestamp()
        except ValueError:
            return value
    return value


def without(record, fields):
    record = json.loads(json.dumps(record))
    for field in fields:
        *around, last = field.split(".")
        inner = record["properties"]
        for name in around:
            inner = inner.get(name) or {}
        inner.pop(last, None)
    return record


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project.of_fixture(tmp_path_factory.mktemp("table") / "cmip6")
    archives.make.make(project.folder / "archive", [archives.PACIFIC])
    project.edit(stac={"profile": "ceda", "items_parquet": True})
    project.build()
    return project


def test_readers_see_the_items(project):
    table = project.collection_folder / "items.parquet"
    seen, items = read(table), project.items
    exported = project.run("export", "--to", project.folder / "t.parquet", "--json").expect(0).json
    assert (project.folder / "t.parquet").read_bytes() == table.read_bytes()
    mixed = exported["mixed"]
    # Times of 360_day calendars and their steps are numbers, others instants and durations: the only fields of two kinds.
    assert set(mixed) <= {f"cube:dimensions.time.{field}" for field in ("extent", "values", "step")}
    for reader in ["rustac", "stac-geoparquet"]:
        found = {item["id"]: item for item in seen[reader]}
        assert found.keys() == items.keys()
        for item_id, item in items.items():
            assert told(without(found[item_id], mixed)) == told(without(item, mixed)), (reader, item_id)
    assert [row[0] for row in seen["duckdb"]] == sorted(items)
    for item_id, west, north, start, href, links, geometry in seen["duckdb"]:
        item = items[item_id]
        assert (west, north) == (item["bbox"][0], item["bbox"][3])
        assert start == datetime.datetime.fromisoformat(item["properties"]["start_datetime"]).timestamp() * 1e6
        assert (href, links) == (item["assets"]["reference_file"]["href"], len(item["links"]))
        assert geometry.upper().startswith(item["geometry"]["type"].upper())
    assert seen["types"]["datetime"] == "timestamp[us, tz=UTC]"
    assert seen["types"]["bbox"] == "struct<xmin: double, ymin: double, xmax: double, ymax: double>"


def test_the_footer_and_the_collection(project):
    seen = read(project.collection_folder / "items.parquet")
    geo = seen["footer"]["geo"]
    assert geo["version"] == "1.1.0" and geo["columns"]["geometry"]["encoding"] == "WKB"
    # Polygons, and one across the antimeridian.
    assert {item["geometry"]["type"] for item in project.items.values()} == {"Polygon", "MultiPolygon"}
    assert geo["columns"]["geometry"]["geometry_types"] == []
    collections = seen["footer"]["stac-geoparquet"]["collections"]
    assert collections[project.collection["id"]]["extent"] == project.collection["extent"]
    asset = project.collection["assets"]["items_parquet"]
    assert asset["roles"] == ["collection-mirror"] and asset["type"] == "application/vnd.apache.parquet"
    assert (project.collection_folder / asset["href"]).is_file()
    assert errors(project.collection) == []


def test_it_goes_with_the_items_and_the_recipe(project):
    table = project.collection_folder / "items.parquet"
    before = table.read_bytes()
    project.build()
    assert table.read_bytes() == before
    project.edit(stac={"profile": "ceda"})
    project.build()
    assert not table.exists() and "assets" not in project.collection
    assert project.run("export", "--to", project.folder / "no/such/folder.parquet").status == 2
