"""A run that is killed at any moment leaves a whole catalogue; the next run completes it."""

import json
import os
import random
import shutil
import signal
import subprocess
import time

from archives import recipe
from program import BINARY, FIXTURE, Project, environment, wait_until

FULL = os.environ.get("ALTOSTAC_FULL") == "1"


def many_items(root, count):
    """An archive of so many small items: each is the files of one item of the fixture, under another member's name."""
    source = sorted((FIXTURE / "archive/CMIP6/ScenarioMIP").rglob("*.nc"))
    for number in range(1, count + 1):
        for path in source[:2]:
            below = path.relative_to(FIXTURE / "archive").as_posix().replace("r1i1p1f2", f"r{number}i1p1f2")
            target = root / below
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def is_whole(published):
    """Whatever can be reached from the catalogue is there, can be read, and every product that it links too."""
    catalog = published / "catalog.json"
    if not catalog.exists():
        return 0
    reached = 0
    for child in (link for link in json.loads(catalog.read_text())["links"] if link["rel"] == "child"):
        collection = published / child["href"]
        for link in (link for link in json.loads(collection.read_text())["links"] if link["rel"] == "item"):
            path = collection.parent / link["href"]
            item = json.loads(path.read_text())
            product = (path.parent / item["assets"]["reference_file"]["href"]).resolve()
            assert json.loads(product.read_text())["version"] == 1
            assert product.stat().st_size == item["assets"]["reference_file"]["file:size"]
            reached += 1
    return reached


def test_a_killed_run_leaves_a_whole_catalogue(tmp_path):
    count, kills = (200, 60) if FULL else (12, 20)
    many_items(tmp_path / "archive", count)
    project = Project.of_recipe(tmp_path / "project", recipe(tmp_path / "archive"))
    published, random_moment = project.folder / "published", random.Random(7)
    begun = time.monotonic()
    project.build()
    whole = time.monotonic() - begun
    expected = {item_id: item["assets"]["reference_file"]["file:checksum"] for item_id, item in project.items.items()}
    assert len(expected) == count and is_whole(published) == count
    shutil.rmtree(published)
    shutil.rmtree(project.folder / ".altostac")
    for number in range(kills):
        # From the second half on everything stands already: then revisions are replaced.
        force = ["--force"] if number >= kills // 2 else []
        process = subprocess.Popen([BINARY, "build", project.folder / project.name, *force], env=environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(random_moment.uniform(0, whole))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        is_whole(published)
    built = project.build()
    assert is_whole(published) == count == len(built)
    assert {item_id: item["assets"]["reference_file"]["file:checksum"] for item_id, item in project.items.items()} == expected
    project.run("verify", "--json").expect(0)
    # Nothing is left to do, whatever the killed runs forgot to say.
    assert {item["status"] for item in project.build().values()} == {"unchanged"}



def test_an_interrupted_run_says_so(tmp_path):
    many_items(tmp_path / "archive", 40)
    project = Project.of_recipe(tmp_path / "project", recipe(tmp_path / "archive"))
    for how in (signal.SIGINT, signal.SIGTERM):
        shutil.rmtree(project.folder / "published", ignore_errors=True)
        process = subprocess.Popen([BINARY, "build", project.folder / project.name, "--force"], env=environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # The first record tells that it is at work; 39 items are still to come then.
        assert wait_until(lambda: next(published_items(project), None) or process.poll() is not None)
        process.send_signal(how)
        assert process.wait(20) == 130
    assert {item["status"] for item in project.build().values()} <= {"added", "changed", "unchanged"}


def published_items(project):
    return (project.folder / "published").glob("*/items/*.json")
