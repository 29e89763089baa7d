"""Publishing to stac-fastapi-pgstac through a proxy that loses, delays, cuts and doubles requests: nothing is lost, nothing is there twice."""

import os
import random
import signal
import subprocess
import time
from collections import Counter

import pytest

import publishing
from fault_proxy import FaultProxy
from program import BINARY, environment

FULL = os.environ.get("ALTOSTAC_FULL") == "1"
COUNT, KILLS = (5000, 10) if FULL else (150, 3)


@pytest.fixture(scope="module")
def project(tmp_path_factory, api):
    found = publishing.many_items(tmp_path_factory.mktemp("faults"), COUNT, "faults")
    yield found
    publishing.forget(found, api.url)


@pytest.fixture(autouse=True)
def nothing_there(project, api):
    publishing.forget(project, api.url)


def publish(project, proxy, *arguments, status=0):
    """Publishes through the proxy: (answer, seconds)."""
    begun = time.monotonic()
    answer = project.run("publish", "--to", proxy.url, "--json", *arguments).expect(status)
    return answer.json, time.monotonic() - begun


def assert_all_there(project, api):
    wrong, listed = publishing.differences(project, api.url)
    assert wrong == []
    assert sorted(listed) == sorted(project.items), "each once"


def assert_nothing_left_to_send(project, proxy):
    proxy.faults = 0
    proxy.forget()
    again, _ = publish(project, proxy)
    assert proxy.writes() == [] and again["counts"]["unchanged"] == COUNT + 1
    assert len(proxy.requests) < 10 + COUNT / 20, "they are looked at together"


def replacements(proxy):
    """Items that were sent to take the place of others: nothing here differs, so nobody should."""
    return [asked.target for asked in proxy.requests if asked.method == "PUT" and "/items/" in asked.target]


@pytest.fixture(scope="module")
def fault_free(project, api):
    """What a run costs that nothing happens to: (seconds, requests)."""
    with FaultProxy(api.url) as proxy:
        answer, seconds = publish(project, proxy)
        assert answer["counts"]["created"] == COUNT + 1
        requests = len(proxy.requests)
        assert_all_there(project, api)
        assert_nothing_left_to_send(project, proxy)
    return seconds, requests


def one_by_one(asked):
    """An API that takes no more than one item at a time."""
    if asked.target.endswith("/bulk_items"):
        return "404"
    return "422" if asked.method == "POST" and b'"FeatureCollection"' in asked.body else None


@pytest.mark.parametrize("before", [None, one_by_one], ids=["together", "one by one"])
def test_every_item_arrives_through_faults(project, api, fault_free, show_at_the_end, before):
    with FaultProxy(api.url, faults=0.2, seed=8, before=before) as proxy:
        answer, seconds = publish(project, proxy)
        assert answer["counts"]["created"] + answer["counts"]["unchanged"] == COUNT + 1
        assert proxy.faulty() > 0 and replacements(proxy) == []
        kinds = Counter(kind for (_, kind), count in proxy.counts.items() for _ in range(count) if kind)
        show_at_the_end(f"publishing through faults{', one by one' if before else ''}", f"{COUNT} items; fault-free {fault_free[0]:.1f} s, {fault_free[1]} requests; with 20 % faults"
                        f" {seconds:.1f} s, {len(proxy.requests)} requests, {proxy.faulty()} of them faulty: {dict(kinds)}")
        assert_all_there(project, api)
        proxy.before = None
        assert_nothing_left_to_send(project, proxy)


def test_a_publisher_that_is_killed_again_and_again_loses_nothing(project, api, fault_free, show_at_the_end):
    moments = random.Random(11)
    with FaultProxy(api.url, faults=0.2, seed=9) as proxy:
        killed = 0
        for _ in range(KILLS):
            process = subprocess.Popen([BINARY, "publish", project.folder / project.name, "--to", proxy.url], env=environment(),
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                process.wait(moments.uniform(0.1, 1.5) * fault_free[0] / KILLS + 0.2)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                killed += 1
        answer, seconds = publish(project, proxy)
        assert answer["counts"]["failed"] == 0 and replacements(proxy) == []
        show_at_the_end("publishing, killed", f"{COUNT} items; killed {killed} times; the last run {seconds:.1f} s, {len(proxy.requests)} requests in all")
        assert_all_there(project, api)
        status = project.run("status", "--json").expect(0).json
        [mine] = [one for one in status["apis"] if one["api"].rstrip("/") == proxy.url]
        assert (mine["collection"], mine["published"], mine["pending"], mine["failed"]) == ("published", COUNT, 0, 0)
        assert_nothing_left_to_send(project, proxy)


def test_what_the_server_refuses_is_told_item_by_item(project, api):
    refused = sorted(project.items)[3]
    with FaultProxy(api.url) as proxy:
        proxy.before = lambda asked: "500" if asked.writes and refused.encode() in asked.body else None
        answer, _ = publish(project, proxy, status=1)
        assert answer["counts"]["failed"] == 1
        [record] = [one for one in answer["records"] if one["status"] == "failed"]
        assert record["id"] == refused and "500" in record["message"]
        status = project.run("status", "--json").expect(1).json
        [item] = [one for one in status["items"] if one["id"] == refused]
        [there] = [one for one in item["publications"] if one["api"].rstrip("/") == proxy.url]
        assert there["state"] == "failed" and "500" in there["message"]
        proxy.before = None
        proxy.forget()
        mended, _ = publish(project, proxy)
        assert mended["counts"] == {"created": 1, "updated": 0, "unchanged": COUNT, "removed": 0, "failed": 0}
        assert len(proxy.writes()) == 1
        assert_all_there(project, api)
