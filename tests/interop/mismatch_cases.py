"""Series of files that do not fit one another, at least one for each row of DESIGN.md's table "Combine: never a wrong answer" and each kind of
mismatch that archives are known for. `CASES` says of each what must come of it; `test_mismatches.py` builds and judges them all.

Run as a script, it writes the files of all cases, or of those named, for a look by hand: `python mismatch_cases.py FOLDER [CASE…]`.
"""

import ctypes
import sys
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
from netCDF4 import Dataset

LARGE = (60, 120)  # 28.8 kB a step of f4: 40 steps are more than is ever inlined
SMALL = (4, 6)


@dataclass
class Case:
    """One series: what it shows, how it is made, and what must come of it."""

    name: str
    row: str
    make: object
    aggregate: dict = field(default_factory=dict)
    # Equal: how `variable` is carried, and the note kinds that must be told, each with its subject; no others.
    variable: str = "tas"
    choice: str | None = None
    notes: frozenset = frozenset()
    judge: str = "stored"  # stored: bit for bit, by oracle.Series; seen: decoded values and instants of `variable` alone; own: by `check`
    check: object = None  # additional: check(open, paths)
    # Refused: kind, variable, and which files (by their number) are named.
    refused: str | None = None
    about: str | None = None
    files: tuple = ()
    hole: bool = False  # not yet so


CASES: list[Case] = []


def case(row, **expected):
    def add(make):
        notes = frozenset(expected.pop("notes", ()))
        CASES.append(Case(make.__name__, row, make, notes=notes, **expected))
        return make
    return add


class Maker:
    """Writes the files of one series; names fall while times rise, so that no order comes from them."""

    def __init__(self, folder):
        self.folder, self.count, self.paths = Path(folder), 0, []

    def path(self):
        path = self.folder / f"part_{chr(ord('z') - self.count)}.nc"
        self.count += 1
        self.paths.append(path)
        return path

    def file(self, times, *, units="days since 2000-01-01", calendar="standard", time_type="f8", grid=SMALL, lat=None, lon=None, data_type="f4", name="tas",
             format="NETCDF4", zlib=True, compression=None, shuffle=True, fletcher32=False, chunks=None, contiguous=False, endian="native", fill=1e20,
             attributes=None, data_attributes=None, values=None, write=None, more=None, unlimited=True, scale=1.0, level=4):
        """One file of `name(time, lat, lon)`. `values(shape)` are stored as they are; `write` is how many steps of them."""
        path = self.path()
        with Dataset(path, "w", format=format) as nc:
            nc.setncatts(attributes or {"title": "made"})
            nc.createDimension("time", None if unlimited else len(times))
            lat = np.linspace(-80, 80, grid[0]) if lat is None else lat
            lon = np.arange(grid[1]) * 3.0 if lon is None else lon
            nc.createDimension("lat", len(lat))
            nc.createDimension("lon", len(lon))
            time = nc.createVariable("time", time_type, ("time",))
            time.setncatts({"units": units, "standard_name": "time"} | ({"calendar": calendar} if calendar else {}))
            time[:] = times
            for key, axis, unit in (("lat", lat, "degrees_north"), ("lon", lon, "degrees_east")):
                variable = nc.createVariable(key, "f8", (key,))
                variable.units = unit
                variable[:] = axis
            options = {}
            if contiguous:
                options = {"contiguous": True}
            elif format.startswith("NETCDF4"):
                options = {"compression": compression or ("zlib" if zlib else None), "shuffle": shuffle and (zlib or bool(compression)), "fletcher32": fletcher32,
                           "chunksizes": chunks or (1, len(lat), len(lon)), "complevel": level}
            data = nc.createVariable(name, data_type, ("time", "lat", "lon"), fill_value=fill, endian=endian, **options)
            data.set_auto_maskandscale(False)
            shape = (len(times), len(lat), len(lon))
            made = numbers(shape, self.count) * scale if values is None else values(shape)
            steps_written = len(times) if write is None else write
            if steps_written:
                data[:steps_written] = np.asarray(made)[:steps_written].astype(data_type)
            data.setncatts({"units": "K"} | (data_attributes or {}))
            if more:
                more(nc)
        return path


def numbers(shape, seed):
    """Whole numbers up to 996, other ones in each file: they survive every type of two bytes."""
    return (np.arange(np.prod(shape)).reshape(shape) * 7 + 131 * seed) % 997


def steps(start, count, step=1.0):
    return start + step * np.arange(count)


def pair(make, first=None, second=None, *, count=3, **both):
    """Two files, one after the other."""
    make.file(steps(0, count), **(both | (first or {})))
    make.file(steps(count, count), **(both | (second or {})))


def large(make, first=None, second=None, *, count=20, **both):
    """The same with more data than are ever inlined."""
    pair(make, first, second, count=count, grid=LARGE, **both)


TIMES = "time units, epochs, types"
REWRITTEN = {("times_rewritten", "time")}


@case(TIMES, notes=REWRITTEN)
def epochs_that_differ(make):
    for year in (2000, 2001, 2002):
        make.file(steps(0.5, 12, 30), units=f"days since {year}-01-01")


@case(TIMES, notes=REWRITTEN)
def hours_and_days(make):
    make.file(steps(0, 4, 24), units="hours since 2000-01-01", time_type="i4")
    make.file(steps(4, 4))


@case(TIMES, notes=REWRITTEN)
def integers_and_floats(make):
    make.file(steps(0, 4), time_type="i4")
    make.file(steps(4.5, 4), time_type="f8")


@case(TIMES, notes=REWRITTEN)
def one_spelling_and_another(make):
    make.file(steps(0, 4), units="days since 2000-01-01")
    make.file(steps(4, 4), units="days since 2000-01-01 00:00:00")


@case(TIMES, notes=REWRITTEN | {("gap", "time")})
def dates_beyond_2262(make):
    for year in (2200, 2300, 9000):
        make.file(steps(0, 3, 365), units=f"days since {year}-06-01", calendar="noleap")


@case(TIMES)
def years_of_360_days(make):
    pair(make, count=12, calendar="360_day")


@case(TIMES, refused="calendar", about="time", files=(0, 1))
def calendars_that_differ(make):
    pair(make, {"calendar": "noleap"}, {"calendar": "360_day"})


@case(TIMES, notes=REWRITTEN)
def calendars_of_two_names(make):
    pair(make, {"calendar": "gregorian"}, {"calendar": "standard"})


def with_bounds(units=None):
    def more(nc):
        nc.createDimension("bnds", 2)
        nc["time"].bounds = "time_bnds"
        bounds = nc.createVariable("time_bnds", "f8", ("time", "bnds"))
        own = nc["time"][:]
        if units:
            bounds.units = units
            own = own * 24
        bounds[:] = np.stack([own - 0.5, own + 0.5], 1)
    return more


@case("bounds and offsets in units of their own", notes={("times_rewritten", "time"), ("times_rewritten", "time_bnds")})
def bounds_in_the_units_of_their_axis(make):
    for day in (1, 5):
        make.file(steps(0.5, 4), units=f"days since 2000-01-{day:02}", more=with_bounds())


@case("bounds and offsets in units of their own", notes={("times_rewritten", "time"), ("times_rewritten", "time_bnds")})
def bounds_in_units_of_their_own(make):
    for day in (1, 5):
        make.file(steps(0.5, 4), units=f"days since 2000-01-{day:02}", more=with_bounds(f"hours since 2000-01-{day:02}"))


EDGES = "chunk edges along the join"


@case(EDGES, choice="virtual")
def whole_chunks(make):
    large(make, chunks=(5, 60, 120))


@case(EDGES, choice="virtual")
def a_short_chunk_at_the_very_end(make):
    make.file(steps(0, 20), grid=LARGE, chunks=(5, 60, 120))
    make.file(steps(20, 23), grid=LARGE, chunks=(5, 60, 120))


@case(EDGES, refused="chunking", about="tas", files=(0,))
def a_short_chunk_in_the_middle(make):
    make.file(steps(0, 22), grid=LARGE, chunks=(5, 60, 120))
    make.file(steps(22, 20), grid=LARGE, chunks=(5, 60, 120))


@case(EDGES, choice="inlined")
def a_short_chunk_in_the_middle_of_little(make):
    make.file(steps(0, 4), chunks=(3, 4, 6))
    make.file(steps(4, 5), chunks=(3, 4, 6))


@case(EDGES, choice="virtual_split")
def contiguous_files(make):
    make.file(steps(0, 20), grid=LARGE, contiguous=True, unlimited=False)
    make.file(steps(20, 25), grid=LARGE, contiguous=True, unlimited=False)


@case(EDGES, choice="virtual_split")
def unfiltered_chunks_that_differ_along_the_join(make):
    large(make, {"chunks": (4, 60, 120)}, {"chunks": (10, 60, 120)}, zlib=False)


@case(EDGES, choice="virtual_split")
def contiguous_beside_chunked_that_divides(make):
    large(make, {"contiguous": True, "unlimited": False}, {"zlib": False, "chunks": (1, 60, 120)})


@case(EDGES, choice="virtual_split")
def contiguous_beside_chunked_of_other_length(make):
    make.file(steps(0, 21), grid=LARGE, contiguous=True, unlimited=False)
    make.file(steps(21, 20), grid=LARGE, zlib=False, chunks=(4, 60, 120))


@case(EDGES, refused="codec", about="tas", files=(0, 1))
def contiguous_beside_filtered(make):
    large(make, {"contiguous": True, "unlimited": False}, {})


def rewritten(path, change):
    with h5py.File(path, "r+") as file:
        change(file)


def skipped_filter(chunk):
    """One chunk is stored as it is, with a mask that says so."""
    def change(file):
        data = file["tas"]
        values = np.ascontiguousarray(data[tuple(slice(at, at + n) for at, n in zip(chunk, data.chunks))])
        data.id.write_direct_chunk(chunk, values.tobytes(), filter_mask=0b11)
    return change


def filter_mask(make, maker):
    maker(make)
    rewritten(make.paths[1], skipped_filter((2, 0, 0)))


@case("a non-zero filter mask", choice="virtual", notes={("chunks_reencoded", "tas")})
def a_chunk_that_skips_filters(make):
    filter_mask(make, large)


@case("a non-zero filter mask", choice="virtual", notes={("chunks_reencoded", "tas")})
def a_chunk_that_skips_filters_of_little(make):
    filter_mask(make, pair)


def without_filters_at_the_edge(properties):
    """The flag of the layout that netCDF-C does not set, and h5py has no name for: its libhdf5 is asked directly."""
    path = next(line.split()[-1] for line in open("/proc/self/maps") if "h5py.libs/libhdf5-" in line)
    assert ctypes.CDLL(path).H5Pset_chunk_opts(ctypes.c_int64(properties.id), ctypes.c_uint(2)) >= 0


def unfiltered_edges(make, grid, count):
    """Chunks of seven eighths of the latitudes: those at the edge skip all filters."""
    for start in (0, count):
        with h5py.File(make.path(), "w", libver="latest") as file:
            axes = (("time", steps(start, count), {"units": "days since 2000-01-01"}), ("lat", np.linspace(-80, 80, grid[0]), {"units": "degrees_north"}),
                    ("lon", np.arange(grid[1]) * 3.0, {"units": "degrees_east"}))
            for name, values, attributes in axes:
                file.create_dataset(name, data=values).attrs.update(attributes)
                file[name].make_scale(name)
            properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            properties.set_chunk((1, 7 * grid[0] // 8, grid[1]))
            without_filters_at_the_edge(properties)
            properties.set_deflate(4)
            data = h5py.Dataset(h5py.h5d.create(file.id, b"tas", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((count, *grid)), dcpl=properties))
            data[...] = numbers((count, *grid), make.count)
            data.attrs["units"] = "K"
            for axis, (name, _, _) in enumerate(axes):
                data.dims[axis].attach_scale(file[name])


@case("a non-zero filter mask", choice="virtual", notes={("chunks_reencoded", "tas")})
def chunks_at_the_edge_without_filters(make):
    unfiltered_edges(make, LARGE, 20)


@case("a non-zero filter mask", choice="virtual", notes={("chunks_reencoded", "tas")})
def chunks_at_the_edge_without_filters_of_little(make):
    unfiltered_edges(make, (8, 6), 3)


FILL = "never-written chunks, short variables"


@case(FILL, choice="virtual")
def never_written_with_a_fill_value(make):
    large(make, {"write": 12}, {})


@case(FILL, choice="virtual")
def never_written_without_a_fill_value(make):
    large(make, {"write": 12}, {}, fill=None)


@case(FILL)
def never_written_at_all(make):
    pair(make, {}, {"write": 0}, fill=None)


def short_extra(grid, chunk):
    def more(nc):
        extra = nc.createVariable("extra", "f4", ("time", "lat", "lon"), fill_value=-9.0, chunksizes=(chunk, *grid), zlib=True)
        extra[0:3] = numbers((3, *grid), 5)
    return more


@case(FILL, variable="extra", choice="virtual")
def a_variable_shorter_than_time(make):
    large(make, more=short_extra(LARGE, 1))


@case(FILL, variable="extra", choice="virtual", notes={("chunks_reencoded", "extra")})
def a_variable_that_ends_within_a_chunk(make):
    large(make, more=short_extra(LARGE, 2))


@case(FILL, variable="extra", choice="virtual", notes={("chunks_reencoded", "extra")})
def a_little_variable_that_ends_within_a_chunk(make):
    pair(make, count=4, more=short_extra(SMALL, 2))


def other_fill(make):
    """The fill of never-written chunks is a property of the dataset in HDF5; the attribute `_FillValue` is the same in both files."""
    for start, fill in ((0, -1.0), (20, 7.0)):
        with h5py.File(make.path(), "w") as file:
            axes = (("time", steps(start, 20), {"units": "days since 2000-01-01"}), ("lat", np.linspace(-80, 80, 60), {"units": "degrees_north"}),
                    ("lon", np.arange(120) * 3.0, {"units": "degrees_east"}))
            for name, values, attributes in axes:
                file.create_dataset(name, data=values).attrs.update(attributes)
                file[name].make_scale(name)
            data = file.create_dataset("tas", (20, *LARGE), "f4", chunks=(1, *LARGE), compression="gzip", fillvalue=fill)
            data[:12] = numbers((12, *LARGE), make.count)
            data.attrs.update({"units": "K", "_FillValue": np.array([1e20], "f4")})
            for axis, (name, _, _) in enumerate(axes):
                data.dims[axis].attach_scale(file[name])


@case(FILL, choice="virtual")
def never_written_chunks_of_two_fills(make):
    other_fill(make)


PACKING = "packing, dtype, codec, byte order, chunk shape"
PACKED = {"data_type": "i2", "fill": -32768}


@case(PACKING, refused="packing", about="tas", files=(0, 1))
def scale_factors_that_differ(make):
    large(make, {"data_attributes": {"scale_factor": 0.01}}, {"data_attributes": {"scale_factor": 0.02}}, count=40, **PACKED)


@case(PACKING, judge="seen", choice="inlined", notes={("values_rewritten", "tas")})
def scale_factors_that_differ_of_little(make):
    pair(make, {"data_attributes": {"scale_factor": 0.01, "add_offset": 1.0}}, {"data_attributes": {"scale_factor": 0.03, "add_offset": 2.0}}, **PACKED)


@case(PACKING, judge="seen", choice="inlined", notes={("values_rewritten", "tas")})
def packed_beside_plain_of_little(make):
    pair(make, {"data_attributes": {"scale_factor": 0.01}, **PACKED}, {})


@case(PACKING, choice="virtual")
def packed_alike(make):
    large(make, count=40, data_attributes={"scale_factor": 0.01, "add_offset": 273.15}, **PACKED)


@case(PACKING, refused="data_type", about="tas", files=(0, 1))
def types_that_differ(make):
    large(make, {"data_type": "f4"}, {"data_type": "f8"})


@case(PACKING, judge="seen", choice="inlined", notes={("values_rewritten", "tas")})
def types_that_differ_of_little(make):
    pair(make, {"data_type": "f4", "fill": None}, {"data_type": "f8", "fill": None})


@case(PACKING, judge="seen", choice="inlined", notes={("values_rewritten", "tas")})
def integers_of_two_and_four_bytes_of_little(make):
    pair(make, {"data_type": "i2", "fill": None}, {"data_type": "i4", "fill": None, "scale": 1000})


@case(PACKING, refused="data_type", about="tas", files=(0, 1))
def bytes_that_differ(make):
    large(make, {"endian": "big"}, {"endian": "little"})


@case(PACKING, choice="inlined")
def bytes_that_differ_of_little(make):
    pair(make, {"endian": "big"}, {"endian": "little"})


@case(PACKING, choice="virtual")
def big_endian_alike(make):
    large(make, endian="big")


@case(PACKING, refused="codec", about="tas", files=(0, 1))
def zlib_beside_none(make):
    large(make, {}, {"zlib": False})


@case(PACKING, refused="codec", about="tas", files=(0, 1))
def zlib_beside_zstd(make):
    large(make, {}, {"compression": "zstd"})


@case(PACKING, choice="inlined")
def zlib_beside_zstd_of_little(make):
    pair(make, {}, {"compression": "zstd"})


@case(PACKING, choice="virtual")
def levels_of_compression_that_differ(make):
    large(make, {"level": 1}, {"level": 9})


@case(PACKING, choice="virtual")
def zstd_of_other_levels(make):
    large(make, {"level": 1}, {"level": 5}, compression="zstd")


@case(PACKING, refused="codec", about="tas", files=(0, 1))
def shuffle_on_and_off(make):
    large(make, {}, {"shuffle": False})


@case(PACKING, choice="inlined")
def shuffle_on_and_off_of_little(make):
    pair(make, {}, {"shuffle": False})


@case(PACKING, refused="chunking", about="tas", files=(0, 1))
def chunk_shapes_that_differ(make):
    large(make, {"chunks": (1, 60, 120)}, {"chunks": (1, 30, 60)})


@case(PACKING, choice="inlined")
def chunk_shapes_that_differ_of_little(make):
    pair(make, {"chunks": (1, 4, 6)}, {"chunks": (3, 2, 3)})


@case(PACKING, aggregate={"inline_limit": 200}, refused="chunking", about="tas", files=(0, 1))
def chunk_shapes_that_differ_beyond_the_limit(make):
    pair(make, {"chunks": (1, 4, 6)}, {"chunks": (3, 2, 3)})


@case(PACKING, aggregate={"inline_limit": "2MiB"}, choice="inlined")
def chunk_shapes_that_differ_within_the_limit(make):
    large(make, {"chunks": (1, 60, 120)}, {"chunks": (1, 30, 60)})


@case(PACKING, refused="packing", about="tas", files=(0, 1))
def fill_values_that_differ(make):
    large(make, {}, {"fill": -999.0})


def with_holes(fill):
    def values(shape):
        made = numbers(shape, 3).astype("f4")
        made[made % 5 == 0] = fill
        return made
    return {"fill": fill, "values": values}


@case(PACKING, judge="seen", choice="inlined", notes={("values_rewritten", "tas")})
def fill_values_that_differ_of_little(make):
    pair(make, with_holes(1e20), with_holes(-999.0))


@case(PACKING, judge="seen", choice="inlined", notes={("values_rewritten", "tas")})
def missing_value_beside_fill_value_of_little(make):
    def values(shape):
        made = numbers(shape, 3).astype("f4")
        made[made % 5 == 0] = -1.0
        return made
    pair(make, {"data_attributes": {"missing_value": np.float32(-1)}, "values": values}, {})


@case(PACKING, judge="seen", choice="inlined", notes={("values_rewritten", "tas")})
def what_no_packing_holds_of_little(make):
    """Neither file's type holds all: thirds of the one, and numbers beyond binary32 with holes of the other."""
    def wide(shape):
        made = numbers(shape, 1).astype("f8") + 1e12 + 0.25
        made[made % 5 > 4] = -1.0
        return made
    pair(make, {"data_type": "i2", "fill": -5, "data_attributes": {"scale_factor": 1 / 3}}, {"data_type": "f8", "fill": None, "values": wide, "data_attributes": {"missing_value": -1.0}})


def beyond_binary64(shape):
    return (2**53 + 1 + np.arange(np.prod(shape))).reshape(shape)


@case(PACKING, refused="data_type", about="tas", files=(0, 1))
def what_no_type_holds(make):
    pair(make, {"data_type": "f8", "fill": None, "scale": 0.1}, {"data_type": "i8", "fill": None, "values": beyond_binary64})


ORDER = "overlap, duplicate, gap"


@case(ORDER, refused="overlap", about="time", files=(0, 1))
def overlapping_files(make):
    make.file(steps(0, 4))
    make.file(steps(3, 4))


@case(ORDER, refused="overlap", about="time", files=(0, 1))
def the_same_steps_twice(make):
    make.file(steps(0, 4))
    make.file(steps(0, 4))
    make.file(steps(4, 4))


def kept(*slices, name="tas"):
    """The steps that must stand there: of which file, from where to where."""
    def check(opened, paths):
        parts = []
        for number, start, end in slices:
            with Dataset(paths[number]) as nc:
                nc[name].set_auto_maskandscale(False)
                parts.append((np.asarray(nc["time"][start:end]), nc[name][start:end]))
        times, expected = (np.concatenate(part) for part in zip(*parts))
        with opened(decode_cf=False) as ds:
            assert np.array_equal(ds["time"].values, times), ds["time"].values
            assert np.array_equal(ds[name].values, expected)
    return check


KEEP_LAST, KEEP_FIRST = {"on_overlap": "keep-last"}, {"on_overlap": "keep-first"}
RESOLVED = {("overlap_resolved", "time")}


# Names fall: the file that is made first comes last.
@case(ORDER, aggregate=KEEP_LAST, choice="virtual", judge="own", check=kept((0, 0, 20), (1, 5, 20)), notes=RESOLVED)
def overlapping_files_of_which_the_last_is_kept(make):
    make.file(steps(0, 20), grid=LARGE)
    make.file(steps(15, 20), grid=LARGE)


@case(ORDER, aggregate=KEEP_FIRST, choice="virtual", judge="own", check=kept((0, 0, 15), (1, 0, 20)), notes=RESOLVED)
def overlapping_files_of_which_the_first_is_kept(make):
    make.file(steps(0, 20), grid=LARGE)
    make.file(steps(15, 20), grid=LARGE)


@case(ORDER, aggregate=KEEP_FIRST, choice="virtual", judge="own", check=kept((0, 0, 15), (1, 0, 20), (0, 35, 50)), notes=RESOLVED)
def a_correction_within_a_file(make):
    make.file(steps(0, 50), grid=LARGE)
    make.file(steps(15, 20), grid=LARGE)


@case(ORDER, aggregate=KEEP_LAST, judge="own", check=kept((0, 0, 4), (2, 0, 4)), notes=RESOLVED)
def a_file_of_which_nothing_is_kept(make):
    make.file(steps(0, 4))
    make.file(steps(0, 4))
    make.file(steps(4, 4))


@case(ORDER, aggregate=KEEP_LAST, judge="own", check=kept((0, 0, 4)), notes=RESOLVED)
def files_of_the_same_steps_alone(make):
    make.file(steps(0, 4))
    make.file(steps(0, 4))


@case(ORDER, aggregate=KEEP_LAST, refused="chunking", about="tas", files=(1,))
def overlapping_files_cut_within_a_chunk(make):
    make.file(steps(0, 20), grid=LARGE, chunks=(5, 60, 120))
    make.file(steps(17, 28), grid=LARGE, chunks=(5, 60, 120))


@case(ORDER, aggregate=KEEP_LAST, choice="inlined", judge="own", check=kept((0, 0, 4), (1, 1, 4)), notes=RESOLVED)
def overlapping_files_cut_within_a_chunk_of_little(make):
    make.file(steps(0, 4), chunks=(4, 4, 6))
    make.file(steps(3, 4), chunks=(4, 4, 6))


@case(ORDER, aggregate=KEEP_LAST, choice="virtual_split", judge="own", check=kept((0, 0, 20), (1, 3, 28)), notes=RESOLVED)
def overlapping_files_cut_within_contiguous_data(make):
    make.file(steps(0, 20), grid=LARGE, contiguous=True, unlimited=False)
    make.file(steps(17, 28), grid=LARGE, contiguous=True, unlimited=False)


@case(ORDER, aggregate=KEEP_LAST, refused="overlap", about="time", files=(0, 1))
def overlapping_files_of_other_variables(make):
    make.file(steps(0, 4))
    make.file(steps(3, 4), more=extra())


@case(ORDER, aggregate=KEEP_LAST, refused="overlap", about="time", files=(0, 1))
def steps_that_lie_between_those_of_another_file(make):
    make.file(steps(0, 4, 2.0))
    make.file(steps(1, 4, 2.0))


@case(ORDER, refused="duplicate", about="time", files=(0,))
def a_step_twice_in_one_file(make):
    make.file([0, 1, 1, 2])
    make.file([3, 4])


@case(ORDER, notes={("gap", "time")})
def a_gap(make):
    make.file(steps(0, 4))
    make.file(steps(10, 4))


@case(ORDER, notes={("gap", "time")})
def a_missing_month_by_its_frequency(make):
    for month in (0, 1, 3):
        make.file([31.0 * month], attributes={"frequency": "mon"})


@case(ORDER, notes={("gap", "time")})
def steps_missing_within_a_file_by_its_frequency(make):
    make.file([0, 1, 2, 5, 6], attributes={"frequency": "day"})
    make.file([7, 8], attributes={"frequency": "day"})


@case(ORDER, notes={("gap", "time")})
def steps_missing_within_a_file(make):
    make.file([0, 1, 2, 5, 6, 7])
    make.file([8, 9])


@case(ORDER, notes={("gap", "time")})
def steps_missing_within_the_only_file(make):
    make.file([0, 1, 2, 5, 6, 7])


@case(ORDER, aggregate={"on_gap": "error"}, refused="gap", about="time", files=(0,))
def steps_missing_within_a_file_that_are_forbidden(make):
    make.file([0, 1, 2, 5, 6, 7])
    make.file([8, 9])


@case(ORDER)
def steps_of_no_one_length(make):
    make.file([0, 1, 3, 4, 8, 9])
    make.file([13, 14])


@case(ORDER, aggregate={"on_gap": "error"}, refused="gap", about="time", files=(0, 1))
def a_gap_that_is_forbidden(make):
    make.file(steps(0, 4))
    make.file(steps(10, 4))


@case(ORDER, judge="seen", notes={("reversed_file", "time")})
def a_file_that_runs_the_other_way(make):
    make.file(steps(0, 4))
    make.file(steps(7, 4, -1))


@case(ORDER)
def one_step_in_each_file(make):
    for start in range(5):
        make.file([start * 30.0])


@case(ORDER, notes={("empty_file", "time")})
def a_file_without_steps(make):
    make.file(steps(0, 4))
    make.file([])
    make.file(steps(4, 4))


def extra(fill=1e20, data_type="f4"):
    def more(nc):
        shape = tuple(len(nc.dimensions[name]) for name in ("time", "lat", "lon"))
        variable = nc.createVariable("extra", data_type, ("time", "lat", "lon"), fill_value=fill, zlib=True, chunksizes=(1, *shape[1:]))
        variable[:] = numbers(shape, 4)
    return more


MISSING = "a variable, level or group missing in some files"


def extra_is(before, fill):
    def check(opened, paths):
        with opened(decode_cf=False) as ds:
            assert np.all(ds["extra"].values[:before] == np.float32(fill)) and np.array_equal(ds["extra"].values[before:], numbers(ds["extra"].shape, 4)[: ds["extra"].shape[0] - before])
    return check


@case(MISSING, variable="extra", choice="filled", judge="own", check=extra_is(20, 1e20), notes={("variable_missing", "extra")})
def a_variable_that_a_file_lacks(make):
    large(make, {}, {"more": extra()})


@case(MISSING, variable="extra", choice="filled", judge="own", check=extra_is(3, 1e20), notes={("variable_missing", "extra")})
def a_little_variable_that_a_file_lacks(make):
    pair(make, {}, {"more": extra()})


@case(MISSING, variable="extra", choice="filled", judge="own", check=extra_is(20, 9.969209968386869e36), notes={("variable_missing", "extra")})
def a_variable_without_fill_value_that_a_file_lacks(make):
    large(make, {}, {"more": extra(fill=None)})


@case(MISSING, refused="variable", about="extra", files=(1, 0))
def a_variable_of_bytes_that_a_file_lacks(make):
    pair(make, {}, {"more": extra(fill=None, data_type="i1")})


def grouped(nc):
    inner = nc.createGroup("model").createVariable("pressure", "f4", ("time", "lat"), fill_value=-1.0, zlib=True, chunksizes=(1, len(nc.dimensions["lat"])))
    inner[:] = numbers((len(nc.dimensions["time"]), len(nc.dimensions["lat"])), 2)


@case(MISSING, variable="model/pressure", choice="filled", judge="own", notes={("variable_missing", "model/pressure")})
def a_group_that_a_file_lacks(make):
    pair(make, {}, {"more": grouped})


def levels(values, chunk=1, data_type="f4", fill=1e20):
    def more(nc):
        nc.createDimension("plev", len(values))
        level = nc.createVariable("plev", "f8", ("plev",))
        level.units = "Pa"
        level[:] = values
        data = nc.createVariable("ta", data_type, ("time", "plev", "lat"), fill_value=fill, zlib=True, chunksizes=(1, chunk, len(nc.dimensions["lat"])))
        data[:] = np.asarray(values)[None, :, None] / 1000 + numbers((len(nc.dimensions["time"]), 1, len(nc.dimensions["lat"])), 1)
    return more


def on_all_levels(opened, paths):
    with opened(decode_cf=False) as ds:
        assert list(ds["plev"].values) == [100000, 85000, 50000]
        for number, path in enumerate(paths):
            with Dataset(path) as nc:
                at = [list(ds["plev"].values).index(level) for level in nc["plev"][:]]
                found = ds["ta"].values[3 * number : 3 * number + 3]
                assert np.array_equal(found[:, at], np.ma.getdata(nc["ta"][:]))
                assert np.all(np.delete(found, at, axis=1) == np.float32(1e20))


LEVELS = {"variable": "ta", "judge": "own", "check": on_all_levels, "notes": {("levels_missing", "plev"), ("gap", "ta")}}


@case(MISSING, choice="filled", **LEVELS)
def a_level_that_a_file_lacks(make):
    pair(make, {"more": levels([100000, 85000, 50000])}, {"more": levels([100000, 50000])})


@case(MISSING, choice="filled", **LEVELS)
def the_last_level_that_the_first_file_lacks(make):
    pair(make, {"more": levels([100000, 85000])}, {"more": levels([100000, 85000, 50000])})


@case(MISSING, choice="filled", **LEVELS)
def a_level_in_the_middle_of_a_chunk(make):
    pair(make, {"more": levels([100000, 85000, 50000], 3)}, {"more": levels([100000, 50000], 2)})


@case(MISSING, refused="gap", about="ta", files=(0,))
def a_level_of_bytes_that_a_file_lacks(make):
    bytes_of = lambda values: {"more": levels(values, data_type="i1", fill=None), "values": lambda shape: numbers(shape, 1) % 5}
    pair(make, bytes_of([10000, 8000, 5000]), bytes_of([10000, 5000]))


@case(MISSING, refused="coordinate", about="plev", files=(0, 1))
def levels_that_no_file_has_all_of(make):
    pair(make, {"more": levels([100000, 85000])}, {"more": levels([85000, 50000])})


GRIDS = "coordinates that should be identical"


@case(GRIDS, notes={("coordinate_tolerated", "lat")}, judge="seen")
def latitudes_by_rounding(make):
    lat = np.linspace(-80, 80, 4)
    pair(make, {"lat": lat}, {"lat": lat + 1.4e-14})


@case(GRIDS, refused="coordinate", about="lat", files=(0, 1))
def latitudes_by_a_thousandth(make):
    lat = np.linspace(-80, 80, 4)
    pair(make, {"lat": lat}, {"lat": lat + 1e-3})


def turned(opened, paths):
    with opened(decode_cf=False) as ds, Dataset(paths[0]) as first, Dataset(paths[1]) as second:
        both = [np.asarray(nc["tas"][:])[:, np.argsort(nc["lat"][:])] for nc in (first, second)]
        assert np.array_equal(ds["tas"].sortby("lat").values, np.concatenate(both))


@case(GRIDS, judge="own", check=turned, choice="inlined", notes={("reversed_file", "lat")})
def latitudes_the_other_way(make):
    lat = np.linspace(-80, 80, 4)
    pair(make, {"lat": lat}, {"lat": lat[::-1]})


@case(GRIDS, refused="coordinate", about="lat", files=(0, 1))
def a_grid_that_is_coarser(make):
    pair(make, {"lat": np.linspace(-80, 80, 5)}, {"lat": np.linspace(-80, 80, 3)})


@case(GRIDS, refused="coordinate", about="lat", files=(0, 1))
def grids_of_other_sizes(make):
    pair(make, {"grid": (4, 6)}, {"grid": (5, 6)})


STATIC = "a scalar or small static variable that differs; a large one"


def static(name, values, dimensions=(), attributes=None, data_type="f8"):
    def more(nc):
        if "k" in dimensions:
            nc.createDimension("k", len(values))
        variable = nc.createVariable(name, data_type, dimensions)
        variable[...] = values
        variable.setncatts(attributes or {})
    return more


def spread(name, first, second):
    def check(opened, paths):
        with opened(decode_cf=False) as ds:
            assert ds[name].dims[0] == "time", ds[name].dims
            assert np.array_equal(ds[name].values[:3], np.broadcast_to(first, ds[name].values[:3].shape))
            assert np.array_equal(ds[name].values[3:], np.broadcast_to(second, ds[name].values[3:].shape))
    return check


@case(STATIC, variable="base", choice="inlined", judge="own", check=spread("base", 1.0, 2.0), notes={("spread_along_join", "base")})
def scalars_that_differ(make):
    pair(make, {"more": static("base", 1.0)}, {"more": static("base", 2.0)})


@case(STATIC, variable="base", choice="inlined", judge="own", check=spread("base", 1.0, 2.0), notes={("spread_along_join", "base"), ("values_rewritten", "base")})
def scalars_of_two_types(make):
    pair(make, {"more": static("base", 1.0, data_type="f4")}, {"more": static("base", 2.0, data_type="f8")})


@case(STATIC, variable="base", choice="inlined", judge="own", notes={("values_rewritten", "base")})
def equal_scalars_of_two_types(make):
    pair(make, {"more": static("base", 2.0, data_type="f4")}, {"more": static("base", 2.0, data_type="f8")})


@case(STATIC, variable="table", choice="inlined", judge="own", check=spread("table", [1, 2, 3], [1, 2, 4]), notes={("spread_along_join", "table")})
def a_small_static_field_that_differs(make):
    pair(make, {"more": static("table", [1, 2, 3], ("k",))}, {"more": static("table", [1, 2, 4], ("k",))})


@case(STATIC, refused="values", about="orog", files=(0, 1))
def a_large_static_field_that_differs(make):
    fields = [numbers(LARGE, seed).astype("f4") for seed in (1, 2)]
    large(make, {"more": static("orog", fields[0], ("lat", "lon"), data_type="f4")}, {"more": static("orog", fields[1], ("lat", "lon"), data_type="f4")})


@case(STATIC, variable="orog", choice="virtual")
def a_static_field_that_is_the_same(make):
    field = numbers(LARGE, 1).astype("f4")
    large(make, more=static("orog", field, ("lat", "lon"), data_type="f4"))


def text_variable(words):
    def more(nc):
        nc.createDimension("k", len(words))
        nc.createVariable("region", str, ("k",))[:] = np.array(words, object)
    return more


@case(STATIC, variable="region", judge="own", choice="inlined", notes={("spread_along_join", "region")})
def texts_that_differ(make):
    pair(make, {"more": text_variable(["Nord", "Süd"])}, {"more": text_variable(["Nord", "West"])})


@case(STATIC, refused="attribute", about="crs", files=(0, 1))
def grid_mappings_that_differ(make):
    mapping = lambda name: static("crs", 0, attributes={"grid_mapping_name": name}, data_type="i4")
    pair(make, {"more": mapping("latitude_longitude")}, {"more": mapping("rotated_latitude_longitude")})


@case(STATIC, refused="attribute", about="crs", files=(0, 1))
def grid_mappings_of_other_earths(make):
    mapping = lambda radius: static("crs", 0, attributes={"grid_mapping_name": "latitude_longitude", "semi_major_axis": radius}, data_type="i4")
    pair(make, {"more": mapping(6378137.0)}, {"more": mapping(6371229.0)})


ATTRIBUTES = "attributes that decide what values mean; others"


@case(ATTRIBUTES, refused="units", about="tas", files=(0, 1))
def units_that_differ(make):
    pair(make, {}, {"data_attributes": {"units": "degC"}})


@case(ATTRIBUTES, refused="attribute", about="tas", files=(0, 1))
def flags_that_differ(make):
    flags = lambda meanings: {"data_attributes": {"flag_values": np.array([0, 1], "i2"), "flag_meanings": meanings, "units": "1"}, "data_type": "i2", "fill": None}
    pair(make, flags("land sea"), flags("sea land"))


@case(ATTRIBUTES, refused="attribute", about="tas", files=(0, 1))
def valid_ranges_that_differ(make):
    pair(make, {"data_attributes": {"valid_range": np.array([0, 500], "f4")}}, {"data_attributes": {"valid_range": np.array([0, 600], "f4")}})


@case(ATTRIBUTES, notes={("attribute_dropped", "tas:comment")})
def comments_that_differ(make):
    pair(make, {"data_attributes": {"comment": "a"}}, {"data_attributes": {"comment": "b"}})


def extremes(opened, paths):
    with opened() as ds:
        assert (ds.attrs["time_coverage_start"], ds.attrs["time_coverage_end"]) == ("2000-01-01", "2000-01-06"), ds.attrs
        assert ds.attrs["geospatial_lat_max"] == 82.5 and "history" not in ds.attrs and "tracking_id" not in ds.attrs, ds.attrs


@case(ATTRIBUTES, check=extremes, notes={("attribute_dropped", ":history"), ("attribute_dropped", ":tracking_id"), ("attribute_dropped", ":creation_date")})
def global_attributes_that_differ(make):
    common = {"title": "made"}
    pair(make, {"attributes": common | {"history": "a", "tracking_id": "1", "creation_date": "2001", "time_coverage_start": "2000-01-01", "time_coverage_end": "2000-01-03",
                                        "geospatial_lat_max": 80.0}},
         {"attributes": common | {"history": "b", "tracking_id": "2", "creation_date": "2002", "time_coverage_start": "2000-01-04", "time_coverage_end": "2000-01-06",
                                  "geospatial_lat_max": 82.5}})


FORMATS = "NetCDF-3 and NetCDF-4 in one series"


@case(FORMATS, choice="inlined", notes=REWRITTEN)
def classic_and_new_of_little(make):
    pair(make, {"format": "NETCDF3_CLASSIC"}, {})


@case(FORMATS, refused="codec", about="tas", files=(0, 1))
def classic_and_filtered(make):
    large(make, {"format": "NETCDF3_CLASSIC"}, {})


@case(FORMATS, choice="virtual")
def classic_and_64_bit(make):
    large(make, {"format": "NETCDF3_CLASSIC"}, {"format": "NETCDF3_64BIT_OFFSET"})


@case(FORMATS, choice="virtual", notes=REWRITTEN)
def classic_and_big_endian_unfiltered(make):
    large(make, {"format": "NETCDF3_CLASSIC"}, {"zlib": False, "endian": "big"})


def main():
    folder, wanted = Path(sys.argv[1]), sys.argv[2:]
    for one in CASES:
        if not wanted or one.name in wanted:
            (folder / one.name).mkdir(parents=True, exist_ok=True)
            one.make(Maker(folder / one.name))
            print(f"{one.name}: {one.row}")


if __name__ == "__main__":
    main()
