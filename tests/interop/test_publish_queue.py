"""`altostac publish` to an API that queues, as ESGF's does: stored is what can be read, collections are others' matter."""

import shutil

import pytest

from queueing_api import QueueingApi

COLLECTION, TOKEN = "cmip6-sample", "esgf-t0ken.of-our.own"


@pytest.fixture
def api(monkeypatch):
    monkeypatch.setenv("ESGF_TOKEN", TOKEN)
    with QueueingApi(token=TOKEN) as found:
        yield found


@pytest.fixture
def publishing(project, api):
    """The fixture, built, with this API and a token in its recipe."""
    project.edit(publish={"api": api.url, "auth": {"bearer": {"env": "ESGF_TOKEN"}}})
    project.build()
    return project


def statuses(answer):
    return {record["id"]: record["status"] for record in answer.json["records"]}


def test_items_are_published_once_they_can_be_read(api, publishing):
    api.records[f"/collections/{COLLECTION}"] = publishing.collection
    answer = publishing.run("publish", "--json").expect(0)
    assert statuses(answer) == {COLLECTION: "unchanged"} | dict.fromkeys(publishing.items, "created")
    assert not api.queue, "nothing was left behind in the queue"
    for item, record in api.items(COLLECTION).items():
        assert record["properties"] == publishing.items[item]["properties"]
    api.asked.clear()
    assert set(statuses(publishing.run("publish", "--json").expect(0)).values()) == {"unchanged"}
    assert set(api.asked) == {"GET"}


def test_a_collection_that_nobody_may_change_does_not_stop_its_items(api, publishing):
    api.records[f"/collections/{COLLECTION}"] = publishing.collection | {"title": "The project's own title"}
    answer = publishing.run("publish", "--json").expect(1)
    assert statuses(answer) == {COLLECTION: "failed"} | dict.fromkeys(publishing.items, "created")
    [message] = [record["message"] for record in answer.json["records"] if record["status"] == "failed"]
    assert message.startswith("405 Method Not Allowed") and "project's office" in message
    assert sorted(api.items(COLLECTION)) == sorted(publishing.items)


def test_a_collection_that_is_not_there_is_told(api, publishing):
    answer = publishing.run("publish", "--json").expect(1)
    assert set(statuses(answer).values()) == {"failed"} and not api.records
    assert "the API does not have the collection" in answer.stderr


def test_changes_and_removals_are_queued_too(api, publishing):
    api.records[f"/collections/{COLLECTION}"] = publishing.collection
    publishing.run("publish").expect(0)
    gone, changed, _ = sorted(publishing.items)
    api.records[f"/collections/{COLLECTION}/items/{changed}"]["properties"]["cmip6:table_id"] = "day"
    shutil.rmtree(publishing.sources(gone)[0].parent)
    publishing.build("--force", "--allow-removal")
    api.records[f"/collections/{COLLECTION}"] = publishing.collection
    found = statuses(publishing.run("publish", "--json").expect(0))
    assert (found[gone], found[changed]) == ("removed", "updated")
    stored = api.items(COLLECTION)
    assert stored[gone]["properties"]["retracted"] is True
    assert stored[changed]["properties"]["cmip6:table_id"] == "Amon"


def test_a_token_that_the_api_does_not_know(api, publishing, monkeypatch):
    api.records[f"/collections/{COLLECTION}"] = publishing.collection
    monkeypatch.setenv("ESGF_TOKEN", "another-t0ken")
    answer = publishing.run("publish", "--json").expect(1)
    assert "401 Unauthorized: Not authenticated" in answer.stderr and not api.items(COLLECTION)
    assert "t0ken" not in answer.stdout + answer.stderr
    monkeypatch.delenv("ESGF_TOKEN")
    assert "ESGF_TOKEN: it is not set" in publishing.run("publish").expect(2).stderr
    assert "ESGF_TOKEN: it is not set" in publishing.run("sync").expect(2).stderr
