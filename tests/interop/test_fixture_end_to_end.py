"""`altostac sync recipe.yaml --serve`: pystac-client finds the records and DataPoint opens the data."""

import datetime
import signal

import pystac_client
import pytest
import requests
from ceda_datapoint import DataPointClient

from oracle import Series, kerchunk
from program import Project, Server

ALL = ["CMIP6.CMIP.MIROC.MIROC6.historical.r2i1p1f1.day.hurs.gn.v20191016",
       "CMIP6.CMIP.NCC.NorESM2-LM.historical.r1i1p1f1.Amon.tasmax.gn.v20190815",
       "CMIP6.ScenarioMIP.MOHC.UKESM1-0-LL.ssp126.r1i1p1f2.Amon.tas.gn.v20190503",
       "CMIP6.ScenarioMIP.MOHC.UKESM1-0-LL.ssp585.r1i1p1f2.Amon.tas.gn.v20190507"]
HURS, TASMAX, PACIFIC, TAS = ALL
COLLECTION = "cmip6-sample"


@pytest.fixture(scope="module")
def client(served):
    return pystac_client.Client.open(served[1].url)


def ids(search):
    return sorted(item.id for item in search.items())


def test_the_landing_page_and_conformance_are_what_a_client_needs(client):
    assert client.conforms_to("CORE") and client.conforms_to("COLLECTIONS") and client.conforms_to("ITEM_SEARCH")
    assert client.get_root_link() and client.get_search_link()


def test_collections_and_items_are_listed(client):
    assert [collection.id for collection in client.get_collections()] == [COLLECTION]
    collection = client.get_collection(COLLECTION)
    assert sorted(item.id for item in collection.get_items()) == ALL
    assert collection.get_item(TAS).id == TAS
    assert client.get_collection(COLLECTION).extent.temporal.intervals[0][0].year == 1990


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("terms, expected", [
    ({}, ALL),
    ({"ids": [TAS]}, [TAS]),
    ({"collections": [COLLECTION]}, ALL),
    ({"collections": ["no-such"]}, []),
    ({"datetime": "2017-03-01T00:00:00Z"}, [TAS]),
    ({"datetime": "1980-01-01/1991-12-31"}, [TASMAX]),
    ({"datetime": "2000-06-01/2000-06-30"}, [HURS, TASMAX]),
    ({"datetime": "../1998-01-01"}, [TASMAX]),
    ({"datetime": "2029-01-01/.."}, [PACIFIC]),
    ({"bbox": [-10, 40, 10, 60]}, [HURS, TASMAX, TAS]),
    ({"bbox": [-170, -10, -160, 10]}, ALL),
    ({"bbox": [170, -10, -170, 10]}, ALL),
    ({"bbox": [160, -10, 165, 10], "datetime": "2030-06-01/2030-07-01"}, [PACIFIC]),
], ids=str)
def test_search(client, method, terms, expected):
    assert ids(client.search(method=method, **terms)) == expected


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_search_pages_without_loss_or_repetition(client, method):
    search = client.search(method=method, collections=[COLLECTION], limit=1)
    pages = [[item.id for item in page.items] for page in search.pages()]
    assert [len(page) for page in pages if page] == [1] * len(ALL)
    assert sorted(sum(pages, [])) == ALL


@pytest.fixture(scope="module")
def found(served):
    return DataPointClient(org="interop", url=served[1].url).search(collections=[COLLECTION])


def test_datapoint_finds_the_items(served, found):
    client = DataPointClient(org="interop", url=served[1].url)
    assert client.list_collections() == [COLLECTION]
    assert sorted(found.items) == ALL
    assert all(item.list_cloud_formats() == ["kerchunk"] for item in found.items.values())


def test_datapoint_collects_every_cloud_asset(found):
    cluster = found.collect_cloud_assets()
    assert sorted(product.id for product in cluster.products) == [f"{item}-reference_file" for item in ALL]
    assert {product.cloud_format for product in cluster.products} == {"kerchunk"}
    assert {product.visibility for product in cluster.products} == {"all"}


@pytest.mark.parametrize("item", ALL)
def test_datapoint_opens_every_value(served, found, item):
    sources = Series(served[0].sources(item))
    with found.collect_cloud_assets().open_dataset(f"{item}-reference_file") as ds:
        assert set(ds.variables) == set(sources.variables)
        assert sources.seen_differences(ds) == []


@pytest.mark.parametrize("item", ALL)
def test_every_stored_value_dtype_and_attribute_is_the_sources(served, item):
    project, server = served
    href = requests.get(f"{server.url}/collections/{COLLECTION}/items/{item}", timeout=10).json()["assets"]["reference_file"]["href"]
    assert href.startswith(server.url)
    assert Series(project.sources(item)).differences(kerchunk(href)) == []


@pytest.mark.parametrize("item, year", [(TAS, 2015), (TASMAX, 1990), (HURS, 1999)])
def test_times_keep_the_units_and_dtype_of_the_first_file(served, item, year):
    with kerchunk(served[0].kerchunk(item))(decode_cf=False) as ds:
        assert ds.time.attrs["units"] == f"days since {year}-01-01"
        assert ds.time.dtype == "f8"


def test_sources_are_linked_and_served_with_ranges(served):
    project, server = served
    item = requests.get(f"{server.url}/collections/{COLLECTION}/items/{TAS}", timeout=10).json()
    hrefs = [asset["href"] for key, asset in sorted(item["assets"].items()) if "source" in asset.get("roles", [])]
    assert [href.rsplit("/", 1)[1] for href in hrefs] == [path.name for path in project.sources(TAS)]
    for href, path in zip(hrefs, project.sources(TAS)):
        if href.startswith("http"):
            head = requests.head(href, timeout=10)
            part = requests.get(href, headers={"Range": "bytes=100-199"}, timeout=10)
            assert (head.status_code, int(head.headers["Content-Length"])) == (200, path.stat().st_size)
            assert (part.status_code, part.content) == (206, path.read_bytes()[100:200])
        else:
            assert href == path.resolve().as_uri()


def test_the_served_records_say_when_they_were_made_of_what(served):
    item = requests.get(f"{served[1].url}/collections/{COLLECTION}/items/{HURS}", timeout=10).json()
    assert "hurs" in item["properties"]["variables"] and "%" in item["properties"]["units"]
    start = datetime.datetime.fromisoformat(item["properties"]["start_datetime"])
    assert (start.year, start.month, start.day) == (1999, 1, 1)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
def test_an_interrupted_server_leaves_at_once_with_its_status(tmp_path, how):
    project = Project.of_fixture(tmp_path / "cmip6")
    server = Server("sync", project.folder / project.name, "--serve", "--port", "0")
    assert server.stop(how) in (0, 130)


def test_serve_shows_what_an_earlier_build_made(built):
    with Server("serve", built.folder / built.name, "--port", "0") as server:
        client = pystac_client.Client.open(server.url)
        assert ids(client.search()) == sorted(built.items)
