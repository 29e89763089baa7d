"""A series of the size that people have on one disk; only with ALTOSTAC_FULL=1 (tests/full)."""

import dataclasses
import os
import time

import pytest
import requests

from archives import make, recipe
from oracle import Series, kerchunk
from program import Project, Server, snapshot
from test_interrupted import many_items

pytestmark = pytest.mark.skipif(os.environ.get("ALTOSTAC_FULL") != "1", reason="takes minutes: tests/full runs it")


def test_forty_years_of_days(tmp_path):
    one = dataclasses.replace(make.SERIES[2], years_of_files=tuple((year, year) for year in range(1970, 2010)), latitudes=48, longitudes=96)
    paths = make.make(tmp_path / "archive", [one])
    project = Project.of_recipe(tmp_path / "project", recipe(tmp_path / "archive"))
    item = project.build()[one.item_id]
    assert (item["status"], item["files"]) == ("added", 40)
    project.run("verify", "--every-value", "--json").expect(0)
    assert Series(paths).differences(kerchunk(project.kerchunk(one.item_id))) == []


def test_thousands_of_items(tmp_path):
    count = int(os.environ.get("ALTOSTAC_ITEMS", "3000"))
    many_items(tmp_path / "archive", count)
    project = Project.of_recipe(tmp_path / "project", recipe(tmp_path / "archive"))
    begun = time.monotonic()
    items = project.build()
    first = time.monotonic() - begun
    assert len(items) == count and {item["status"] for item in items.values()} == {"added"}
    before = snapshot(project.folder / "published", project.folder / ".altostac")
    begun = time.monotonic()
    assert {item["status"] for item in project.build().values()} == {"unchanged"}
    second = time.monotonic() - begun
    assert snapshot(project.folder / "published", project.folder / ".altostac") == before
    begun = time.monotonic()
    with Server("serve", project.folder / project.name, "--port", "0", seconds=600) as server:
        published = time.monotonic() - begun
        page = requests.get(f"{server.url}/search", params={"limit": 10}, timeout=60).json()
        assert page["numberMatched"] == count
    print(f"{count} items: built in {first:.1f} s, looked at again in {second:.2f} s, published and served in {published:.1f} s")
