"""`altostac watch` follows an archive: by deposit messages of a real RabbitMQ, by what the kernel tells, by looking."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import netCDF4
import pytest
import requests

from archives import recipe
from pgstac import free_port
from program import BINARY, Project, Server, environment, wait_until
from rabbit import Broker
from test_interrupted import many_items
from test_random_walk import standing

FULL = os.environ.get("ALTOSTAC_FULL") == "1"
JOBS = 2


@pytest.fixture(scope="module")
def broker():
    found = Broker()
    yield found
    found.stop()


class Watcher:
    """A running `altostac watch`, its lines on standard error, and what its metrics say."""

    line = re.compile(r"metrics on (http://[\d.:]+)/metrics")

    def __init__(self, project, log, **variables):
        self.log = Path(log)
        self.begins = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "a") as out:
            command = [BINARY, "-v", "watch", project.folder / project.name, "--metrics", "0", "--jobs", str(JOBS)]
            self.process = subprocess.Popen(command, env=environment() | variables, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                            stderr=out)
        assert wait_until(lambda: self.process.poll() is not None or self.line.search(self.said())), self.said()
        assert self.process.poll() is None, self.said()
        self.url = self.line.search(self.said())[1]

    def said(self):
        with open(self.log) as log:
            log.seek(self.begins)
            return log.read()

    def get(self, path):
        return requests.get(self.url + path, timeout=10)

    def metrics(self):
        """Every sample by name and labels, less the common beginning; the format is checked on the way."""
        found = {}
        for line in self.get("/metrics").text.splitlines():
            if not line.startswith("#"):
                name, value = re.fullmatch(r'altostac_watch_(\w+(?:\{\w+="\w+"(?:,\w+="\w+")*\})?) ([-+.e\d]+)', line).groups()
                assert name not in found
                found[name] = float(value)
        return found

    def is_idle(self):
        """Whether all that was told is followed."""
        now = self.metrics()
        return now["last_full_timestamp_seconds"] > 0 and not (now["pending_paths"] or now["waiting_items"] or now["working"])

    def wait_idle(self, seconds=120):
        assert wait_until(lambda: self.process.poll() is not None or self.is_idle(), seconds), f"{self.metrics()}\n{self.said()[-4000:]}"
        assert self.process.poll() is None, self.said()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        status = self.process.wait(60)
        assert "panicked" not in self.said(), self.said()
        return status


@pytest.fixture
def watchers(tmp_path):
    """Starts watchers; ends what is left of them."""
    started = []

    def start(project, **variables):
        started.append(Watcher(project, tmp_path / "watch.log", **variables))
        return started[-1]

    yield start
    for watcher in started:
        if watcher.process.poll() is None:
            watcher.kill()


def from_scratch(project, tmp_path):
    """What a build of the same archive in the same place makes that remembers nothing."""
    now = standing(project, set())
    aside = tmp_path / "aside"
    (project.folder / "published").rename(aside)
    project.run("build", "--state", tmp_path / "state", "--json").expect(0)
    anew = standing(project, set())
    shutil.rmtree(project.folder / "published")
    shutil.rmtree(tmp_path / "state")
    aside.rename(project.folder / "published")
    return now, anew


def item_folders(archive):
    return sorted({path.parent for path in archive.rglob("*.nc")})


def message(path, action="DEPOSIT", size=1):
    return f"2024-01-31T12:05:33:{path}:{action}:{size}:"


def as_json(path, action="DEPOSIT", size=1):
    return json.dumps({"datetime": "2024-01-31T12:05:33", "filepath": str(path), "action": action, "filesize": size, "message": ""})


class Edits:
    """Changes of an archive, each whole at once, with the messages that tell of it."""

    def __init__(self, archive, store, told, seed):
        self.archive, self.store, self.told, self.random = archive, store, told, random.Random(seed)
        self.untouched = item_folders(archive)
        self.random.shuffle(self.untouched)
        self.touched = set()

    def say(self, path, action="DEPOSIT"):
        form = self.random.choice([message, as_json])
        return form(Path(self.told, path.relative_to(self.archive)), action)

    def one(self):
        """One item is touched; messages about it."""
        folder = self.untouched.pop()
        kind = self.random.choice(["new", "new", "replace", "append", "shrink"])
        files = sorted(folder.glob("*.nc"))
        if kind == "new":
            waits = self.store / folder.relative_to(self.archive)
            folder = folder.with_name("v20300101")
            waits.with_name("v20300101").rename(folder)
            self.touched.add(folder)
            return [self.say(folder, "MKDIR"), *(self.say(path) for path in sorted(folder.glob("*.nc")))]
        self.touched.add(folder)
        if kind == "replace":
            beside = files[0].with_suffix(".beside")
            beside.write_bytes(files[0].read_bytes())
            with netCDF4.Dataset(beside, "a") as dataset:
                dataset.comment = f"mended {len(self.touched)}"
            beside.rename(files[0])
            return [self.say(files[0])]
        if kind == "append":
            new = sorted((self.store / folder.relative_to(self.archive)).glob("*.nc"))[-1]
            new.rename(folder / new.name)
            return [self.say(folder / new.name)]
        files[-1].unlink()
        return [self.say(files[-1], "REMOVE")]


def archive_of_items(tmp_path, count):
    """An archive of items of two files, and beside it a third file and another version for each."""
    archive, store = tmp_path / "archive", tmp_path / "store"
    many_items(archive, count)
    source = sorted((Project.of_fixture(tmp_path / "fixture").folder / "archive/CMIP6/ScenarioMIP").rglob("*.nc"))
    for folder in item_folders(archive):
        waits = store / folder.relative_to(archive)
        shutil.copytree(folder, waits.with_name("v20300101"))
        waits.mkdir()
        member = folder.relative_to(archive).parts[5]
        shutil.copyfile(source[2], waits / source[2].name.replace("r1i1p1f2", member))
    return archive, store


def test_deposit_messages_are_followed_whatever_is_killed(tmp_path, broker, watchers, show_at_the_end):
    messages, count, dies, restarts = (10_000, 240, {1, 2, 3, 5, 6, 7}, {4, 9}) if FULL else (300, 24, {2, 5}, {9})
    archive, store = archive_of_items(tmp_path, count)
    told = "/badc/cmip6"
    amqp = broker.exchange("deposits", "altostac.test") | {
        "url": broker.url(), "dead_letter": "altostac.dead", "user": {"env": "RABBIT_USER"}, "password": {"file": "password"}}
    watch = {"quiet": "300ms", "longest": "3s", "retry": "500ms", "paths": [{"from": told, "to": str(archive)}], "amqp": amqp}
    project = Project.of_recipe(tmp_path / "project", recipe(archive, watch=watch))
    (project.folder / "password").write_text(f"{broker.password}\n")
    variables = {"RABBIT_USER": broker.user}
    edits = Edits(archive, store, told, seed=11)
    watcher = watchers(project, **variables)
    watcher.wait_idle()
    assert watcher.get("/readyz").status_code == 200 and watcher.get("/healthz").status_code == 200
    assert len(project.items) == count
    begun, poisons, sent = time.monotonic(), 0, 0
    first_builds = watcher.log.read_text().count("building")
    random_moment = random.Random(5)
    bursts = 12
    for burst in range(bursts):
        bodies = []
        while edits.untouched and len(edits.touched) < (burst + 1) * count * 3 // 4 // bursts:
            bodies += edits.one()
        bodies += [b"this is no message \xff", "2024-01-31T12:05:33:relative.nc:DEPOSIT:1:"][:1 + burst % 2]
        poisons += 1 + burst % 2
        # The rest is said twice, says nothing new, or is about something else.
        said = [body for body in bodies if isinstance(body, str) and told in body]
        noise = ["2024-01-31T12:05:33:/neodc/other/x.nc:DEPOSIT:1:", message(f"{told}/00README", "00README")]
        while len(bodies) < messages // bursts:
            bodies.append(edits.random.choice(said + noise if said else noise))
        edits.random.shuffle(bodies)
        half = len(bodies) // 2
        broker.send(bodies[:half], "deposits")
        if burst in dies:
            time.sleep(random_moment.uniform(0, 1.0))  # a moment to be killed at; nothing is waited for
            watcher.kill()
        if burst in restarts:
            broker.restart()
        broker.send(bodies[half:], "deposits")
        if burst in dies:
            watcher = watchers(project, **variables)
        sent += len(bodies)
    assert wait_until(lambda: broker.messages("altostac.test") == 0, 120), broker.messages("altostac.test")
    watcher.wait_idle()
    took = time.monotonic() - begun
    assert watcher.metrics()["broker_connected"] == 1 and watcher.get("/readyz").status_code == 200
    status = project.run("status", "--json").expect(0).json
    assert status["watch"]["pending"] == 0 and status["watch"]["failures"] == []
    # A message may come again whose acknowledgement was lost.
    assert status["watch"]["poison_messages"] >= poisons
    assert wait_until(lambda: broker.messages("altostac.dead") >= poisons), broker.messages("altostac.dead")
    now = watcher.metrics()
    # What the last watcher did after it had looked at the archive once, it did by messages alone.
    assert now['syncs_total{kind="full",outcome="ok"}'] == 1 and now['syncs_total{kind="items",outcome="ok"}'] > 0
    assert watcher.stop() == 0
    builds = watcher.log.read_text().count("building") - first_builds
    assert len(edits.touched) <= builds <= len(edits.touched) + len(dies) * JOBS, (builds, len(edits.touched))
    by_hand, anew = from_scratch(project, tmp_path)
    assert by_hand == anew
    assert {item["status"] for item in project.build().values()} == {"unchanged"}
    assert broker.password not in watcher.log.read_text()
    show_at_the_end("deposit messages", f"{sent} messages ({poisons} poison), {len(edits.touched)} items touched, {builds} builds, "
                                        f"{len(dies)} kills, {len(restarts)} restarts of the broker, {took:.1f} s")


def test_tls_is_verified_and_a_broker_that_comes_late_is_found(tmp_path, broker, watchers):
    many_items(tmp_path / "archive", 1)
    project = Project.of_recipe(tmp_path / "project", recipe(tmp_path / "archive"))
    (project.folder / "password").write_text(broker.password)
    amqp = {"url": broker.url(tls=True), "queue": "altostac.tls", "user": {"env": "RABBIT_USER"}, "password": {"file": "password"}}
    project.edit(watch={"quiet": "200ms", "amqp": amqp})
    # The machine trusts no authority of ours.
    watcher = watchers(project, RABBIT_USER=broker.user)
    assert wait_until(lambda: "certificate" in watcher.said() or "UnknownIssuer" in watcher.said()), watcher.said()
    assert wait_until(lambda: watcher.metrics()["last_full_timestamp_seconds"] > 0)
    answer = watcher.get("/readyz")
    assert answer.status_code == 503 and "broker" in answer.text and watcher.get("/healthz").status_code == 200
    assert watcher.metrics()["broker_connections_total"] == 0
    assert watcher.stop(signal.SIGINT) == 130
    project.edit(watch={"quiet": "200ms", "amqp": amqp | {"ca": str(broker.authority)}})
    watcher = watchers(project, RABBIT_USER=broker.user)
    assert wait_until(lambda: watcher.get("/readyz").status_code == 200), watcher.said()
    broker.end()
    assert wait_until(lambda: watcher.get("/readyz").status_code == 503)
    broker.start()
    assert wait_until(lambda: watcher.get("/readyz").status_code == 200), watcher.said()
    assert watcher.stop() == 0
    # Without a password there is nothing to begin with.
    done = project.run("watch", "--metrics", "0").expect(2)
    assert "RABBIT_USER" in done.stderr


def test_a_failing_item_is_tried_again_and_told(tmp_path, broker, watchers):
    many_items(tmp_path / "archive", 2)
    archive = (tmp_path / "archive").resolve()
    amqp = broker.exchange("failing", "altostac.failing") | {
        "url": broker.url(), "user": {"env": "RABBIT_USER"}, "password": {"env": "RABBIT_PASSWORD"}}
    watch = {"quiet": "200ms", "retry": "300ms", "amqp": amqp}
    project = Project.of_recipe(tmp_path / "project", recipe(archive, watch=watch))
    watcher = watchers(project, RABBIT_USER=broker.user, RABBIT_PASSWORD=broker.password)
    watcher.wait_idle()
    path = sorted(archive.rglob("*.nc"))[0]
    content = path.read_bytes()
    path.write_bytes(content[:1000])
    broker.send([message(path)], "failing")

    def failures():
        watched = project.run("status", "--json").json.get("watch")
        return watched["failures"] if watched else []

    assert wait_until(lambda: any(failure["attempts"] >= 2 for failure in failures())), watcher.said()
    [failure] = failures()
    assert failure["path"] == str(path) and path.name in failure["error"]
    assert watcher.get("/readyz").status_code == 503
    assert len(project.items) == 2, "what stood stands"
    # It is mended, and nobody says so: the watch tries again by itself.
    path.write_bytes(content)
    watcher.wait_idle()
    assert failures() == [] and watcher.get("/readyz").status_code == 200
    assert watcher.stop() == 0


def catalogue_follows(project, watcher, expected):
    """Waits until these folders, and no others, are items with as many files as they have."""
    def stands():
        found = {item_id: sum("source" in asset.get("roles", []) for asset in item["assets"].values())
                 for item_id, item in project.items.items()}
        return found == {".".join(folder): count for folder, count in expected().items()}
    assert wait_until(stands, 60), (project.items.keys(), watcher.said()[-3000:])


def reports(project):
    """What runs left, the oldest first."""
    return [json.loads(path.read_text()) for path in sorted((project.folder / ".altostac").glob("*/reports/*.json"), key=lambda path: path.stem)]


@pytest.mark.parametrize("how", ["inotify", "polling"])
def test_local_changes_are_followed(tmp_path, watchers, how):
    archive, store = archive_of_items(tmp_path, 7)
    watch = {"quiet": "300ms", "inotify": True} if how == "inotify" else {"every": "400ms"}
    project = Project.of_recipe(tmp_path / "project", recipe(archive, watch=watch))
    watcher = watchers(project)

    def expected():
        return {folder.relative_to(archive).parts: len(list(folder.glob("*.nc"))) for folder in item_folders(archive)}

    catalogue_follows(project, watcher, expected)
    first, second, third = item_folders(archive)[:3]
    # A file more.
    new = next((store / first.relative_to(archive)).glob("*.nc"))
    shutil.copyfile(new, first / new.name)
    catalogue_follows(project, watcher, expected)
    # A file less; another renamed.
    sorted(second.glob("*.nc"))[0].unlink()
    catalogue_follows(project, watcher, expected)
    # New folders, with files that are there before anybody can watch them.
    shutil.copytree(store / third.relative_to(archive).parent / "v20300101", third.with_name("v20300101"))
    catalogue_follows(project, watcher, expected)
    # A whole item goes.
    shutil.rmtree(third)
    catalogue_follows(project, watcher, expected)
    # Each of these left a report.
    assert wait_until(lambda: len(reports(project)) >= 5), (project.folder, watcher.said())
    assert [item["id"] for item in reports(project)[1]["items"]] == [".".join(first.relative_to(archive).parts)]
    if how == "inotify":
        assert watcher.metrics()["folder_events_total"] > 0
        # Only what goes as a whole is looked for in the whole archive.
        assert watcher.metrics()['syncs_total{kind="full",outcome="ok"}'] <= 3, watcher.said()
    assert watcher.stop() == 0
    by_hand, anew = from_scratch(project, tmp_path)
    assert by_hand == anew


def test_what_cannot_be_published_waits_until_it_can(tmp_path, watchers):
    """The API is an embedded one, of another recipe."""
    archive, store = archive_of_items(tmp_path, 2)
    other = Project.of_fixture(tmp_path / "other")
    other.build()
    port = free_port()
    api = f"http://127.0.0.1:{port}"
    watch = {"quiet": "200ms", "retry": "300ms", "inotify": True}
    project = Project.of_recipe(tmp_path / "project", recipe(archive, watch=watch, publish={"api": api}))
    serve = ("serve", other.folder / other.name, "--port", str(port))

    def published():
        try:
            answer = requests.get(f"{api}/collections/cmip6/items", timeout=10).json()
        except (requests.ConnectionError, ValueError):
            return None
        return sorted(item["id"] for item in answer.get("features", []))

    with Server(*serve):
        watcher = watchers(project)
        assert wait_until(lambda: published() == sorted(project.items) and len(project.items) == 2), watcher.said()
    # Nobody takes it: it is built, and waits.
    first = item_folders(archive)[0]
    shutil.copytree(store / first.relative_to(archive).parent / "v20300101", first.with_name("v20300101"))
    assert wait_until(lambda: len(project.items) == 3 and watcher.get("/readyz").status_code == 503), watcher.said()
    assert wait_until(lambda: (project.run("status", "--json").json.get("watch") or {}).get("failures")), watcher.said()
    with Server(*serve):
        watcher.wait_idle()
        assert published() == sorted(project.items) and len(project.items) == 3
        assert wait_until(lambda: watcher.get("/readyz").status_code == 200), watcher.said()
        assert watcher.stop() == 0


def test_a_watch_stops_at_once_and_loses_nothing(tmp_path, watchers):
    many_items(tmp_path / "archive", 12)
    project = Project.of_recipe(tmp_path / "project", recipe(tmp_path / "archive", watch={"inotify": True}))
    watcher = watchers(project)
    # Other commands find the recipe locked while it works, and not between.
    assert wait_until(lambda: next((project.folder / "published").glob("*/items/*.json"), None))
    assert watcher.stop() == 0
    built = project.build()
    assert {item["status"] for item in built.values()} <= {"added", "unchanged"} and len(built) == 12
    watcher = watchers(project)
    watcher.wait_idle()
    assert {item["status"] for item in project.build().values()} == {"unchanged"}, "between two syncs others can work"
    assert watcher.stop(signal.SIGINT) == 130


def test_other_roots_are_watched_when_the_recipe_names_them_or_they_are_put_there(tmp_path, watchers):
    archive, store = archive_of_items(tmp_path, 2)
    second = tmp_path / "second"
    watch = {"quiet": "200ms", "retry": "300ms", "inotify": True}
    project = Project.of_recipe(tmp_path / "project", recipe(archive, watch=watch))
    watcher = watchers(project)
    roots = [archive]

    def expected():
        return {folder.relative_to(root).parts: len(list(folder.glob("*.nc"))) for root in roots for folder in item_folders(root)}

    def grow(root, folder):
        shutil.copytree(store / folder.with_name("v20300101"), root / folder.with_name("v20300101"))
        catalogue_follows(project, watcher, expected)

    catalogue_follows(project, watcher, expected)
    one, other = (folder.relative_to(archive) for folder in item_folders(archive))
    second.mkdir()
    shutil.move(archive / other, second / other)
    roots.append(second)
    project.edit(sources=[{"root": str(root), "include": ["**/*.nc"]} for root in roots])
    # What happens in the old root brings the recipe to notice; nothing more is needed for the new one to be watched.
    grow(archive, one)
    watcher.wait_idle()
    grow(second, other)
    # Another folder in the place of a root: for a moment there is none, which takes nothing away.
    archive.rename(tmp_path / "away")
    shutil.copytree(tmp_path / "away", archive)
    assert wait_until(lambda: watcher.metrics()["working"] == 0 and watcher.get("/readyz").status_code == 200), watcher.said()
    catalogue_follows(project, watcher, expected)
    watcher.wait_idle()
    sorted((archive / one).glob("*.nc"))[0].unlink()
    catalogue_follows(project, watcher, expected)
    assert watcher.stop() == 0


def test_what_links_lead_to_is_followed(tmp_path, watchers):
    """The files lie beside the places that the globs take: `latest` links to them one by one."""
    archive, store = archive_of_items(tmp_path, 1)
    [folder] = item_folders(archive)
    latest = folder.with_name("latest")
    latest.mkdir()
    for path in folder.glob("*.nc"):
        (latest / path.name).symlink_to(f"../{folder.name}/{path.name}")
    project = Project.of_recipe(tmp_path / "project", recipe(archive, watch={"quiet": "200ms", "inotify": True}))
    project.edit(sources=[{"root": str(archive), "include": ["**/latest/*.nc"]}])
    watcher = watchers(project)
    watcher.wait_idle()

    def revision():
        [item] = project.items.values()
        # Times are told in seconds.
        return item["assets"]["reference_file"]["href"]

    before = revision()
    (folder / "notes.txt").write_text("of no concern")
    path = sorted(folder.glob("*.nc"))[0]
    with netCDF4.Dataset(path, "a") as dataset:
        dataset.comment = "mended"
    assert wait_until(lambda: revision() != before), watcher.said()
    watcher.wait_idle()
    full = watcher.metrics()['syncs_total{kind="full",outcome="ok"}']
    (folder / "notes.txt").write_text("of no concern to anybody")
    assert wait_until(lambda: watcher.metrics()["ignored_paths_total"] > 0)
    assert watcher.metrics()['syncs_total{kind="full",outcome="ok"}'] == full
    assert watcher.stop() == 0
    by_hand, anew = from_scratch(project, tmp_path)
    assert by_hand == anew
