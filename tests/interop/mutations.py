"""Ways to corrupt a good product or the sources under it; every digest that altostac stores is recomputed afterwards.

A mutation gets a `Victim` and a random generator, and corrupts; False is given back where the dataset has nothing to corrupt in that way.
Each is written so that what a reader gets is not what the sources hold: values are random, so that no two chunks are alike.
"""

import base64
import hashlib
import json
import os
import shutil
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from netCDF4 import Dataset

from program import Project

LAT, LON = np.linspace(-70, 70, 6), np.arange(0, 360, 45.0)


# -- datasets ------------------------------------------------------------------------------------------------------------


def write(path, times, random, *, format="NETCDF4", units="days since 2000-01-01", dtype="f4", packed=False, names=("tas", "pr"), chunks=(1, 6, 8),
          contiguous=False, fletcher32=False, zlib=True, skip=()):
    """One file with random values: time, its bounds, a height, a static field and some data."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Dataset(path, "w", format=format) as nc:
        nc.setncatts({"title": "made", "source_id": "MODEL-1", "history": f"made as {path.name}"})
        nc.createDimension("time", len(times) if contiguous else None)
        for name, length in (("lat", len(LAT)), ("lon", len(LON)), ("nv", 2)):
            nc.createDimension(name, length)
        time = nc.createVariable("time", "f8", ("time",))
        time.setncatts({"units": units, "calendar": "standard", "standard_name": "time", "bounds": "time_bnds"})
        time[:] = times
        nc.createVariable("time_bnds", "f8", ("time", "nv"))[:] = np.stack([np.asarray(times) - 0.5, np.asarray(times) + 0.5], 1)
        for name, axis, unit in (("lat", LAT, "degrees_north"), ("lon", LON, "degrees_east")):
            nc.createVariable(name, "f8", (name,))[:] = axis
            nc[name].units = unit
        nc.createVariable("height", "f8", ())[...] = 2.0
        nc["height"].units = "m"
        nc.createVariable("orog", "f4", ("lat", "lon"))[:] = np.arange(48, dtype="f4").reshape(6, 8) * 7
        for name in names:
            options = {"zlib": zlib, "shuffle": zlib, "fletcher32": fletcher32, "chunksizes": chunks} if format == "NETCDF4" else {}
            options = {"contiguous": True} if contiguous and format == "NETCDF4" else options
            data = nc.createVariable(name, dtype, ("time", "lat", "lon"), fill_value=-32768 if packed else 1e20, **options)
            data.setncatts({"units": "K", "standard_name": f"name_of_{name}", "cell_methods": "time: mean"})
            if packed:
                data.setncatts({"scale_factor": 0.01, "add_offset": 273.15})
            data.set_auto_maskandscale(False)
            shape = (len(times), len(LAT), len(LON))
            values = random.integers(-9000, 9000, shape).astype(dtype) if packed else random.normal(280, 20, shape).astype(dtype)
            for step in (step for step in range(len(times)) if (name, step) not in skip):
                data[step] = values[step]


def filtered(folder, random):
    for number in range(4):
        write(folder / f"{number}.nc", np.arange(5) + 5 * number, random)


def unfiltered(folder, random):
    """NetCDF-3: record variables that interleave, no checksum anywhere."""
    for number in range(4):
        write(folder / f"{number}.nc", np.arange(5) + 5 * number, random, format="NETCDF3_64BIT_OFFSET")


def contiguous(folder, random):
    for number in range(4):
        write(folder / f"{number}.nc", np.arange(5) + 5 * number, random, contiguous=True)


def packed(folder, random):
    for number in range(4):
        write(folder / f"{number}.nc", np.arange(5) + 5 * number, random, dtype="i2", packed=True, fletcher32=True, zlib=False)


def units_of_their_own(folder, random):
    for number in range(4):
        write(folder / f"{number}.nc", np.arange(5), random, units=f"days since 2000-01-{1 + 5 * number:02}")


def with_holes(folder, random):
    """Some chunks were never written."""
    for number in range(4):
        write(folder / f"{number}.nc", np.arange(5) + 5 * number, random, skip={("tas", 2), ("pr", number)})


def time_and_member(folder, random):
    for member in (1, 2):
        for number in range(2):
            write(folder / f"r{member}_{number}.nc", np.arange(5) + 5 * number, random)


DATASETS = {make.__name__: make for make in (filtered, unfiltered, contiguous, packed, units_of_their_own, with_holes, time_and_member)}


# -- victims ------------------------------------------------------------------------------------------------------------


@dataclass
class Victim:
    """One item that stands, with what it takes to mend it."""

    project: Project
    item: str
    kept: dict = field(default_factory=dict)

    def __post_init__(self):
        self.product = self.project.kerchunk(self.item)
        self.files = sorted((self.project.folder / "archive" / self.item).glob("*.nc"))
        for path in [self.product, *self.files]:
            self.kept[path] = (path.read_bytes(), path.stat())
        self.open()

    def open(self):
        self.document = json.loads(self.kept[self.product][0])
        self.refs = self.document["refs"]

    def mend(self):
        for path, (content, stat) in self.kept.items():
            if not path.exists() or path.read_bytes() != content or path.stat().st_mtime_ns != stat.st_mtime_ns:
                if path.exists():
                    path.chmod(0o644)
                path.write_bytes(content)
                os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        self.open()
        self.recompute()

    def put(self):
        """Writes the references as they are now."""
        self.product.chmod(0o644)
        self.product.write_text(json.dumps(self.document))

    def recompute(self):
        """Every digest that is stored of this item: of the product, and size and time of the sources."""
        text = self.product.read_bytes()
        digest = hashlib.sha256(text).hexdigest()
        with sqlite3.connect(self.project.folder / ".altostac/recipe/ledger.sqlite") as ledger:
            (products,), = ledger.execute("SELECT products FROM item WHERE id = ?", [self.item]).fetchall()
            products = json.loads(products)
            products[0]["files"][0] |= {"size": len(text), "sha256": digest}
            ledger.execute("UPDATE item SET products = ? WHERE id = ?", [json.dumps(products), self.item])
            for path in (path for path in self.files if path.exists()):
                stat = path.stat()
                source = {"url": path.as_uri(), "size": stat.st_size,
                          "fingerprint": {"kind": "modified_and_size", "modified_ns": stat.st_mtime_ns, "size": stat.st_size}}
                ledger.execute("UPDATE source SET file = ? WHERE item = ? AND url = ?", [json.dumps(source), self.item, path.as_uri()])
        record = self.project.collection_folder / "items" / f"{self.item}.json"
        item = json.loads(record.read_text())
        asset = item["assets"]["reference_file"]
        asset.update({key: value for key, value in (("file:checksum", f"1220{digest}"), ("file:size", len(text))) if key in asset})
        record.write_text(json.dumps(item))

    # -- what it has --------------------------------------------------------------------------------------------------

    def metadata(self, name, kind=".zarray"):
        return json.loads(self.refs[f"{name}/{kind}"])

    def change(self, name, kind=".zarray", **keys):
        self.refs[f"{name}/{kind}"] = json.dumps(self.metadata(name, kind) | keys)

    @property
    def arrays(self):
        return sorted(key[:-8] for key in self.refs if key.endswith("/.zarray"))

    def chunks(self, name):
        """The keys of a variable's references into files."""
        return [key for key, value in self.refs.items() if key.startswith(f"{name}/") and isinstance(value, list)]

    def inlined(self, name):
        return [key for key, value in self.refs.items() if key.startswith(f"{name}/") and "/." not in key and isinstance(value, str)]

    @property
    def data(self):
        return [name for name in self.arrays if len(self.chunks(name)) > 1]

    def values(self, key):
        text = self.refs[key]
        return bytearray(base64.b64decode(text[7:]) if text.startswith("base64:") else text.encode())

    def set_values(self, key, data):
        self.refs[key] = "base64:" + base64.b64encode(bytes(data)).decode()

    def pick(self, random, count=1):
        """Chunks of one data variable, all different."""
        name = random.choice(self.data)
        return [str(key) for key in random.choice(self.chunks(name), count, replace=False)]

    def file(self, random):
        return self.files[random.integers(len(self.files))]


def build(folder, dataset, items, seed):
    """A project with this dataset as many times as there are items, each with files of its own."""
    first = Path(folder) / "archive" / items[0]
    DATASETS[dataset](first, np.random.default_rng(seed))
    for item in items[1:]:
        shutil.copytree(first, Path(folder) / "archive" / item)
    pattern = "{name}/r{member}_{rest}.nc" if dataset == "time_and_member" else "{name}/{rest}.nc"
    project = Project.of_recipe(folder, {
        "collection": {"id": "made", "title": "Made", "description": "For tests.", "license": "CC-BY-4.0"},
        "sources": [{"root": "archive", "include": ["**/*.nc"]}],
        "item": {"pattern": pattern, "id": "{{ name }}"},
        "aggregate": {"along": ["time", {"name": "member", "from": "member"}] if dataset == "time_and_member" else "auto"},
        "products": ["kerchunk"], "output": "published"})
    return project


# -- mutations of references --------------------------------------------------------------------------------------------

MUTATIONS = {}
IN_SOURCES = set()


def mutation(function):
    MUTATIONS[function.__name__] = function
    return function


def of_source(function):
    IN_SOURCES.add(function.__name__)
    return mutation(function)


@mutation
def one_reference_to_another_chunk(victim, random):
    one, other = victim.pick(random, 2)
    victim.refs[one] = victim.refs[other]


@mutation
def one_offset_of_another_chunk(victim, random):
    one, other = victim.pick(random, 2)
    victim.refs[one] = [victim.refs[other][0], victim.refs[other][1], victim.refs[one][2]]
    return victim.refs[one] != victim.refs[other]


@mutation
def most_references_to_one(victim, random):
    name = random.choice(victim.data)
    keys = victim.chunks(name)
    wrong = random.choice(keys, max(1, round(0.965 * len(keys)) - 1), replace=False)
    one = next(key for key in keys if key not in wrong)
    for key in wrong:
        victim.refs[key] = victim.refs[one]


@mutation
def every_reference_to_one(victim, random):
    for name in victim.data:
        one, = random.choice(victim.chunks(name), 1)
        for key in victim.chunks(name):
            victim.refs[key] = victim.refs[one]


@mutation
def two_references_exchanged(victim, random):
    one, other = victim.pick(random, 2)
    victim.refs[one], victim.refs[other] = victim.refs[other], victim.refs[one]


@mutation
def references_one_step_further(victim, random):
    keys = victim.chunks(random.choice(victim.data))
    moved = [victim.refs[key] for key in keys]
    for key, value in zip(keys, moved[1:] + moved[:1]):
        victim.refs[key] = value


@mutation
def references_backwards(victim, random):
    keys = victim.chunks(random.choice(victim.data))
    for key, value in zip(keys, [victim.refs[key] for key in keys][::-1]):
        victim.refs[key] = value


@mutation
def one_offset_shifted(victim, random):
    key, = victim.pick(random)
    url, offset, length = victim.refs[key]
    victim.refs[key] = [url, offset + int(random.choice([-1, 1, 2, 4, 8, 512])), length]


@mutation
def every_offset_shifted(victim, random):
    by = int(random.choice([-1, 1, 4, 8, 512, 2048]))
    for name in victim.data:
        for key in victim.chunks(name):
            url, offset, length = victim.refs[key]
            victim.refs[key] = [url, offset + by, length]


@mutation
def one_length_changed(victim, random):
    key, = victim.pick(random)
    url, offset, length = victim.refs[key]
    victim.refs[key] = [url, offset, length + int(random.choice([-1, 1, 4, -length // 2]))]


@mutation
def two_files_swapped(victim, random):
    one, other = (path.as_uri() for path in random.choice(victim.files, 2, replace=False))
    other_of = {one: other, other: one}
    for name in victim.data:
        for key in victim.chunks(name):
            victim.refs[key] = [other_of.get(victim.refs[key][0], victim.refs[key][0]), *victim.refs[key][1:]]


@mutation
def one_reference_to_another_file(victim, random):
    key, = victim.pick(random)
    other = random.choice([path.as_uri() for path in victim.files if path.as_uri() != victim.refs[key][0]])
    victim.refs[key] = [str(other), *victim.refs[key][1:]]


@mutation
def a_reference_out_of_the_item(victim, random):
    key, = victim.pick(random)
    other = Path(str(victim.refs[key][0]).removeprefix("file://")).parent.parent / "control" / Path(victim.refs[key][0]).name
    victim.refs[key] = [other.as_uri(), *victim.refs[key][1:]]


@mutation
def a_reference_left_out(victim, random):
    key, = victim.pick(random)
    del victim.refs[key]


@mutation
def every_reference_of_a_file_left_out(victim, random):
    url = victim.file(random).as_uri()
    for key in [key for key, value in victim.refs.items() if isinstance(value, list) and value[0] == url]:
        del victim.refs[key]


@mutation
def a_reference_where_nothing_was_written(victim, random):
    holes = [f"{name}/{step}.0.0" for name in victim.data for step in range(20) if f"{name}/{step}.0.0" not in victim.refs]
    if not holes or victim.metadata(victim.data[0])["chunks"] != [1, 6, 8]:
        return False
    key = str(random.choice(holes))
    victim.refs[key] = victim.refs[random.choice(victim.chunks(key.split("/")[0]))]
    return True


@mutation
def a_chunk_of_another_variable(victim, random):
    one, other = random.choice(victim.data, 2, replace=False)
    key = str(random.choice(victim.chunks(one)))
    victim.refs[key] = victim.refs[str(random.choice(victim.chunks(other)))]


@mutation
def two_variables_exchanged(victim, random):
    one, other = random.choice(victim.data, 2, replace=False)
    of_one, of_other = ({key.split("/")[1]: victim.refs.pop(key) for key in victim.chunks(name)} for name in (one, other))
    victim.refs.update({f"{one}/{key}": value for key, value in of_other.items()} | {f"{other}/{key}": value for key, value in of_one.items()})


@mutation
def a_chunk_inlined_with_other_values(victim, random):
    key, = victim.pick(random)
    with open(victim.refs[key][0].removeprefix("file://"), "rb") as file:
        file.seek(victim.refs[key][1])
        data = bytearray(file.read(victim.refs[key][2]))
    data[random.integers(len(data))] ^= 1 << random.integers(8)
    victim.set_values(key, data)


# -- of steps and coordinates ---------------------------------------------------------------------------------------------


def steps_of(victim):
    return victim.metadata("time")["shape"][0]


@mutation
def the_last_step_dropped(victim, random):
    drop_steps(victim, steps_of(victim) - 1, 1)


@mutation
def a_step_dropped(victim, random):
    drop_steps(victim, int(random.integers(steps_of(victim))), 1)


@mutation
def the_steps_of_a_file_dropped(victim, random):
    drop_steps(victim, 5 * int(random.integers(steps_of(victim) // 5)), 5)


def drop_steps(victim, first, count):
    """Takes steps out of everything that lies along time, so that the product is whole in itself."""
    for name in victim.arrays:
        array, dimensions = victim.metadata(name), victim.metadata(name, ".zattrs")["_ARRAY_DIMENSIONS"]
        if "time" not in dimensions:
            continue
        axis = dimensions.index("time")
        shape = list(array["shape"])
        shape[axis] -= count
        for key in victim.inlined(name):
            if array["chunks"] == array["shape"] and not array["filters"]:
                values = np.frombuffer(victim.values(key), array["dtype"]).reshape(array["shape"])
                victim.set_values(key, np.delete(values, range(first, first + count), axis).tobytes())
                array["chunks"][axis] -= count
        victim.change(name, shape=shape, chunks=array["chunks"])
        if array["chunks"][axis] == 1 or victim.chunks(name):
            length = array["chunks"][axis]
            old = {key: victim.refs.pop(key) for key in victim.chunks(name)}
            for key, value in old.items():
                place = [int(number) for number in key.split("/")[1].split(".")]
                if place[axis] * length >= first + count:
                    place[axis] -= max(1, count // length)
                elif place[axis] * length >= first:
                    continue
                victim.refs[f"{name}/{'.'.join(map(str, place))}"] = value


def change_inlined(victim, name, change):
    keys = victim.inlined(name)
    array = victim.metadata(name)
    if not keys or array["filters"]:
        return False
    values = np.frombuffer(victim.values(keys[0]), array["dtype"]).copy()
    change(values)
    victim.set_values(keys[0], values.tobytes())
    return True


@mutation
def a_bit_of_an_inlined_value(victim, random):
    name = random.choice([name for name in victim.arrays if victim.inlined(name)])
    key = str(random.choice(victim.inlined(name)))
    data = victim.values(key)
    data[random.integers(len(data))] ^= 1 << random.integers(8)
    victim.set_values(key, data)


@mutation
def one_time_changed(victim, random):
    at = random.integers(steps_of(victim))
    return change_inlined(victim, "time", lambda values: values.__setitem__(at, values[at] + 0.5 if values.dtype.kind == "f" else values[at] + 1))


@mutation
def two_times_exchanged(victim, random):
    one, other = random.choice(steps_of(victim), 2, replace=False)
    return change_inlined(victim, "time", lambda values: values.__setitem__([one, other], values[[other, one]]))


@mutation
def one_time_twice(victim, random):
    one, other = random.choice(steps_of(victim), 2, replace=False)
    return change_inlined(victim, "time", lambda values: values.__setitem__(one, values[other]))


@mutation
def all_times_shifted(victim, random):
    return change_inlined(victim, "time", lambda values: values.__iadd__(values.dtype.type(random.integers(1, 30))))


@mutation
def all_times_backwards(victim, random):
    return change_inlined(victim, "time", lambda values: values.__setitem__(slice(None), values[::-1].copy()))


@mutation
def one_bound_changed(victim, random):
    at = random.integers(2 * steps_of(victim))
    return change_inlined(victim, "time_bnds", lambda values: values.__setitem__(at, values[at] + 1))


@mutation
def latitudes_backwards(victim, random):
    return change_inlined(victim, "lat", lambda values: values.__setitem__(slice(None), values[::-1].copy()))


@mutation
def a_longitude_changed(victim, random):
    at = random.integers(len(LON))
    return change_inlined(victim, "lon", lambda values: values.__setitem__(at, np.nextafter(values[at], 1000)))


@mutation
def a_scalar_changed(victim, random):
    return change_inlined(victim, "height", lambda values: values.__setitem__(0, 10.0))


@mutation
def labels_exchanged(victim, random):
    if "member" not in victim.arrays:
        return False
    keys = victim.inlined("member")
    array = victim.metadata("member")
    values = np.frombuffer(victim.values(keys[0]), array["dtype"]).copy() if not array["filters"] else None
    if values is None:
        return False
    victim.set_values(keys[0], values[::-1].tobytes())
    return True


# -- of what is said ------------------------------------------------------------------------------------------------------


@mutation
def an_attribute_changed(victim, random):
    name = random.choice(victim.data)
    victim.change(name, ".zattrs", **{str(random.choice(["units", "standard_name", "cell_methods"])): "changed"})


@mutation
def an_attribute_lost(victim, random):
    name = random.choice(victim.data)
    attributes = victim.metadata(name, ".zattrs")
    del attributes[str(random.choice(["units", "standard_name", "cell_methods"]))]
    victim.refs[f"{name}/.zattrs"] = json.dumps(attributes)


@mutation
def an_attribute_invented(victim, random):
    victim.change(random.choice(victim.arrays), ".zattrs", comment="made up")


@mutation
def a_fill_value_attribute_invented(victim, random):
    victim.change(random.choice(victim.data), ".zattrs", _FillValue=0.0)


@mutation
def a_global_attribute_changed(victim, random):
    victim.refs[".zattrs"] = json.dumps(json.loads(victim.refs[".zattrs"]) | {"source_id": "MODEL-2"})


@mutation
def a_global_attribute_lost(victim, random):
    attributes = json.loads(victim.refs[".zattrs"])
    del attributes[str(random.choice(["title", "source_id"]))]
    victim.refs[".zattrs"] = json.dumps(attributes)


@mutation
def a_global_attribute_invented(victim, random):
    victim.refs[".zattrs"] = json.dumps(json.loads(victim.refs[".zattrs"]) | {"institution_id": "NOWHERE"})


@mutation
def scale_factor_changed(victim, random):
    name = random.choice(victim.data)
    victim.change(name, ".zattrs", scale_factor=float(random.choice([0.1, 0.010000000000000002, 1.0])))


@mutation
def packing_lost(victim, random):
    name = random.choice(victim.data)
    attributes = victim.metadata(name, ".zattrs")
    if "add_offset" not in attributes:
        return False
    del attributes[str(random.choice(["add_offset", "scale_factor"]))]
    victim.refs[f"{name}/.zattrs"] = json.dumps(attributes)
    return True


@mutation
def fill_value_changed(victim, random):
    name = random.choice(victim.data)
    victim.change(name, fill_value=random.choice([0, 1, None]))


@mutation
def time_units_changed(victim, random):
    units = victim.metadata("time", ".zattrs")["units"]
    other = str(random.choice([units.replace("2000-01-01", "2000-01-02"), "hours" + units[units.index(" "):]]))
    victim.change("time", ".zattrs", units=other)
    return other != units


@mutation
def calendar_changed(victim, random):
    victim.change("time", ".zattrs", calendar=str(random.choice(["noleap", "360_day", "julian"])))


@mutation
def byte_order_changed(victim, random):
    name = random.choice(victim.data)
    dtype = victim.metadata(name)["dtype"]
    victim.change(name, dtype={"<": ">", ">": "<"}[dtype[0]] + dtype[1:])


@mutation
def type_changed(victim, random):
    name = random.choice(victim.data)
    dtype = victim.metadata(name)["dtype"]
    victim.change(name, dtype=dtype[0] + {"f4": "i4", "i2": "u2"}[dtype[1:]], fill_value=None)


@mutation
def filters_changed(victim, random):
    name = random.choice(victim.data)
    filters = victim.metadata(name)["filters"] or []
    shuffle = {"id": "shuffle", "elementsize": 2}
    victim.change(name, filters=filters[1:] if filters and random.random() < 0.5 else [shuffle, *filters])


@mutation
def shape_changed(victim, random):
    name = random.choice(victim.data)
    shape = victim.metadata(name)["shape"]
    axis = random.integers(len(shape))
    shape[axis] += int(random.choice([-1, 1]))
    victim.change(name, shape=shape)


@mutation
def latitude_and_longitude_exchanged(victim, random):
    name = random.choice(victim.data)
    array = victim.metadata(name)
    for key in ("shape", "chunks"):
        array[key][-2:] = array[key][-2:][::-1]
    victim.refs[f"{name}/.zarray"] = json.dumps(array)


@mutation
def dimensions_renamed(victim, random):
    name = random.choice(victim.data)
    dimensions = victim.metadata(name, ".zattrs")["_ARRAY_DIMENSIONS"]
    victim.change(name, ".zattrs", _ARRAY_DIMENSIONS=dimensions[:-2] + dimensions[-2:][::-1])


@mutation
def order_of_elements_changed(victim, random):
    victim.change(random.choice(victim.data), order="F")


@mutation
def a_variable_lost(victim, random):
    name = random.choice([name for name in victim.arrays if name not in ("time", "member")])
    for key in [key for key in victim.refs if key.startswith(f"{name}/")]:
        del victim.refs[key]


@mutation
def a_variable_renamed(victim, random):
    name = random.choice(victim.data)
    for key in [key for key in victim.refs if key.startswith(f"{name}/")]:
        victim.refs[f"{name}2/{key.split('/')[1]}"] = victim.refs.pop(key)


@mutation
def a_variable_twice(victim, random):
    name = random.choice(victim.data)
    for key in [key for key in victim.refs if key.startswith(f"{name}/")]:
        victim.refs[f"copy/{key.split('/')[1]}"] = victim.refs[key]


@mutation
def a_chunk_beyond_the_shape(victim, random):
    name = random.choice(victim.data)
    key = victim.chunks(name)[0]
    place = key.split("/")[1].split(".")
    victim.refs[f"{name}/{'.'.join([*place[:-1], '7'])}"] = victim.refs[key]


@mutation
def a_static_field_changed(victim, random):
    keys = victim.inlined("orog") or victim.chunks("orog")
    array = victim.metadata("orog")
    if not keys:
        return False
    values = np.arange(48, dtype="f4").reshape(6, 8) * 7
    values[tuple(random.integers([6, 8]))] += 1
    victim.change("orog", filters=None, compressor=None, dtype="<f4" if array["dtype"][0] == "<" else ">f4")
    victim.set_values(keys[0], values.astype(victim.metadata("orog")["dtype"]).tobytes())
    return array["chunks"] == [6, 8]


# -- of sources, under a product that stays ---------------------------------------------------------------------------------


def rewrite(path, content):
    stat = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def flip(path, at, random):
    content = bytearray(path.read_bytes())
    content[at] ^= 1 << random.integers(8)
    rewrite(path, content)


@of_source
def a_byte_of_a_chunk_flipped(victim, random):
    """A byte that a reference names: wherever it is, it is data."""
    key, = victim.pick(random)
    url, offset, length = victim.refs[key]
    flip(Path(url.removeprefix("file://")), offset + random.integers(length), random)


@of_source
def a_byte_anywhere_flipped(victim, random):
    path = victim.file(random)
    flip(path, random.integers(path.stat().st_size), random)


@of_source
def sixteen_bytes_of_a_chunk_overwritten(victim, random):
    key, = victim.pick(random)
    url, offset, length = victim.refs[key]
    path = Path(url.removeprefix("file://"))
    content = bytearray(path.read_bytes())
    at = offset + random.integers(length - 16)
    content[at:at + 16] = bytes(byte ^ 0x55 for byte in content[at:at + 16])
    rewrite(path, content)


@of_source
def one_value_written_anew(victim, random):
    path = victim.file(random)
    stat = path.stat()
    with Dataset(path, "a") as nc:
        data = nc["tas"]
        data.set_auto_maskandscale(False)
        at = (random.integers(5), *random.integers([6, 8]))
        data[at] = data[at] + 1
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@of_source
def a_source_replaced_by_a_longer_one(victim, random):
    """One with a step more, which otherwise begins alike."""
    path = victim.files[-1]
    with Dataset(path) as old:
        times, units = old["time"][:].filled(), old["time"].units
    options = dict(format="NETCDF3_64BIT_OFFSET") if path.read_bytes()[:3] == b"CDF" else {}
    path.unlink()
    write(path, [*times, times[-1] + 1], random, units=units, **options)


@of_source
def a_source_replaced_by_another(victim, random):
    one, other = random.choice(victim.files, 2, replace=False)
    rewrite(one, other.read_bytes())


@of_source
def two_sources_exchanged(victim, random):
    one, other = random.choice(victim.files, 2, replace=False)
    first, second = one.read_bytes(), other.read_bytes()
    rewrite(one, second)
    rewrite(other, first)


@of_source
def a_source_cut_short(victim, random):
    path = victim.file(random)
    rewrite(path, path.read_bytes()[:int(path.stat().st_size * random.uniform(0.2, 0.95))])


@of_source
def a_source_with_other_packing(victim, random):
    path = victim.file(random)
    stat = path.stat()
    with Dataset(path, "a") as nc:
        nc["tas"].scale_factor = 0.02
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@of_source
def a_time_of_a_source_changed(victim, random):
    path = victim.file(random)
    stat = path.stat()
    with Dataset(path, "a") as nc:
        nc["time"][random.integers(5)] += 0.25
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@of_source
def a_source_gone(victim, random):
    victim.file(random).unlink()
