"""The facts of HDF5 files as h5py tells them, in the lines that `benches/engine_facts` writes for altostac.

usage: facts.py PATH… > FILE      a PATH is a file
"""

import hashlib
import json
import sys
from pathlib import Path

import h5py
import numpy as np

# The book-keeping of netCDF-4 and of dimension scales: not attributes of the data.
HIDDEN = {"CLASS", "NAME", "DIMENSION_LIST", "DIMENSION_LABELS", "REFERENCE_LIST", "_Netcdf4Dimid", "_Netcdf4Coordinates",
          "_NCProperties", "_nc3_strict"}
# What netCDF-4 calls a dataset that stands for a dimension alone.
NO_VARIABLE = b"This is a netCDF dimension but not a netCDF variable"


def of_file(path):
    """Yields the facts of each group and each dataset."""
    with h5py.File(path) as file:
        found = [("/", file)]
        file.visititems(lambda name, item: found.append(("/" + name, item)))
        for name, item in found:
            if item.attrs.get("NAME", b"").startswith(NO_VARIABLE):
                continue
            facts = {"file": Path(path).name, "path": name, "attributes": attributes(item)}
            if isinstance(item, h5py.Dataset):
                facts |= of_dataset(item)
            yield facts


def of_dataset(dataset):
    rows = []
    if dataset.chunks:
        chunk_shape = dataset.chunks
        dataset.id.chunk_iter(lambda chunk: rows.append((*chunk.chunk_offset, chunk.byte_offset, chunk.size, chunk.filter_mask)))
    else:
        chunk_shape, offset = [max(length, 1) for length in dataset.shape], dataset.id.get_offset()
        if offset is not None:
            rows.append((*[0] * dataset.ndim, offset, dataset.id.get_storage_size(), 0))
    table = np.array(rows, dtype="<u8").reshape(-1, dataset.ndim + 3)
    return {"shape": list(dataset.shape), "chunk_shape": list(chunk_shape), "dtype": dataset.dtype.str, "chunks": len(table),
            "digest": digest(table, dataset.shape, chunk_shape)}


def digest(table, shape, chunk_shape):
    """SHA-256 over (number in C order, offset, length, filter mask) of each chunk, by number, as little-endian 64-bit integers.

    >>> table = np.array([[4, 0, 900, 7, 0], [0, 0, 800, 5, 1]], dtype="<u8")
    >>> expected = np.array([[0, 800, 5, 1], [3, 900, 7, 0]], dtype="<u8")
    >>> digest(table, (8, 6), (4, 2)) == hashlib.sha256(expected.tobytes()).hexdigest()
    True
    """
    number = np.zeros(len(table), dtype="<u8")
    for axis, (length, chunk) in enumerate(zip(shape, chunk_shape)):
        number = number * np.uint64(-(-length // chunk)) + table[:, axis] // np.uint64(chunk)
    found = np.column_stack([number, table[:, -3:]])
    return hashlib.sha256(np.ascontiguousarray(found[np.argsort(number)]).tobytes()).hexdigest()


def attributes(item):
    return {name: attribute(item.attrs.get_id(name), item.attrs) for name in item.attrs if name not in HIDDEN}


def attribute(handle, attrs):
    """`[type, values…]`: `text` or the kind and size of the numbers; floating-point numbers by their bits."""
    value = attrs[handle.name.decode()]
    if isinstance(value, h5py.Empty):
        return ["text", ""] if value.dtype.kind in "SO" else [value.dtype.kind + str(value.dtype.itemsize)]
    value = np.atleast_1d(value)
    if value.dtype.kind in "SUO":
        return ["text", *(text.decode() if isinstance(text, bytes) else str(text) for text in value.ravel().tolist())]
    native = value.astype(value.dtype.newbyteorder("<")).ravel()
    kind = native.dtype.kind + str(native.dtype.itemsize)
    return [kind, *(native.view(f"<u{native.dtype.itemsize}") if native.dtype.kind == "f" else native).tolist()]


if __name__ == "__main__":
    for path in sys.argv[1:]:
        for facts in of_file(path):
            print(json.dumps(facts))
