"""An archive that changes at random, synced after every edit, with runs that are killed between: what stands then is what a build from nothing
makes, and every value of it is that of the sources."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from dataclasses import replace

import netCDF4
import pytest

from archives import make, recipe
from program import BINARY, Project, environment, snapshot

FULL = os.environ.get("ALTOSTAC_FULL") == "1"
EDITS = 300 if FULL else 12
# Copies, commits and what they take over from the revision before: slower, and by another walk.
WALKS = {"references": (["kerchunk"], EDITS), "every-product": (["kerchunk", "cfa", "icechunk", "zarr"], EDITS // 2)}
VERSION_LINKS = ("predecessor-version", "successor-version", "latest-version")
# Small, and each with an axis and a calendar of its own.
SERIES = [replace(one, table="Amon", years_of_files=((2001, 2001), (2002, 2002), (2003, 2003)), latitudes=4, longitudes=5)
          for one in make.SERIES]


def standing(project, failing):
    """Every record and product of what can be built, without what tells when and in which revision they were made."""
    found = {}
    for item_id, item in project.items.items():
        if item_id in failing:
            continue
        item = json.loads(json.dumps(item).replace(f"/r{revision(item)}/", "/rN/"))
        for key in ("created", "updated"):
            del item["properties"][key]
        del item["assets"]["report"]
        # A repository has a history, and its snapshots names by chance; a copy is cut as the one before.
        for key in {"icechunk", "zarr"} & item["assets"].keys():
            item["assets"][key] = sorted(item["assets"][key])
        # The revision before.
        item["links"] = [link for link in item["links"] if not link["href"].startswith("../products/")]
        if failing:
            # What an item that fails now was before may still be linked.
            item["links"] = [link for link in item["links"] if link["rel"] not in VERSION_LINKS]
        found[item_id] = (item, json.loads(project.kerchunk(item_id).read_text()))
    if not failing:
        collection = project.collection
        found["collection"] = {key: collection[key] for key in ("title", "extent", "summaries")} | {
            "links": sorted(link["href"] for link in collection["links"])}
    return found


def apart(one, other, place=""):
    """Where two documents differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            yield from apart(one.get(key), other.get(key), f"{place}/{key}")
    elif isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)) and len(one) == len(other):
        for number, (here, there) in enumerate(zip(one, other)):
            yield from apart(here, there, f"{place}/{number}")
    elif one != other:
        yield f"{place}: {str(one)[:300]} | {str(other)[:300]}"


def revision(item):
    return item["assets"]["reference_file"]["href"].split("/r")[-1].split("/")[0]


class Walk:
    """Edits of an archive, its recipe and its output, by a seed."""

    def __init__(self, folder, seed, products):
        self.random, self.archive = random.Random(seed), folder / "archive"
        self.pristine, self.store, self.versions = folder / "pristine", folder / "taken-out", folder / "versions"
        make.make(self.archive, SERIES)
        shutil.copytree(self.archive, self.pristine)
        # What `latest` leads to lies outside the archive, as in archives that keep files by the day of their deposit.
        source = self.archive / SERIES[0].folder
        for name, count in (("a", 3), ("b", 2), ("c", 3)):
            (self.versions / name).mkdir(parents=True)
            for path in sorted(source.glob("*.nc"))[:count]:
                other_values(shutil.copy(path, self.versions / name), ord(name))
        self.latest = source.parent / "latest"
        self.latest.symlink_to(self.versions / "a")
        self.project = Project.of_recipe(folder / "project", recipe(self.archive, guard={"max_removed": "100%"}, products=products))

    def files(self):
        """The files of the archive but those behind the link."""
        return sorted(path for path in self.archive.rglob("*.nc") if not path.is_symlink())

    def one(self):
        return self.random.choice(self.files())

    def spare(self):
        """A file that may go: some must stay, for an archive without files is taken for one that is not mounted."""
        return self.one() if len(self.files()) > 3 else None

    def append(self):
        series = self.random.choice(SERIES)
        year = self.random.randint(2004, 2006)
        make.write(series, self.archive, year, year)

    def append_steps(self):
        last = sorted(self.one().parent.glob("*.nc"))[-1]
        try:
            with netCDF4.Dataset(last, "a") as nc:
                count, bounds = len(nc["time"]), nc["time_bnds"]
                step = bounds[-1, 1] - bounds[-1, 0]
                variable = next(name for name in nc.variables if nc[name].ndim == 3)
                nc["time"][count], nc[variable][count] = nc["time"][count - 1] + step, nc[variable][0] + 1
                bounds[count] = bounds[count - 1] + step
        except (OSError, RuntimeError):
            pass  # it was truncated before

    def replace(self):
        path = self.one()
        beside = shutil.copy(path, self.archive.parent / "beside.nc")
        try:
            other_values(beside, self.random.randrange(100))
        except (OSError, RuntimeError):
            pass
        os.replace(beside, path)

    def truncate(self):
        path = self.one()
        os.truncate(path, self.random.randrange(path.stat().st_size))

    def remove(self):
        if path := self.spare():
            target = self.store / path.relative_to(self.archive)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)

    def put_back(self):
        taken = sorted(self.store.rglob("*.nc"))
        for source in self.random.sample(taken, min(3, len(taken))):
            target = self.archive / source.relative_to(self.store)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(source, target)

    def mend(self):
        for path in sorted(self.pristine.rglob("*.nc")):
            target = self.archive / path.relative_to(self.pristine)
            if target.exists() and target.stat().st_size != path.stat().st_size:
                shutil.copy(path, target)
        for path in self.files():
            if not is_whole(path):
                path.unlink()
        if not self.files():
            shutil.copytree(self.pristine, self.archive, dirs_exist_ok=True)

    def rename(self):
        path = self.one()
        path.rename(path.with_name(f"x{self.random.randrange(9)}_{path.name}"))

    def rename_an_item(self):
        folder = self.one().parent
        target = folder.with_name(f"v2020010{self.random.randint(1, 9)}")
        if not target.exists():
            folder.rename(target)

    def an_item_goes(self):
        items = sorted({path.parent for path in self.files()})
        if len(items) > 1:
            folder = self.random.choice(items)
            for path in folder.glob("*.nc"):
                target = self.store / path.relative_to(self.archive)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, target)

    def point_elsewhere(self):
        beside = self.latest.with_name("next")
        beside.symlink_to(self.versions / self.random.choice("abc"))
        os.replace(beside, self.latest)

    def touch(self):
        os.utime(self.one())

    def set_back(self):
        """A clock that was wrong, or an older file put there."""
        os.utime(self.one(), (1e9, 1e9 + self.random.randrange(100)))

    def lose_output(self):
        published = self.project.folder / "published"
        found = [path for path in published.rglob("*.json") if path.parent.name == "items" or path.name == "kerchunk.json"]
        if found:
            self.random.choice(sorted(found)).unlink()

    def another_title(self):
        recipe = self.project.recipe
        recipe["collection"]["title"] = f"title {self.random.randrange(4)}"
        self.project.write(recipe)

    def step(self):
        """One edit, or two at once."""
        edits = [self.append, self.append, self.append_steps, self.replace, self.replace, self.truncate, self.remove, self.put_back,
                 self.put_back, self.mend, self.mend, self.rename, self.rename_an_item, self.an_item_goes, self.point_elsewhere,
                 self.touch, self.set_back, self.lose_output, self.another_title]
        for edit in self.random.sample(edits, self.random.choice((1, 1, 2))):
            edit()
            yield edit.__name__

    def killed_sync(self, seconds):
        """A run that is killed, unless it is done before."""
        process = subprocess.Popen([BINARY, "sync", self.project.folder / self.project.name], env=environment(),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(self.random.uniform(0, seconds))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()


def is_whole(path):
    """Whether it can be read, and holds the twelve months of a year."""
    try:
        with netCDF4.Dataset(path) as nc:
            return len(nc["time"]) == 12
    except (OSError, RuntimeError, IndexError, KeyError):
        return False


def other_values(path, offset):
    """Changes the values of a file, and nothing else."""
    with netCDF4.Dataset(path, "a") as nc:
        variable = next(name for name in nc.variables if nc[name].ndim == 3)
        nc[variable][:] = nc[variable][:] + offset / 64
    return path


def failing(answer):
    return {item["id"] for item in answer.json["items"] if item["status"] == "failed"}


@pytest.mark.parametrize(("products", "edits"), WALKS.values(), ids=WALKS)
def test_every_edit_ends_where_a_build_from_nothing_does(tmp_path, products, edits):
    walk = Walk(tmp_path, int(os.environ.get("ALTOSTAC_SEED", "1")) + len(products), products)
    project, said, whole = walk.project, [], 1.0
    published, state = project.folder / "published", project.folder / ".altostac"
    for _ in range(edits):
        said.append(list(walk.step()))
        if walk.random.random() < 0.5:
            walk.killed_sync(whole)
            said[-1].append("killed")
        # For who watches a long run.
        print(len(said), *said[-1], flush=True)
        begun = time.monotonic()
        answer = project.run("sync", "--json")
        whole = max(time.monotonic() - begun, 0.05)
        failed = failing(answer)
        assert answer.status == (1 if failed else 0), (said, answer)
        if not failed:
            before = snapshot(published, state)
            again = project.run("sync", "--json").expect(0).json
            assert {item["status"] for item in again["items"]} <= {"unchanged"}, said
            assert snapshot(published, state) == before, said
        verified = project.run("verify", "--every-value", "--json").json["items"]
        assert [item["id"] for item in verified if not item["verified"] and item["id"] not in failed] == [], said
        now = standing(project, failed)
        # The same archive in the same place, with nothing remembered.
        aside = tmp_path / "aside"
        published.rename(aside)
        anew = project.run("build", "--state", tmp_path / "state", "--json")
        assert failing(anew) == failed, (said, anew)
        assert list(apart(standing(project, failed), now)) == [], said
        shutil.rmtree(published, ignore_errors=True)
        shutil.rmtree(tmp_path / "state")
        aside.rename(published)
