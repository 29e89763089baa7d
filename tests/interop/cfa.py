"""CFA files as their readers open them, compared with their sources: netCDF4, h5py, xarray with cfapyx, cf-python."""

import json
import os
import subprocess
from pathlib import Path

import cftime
import h5py
import netCDF4
import numpy as np
import xarray as xr

from oracle import Series, _attribute_differences, microseconds
from program import ROOT, environment

CF_PYTHON = Path(os.environ.get("ALTOSTAC_CF_PYTHON") or ROOT / "target/cf-venv/bin/python")


def open_cfa(path, **options):
    return xr.open_dataset(str(path), engine="CFA", **options)


def file_differences(series: Series, path):
    """By netCDF4 and h5py alone: which variables there are, the values of those that are stored, types, attributes."""
    found = []
    with netCDF4.Dataset(path) as nc:
        nc.set_auto_mask(False)
        nc.set_auto_scale(False)
        assert nc.Conventions.split()[0] == "CF-1.13"
        expected = {key: value for key, value in series.attributes.items() if key != "Conventions"}
        found += _attribute_differences("global", expected, {key: nc.getncattr(key) for key in nc.ncattrs()})
        parts = {word for variable in nc.variables.values() if "aggregated_data" in variable.ncattrs()
                 for word in variable.aggregated_data.split()[1::2]}
        ours, theirs = set(series.variables), set(nc.variables) - parts
        found += [f"{name}: missing" for name in ours - theirs] + [f"{name}: invented" for name in theirs - ours]
        for name in ours & theirs:
            column, variable = series.variables[name], nc.variables[name]
            attributes = {key: variable.getncattr(key) for key in variable.ncattrs()}
            dimensions = tuple(attributes.get("aggregated_dimensions", " ".join(variable.dimensions)).split())
            if dimensions != column.dimensions:
                found.append(f"{name}: {dimensions}, expected {column.dimensions}")
            anew = column.is_time and column.time[0] is None
            if not anew:
                found += _attribute_differences(name, column.attributes, attributes)
                kind = np.dtype(object) if variable.dtype is str else variable.dtype
                if kind != column.raw.dtype.newbyteorder("="):
                    found.append(f"{name}: {variable.dtype}, expected {column.raw.dtype}")
            if "aggregated_data" in attributes:
                continue
            raw = variable[...]
            if anew:
                time = next((other for other in nc.variables.values() if getattr(other, "bounds", None) == name), variable)
                units, calendar = getattr(variable, "units", None) or time.units, getattr(time, "calendar", "standard")
                found += _different(name, microseconds(column.decoded), microseconds(cftime.num2date(raw, units, calendar)))
            else:
                found += _different(name, column.raw, raw)
    with h5py.File(path) as h5:
        # What netCDF calls variables are datasets here.
        found += [f"{name}: no dataset" for name in series.variables if name not in h5]
    return found


def _different(name, expected, found):
    expected, found = np.asarray(expected), np.asarray(found)
    if expected.shape != found.shape:
        return [f"{name}: shape {found.shape}, expected {expected.shape}"]
    same = (expected == found) | ((expected != expected) & (found != found))
    if np.all(same):
        return []
    place = tuple(int(i) for i in np.argwhere(~np.atleast_1d(same))[0])
    return [f"{name}: {np.size(same) - np.count_nonzero(same)} values, at {place} {np.atleast_1d(found)[place]!r}, "
            f"expected {np.atleast_1d(expected)[place]!r}"]


def xarray_differences(series: Series, path):
    """By xarray with cfapyx: every value and instant as users see it."""
    with open_cfa(path, decode_timedelta=False) as ds:
        names = set(series.variables) ^ set(ds.variables)
        return [f"{name}: missing or invented" for name in sorted(names)] + series.seen_differences(ds)


def cf_seen(paths, folder):
    """What cf-python sees in CFA files, by path: {name: masked array}, or the text of its error."""
    paths = [str(path) for path in paths]
    done = subprocess.run([str(CF_PYTHON), str(Path(__file__).with_name("cf_reader.py")), str(folder), *paths],
                          env=environment(), capture_output=True, text=True, timeout=900)
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"path"')]
    seen = {}
    for number, path in enumerate(paths):
        if number >= len(answers):
            seen[path] = f"cf-python ended: {done.stderr[-500:]}"
        elif answers[number]["error"]:
            seen[path] = answers[number]["error"]
        else:
            with np.load(Path(folder) / f"{number}.npz") as arrays:
                names = {key.split(" ", 1)[1] for key in arrays}
                seen[path] = {name: np.ma.array(arrays[f"values {name}"], mask=arrays[f"mask {name}"]) for name in names}
    return seen


def cf_differences(series: Series, path, seen):
    """By cf-python: values of all that it makes fields, coordinates and bounds of."""
    if isinstance(seen, str):
        return [seen]
    with netCDF4.Dataset(path) as nc:
        aggregated = [name for name, variable in nc.variables.items() if "aggregated_data" in variable.ncattrs()]
    found = [f"{name}: cf-python does not see it" for name in aggregated if name not in seen]
    for name, values in seen.items():
        column = series.variables.get(name)
        if column is None or column.raw.dtype.kind not in "fiu":
            continue
        if column.is_time and column.time[0] is None:
            continue  # written anew: compared as instants by the others
        raw = column.raw.reshape(values.shape) if column.raw.size == values.size else column.raw
        packing = [column.attributes.get(key) for key in ("scale_factor", "add_offset")]
        if any(value is not None for value in packing) and values.shape == raw.shape:
            # It unpacks what stands in the file itself.
            keep, (scale, offset) = ~np.ma.getmaskarray(values), packing
            unpacked = raw * np.float64(1 if scale is None else scale) + np.float64(0 if offset is None else offset)
            found += [] if np.allclose(values.data[keep], unpacked[keep], rtol=1e-12, atol=0) else [f"{name}: unpacked otherwise"]
            continue
        if values.dtype.newbyteorder("=") != raw.dtype.newbyteorder("="):
            found.append(f"{name}: cf-python reads {values.dtype}, expected {raw.dtype}")
        # What is masked is compared as what it was stored as.
        keep = ~np.ma.getmaskarray(values)
        if values.shape != raw.shape:
            found.append(f"{name}: cf-python reads {values.shape}, expected {raw.shape}")
        else:
            found += _different(name, raw[keep], values.data[keep])
            missing = [column.attributes[key] for key in ("_FillValue", "missing_value") if key in column.attributes]
            limits = {"valid_min", "valid_max", "valid_range"} & set(column.attributes)
            is_missing = np.isin(raw, np.asarray(missing, dtype=raw.dtype)) if missing else np.zeros(raw.shape, bool)
            if not limits and np.any(~keep & ~is_missing & (raw == raw)) and missing:
                found.append(f"{name}: cf-python masks what is not missing")
    return found
