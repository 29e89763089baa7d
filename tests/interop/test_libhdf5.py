"""`altostac verify --reader libhdf5`: sources read by the C libraries, and their filters lent to what is inlined."""

import json
import os
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray

from archives import make
from program import ROOT, Project

BINARY = Path(os.environ.get("ALTOSTAC_LIBHDF5_BIN") or ROOT / "target/libhdf5/altostac").resolve()
TAS = make.SERIES[0].item_id

needs_feature = pytest.mark.skipif(not BINARY.exists(), reason="needs altostac built with --features libhdf5")


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    project = Project.of_fixture(tmp_path_factory.mktemp("libhdf5") / "cmip6")
    project.build()
    return project


@needs_feature
def test_a_good_product_is_good_to_both_readers(good):
    answer = good.run("verify", "--reader", "libhdf5", "--every-value", "--json", binary=BINARY).expect(0)
    for item in answer.json["items"]:
        assert item["verified"] and item["reports"]
        for report in item["reports"]:
            assert report["reader"].startswith("libhdf5 1.") and report["second_facts"] > 20, report
    native = good.run("verify", "--every-value", "--json", binary=BINARY).expect(0)
    assert {report["reader"] for item in native.json["items"] for report in item["reports"]} == {"native"}
    counts = [[report["value_bytes"] for item in one.json["items"] for report in item["reports"]] for one in (answer, native)]
    assert counts[0] == counts[1]


@needs_feature
def test_a_wrong_product_is_wrong_to_it(good):
    path = good.kerchunk(TAS)
    content, mode = path.read_bytes(), path.stat().st_mode
    document = json.loads(content)
    refs = document["refs"]
    refs["tas/7.0.0"] = refs["tas/8.0.0"]
    path.chmod(0o644)
    path.write_text(json.dumps(document))
    try:
        answer = good.run("verify", "--reader", "libhdf5", "--json", binary=BINARY).expect(1)
    finally:
        path.write_bytes(content)
        path.chmod(mode)
    assert "tas/7.0.0" in answer.stdout


def filtered(folder):
    """One file whose coordinate and a small field are behind filters that are the C library's own."""
    folder.mkdir(parents=True)
    with h5py.File(folder / "a.nc", "w") as file:
        for name, values, units in [("lat", np.linspace(-60, 60, 5), "degrees_north"), ("lon", np.arange(0, 360, 60.0), "degrees_east")]:
            file[name] = values
            file[name].make_scale(name)
            file[name].attrs.update({"units": units, "standard_name": {"lat": "latitude", "lon": "longitude"}[name]})
        file["time"] = np.array([0.0, 1.0])
        file["time"].make_scale("time")
        file["time"].attrs.update({"units": "days since 2000-01-01", "standard_name": "time", "calendar": "standard"})
        values = np.arange(60, dtype="<i4").reshape(2, 5, 6) * 37 - 500
        field = file.create_dataset("tas", data=values, chunks=(1, 3, 4), scaleoffset=0)
        for axis, name in enumerate(["time", "lat", "lon"]):
            field.dims[axis].attach_scale(file[name])
        field.attrs["units"] = "K"
    return values


@needs_feature
def test_the_library_lends_its_filters(tmp_path):
    values = filtered(tmp_path / "archive")
    recipe = {"collection": {"id": "c", "title": "c", "description": "c", "license": "CC0-1.0"},
              "sources": [{"root": "archive"}], "item": {"pattern": "{name}.nc", "id": "{{ name }}"},
              "products": ["kerchunk"], "output": "published"}
    project = Project.of_recipe(tmp_path, recipe)
    refused = project.run("build", "--json")
    assert refused.status == 1 and "scaleoffset" in refused.stdout and "libhdf5" in refused.stdout, refused
    project.run("build", "--json", binary=BINARY).expect(0)
    project.run("verify", "--every-value", "--reader", "libhdf5", binary=BINARY).expect(0)
    with xarray.open_dataset(str(project.kerchunk("a")), engine="kerchunk", decode_times=False) as dataset:
        np.testing.assert_array_equal(dataset["tas"].values, values)


def test_without_the_feature_it_is_refused_with_advice(good):
    answer = good.run("verify", "--reader", "libhdf5")
    if answer.status == 0:
        pytest.skip("the program under test has the feature")
    assert answer.status == 2 and "--features libhdf5" in answer.stderr, answer
