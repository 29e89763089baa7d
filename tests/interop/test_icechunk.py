"""Icechunk repositories, opened by icechunk and zarr-python: equal to the sources, with their history."""

import os
import shutil
import subprocess
from pathlib import Path

import icechunk
import pytest

from archives import recipe
from icechunks import NativeSeries, Snapshot, open_repository
from program import Project
from servers import ObjectStore
from test_joins import EQUAL, Maker, series, steps
from test_series import ARCHIVE, SICONC, each, item_id
from test_series import series as corpus_series

ICECHUNK = {"products": ["icechunk"]}
FULL = os.environ.get("ALTOSTAC_FULL") == "1"
# What CI opens of what test_joins.py makes: one of each way in which values come into a product.
SOME = {"per_file_units", "chunks_of_twelve", "with_checksums", "big_endian", "packed_alike", "nan_as_fill", "never_written",
        "never_written_without_fill", "classic_and_new", "texts_and_dummies", "shorter_than_time", "in_groups"}


def snapshot(project, item):
    return Snapshot(project.collection_folder / "items" / f"{item}.json")


def differences(project, item, paths, join=None):
    return NativeSeries(paths, join=join).differences(snapshot(project, item).open)


@pytest.mark.parametrize("case", [case for case in EQUAL if FULL or case.__name__ in SOME], ids=lambda case: case.__name__)
def test_it_equals_its_sources(tmp_path, case):
    project, paths = series(tmp_path, case)
    project.edit(**ICECHUNK)
    assert project.build()["series"]["status"] == "added"
    assert differences(project, "series", paths, "time") == []
    project.run("verify", "--every-value", "--json").expect(0)


def test_groups_open_by_their_path(tmp_path):
    project, paths = series(tmp_path, next(case for case in EQUAL if case.__name__ == "in_groups"))
    project.edit(**ICECHUNK)
    project.build()
    pressure = snapshot(project, "series").open(group="model")["pressure"]
    assert pressure.shape == (8, 9) and pressure.values.ravel()[:3].tolist() == [0, 1, 2]


def test_the_fixture_equals_its_sources(tmp_path):
    project = Project.of_fixture(tmp_path / "cmip6")
    project.edit(products=["kerchunk", "icechunk"])
    for item in project.build():
        assert differences(project, item, project.sources(item)) == []


def test_an_asset_that_needs_no_hint(tmp_path):
    project = Project.of_fixture(tmp_path / "cmip6")
    project.edit(**ICECHUNK)
    for item in project.build():
        asset = project.items[item]["assets"]["icechunk"]
        assert (asset["type"], asset["roles"]) == ("application/vnd.zarr+icechunk", ["data", "virtual"])
        assert asset["icechunk:virtual_chunk_containers"] == [f"file://{project.sources(item)[0].parent}/"]
        assert "cloud_format" not in asset and "file:checksum" not in asset


def test_an_update_commits_again_and_history_can_be_read(tmp_path):
    project, paths = series(tmp_path, lambda make: make.file(steps(0, 4)).file(steps(4, 4)))
    project.edit(**ICECHUNK)
    project.build()
    first = snapshot(project, "series")
    (kept := tmp_path / "kept").mkdir()
    for path in paths:
        shutil.copy2(path, kept)
    later = Maker(paths[0].parent)
    later.count = 2
    later.file(steps(8, 3))
    assert project.build()["series"]["revision"] == 2
    second = snapshot(project, "series")
    assert second.history == [second.id, first.id, "1CECHNKREP0F1RSTCMT0"]
    paths = sorted(paths[0].parent.glob("*.nc"))
    assert len(paths) == 3 and differences(project, "series", paths, "time") == []
    # Through the repository as it is now, the snapshot of the first build is what it was.
    before = lambda **options: second.open(snapshot=first.id, **options)
    assert NativeSeries(sorted(kept.glob("*.nc")), join="time").differences(before) == []
    changes = second.repository.diff(from_snapshot_id=first.id, to_snapshot_id=second.id)
    assert changes.new_arrays == set() and changes.deleted_arrays == set()
    assert {"/tas", "/time"} <= set(changes.updated_arrays)
    project.run("verify", "--json").expect(0)
    assert project.build()["series"]["status"] == "unchanged"


def test_a_build_that_fails_moves_no_branch(tmp_path):
    project, paths = series(tmp_path, lambda make: make.file(steps(0, 4)).file(steps(4, 4)))
    project.edit(**ICECHUNK)
    project.build()
    first = snapshot(project, "series")
    later = Maker(paths[0].parent)
    later.count = 2
    later.file(steps(6, 4))
    assert project.build(status=1)["series"]["error"]["kind"] == "overlap"
    assert snapshot(project, "series").history == first.history


def test_names_with_odd_characters(tmp_path):
    project, paths = series(tmp_path, lambda make: make.file(steps(0, 4)).file(steps(4, 4)))
    odd = paths[0].parent / "a b%20c+d#e?ü"
    odd.mkdir()
    paths = [Path(shutil.move(path, odd / path.name)) for path in paths]
    project.edit(item={"pattern": "{folder}/{filename}", "id": "series"}, **ICECHUNK)
    project.build()
    assert differences(project, "series", paths, "time") == []


def test_a_source_that_changed_is_not_read(tmp_path):
    project, paths = series(tmp_path, lambda make: make.file(steps(0, 4)).file(steps(4, 4)))
    project.edit(**ICECHUNK)
    project.build()
    opened = snapshot(project, "series").open()
    stat = paths[1].stat()
    os.utime(paths[1], ns=(stat.st_atime_ns, stat.st_mtime_ns + 5_000_000_000))
    with pytest.raises(Exception, match="checksum"):
        opened["tas"].values


def test_what_the_reader_must_allow(tmp_path):
    project, _ = series(tmp_path, lambda make: make.file(steps(0, 4)).file(steps(4, 4)))
    project.edit(**ICECHUNK)
    project.build()
    opened = snapshot(project, "series")
    closed = icechunk.Repository.open(icechunk.local_filesystem_storage(str(opened.folder)))
    opened.repository = closed
    dataset = opened.open()
    assert dataset["lat"].shape == (9,)  # coordinates stand in the repository
    with pytest.raises(Exception, match="authorize"):
        dataset["tas"].values


def test_version_2_by_option(tmp_path):
    project, paths = series(tmp_path, lambda make: make.file(steps(0, 4)).file(steps(4, 4)))
    project.edit(products=[{"icechunk": {"version": 2}}])
    project.build()
    asset = project.items["series"]["assets"]["icechunk"]
    folder = (project.collection_folder / "items" / asset["href"]).resolve()
    assert (folder / "repo").is_file() and not (folder / "refs").exists()
    with pytest.raises(icechunk.IcechunkError):
        open_repository(folder, asset["icechunk:virtual_chunk_containers"])
    project.run("verify", "--every-value", "--json").expect(0)
    first = asset["icechunk:snapshot_id"]
    later = Maker(paths[0].parent)
    later.count = 2
    later.file(steps(8, 3))
    project.build()
    asset = project.items["series"]["assets"]["icechunk"]
    # icechunk 2 needs Python 3.12 and an environment of its own.
    reader = os.environ.get("ICECHUNK2_PYTHON")
    if reader is None:
        pytest.skip("needs ICECHUNK2_PYTHON, a Python with icechunk 2, zarr and xarray")
    script = """
import sys, icechunk, xarray as xr
folder, container, first, second = sys.argv[1:]
repository = icechunk.Repository.open(icechunk.local_filesystem_storage(folder), authorize_virtual_chunk_access={container: None})
assert [one.id for one in repository.ancestry(branch="main")] == [second, first, "1CECHNKREP0F1RSTCMT0"]
for snapshot, length in ((first, 8), (second, 11)):
    store = repository.readonly_session(snapshot_id=snapshot).store
    with xr.open_dataset(store, engine="zarr", consolidated=False, decode_cf=False) as ds:
        print(length, float(ds["tas"].astype("f8").sum()), ds["time"].values.tolist())
        assert ds["tas"].shape == (length, 9, 12)
"""
    container, = asset["icechunk:virtual_chunk_containers"]
    done = subprocess.run([reader, "-c", script, folder, container, first, asset["icechunk:snapshot_id"]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    paths = sorted(paths[0].parent.glob("*.nc"))
    expected = NativeSeries(paths, join="time").variables["tas"].raw.astype("f8").sum()
    assert f"11 {float(expected)}" in done.stdout


def test_another_version_is_refused_by_name(tmp_path):
    project, _ = series(tmp_path, lambda make: make.file(steps(0, 4)))
    project.edit(**ICECHUNK)
    project.build()
    project.edit(products=[{"icechunk": {"version": 2}}])
    error = project.build("--force", status=1)["series"]["error"]
    assert "expected a repository of version 2, found one of version 1" in error["message"]


@pytest.fixture
def store():
    server = ObjectStore()
    yield server
    server.stop()


def test_sources_in_an_object_store(tmp_path, monkeypatch, store):
    _, paths = series(tmp_path, lambda make: make.file(steps(0, 4)).file(steps(4, 4)))
    for path in paths:
        store.put("open", f"a b/{path.name}", path.read_bytes())
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    project = Project.of_recipe(tmp_path / "remote", {
        "collection": {"id": "made", "description": "Made.", "license": "CC0-1.0"}, "sources": [{"root": "s3://open/a b"}],
        "item": {"pattern": "{filename}", "id": "series"}, "output": "published"} | ICECHUNK)
    project.build()
    opened = snapshot(project, "series")
    container, = opened.asset["icechunk:virtual_chunk_containers"]
    assert container == "s3://open/"
    # Where the bucket is, and the keys, are the reader's to say.
    settings = icechunk.RepositoryConfig.default()
    settings.set_virtual_chunk_container(icechunk.VirtualChunkContainer(container, icechunk.s3_store(
        region="us-east-1", endpoint_url=store.endpoint, allow_http=True, s3_compatible=True, force_path_style=True)))
    keys = icechunk.s3_static_credentials(access_key_id=store.key, secret_access_key=store.secret)
    opened.repository = icechunk.Repository.open(
        icechunk.local_filesystem_storage(str(opened.folder)), config=settings,
        authorize_virtual_chunk_access=icechunk.containers_credentials({container: keys}))
    assert NativeSeries(paths, join="time").differences(opened.open) == []
    # Another object under the same key: its ETag is another.
    store.put("open", f"a b/{paths[0].name}", paths[0].read_bytes() + b" ")
    with pytest.raises(Exception, match="checksum"):
        opened.open()["tas"].values


def test_the_33_files_of_siconc(shared, tmp_path):
    sources = {"sources": [{"root": str(ARCHIVE), "include": [f"{SICONC}/*.nc"]}]}
    project = Project.of_recipe(tmp_path / "siconc", recipe(ARCHIVE) | sources | ICECHUNK)
    project.build()
    assert differences(project, item_id(SICONC), sorted((ARCHIVE / SICONC).glob("*.nc"))) == []


@pytest.fixture(scope="module")
def one_build(shared, tmp_path_factory):
    project = Project.of_recipe(tmp_path_factory.mktemp("corpus") / "cmip6", recipe(ARCHIVE) | ICECHUNK)
    answer = project.run("build", "--json")
    assert answer.status in (0, 1), answer
    return project, {item["id"]: item for item in answer.json["items"]}


@pytest.mark.skipif(not FULL, reason="tests/full runs it")
@each(corpus_series())
def test_equal_or_refused(one_build, folder, record_refusal):
    project, items = one_build
    item = items[item_id(folder)]
    if item["status"] == "failed":
        record_refusal(folder, f"{item['error']['kind']}: {item['error']['message']}")
        return
    assert differences(project, item_id(folder), sorted((ARCHIVE / folder).glob("*.nc"))) == []
