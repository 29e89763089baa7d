"""What cf-python sees in CFA files. It cannot be installed beside DataPoint (zarr), so it runs in an environment of its own
(`requirements-cf.txt`): `python cf_reader.py FOLDER FILE…` writes FOLDER/<number>.npz for each file, by the names of netCDF variables, and
prints one JSON line a file: {"error": text or null}.
"""

import json
import sys
from pathlib import Path

import cf
import numpy as np


def arrays(path):
    """Every array of every field and of its coordinates, bounds and the like: (values, mask), by netCDF name."""
    found = {}

    def take(construct):
        name, data = construct.nc_get_variable(None), construct.get_data(None)
        if name and data is not None and name not in found:
            found[name] = np.ma.asanyarray(construct.array)
        bounds = construct.get_bounds(None) if hasattr(construct, "get_bounds") else None
        if bounds is not None and bounds.nc_get_variable(None):
            found.setdefault(bounds.nc_get_variable(), np.ma.asanyarray(bounds.array))

    for field in cf.read(str(path)):
        take(field)
        for construct in field.constructs.filter_by_data().values():
            take(construct)
    return found


def main(folder, *paths):
    cf.log_level("DISABLE")
    for number, path in enumerate(paths):
        error = None
        try:
            found = arrays(path)
            kept = {f"values {name}": np.ma.getdata(array) for name, array in found.items() if array.dtype.kind in "fiu"}
            kept |= {f"mask {name}": np.ma.getmaskarray(array) for name, array in found.items() if array.dtype.kind in "fiu"}
            np.savez(Path(folder) / f"{number}.npz", **kept)
        except Exception as failure:  # whatever a reader makes of it is what the test is about
            error = f"{type(failure).__name__}: {failure}"
        print(json.dumps({"path": path, "error": error}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
