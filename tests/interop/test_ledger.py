"""The ledger: made anew from the output and the APIs, after a loss, a kill, a full disk; and one run at a time."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess

import pytest
import requests

from archives import make, recipe
from program import BINARY, Project, environment, snapshot, wait_until
from test_interrupted import is_whole, many_items

HURS, TASMAX, TAS = sorted(one.item_id for one in make.SERIES)


def tables(project):
    """All that a ledger holds, without the moments at which it was told."""
    with sqlite3.connect(f"file:{project.folder / '.altostac/recipe/ledger.sqlite'}?mode=ro", uri=True) as ledger:
        items = ledger.execute("SELECT id, state, revision, product_digest, record_digest, error, products FROM item").fetchall()
        sources = ledger.execute("SELECT item, url, file FROM source").fetchall()
        publications = ledger.execute("SELECT api, kind, id, digest FROM publication").fetchall()
    parsed = [(*item[:6], json.loads(item[6])) for item in items]
    return parsed, [(item, url, json.loads(file)) for item, url, file in sources], sorted(publications)


@pytest.mark.parametrize("products", [["kerchunk"], ["kerchunk-parquet", "cfa", "icechunk", "zarr"]], ids=["one", "all"])
def test_a_lost_ledger_is_made_anew(project, api, products):
    name = f"rebuilt-{len(products)}"
    keys = project.recipe
    keys["collection"]["id"] = name
    project.write(keys | {"publish": {"api": api.url}, "products": products, "on_removed": "deprecate", "guard": {"max_removed": "40%"}})
    project.run("sync", "--json").expect(0)
    # A record that is younger than its revision, and one whose files are gone.
    keys = project.recipe
    keys["collection"]["title"] = "Another title"
    project.write(keys)
    project.run("sync", "--json").expect(0)
    shutil.rmtree(project.sources(HURS)[0].parent)
    project.run("sync", "--json").expect(0)
    before = tables(project)
    for damage in (shutil.rmtree, lambda state: (state / "recipe/ledger.sqlite").write_bytes(b"SQLite format 3\0" + bytes(5000))):
        damage(project.folder / ".altostac")
        answer = project.run("status", "--rebuild", "--json").expect(0).json
        assert (answer["items"], answer["made_anew"], answer["problems"]) == (3, [], [])
        assert answer["apis"] == [{"api": f"{api.url}/", "equal": 4, "different": 0, "absent": 0}]
        assert tables(project) == before
        written, kept = api.writes(), snapshot(project.folder / "published")
        again = project.run("sync", "--json").expect(0).json
        assert {item["status"] for item in again["items"]} == {"unchanged"}
        assert api.writes() == written and snapshot(project.folder / "published") == kept
    # What the API lost meanwhile is found out.
    requests.delete(f"{api.url}/collections/{name}/items/{TAS}", timeout=30).raise_for_status()
    answer = project.run("status", "--rebuild", "--json").expect(0).json
    assert answer["apis"][0]["absent"] == 1
    counts = project.run("sync", "--json").expect(0).json["publication"]["counts"]
    assert (counts["created"], counts["updated"]) == (1, 0)
    requests.delete(f"{api.url}/collections/{name}", timeout=30)


def test_what_cannot_be_read_is_told_and_the_rest_is_known(project):
    project.build()
    project.kerchunk(TAS).with_name("sources.parquet").write_bytes(b"PAR1")
    project.kerchunk(HURS).with_name("report.json").write_text("{}")
    answer = project.run("status", "--rebuild", "--json").expect(1).json
    assert answer["items"] == 1 and len(answer["problems"]) == 2
    assert {item["status"] for item in project.build().values()} == {"unchanged", "added"}
    assert {item["status"] for item in project.build().values()} == {"unchanged"}


def test_a_damaged_ledger_says_what_to_do(project):
    project.build()
    ledger = project.folder / ".altostac/recipe/ledger.sqlite"
    ledger.write_bytes(b"not a ledger" * 1000)
    assert "--rebuild" in project.run("build").expect(2).stderr
    project.run("status", "--rebuild").expect(0)
    assert ledger.with_name("ledger.sqlite.before").read_bytes().startswith(b"not a ledger")
    assert {item["status"] for item in project.build().values()} == {"unchanged"}


def test_two_runs_of_one_recipe(tmp_path):
    many_items(tmp_path / "archive", 12)
    project = Project.of_recipe(tmp_path / "project", recipe(tmp_path / "archive"))
    command = [BINARY, "sync", project.folder / project.name, "--force", "--json"]
    start = lambda *more: subprocess.Popen([*command, *more], env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                           stderr=subprocess.PIPE, text=True)
    first = start()
    assert wait_until(lambda: next((project.folder / "published").glob("*/items/*.json"), None) or first.poll() is not None)
    # The second says so at once; with another state too, for the output is the same; or it waits.
    second, waiting = start(), start("--wait")
    other = start("--state", tmp_path / "other")
    said = second.communicate(timeout=60)[1]
    assert second.returncode == 2 and "another altostac is at work" in said and "--wait" in said
    said = other.communicate(timeout=60)[1]
    assert other.returncode in (0, 2) and (other.returncode == 0 or "another altostac" in said), said
    assert first.wait(60) == 0 and waiting.wait(60) == 0
    assert is_whole(project.folder / "published") == 12
    assert "waiting until it is done" in waiting.stderr.read()
    project.run("verify", "--json").expect(0)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 6 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"needs to mount a tmpfs: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_disk_that_fills_leaves_nothing_half_published(tmp_path, small_disk):
    """With less and less room: whatever is full first, ledger, products or records, it is said, and what stands is whole."""
    many_items(tmp_path / "archive", 6)
    project = Project.of_recipe(small_disk / "project", recipe(tmp_path / "archive", products=["kerchunk", "zarr"]))
    project.build()
    expected = set(project.items)
    shutil.rmtree(project.folder / "published")
    shutil.rmtree(project.folder / ".altostac")
    ballast, said = small_disk / "ballast", []
    for room in (0, 20_000, 60_000, 150_000, 300_000, 500_000):
        statvfs = os.statvfs(small_disk)
        free = statvfs.f_bavail * statvfs.f_frsize
        with open(ballast, "wb") as file:
            file.write(bytes(max(0, free - room)))
        answer = project.run("build")
        is_whole(project.folder / "published")
        said.append(answer.status)
        if answer.status != 0:
            assert answer.status == 1, answer
            assert "No space left on device" in answer.stderr or "disk is full" in answer.stderr, answer
            assert str(small_disk) in answer.stderr, "where there is no room is not said"
        ballast.unlink()
    assert said.count(1) >= 3, said
    project.build()
    assert set(project.items) == expected and is_whole(project.folder / "published") == 6
    assert {item["status"] for item in project.build().values()} == {"unchanged"}
    project.run("verify", "--every-value", "--json").expect(0)
    # A full disk while everything is replaced: what stood stands.
    statvfs = os.statvfs(small_disk)
    with open(ballast, "wb") as file:
        file.write(bytes(max(0, statvfs.f_bavail * statvfs.f_frsize - 100_000)))
    assert project.run("build", "--force").status == 1
    assert is_whole(project.folder / "published") == 6
    ballast.unlink()
    project.build()
    project.run("verify", "--json").expect(0)


def test_a_ledger_survives_kills_while_it_is_written(tmp_path):
    many_items(tmp_path / "archive", 8)
    project = Project.of_recipe(tmp_path / "project", recipe(tmp_path / "archive"))
    moments = random.Random(11)
    for _ in range(10):
        process = subprocess.Popen([BINARY, "build", project.folder / project.name, "--force"], env=environment(),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(moments.uniform(0.02, 0.5))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        # A rebuilding that is killed changes nothing.
        process = subprocess.Popen([BINARY, "status", project.folder / project.name, "--rebuild"], env=environment(),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(moments.uniform(0, 0.1))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        path = project.folder / ".altostac/recipe/ledger.sqlite"
        if path.exists():
            # Through altostac first: it undoes what was cut off.
            assert project.run("status").status in (0, 1)
            with sqlite3.connect(path) as ledger:
                assert ledger.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    project.build()
    assert is_whole(project.folder / "published") == 8
    assert {item["status"] for item in project.build().values()} == {"unchanged"}
