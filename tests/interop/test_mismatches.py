"""Every case of mismatch_cases.py, built and opened as users do: equal to its sources as netCDF4, cftime and numpy have them, carried as said, every note
told and no other; or refused by name."""

import base64
import json

import cftime
import netCDF4
import numpy as np
import pytest

from mismatch_cases import CASES, Maker
from oracle import Series, kerchunk, microseconds
from program import Project


def built(tmp_path, case, status):
    folder = tmp_path / "archive"
    folder.mkdir()
    maker = Maker(folder)
    case.make(maker)
    recipe = {"collection": {"id": "made", "description": "Made.", "license": "CC0-1.0"}, "sources": [{"root": str(folder)}],
              "item": {"pattern": "{filename}", "id": "series"}, "output": "published"}
    project = Project.of_recipe(tmp_path / "project", recipe | ({"aggregate": case.aggregate} if case.aggregate else {}))
    # What would be done is said beforehand, in the same words.
    planned = project.run("plan", "--explain", "--json").expect(status).json["items"][0]
    return project, maker.paths, planned, project.build(status=status)["series"]


def parameters(cases):
    marks = lambda case: [pytest.mark.xfail(reason="not yet so", strict=True)] if case.hole else []
    return pytest.mark.parametrize("case", [pytest.param(case, marks=marks(case), id=case.name) for case in cases])


@parameters([case for case in CASES if not case.refused])
def test_it_equals_its_sources(tmp_path, case):
    project, paths, planned, item = built(tmp_path, case, 0)
    assert (item["status"], item["files"]) == ("added", len(paths))
    product = project.kerchunk("series")
    opened = kerchunk(product)
    if case.judge == "stored":
        assert Series(paths, join="time").differences(opened) == []
    elif case.judge == "seen":
        seen(opened, paths, case.variable)
    if case.check:
        case.check(opened, paths)
    report = json.loads((product.parent / "report.json").read_text())
    told(case, report, json.loads(product.read_text())["refs"])
    assert planned["explained"] == {"variables": report["variables"], "notes": report["notes"]}
    project.run("verify", "--every-value", "--json").expect(0)


@parameters([case for case in CASES if case.refused])
def test_it_is_refused_by_name(tmp_path, case):
    _, paths, planned, item = built(tmp_path, case, 1)
    error = item["error"]
    assert planned["error"] == error
    refused = [one for one in planned["explained"]["variables"] if one["choice"] == "refused"]
    assert (case.about, case.refused) in {(one["name"], one["conflict"]) for one in refused}, refused
    assert error["kind"] == case.refused, error
    assert case.about in error["message"] and "expected" in error["message"] and "found" in error["message"], error
    assert {file.rsplit("/", 1)[1] for file in error["files"]} == {paths[number].name for number in case.files}, error


def seen(opened, paths, variable):
    """Decoded values and instants, each file's by netCDF4 in its own units and packing, in order of time."""
    parts = []
    for path in paths:
        with netCDF4.Dataset(path) as nc:
            time = nc["time"]
            instants = microseconds(cftime.num2date(np.asarray(time[:]), time.units, getattr(time, "calendar", "standard")))
            values = nc[variable][:]
            values = np.ma.filled(np.ma.asarray(values, dtype="f8"), np.nan)
            parts.append((instants, values))
    instants, expected = (np.concatenate(parts) for parts in zip(*parts))
    order = np.argsort(instants)
    with opened() as ds:
        found = microseconds(ds["time"].values)
        order = order[::-1] if found[0] > found[-1] else order
        assert np.array_equal(found, instants[order])
        expected, found = expected[order], ds[variable].values.astype("f8")
        assert found.shape == expected.shape and np.array_equal(np.isnan(found), np.isnan(expected))
        # Packed numbers are unpacked by readers in f4 or f8; one stored anew as f8 is exact.
        assert np.array_equal(found, expected, equal_nan=True), (found - expected)[found != expected][:3]


def told(case, report, refs):
    """What the report says is what is expected, and what the product is."""
    notes = {(note["kind"], note.get("subject")) for note in report["notes"]}
    assert notes == case.notes, report["notes"]
    choices = {one["name"]: one for one in report["variables"]}
    arrays = {key.removesuffix("/.zarray") for key in refs if key.endswith("/.zarray")}
    assert choices.keys() == arrays and all(one["why"] for one in choices.values()), choices
    for name, one in choices.items():
        virtual, inlined = chunks(refs, name)
        assert (bool(virtual), bool(inlined)) in POSSIBLE[one["choice"]], (one, len(virtual), len(inlined))
    if case.choice:
        assert choices[case.variable]["choice"] == case.choice, choices[case.variable]


# Whether there may be references, and inlined chunks.
POSSIBLE = {"virtual": {(True, False), (True, True)}, "virtual_split": {(True, False)}, "inlined": {(False, True)},
            "filled": {(True, False), (True, True), (False, True)}}


def chunks(refs, variable):
    """The keys of a variable's chunks: references, and those inlined."""
    own = {key: value for key, value in refs.items() if key.startswith(f"{variable}/") and "/.z" not in key}
    return [key for key, value in own.items() if isinstance(value, list)], [key for key, value in own.items() if isinstance(value, str)]


ANEW = ["scale_factors_that_differ_of_little", "fill_values_that_differ_of_little", "equal_scalars_of_two_types", "a_chunk_that_skips_filters",
        "never_written_chunks_of_two_fills"]


@parameters([case for case in CASES if case.name in ANEW])
def test_a_wrong_value_of_what_was_written_anew_is_found(tmp_path, case):
    project, _, _, _ = built(tmp_path, case, 0)
    path = project.kerchunk("series")
    document = json.loads(path.read_text())
    _, inlined = chunks(document["refs"], case.variable)
    data = bytearray(base64.b64decode(document["refs"][inlined[-1]].removeprefix("base64:")))
    data[len(data) // 2] ^= 0x10
    document["refs"][inlined[-1]] = "base64:" + base64.b64encode(data).decode()
    path.chmod(0o644)
    path.write_text(json.dumps(document))
    answer = project.run("verify", "--json").expect(1)
    assert json.dumps(inlined[-1]) in answer.stdout, answer
