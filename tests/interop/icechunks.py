"""Icechunk repositories as their own reader opens them: by the asset of an Item, and nothing else."""

import json
from pathlib import Path

import icechunk
import netCDF4
import numpy as np
import xarray as xr

from oracle import Series


class Snapshot:
    """The snapshot that an Item's asset pins."""

    def __init__(self, item_path):
        item_path = Path(item_path)
        self.asset = json.loads(item_path.read_text())["assets"]["icechunk"]
        self.folder = (item_path.parent / self.asset["href"]).resolve()
        self.id = self.asset["icechunk:snapshot_id"]
        self.repository = open_repository(self.folder, self.asset["icechunk:virtual_chunk_containers"])

    @property
    def history(self):
        """The ids of the snapshots of the branch, the youngest first."""
        return [snapshot.id for snapshot in self.repository.ancestry(branch="main")]

    def open(self, snapshot=None, group=None, **options):
        store = self.repository.readonly_session(snapshot_id=snapshot or self.id).store
        return xr.open_dataset(store, group=group, **self.asset["xarray:open_kwargs"] | options)


def open_repository(folder, containers):
    allowed = {container: None for container in containers}
    return icechunk.Repository.open(icechunk.local_filesystem_storage(str(folder)), authorize_virtual_chunk_access=allowed)


class NativeSeries(Series):
    """Sources as Zarr of version 3 shows them: byte orders are the machine's own, characters stand joined, texts are numpy's."""

    def _stored(self, name, column, array):
        if column.raw.dtype == "S1" and column.raw.ndim and array.dims != column.dimensions:
            text = netCDF4.chartostring(column.raw, encoding="none")
            if array.dims != column.dimensions[:-1] or array.attrs["_character_dimension"] != column.dimensions[-1]:
                return [f"{name}: {array.dims} joined along {array.attrs['_character_dimension']}, expected {column.dimensions}"]
            return self._equal(name, "text", text, np.asarray(array.values, dtype=text.dtype).reshape(text.shape))
        if column.raw.dtype == object and array.dtype.kind == "T":
            return self._shape(name, column, array) or self._equal(name, "text", column.raw, array.values.astype(object))
        if column.raw.dtype.kind in "fiu":
            column.raw = column.raw.astype(column.raw.dtype.newbyteorder("="))
        return super()._stored(name, column, array)
