"""Who opens what altostac writes: products × readers, each reader's own way in, values compared with the sources by oracle.Series.

A reader is a function from (project, item id, sources) to a list of differences. What a reader cannot do by itself is told by the cases of
LIMITS, each with a file that altostac did not write and that shows it.
"""

import json
from pathlib import Path

import netCDF4
import numpy as np
import xarray as xr

import cfa
import gdals
import icechunks
from oracle import kerchunk


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


def by_xarray_zarr(version):
    def read(project, item_id, sources):
        found, path = asset(project, item_id, "zarr")
        options = {"chunks": None} | found["xarray:open_kwargs"]
        seen = native(sources) if version == 3 else sources
        return seen.differences(lambda **decode: xr.open_dataset(str(path), **(options | decode)))

    return read


def by_xarray_cfa(project, item_id, sources):
    _, path = asset(project, item_id, "cfa")
    return cfa.xarray_differences(sources, path)


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
    if column.raw.dtype == "S1" and found.shape == column.raw.shape[:-1]:
        # Zarr of version 3 has texts of a fixed length where netCDF has characters.
        return [] if np.array_equal(netCDF4.chartostring(column.raw, encoding="none"), found.astype("S")) else [f"{name}: texts differ"]
    if column.raw.dtype == object or found.dtype.kind in "OTU":
        return [] if np.array_equal(np.asarray(column.raw, "O"), np.asarray(found, "O")) else [f"{name}: texts differ"]
    # netCDF4-python turns bytes into the machine's order as it reads.
    if found.shape != column.raw.shape or found.dtype.newbyteorder("=") != column.raw.dtype.newbyteorder("="):
        return [f"{name}: {found.dtype}{found.shape}, expected {column.raw.dtype}{column.raw.shape}"]
    same = (found == column.raw) | ((found != found) & (column.raw != column.raw))
    # Where nothing was written, what reads as fill is a matter of the format: all that is written must be there.
    return [] if np.all(same) else [f"{name}: {np.size(same) - np.count_nonzero(same)} of {np.size(same)} values differ"]


def by_netcdf4_and_h5py(project, item_id, sources):
    """A CFA file is a NetCDF-4 file: what it holds itself is there, aggregations are scalars with their terms."""
    _, path = asset(project, item_id, "cfa")
    return cfa.file_differences(sources, path)


def by_icechunk(project, item_id, sources):
    snapshot = icechunks.Snapshot(project.collection_folder / "items" / f"{item_id}.json")
    return native(sources).differences(snapshot.open)


def native(sources):
    """The same sources, as Zarr of version 3 shows them."""
    return icechunks.NativeSeries(sources.paths)


# By product, readers that are asked for one at a time.
READERS = {
    "kerchunk": {"xarray kerchunk": by_xarray_kerchunk("reference_file"), "xarray zarr": by_xarray_over_reference,
                 "zarr-python": by_zarr_python("reference_file")},
    "kerchunk-parquet": {"xarray kerchunk": by_xarray_kerchunk("reference_parquet"), "zarr-python": by_zarr_python("reference_parquet")},
    "cfa": {"xarray CFA": by_xarray_cfa, "netCDF4 and h5py": by_netcdf4_and_h5py},
    "icechunk": {"xarray icechunk": by_icechunk},
    "zarr": {"xarray zarr": by_xarray_zarr(3), "zarr-python": by_zarr_python("zarr")},
    "zarr-v2": {"xarray zarr": by_xarray_zarr(2), "zarr-python": by_zarr_python("zarr")},
}
# By reader, the products that it opens all at once, for it takes seconds to start.
AT_ONCE = {"cf-python": ["cfa"], "GDAL": ["cfa", "zarr", "zarr-v2"]}
# What one recipe makes, and another: by product, its entry there.
BUILDS = [{product: product for product in READERS if product != "zarr-v2"}, {"zarr-v2": {"zarr": {"version": 2}}}]


def format_of(product):
    return product.removesuffix("-v2")


def path_of(project, item_id, product):
    """The file or folder of a product of AT_ONCE."""
    return asset(project, item_id, format_of(product))[1]


def judged(read, project, item_id, sources):
    """The outcome of one reader on one product: a word, and why."""
    try:
        return outcome_of(read(project, item_id, sources))
    except Exception as error:  # whatever a reader raises is its answer
        return "fails", f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"


def outcome_of(differences):
    return ("equal", "") if not differences else ("differs", f"{len(differences)}: {differences[0][:140]}")


def all_at_once(reader, opened, folder):
    """What a reader of AT_ONCE makes of all its products: (case, product, outcome, note). `opened`: (case, product) → (path, sources)."""
    seen, differences = {"cf-python": (cfa.cf_seen, cfa.cf_differences), "GDAL": (gdals.gdal_seen, gdals.gdal_differences)}[reader]
    found = seen([path for path, _ in opened.values()], folder)
    for (case, product), (path, sources) in opened.items():
        one = found[str(path)]
        yield case, product, *(("fails", " ".join(one.split())[:120]) if isinstance(one, str) else outcome_of(differences(sources, path, one)))


def left_out(project, item_id):
    """Why formats of the recipe are not there, by format."""
    folder = project.collection_folder / "products" / item_id
    report = json.loads((max(folder.glob("r*"), key=lambda path: int(path.name[1:])) / "report.json").read_text())
    return {note.get("subject"): note["message"] for note in report["notes"] if note["kind"] == "product_left_out"}
