"""Who opens what altostac writes: products × readers, each reader's own way in, values compared with the sources by oracle.Series.

A reader is a function from (project, item id, sources) to a list of differences. What a reader cannot do by itself is told by the cases of
LIMITS, each with a file that altostac did not write and that shows it.
"""

import json
from pathlib import Path

import h5py
import netCDF4
import numpy as np
import xarray as xr

from oracle import kerchunk, microseconds


def asset(project, item_id, key):
    """The asset and the path or URL that it points at."""
    found = project.items[item_id]["assets"][key]
    return found, (project.collection_folder / "items" / found["href"]).resolve()


# -- xarray ----------------------------------------------------------------------------------------------------------------


def by_xarray_kerchunk(key):
    def read(project, item_id, sources):
        _, path = asset(project, item_id, key)
        return sources.differences(kerchunk(path))

    return read


def by_xarray_over_reference(project, item_id, sources):
    """The zarr engine over fsspec's own filesystem of references."""
    _, path = asset(project, item_id, "reference_file")
    options = {"fo": str(path), "asynchronous": False}
    return sources.differences(lambda **decode: xr.open_dataset(
        "reference://", engine="zarr", chunks=None, backend_kwargs={"storage_options": options, "consolidated": False}, **decode))


def by_xarray_zarr(project, item_id, sources):
    found, path = asset(project, item_id, "zarr")
    options = found.get("xarray:open_kwargs", {})
    return sources.differences(lambda **decode: xr.open_dataset(str(path), **({"chunks": None} | options | decode)))


def by_xarray_cfa(project, item_id, sources):
    _, path = asset(project, item_id, "cfa")
    return sources.seen_differences(xr.open_dataset(str(path), engine="CFA", decode_timedelta=False))


# -- libraries of the formats ----------------------------------------------------------------------------------------------


def by_zarr_python(key):
    """Arrays as zarr-python reads them, nothing decoded."""
    def read(project, item_id, sources):
        import fsspec
        import zarr

        _, path = asset(project, item_id, key)
        if key == "zarr":
            group = zarr.open_group(str(path), mode="r")
        else:
            filesystem = fsspec.filesystem("reference", fo=str(path), asynchronous=True)
            group = zarr.open_group(zarr.storage.FsspecStore(filesystem, read_only=True, path=""), mode="r", zarr_format=2)
        return [difference for name, column in sources.variables.items() for difference in raw_differences(name, column, group)]

    return read


def raw_differences(name, column, group):
    if column.is_time and column.time[0] is None:
        return []  # written anew, in units of the product's own
    if name not in group:
        return [f"{name}: missing"]
    found = np.asarray(group[name][...])
    if column.raw.dtype == object or found.dtype.kind in "OTU":
        return [] if np.array_equal(np.asarray(column.raw, "O"), np.asarray(found, "O")) else [f"{name}: texts differ"]
    if found.shape != column.raw.shape or found.dtype != column.raw.dtype:
        return [f"{name}: {found.dtype}{found.shape}, expected {column.raw.dtype}{column.raw.shape}"]
    same = (found == column.raw) | ((found != found) & (column.raw != column.raw))
    # Where nothing was written, what reads as fill is a matter of the format: all that is written must be there.
    return [] if np.all(same) else [f"{name}: {np.size(same) - np.count_nonzero(same)} of {np.size(same)} values differ"]


def by_netcdf4(project, item_id, sources):
    """A CFA file is a NetCDF-4 file: what it holds itself is there, aggregations are scalars with their terms."""
    _, path = asset(project, item_id, "cfa")
    with netCDF4.Dataset(path) as file:
        missing = [f"{name}: missing" for name in sources.variables if name not in file.variables]
        conventions = getattr(file, "Conventions", "")
        return missing + ([] if "CF-1.13" in conventions else [f"Conventions {conventions!r}"])


def by_h5py(project, item_id, sources):
    _, path = asset(project, item_id, "cfa")
    with h5py.File(path) as file:
        return [f"{name}: missing" for name in sources.variables if name not in file]


def by_cf_python(project, item_id, sources):
    """Every array that cf-python finds, masked and unpacked by itself."""
    import cf

    _, path = asset(project, item_id, "cfa")
    found = {}
    for field in cf.read(str(path), squeeze=False):
        for construct in (field, *field.constructs.filter_by_data().values()):
            found[construct.nc_get_variable(None)] = construct
            bounds = getattr(construct, "get_bounds", lambda default: None)(None)
            if bounds is not None and bounds.has_data():
                found.setdefault(bounds.nc_get_variable(None), bounds)
    differences = []
    for name, column in sources.variables.items():
        if column.raw.dtype.kind not in "fiu" or not column.raw.ndim or name not in found:
            continue  # texts, dummies and scalars take other ways
        construct = found[name]
        if column.is_time:
            seen, expected = microseconds(construct.datetime_array), microseconds(column.decoded)
        else:
            seen = np.ma.filled(np.ma.asarray(construct.array, "f8"), np.nan)
            expected = np.asarray(column.decoded, "f8")
            packing = [float(np.ravel(column.attributes.get(key, default))[0]) for key, default in (("scale_factor", 1), ("add_offset", 0))]
            expected = expected * packing[0] + packing[1]
        seen = seen.reshape(expected.shape) if np.size(seen) == np.size(expected) else seen
        same = seen.shape == expected.shape and np.all((seen == expected) | ((seen != seen) & (expected != expected)) | np.isclose(seen, expected, rtol=1e-7, atol=0))
        if not same:
            differences.append(f"{name}: values differ")
    data = [name for name, column in sources.variables.items() if sources.join in column.dimensions and len(column.dimensions) > 1
            and column.raw.dtype.kind in "fiu" and not name.endswith("_bnds")]
    return differences + [f"{name}: not found" for name in data if name not in found]


def by_icechunk(project, item_id, sources):
    import icechunk

    found, path = asset(project, item_id, "icechunk")
    storage = icechunk.local_filesystem_storage(str(path))
    config = icechunk.Repository.fetch_config(storage)
    containers = config.virtual_chunk_containers or {}
    allowed = icechunk.containers_credentials({prefix: None for prefix in containers})
    repository = icechunk.Repository.open(storage, config=config, authorize_virtual_chunk_access=allowed)
    session = repository.readonly_session(snapshot_id=found["icechunk:snapshot_id"])
    return sources.differences(lambda **decode: xr.open_dataset(session.store, engine="zarr", chunks=None,
                                                                backend_kwargs={"consolidated": False}, **decode))


READERS = {
    "kerchunk": {"xarray kerchunk": by_xarray_kerchunk("reference_file"), "xarray zarr": by_xarray_over_reference,
                 "zarr-python": by_zarr_python("reference_file")},
    "kerchunk-parquet": {"xarray kerchunk": by_xarray_kerchunk("reference_parquet"), "zarr-python": by_zarr_python("reference_parquet")},
    "cfa": {"xarray CFA": by_xarray_cfa, "cf-python": by_cf_python, "netCDF4": by_netcdf4, "h5py": by_h5py},
    "icechunk": {"icechunk": by_icechunk},
    "zarr": {"xarray zarr": by_xarray_zarr, "zarr-python": by_zarr_python("zarr")},
}


def judged(read, project, item_id, sources):
    """The outcome of one reader on one product: a word, and why."""
    try:
        differences = read(project, item_id, sources)
    except Exception as error:  # whatever a reader raises is its answer
        return "fails", f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
    return ("equal", "") if not differences else ("differs", f"{len(differences)}: {differences[0][:140]}")


def left_out(project, item_id):
    """Why formats of the recipe are not there, by format."""
    folder = project.collection_folder / "products" / item_id
    report = json.loads((max(folder.glob("r*"), key=lambda path: int(path.name[1:])) / "report.json").read_text())
    return {note.get("subject"): note["message"] for note in report["notes"] if note["kind"] == "product_left_out"}
