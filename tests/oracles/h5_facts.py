#!/usr/bin/env python
"""Facts about HDF5 and NetCDF-3 files, told by h5py and netCDF4: what the index of altostac is compared with.

usage: h5_facts.py OUT FILE...     writes OUT/<number>.json for each file, with its path inside

Chunks come from chunk_iter (get_chunk_info(i) takes 0.1 s a call in large files). Each library runs in processes of its own, with
bounds on time and memory, because they crash or hang on some files: that costs the one file, and a new process.
"""
import hashlib
import json
import os
import queue
import resource
import select
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from os.path import samefile

import h5py
import numpy as np

SMALL = 8 << 20
PATIENCE_S = {"netCDF4": 20, "h5py": 120}
MEMORY = 3 << 30
PROCESSES = 2


def decode(raw):
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def fixed_text(raw, padding):
    if padding == h5py.h5t.STR_NULLTERM:
        raw = raw.split(b"\0")[0]
    elif padding == h5py.h5t.STR_SPACEPAD:
        raw = raw.rstrip(b" \0")
    return decode(raw.rstrip(b"\0"))


def attribute(parent, name):
    attr = h5py.h5a.open(parent.id, name)
    kind = attr.get_type()
    space = attr.get_space()
    if space.get_simple_extent_type() == h5py.h5s.NULL:
        return {"kind": "text", "value": [""]} if kind.get_class() in (0, 1, 3, 8) or kind.get_class() == h5py.h5t.STRING else {"kind": "other"}
    if kind.get_class() == h5py.h5t.STRING:
        if kind.is_variable_str():
            out = parent.attrs[name]
            out = [out] if isinstance(out, (str, bytes)) else list(np.ravel(out))
            texts = [decode(t if isinstance(t, bytes) else t.encode("utf-8", "surrogateescape")) for t in out]
        else:
            out = np.empty(attr.shape, dtype=f"S{kind.get_size()}")
            attr.read(out, mtype=kind)
            # NumPy strips NULs at the end, as every padding does.
            texts = [fixed_text(bytes(t), kind.get_strpad()) for t in out.ravel()]
        return {"kind": "text", "value": texts or [""]}
    if kind.get_class() in (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM):
        dtype = plain(kind)
        if dtype is None:
            return {"kind": "other"}
        out = np.empty(attr.shape, dtype=dtype)
        attr.read(out, mtype=kind)
        return {"kind": "number", "dtype": dtype.newbyteorder("<").str, "hex": out.astype(dtype.newbyteorder("<")).tobytes().hex()}
    return {"kind": "other"}


def plain(kind):
    """NumPy's type for numbers that fill their bytes; None for others."""
    if kind.get_class() == h5py.h5t.ENUM:
        kind = kind.get_super()
    if kind.get_class() not in (h5py.h5t.INTEGER, h5py.h5t.FLOAT):
        return None
    if kind.get_precision() != kind.get_size() * 8 or kind.get_size() not in (1, 2, 4, 8):
        return None
    order = {h5py.h5t.ORDER_LE: "<", h5py.h5t.ORDER_BE: ">"}.get(kind.get_order())
    if kind.get_class() == h5py.h5t.FLOAT:
        for bits, native in ((32, h5py.h5t.IEEE_F32LE), (64, h5py.h5t.IEEE_F64LE)):
            if kind.get_precision() == bits and kind.get_fields() == native.get_fields() and kind.get_ebias() == native.get_ebias():
                return np.dtype(f"{order}f{bits // 8}") if order else None
        return None
    sign = "i" if kind.get_sign() == h5py.h5t.SGN_2 else "u"
    return np.dtype(f"{order}{sign}{kind.get_size()}") if order else None


def type_text(kind):
    if kind.get_class() == h5py.h5t.STRING:
        return "|O" if kind.is_variable_str() else f"|S{kind.get_size()}"
    dtype = plain(kind)
    return dtype.str if dtype is not None else "other"


def variable(dataset, dims):
    kind = dataset.id.get_type()
    plist = dataset.id.get_create_plist()
    text = type_text(kind)
    null = dataset.id.get_space().get_simple_extent_type() == h5py.h5s.NULL
    facts = {"shape": list(dataset.shape or ()), "dtype": "other" if null else text, "attributes": {}}
    layout = plist.get_layout()
    facts["layout"] = {h5py.h5d.COMPACT: "compact", h5py.h5d.CONTIGUOUS: "contiguous", h5py.h5d.CHUNKED: "chunked"}.get(layout, "virtual")
    facts["limits"] = [None if n == h5py.h5s.UNLIMITED else n for n in dataset.maxshape or ()]
    filters = [plist.get_filter(i) for i in range(plist.get_nfilters())]
    facts["filters"] = [int(one[0]) for one in filters]
    facts["parameters"] = [list(map(int, one[2])) for one in filters]
    facts["object"] = int(h5py.h5o.get_info(dataset.id).addr)
    facts["chunk_shape"] = list(dataset.chunks) if dataset.chunks else None
    facts["chunks"] = []
    if layout == h5py.h5d.CHUNKED and dataset.shape is not None and 0 not in dataset.shape:
        if misplaced(dataset):
            facts["raw_chunks"] = raw_chunks(dataset)
        else:
            dataset.id.chunk_iter(lambda c: facts["chunks"].append([*map(int, c.chunk_offset), int(c.byte_offset), int(c.size), int(c.filter_mask)]))
    if layout == h5py.h5d.CONTIGUOUS:
        facts["offset"] = dataset.id.get_offset()
        if plist.get_external_count():
            facts["layout"] = "external"
    fill = None
    if text not in ("other", "|O") and plist.fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED:
        dtype = np.dtype(text)
        value = np.zeros((), dtype=dtype)
        try:
            plist.get_fill_value(value)
            fill = value.tobytes().hex()
        except RuntimeError:  # h5py has no UTF-8 text of fixed length
            fill = "unknown"
    facts["fill"] = fill
    for name in attribute_names(dataset):
        facts["attributes"][decode(name)] = attribute(dataset, name)
    if text != "other" and not null and dataset.size is not None and dataset.size * kind.get_size() <= SMALL:
        try:
            facts["values"] = values(dataset, text, None if fill == "unknown" else fill, dims)
        except Exception as error:
            facts["values_error"] = str(error)
    return facts


def misplaced(dataset):
    """Whether HDF5 2.0 tells wrong places of chunks: where the one unlimited dimension is not the first."""
    unlimited = [n is None for n in dataset.maxshape]
    return unlimited.count(True) == 1 and not unlimited[0]


def raw_chunks(dataset):
    """The SHA-256 of the stored bytes of every chunk: what stands in for places that are told wrongly."""
    found = []
    grid = [-(-n // c) for n, c in zip(dataset.shape, dataset.chunks)]
    for at in np.ndindex(*grid):
        try:
            mask, raw = dataset.id.read_direct_chunk(tuple(i * c for i, c in zip(at, dataset.chunks)))
        except (OSError, RuntimeError, MemoryError):  # never written: HDF5 2.0 is not of one mind about how to say so
            continue
        found.append([list(map(int, at)), hashlib.sha256(raw).hexdigest(), int(mask)])
    return found


def values(dataset, text, fill, shape):
    """The SHA-256 of all elements (numbers little-endian, texts each followed by a NUL), fill added up to `shape`."""
    if shape is None or len(shape) != len(dataset.shape):
        shape = dataset.shape
    if text == "|O":
        out = dataset[()]
        texts = [out] if dataset.shape == () else list(out.ravel())
        raw = b"".join(decode(t if isinstance(t, bytes) else t.encode("utf-8", "surrogateescape")).encode() + b"\0" for t in texts)
        return {"shape": list(dataset.shape), "sha256": hashlib.sha256(raw).hexdigest()}
    dtype = np.dtype(text)
    stored = np.zeros(dataset.shape, dtype=dtype)
    if dataset.size:
        kind = dataset.id.get_type()
        dataset.id.read(h5py.h5s.ALL, h5py.h5s.ALL, stored, mtype=kind)
    start = np.frombuffer(bytes.fromhex(fill), dtype=dtype)[0] if fill else np.zeros((), dtype=dtype)[()]
    whole = np.full(shape, start, dtype=dtype)
    whole[tuple(slice(0, n) for n in dataset.shape)] = stored
    if dtype.kind != "S":
        whole = whole.astype(dtype.newbyteorder("<"))
    return {"shape": list(shape), "sha256": hashlib.sha256(whole.tobytes()).hexdigest()}


def attribute_names(parent):
    names = []
    try:
        h5py.h5a.iterate(parent.id, lambda name, *rest: names.append(name), index_type=h5py.h5.INDEX_NAME)
    except TypeError:
        h5py.h5a.iterate(parent.id, names.append)
    return names


def opened(path):
    """The file; if it is being written for readers to see (SWMR), as those see it."""
    try:
        return h5py.File(path, "r")
    except OSError as error:
        if "already open for" not in str(error):
            raise
        return h5py.File(path, "r", swmr=True)


def facts(path, netcdf):
    out = {"variables": {}, "groups": {}, "unreadable": {}, "netcdf": netcdf, "outside": []}
    shapes = {}
    for name, dims in (netcdf or {}).get("variables", {}).items():
        shapes[name] = [netcdf["dimensions"][d][0] for d in dims]
    with opened(path) as file:
        seen = set()
        queue = [("/", file["/"])]
        while queue:
            where, group = queue.pop(0)
            token = h5py.h5o.get_info(group.id).addr
            if token in seen:
                continue
            seen.add(token)
            out["groups"][where] = {decode(n): attribute(group, n) for n in attribute_names(group)}
            for name in group:
                try:
                    if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
                        out["outside"].append(where.rstrip("/") + "/" + name)
                        continue
                except TypeError:  # a user-defined link
                    out["outside"].append(where.rstrip("/") + "/" + name)
                    continue
                full = where.rstrip("/") + "/" + name
                try:
                    child = group[name]
                except (KeyError, OSError, RuntimeError) as error:
                    if isinstance(group.get(name, getlink=True), h5py.HardLink):
                        out["unreadable"][full] = str(error)
                    continue
                if not samefile(child.file.filename, path):  # through an external link
                    continue
                if isinstance(child, h5py.Group):
                    queue.append((full, child))
                elif isinstance(child, h5py.Dataset):
                    out["variables"][full] = variable(child, shapes.get(full.replace("_nc4_non_coord_", "")))
    return out


def netcdf_facts(path):
    import netCDF4

    out = {"dimensions": {}, "variables": {}, "attributes": {}}
    with netCDF4.Dataset(path) as file:
        def visit(group, scope):
            where = group.path.rstrip("/")
            scope = dict(scope)
            for name, dim in group.dimensions.items():
                key = f"{where}/{name}"
                scope[name] = key
                out["dimensions"][key] = [len(dim), dim.isunlimited()]
            for name, var in group.variables.items():
                out["variables"][f"{where}/{name}"] = [scope[d] for d in var.dimensions]
                out["attributes"][f"{where}/{name}"] = var.ncattrs()
            out["attributes"][where or "/"] = group.ncattrs()
            for child in group.groups.values():
                visit(child, scope)
        visit(file, {})
    return out


def netcdf3_facts(path):
    """NetCDF-3 by netCDF4: it tells no places, so all values stand for them. Numbers are big-endian in the file."""
    import netCDF4

    out = {"variables": {}, "groups": {}, "netcdf": netcdf_facts(path), "outside": []}
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        file.set_auto_chartostring(False)
        out["groups"]["/"] = {name: told(file.getncattr(name, encoding="latin-1")) for name in file.ncattrs()}
        for name, found in file.variables.items():
            dtype = np.dtype(found.dtype).newbyteorder(">")
            facts = {"shape": list(found.shape), "dtype": dtype.str, "object": name,
                     "attributes": {key: told(found.getncattr(key, encoding="latin-1")) for key in found.ncattrs()}}
            if found.size * dtype.itemsize <= SMALL:
                raw = np.ma.getdata(found[...]).astype(dtype.newbyteorder("<") if dtype.kind != "S" else dtype)
                facts["values"] = {"shape": list(found.shape), "sha256": hashlib.sha256(raw.tobytes()).hexdigest()}
            out["variables"]["/" + name] = facts
    return out


def told(value):
    """A NetCDF-3 attribute, its texts read as Latin-1."""
    if isinstance(value, str):
        return {"kind": "text", "value": [decode(value.encode("latin-1")).rstrip("\0")]}
    value = np.atleast_1d(value)
    value = value.astype(value.dtype.newbyteorder("<"))
    return {"kind": "number", "dtype": value.dtype.str, "hex": value.tobytes().hex()}


class Worker:
    """A library in a process that may die."""

    def __init__(self, library):
        self.library = library
        self.process = None

    def ask(self, question):
        if self.process is None:
            command = [sys.executable, "-W", "ignore", __file__, "--" + self.library]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
            if select.select([self.process.stdout], [], [], PATIENCE_S[self.library])[0]:
                line = self.process.stdout.readline()
                if line:
                    told = json.loads(line)
                    if told.pop("worn"):
                        self.stop()
                    return told
        except BrokenPipeError:
            pass
        self.stop()
        return {"error": f"{self.library} crashed or hung"}

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.communicate()
            self.process = None


def answer(library, question):
    try:
        if library == "h5py":
            return facts(question["path"], question["netcdf"])
        return (netcdf3_facts if question["netcdf3"] else netcdf_facts)(question["path"])
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def told_of(path, netcdf4, h5):
    """The facts about one file."""
    with open(path, "rb") as file:
        netcdf3 = file.read(3) == b"CDF"
    netcdf = netcdf4.ask({"path": path, "netcdf3": netcdf3})
    found = netcdf if netcdf3 else h5.ask({"path": path, "netcdf": None if "error" in netcdf else netcdf})
    return found | {"path": os.path.abspath(path), "netcdf_error": netcdf.get("error")}


def main():
    if sys.argv[1].startswith("--"):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for line in sys.stdin:
            told = answer(sys.argv[1][2:], json.loads(line))
            with open("/proc/self/statm") as pages:  # what a file's loops of links took is not given back
                worn = int(pages.read().split()[0]) * resource.getpagesize() > MEMORY // 3
            print(json.dumps(told | {"worn": worn}), flush=True)
        return
    out, files = sys.argv[1], sys.argv[2:]
    os.makedirs(out, exist_ok=True)
    idle = queue.SimpleQueue()
    for _ in range(PROCESSES):
        idle.put((Worker("netCDF4"), Worker("h5py")))

    def write(numbered):
        number, path = numbered
        workers = idle.get()
        with open(os.path.join(out, f"{number:05}.json"), "w") as target:
            json.dump(told_of(path, *workers), target)
        idle.put(workers)

    with ThreadPoolExecutor(PROCESSES) as pool:
        list(pool.map(write, enumerate(files)))
    for _ in range(PROCESSES):
        for worker in idle.get():
            worker.stop()


if __name__ == "__main__":
    main()
