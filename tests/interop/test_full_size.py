"""A series of the size that people have on one disk; only with ALTOSTAC_FULL=1 (tests/full)."""

import dataclasses
import os

import pytest

from archives import make, recipe
from oracle import Series, kerchunk
from program import Project

pytestmark = pytest.mark.skipif(os.environ.get("ALTOSTAC_FULL") != "1", reason="takes minutes: tests/full runs it")


def test_forty_years_of_days(tmp_path):
    one = dataclasses.replace(make.SERIES[2], years_of_files=tuple((year, year) for year in range(1970, 2010)), latitudes=48, longitudes=96)
    paths = make.make(tmp_path / "archive", [one])
    project = Project.of_recipe(tmp_path / "project", recipe(tmp_path / "archive"))
    item = project.build()[one.item_id]
    assert (item["status"], item["files"]) == ("added", 40)
    project.run("verify", "--every-value", "--json").expect(0)
    assert Series(paths).differences(kerchunk(project.kerchunk(one.item_id))) == []
