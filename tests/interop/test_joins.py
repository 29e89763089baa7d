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


REFUSED = {other_units: "units", overlapping: "overlap",
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


# -- several dimensions, facets, variables of several files -----------------------------------------------------------------------


def grid(path, times, *, lat=LAT, lon=LON, names=("tas",), seed=0, units="days since 2000-01-01", member=0, chunks=None, time="dimension", more=None,
         fill=1e20, values=None):
    """One file whose values follow from its coordinates (and the member): wherever it is put, they can be told."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Dataset(path, "w") as nc:
        nc.createDimension("lat", len(lat))
        nc.createDimension("lon", len(lon))
        for key, axis, unit in (("lat", lat, "degrees_north"), ("lon", lon, "degrees_east")):
            variable = nc.createVariable(key, "f8", (key,))
            variable.units = unit
            variable[:] = axis
        if time == "dimension":
            nc.createDimension("time", None)
            nc.createDimension("bnds", 2)
            variable = nc.createVariable("time", "f8", ("time",))
            variable.setncatts({"units": units, "standard_name": "time", "calendar": "standard", "bounds": "time_bnds"})
            variable[:] = times
            nc.createVariable("time_bnds", "f8", ("time", "bnds"))[:] = np.stack([np.asarray(times) - 0.5, np.asarray(times) + 0.5], 1)
        elif time == "scalar":
            variable = nc.createVariable("time", "f8", ())
            variable.setncatts({"units": units, "standard_name": "time", "calendar": "standard"})
            variable[...] = times[0]
        for number, name in enumerate(names):
            dimensions = ("time", "lat", "lon") if time == "dimension" else ("lat", "lon")
            data = nc.createVariable(name, "f4", dimensions, zlib=True, fill_value=fill, chunksizes=chunks or ((1,) if time == "dimension" else ()) + (len(lat), len(lon)))
            data.units = "K"
            at = expected(times, lat, lon, member, number) if values is None else values
            data[:] = at if time == "dimension" else at[0]
        if more:
            more(nc)
    return path


def expected(times, lat, lon, member=0, number=0):
    t, y, x = np.meshgrid(np.asarray(times, "f8"), lat, lon, indexing="ij")
    return (t * 1000 + y * 7 + x / 3 + 1e5 * member + 1e6 * number).astype("f4")


def joined(tmp_path, pattern="{filename}", along=None, status=0, item=None, **more):
    aggregate = {"along": along} if along else {}
    project = Project.of_recipe(tmp_path / "project", {
        "collection": {"id": "made", "description": "Made.", "license": "CC0-1.0"}, "sources": [{"root": str(tmp_path / "archive")}],
        "item": {"pattern": pattern, "id": "series"} | (item or {}), "aggregate": aggregate | more, "output": "published"})
    item = project.build(status=status)["series"]
    if status == 0:
        project.run("verify", "--every-value", "--json").expect(0)
    return project, item


def days(ds):
    return ((ds["time"].values - np.datetime64("2000-01-01")) / np.timedelta64(1, "D")).tolist()


def notes_of(project):
    return json.loads((project.kerchunk("series").parent / "report.json").read_text())["notes"]


def references(project):
    return json.loads(project.kerchunk("series").read_text())["refs"]


def test_time_and_member(tmp_path):
    for member in (1, 2, 10):
        for start in (0, 4):
            # Every member counts its time in its own way, and r2 cuts it elsewhere.
            offset, cut = (0, start) if member != 2 else (3, 2 if start else 0)
            end = (4 if start == 0 else 9) if member != 2 else (2 if start == 0 else 9)
            times = np.arange(cut, end)
            path = grid(tmp_path / f"archive/tas_r{member}_{start}.nc", times, member=member)
            if offset:
                path.unlink()
                grid(path, times - offset, member=member, units="days since 2000-01-04", values=expected(times, LAT, LON, member))
    project, item = joined(tmp_path, "tas_{member}_{start}.nc", {"name": "member", "from": "member"})
    assert item["files"] == 6
    with kerchunk(project.kerchunk("series"))() as ds:
        assert ds["member"].dtype.kind == "U" and ds["member"].values.tolist() == ["r1", "r2", "r10"]
        assert ds["tas"].dims == ("member", "time", "lat", "lon") and days(ds) == list(range(9))
        assert ds["time"].dims == ("time",) and ds["time_bnds"].dims == ("time", "bnds") and ds["lat"].dims == ("lat",)
        for at, member in enumerate((1, 2, 10)):
            np.testing.assert_array_equal(ds["tas"].values[at], expected(range(9), LAT, LON, member))
        np.testing.assert_array_equal(ds["tas"].sel(member="r10", time="2000-01-03").values, expected([2], LAT, LON, 10)[0])
    assert references(project)["tas/2.0.0.0"][0].endswith("tas_r10_0.nc")


def test_members_by_number_with_holes_and_a_static_field_of_their_own(tmp_path):
    def orography(member):
        def more(nc):
            nc.createVariable("orog", "f4", ("lat", "lon"), zlib=True)[:] = np.full((len(LAT), len(LON)), member)
            nc.createVariable("mask", "i1", ("lat", "lon"))[:] = 1
            nc.createVariable("height", "f8", ())[...] = 2.0
            nc["tas"].coordinates = "height"
        return more

    grid(tmp_path / "archive/1/a.nc", range(3), member=1, more=orography(1))
    grid(tmp_path / "archive/1/b.nc", range(3, 6), member=1, more=orography(1))
    grid(tmp_path / "archive/12/a.nc", range(3), member=12, more=orography(12))
    project, _ = joined(tmp_path, "{realization}/{name}.nc", ["auto", {"name": "realization", "from": "realization"}])
    with kerchunk(project.kerchunk("series"))() as ds:
        assert ds["realization"].dtype == "int64" and ds["realization"].values.tolist() == [1, 12]
        assert ds["orog"].dims == ("realization", "lat", "lon") and ds["mask"].dims == ("lat", "lon") and ds["height"].dims == ()
        assert ds["orog"].values[:, 0, 0].tolist() == [1, 12]
        np.testing.assert_array_equal(ds["tas"].values[0], expected(range(6), LAT, LON, 1))
        np.testing.assert_array_equal(ds["tas"].values[1, :3], expected(range(3), LAT, LON, 12))
        assert np.isnan(ds["tas"].values[1, 3:]).all()
    assert [note["subject"] for note in notes_of(project) if note["kind"] == "gap"] == ["tas"]


@pytest.mark.parametrize("along", [None, ["time", "lat", "lon"]])
def test_time_and_tiles(tmp_path, along):
    lats, lons = [LAT[:4], LAT[4:]], [LON[:6], LON[6:]]
    for t, times in enumerate(([0, 1], [2, 3, 4])):
        for y, lat in enumerate(lats):
            for x, lon in enumerate(lons):
                grid(tmp_path / f"archive/{x}{y}{t}.nc", times, lat=lat, lon=lon, chunks=(1, 1, 6))
    project, item = joined(tmp_path, along=along)
    assert item["files"] == 8
    with kerchunk(project.kerchunk("series"))() as ds:
        np.testing.assert_array_equal(ds["lat"].values, LAT)
        np.testing.assert_array_equal(ds["lon"].values, LON)
        np.testing.assert_array_equal(ds["tas"].values, expected(range(5), LAT, LON))
    assert "tas/4.8.1" in references(project)


def test_variables_of_several_files(tmp_path):
    for number, (name, cuts) in enumerate({"tas": (0, 10, 20), "pr": (0, 5, 12, 20), "ps": (0, 20)}.items()):
        for start, end in zip(cuts, cuts[1:]):
            times = np.arange(start, end)
            grid(tmp_path / f"archive/{name}_{start}.nc", times, names=(name,), values=expected(times, LAT, LON, 0, number))
    project, item = joined(tmp_path)
    assert item["files"] == 6
    with kerchunk(project.kerchunk("series"))() as ds:
        assert days(ds) == list(range(20)) and ds["time_bnds"].shape == (20, 2)
        for number, name in enumerate(("tas", "pr", "ps")):
            np.testing.assert_array_equal(ds[name].values, expected(range(20), LAT, LON, 0, number))


def test_a_variable_that_begins_later(tmp_path):
    grid(tmp_path / "archive/tas.nc", range(6))
    grid(tmp_path / "archive/pr.nc", range(3, 6), names=("pr",))
    project, _ = joined(tmp_path)
    with kerchunk(project.kerchunk("series"))() as ds:
        assert np.isnan(ds["pr"].values[:3]).all()
        np.testing.assert_array_equal(ds["pr"].values[3:], expected(range(3, 6), LAT, LON))
        np.testing.assert_array_equal(ds["tas"].values, expected(range(6), LAT, LON))
    assert "pr" in [note["subject"] for note in notes_of(project) if note["kind"] == "variable_missing"]


def test_a_fixed_field_beside_a_series(tmp_path):
    def orography(nc):
        nc.createVariable("orog", "f4", ("lat", "lon"), zlib=True)[:] = 5

    grid(tmp_path / "archive/a.nc", range(3))
    grid(tmp_path / "archive/b.nc", range(3, 6))
    grid(tmp_path / "archive/orog.nc", [0], time="none", names=(), more=orography)
    project, _ = joined(tmp_path)
    with kerchunk(project.kerchunk("series"))() as ds:
        assert ds["orog"].dims == ("lat", "lon") and (ds["orog"].values == 5).all()
        np.testing.assert_array_equal(ds["tas"].values, expected(range(6), LAT, LON))


def test_a_reversed_file(tmp_path):
    grid(tmp_path / "archive/a.nc", range(4))
    grid(tmp_path / "archive/b.nc", range(7, 3, -1))
    project, _ = joined(tmp_path)
    with kerchunk(project.kerchunk("series"))() as ds:
        assert days(ds) == list(range(8))
        assert (ds["time_bnds"].values[:, 0] < ds["time_bnds"].values[:, 1]).all()
        np.testing.assert_array_equal(ds["tas"].values, expected(range(8), LAT, LON))
    assert "reversed_file" in [note["kind"] for note in notes_of(project)]


@pytest.mark.parametrize("along", [None, "time"])
def test_scalar_times(tmp_path, along):
    for number, day in enumerate((4, 0, 2)):
        def more(nc):
            nc["time"].bounds = "time_bnds"
            nc.createDimension("bnds", 2)
            nc.createVariable("time_bnds", "f8", ("bnds",))[:] = [nc["time"][...] - 0.5, nc["time"][...] + 0.5]
            nc.createVariable("crs", "i4", ()).grid_mapping_name = "latitude_longitude"
            nc.createVariable("total", "f4", ())[...] = nc["time"][...]
            nc["tas"].grid_mapping = "crs"
        grid(tmp_path / f"archive/{number}.nc", [day], time="scalar", more=more)
    project, _ = joined(tmp_path, along=along)
    with kerchunk(project.kerchunk("series"))() as ds:
        assert days(ds) == [0, 2, 4] and ds["tas"].dims == ("time", "lat", "lon") and ds["crs"].dims == ()
        assert ds["time_bnds"].dims == ("time", "bnds") and ds["time_bnds"].shape == (3, 2)
        assert ds["total"].values.tolist() == [0, 2, 4]
        np.testing.assert_array_equal(ds["tas"].values, expected([0, 2, 4], LAT, LON))
    assert "scalar_joined" in [note["kind"] for note in notes_of(project)]


def test_a_dimension_without_coordinate_in_a_stated_order(tmp_path):
    def observations(name, count, first):
        (tmp_path / "archive").mkdir(exist_ok=True)
        with Dataset(tmp_path / f"archive/{name}.nc", "w") as nc:
            nc.createDimension("obs", count)
            speed = nc.createVariable("speed", "f4", ("obs",), zlib=True, chunksizes=(1,))
            speed.coordinates = "time lat lon"
            speed[:] = first + np.arange(count)
            nc.createVariable("station", str, ("obs",))[:] = np.array([f"s{first + n}" for n in range(count)], object)
            time = nc.createVariable("time", "i4", ("obs",))
            time.units = "days since 2000-01-01"
            time[:] = 3  # tells nothing apart
            lat = nc.createVariable("lat", "f4", ("obs",))
            lat.units = "degrees_north"
            lat[:] = 10
            lon = nc.createVariable("lon", "f4", ("obs",))
            lon.units = "degrees_east"
            lon[:] = 10

    observations("part10", 3, 100)
    observations("part2", 2, 50)
    observations("part1", 4, 0)
    project, _ = joined(tmp_path, "{part}.nc", {"name": "obs", "from": "part"}, item={"datetime": "2000-01-04", "geometry": {"type": "Point", "coordinates": [10, 10]}})
    with kerchunk(project.kerchunk("series"))() as ds:
        assert ds["speed"].values.tolist() == [0, 1, 2, 3, 50, 51, 100, 101, 102]
        assert ds["station"].values.tolist() == [f"s{n}" for n in (0, 1, 2, 3, 50, 51, 100, 101, 102)]
        assert "obs" not in ds.variables


def test_groups_that_only_some_files_have(tmp_path):
    def group(nc):
        inner = nc.createGroup("ocean")
        inner.createDimension("depth", 3)
        inner.createVariable("depth", "f4", ("depth",))[:] = [1, 2, 3]
        inner.setncattr("name", "ocean")
        inner.createVariable("thetao", "f4", ("time", "depth"), fill_value=1e20, zlib=True, chunksizes=(1, 3))[:] = nc["time"][:][:, None] + [[1, 2, 3]]

    grid(tmp_path / "archive/a.nc", range(3))
    grid(tmp_path / "archive/b.nc", range(3, 6), more=group)
    project, _ = joined(tmp_path)
    refs = references(project)
    shape = json.loads(refs["ocean/thetao/.zarray"])["shape"]
    assert shape == [6, 3] and "ocean/thetao/5.0" in refs and "ocean/thetao/0.0" not in refs
    assert json.loads(refs["ocean/.zattrs"]) == {"name": "ocean"}


def test_a_dimension_of_a_group(tmp_path):
    for name, steps_ in (("a", [0, 1]), ("b", [2, 3, 4])):
        def group(nc, steps_=steps_):
            inner = nc.createGroup("model")
            inner.createDimension("step", None)
            step = inner.createVariable("step", "i4", ("step",))
            step[:] = steps_
            inner.createVariable("cost", "f8", ("step", "lat"))[:] = np.asarray(steps_)[:, None] + LAT[None, :]
        grid(tmp_path / f"archive/{name}.nc", [0], time="scalar", more=group)
    project, item = joined(tmp_path)
    refs = references(project)
    assert json.loads(refs["model/cost/.zarray"])["shape"] == [5, 9] and json.loads(refs["tas/.zarray"])["shape"] == [9, 12]


def test_two_times_that_go_together(tmp_path):
    for name, start in (("a", 0), ("b", 4)):
        def more(nc, start=start):
            nc.createDimension("time2", None)
            other = nc.createVariable("time2", "f8", ("time2",))
            other.setncatts({"units": "days since 2000-01-01", "calendar": "standard"})
            other[:] = [start + 0.25, start + 2.25]
            nc.createVariable("gust", "f4", ("time2",))[:] = [start, start + 2]
        grid(tmp_path / f"archive/{name}.nc", range(start, start + 4), more=more)
    project, _ = joined(tmp_path)
    with kerchunk(project.kerchunk("series"))() as ds:
        assert ds["gust"].values.tolist() == [0, 2, 4, 6] and ds["time2"].shape == (4,)
        np.testing.assert_array_equal(ds["tas"].values, expected(range(8), LAT, LON))


def test_files_without_a_step(tmp_path):
    grid(tmp_path / "archive/a.nc", range(3))
    grid(tmp_path / "archive/empty.nc", [])
    grid(tmp_path / "archive/b.nc", range(3, 5))
    project, item = joined(tmp_path)
    assert item["files"] == 3
    with kerchunk(project.kerchunk("series"))() as ds:
        np.testing.assert_array_equal(ds["tas"].values, expected(range(5), LAT, LON))
    assert "empty_file" in [note["kind"] for note in notes_of(project)]


def refused(tmp_path, kind, *words, **options):
    _, item = joined(tmp_path, status=1, **options)
    error = item["error"]
    assert error["kind"] == kind and all(word in error["message"] for word in words), error


def test_tiles_with_a_hole_are_refused_unless_named(tmp_path):
    for name, times, lat in (("a", [0, 1], LAT[:4]), ("b", [0, 1], LAT[4:]), ("c", [2, 3], LAT[:4])):
        grid(tmp_path / f"archive/{name}.nc", times, lat=lat)
    refused(tmp_path, "coordinate", "lat", "aggregate.along")
    project, _ = joined_again(tmp_path, ["time", "lat"])
    with kerchunk(project.kerchunk("series"))() as ds:
        assert np.isnan(ds["tas"].values[2:, 4:]).all() and not np.isnan(ds["tas"].values[:, :4]).any()


def joined_again(tmp_path, along):
    (tmp_path / "again").mkdir()
    (tmp_path / "again/archive").symlink_to(tmp_path / "archive")
    return joined(tmp_path / "again", along=along)


def test_other_times_between_are_refused(tmp_path):
    grid(tmp_path / "archive/tas.nc", range(10))
    grid(tmp_path / "archive/pr.nc", [0.5, 4.5], names=("pr",))
    refused(tmp_path, "variable", "tas", "pr")


def test_coarser_times_are_refused(tmp_path):
    grid(tmp_path / "archive/tas.nc", range(10))
    grid(tmp_path / "archive/pr.nc", [0, 5], names=("pr",))
    refused(tmp_path, "variable", "pr.nc", "tas.nc", "item pattern")


def test_a_member_twice_is_refused(tmp_path):
    grid(tmp_path / "archive/r1_a.nc", range(4), member=1)
    grid(tmp_path / "archive/r1_b.nc", range(4), member=1)
    grid(tmp_path / "archive/r2_a.nc", range(4), member=2)
    refused(tmp_path, "overlap", "r1_a.nc", "r1_b.nc", pattern="{member}_{x}.nc", along={"name": "member", "from": "member"})


def test_a_long_chunk_cannot_be_turned_round(tmp_path):
    lat, lon = np.linspace(-89, 89, 180), np.arange(360.0)
    grid(tmp_path / "archive/a.nc", range(8), lat=lat, lon=lon, chunks=(4, 180, 360))
    grid(tmp_path / "archive/b.nc", range(15, 7, -1), lat=lat, lon=lon, chunks=(4, 180, 360))
    refused(tmp_path, "unordered", "tas", "b.nc", "one step")


def test_a_name_that_is_taken_is_refused(tmp_path):
    grid(tmp_path / "archive/r1.nc", range(4))
    grid(tmp_path / "archive/r2.nc", range(4))
    refused(tmp_path, "join", "tas", pattern="{member}.nc", along={"name": "tas", "from": "member"})
    (tmp_path / "project").rename(tmp_path / "other")
    refused(tmp_path, "join", "time", "coordinate", pattern="{member}.nc", along={"name": "time", "from": "member"})


def test_verification_knows_the_labels(tmp_path):
    for member in (1, 2):
        grid(tmp_path / f"archive/r{member}.nc", range(3), member=member)
    project, _ = joined(tmp_path, "{member}.nc", {"name": "member", "from": "member"})
    path = project.kerchunk("series")
    document = json.loads(path.read_text())
    refs = document["refs"]
    for time in range(3):
        one, other = f"tas/0.{time}.0.0", f"tas/1.{time}.0.0"
        refs[one], refs[other] = refs[other], refs[one]
    path.write_text(json.dumps(document))
    answer = project.run("verify", "--json").expect(1).json
    kinds = {difference["kind"] for difference in answer["items"][0]["differences"]}
    assert "reference" in kinds, answer
