"""Series with the quirks of real archives, made here: each becomes a dataset equal to its sources, or is refused by name.

What is expected of spread scalars and filled gaps is written out beside the case; all else is judged by oracle.Series.
"""

import json

import numpy as np
import pytest
from netCDF4 import Dataset

from oracle import Series, kerchunk
from program import Project

LAT, LON = np.linspace(-80, 80, 9), np.arange(0, 360, 30.0)


class Maker:
    """Writes the files of one series, each with its own times."""

    def __init__(self, folder):
        self.folder, self.count = folder, 0

    def file(self, times, *, units="days since 2000-01-01", calendar="standard", time_type="f8", data_type="f4", format="NETCDF4", zlib=True,
             shuffle=True, fletcher32=False, chunks=None, contiguous=False, fill=1e20, unlimited=True, lat=LAT, attributes=None, time_chunk=None,
             data_attributes=None, endian="native", name="tas", values=None, more=None, write=True):
        path = self.folder / f"{chr(ord('z') - self.count)}_{self.count:02}.nc"  # names in the wrong order, on purpose
        with Dataset(path, "w", format=format) as nc:
            nc.setncatts(attributes or {"title": "made"})
            nc.createDimension("time", None if unlimited else len(times))
            nc.createDimension("lat", len(lat))
            nc.createDimension("lon", len(LON))
            time = nc.createVariable("time", time_type, ("time",), chunksizes=time_chunk)
            time.setncatts({"units": units, "standard_name": "time"} | ({"calendar": calendar} if calendar else {}))
            time[:] = times
            for key, axis, units_ in (("lat", lat, "degrees_north"), ("lon", LON, "degrees_east")):
                variable = nc.createVariable(key, "f8", (key,))
                variable.units = units_
                variable[:] = axis
            options = {"zlib": zlib, "shuffle": shuffle, "fletcher32": fletcher32} if format.startswith("NETCDF4") else {}
            if contiguous:
                options = {"contiguous": True}
            data = nc.createVariable(name, data_type, ("time", "lat", "lon"), fill_value=fill, endian=endian,
                                     chunksizes=chunks, **options)
            data.setncatts({"units": "K"} | (data_attributes or {}))
            data.set_auto_maskandscale(False)
            if write:
                shape = (len(times), len(lat), len(LON))
                made = (np.arange(np.prod(shape)).reshape(shape) % 997 + 1000 * self.count).astype(data_type)
                data[:] = made if values is None else values(made)
            if more:
                more(nc)
        self.count += 1
        return self


def steps(start, count, step=1.0):
    return start + step * np.arange(count)


def per_file_units(make):
    for year in range(4):
        make.file(steps(0.5, 12, 30), units=f"days since {2000 + year}-01-01")


def hours_and_days(make):
    make.file(steps(0, 5, 24), units="hours since 2000-01-01", time_type="i4")
    make.file(steps(5, 5), time_type="f4")
    make.file(steps(10, 3), time_type="i2")


def halves_do_not_fit_whole_days(make):
    make.file([0, 1, 2], time_type="i4")
    make.file([3.5, 4.5])


def seconds_in_64_bits(make):
    make.file(steps(0, 4, 86400), units="seconds since 1970-01-01", time_type="i8")
    make.file(steps(4 * 86400, 4, 86400), units="seconds since 1970-01-01", time_type="i8")


def beyond_2262(make):
    for century in (2200, 2300, 9800):
        make.file(steps(0, 3, 365), units=f"days since {century}-06-01", calendar="noleap")


def year_one(make):
    make.file(steps(0, 3), units="days since 0001-01-01", calendar="proleptic_gregorian")
    make.file(steps(3, 3), units="days since 0001-01-01", calendar="proleptic_gregorian")


def days_of_360(make):
    make.file(steps(15, 12, 30), units="days since 2000-01-01", calendar="360_day")
    make.file(steps(15, 12, 30), units="days since 2001-01-01", calendar="360_day")


def calendars_of_two_names(make):
    make.file(steps(0, 3), calendar="proleptic_gregorian")
    make.file(steps(3, 3), calendar="gregorian")


def contiguous_years(make):
    make.file(steps(0, 366), contiguous=True, unlimited=False)
    make.file(steps(366, 365), contiguous=True, unlimited=False)


def chunks_of_twelve(make):
    for start, count in ((0, 24), (24, 12), (36, 7)):
        make.file(steps(start, count), chunks=(12, 9, 12))


def uneven_chunks_of_a_small_variable(make):
    for start, count in ((0, 10), (10, 7), (17, 5)):
        make.file(steps(start, count), chunks=(4, 5, 12))


def chunk_shapes_that_differ(make):
    make.file(steps(0, 8), chunks=(1, 9, 12))
    make.file(steps(8, 8), chunks=(8, 3, 4))


def filters_that_differ(make):
    make.file(steps(0, 8))
    make.file(steps(8, 8), zlib=False, shuffle=False)


def with_checksums(make):
    for start in (0, 6):
        make.file(steps(start, 6), fletcher32=True, chunks=(2, 9, 12))


def big_endian(make):
    for start in (0, 6):
        make.file(steps(start, 6), endian="big")


def packed_alike(make):
    for start in (0, 6):
        make.file(steps(start, 6), data_type="i2", fill=-32768, data_attributes={"scale_factor": 0.01, "add_offset": 273.15})


def one_step_each(make):
    for start in range(7):
        make.file([start * 30.0])


def falling_times(make):
    make.file(steps(20, 5, -1))
    make.file(steps(10, 5, -1))


def nan_as_fill(make):
    holes = lambda made: np.where(made % 7 == 0, np.nan, made).astype("f4")
    for start in (0, 4):
        make.file(steps(start, 4), fill=np.nan, values=holes)


def never_written(make):
    make.file(steps(0, 4))
    make.file(steps(4, 4), write=False)


def never_written_without_fill(make):
    make.file(steps(0, 4), fill=None)
    make.file(steps(4, 4), fill=None, write=False)


def latitudes_by_rounding(make):
    make.file(steps(0, 4))
    make.file(steps(4, 4), lat=LAT + 1.4e-14)


def classic_and_new(make):
    make.file(steps(0, 4), format="NETCDF3_CLASSIC")
    make.file(steps(4, 4))
    make.file(steps(8, 4), format="NETCDF3_64BIT_DATA")


def classic_model(make):
    for start in (0, 4):
        make.file(steps(start, 4), format="NETCDF4_CLASSIC")


def long_chunk_of_time(make):
    for start in (0, 4):
        make.file(steps(start, 4), time_chunk=(512,))


def global_attributes(make):
    make.file(steps(0, 4), attributes={"title": "t", "history": "a", "n": np.int32(3), "x": np.array([1.5, 2.5], "f4")})
    make.file(steps(4, 4), attributes={"title": "t", "history": "b", "n": np.int32(3), "x": np.array([1.5, 2.5], "f4")})


def texts_and_dummies(make):
    def more(nc):
        nc.createDimension("strlen", 7)
        names = nc.createVariable("type", "S1", ("strlen",))
        names[:] = np.array(list("sea_ice"), "S1")
        nc.createVariable("crs", "i4", ()).setncatts({"grid_mapping_name": "latitude_longitude", "semi_major_axis": 6371000.0})
        nc.createVariable("height", "f8", ())[...] = 2.0
        nc.createDimension("region", 3)
        nc.createVariable("region", str, ("region",))[:] = np.array(["Nord", "", "Süd-West"], object)
        label = nc.createVariable("label", "S1", ("time", "strlen"))
        label[:] = np.array([list(f"step  {n}") for n in range(len(nc.dimensions["time"]))], "S1")

    for start in (0, 4):
        make.file(steps(start, 4), more=more)


def bounds_in_the_units_of_their_axis(make):
    def more(nc):
        nc.createDimension("bnds", 2)
        nc["time"].bounds = "time_bnds"
        bounds = nc.createVariable("time_bnds", "f8", ("time", "bnds"))
        bounds[:] = np.stack([nc["time"][:] - 0.5, nc["time"][:] + 0.5], 1)

    for day in (1, 5):
        make.file(steps(0.5, 4), units=f"days since 2000-01-{day:02}", more=more)


def shorter_than_time(make):
    def more(nc):
        extra = nc.createVariable("extra", "f4", ("time",), fill_value=-9.0, chunksizes=(1,))
        extra[0:2] = [1.0, 2.0]

    for start in (0, 4):
        make.file(steps(start, 4), more=more)


def in_groups(make):
    def more(nc):
        group = nc.createGroup("model")
        group.setncattr("name", "m")
        inner = group.createVariable("pressure", "f4", ("time", "lat"), zlib=True, chunksizes=(1, 9))
        inner[:] = np.arange(len(nc["time"]) * 9).reshape(-1, 9)

    for start in (0, 4):
        make.file(steps(start, 4), more=more)


EQUAL = [per_file_units, hours_and_days, halves_do_not_fit_whole_days, seconds_in_64_bits, beyond_2262, year_one, days_of_360,
         calendars_of_two_names, contiguous_years, chunks_of_twelve, uneven_chunks_of_a_small_variable, chunk_shapes_that_differ,
         filters_that_differ, with_checksums, big_endian, packed_alike, one_step_each, falling_times, nan_as_fill, never_written,
         never_written_without_fill, latitudes_by_rounding, classic_and_new, classic_model, long_chunk_of_time, global_attributes,
         texts_and_dummies, bounds_in_the_units_of_their_axis, shorter_than_time, in_groups]


def other_units(make):
    make.file(steps(0, 4))
    make.file(steps(4, 4), data_attributes={"units": "degC"})


def packed_apart(make):
    make.file(steps(0, 4), data_type="i2", fill=-1, data_attributes={"scale_factor": 0.01})
    make.file(steps(4, 4), data_type="i2", fill=-1, data_attributes={"scale_factor": 0.02})


def other_fill(make):
    make.file(steps(0, 4))
    make.file(steps(4, 4), fill=-999.0)


def other_type(make):
    make.file(steps(0, 4))
    make.file(steps(4, 4), data_type="f8")


def overlapping(make):
    make.file(steps(0, 4))
    make.file(steps(3, 4))


def the_same_times(make):
    make.file(steps(0, 4))
    make.file(steps(0, 4))


def another_grid(make):
    make.file(steps(0, 4))
    make.file(steps(4, 4), lat=LAT + 0.001)


def another_calendar(make):
    make.file(steps(0, 4))
    make.file(steps(4, 4), calendar="noleap")


def another_variable(make):
    make.file(steps(0, 4))
    make.file(steps(4, 4), name="pr")


def times_twice(make):
    make.file([0, 1, 1, 2])
    make.file([3, 4])


REFUSED = {other_units: "units", packed_apart: "packing", other_fill: "packing", other_type: "data_type", overlapping: "overlap",
           the_same_times: "overlap", another_grid: "coordinate", another_calendar: "calendar", another_variable: "variable",
           times_twice: "duplicate"}


def series(tmp_path, case):
    folder = tmp_path / "archive"
    folder.mkdir()
    case(Maker(folder))
    project = Project.of_recipe(tmp_path / "project", {
        "collection": {"id": "made", "description": "Made.", "license": "CC0-1.0"},
        "sources": [{"root": str(folder)}], "item": {"pattern": "{filename}", "id": "series"}, "output": "published"})
    return project, sorted(folder.glob("*.nc"))


@pytest.mark.parametrize("case", EQUAL, ids=lambda case: case.__name__)
def test_it_equals_its_sources(tmp_path, case):
    project, paths = series(tmp_path, case)
    item = project.build()["series"]
    assert (item["status"], item["files"]) == ("added", len(paths))
    assert Series(paths, join="time").differences(kerchunk(project.kerchunk("series"))) == []
    project.run("verify", "--every-value", "--json").expect(0)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.__name__)
def test_it_is_refused_by_name(tmp_path, case):
    project, paths = series(tmp_path, case)
    error = project.build(status=1)["series"]["error"]
    assert error["kind"] == REFUSED[case], error
    assert error["files"] and all(any(path.name in file for path in paths) for file in error["files"]), error
    assert "expected" in error["message"] and "found" in error["message"], error


def test_variables_that_some_files_lack(tmp_path):
    def more(nc):
        nc.createVariable("height", "f8", ())[...] = 2.0
        extra = nc.createVariable("extra", "f4", ("time", "lat"), fill_value=1e20, zlib=True, chunksizes=(1, 9))
        extra[:] = np.arange(len(nc["time"]) * 9).reshape(-1, 9)
        nc.createDimension("k", 3)
        nc.createVariable("table", "i2", ("k",))[:] = [7, 8, 9]

    def case(make):
        make.file(steps(0, 3))
        make.file(steps(3, 3), more=more)
        make.file(steps(6, 3))

    project, _ = series(tmp_path, case)
    project.build()
    with kerchunk(project.kerchunk("series"))() as ds:
        assert ds["height"].values == 2.0 and ds["table"].values.tolist() == [7, 8, 9]
        inner = np.arange(27, dtype="f4").reshape(3, 9)
        np.testing.assert_array_equal(ds["extra"].values, np.concatenate([np.full((3, 9), np.nan), inner, np.full((3, 9), np.nan)]))
        assert ds["tas"].shape[0] == 9 and not np.isnan(ds["tas"].values).any()
    notes = json.loads((project.kerchunk("series").parent / "report.json").read_text())["notes"]
    assert {note["subject"] for note in notes if note["kind"] == "variable_missing"} == {"extra", "height", "table"}
    project.run("verify", "--every-value", "--json").expect(0)


def test_what_cannot_be_filled_is_refused(tmp_path):
    def more(nc):
        nc.createVariable("flag", "i1", ("time",))[:] = 1

    def case(make):
        make.file(steps(0, 3), more=more)
        make.file(steps(3, 3))

    project, _ = series(tmp_path, case)
    error = project.build(status=1)["series"]["error"]
    assert error["kind"] == "variable" and "flag" in error["message"], error


def test_a_scalar_that_differs_is_written_along_time(tmp_path):
    def case(make):
        for start, base in ((0, 100), (3, 200)):
            def more(nc, base=base):
                scalar = nc.createVariable("base_time", "i4", ())
                scalar.long_name = "start of the file"
                scalar[...] = base
            make.file(steps(start, 3), more=more)

    project, _ = series(tmp_path, case)
    project.build()
    with kerchunk(project.kerchunk("series"))() as ds:
        assert ds["base_time"].dims == ("time",) and ds["base_time"].values.tolist() == [100] * 3 + [200] * 3
        assert ds["base_time"].attrs["long_name"] == "start of the file"
    project.run("verify", "--every-value", "--json").expect(0)
