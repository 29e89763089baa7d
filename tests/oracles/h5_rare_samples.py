"""Writes HDF5 files with what few writers use: filtered heaps, shared messages, odd types, data that are elsewhere, and the like.

`write(OUT)` is called by h5_samples.py. What h5py has no function for is set through the HDF5 library that h5py has loaded.
"""
import contextlib
import ctypes
import os
import shutil

import h5py
import numpy as np

DATATYPE, DATASPACE, FILL, FILTERS, ATTRIBUTE = 1 << 3, 1 << 1, 1 << 5, 1 << 11, 1 << 12


def library():
    with open("/proc/self/maps") as maps:
        paths = {line.split()[-1] for line in maps if "libhdf5-" in line}
    return ctypes.CDLL(paths.pop())


HDF5 = library()
HID = ctypes.c_int64


def call(name, *arguments):
    function = getattr(HDF5, name)
    function.restype = HID
    result = function(*arguments)
    assert result >= 0, name
    return result


def created(path, plist, libver=("earliest", "v200")):
    bounds = {"earliest": h5py.h5f.LIBVER_EARLIEST, "v18": h5py.h5f.LIBVER_V18, "v200": h5py.h5f.LIBVER_LATEST}
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(*(bounds[name] for name in libver))
    return h5py.File(h5py.h5f.create(path.encode(), h5py.h5f.ACC_TRUNC, plist, access))


def file_properties():
    return h5py.h5p.create(h5py.h5p.FILE_CREATE)


def filtered_heaps(path):
    """Groups whose links are packed: one direct block, many, huge names, and blocks that skip the filter."""
    with h5py.File(path, "w", libver="latest") as file:
        for kind, count, length in (("one_block", 30, 20), ("many_blocks", 3000, 30), ("long_names", 20, 3000), ("huge_names", 12, 60_000)):
            plist = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
            call("H5Pset_deflate", HID(plist.id), ctypes.c_uint(6))
            call("H5Pset_shuffle", HID(plist.id))
            call("H5Pset_fletcher32", HID(plist.id))
            call("H5Pset_est_link_info", HID(plist.id), ctypes.c_uint(count), ctypes.c_uint(length))
            plist.set_link_creation_order(h5py.h5p.CRT_ORDER_TRACKED)
            group = h5py.Group(h5py.h5g.create(file.id, kind.encode(), gcpl=plist))
            target = group.create_dataset("target", data=np.arange(3))
            for number in range(count):
                group[f"{number}_".ljust(length, "abcdefghij"[number % 10])] = target if number % 2 else h5py.SoftLink("target")


def shared_messages(path, list_limit, tree_limit, libver):
    """Messages of every kind that can be shared, in the heap of the file."""
    plist = file_properties()
    call("H5Pset_shared_mesg_nindexes", HID(plist.id), ctypes.c_uint(3))
    for index, kinds in enumerate((DATATYPE | DATASPACE, FILL | FILTERS, ATTRIBUTE)):
        call("H5Pset_shared_mesg_index", HID(plist.id), ctypes.c_uint(index), ctypes.c_uint(kinds), ctypes.c_uint(1))
    call("H5Pset_shared_mesg_phase_change", HID(plist.id), ctypes.c_uint(list_limit), ctypes.c_uint(tree_limit))
    with created(path, plist, libver) as file:
        for number in range(25):
            data = file.create_dataset(f"data_{number}", (20, 30), np.dtype("<f4") if number % 3 else np.dtype(">i2"), chunks=(5, 7),
                                       compression="gzip", shuffle=True, fillvalue=number % 4)
            data[:9] = number
            data.attrs["units"] = "kelvin or something like it"
            data.attrs["number"] = np.full(20, number % 5, "f8")
            data.attrs["texts"] = ["one", "two", f"{number % 5}"]
        for number in range(40):
            file["data_0"].attrs[f"dense_{number}"] = "the same text again and again " * 3
        file["data_1"].attrs["huge"] = np.arange(7000)
        file["named"] = np.dtype([("a", "<i4"), ("b", "S20")])
        file.create_dataset("of_named", (3,), dtype=file["named"])
        file["of_named"].attrs.create("of_named", np.zeros(2, file["named"].dtype), dtype=file["named"])


def narrow(path, width):
    """Addresses and lengths of few bytes, and B-trees of other sizes than usual (superblock version 1)."""
    plist = file_properties()
    plist.set_sizes(width, width)
    call("H5Pset_istore_k", HID(plist.id), ctypes.c_uint(5))
    call("H5Pset_sym_k", HID(plist.id), ctypes.c_uint(3), ctypes.c_uint(2))
    with created(path, plist, ("earliest", "v18")) as file:
        for number in range(30):
            file.create_group(f"group_{number}").attrs["number"] = number
        data = file.create_dataset("chunked", (30, 20), "i2", chunks=(3, 4), compression="gzip", maxshape=(50, 20))
        data[...] = np.arange(600).reshape(30, 20)
        file["texts"] = ["a", "bc", "def"]
        file["numbers"] = np.arange(10.0)


def typed(file, name, kind, element, count=4):
    """A dataset of `count` elements of a low-level type, and an attribute of it."""
    space = h5py.h5s.create_simple((count,))
    data = h5py.h5d.create(file.id, name.encode(), kind, space)
    raw = np.frombuffer(bytes(range(1, element * count + 1)), dtype=f"V{element}")
    try:
        data.write(h5py.h5s.ALL, h5py.h5s.ALL, raw, mtype=kind)
    except (TypeError, ValueError, OSError):
        pass
    made = h5py.h5a.create(data, b"same", kind, space)
    try:
        made.write(raw, mtype=kind)
    except (TypeError, ValueError, OSError):
        pass


def number(base, size, precision, offset=0, order=None):
    kind = base.copy()
    kind.set_precision(precision)
    kind.set_offset(offset)
    kind.set_size(size)
    if order is not None:
        kind.set_order(order)
    return kind


def floating(base, size, fields, bias):
    kind = base.copy()
    kind.set_fields(*fields)
    kind.set_precision(size * 8)
    kind.set_size(size)
    kind.set_ebias(bias)
    return kind


def types(path, libver):
    from h5py import h5t

    with h5py.File(path, "w", libver=libver) as file:
        typed(file, "24_bits", number(h5t.STD_I32LE, 3, 24), 3)
        typed(file, "12_bits_of_2_bytes", number(h5t.STD_U16LE, 2, 12), 2)
        typed(file, "20_bits_from_the_fourth", number(h5t.STD_I32BE, 4, 20, 4), 4)
        typed(file, "16_bytes", number(h5t.STD_I64LE.copy(), 16, 128), 16)
        typed(file, "bfloat16", floating(h5t.IEEE_F32LE, 2, (15, 7, 8, 0, 7), 127), 2)
        typed(file, "float8", floating(h5t.IEEE_F32LE, 1, (7, 3, 4, 0, 3), 7), 1)
        typed(file, "half", h5t.IEEE_F16LE, 2)
        typed(file, "half_big", h5t.IEEE_F16BE, 2)
        typed(file, "time", h5t.UNIX_D32LE, 4)
        typed(file, "bits", h5t.STD_B16LE, 2)
        tagged = h5t.create(h5t.OPAQUE, 7)
        tagged.set_tag(b"seven bytes")
        typed(file, "opaque", tagged, 7)
        typed(file, "array", h5t.array_create(h5t.STD_I16LE, (2, 3)), 12)
        typed(file, "array_of_texts", h5t.array_create(h5t.C_S1, (5,)), 5)
        if libver == "latest":
            typed(file, "complex", h5t.COMPLEX_IEEE_F32LE, 8)
            typed(file, "complex_big", h5t.COMPLEX_IEEE_F64BE, 16)
        inner = np.dtype([("x", "<f4"), ("y", ">i2", (2,)), ("t", "S3")])
        outer = np.dtype([("inner", inner), ("text", h5py.string_dtype()), ("list", h5py.vlen_dtype("i4")), ("truth", "?")])
        values = {
            "compound": np.ones(3, inner), "long_double": np.arange(3, dtype=np.longdouble), "pairs": np.ones(2, "c16"),
            "regions": np.array([file["bits"].regionref[1:2]], dtype=h5py.regionref_dtype),
            "references": np.array([file["bits"].ref, None], dtype=h5py.ref_dtype), "opaque_numpy": np.array([b"abc"], "V3"),
            "date": np.arange(3).astype("M8[s]").astype(h5py.opaque_dtype("M8[s]")),
        }
        for name, value in values.items():
            file[name] = value
            file.attrs[name] = value
        file.create_dataset("nested", (2,), outer)
        file.create_dataset("nested_packed", (5,), outer, chunks=(2,), compression="gzip")
        lists = file.create_dataset("lists", (3,), h5py.vlen_dtype("f8"))
        lists[0] = [1.0, 2.0]
        file.create_dataset("lists_of_texts", (3,), h5py.vlen_dtype(h5py.string_dtype()))
        kinds = h5py.enum_dtype({"low": -2, "high": 30_000}, basetype=">i2")
        file["enum_big"] = np.array([-2, 30_000], "i2").astype(kinds)
        file["enum_64"] = np.zeros(2, h5py.enum_dtype({"most": 2**63 - 1, "least": -(2**63)}, basetype="i8"))
        file.create_dataset("utf8_fixed", (2,), h5py.string_dtype("utf-8", 9))
        padded = h5t.C_S1.copy()
        padded.set_size(6)
        padded.set_strpad(h5t.STR_SPACEPAD)
        typed(file, "padded", padded, 6)
        file["padded"].attrs["table"] = np.arange(12, dtype=">i4").reshape(3, 4)
        file["padded"].attrs["text_table"] = np.array([[b"a", b"b"], [b"c", b"dd"]])
        file["padded"].attrs["none"] = np.zeros((0, 3))
        file["padded"].attrs["enum"] = np.array([-2, 30_000], "i2").astype(kinds)
        file["padded"].attrs["list"] = file["lists"][0]
        file["padded"].attrs.create("lists", file["lists"][:2], dtype=h5py.vlen_dtype("f8"))
        for name, kind in {"type_text": h5py.string_dtype(), "type_compound": inner, "type_enum": kinds}.items():
            file[f"types/{name}"] = np.dtype(kind)
        file.create_dataset("named_texts", (2,), dtype=file["types/type_text"])
        file.create_dataset("named_enum", (2,), dtype=file["types/type_enum"])
        file.attrs.create("named", "of a type with a name", dtype=file["types/type_text"])
        file.attrs.create("named_enum", np.array([-2], "i2"), dtype=file["types/type_enum"])


def fills(path, libver):
    from h5py import h5d, h5p

    with h5py.File(path, "w", libver=libver) as file:
        for kind in ("chunked", "contiguous", "compact"):
            for name, value in {"default": None, "own": -5, "zero": 0}.items():
                for when, moment in {"ifset": h5d.FILL_TIME_IFSET, "alloc": h5d.FILL_TIME_ALLOC}.items():
                    plist = h5p.create(h5p.DATASET_CREATE)
                    plist.set_fill_time(moment)
                    if value is not None:
                        plist.set_fill_value(np.array(value, ">i4"))
                    if kind == "chunked":
                        plist.set_chunk((3, 3))
                    else:
                        plist.set_layout(h5d.CONTIGUOUS if kind == "contiguous" else h5d.COMPACT)
                    space = h5py.h5s.create_simple((7, 5))
                    h5d.create(file.id, f"{kind}_{name}_{when}".encode(), h5py.h5t.STD_I32BE, space, plist)
        texts = file.create_dataset("texts", (7,), h5py.string_dtype(), chunks=(2,), fillvalue="not there")
        texts[3] = "there"
        file.create_dataset("no_texts", (3,), h5py.string_dtype(), fillvalue="never written")
        file.create_dataset("fixed_texts", (5,), "S4", chunks=(2,), fillvalue=b"abc")[2] = b"d"
        kinds = h5py.enum_dtype({"dry": 0, "wet": 3}, basetype="u1")
        file.create_dataset("kinds", (5,), kinds, chunks=(2,), fillvalue=3)
        file.create_dataset("truth", (5,), "?", chunks=(2,), fillvalue=True)
        file.create_dataset("can_grow", (0, 4), "f4", chunks=(3, 4), maxshape=(None, 4))
        plist = h5p.create(h5p.DATASET_CREATE)
        plist.set_chunk((2,))
        call("H5Pset_fill_value", HID(plist.id), HID(h5py.h5t.STD_I16LE.id), None)
        h5d.create(file.id, b"undefined", h5py.h5t.STD_I16LE, h5py.h5s.create_simple((5,)), plist)


def elsewhere(folder, libver):
    """Virtual datasets, data in other files, links that lead out of the file or nowhere."""
    os.makedirs(folder, exist_ok=True)
    for part in range(3):
        with h5py.File(f"{folder}/part_{part}.h5", "w", libver=libver) as file:
            file.create_dataset("data", data=np.full((4, 5), part, "i4"), maxshape=(None, 5), chunks=(2, 5))
    with h5py.File(f"{folder}/elsewhere.h5", "w", libver=libver) as file:
        file["lat"] = np.linspace(-80, 80, 5)
        file["lat"].attrs["units"] = "degrees_north"
        layout = h5py.VirtualLayout(shape=(3, 4, 5), dtype="i4")
        for part in range(3):
            layout[part] = h5py.VirtualSource(f"part_{part}.h5", "data", shape=(4, 5))
        virtual = file.create_virtual_dataset("stacked", layout, fillvalue=-1)
        virtual.attrs["long_name"] = "three files as one"
        virtual.dims[2].label = "lat"
        layout = h5py.VirtualLayout(shape=(5,), dtype="f8")
        layout[:] = h5py.VirtualSource(".", "lat", shape=(5,))
        file.create_virtual_dataset("own", layout)
        gone = h5py.VirtualLayout(shape=(4, 5), dtype="i4")
        gone[:] = h5py.VirtualSource("not_there.h5", "data", shape=(4, 5))
        file.create_virtual_dataset("group/gone", gone, fillvalue=7)
        # The library looks for them in the working folder.
        with contextlib.chdir(folder):
            file.create_dataset("outside", (20,), "f4", external=[("raw one.bin", 0, 40), ("raw_two.bin", 8, 40)])[:] = np.arange(20)
        file["outside"].attrs["units"] = "m"
        file["scale"] = np.arange(20.0)
        file["scale"].make_scale()
        file["outside"].dims[0].attach_scale(file["scale"])
        file["link_out"] = h5py.ExternalLink("part_0.h5", "/data")
        file["link_nowhere"] = h5py.ExternalLink("not_there.h5", "/data")
        file["group/dangling"] = h5py.SoftLink("/not/there")
        file["through_out"] = h5py.SoftLink("/link_out")
        file["plain"] = np.arange(6)


def paged(path, **strategy):
    with h5py.File(path, "w", libver="latest", **strategy) as file:
        for number in range(20):
            data = file.create_dataset(f"group_{number}/data", (10, 10), "f4", chunks=(3, 4), compression="gzip")
            data[...] = number
            data.attrs["units"] = "m"
        del file["group_3"]


def being_written(path):
    """A file that another process writes, and others may read at the same time (SWMR)."""
    working = path + ".working"
    with h5py.File(working, "w", libver="latest") as file:
        data = file.create_dataset("data", (4, 3), "f4", chunks=(2, 3), maxshape=(None, 3), fillvalue=-1)
        data.attrs["units"] = "m"
        file["time"] = np.arange(4.0)
        file.swmr_mode = True
        data.resize((10, 3))
        data[:9] = 4
        data.flush()
        shutil.copy(working, path)
    os.remove(working)


def cache_image(path):
    """A file whose structures stand in one block, as they were in memory, and not in their places."""

    class Config(ctypes.Structure):
        _fields_ = [("version", ctypes.c_int), ("generate", ctypes.c_bool), ("save_resize", ctypes.c_bool), ("ageout", ctypes.c_int)]

    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(h5py.h5f.LIBVER_LATEST, h5py.h5f.LIBVER_LATEST)
    call("H5Pset_mdc_image_config", HID(access.id), ctypes.byref(Config(1, True, False, -1)))
    with h5py.File(h5py.h5f.create(path.encode(), h5py.h5f.ACC_TRUNC, fapl=access)) as file:
        # libhdf5 2.0 does not read its own images of structures that depend on each other: arrays of chunks, dense links.
        for number in range(7):
            data = file.create_dataset(f"group_{number % 3}/data_{number}", (10, 10), "f4")
            data[...] = number
            data.attrs["texts"] = ["one", f"{number}"]
        file["lat"] = np.linspace(-80, 80, 5)
        file["lat"].attrs["units"] = "degrees_north"


def changed(path, libver):
    """What stays behind where objects, links, attributes and chunks were taken away or moved."""
    rng = np.random.default_rng(2)
    many = 500 if libver == "latest" else 50
    with h5py.File(path, "w", libver=libver) as file:
        data = file.create_dataset("data", data=np.arange(10))
        for number in range(many):
            data.attrs[f"first_{number}"] = "v" * (number % 90)
        for number in range(0, many, 2):
            del data.attrs[f"first_{number}"]
        for number in range(30):
            data.attrs[f"second_{number}"] = np.arange(number)
        for number in range(100):
            file.create_group(f"group_{number}")
        for number in range(0, 100, 3):
            del file[f"group_{number}"]
        for name, limit in {"tree": (None, None), "growing": (None, 30), "growing_last": (30, None), "limited": (60, 60)}.items():
            data = file.create_dataset(name, (10, 10), "i4", chunks=(3, 4), maxshape=limit, compression="gzip", fillvalue=3)
            data[...] = rng.integers(0, 9, (10, 10))
            for shape in ((30, 25), (12, 7), (25, 30)):
                data.resize(shape)
                data[::4, ::9] = shape[0]


def crossed(path):
    """Links that cross: cycles, other names, links through links; long and unusual names; as many dimensions as there can be."""
    with h5py.File(path, "w", libver="latest", track_order=True) as file:
        group = file.create_group("a/b/c")
        group["root"], group["up"] = file["/"], file["a"]
        file["data"] = np.arange(4)
        file["a/b/same"] = file["data"]
        for name, target in {"soft": "a/b/same", "a/from_above": "../data", "a/through": "b/c/root/data", "group": "/a/b"}.items():
            file[name] = h5py.SoftLink(target)
        for number in range(200):
            outside = h5py.ExternalLink("not_there.h5", f"/{number}")
            file[f"link_{number}"] = outside if number % 3 else h5py.SoftLink(f"/nowhere_{number}")
        for number in range(0, 200, 7):
            del file[f"link_{number}"]
        file["x" * 60_000] = np.arange(2)
        file["ünï/ço dé"] = np.arange(2)
        file["back\\slash\nline"] = 1
        ones = (1,) * 30
        file.create_dataset("rank_32", (1, *ones, 3), "i1", chunks=(1, *ones, 2), maxshape=(None, *ones, 3), compression="gzip")[...] = 1
        # Values of coordinates that cannot be decoded are no fault of the file.
        file.create_dataset("lat", (40,), "f8", chunks=(10,), scaleoffset=2)[...] = np.arange(40)
        file["lat"].attrs["units"] = "degrees_north"


def prefixed(source, path, length=2048):
    """A file before which other bytes were put, though it does not know: its addresses still count from its own start."""
    with open(source, "rb") as content, open(path, "wb") as out:
        out.write(b"#!/bin/sh\n".ljust(length, b"#"))
        shutil.copyfileobj(content, out)


def write(out):
    filtered_heaps(f"{out}/filtered_heaps.h5")
    for name, libver in {"early": ("earliest", "v18"), "latest": ("v200", "v200")}.items():
        shared_messages(f"{out}/shared_list_{name}.h5", 50, 40, libver)
        shared_messages(f"{out}/shared_tree_{name}.h5", 0, 0, libver)
    for width in (2, 4):
        narrow(f"{out}/narrow_{width}.h5", width)
    for libver in ("earliest", "latest"):
        types(f"{out}/types_{libver}.h5", libver)
        fills(f"{out}/fills_{libver}.h5", libver)
        elsewhere(f"{out}/elsewhere_{libver}", libver)
        changed(f"{out}/changed_{libver}.h5", libver)
    crossed(f"{out}/crossed.h5")
    paged(f"{out}/paged.h5", fs_strategy="page", fs_page_size=4096, fs_persist=True)
    paged(f"{out}/aggregated.h5", fs_strategy="fsm", fs_persist=True)
    cache_image(f"{out}/cache_image.h5")
    being_written(f"{out}/being_written.h5")
    for name in ("early", "latest"):
        prefixed(f"{out}/shared_tree_{name}.h5", f"{out}/prefixed_{name}.h5")
