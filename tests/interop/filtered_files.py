"""Files whose chunks went through registered filters, written by h5py and hdf5plugin, and their values as they read them.

Run as a program: netCDF4, where it is imported, brings filters of its own that do not go together with these.
"""

import sys
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np

BLOSC = {f"blosc_{name}_{shuffle}": hdf5plugin.Blosc(cname=name, clevel=5, shuffle=shuffle)
         for name in ("blosclz", "lz4", "lz4hc", "zlib", "zstd") for shuffle in (0, 1, 2)}
REFERABLE = BLOSC | {"zstd": hdf5plugin.Zstd(), "zstd_shuffle_fletcher": {"shuffle": True, "fletcher32": True, **hdf5plugin.Zstd()}}
OTHERS = {"lz4": hdf5plugin.LZ4(), "lz4_blocks": hdf5plugin.LZ4(nbytes=1000), "lzf": {"compression": "lzf"},
          "lzf_shuffle": {"compression": "lzf", "shuffle": True}, "bitshuffle_blocks": hdf5plugin.Bitshuffle(nelems=64)} | {
              f"bitshuffle_{name}": hdf5plugin.Bitshuffle(cname=name) for name in ("none", "lz4", "zstd")}
SMALL, LARGE = 30_011, 300_007  # up to 1 MiB a variable is kept in the product


def write(path, filters, length, kinds):
    random = np.random.default_rng(1)
    shapes = {"smooth": np.cumsum(random.integers(-2, 3, length)), "runs": np.repeat(random.integers(0, 5, length // 50 + 1), 50)[:length],
              "noise": random.integers(0, 1 << 6, length), "constant": np.full(length, 7)}
    with h5py.File(path, "w") as h5:
        for name, units in (("lat", "degrees_north"), ("lon", "degrees_east"), ("time", "days since 2000-01-01")):
            h5[name] = np.arange(2.0)
            h5[name].make_scale(name)
            h5[name].attrs["units"] = units
        h5["x"] = np.arange(length, dtype="i4")
        h5["x"].make_scale("x")
        for name, values in shapes.items():
            for kind in kinds:
                data = h5.create_dataset(f"{name}_{kind}", data=values.astype(kind), chunks=(length // 3 - 10,), **filters)
                data.dims[0].attach_scale(h5["x"])
        h5.flush()
        np.savez(path.with_suffix(".npz"), **{name: values[...] for name, values in h5.items()})


if __name__ == "__main__":
    folder, length, kinds, *names = sys.argv[1:]
    Path(folder).mkdir()
    for name in names:
        write(Path(folder) / f"{name}.nc", (REFERABLE | OTHERS)[name], int(length), kinds.split(","))
