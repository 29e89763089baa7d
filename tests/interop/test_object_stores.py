"""Outputs in SeaweedFS: what is built there is read there by the formats' own readers, survives faults, kills and rivals, and costs nothing unchanged."""

import json
import os
import random
import signal
import subprocess
import threading
import time
from urllib.parse import urljoin

import icechunk
import netCDF4
import pystac
import pytest
import requests
import xarray as xr
import zarr
from ceda_datapoint.core.item import DataPointItem
from obstore.store import S3Store

import cfa
from archives import recipe
from icechunks import NativeSeries
from oracle import Series, kerchunk
from program import BINARY, Project, Server, environment, run
from servers import ObjectStore
from store_proxy import StoreProxy
from test_interrupted import many_items

FULL = os.environ.get("ALTOSTAC_FULL") == "1"
ALL = ["kerchunk", "kerchunk-parquet", "cfa", "icechunk", {"zarr": {"shards": "none"}}]
COLLECTION = "cmip6-sample"


@pytest.fixture(scope="module")
def server():
    server = ObjectStore()
    yield server
    server.stop()


@pytest.fixture
def store(server, monkeypatch):
    """The environment of a user with keys."""
    for name in ("AWS_SESSION_TOKEN", "AWS_SKIP_SIGNATURE", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture
def proxied(store, monkeypatch):
    """The same through a proxy that counts, and fails when it is told to."""
    proxy = StoreProxy(store.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
    yield proxy
    proxy.stop()


class Stored:
    """A project whose output is a prefix of the bucket that anybody may read, and readers of it."""

    def __init__(self, store, project, prefix, **keys):
        self.store, self.project, self.prefix = store, project, prefix
        self.base = f"{store.endpoint}/open/{prefix}/"
        project.edit(output=f"s3://open/{prefix}", **keys)

    def get(self, path):
        answer = requests.get(self.base + path, timeout=20)
        return answer if answer.ok else None

    def record(self, item):
        return self.get(f"{COLLECTION}/items/{item}.json").json()

    def href(self, item, key):
        return urljoin(f"{self.base}{COLLECTION}/items/{item}.json", self.record(item)["assets"][key]["href"])

    @property
    def s3(self):
        options = {"endpoint": self.store.endpoint, "access_key_id": self.store.key, "secret_access_key": self.store.secret}
        return S3Store("open", region="us-east-1", client_options={"allow_http": True}, **options)

    def keys(self, below=""):
        return sorted(one["path"].removeprefix(f"{self.prefix}/") for page in self.s3.list(f"{self.prefix}/{below}" if below else self.prefix) for one in page)

    def zarr(self, item):
        href = self.href(item, "zarr")
        inner = S3Store("open", prefix=href.removeprefix(f"{self.store.endpoint}/open/"), endpoint=self.store.endpoint, region="us-east-1",
                        access_key_id=self.store.key, secret_access_key=self.store.secret, client_options={"allow_http": True})
        return lambda **options: xr.open_dataset(zarr.storage.ObjectStore(inner, read_only=True), engine="zarr",
                                                 **({"consolidated": True, "chunks": None} | options))

    def icechunk(self, item):
        asset = self.record(item)["assets"]["icechunk"]
        storage = self._icechunk_storage(asset)
        allowed = {container: None for container in asset["icechunk:virtual_chunk_containers"]}
        repository = icechunk.Repository.open(storage, authorize_virtual_chunk_access=allowed)
        return repository, self._icechunk_snapshot(repository, asset)

    def icechunk_session(self, item, **options):
        asset = self.record(item)["assets"]["icechunk"]
        return self._icechunk_snapshot(icechunk.Repository.open(self._icechunk_storage(asset), **options), asset)

    def _icechunk_snapshot(self, repository, asset):
        opened = repository.readonly_session(snapshot_id=asset["icechunk:snapshot_id"]).store
        return lambda **options: xr.open_dataset(opened, **asset["xarray:open_kwargs"] | options)

    def _icechunk_storage(self, asset):
        prefix = urljoin(f"{self.prefix}/{COLLECTION}/items/x", asset["href"])
        return icechunk.s3_storage(bucket="open", prefix=prefix, region="us-east-1", endpoint_url=self.store.endpoint, allow_http=True,
                                    force_path_style=True, access_key_id=self.store.key, secret_access_key=self.store.secret)

    def is_whole(self):
        """Whatever can be reached from the catalogue is there, and as its record says; how many items."""
        catalog = self.get("catalog.json")
        if catalog is None:
            return 0
        reached = 0
        for child in (link for link in catalog.json()["links"] if link["rel"] == "child"):
            collection = requests.get(urljoin(self.base, child["href"]), timeout=20).json()
            for link in (link for link in collection["links"] if link["rel"] == "item"):
                url = urljoin(urljoin(self.base, child["href"]), link["href"])
                record = requests.get(url, timeout=20).json()
                for key in {"reference_file", "report"} & set(record["assets"]):
                    asset = record["assets"][key]
                    answer = requests.get(urljoin(url, asset["href"]), timeout=20)
                    assert answer.status_code == 200 and len(answer.content) == asset["file:size"], (url, key)
                reached += 1
        return reached


@pytest.fixture(scope="module")
def whole(server, tmp_path_factory):
    """The fixture with all five formats, synchronised to the store."""
    patch = pytest.MonkeyPatch()
    for name, value in server.environment.items():
        patch.setenv(name, value)
    stored = Stored(server, Project.of_fixture(tmp_path_factory.mktemp("whole") / "cmip6"), "whole/of it", products=ALL)
    stored.answer = stored.project.run("sync", "--json").expect(0).json
    yield stored
    patch.undo()


def ids(answer):
    return [item["id"] for item in answer["items"]]


def test_every_format_is_read_from_the_store(whole, tmp_path):
    assert {item["status"] for item in whole.answer["items"]} == {"added"} and len(ids(whole.answer)) == 3
    for item in ids(whole.answer):
        paths = whole.project.sources(item)
        series, native = Series(paths), NativeSeries(paths)
        assert series.differences(kerchunk(whole.href(item, "reference_file"))) == []
        assert series.differences(kerchunk(whole.href(item, "reference_parquet"))) == []
        _, opened = whole.icechunk(item)
        assert native.differences(opened) == []
        assert native.differences(whole.zarr(item)) == []
        copy = tmp_path / f"{item}.nca"
        copy.write_bytes(requests.get(whole.href(item, "cfa"), timeout=20).content)
        assert cfa.file_differences(series, copy) == []


def test_pystac_walks_what_stands_there(whole):
    root = pystac.Catalog.from_file(whole.base + "catalog.json")
    items = list(root.get_items(recursive=True))
    assert sorted(item.id for item in items) == sorted(ids(whole.answer))
    for item in items:
        assert item.get_collection().id == COLLECTION and item.get_root().id == root.id
        for key, asset in item.to_dict()["assets"].items():
            if not key.startswith("data"):
                assert not asset["href"].startswith(("http", "s3", "/")), "hrefs of products are relative"
        assert json.loads(requests.get(whole.href(item.id, "report"), timeout=20).text)["stored"]["confirmation"] == "read"


def test_content_types(whole):
    [item, *_] = ids(whole.answer)
    folder = f"{COLLECTION}/products/{item}/r1/"
    for path, expected in {
        "catalog.json": "application/json",
        f"{COLLECTION}/items/{item}.json": "application/geo+json",
        folder + "kerchunk.json": "application/json",
        folder + "sources.parquet": "application/vnd.apache.parquet",
        folder + "cfa.nca": "application/netcdf",
        folder + "data.zarr/zarr.json": "application/json",
    }.items():
        assert requests.head(whole.base + path, timeout=20).headers["Content-Type"] == expected, path


def test_it_is_verified_planned_and_told_of_there(whole):
    answer = whole.project.run("verify", "--every-value", "--json").expect(0).json
    assert all(item["verified"] and len(item["reports"]) == 5 for item in answer["items"])
    plan = whole.project.run("plan", "--json").expect(0).json
    assert {item["action"] for item in plan["items"]} == {"unchanged"}
    status = whole.project.run("status", "--json").expect(0).json
    assert {item["state"] for item in status["items"]} == {"current"}
    with Server("serve", whole.project.folder / "recipe.yaml", "--port", "0") as server:
        found = requests.get(f"{server.url}/collections/{COLLECTION}/items", timeout=10).json()["features"]
        assert len(found) == 3
        assert all(item["assets"]["reference_file"]["href"].startswith("s3://open/whole/of%20it/") for item in found)
        assert any("not served from here" in line for line in server.log)


def test_damage_in_the_store_is_found(store, tmp_path):
    stored = Stored(store, Project.of_fixture(tmp_path / "cmip6"), "damaged", products=["kerchunk", "zarr"])
    [item, *_] = stored.project.build()
    chunk = next(key for key in stored.keys() if f"/{item}/" in key and "/c/" in key)
    content = bytes(stored.s3.get(f"damaged/{chunk}").bytes())
    stored.s3.put(f"damaged/{chunk}", content[:-1] + bytes([content[-1] ^ 1]))
    stored.project.run("verify", "--item", item).expect(1)
    # What is missing or of another size is built again.
    stored.s3.put(f"damaged/{COLLECTION}/products/{item}/r1/kerchunk.json", b"{}")
    built = stored.project.build()
    assert (built[item]["status"], built[item]["revision"]) == ("changed", 2)
    stored.project.run("verify").expect(0)


def test_nothing_changed_is_nothing_written(store, proxied, tmp_path):
    stored = Stored(store, Project.of_fixture(tmp_path / "cmip6"), "unchanged", products=ALL)
    stored.project.build()
    first = proxied.requests()
    assert any(asked.writes for asked in first)
    # Records are conditional, and the catalogue is the last of all.
    puts = [asked for asked in first if asked.method == "PUT" and "/unchanged/" in asked.target and ".lock" not in asked.target]
    assert all(asked.conditions for asked in puts if "/icechunk/" not in asked.target and "uploadId" not in asked.target)
    assert puts[-1].target.endswith("/unchanged/catalog.json") and puts[-2].target.endswith("/collection.json")
    before = stored.keys()
    assert {item["status"] for item in stored.project.build().values()} == {"unchanged"}
    again = proxied.requests()
    assert again and not any(asked.writes for asked in again), again
    assert len(again) <= 3
    stored.project.run("sync").expect(0)
    assert not any(asked.writes for asked in proxied.requests())
    assert stored.keys() == before and not any(".altostac" in key for key in before), "the lock was given back"


def test_faults_are_survived(store, proxied, tmp_path):
    stored = Stored(store, Project.of_fixture(tmp_path / "cmip6"), "faulty", products=ALL)
    proxied.faults = 0.15
    stored.project.run("build").expect(0)
    proxied.faults = 0
    assert proxied.failed > 10
    assert stored.is_whole() == 3
    stored.project.run("verify", "--every-value").expect(0)
    for item in (item["id"] for item in stored.project.run("status", "--json").json["items"]):
        assert NativeSeries(stored.project.sources(item)).differences(stored.zarr(item)) == []


def test_large_files_are_sent_in_parts(store, proxied, tmp_path):
    import numpy as np
    (tmp_path / "archive").mkdir()
    with netCDF4.Dataset(tmp_path / "archive/large.nc", "w") as nc:
        for name, length in (("time", 4), ("lat", 700), ("lon", 900)):
            nc.createDimension(name, length)
            variable = nc.createVariable(name, "f8", (name,))
            variable[:] = np.arange(length) if name == "time" else np.linspace(-80, 80, length)
            variable.units = {"time": "days since 2000-01-01", "lat": "degrees_north", "lon": "degrees_east"}[name]
        nc.createVariable("noise", "f8", ("time", "lat", "lon"))[:] = np.random.default_rng(1).random((4, 700, 900))
    project = Project.of_recipe(tmp_path / "project", {
        "collection": {"id": COLLECTION, "description": "One large file."}, "sources": [{"root": str(tmp_path / "archive")}],
        "item": {"pattern": "{name}.nc", "id": "{{ name }}"}, "products": [{"zarr": {"chunks": {"time": 4, "lat": 700, "lon": 900}, "shards": "none"}}]})
    stored = Stored(store, project, "large")
    project.build()
    assert any("partNumber=2" in asked.target for asked in proxied.requests())
    assert NativeSeries([tmp_path / "archive/large.nc"]).differences(stored.zarr("large")) == []


def test_wrong_credentials_are_told_and_not_shown(store, tmp_path, monkeypatch):
    stored = Stored(store, Project.of_fixture(tmp_path / "cmip6"), "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "WRONGSECRET")
    answer = stored.project.run("build", "-vv").expect(2)
    assert "403 Forbidden" in answer.stderr and "AWS_SECRET_ACCESS_KEY" in answer.stderr
    assert "WRONGSECRET" not in answer.stderr + answer.stdout
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    assert "403 Forbidden" in stored.project.run("build").expect(2).stderr
    assert stored.keys() == []


def test_plain_http_is_to_be_allowed(store, tmp_path, monkeypatch):
    stored = Stored(store, Project.of_fixture(tmp_path / "cmip6"), "plain")
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    assert "AWS_ALLOW_HTTP=true allows it" in stored.project.run("build").expect(2).stderr


def test_the_store_may_be_trusted_to_compare_checksums(store, proxied, tmp_path):
    stored = Stored(store, Project.of_fixture(tmp_path / "cmip6"), "trusted", products=["kerchunk"], confirm_uploads="checksum")
    [item, *_] = stored.project.build()
    assert not any(asked.method == "GET" and asked.target.endswith("kerchunk.json") for asked in proxied.requests())
    assert json.loads(requests.get(stored.href(item, "report"), timeout=20).text)["stored"]["confirmation"] == "checksum"


def test_data_point_opens_what_an_api_names_there(store, tmp_path):
    project = Project.of_fixture(tmp_path / "cmip6")
    public = [{"from": "s3://open/named", "to": f"{store.endpoint}/open/named"}]
    Stored(store, project, "named", public_urls=public, products=["kerchunk", "zarr"])
    with Server("sync", project.folder / "recipe.yaml", "--serve", "--port", "0") as server:
        for record in requests.get(f"{server.url}/collections/{COLLECTION}/items", timeout=10).json()["features"]:
            paths = project.sources(record["id"])
            for key, sources in (("reference_file", Series(paths)), ("zarr", NativeSeries(paths))):
                asset = record["assets"][key]
                assert asset["href"].startswith(f"{store.endpoint}/open/named/")
                item = pystac.Item.from_dict(record | {"assets": {key: asset}})
                item.set_self_href(f"{server.url}/collections/{COLLECTION}/items/{record['id']}")
                with DataPointItem(item, meta={"search_terms": {}}).get_cloud_product().open_dataset() as ds:
                    assert sources.seen_differences(ds) == []


def test_public_urls_say_where_products_are(store, tmp_path):
    project = Project.of_fixture(tmp_path / "cmip6")
    public = [{"from": "s3://open/public", "to": "https://data.example.org/published"}]
    stored = Stored(store, project, "public", public_urls=public)
    for item in project.build().values():
        assert [product["href"].startswith("https://data.example.org/published/cmip6-sample/products/") for product in item["products"]] == [True]
        assert [product["path"].startswith("s3://open/public/cmip6-sample/products/") for product in item["products"]] == [True]
        assert stored.record(item["id"])["assets"]["reference_file"]["href"].startswith("../products/")


def test_a_change_commits_again_and_old_revisions_go(store, tmp_path):
    stored = Stored(store, Project.of_fixture(tmp_path / "cmip6"), "changing", products=["kerchunk", "icechunk"])
    [item, *_] = stored.project.build()
    first = stored.record(item)["assets"]["icechunk"]["icechunk:snapshot_id"]
    for revision in (2, 3):
        path = stored.project.sources(item)[0]
        os.utime(path, (time.time(), time.time() + revision))
        assert stored.project.build()[item]["revision"] == revision
    repository, opened = stored.icechunk(item)
    assert NativeSeries(stored.project.sources(item)).differences(opened) == []
    history = [snapshot.id for snapshot in repository.ancestry(branch="main")]
    assert len(history) == 4 and first in history
    revisions = {key.split("/")[3] for key in stored.keys() if key.startswith(f"{COLLECTION}/products/{item}/r")}
    assert revisions == {"r2", "r2.json", "r3"}
    assert stored.is_whole() == 3


@pytest.mark.parametrize("keep, expected", ((None, {"r3", "r3.json", "r4"}), (1, {"r4"}), (3, {"r2", "r2.json", "r3", "r3.json", "r4"})))
def test_old_revisions_go_from_a_folder_too(tmp_path, keep, expected):
    project = Project.of_fixture(tmp_path / "cmip6")
    project.edit(**({"keep_revisions": keep} if keep else {}))
    project.build()
    for _ in range(3):
        project.build("--force")
    for item in project.items:
        assert {path.name for path in (project.collection_folder / "products" / item).iterdir()} == expected


def test_chunks_that_did_not_change_are_copied_by_the_store(store, proxied, tmp_path):
    stored = Stored(store, Project.of_fixture(tmp_path / "cmip6"), "again", products=[{"zarr": {"shards": "none"}}])
    [item, *_] = stored.project.build()
    proxied.requests()
    assert stored.project.build("--item", item, "--force")[item]["revision"] == 2
    asked = [asked for asked in proxied.requests() if asked.method == "PUT" and asked.status == 200 and "/r2/data.zarr/" in asked.target]
    chunks = [asked for asked in asked if "/c/" in f"{asked.target}/"]
    assert chunks and not any(asked.sent for asked in chunks), "nothing but headers"
    report = json.loads(requests.get(stored.href(item, "report"), timeout=20).text)["stored"]
    assert report["copied"] == len(chunks) and report["objects"] > len(chunks)
    assert NativeSeries(stored.project.sources(item)).differences(stored.zarr(item)) == []


def test_everything_in_one_store(store, tmp_path):
    """Sources and products in the same bucket; what was published there is no source."""
    project = Project.of_fixture(tmp_path / "cmip6")
    for path in (project.folder / "archive").rglob("*.nc"):
        store.put("open", f"both/{path.relative_to(project.folder / 'archive')}", path.read_bytes())
    stored = Stored(store, project, "both/CMIP6/published", products=["kerchunk", "icechunk", "zarr"], sources=[{"root": "s3://open/both"}],
                    public_urls=[{"from": "s3://open/both", "to": f"{store.endpoint}/open/both"}])
    [item, *_] = project.build()
    assert {one["status"] for one in project.build().values()} == {"unchanged"}
    assert Series(project.sources(item)).differences(kerchunk(stored.href(item, "reference_file"))) == []
    assert NativeSeries(project.sources(item)).differences(stored.zarr(item)) == []
    project.edit(products=["icechunk"], public_urls=[])
    project.build()
    asset = stored.record(item)["assets"]["icechunk"]
    [container] = asset["icechunk:virtual_chunk_containers"]
    settings = icechunk.RepositoryConfig.default()
    settings.set_virtual_chunk_container(icechunk.VirtualChunkContainer(container, icechunk.s3_store(
        region="us-east-1", endpoint_url=store.endpoint, allow_http=True, s3_compatible=True, force_path_style=True)))
    keys = icechunk.s3_static_credentials(access_key_id=store.key, secret_access_key=store.secret)
    opened = stored.icechunk_session(item, config=settings, authorize_virtual_chunk_access=icechunk.containers_credentials({container: keys}))
    assert NativeSeries(project.sources(item)).differences(opened) == []


def test_no_revision_goes_that_an_api_points_at(tmp_path):
    project = Project.of_fixture(tmp_path / "cmip6")
    revisions = lambda: {path.name for item in project.items for path in (project.collection_folder / "products" / item).iterdir()}
    with Server("sync", project.folder / "recipe.yaml", "--serve", "--port", "0"):
        pass
    for _ in range(3):
        project.build("--force")
    assert revisions() == {"r1", "r1.json", "r2", "r2.json", "r3", "r3.json", "r4"}, "the API holds r1"
    with Server("serve", project.folder / "recipe.yaml", "--port", "0") as server:
        found = requests.get(f"{server.url}/collections/{COLLECTION}/items", timeout=10).json()["features"]
        assert all("/r4/" in item["assets"]["reference_file"]["href"] for item in found)
    assert revisions() == {"r3", "r3.json", "r4"}


def test_the_root_of_a_bucket(store, tmp_path):
    project = Project.of_fixture(tmp_path / "cmip6")
    project.edit(output="s3://empty", products=["kerchunk", "icechunk"])
    assert {item["status"] for item in project.build().values()} == {"added"}
    assert {item["status"] for item in project.build().values()} == {"unchanged"}
    project.run("verify").expect(0)


def test_a_killed_upload_leaves_a_whole_catalogue(store, tmp_path):
    count, kills = (40, 40) if FULL else (6, 12)
    many_items(tmp_path / "archive", count)
    project = Project.of_recipe(tmp_path / "project", recipe(tmp_path / "archive"))
    keys = {"collection": project.recipe["collection"] | {"id": COLLECTION}, "products": ["kerchunk", {"zarr": {"shards": "none"}}]}
    stored = Stored(store, project, "killed", **keys)
    random_moment, begun = random.Random(11), time.monotonic()
    project.build()
    took = time.monotonic() - begun
    for number in range(kills):
        force = ["--force"] if number >= 2 else []
        process = subprocess.Popen([BINARY, "build", project.folder / "recipe.yaml", *force], env=environment(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random_moment.uniform(0.05, took))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert stored.is_whole() == count
    project.run("build").expect(0)
    assert stored.is_whole() == count
    project.run("verify", "--every-value").expect(0)
    # A run that is killed at its very end leaves its lock, and the next, which has nothing to do, takes none.
    left = {key.split("/")[0] for key in stored.keys() if not key.startswith(".altostac/")}
    assert left == {"catalog.json", COLLECTION}, [key for key in stored.keys() if not key.startswith(COLLECTION)]


def test_an_upload_that_was_cut_off_is_taken_up(store, proxied, tmp_path):
    stored = Stored(store, Project.of_fixture(tmp_path / "cmip6"), "resumed", products=[{"zarr": {"shards": "none"}}])
    item = stored.project.run("plan", "--json").json["items"][0]["id"]
    process = subprocess.Popen([BINARY, "build", stored.project.folder / "recipe.yaml", "--item", item], env=environment(), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    is_chunk = lambda asked: asked.method == "PUT" and asked.status == 200 and "/c/" in asked.target
    while process.poll() is None and sum(map(is_chunk, list(proxied.asked))) < 3:
        time.sleep(0.005)
    process.kill()
    process.wait()
    sent = {asked.target for asked in proxied.requests() if is_chunk(asked)}
    assert sent
    built = stored.project.build("--item", item)[item]
    again = {asked.target for asked in proxied.requests() if is_chunk(asked)}
    assert built["revision"] == 1 and not sent & again
    assert NativeSeries(stored.project.sources(item)).differences(stored.zarr(item)) == []


def test_two_at_once_do_no_harm(store, tmp_path):
    """Two machines with states of their own; and two collections in one catalogue."""
    first = Stored(store, Project.of_fixture(tmp_path / "first"), "shared", products=["kerchunk", "zarr"])
    second = Stored(store, Project.of_fixture(tmp_path / "second"), "shared", products=["kerchunk", "zarr"])
    other = Stored(store, Project.of_fixture(tmp_path / "other"), "shared")
    other.project.edit(collection=other.project.recipe["collection"] | {"id": "another"})
    answers = {}

    def build(name, project):
        answers[name] = project.run("build", "--json")

    for _ in range(3):
        threads = [threading.Thread(target=build, args=(name, one.project)) for name, one in (("first", first), ("second", second), ("other", other))]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert answers["other"].status == 0
        refused = [answer for answer in answers.values() if answer.status]
        assert all(answer.status == 2 and "is at work on s3://open/shared/" in answer.stderr for answer in refused), refused
        assert first.is_whole() == 6
    for stored in (first, second):
        stored.project.run("build").expect(0)
        assert stored.is_whole() == 6
        for item in stored.project.run("status", "--json").json["items"]:
            assert NativeSeries(stored.project.sources(item["id"])).differences(stored.zarr(item["id"])) == []


def test_a_lock_of_another_is_respected_and_a_stale_one_taken_over(store, tmp_path):
    stored = Stored(store, Project.of_fixture(tmp_path / "cmip6"), "locked")
    lock = {"owner": "", "id": "somebody", "run": "1", "shown": "process 7 on elsewhere"}
    put = lambda expires: stored.s3.put(f"locked/.altostac/{COLLECTION}.lock", json.dumps(lock | {"expires": expires}).encode())
    put("2999-01-01T00:00:00Z")
    answer = stored.project.run("build").expect(2)
    assert "another altostac (process 7 on elsewhere) is at work on s3://open/locked/" in answer.stderr
    put("2020-01-01T00:00:00Z")
    stored.project.build()
    assert stored.is_whole() == 3 and not any("lock" in key for key in stored.keys())


def test_a_full_scratch_says_what_it_needs(store, tmp_path):
    mount = tmp_path / "small"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", mount], capture_output=True).returncode:
        pytest.skip("needs to mount")
    try:
        stored = Stored(store, Project.of_fixture(tmp_path / "cmip6"), "full", products=["zarr"])
        answer = stored.project.run("build", "--state", mount / "state")
        assert answer.status == 1 and "before it is uploaded" in answer.stderr and "--state" in answer.stderr
        assert stored.is_whole() < 3
        stored.project.run("build").expect(0)
        assert stored.is_whole() == 3
    finally:
        subprocess.run(["umount", mount], check=True)
