"""Runs the built `altostac` as a user does: recipes in, exit status, standard output and standard error out."""

import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("ALTOSTAC_BIN") or ROOT / "target/debug/altostac").resolve()
SHARED = Path(os.environ.get("ALTOSTAC_SHARED") or ROOT / "../shared").resolve()
FIXTURE = ROOT / "fixtures/cmip6"
# No command of these tests may take longer; at full size one publishes thousands of items one by one.
SECONDS = 3600 if os.environ.get("ALTOSTAC_FULL") == "1" else 300


@dataclass
class Answer:
    """What one run gave back."""

    status: int
    stdout: str
    stderr: str

    @property
    def json(self):
        try:
            return json.loads(self.stdout)
        except ValueError as error:
            raise AssertionError(f"--json did not print one JSON document ({error}): {self}") from None

    def expect(self, status):
        """The same answer, if it has this exit status."""
        assert self.status == status, f"exit status {self.status}, expected {status}: {self}"
        return self


def environment():
    """Without the proxies of the machine: every server of these tests is on loopback."""
    kept = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    return kept | {"NO_COLOR": "1"}


def run(*arguments, cwd=None, binary=BINARY, prefix=()):
    """Runs `altostac ARGUMENTS` to its end."""
    done = subprocess.run([*prefix, binary, *map(str, arguments)], cwd=cwd, env=environment(), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=SECONDS)
    answer = Answer(done.returncode, done.stdout, done.stderr)
    assert answer.status >= 0 and "panicked at" not in answer.stderr, f"the program crashed: {answer}"
    return answer


@dataclass
class Project:
    """A folder with a recipe and its archive, in which altostac works."""

    folder: Path
    name: str = "recipe.yaml"

    @classmethod
    def of_fixture(cls, folder):
        """A copy of fixtures/cmip6, without what a run of it may have left there."""
        shutil.copytree(FIXTURE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("published", ".altostac"))
        return cls(Path(folder))

    @classmethod
    def of_recipe(cls, folder, recipe):
        """A folder with nothing but this recipe."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        project = cls(Path(folder))
        project.write(recipe)
        return project

    @property
    def recipe(self):
        return yaml.safe_load((self.folder / self.name).read_text())

    def write(self, recipe):
        (self.folder / self.name).write_text(yaml.safe_dump(recipe, sort_keys=False))

    def edit(self, **keys):
        """Replaces top-level keys of the recipe."""
        self.write(self.recipe | keys)

    def run(self, command, *arguments, **options):
        return run(command, self.folder / self.name, *arguments, cwd=self.folder.parent, **options)

    def build(self, *arguments, status=0):
        """`build --json`, as its items by id."""
        answer = self.run("build", "--json", *arguments).expect(status).json
        return {item["id"]: item for item in answer["items"]}

    # -- the output layout of DESIGN.md ---------------------------------------------------------------------------------

    @property
    def collection_folder(self):
        recipe = self.recipe
        return self.folder / recipe["output"] / recipe["collection"]["id"]

    @property
    def items(self):
        """Every Item of the static catalogue, by id."""
        found = [json.loads(path.read_text()) for path in sorted((self.collection_folder / "items").glob("*.json"))]
        return {item["id"]: item for item in found}

    @property
    def collection(self):
        return json.loads((self.collection_folder / "collection.json").read_text())

    def kerchunk(self, item_id):
        """The Kerchunk file that an Item's asset points at."""
        href = self.items[item_id]["assets"]["reference_file"]["href"]
        return (self.collection_folder / "items" / href).resolve()

    def sources(self, item_id):
        """The source files of an item of the fixture: its id is its folder."""
        return sorted((self.folder / "archive" / item_id.replace(".", "/")).glob("*.nc"))


class Server:
    """A running `altostac … --serve` or `altostac serve …`; leaves on the signal that a terminal sends."""

    line = re.compile(r"serving (http://[\w.:\[\]]+)")

    def __init__(self, *arguments, cwd=None, seconds=120):
        self.process = subprocess.Popen([BINARY, *map(str, arguments)], cwd=cwd, env=environment(), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.log, self.url, told = [], None, threading.Event()

        def listen():
            for line in self.process.stderr:
                self.log.append(line)
                if self.url is None and (match := self.line.search(line)):
                    self.url = match[1]
                    told.set()
            told.set()

        self.listener = threading.Thread(target=listen, daemon=True)
        self.listener.start()
        told.wait(seconds)
        if self.url is None:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"never said `serving http://…` (exit status {self.process.returncode}):\n{''.join(self.log)}")

    def stop(self, how=signal.SIGINT, seconds=20):
        """Interrupts the server and returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"did not stop within {seconds} s of {how!r}:\n{''.join(self.log)}") from None
        self.listener.join(5)
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        status = self.stop()
        assert status in (0, 130), f"exit status {status} when interrupted:\n{''.join(self.log)}"


def snapshot(*folders):
    """Identity, size and time of every file below these folders: equal only if nothing was written."""
    return {str(path): (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            for folder in folders for path in sorted(Path(folder).rglob("*")) if path.is_file() and (stat := path.stat())}


def wait_until(ready, seconds=60):
    """Calls `ready` until it is true; False when it never was."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ready():
            return True
        time.sleep(0.1)
    return False


def end(process, seconds=20):
    """Ends a server, by force if it does not go by itself."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
