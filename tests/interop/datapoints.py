"""Products as users of DataPoint open them: found in a catalogue that `altostac serve` serves, and opened by the asset alone."""

from contextlib import contextmanager

import pystac
import requests
from ceda_datapoint.core.item import DataPointItem

import icechunks
from program import Server
from servers import WebServer

# The formats that DataPoint knows, by the keys of their assets.
ASSETS = {"kerchunk": "reference_file", "kerchunk-parquet": "reference_parquet", "cfa": "cfa", "zarr": "zarr", "zarr-v2": "zarr"}


class DataPoint:
    """Reads the products of any project below `root`."""

    def __init__(self, root, monkeypatch):
        self.root, self.web = root, WebServer(root)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(self.web.authority))

    def stop(self):
        self.web.stop()

    @contextmanager
    def serving(self, project):
        """A reader of the project's products, for as long as they are served: called with one, it gives {} or {"DataPoint": read}."""
        with Server("serve", project.folder / project.name, "--port", "0", cwd=project.folder) as server:
            yield lambda product: {"DataPoint": self._reader(server, product)} if product in ASSETS else {}

    def _reader(self, server, product):
        def read(project, item_id, sources):
            seen = icechunks.NativeSeries(sources.paths) if product == "zarr" else sources
            with self._product(server, project, item_id, ASSETS[product]).open_dataset() as ds:
                other = sorted(set(ds.variables) ^ set(seen.variables))
                return [f"{name}: missing or invented" for name in other] + seen.seen_differences(ds)

        return read

    def _product(self, server, project, item_id, key):
        url = f"{server.url}/collections/{project.recipe['collection']['id']}/items/{item_id}"
        record = requests.get(url, timeout=10).json()
        asset = record["assets"][key]
        if key == "cfa":
            # Its reader fetches aggregation files from https alone.
            href = project.items[item_id]["assets"][key]["href"]
            path = (project.collection_folder / "items" / href).resolve()
            asset["href"] = f"{self.web.tls_url}/{path.relative_to(self.root.resolve())}"
        assert asset["href"].startswith("http")
        item = pystac.Item.from_dict(record | {"assets": {key: asset}})
        item.set_self_href(url)
        return DataPointItem(item, meta={"search_terms": {}}).get_cloud_product()
