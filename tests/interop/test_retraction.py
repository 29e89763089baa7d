"""What becomes of items whose files are gone: removed, or kept with a mark; and when their products go."""

import shutil

import pytest
import requests

from archives import make
from program import Project, snapshot

HURS, TASMAX, TAS = sorted(one.item_id for one in make.SERIES)
VERSION = "https://stac-extensions.github.io/version/v1.2.0/schema.json"


@pytest.fixture
def collected(project, api, request):
    """The fixture under a collection of its own, to be published to pgstac."""
    name = request.node.name.replace("[", "-").replace("]", "").replace("_", "-")
    recipe = project.recipe
    recipe["collection"]["id"] = name
    project.write(recipe | {"publish": {"api": api.url}, "guard": {"max_removed": "40%"}})
    yield project
    requests.delete(f"{api.url}/collections/{name}", timeout=30)


def stored(api, project, item_id):
    answer = requests.get(f"{api.url}/collections/{project.recipe['collection']['id']}/items/{item_id}", timeout=30)
    return answer.json() if answer.status_code == 200 else answer.status_code


def take_away(project, item_id):
    folder = project.sources(item_id)[0].parent
    folder.rename(project.folder / "taken-away")
    return folder


@pytest.mark.parametrize("on_removed, mark, other", [("deprecate", "deprecated", "retracted"), ("retract", "retracted", "deprecated")])
def test_a_record_stays_with_its_mark(collected, api, on_removed, mark, other):
    project = collected
    project.edit(on_removed=on_removed)
    project.run("sync", "--json").expect(0)
    folder, before = take_away(project, TAS), project.items[TAS]
    planned = project.run("plan", "--json").expect(0).json
    assert [item["action"] for item in planned["items"] if item["id"] == TAS] == ["withdrawn"]
    assert {item["id"]: item["status"] for item in project.run("sync", "--json").expect(0).json["items"]}[TAS] == "withdrawn"
    item = project.items[TAS]
    assert item["properties"][mark] is True and other not in item["properties"]
    assert (VERSION in item["stac_extensions"]) >= (mark == "deprecated")
    assert item["assets"] == before["assets"] and item["properties"]["created"] == before["properties"]["created"]
    assert stored(api, project, TAS)["properties"][mark] is True
    assert project.kerchunk(TAS).exists()
    assert any(link["href"].endswith(f"/{TAS}.json") for link in project.collection["links"])
    # Nothing more is to be done about it, and nothing is asked of its sources.
    written, kept = api.writes(), snapshot(project.folder / "published")
    again = project.run("sync", "--json").expect(0).json
    assert {item["status"] for item in again["items"]} == {"unchanged"} and api.writes() == written
    assert snapshot(project.folder / "published") == kept
    project.run("verify", "--json").expect(0)
    project.run("verify", "--sources", "--json").expect(0)
    project.run("publish", "--json").expect(0)
    status = {item["id"]: item["state"] for item in project.run("status", "--json").expect(0).json["items"]}
    assert status[TAS] == mark
    # Its files come back: it is as it was, without a mark.
    (project.folder / "taken-away").rename(folder)
    project.run("sync", "--json").expect(0)
    assert mark not in project.items[TAS]["properties"] and mark not in stored(api, project, TAS)["properties"]
    # The recipe changes its mind.
    take_away(project, TAS)
    project.run("sync", "--json").expect(0)
    project.edit(on_removed="remove")
    project.run("sync", "--json").expect(0)
    assert TAS not in project.items and stored(api, project, TAS) == 404


def test_products_of_what_is_gone_stay_until_every_api_says_so(collected, api):
    project = collected
    project.run("sync", "--json").expect(0)
    products = project.kerchunk(TAS).parent.parent
    folder = take_away(project, TAS)
    # The catalogue says that it is gone; the API does not yet, and what it names must stand.
    assert project.build()[TAS]["status"] == "removed"
    assert TAS not in project.items and stored(api, project, TAS)["id"] == TAS and products.exists()
    project.run("plan", "--json").expect(0)
    project.build()
    assert products.exists()
    project.run("publish", "--json").expect(0)
    assert stored(api, project, TAS) == 404 and not products.exists()
    # Somebody else removes it from the API: that is as good.
    requests.delete(f"{api.url}/collections/{project.recipe['collection']['id']}/items/{HURS}", timeout=30).raise_for_status()
    (project.folder / "taken-away").rename(folder)
    project.run("sync", "--json").expect(0)
    assert products.exists() and project.items[TAS]
    take_away(project, HURS)
    products = project.kerchunk(HURS).parent.parent
    project.run("sync", "--json").expect(0)
    assert not products.exists()


def test_without_an_api_products_go_with_their_item(tmp_path):
    project = Project.of_fixture(tmp_path / "cmip6")
    project.build()
    products = project.kerchunk(TAS).parent.parent
    shutil.rmtree(project.sources(TAS)[0].parent)
    project.build("--allow-removal")
    assert not products.exists() and project.kerchunk(HURS).exists()
    assert {item["status"] for item in project.build().values()} == {"unchanged"}
