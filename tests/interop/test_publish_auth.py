"""stac-fastapi-pgstac behind stac-auth-proxy, with tokens of an issuer that expire while items are sent."""

import os
import time

import pytest
import requests

from archives import recipe
from auth_proxy import AuthProxy, Issuer
from fault_proxy import FaultProxy
from program import Project
from test_interrupted import many_items

FULL = os.environ.get("ALTOSTAC_FULL") == "1"
COUNT = 400 if FULL else 24
COLLECTION = "guarded"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    found = Issuer(tmp_path_factory.mktemp("issuer"))
    yield found
    found.stop()


@pytest.fixture(scope="module")
def guard(api, issuer, tmp_path_factory):
    found = AuthProxy(api.url, issuer, tmp_path_factory.mktemp("guard"))
    yield found
    found.stop()


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    """A catalogue of many small items."""
    folder = tmp_path_factory.mktemp("items")
    many_items(folder / "archive", COUNT)
    keys = recipe(folder / "archive")
    project = Project.of_recipe(folder / "project", keys | {"collection": keys["collection"] | {"id": COLLECTION}})
    project.build()
    return project


@pytest.fixture
def project(items, api, issuer, monkeypatch):
    """The same, that nobody knows of yet."""
    requests.delete(f"{api.url}/collections/{COLLECTION}", timeout=30)
    monkeypatch.setenv("STAC_ID", issuer.client_id)
    monkeypatch.setenv("STAC_SECRET", issuer.secret)
    issuer.control(refuse=False, life=300, tokens=[], asked=0)
    yield items
    requests.delete(f"{api.url}/collections/{COLLECTION}", timeout=30)


def client_credentials(issuer):
    return {"oauth2_client_credentials": {"token_url": f"{issuer.url}/token", "client_id": {"env": "STAC_ID"}, "client_secret": {"env": "STAC_SECRET"},
                                          "scope": "stac:write"}}


def is_for_items(asked):
    """Whether a request sends items, one or many."""
    return asked.writes and asked.target.endswith("items")


def statuses(answer):
    """How many items each came to what."""
    found = [record["status"] for record in answer.json["records"] if record["kind"] == "item"]
    return {status: found.count(status) for status in set(found)}


def stored(api, limit=10000):
    answer = requests.get(f"{api.url}/collections/{COLLECTION}/items", params={"limit": limit}, timeout=60)
    return {item["id"] for item in answer.json().get("features", [])}


def test_the_guard_guards(api, guard, issuer):
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        answer = requests.post(f"{guard.url}/collections", json={"id": COLLECTION}, headers=headers, timeout=10)
        assert answer.status_code in (401, 403), answer.text
    assert requests.get(f"{guard.url}/collections", timeout=10).status_code == 200


def test_all_items_arrive_while_tokens_expire(project, api, guard, issuer):
    begun = []

    def wait(asked):
        if is_for_items(asked) and not begun:
            begun.append(time.sleep(2.5))

    issuer.control(life=2)
    with FaultProxy(guard.url, faults=1.0, kinds=("delay",), before=wait) as slow:
        project.edit(publish={"api": slow.url, "auth": client_credentials(issuer)})
        answer = project.run("publish", "--json", "-vv").expect(0)
        assert statuses(answer) == {"created": COUNT} and stored(api) == set(project.items)
        tokens = issuer.control()["tokens"]
        assert begun and len(tokens) >= 2, "none expired"
        assert issuer.control()["asked"] == len(tokens) <= len(slow.requests) / 2, "a token is used again"
        for secret in (issuer.secret, *tokens):
            assert secret not in answer.stdout + answer.stderr
        issuer.control(life=300)
        slow.faults = 0
        slow.forget()
        assert statuses(project.run("publish", "--json").expect(0)) == {"unchanged": COUNT}
        assert slow.writes() == [], "what the guard adds to answers is no difference"


def test_a_token_of_our_own_is_taken_anew_from_its_file(project, api, guard, issuer, tmp_path):
    """As those that keep tokens in files renew them: the file is replaced while items are sent."""
    file = tmp_path / "token"
    file.write_text(issuer.token(life=3600))
    renewed = []

    def renew(asked):
        if is_for_items(asked) and not renewed:
            renewed.append(issuer.token(life=3600))
            file.write_text(renewed[0])
        # The old one is of no use from then on.
        return "401" if renewed and asked.authorization != f"Bearer {renewed[0]}" else None

    with FaultProxy(guard.url, before=renew) as proxy:
        project.edit(publish={"api": proxy.url, "auth": {"bearer": {"file": str(file)}}})
        answer = project.run("publish", "--json").expect(0)
    assert renewed and statuses(answer) == {"created": COUNT} and stored(api) == set(project.items)
    assert proxy.counts["POST", "401"] > 0, "the old one was sent once more"
