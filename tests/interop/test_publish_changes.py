"""What publishing changes in stac-fastapi-pgstac, and what it leaves: parents, what others own, surplus items, several APIs, shared collections."""

import pytest
import requests

import publishing
from fault_proxy import FaultProxy
from program import Project

COLLECTION = "changes"


@pytest.fixture
def project(tmp_path, api):
    found = publishing.many_items(tmp_path, 12, COLLECTION)
    publishing.forget(found, api.url)
    yield found
    publishing.forget(found, api.url)


def items_url(api):
    return f"{api.url}/collections/{COLLECTION}/items"


def publish(project, url, *arguments, status=0):
    return project.run("publish", "--to", url, "--json", *arguments).expect(status).json


def altered(api, item_id, **properties):
    """Changes an item on the server, as others do."""
    item = requests.get(f"{items_url(api)}/{item_id}", timeout=10).json()
    item["properties"] |= properties
    requests.put(f"{items_url(api)}/{item_id}", json=item, timeout=10).raise_for_status()


def test_a_dry_run_tells_each_field(project, api):
    publish(project, api.url)
    item_id = sorted(project.items)[0]
    altered(api, item_id, model="another", reviewed=True)
    answer = publish(project, api.url, "--dry-run")
    [record] = [one for one in answer["records"] if one["status"] == "updated"]
    assert record["id"] == item_id
    assert sorted(record["differences"], key=lambda one: one["pointer"]) == [
        {"pointer": "/properties/model", "theirs": "another", "ours": "model0"},
        {"pointer": "/properties/reviewed", "theirs": True},
    ]
    text = project.run("publish", "--to", api.url, "--dry-run").expect(0).stdout
    assert '  ~ /properties/model: "another" → "model0"\n' in text and "  - /properties/reviewed: true\n" in text
    assert "\x1b" not in text


def test_what_others_own_stays(project, api):
    project.edit(publish={"api": api.url, "keep": ["/properties/reviewed"]})
    assert project.run("publish", "--json").expect(0).json["counts"]["created"] == 13
    item_id = sorted(project.items)[0]
    altered(api, item_id, model="another", reviewed="yes")
    assert project.run("publish", "--json").expect(0).json["counts"]["updated"] == 1
    properties = requests.get(f"{items_url(api)}/{item_id}", timeout=10).json()["properties"]
    assert (properties["model"], properties["reviewed"]) == ("model0", "yes")
    assert project.run("publish", "--json").expect(0).json["counts"]["unchanged"] == 13


def test_surplus_items_go_only_when_asked_to_and_if_they_are_few(project, api):
    publish(project, api.url)
    stray = requests.get(f"{items_url(api)}/{sorted(project.items)[0]}", timeout=10).json()
    for name in ("stray1", "stray2"):
        requests.post(items_url(api), json=stray | {"id": name}, timeout=10).raise_for_status()
    assert publish(project, api.url)["counts"]["removed"] == 0
    refused = publish(project, api.url, "--prune", status=1)
    assert "2 of 14" in refused["problems"][0] and refused["counts"]["removed"] == 0
    project.edit(publish={"api": api.url, "max_deletes": "20%"})
    dry = publish(project, api.url, "--prune", "--dry-run")
    assert [one["id"] for one in dry["records"] if one["status"] == "removed"] == ["stray1", "stray2"]
    assert len(publishing.differences(project, api.url)[1]) == 14
    assert publish(project, api.url, "--prune")["counts"]["removed"] == 2
    wrong, listed = publishing.differences(project, api.url)
    assert wrong == [] and sorted(listed) == sorted(project.items)


def test_several_apis_each_get_everything_and_one_that_is_away_stops_nobody(project, api):
    with FaultProxy(api.url) as gone:
        away = gone.url
    project.edit(publish={"api": [away, {"url": api.url}]})
    answer = project.run("publish", "--json").expect(1).json["publications"]
    assert [one["counts"]["created"] for one in answer] == [0, 13]
    assert "does not answer" in answer[0]["problems"][0] and "problems" not in answer[1]
    status = project.run("status", "--json").expect(0).json
    assert {one["api"].rstrip("/"): one["published"] for one in status["apis"]} == {away: 0, api.url: 12}


def test_parents_are_there_before_their_children(project, api):
    recipe = project.recipe
    recipe["collection"]["parent"] = {"id": "changes-parent", "description": "A parent."}
    project.write(recipe)
    project.build()
    with FaultProxy(api.url) as proxy:
        publish(project, proxy.url)
        created = [asked.target for asked in proxy.writes() if asked.target == "/collections"]
        assert len(created) == 2 and b'"id":"changes-parent"' in proxy.writes()[0].body
    assert requests.get(f"{api.url}/collections/changes-parent", timeout=10).json()["description"] == "A parent."
    requests.delete(f"{api.url}/collections/changes-parent", timeout=10)


def test_a_collection_that_two_recipes_feed_only_grows(project, api, tmp_path):
    def shared(folder, name):
        recipe = project.recipe
        recipe["collection"]["manage"] = "extend"
        recipe["item"]["id"] = f"{name}." + recipe["item"]["id"]
        recipe["item"]["properties"] = {"family": name}
        recipe["output"] = str(tmp_path / "shared")
        found = Project.of_recipe(folder, recipe)
        found.build()
        return found

    one, two = shared(tmp_path / "one", "one"), shared(tmp_path / "two", "two")
    collection = two.collection
    assert sum(link["rel"] == "item" for link in collection["links"]) == 24
    assert sorted(collection["summaries"]["family"]) == ["one", "two"]
    for recipe in (one, two, one):
        recipe.run("publish", "--to", api.url, "--json").expect(0)
    found = requests.get(f"{api.url}/collections/{COLLECTION}", timeout=10).json()
    assert sorted(found["summaries"]["family"]) == ["one", "two"]
    assert "extend" in one.run("publish", "--to", api.url, "--prune").expect(2).stderr
    assert len(publishing.differences(project, api.url)[1]) == 24
