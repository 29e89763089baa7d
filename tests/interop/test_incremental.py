"""Work in proportion to the change: after one file of many changed, what is opened, written and sent. Counts, never times."""

import json
import os
import shutil
from pathlib import Path
from urllib.parse import urljoin

import numpy as np
import pystac
import pytest
import requests
import xarray as xr
from netCDF4 import Dataset

from program import Project, Server, snapshot
from schemas import errors
from store_proxy import StoreProxy

FULL = os.environ.get("ALTOSTAC_FULL") == "1"
DAYS = 365 if FULL else 24
SHAPE = (20, 30)
PRODUCTS = ["kerchunk", "cfa", "icechunk", {"zarr": {"chunks": {"time": 1}, "shards": "none"}}]


def values(day, year=0):
    return (np.arange(SHAPE[0] * SHAPE[1], dtype="f4").reshape(SHAPE) + 1000 * day + year) / 8


def write_day(folder, day, year=0):
    path = folder / f"sst-{day:03}.nc"
    beside = folder / ".part"
    with Dataset(beside, "w") as out:
        for name, length in (("time", None), ("lat", SHAPE[0]), ("lon", SHAPE[1])):
            out.createDimension(name, length)
        time = out.createVariable("time", "f8", ("time",))
        time.units, time.standard_name = "days since 2001-01-01", "time"
        time[:] = [day]
        for name, numbers, units in (("lat", np.linspace(-60, 60, SHAPE[0]), "degrees_north"), ("lon", np.linspace(0, 348, SHAPE[1]), "degrees_east")):
            axis = out.createVariable(name, "f8", (name,))
            axis.units, axis.standard_name = units, {"lat": "latitude", "lon": "longitude"}[name]
            axis[:] = numbers
        sst = out.createVariable("sst", "f4", ("time", "lat", "lon"), zlib=True, chunksizes=(1, *SHAPE))
        sst.units = "K"
        sst[0] = values(day, year)
    beside.replace(path)
    return path


def recipe(api, products, item):
    return {"collection": {"id": "sst", "title": "SST", "description": "Days of temperature.", "license": "CC0-1.0"},
            "sources": [{"root": "archive", "include": ["*.nc"]}],
            "item": {"pattern": "{name}-{day}.nc", "id": item},
            # A quick-look opens the file that it shows.
            "products": products, "output": "published", "publish": {"api": api}, "stac": {"thumbnail": False}}


class Archive:
    """An archive with its recipe, published to an API whose requests are counted."""

    def __init__(self, folder, proxy, products=("kerchunk",), item="{{ name }}", days=DAYS):
        self.days, self.proxy = folder / "archive", proxy
        self.days.mkdir(parents=True)
        for day in range(days):
            write_day(self.days, day)
        self.project = Project.of_recipe(folder, recipe(proxy.endpoint, list(products), item))

    def sync(self, *arguments, status=0):
        """The answer of a sync, and the records that were written to the API."""
        self.proxy.requests()
        answer = self.project.run("sync", "--json", *arguments).expect(status).json
        return answer, [asked.target.split("/collections")[1].strip("/") for asked in self.proxy.requests() if asked.writes]

    @property
    def state(self):
        return self.project.folder / ".altostac"

    def standing(self):
        # What the API confirmed is remembered again.
        return {path: state for path, state in snapshot(self.project.folder / "published", self.state).items() if "ledger" not in path}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    """The embedded API of another recipe, and something between that counts."""
    folder = tmp_path_factory.mktemp("api")
    (folder / "archive").mkdir()
    write_day(folder / "archive", 0)
    other = recipe("http://127.0.0.1:9", ["kerchunk"], "{{ name }}")
    other["collection"] |= {"id": "other"}
    del other["publish"]
    project = Project.of_recipe(folder, other)
    project.build()
    with Server("serve", folder / project.name, "--port", "0") as server:
        counting = StoreProxy(server.url)
        yield counting
        counting.stop()


def changed_items(answer):
    return {item["id"]: item["status"] for item in answer["items"] if item["status"] != "unchanged"}


def test_one_file_of_one_item(tmp_path, proxy):
    archive = Archive(tmp_path / "one", proxy, PRODUCTS)
    first, writes = archive.sync()
    assert first["traffic"]["files"] == DAYS and changed_items(first) == {"sst": "added"}
    assert sorted(writes) == ["", "sst/items"]

    before = archive.standing()
    again, writes = archive.sync()
    assert (again["traffic"]["files"], again["traffic"]["bytes"], writes, changed_items(again)) == (0, 0, [], {})
    assert archive.standing() == before

    # A day in the middle is corrected: the extent stays.
    middle = DAYS // 2
    write_day(archive.days, middle, year=1)
    changed, writes = archive.sync()
    assert changed["traffic"]["files"] == 1 and changed_items(changed) == {"sst": "changed"}
    assert changed["items"][0]["reasons"] and "1 file changed" in changed["items"][0]["reasons"][0]
    assert writes == ["sst/items/sst"]

    # One more day at the end: the collection reaches further too.
    write_day(archive.days, DAYS)
    added, writes = archive.sync()
    assert added["traffic"]["files"] == 1
    assert sorted(writes) == ["sst", "sst/items/sst"]

    # A day goes: few of the others are looked into.
    (archive.days / "sst-003.nc").unlink()
    removed, writes = archive.sync()
    # Of a copy what follows has moved, and is not made anew: a sample of it is compared.
    assert removed["traffic"]["files"] <= min(40, DAYS - 1)
    moved = [(archive.project.collection_folder / f"products/sst/r{revision}/data.zarr/sst/c/{day}/0/0").stat().st_ino
             for revision, day in ((3, DAYS), (4, DAYS - 1))]
    assert moved[0] == moved[1]
    # With a gap there is no frequency any more, which is one of the collection's summaries.
    assert sorted(writes) == ["sst", "sst/items/sst"]
    (archive.days / "sst-006.nc").unlink()
    removed, writes = archive.sync()
    assert removed["traffic"]["files"] < DAYS and writes == ["sst/items/sst"]

    days = [day for day in range(DAYS + 1) if day not in (3, 6)]
    expected = np.stack([values(day, 1 if day == middle else 0) for day in days])
    folder = archive.project.collection_folder / "products/sst/r5"
    with xr.open_dataset(folder / "data.zarr", engine="zarr", decode_times=False) as copy:
        assert (copy.sst.values == expected).all() and copy.time.values.tolist() == days
    archive.project.run("verify", "--every-value").expect(0)


def test_one_file_of_many_items(tmp_path, proxy):
    archive = Archive(tmp_path / "many", proxy, item="{{ name }}.{{ day }}")
    first, writes = archive.sync()
    # A hundred together: each may be asked for once in a way that our own API does not know.
    assert first["traffic"]["files"] == DAYS and len([path for path in writes if "items" in path]) <= 2 * (1 + DAYS // 100)
    assert archive.sync()[1] == []

    write_day(archive.days, 5, year=1)
    changed, writes = archive.sync()
    assert (changed["traffic"]["files"], changed_items(changed), writes) == (1, {"sst.005": "changed"}, ["sst/items/sst.005"])

    (archive.days / "sst-007.nc").unlink()
    removed, writes = archive.sync()
    # Which days there are is one of the collection's summaries, unless they are too many to be listed.
    summed = [] if FULL else ["sst"]
    assert (removed["traffic"]["files"], changed_items(removed), sorted(writes)) == (0, {"sst.007": "removed"}, [*summed, "sst/items/sst.007"])

    write_day(archive.days, 7)
    added, writes = archive.sync()
    assert (added["traffic"]["files"], changed_items(added)) == (1, {"sst.007": "added"})
    assert sorted(writes) == [*summed, "sst/items"]


def test_a_copy_keeps_what_did_not_change(tmp_path, proxy):
    archive = Archive(tmp_path / "copy", proxy, PRODUCTS)
    archive.sync()
    products = archive.project.collection_folder / "products/sst"
    old = products / "r1/data.zarr"
    with xr.open_dataset(old, engine="zarr", decode_times=False) as copy:
        before = copy.sst.values
    objects = snapshot(products / "icechunk")
    write_day(archive.days, 2, year=1)
    write_day(archive.days, DAYS)
    archive.sync()
    new = products / "r2/data.zarr"
    chunk = lambda folder, day: (folder / f"sst/c/{day}/0/0").stat()
    same = [day for day in range(DAYS) if chunk(old, day).st_ino == chunk(new, day).st_ino]
    assert same == [day for day in range(DAYS) if day != 2]
    assert (old / "lat/c/0").stat().st_ino == (new / "lat/c/0").stat().st_ino
    # What stood stands: for who reads the old revision, and in the repository.
    with xr.open_dataset(old, engine="zarr", decode_times=False) as copy:
        assert (copy.sst.values == before).all()
    again = snapshot(products / "icechunk")
    kept = {path: again[path] for path in objects if "/refs/" not in path and "config" not in path and not path.endswith("/repo")}
    assert kept.items() <= objects.items() and len(again) > len(objects)
    references = json.loads((products / "r1/kerchunk.json").read_text())["refs"]
    assert f"sst/{DAYS - 1}.0.0" in references and f"sst/{DAYS}.0.0" not in references
    # Who follows the record's link finds the record of the revision before, and its products.
    item_path = archive.project.collection_folder / "items/sst.json"
    now = pystac.Item.from_file(item_path)
    link = next(link for link in now.links if link.rel == "predecessor-version")
    earlier = pystac.Item.from_file(link.get_absolute_href())
    assert errors(json.loads((products / "r1.json").read_text())) == []
    assert Path(earlier.assets["zarr"].get_absolute_href()) == old and now.properties["updated"] >= earlier.properties["updated"]
    assert Path(next(link for link in earlier.links if link.rel == "successor-version").get_absolute_href()) == item_path
    assert {link.rel for link in earlier.links} >= {"root", "collection"} and {"data0001", "source_manifest"} & earlier.assets.keys()
    with xr.open_dataset(earlier.assets["zarr"].get_absolute_href(), engine="zarr", decode_times=False) as copy:
        assert (copy.sst.values == before).all()
    # Revisions share files, and are removed one by one.
    write_day(archive.days, DAYS + 1)
    archive.sync()
    assert not old.exists() and not (products / "r1.json").exists() and (products / "r2.json").exists()
    with xr.open_dataset(products / "r3/data.zarr", engine="zarr", decode_times=False) as copy:
        assert (copy.sst.values[3] == values(3)).all() and (copy.sst.values[2] == values(2, 1)).all()
    archive.project.run("verify", "--every-value").expect(0)
    # Served, both can be read.
    with Server("serve", archive.project.folder / archive.project.name, "--port", "0") as server:
        served = requests.get(f"{server.url.rstrip('/')}/collections/sst/items/sst", timeout=30).json()
        link = next(link for link in served["links"] if link["rel"] == "predecessor-version")
        item = requests.get(link["href"], timeout=30).json()
        zarr = urljoin(link["href"], item["assets"]["zarr"]["href"])
        assert requests.get(f"{zarr}/sst/c/0/0/0", timeout=30).content == (products / "r2/data.zarr/sst/c/0/0/0").read_bytes()


def test_a_failure_between_makes_nobody_start_anew(tmp_path, proxy):
    """A file that arrives torn, and whole the next day: what follows from the others stands."""
    archive = Archive(tmp_path / "torn", proxy, PRODUCTS)
    archive.sync()
    products = archive.project.collection_folder / "products/sst"
    path = write_day(archive.days, DAYS)
    whole = path.read_bytes()
    path.write_bytes(whole[:len(whole) // 2])
    answer, writes = archive.sync(status=1)
    assert (changed_items(answer), writes) == ({"sst": "failed"}, [])
    path.write_bytes(whole)
    answer, writes = archive.sync()
    assert (changed_items(answer), answer["traffic"]["files"]) == ({"sst": "changed"}, 1)
    inode = lambda revision, day: (products / f"{revision}/data.zarr/sst/c/{day}/0/0").stat().st_ino
    assert all(inode("r1", day) == inode("r2", day) for day in range(DAYS))
    archive.project.run("verify", "--every-value").expect(0)


def test_what_is_remembered_is_not_trusted_further_than_it_goes(tmp_path, proxy):
    archive = Archive(tmp_path / "doubt", proxy, days=8)
    archive.sync()
    kept = list(archive.state.rglob("*.index"))
    assert len(kept) == 1
    # Damaged: all is indexed again, and nothing is wrong.
    content = kept[0].read_bytes()
    kept[0].write_bytes(content[:100] + b"X" + content[101:])
    write_day(archive.days, 1, year=1)
    answer, _ = archive.sync()
    assert answer["traffic"]["files"] == 8 and changed_items(answer) == {"sst": "changed"}
    # Asked for, everything is opened.
    answer, _ = archive.sync("--force")
    assert answer["traffic"]["files"] == 8
    # Another file under the time and size of one that is known: its inode tells.
    path = archive.days / "sst-004.nc"
    stat, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    write_day(archive.days, 2, year=1)
    answer, _ = archive.sync(status=1)
    assert answer["traffic"]["files"] >= 2 and changed_items(answer) == {"sst": "failed"}
    # An item whose files do not fit together is not read again by every run.
    shutil.copy2(archive.days / "sst-003.nc", archive.days / "sst-999.nc")
    archive.sync("--force", status=1)
    answer, _ = archive.sync(status=1)
    assert changed_items(answer) == {"sst": "failed"} and answer["traffic"]["files"] <= 2  # those that overlap


def test_a_run_that_changed_something_leaves_a_report(tmp_path, proxy):
    archive = Archive(tmp_path / "told", proxy, days=4)
    said = archive.project.run("sync").expect(0).stdout.splitlines()
    assert said[-1].startswith("report: ")
    page = archive.state / "recipe/reports" / said[-1].split("/")[-1]
    told = json.loads(page.with_suffix(".json").read_text())
    assert told["counts"] == {"added": 1} and told["items"][0]["reasons"] == ["new"]
    assert {"scan", "index", "combine", "write", "verify", "describe", "catalogue"} <= set(told["stages"])
    assert "sst" in page.read_text() and "<script" not in page.read_text()
    said = archive.project.run("sync").expect(0).stdout
    assert "report:" not in said and len(list(page.parent.iterdir())) == 2
    # A failure is told once.
    shutil.copy2(archive.days / "sst-003.nc", archive.days / "sst-999.nc")
    for _ in range(2):
        archive.project.run("sync").expect(1)
    assert len(list(page.parent.iterdir())) == 4
    lines = archive.project.run("sync", "--force", "-v", "--log-format", "json").expect(1).stderr.splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    assert any(event["level"] == "INFO" and event["fields"].get("item") == "sst" for event in events)
