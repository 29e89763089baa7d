"""What readers cannot do by themselves, each shown on a file that altostac did not write: the holes of the conformance table that are not ours."""

import re

import numpy as np
import pytest
import zarr

import cfa
import gdals
from test_joins import Maker, texts_and_dummies

# The reader, what it says, and the test here that shows it.
LIMITS = [("cf-python", "UnicodeDecodeError: 'ascii' codec", "test_cf_python_reads_no_text_beyond_ascii"),
          ("GDAL", "^1: GDAL shows no array of Zarr 3$", "test_gdal_reads_no_zarr_of_version_3"),
          ("GDAL", "^1: region: GDAL does not show it$", "test_gdal_shows_no_texts_of_any_length_in_zarr")]
needs_gdal = pytest.mark.skipif(not gdals.is_there(), reason=f"needs GDAL for {gdals.PYTHON}: apt-get install gdal-bin")


def limit_of(reader, note):
    """The test that shows what a reader ran into; None if it is not one of them."""
    return next((shown for who, said, shown in LIMITS if who == reader and re.search(said, note)), None)


def test_every_limit_is_shown():
    assert all(shown in globals() for _, _, shown in LIMITS)


def test_cf_python_reads_no_text_beyond_ascii(tmp_path):
    """`Süd-West`, written by netCDF4-python."""
    texts_and_dummies(Maker(tmp_path))
    path = min(tmp_path.glob("*.nc"))
    seen = cfa.cf_seen([path], tmp_path)[str(path)]
    assert isinstance(seen, str) and limit_of("cf-python", seen) == "test_cf_python_reads_no_text_beyond_ascii"


def of_zarr_python(path, version, values):
    group = zarr.open_group(path, mode="w", zarr_format=version)
    for name, array in values.items():
        group.create_array(name, shape=array.shape, dtype=str if array.dtype == object else array.dtype)[...] = array
    zarr.consolidate_metadata(path)
    return gdals.gdal_seen([path], path.parent)[str(path)]


@needs_gdal
def test_gdal_reads_no_zarr_of_version_3(tmp_path):
    seen = of_zarr_python(tmp_path / "data.zarr", 3, {"lat": np.arange(3.0)})
    assert seen == {}, seen
    assert set(of_zarr_python(tmp_path / "older.zarr", 2, {"lat": np.arange(3.0)})) == {"lat"}, "it does read version 2"


@needs_gdal
def test_gdal_shows_no_texts_of_any_length_in_zarr(tmp_path):
    seen = of_zarr_python(tmp_path / "data.zarr", 2, {"lat": np.arange(3.0), "region": np.array(["Nord", "", "Süd-West"], object)})
    assert set(seen) == {"lat"}, seen
