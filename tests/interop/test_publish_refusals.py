"""What a real API refuses is told, the rest is done, nothing published is lost, and the next run mends it."""

import time

import pytest
import requests

import pgstac
from fault_proxy import FaultProxy
from test_publish_auth import COLLECTION, COUNT, client_credentials, guard, is_for_items, issuer, items, project, statuses, stored  # noqa: F401


def failures(answer):
    return {record["id"]: record["message"] for record in answer.json["records"] if record["status"] == "failed"}


def publish_half(project):
    """Publishes every other item."""
    half = sorted(project.items)[::2]
    project.run("publish", *(argument for item in half for argument in ("--item", item))).expect(0)
    return set(half)


def all_is_well(project, api):
    """After another run the API has everything, and a third changes nothing."""
    project.run("publish", "--json").expect(0)
    assert stored(api) == set(project.items)
    assert statuses(project.run("publish", "--json").expect(0)) == {"unchanged": COUNT}


def test_wrong_credentials(project, api, guard, issuer, monkeypatch):
    project.edit(publish={"api": guard.url, "auth": client_credentials(issuer)})
    monkeypatch.setenv("STAC_SECRET", "wr0ng")
    answer = project.run("publish").expect(1)
    assert "gives no token: 401 Unauthorized: invalid_client" in answer.stderr and "remedy: check the client's id and secret" in answer.stderr
    assert "wr0ng" not in answer.stderr and not stored(api)

    monkeypatch.setenv("STAC_TOKEN", "wr0ng.t0ken")
    project.edit(publish={"api": guard.url, "auth": {"bearer": {"env": "STAC_TOKEN"}}})
    answer = project.run("publish")
    assert answer.status == 1 and "401" in answer.stderr and not stored(api)
    assert "wr0ng" not in answer.stdout + answer.stderr

    project.edit(publish={"api": guard.url, "auth": client_credentials(issuer)})
    monkeypatch.setenv("STAC_SECRET", issuer.secret)
    all_is_well(project, api)


def test_a_token_that_expires_and_is_not_renewed(project, api, guard, issuer):
    project.edit(publish={"api": guard.url, "auth": client_credentials(issuer)})
    half = publish_half(project)
    issuer.control(life=2, asked=0)
    begun = []

    def expire(asked):
        if is_for_items(asked) and not begun:
            begun.append(time.monotonic())
            issuer.control(refuse=True)
            time.sleep(2.5)

    with FaultProxy(guard.url, before=expire) as proxy:
        project.edit(publish={"api": proxy.url, "auth": client_credentials(issuer)})
        answer = project.run("publish", "--json").expect(1)
        asked = issuer.control()["asked"]
    failed = failures(answer)
    assert begun and half <= stored(api) != set(project.items), "what was published stays"
    assert set(project.items) - stored(api) <= set(failed), "what is not there is named"
    assert any("gives no token: 401 Unauthorized: invalid_client" in message for message in failed.values()), failed
    assert asked < 10, "who was refused does not ask for every item"
    issuer.control(refuse=False, life=300)
    project.edit(publish={"api": guard.url, "auth": client_credentials(issuer)})
    all_is_well(project, api)


def test_an_api_that_is_only_read(project, api, database, tmp_path):
    reading = pgstac.Api(database, tmp_path / "log", transactions=False)
    try:
        project.edit(publish={"api": reading.url})
        answer = project.run("publish").expect(1)
        assert "does not list the Transaction extension" in answer.stderr and reading.writes() == 0
        project.run("publish", "--dry-run").expect(0)
    finally:
        reading.stop()
    project.edit(publish={"api": api.url})
    all_is_well(project, api)


def test_a_collection_that_is_deleted_meanwhile(project, api):
    project.edit(publish={"api": api.url})
    publish_half(project)
    deleted = []

    def delete(asked):
        if is_for_items(asked) and not deleted:
            deleted.append(requests.delete(f"{api.url}/collections/{COLLECTION}", timeout=30).status_code)

    with FaultProxy(api.url, before=delete) as proxy:
        project.edit(publish={"api": proxy.url})
        answer = project.run("publish", "--json").expect(1)
    failed = failures(answer)
    assert deleted == [200] and failed and all(failed.values())
    assert "panicked" not in answer.stderr
    project.edit(publish={"api": api.url})
    all_is_well(project, api)


def test_a_collection_that_was_deleted_between_two_runs(project, api):
    """sync does not ask about what the API confirmed: that the API has lost it all shows by the collection, even if the answer to making it is lost."""
    loses = []

    def lose(asked):
        if loses and asked.method == "POST" and asked.target.rstrip("/").endswith("/collections"):
            loses.clear()
            requests.post(f"{api.url}/collections", data=asked.body, headers={"Content-Type": "application/json"}, timeout=30).raise_for_status()
            return "reset"

    described = project.recipe["collection"]
    with FaultProxy(api.url, before=lose) as proxy:
        project.edit(publish={"api": proxy.url})
        project.run("sync", "--json").expect(0)
        first, *_, last = sorted(project.items)
        # The collection is new, and the answer is lost; the collection is new; nothing is but the first or the last of the items.
        for number, arguments in enumerate(((), (), ("--force", "--item", first), ("--force", "--item", last))):
            requests.delete(f"{api.url}/collections/{COLLECTION}", timeout=30).raise_for_status()
            if number == 0:
                loses.append(True)
            if not arguments:
                project.edit(collection=described | {"title": f"title {number}"})
            else:
                project.run("build", *arguments).expect(0)
            counts = project.run("sync", "--json").expect(0).json["publication"]["counts"]
            assert not loses and counts["created"] >= COUNT and counts["failed"] == 0, (number, counts)
            assert stored(api) == set(project.items), number
    project.edit(collection=described)
    # Others publish what stands there, and expect no more of sync.
    project.build()


def test_a_deletion_that_was_refused_is_no_order_for_later(project, api):
    """What --prune may not delete is let alone by runs that are not asked to prune."""
    refuses = []
    with FaultProxy(api.url, before=lambda asked: "403" if refuses and asked.method == "DELETE" else None) as proxy:
        project.edit(publish={"api": proxy.url, "max_deletes": "50%"})
        project.run("publish").expect(0)
        stray = next(iter(project.items.values())) | {"id": "stray", "links": []}
        answer = requests.post(f"{api.url}/collections/{COLLECTION}/items", json=stray, timeout=30)
        assert answer.status_code == 201, answer.text
        refuses.append(True)
        answer = project.run("publish", "--prune", "--json").expect(1)
        assert set(failures(answer)) == {"stray"}
        refuses.clear()
        proxy.forget()
        project.run("publish", "--json").expect(0)
        project.run("sync", "--json").expect(0)
        assert proxy.writes() == [] and "stray" in stored(api)
        assert statuses(project.run("publish", "--prune", "--json").expect(0))["removed"] == 1


def test_a_body_that_the_api_refuses(api, tmp_path):
    """PostgreSQL has no place for the character NUL; one item has it in a property."""
    from program import FIXTURE, Project
    project = Project.of_fixture(tmp_path / "cmip6")
    recipe = project.recipe
    [bad, *_] = sorted(project.build())
    source = bad.split(".")[3]
    properties = recipe["item"]["properties"] | {"description": "{%% if source_id == '%s' %%}one\0two{%% else %%}fine{%% endif %%}" % source}
    project.edit(collection=recipe["collection"] | {"id": COLLECTION}, item=recipe["item"] | {"properties": properties}, publish={"api": api.url})
    project.build()
    ids = {item for item, record in project.items.items() if record["properties"]["description"] != "fine"}
    try:
        answer = project.run("publish", "--json").expect(1)
        assert set(failures(answer)) == ids and stored(api) == set(project.items) - ids
        print(failures(answer))
        project.edit(collection=recipe["collection"] | {"id": COLLECTION}, item=recipe["item"], publish={"api": api.url})
        project.build()
        project.run("publish").expect(0)
        assert stored(api) == set(project.items)
    finally:
        requests.delete(f"{api.url}/collections/{COLLECTION}", timeout=30)
