#!/usr/bin/env python
"""Writes HDF5 and netCDF-4 files that use every chunk index, dense links and attributes, and the like.

usage: h5_samples.py OUT      then h5_facts.py FACTS OUT/*, and the test `index_oracle` with ALTOSTAC_H5_FACTS=FACTS
"""
import os
import sys

import h5py
import netCDF4
import numpy as np

import h5_rare_samples

OUT = sys.argv[1]
os.makedirs(OUT, exist_ok=True)
VERSIONS = {"earliest": ("earliest", "v108"), "v110": ("v110", "v110"), "latest": ("latest", "latest")}


def chunk_indexes(file):
    rng = np.random.default_rng(1)
    kinds = {
        "fixed": dict(shape=(40, 50), maxshape=(40, 50)),
        "growing": dict(shape=(40, 50), maxshape=(None, 50)),
        "growing_last": dict(shape=(40, 50), maxshape=(40, None)),
        "limited": dict(shape=(40, 50), maxshape=(80, 75)),
        "growing_limited": dict(shape=(40, 50), maxshape=(None, 75)),
        "tree": dict(shape=(40, 50), maxshape=(None, None)),
    }
    filters = {"plain": {}, "packed": dict(compression="gzip", shuffle=True), "summed": dict(fletcher32=True)}
    for kind, shape in kinds.items():
        for name, filtering in filters.items():
            for chunks in ((1, 1), (7, 9), (40, 50)):
                data = file.create_dataset(f"{kind}_{name}_{chunks[0]}", dtype="i4", chunks=chunks, fillvalue=-7, **shape, **filtering)
                data[3:30, 5:41] = rng.integers(0, 99, (27, 36))
    # Many chunks, most of them missing: pages and super blocks that were never written.
    for name, limit in (("sparse_fixed", 300_000), ("sparse_growing", None)):
        for packed in (None, "gzip"):
            data = file.create_dataset(f"{name}_{packed}", (300_000,), "u2", chunks=(2,), maxshape=(limit,), compression=packed)
            for at in (0, 1, 5_000, 77_777, 150_001, 299_999):
                data[at] = at % 1000
    data = file.create_dataset("deep_tree", (300, 300), "u1", chunks=(1, 2), maxshape=(None, None), compression="gzip")
    data[...] = rng.integers(0, 255, (300, 300))
    data = file.create_dataset("shrunk", (100,), "f4", chunks=(10,), maxshape=(None,))
    data[...] = 1
    data.resize((35,))
    early = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    early.set_chunk((3, 4))
    early.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    h5py.h5d.create(file.id, b"implicit", h5py.h5t.NATIVE_INT16, h5py.h5s.create_simple((10, 10), (12, 20)), early)
    edges = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    edges.set_chunk((4, 4))
    edges.set_deflate(4)
    if hasattr(edges, "set_chunk_opts"):
        edges.set_chunk_opts(2)
    made = h5py.h5d.create(file.id, b"edges", h5py.h5t.NATIVE_INT16, h5py.h5s.create_simple((10, 10)), edges)
    made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(100, dtype="i2").reshape(10, 10))
    masked = file.create_dataset("masked", (8,), "i4", chunks=(4,), compression="gzip", shuffle=True)
    masked[...] = 5
    masked.id.write_direct_chunk((4,), np.arange(4, dtype="<i4").tobytes(), filter_mask=3)


def objects(file, track):
    for number in range(40):
        group = file.create_group(f"group_{number}", track_order=track)
        group.attrs["number"] = number
    many = file.create_group("many", track_order=track)
    for number in range(600):
        many.create_dataset(f"scalar_with_a_long_name_{number:04}", data=np.float32(number))
    dense = file.create_dataset("dense", data=np.arange(3), track_order=track)
    for number in range(300):
        dense.attrs[f"text_{number}"] = f"value {number} " * (number % 7)
        dense.attrs[f"numbers_{number}"] = np.arange(number % 50, dtype="f8")
    dense.attrs["large"] = np.arange(20_000, dtype="i4") if track else 1
    texts = file.create_dataset("texts", (50,), h5py.string_dtype())
    texts[:40] = [f"text {n} é" * (n % 5) for n in range(40)]
    packed = file.create_dataset("packed_texts", (50,), h5py.string_dtype(), chunks=(7,), compression="gzip")
    packed[:20] = [f"packed {n}" for n in range(20)]
    file["fixed_texts"] = np.array([b"ab", b"cdef", b""], dtype="S4")
    file["latin"] = np.bytes_("é".encode("latin-1"))
    file["truth"] = np.array([True, False])
    file["half"] = np.arange(3, dtype="f2")
    file["big_endian"] = np.arange(5, dtype=">f8")
    file["compound"] = np.zeros(3, dtype=[("a", "i4"), ("b", "f8")])
    file["empty"] = h5py.Empty("f4")
    file["nothing"] = np.zeros((0, 4))
    file["named_type"] = np.dtype("<i2")
    file.create_dataset("of_named_type", (4,), dtype=file["named_type"])
    file["hard"] = file["dense"]
    file["soft"] = h5py.SoftLink("/many/scalar_with_a_long_name_0001")
    file["dangling"] = h5py.SoftLink("/not/there")
    file["outside"] = h5py.ExternalLink("other.h5", "/x")
    file["loop"] = h5py.SoftLink("/loop")
    file["group_0/up"] = file["/"]
    for name, value in {"none": h5py.Empty("S1"), "strings": ["a", "bé"], "one": ["x"], "bytes": np.bytes_("plain"),
                        "bools": np.array([True, False]), "reference": file["dense"].ref}.items():
        file.attrs[name] = value


def scales(file):
    file["x"] = np.arange(5.0)
    file["y"] = np.arange(4.0)
    file["x"].make_scale("x of the scale")
    file["y"].make_scale()
    file["v"] = np.zeros((4, 5))
    file["v"].dims[0].attach_scale(file["y"])
    file["v"].dims[1].attach_scale(file["x"])
    file["half_known"] = np.zeros((7, 5))
    file["half_known"].dims[1].attach_scale(file["x"])
    file["unknown"] = np.zeros((5, 9, 9))
    file["sub/inherits"] = np.zeros((4,))
    file["sub/inherits"].dims[0].attach_scale(file["y"])


def netcdf(path, **kind):
    with netCDF4.Dataset(path, "w", **kind) as n:
        n.title = "é"
        n.empty = ""
        n.createDimension("time", None)
        n.createDimension("x", 6)
        n.createDimension("bnds", 2)
        n.createDimension("strlen", 8)
        time = n.createVariable("time", "f8", ("time",))
        time.units = "days since 2000-01-01"
        time.bounds = "time_bnds"
        bounds = n.createVariable("time_bnds", "f8", ("time", "bnds"))
        short = n.createVariable("short", "i2", ("time", "x"), fill_value=-9, zlib=True)
        name = n.createVariable("station", "S1", ("x", "strlen"))
        n.createVariable("x", "f4", ("time", "x"))[:] = np.ones((3, 6))
        n.createVariable("scalar", "i4")[...] = 7
        time[:] = np.arange(12)
        bounds[:5] = 1
        short[:3] = 2
        name[:] = netCDF4.stringtochar(np.array([f"st{i}" for i in range(6)], dtype="S8"))
        if not kind:
            group = n.createGroup("model").createGroup("run")
            group.createDimension("x", 3)
            group.createVariable("v", "u8", ("time", "x"))[:] = np.ones((20, 3))
            group.createVariable("strings", str, ("x",))[:] = np.array(["a", "", "ccc"], dtype=object)
            group.note = ["one", "two"]
            n.createVariable("lat2", "f8", ("time", "x"), chunksizes=(5, 4)).units = "degrees_north"
            kinds = n.createEnumType("u1", "kinds", {"dry": 0, "wet": 1})
            n.createVariable("kind", kinds, ("x",))[:] = np.array([0, 1, 0, 1, 1, 0], dtype="u1")


def large_coordinates(path):
    with netCDF4.Dataset(path, "w") as n:
        n.createDimension("y", 700)
        n.createDimension("x", 500)
        for name, units, kw in (("lat", "degrees_north", {}), ("lon", "degrees_east", dict(zlib=True, chunksizes=(64, 96)))):
            v = n.createVariable(name, "f8", ("y", "x"), **kw)
            v.units = units
            v[:] = np.linspace(-80, 80, 350_000).reshape(700, 500)


for name, version in VERSIONS.items():
    for block in (0, 1024):
        with h5py.File(f"{OUT}/chunks_{name}_{block}.h5", "w", libver=version, userblock_size=block) as file:
            chunk_indexes(file)
    for track in (False, True):
        with h5py.File(f"{OUT}/objects_{name}_{track}.h5", "w", libver=version, track_order=track) as file:
            objects(file, track)
    with h5py.File(f"{OUT}/scales_{name}.h5", "w", libver=version) as file:
        scales(file)
with h5py.File(f"{OUT}/crowded.h5", "w", libver="latest") as file:
    # So many that looking at a whole heap block for each would go beyond any bound on work.
    for number in range(12_000):
        file.attrs[f"attribute_{number:06}"] = f"text {number}" * 3
netcdf(f"{OUT}/netcdf4.nc")
netcdf(f"{OUT}/classic.nc", format="NETCDF4_CLASSIC")
large_coordinates(f"{OUT}/large.nc")
h5_rare_samples.write(OUT)
