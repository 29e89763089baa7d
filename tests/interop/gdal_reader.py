"""What GDAL sees in files of several dimensions. Its Python module belongs to the system's Python:
`/usr/bin/python3 gdal_reader.py FOLDER FILE…` writes FOLDER/<number>.npz for each file, and prints one JSON line a file:
{"path": text, "error": text or null, "arrays": {name: error or null}}.
"""

import json
import sys
from pathlib import Path

import numpy as np
from osgeo import gdal


def values(array):
    """Numbers, and texts, in the shape of the array."""
    if array.GetDataType().GetClass() == gdal.GEDTC_NUMERIC:
        return array.ReadAsArray()
    return np.array(array.Read(), "U").reshape([dimension.GetSize() for dimension in array.GetDimensions()])


def seen(path, target):
    group = gdal.OpenEx(path, gdal.OF_MULTIDIM_RASTER).GetRootGroup()
    kept, errors = {}, {}
    for name in group.GetMDArrayNames() or []:
        try:
            kept[name], errors[name] = values(group.OpenMDArray(name)), None
        except Exception as failure:  # whatever a reader makes of it is what the test is about
            errors[name] = f"{type(failure).__name__}: {failure}"
    np.savez(target, **kept)
    return errors


def main(folder, *paths):
    gdal.UseExceptions()
    for number, path in enumerate(paths):
        error, arrays = None, {}
        try:
            arrays = seen(path, Path(folder) / f"{number}.npz")
        except Exception as failure:
            error = f"{type(failure).__name__}: {failure}"
        print(json.dumps({"path": path, "error": error, "arrays": arrays}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
