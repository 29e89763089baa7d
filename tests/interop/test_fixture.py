"""The committed archive is what its script makes, and the oracle reads it as netCDF4 does."""

import datetime

import netCDF4
import numpy as np
import pytest
import xarray as xr

from archives import make
from oracle import Series
from program import FIXTURE


def test_the_committed_files_are_what_the_script_makes(tmp_path):
    make.make(tmp_path)
    assert make.differences(tmp_path, FIXTURE / "archive") == []


def test_the_check_notices_one_changed_value(tmp_path):
    expected, changed = tmp_path / "expected", tmp_path / "changed"
    make.make(expected, make.SERIES[:1])
    paths = make.make(changed, make.SERIES[:1])
    with netCDF4.Dataset(paths[3], "a") as nc:
        nc["tas"][5, 4, 3] = 1.0
    assert make.differences(expected, changed) == [f"different: {paths[3].relative_to(changed)}"]


@pytest.mark.parametrize("one", make.SERIES, ids=lambda one: one.variable)
def test_the_oracle_masks_as_netcdf4_does(one):
    paths = sorted((FIXTURE / "archive" / one.folder).glob("*.nc"))
    values = []
    for path in paths:
        with netCDF4.Dataset(path) as nc:
            values.append(nc[one.variable][...])
    seen = Series(reversed(paths)).variables[one.variable].decoded
    expected = np.ma.concatenate(values)
    assert expected.mask.any() and not expected.mask.all()
    np.testing.assert_array_equal(seen, expected.filled(np.nan))
    assert seen.dtype == expected.dtype


def test_the_oracle_finds_a_wrong_instant_a_wrong_value_and_a_lost_variable():
    paths = sorted((FIXTURE / "archive" / make.SERIES[0].folder).glob("*.nc"))
    decoded = xr.open_mfdataset(paths, data_vars="minimal", coords="minimal", compat="override", join="override").load()
    sources = Series(paths)
    assert sources.seen_differences(decoded) == []
    late = decoded.assign_coords(time=("time", decoded.time.values + datetime.timedelta(microseconds=1)))
    assert [d.split(":")[0] for d in sources.seen_differences(late)] == ["time"]
    wrong = decoded.copy(deep=True)
    wrong["tas"][7, 3, 2] += 1
    assert [d.split(":")[:2] for d in sources.seen_differences(wrong)] == [["tas", " 1 of 23040"]]
    assert sources._names(decoded.drop_vars("height")) == ["height: missing"]
