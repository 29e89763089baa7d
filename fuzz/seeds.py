#!/usr/bin/env python
"""Writes small seeds for every fuzz target: files of each superblock, chunk index, group, attribute and type; texts.

usage: python fuzz/seeds.py            writes fuzz/corpus/TARGET/seed-…; needs h5py, netCDF4, numpy (tests/interop/requirements.txt)
"""
import io
import itertools
import json
import pathlib
import struct
import zlib

import h5py
import netCDF4
import numpy as np

CORPUS = pathlib.Path(__file__).parent / "corpus"
VERSIONS = {"earliest": ("earliest", "v108"), "v110": ("v110", "v110"), "latest": ("latest", "latest")}


def write(target, name, content):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"seed-{name}").write_bytes(content if isinstance(content, bytes) else content.encode())


def hdf5(name, make, libver=("earliest", "v108"), **options):
    """A file of what `make` puts into it, made in memory."""
    held = io.BytesIO()
    with h5py.File(held, "w", libver=libver, **options) as file:
        make(file)
    write("hdf5", name, held.getvalue())


SHAPES = {
    "fixed": dict(shape=(6, 5), maxshape=(6, 5)),
    "growing": dict(shape=(6, 5), maxshape=(None, 5)),
    "growing_last": dict(shape=(6, 5), maxshape=(6, None)),
    "limited": dict(shape=(6, 5), maxshape=(12, 8)),
    "tree": dict(shape=(6, 5), maxshape=(None, None)),
}
FILTERS = {"plain": {}, "packed": dict(compression="gzip", shuffle=True), "summed": dict(fletcher32=True), "lzf": dict(compression="lzf")}


def chunked(shape, filtering, chunks):
    def make(file):
        data = file.create_dataset("v", dtype="i4", chunks=chunks, fillvalue=-7, **shape, **filtering)
        data[1:5, 1:4] = np.arange(12).reshape(4, 3)
    return make


def sparse(limit):
    def make(file):
        # More chunks than stand in one page of an array.
        data = file.create_dataset("v", (3_000,), "u2", chunks=(1,), maxshape=(limit,))
        for at in (0, 1_500, 2_999):
            data[at] = at
    return make


def low_level(file):
    early = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    early.set_chunk((3, 4))
    early.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    h5py.h5d.create(file.id, b"implicit", h5py.h5t.NATIVE_INT16, h5py.h5s.create_simple((5, 5), (6, 10)), early)
    edges = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    edges.set_chunk((4, 4))
    edges.set_deflate(4)
    if hasattr(edges, "set_chunk_opts"):
        edges.set_chunk_opts(2)
    made = h5py.h5d.create(file.id, b"edges", h5py.h5t.NATIVE_INT16, h5py.h5s.create_simple((5, 5)), edges)
    made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(25, dtype="i2").reshape(5, 5))
    compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    compact.set_layout(h5py.h5d.COMPACT)
    made = h5py.h5d.create(file.id, b"compact", h5py.h5t.NATIVE_INT16, h5py.h5s.create_simple((3,)), compact)
    made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(3, dtype="i2"))
    masked = file.create_dataset("masked", (4,), "i4", chunks=(2,), compression="gzip", shuffle=True)
    masked.id.write_direct_chunk((2,), np.arange(2, dtype="<i4").tobytes(), filter_mask=3)


def types(file):
    file["texts"] = np.array(["a", "bé", ""], dtype=h5py.string_dtype())
    packed = file.create_dataset("packed_texts", (5,), h5py.string_dtype(), chunks=(2,), compression="gzip")
    packed[:3] = ["a", "b", "c"]
    file["fixed_texts"] = np.array([b"ab", b"cdef", b""], dtype="S4")
    file["truth"] = np.array([True, False])
    file["half"] = np.arange(3, dtype="f2")
    file["big_endian"] = np.arange(5, dtype=">f8")
    file["compound"] = np.zeros(3, dtype=[("a", "i4"), ("b", "f8")])
    file["opaque"] = np.zeros(2, dtype="V3")
    file["array"] = np.zeros(2, dtype="(2,)i4")
    file["lists"] = np.zeros(2, dtype="f4")
    file.create_dataset("ragged", (2,), dtype=h5py.vlen_dtype("i4"))[0] = [1, 2]
    file["empty"] = h5py.Empty("f4")
    file["nothing"] = np.zeros((0, 4))
    file["named_type"] = np.dtype("<i2")
    file.create_dataset("of_named_type", (4,), dtype=file["named_type"])


def attributes(count):
    def make(file):
        data = file.create_dataset("v", data=np.arange(3))
        for number in range(count):
            data.attrs[f"text_{number}"] = f"value {number}"
            data.attrs[f"numbers_{number}"] = np.arange(number % 5, dtype="f8")
        file.attrs["large"] = np.arange(4000, dtype="i4") if count > 8 else 1
        values = {"none": h5py.Empty("S1"), "strings": ["a", "bé"], "one": ["x"], "bytes": np.bytes_("plain"), "reference": data.ref}
        for name, value in values.items():
            file.attrs[name] = value
    return make


def groups(count):
    def make(file):
        for number in range(count):
            file.create_group(f"group_{number}")["v"] = np.float32(number)
        file["hard"] = file["group_0/v"]
        file["soft"] = h5py.SoftLink("/group_0/v")
        file["loop"] = h5py.SoftLink("/loop")
        file["outside"] = h5py.ExternalLink("other.h5", "/x")
        file["group_0/up"] = file["/"]
    return make


def scales(file):
    file["x"] = np.arange(5.0)
    file["x"].make_scale("x of the scale")
    file["v"] = np.zeros((4, 5))
    file["v"].dims[1].attach_scale(file["x"])
    file["unknown"] = np.zeros((5, 9, 9), dtype="u1")


def virtual(file):
    layout = h5py.VirtualLayout((4,), "i4")
    layout[:2] = h5py.VirtualSource("other.h5", "v", (2,))
    file.create_virtual_dataset("v", layout)


def coordinates(file):
    for name, units in (("lat", "degrees_north"), ("lon", "degrees_east")):
        data = file.create_dataset(name, (300, 500), "f8", chunks=(64, 96), compression="gzip")
        data[:64, :96] = 1
        data.attrs["units"] = units


def netcdf(path, **kind):
    with netCDF4.Dataset(path, "w", **kind) as n:
        n.title = "é"
        for name, length in {"time": None, "x": 3, "bnds": 2, "strlen": 4}.items():
            n.createDimension(name, length)
        time = n.createVariable("time", "f8", ("time",))
        time.units = "days since 2000-01-01"
        time.bounds = "time_bnds"
        n.createVariable("time_bnds", "f8", ("time", "bnds"))[:2] = 1
        n.createVariable("short", "i2", ("time", "x"), fill_value=-9, **({} if kind else dict(zlib=True)))[:2] = 2
        n.createVariable("station", "S1", ("x", "strlen"))[:] = netCDF4.stringtochar(np.array(["a", "b", "c"], dtype="S4"))
        n.createVariable("x", "f4", ("x",))[:] = 1
        n.createVariable("scalar", "i4")[...] = 7
        time[:] = np.arange(3)
        if not kind:
            group = n.createGroup("model")
            group.createVariable("strings", str, ("x",))[:] = np.array(["a", "", "ccc"], dtype=object)
            group.note = ["one", "two"]
            kinds = n.createEnumType("u1", "kinds", {"dry": 0, "wet": 1})
            n.createVariable("kind", kinds, ("x",))[:] = np.array([0, 1, 0], dtype="u1")


def hdf5_seeds():
    for (kind, shape), (name, filtering), chunks in itertools.product(SHAPES.items(), FILTERS.items(), ((1, 1), (4, 3))):
        for label in ("earliest", "latest"):
            hdf5(f"{kind}-{name}-{chunks[0]}-{label}", chunked(shape, filtering, chunks), VERSIONS[label])
    for label, libver in VERSIONS.items():
        for limit in (3_000, None):
            hdf5(f"sparse-{limit}-{label}", sparse(limit), libver)
        for count in (2, 20):
            hdf5(f"attributes-{count}-{label}", attributes(count), libver)
            hdf5(f"groups-{count}-{label}", groups(count), libver)
            hdf5(f"tracked-{count}-{label}", groups(count), libver, track_order=True)
        hdf5(f"low-{label}", low_level, libver)
        hdf5(f"types-{label}", types, libver)
        hdf5(f"scales-{label}", scales, libver)
        hdf5(f"coordinates-{label}", coordinates, libver)
    hdf5("virtual", virtual, ("v110", "v110"))
    hdf5("user-block", scales, userblock_size=512)
    hdf5("paged", scales, ("latest", "latest"), fs_strategy="page", fs_page_size=512)


def netcdf_seeds():
    path = CORPUS / "in-the-making.nc"
    CORPUS.mkdir(exist_ok=True)
    kinds = {"classic": "NETCDF3_CLASSIC", "offset": "NETCDF3_64BIT_OFFSET", "data": "NETCDF3_64BIT_DATA"}
    for name, kind in {**kinds, "four": None, "four-classic": "NETCDF4_CLASSIC"}.items():
        netcdf(path, **({"format": kind} if kind else {}))
        write("netcdf3" if name in kinds else "hdf5", f"netcdf-{name}", path.read_bytes())
        if name in kinds:
            streamed = bytearray(path.read_bytes())
            streamed[4 : 12 if name == "data" else 8] = b"\xff" * (8 if name == "data" else 4)
            write("netcdf3", f"streamed-{name}", bytes(streamed))
    path.unlink()


def chunk_seeds():
    raw = np.arange(64, dtype="<i4").tobytes()
    shuffled = np.frombuffer(raw, "u1").reshape(64, 4).T.tobytes()
    blosc = struct.pack("<BBBBIII", 2, 1, 2, 4, len(raw), len(raw), 16 + len(raw)) + raw
    lz4 = struct.pack(">QI", len(raw), len(raw)) + struct.pack(">I", len(raw)) + raw
    bitshuffle = struct.pack(">QI", len(raw), 256) + struct.pack(">I", 8) + b"\x1f\0\1\0" + b"\0" * 4
    chains = {
        "deflate": ([(0, 4)], zlib.compress(raw)),
        "shuffled": ([(1, 4), (0, 4)], zlib.compress(shuffled)),
        "zstd": ([(3, 3)], bytes.fromhex("28b52ffd2000010000")),
        "blosc": ([(5, 0)], blosc),
        "lz4": ([(6, 0)], lz4),
        "lzf": ([(4, 0)], b"\x1f" + raw[:32]),
        "bitshuffle": ([(7, 0xA2)], bitshuffle),
        "summed": ([(2, 0)], raw + b"\0" * 4),
    }
    for name, (chain, stored) in chains.items():
        head = bytes([len(chain), 0]) + struct.pack("<H", len(raw)) + bytes(itertools.chain(*chain))
        write("chunk_decode", name, head + stored)


LISTINGS = {
    "nginx": '<html><head><title>Index of /badc/</title></head><body><h1>Index of /badc/</h1><hr><pre><a href="../">../</a>\n'
             '<a href="a%20b.nc">a b.nc</a>   22-Nov-2026 10:00   1234\n<a href="v1/">v1/</a>   22-Nov-2026 10:00   -\n</pre></body></html>',
    "apache": '<table><tr><td valign="top"><img src="/icons/folder.gif" alt="[DIR]"></td><td><a href="gn/">gn/</a></td></tr>'
              '<tr><td><a href=\'tas.nc?download=1#x\'>tas.nc</a></td></tr><tr><td><a href="?C=N;O=D">Name</a></td></tr></table>',
    "json": '[{"name": "a.nc", "type": "file", "size": 3}, {"name": "b", "type": "directory"}]',
    "entities": '<title>Directory listing</title><a href="x&amp;y.nc">x</a><a href=\'https://dap.example.org/badc/cmip6/z&#46;nc\'>z</a><a HREF=q.nc>q</a>',
}


DEPOSITS = {
    "text": "2024-01-31T12:05:33:/badc/t12:00:00/y.nc:DEPOSIT:1234:by hand: twice",
    "json": '{"datetime": "2024-01-31T12:05:33", "filepath": "/badc/x/y.nc", "action": "SYMLINK", "filesize": "1234", "message": ""}',
}


def amqp_seeds():
    def frame(kind, payload):
        return struct.pack(">BHI", kind, 1, len(payload)) + payload + b"\xce"

    def method(number, payload):
        return frame(1, struct.pack(">HH", *number) + payload)

    def message(tag, body, pieces):
        size = -(-len(body) // pieces) or 1
        head = method((60, 60), b"\x04ctag" + struct.pack(">QB", tag, 0) + b"\x00\x03key") + frame(2, struct.pack(">HHQH", 60, 0, len(body), 0))
        return head + b"".join(frame(3, body[at:at + size]) for at in range(0, len(body), size))

    bodies = [text.encode() for text in DEPOSITS.values()] + [b""]
    write("amqp", "messages", b"".join(message(tag, body, 1 + tag) for tag, body in enumerate(bodies)) + frame(8, b""))
    write("amqp", "start", method((10, 10), b"\0\x09" + struct.pack(">I", 10) + b"\x01pS\0\0\0\x03abc" + struct.pack(">I", 5) + b"PLAIN" + struct.pack(">I", 5) + b"en_US"))
    write("amqp", "tune", method((10, 30), struct.pack(">HIH", 2047, 131072, 60)))
    write("amqp", "closed", method((20, 40), struct.pack(">HB", 404, 9) + b"NOT_FOUND" + struct.pack(">HH", 50, 10)))
    write("amqp", "cancelled", method((60, 30), b"\x04ctag\0"))


def text_seeds():
    for name, body in DEPOSITS.items():
        write("deposit", name, body)
    root = pathlib.Path(__file__).parent.parent
    for path in sorted((root / "fixtures").rglob("*.yaml")):
        write("recipe", path.stem, path.read_bytes())
    write("recipe", "small", "collection: {id: a, description: b}\nsources: [{root: /x}]\nitem: {pattern: '{m}/{f}', id: '{{ m }}'}\noutput: out\n")
    for name, page in LISTINGS.items():
        write("listing", name, page)
    write("pattern", "facets", "{model}/{rest:**}_{year}.nc\nMIROC6/Amon/tas_2000.nc\nMIROC6/tas.txt\n")
    write("pattern", "regex", "regex:(?P<model>[^/]+)/(?P<name>.*)\\.nc\na/b.nc\n")
    for number, text in enumerate(["days since 2000-01-01", "hours since 1850-1-1 00:00:00 -6:00", "seconds since 1970-01-01T00:00:00.123Z", "months since 1-1-1"]):
        for calendar in range(9):
            write("cftime_units", f"{number}-{calendar}", bytes([calendar]) + struct.pack("<qid", 100, 7, 1.5) + text.encode() + b"\0")
    array = dict(zarr_format=2, shape=[2, 3], chunks=[1, 3], dtype="<i2", fill_value=None, filters=[{"id": "shuffle", "elementsize": 2}],
                 compressor={"id": "zlib", "level": 1}, order="C")
    texts = dict(array, shape=[1], chunks=[1], dtype="|O", filters=[{"id": "vlen-utf8"}], compressor=None)
    refs = {".zgroup": json.dumps({"zarr_format": 2}), ".zattrs": "{}", "v/.zarray": json.dumps(array), "v/.zattrs": json.dumps({"_ARRAY_DIMENSIONS": ["y", "x"]}),
            "v/0.0": ["file:///a.nc", 0, 20], "v/1.0": "base64:AQI=", "g/.zgroup": json.dumps({"zarr_format": 2}), "g/t/.zarray": json.dumps(texts), "g/t/0": "base64:AQAAAAEAAABh"}
    write("kerchunk_verify", "product", json.dumps({"version": 1, "refs": refs}))
    write("kerchunk_verify", "bare", json.dumps(refs))
    item = dict(type="Feature", stac_version="1.1.0", id="x", stac_extensions=["https://stac-extensions.github.io/datacube/v2.2.0/schema.json"], bbox=[0, 0, 1, 1],
                geometry={"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}, properties={"datetime": "2000-01-01T00:00:00Z"}, links=[], assets={})
    write("stac_record", "item", json.dumps(item))
    collection = dict(type="Collection", stac_version="1.1.0", id="x", description="y", license="CC0-1.0", links=[],
                      extent=dict(spatial=dict(bbox=[[0, 0, 1, 1]]), temporal=dict(interval=[[None, None]])))
    write("stac_record", "collection", json.dumps(collection))


if __name__ == "__main__":
    hdf5_seeds()
    netcdf_seeds()
    chunk_seeds()
    amqp_seeds()
    text_seeds()
    for folder in sorted(CORPUS.iterdir()):
        seeds = list(folder.glob("seed-*"))
        print(f"{folder.name}: {len(seeds)} seeds, {sum(seed.stat().st_size for seed in seeds)} bytes")
