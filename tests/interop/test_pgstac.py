"""`altostac publish` to stac-fastapi-pgstac: a server that is not ours stores the records, DataPoint opens them there."""

import pytest
import requests
from ceda_datapoint import DataPointClient

import pgstac
from oracle import Series, kerchunk
from program import Project

COLLECTION = "cmip6-sample"


@pytest.fixture(scope="module")
def published(api, tmp_path_factory):
    """The fixture built for outside readers, its files served over HTTP, its records pushed: (project, first answer)."""
    project = Project.of_fixture(tmp_path_factory.mktemp("pgstac") / "cmip6")
    (project.folder / "published").mkdir()
    files = pgstac.Files(archive=project.folder / "archive", published=project.folder / "published")
    try:
        project.edit(public_urls=[{"from": name, "to": f"{files.url}/{name}"} for name in ("archive", "published")])
        project.build()
        before = api.writes()
        dry = project.run("publish", "--to", api.url, "--dry-run", "--json").expect(0)
        assert api.writes() == before and requests.get(f"{api.url}/collections", timeout=10).json()["collections"] == []
        assert statuses(dry) == dict.fromkeys([COLLECTION, *project.items], "created")
        first = project.run("publish", "--to", api.url, "--json").expect(0)
        yield project, first
    finally:
        files.stop()


def statuses(answer):
    """What became of every record, by id."""
    return {record["id"]: record["status"] for record in answer.json["records"]}


def stored(api, item):
    return requests.get(f"{api.url}/collections/{COLLECTION}/items/{item}", timeout=10).json()


def without_nulls(value):
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value


def test_every_record_was_answered_for(published):
    project, first = published
    assert statuses(first) == dict.fromkeys([COLLECTION, *project.items], "created")
    assert len(project.items) == 3


def test_the_records_are_stored_as_they_were_sent(api, published):
    project, _ = published
    collection = requests.get(f"{api.url}/collections/{COLLECTION}", timeout=10).json()
    for key in ("title", "description", "license", "extent", "keywords", "summaries", "item_assets"):
        assert without_nulls(collection.get(key)) == without_nulls(project.collection.get(key)), key
    for item_id, record in project.items.items():
        found = stored(api, item_id)
        for key in ("type", "collection", "geometry", "bbox", "properties"):
            assert without_nulls(found[key]) == without_nulls(record[key]), (item_id, key)
        assert sorted(found["assets"]) == sorted(record["assets"])


def test_hrefs_of_the_stored_records_are_absolute_and_answer(api, published):
    project, _ = published
    for item_id in project.items:
        for key, asset in stored(api, item_id)["assets"].items():
            assert asset["href"].startswith("http://127.0.0.1"), (item_id, key, asset["href"])
            assert requests.head(asset["href"], timeout=10).status_code == 200, (item_id, key, asset["href"])


def test_datapoint_opens_them_there(api, published):
    project, _ = published
    found = DataPointClient(org="interop", url=api.url).search(collections=[COLLECTION])
    assert sorted(found.items) == sorted(project.items)
    cluster = found.collect_cloud_assets()
    assert {product.visibility for product in cluster.products} == {"all"}
    for item_id in project.items:
        sources = Series(project.sources(item_id))
        with cluster.open_dataset(f"{item_id}-reference_file") as ds:
            assert set(ds.variables) == set(sources.variables)
            assert sources.seen_differences(ds) == []
        assert sources.differences(kerchunk(stored(api, item_id)["assets"]["reference_file"]["href"])) == []


def test_references_name_the_sources_by_their_public_url(published):
    project, _ = published
    for item_id in project.items:
        text = project.kerchunk(item_id).read_text()
        assert "http://127.0.0.1" in text and "file://" not in text and str(project.folder) not in text


def test_publishing_again_sends_nothing(api, published):
    project, _ = published
    before = api.writes()
    again = project.run("publish", "--to", api.url, "--json").expect(0)
    assert api.writes() == before
    assert statuses(again) == dict.fromkeys([COLLECTION, *project.items], "unchanged")


def test_a_change_on_the_server_is_noticed_and_mended(api, published):
    project, _ = published
    item_id = sorted(project.items)[0]
    record = stored(api, item_id)
    record["properties"]["start_datetime"] = "1066-10-14T00:00:00Z"
    record["properties"]["datetime"] = None
    url = f"{api.url}/collections/{COLLECTION}/items/{item_id}"
    assert requests.put(url, json=record, timeout=10).status_code == 200
    before = api.writes()
    dry = project.run("publish", "--to", api.url, "--dry-run", "--json").expect(0)
    wanted = dict.fromkeys([COLLECTION, *project.items], "unchanged") | {item_id: "updated"}
    assert "start_datetime" in dry.stdout and statuses(dry) == wanted and api.writes() == before
    assert statuses(project.run("publish", "--to", api.url, "--json").expect(0)) == wanted
    assert stored(api, item_id)["properties"]["start_datetime"] == project.items[item_id]["properties"]["start_datetime"]


def test_hrefs_that_nobody_outside_can_open_are_not_published(tmp_path, built):
    # On another machine `file:///…` means another file. The name does not resolve: nothing may be asked of it.
    answer = built.run("publish", "--to", "https://stac.invalid", "--json")
    assert answer.status in (1, 2), answer
    assert "public_urls" in answer.stderr + answer.stdout, answer
