"""NetCDF-3 in all its versions, alone and mixed with NetCDF-4, against netCDF4-python."""

import json
import os

import netCDF4
import numpy as np
import pytest

from archives import recipe
from oracle import Series, kerchunk
from program import SHARED, Project, run

FORMATS = {"NETCDF3_CLASSIC": "CDF-1", "NETCDF3_64BIT_OFFSET": "CDF-2", "NETCDF3_64BIT_DATA": "CDF-5"}
CORPUS = SHARED / "corpus/archive"


def references(path, folder):
    """What `inspect --kerchunk` says of one file, as `Series.differences` opens it."""
    (folder / "one.json").write_text(run("inspect", path, "--kerchunk").expect(0).stdout)
    return kerchunk(folder / "one.json")


def write(path, format, records):
    """Every type the format has: scalars, fixed and record variables, of sizes that need padding."""
    types = ["i1", "S1", "i2", "i4", "f4", "f8"] + (["u1", "u2", "u4", "i8", "u8"] if format == "NETCDF3_64BIT_DATA" else [])
    random = np.random.default_rng(7)
    with netCDF4.Dataset(path, "w", format=format) as nc:
        nc.createDimension("time", None)
        nc.createDimension("x", 5)
        nc.title = "Größe"
        for number in (n for n in types if n != "S1"):
            nc.setncattr(f"numbers_{number}", np.arange(3, dtype=number))
        time = nc.createVariable("time", "f8", ("time",))
        time.units = "days since 2000-01-01"
        time[:] = np.arange(records) + 0.5
        for kind in types:
            for name, dimensions in (("scalar", ()), ("fixed", ("x",)), ("single", ("time",)), ("record", ("time", "x"))):
                variable = nc.createVariable(f"{name}_{kind}", kind, dimensions)
                shape = tuple(records if one == "time" else 5 for one in dimensions)
                values = random.integers(97 if kind == "S1" else 0, 120, shape)
                variable[...] = values.astype("u1").view("S1") if kind == "S1" else values.astype(kind)


@pytest.mark.parametrize("records", (0, 1, 7))
@pytest.mark.parametrize("format", FORMATS)
def test_every_type_and_shape(tmp_path, format, records):
    path = tmp_path / "a.nc"
    write(path, format, records)
    said = run("inspect", path, "--json").expect(0).json
    assert FORMATS[format] in said["format"], said["format"]
    assert Series([path]).differences(references(path, tmp_path)) == []


@pytest.mark.parametrize("kind, width", (("i1", 3), ("i2", 5), ("i2", 1), ("f8", 1)))
def test_a_lone_record_variable_has_no_padding(tmp_path, kind, width):
    path = tmp_path / "a.nc"
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as nc:
        nc.createDimension("time", None)
        nc.createDimension("x", width)
        nc.createVariable("v", kind, ("time", "x") if width > 1 else ("time",))[:] = np.arange(11 * width).reshape(11, -1).squeeze()
    assert Series([path], join="time").differences(references(path, tmp_path)) == []


def test_a_file_that_was_cut_is_refused(tmp_path):
    path = tmp_path / "cut.nc"
    write(path, "NETCDF3_CLASSIC", 7)
    path.write_bytes(path.read_bytes()[:-200])
    answer = run("inspect", path).expect(1)
    assert "cut.nc" in answer.stderr and "cut short" in answer.stderr, answer


# -- mixed series --------------------------------------------------------------------------------------------------------


def convert(path, format="NETCDF3_64BIT_OFFSET"):
    """Writes a file again in another format, variable by variable."""
    copy = path.with_suffix(".copy")
    with netCDF4.Dataset(path) as old, netCDF4.Dataset(copy, "w", format=format) as new:
        new.setncatts({key: old.getncattr(key) for key in old.ncattrs()})
        for name, dimension in old.dimensions.items():
            new.createDimension(name, None if dimension.isunlimited() else len(dimension))
        for name, variable in old.variables.items():
            attributes = {key: variable.getncattr(key) for key in variable.ncattrs()}
            other = new.createVariable(name, variable.dtype, variable.dimensions, fill_value=attributes.pop("_FillValue", None))
            variable.set_auto_maskandscale(False)
            other.set_auto_maskandscale(False)
            other.setncatts(attributes)
            other[...] = variable[...]
    os.replace(copy, path)


@pytest.mark.parametrize("remainder", (0, 1), ids=("first file NetCDF-3", "first file NetCDF-4"))
def test_small_series_of_both_formats_are_equal(tmp_path, remainder):
    project = Project.of_fixture(tmp_path / "mixed")
    for folder in {path.parent for path in project.folder.glob("archive/**/*.nc")}:
        for path in sorted(folder.glob("*.nc"))[remainder::2]:
            convert(path)
    for name, item in project.build().items():
        assert item["status"] == "added"
        assert Series(project.sources(name)).differences(kerchunk(project.kerchunk(name))) == []


def test_large_data_of_both_byte_orders_are_refused_by_name(tmp_path):
    folder = tmp_path / ("archive/CMIP6/" + "/".join("abcdefghi"))
    folder.mkdir(parents=True)
    for number, format in enumerate(("NETCDF3_CLASSIC", "NETCDF4")):
        with netCDF4.Dataset(folder / f"{number}.nc", "w", format=format) as nc:
            nc.createDimension("time", None)
            for name, units in (("lat", "degrees_north"), ("lon", "degrees_east")):
                nc.createDimension(name, 300)
                nc.createVariable(name, "f8", (name,))[:] = np.linspace(-60, 60, 300)
                nc[name].units = units
            nc.createVariable("time", "f8", ("time",))[:] = np.arange(2) + 2 * number
            nc["time"].units = "days since 2000-01-01"
            nc.createVariable("tas", "f4", ("time", "lat", "lon"))[:] = np.zeros((2, 300, 300))
    project = Project.of_recipe(tmp_path / "project", recipe(tmp_path / "archive"))
    item, = project.build(status=1).values()
    error = item["error"]
    assert error["kind"] == "data_type" and "tas" in error["message"] and "big-endian" in error["message"], error
    assert len(error["files"]) == 2


# -- real files ----------------------------------------------------------------------------------------------------------


def netcdf3_files():
    found = (path for path in sorted(CORPUS.rglob("*.nc")) if path.is_file() and not path.is_symlink())
    return [path for path in found if path.read_bytes()[:4] in (b"CDF\x01", b"CDF\x02", b"CDF\x05")]


@pytest.mark.skipif(os.environ.get("ALTOSTAC_FULL") != "1", reason="tests/full runs it")
@pytest.mark.parametrize("path", [pytest.param(path, id=str(path.relative_to(CORPUS))) for path in netcdf3_files()]
                         or [pytest.param(None, marks=pytest.mark.skip(reason="needs ../shared"))])
def test_every_netcdf3_file_of_the_archive(path, tmp_path):
    json.loads(run("inspect", path, "--json").expect(0).stdout)
    assert Series([path]).differences(references(path, tmp_path)) == []
