"""Products on S3, their records in pgstac: DataPoint finds them there and opens Kerchunk, Zarr and CFA through http(s), values equal."""

import pystac
import pytest
import requests
from ceda_datapoint import DataPointClient
from ceda_datapoint.core.item import DataPointItem

import pgstac
from icechunks import NativeSeries
from oracle import Series
from program import Project
from servers import ObjectStore, WebServer


@pytest.fixture(scope="module")
def store():
    found = ObjectStore()
    yield found
    found.stop()


@pytest.fixture
def project(tmp_path, store, monkeypatch):
    for name in ("AWS_SESSION_TOKEN", "AWS_SKIP_SIGNATURE", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    return Project.of_fixture(tmp_path / "cmip6")


def published(project, api, collection, output, outside, files, products):
    recipe = project.recipe
    project.edit(collection=recipe["collection"] | {"id": collection}, output=output, products=products, publish={"api": api.url},
                 public_urls=[{"from": "archive", "to": f"{files}/archive"}, {"from": output, "to": outside}])
    answer = project.run("sync", "--json").expect(0).json["publication"]
    assert {record["status"] for record in answer["records"]} == {"created"}
    return [record["id"] for record in answer["records"] if record["kind"] == "item"]


def opened(api, collection, item, key):
    """What DataPoint makes of one asset of an item, as the API has it."""
    url = f"{api.url}/collections/{collection}/items/{item}"
    record = requests.get(url, timeout=10).json()
    asset = record["assets"][key]
    assert asset["href"].startswith("http"), asset
    found = pystac.Item.from_dict(record | {"assets": {key: asset}})
    found.set_self_href(url)
    return DataPointItem(found, meta={"search_terms": {}}).get_cloud_product().open_dataset()


def test_kerchunk_and_zarr_through_http(api, store, project):
    files, collection = pgstac.Files(archive=project.folder / "archive"), "on-s3"
    try:
        items = published(project, api, collection, "s3://open/published", f"{store.endpoint}/open/published", files.url, ["kerchunk", "zarr"])
        assert len(items) == 3
        for item in items:
            paths = project.sources(item)
            for key, sources in (("reference_file", Series(paths)), ("zarr", NativeSeries(paths))):
                with opened(api, collection, item, key) as ds:
                    assert set(ds.variables) == set(sources.variables) and sources.seen_differences(ds) == [], (item, key)
        cluster = DataPointClient(org="interop", url=api.url).search(collections=[collection]).collect_cloud_assets()
        assert len(cluster.products) == 2 * len(items) and {product.visibility for product in cluster.products} == {"all"}
    finally:
        requests.delete(f"{api.url}/collections/{collection}", timeout=30)
        files.stop()


def test_cfa_through_https(api, store, project, tmp_path, monkeypatch):
    """Its reader fetches aggregation files from https alone; nginx stands before the store."""
    collection = "cfa-on-s3"
    web = WebServer(project.folder, upstream=store.endpoint)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(web.authority))
    try:
        items = published(project, api, collection, "s3://open/cfa", f"{web.tls_url}/upstream/open/cfa", web.url, ["cfa"])
        for item in items:
            sources = Series(project.sources(item))
            with opened(api, collection, item, "cfa") as ds:
                assert set(ds.variables) == set(sources.variables) and sources.seen_differences(ds) == [], item
    finally:
        requests.delete(f"{api.url}/collections/{collection}", timeout=30)
        web.stop()
