"""Archives behind nginx and SeaweedFS: what altostac builds of them, xarray reads, and it equals the files."""

import json
import shutil

import pytest

from archives import make
from oracle import Series, kerchunk
from program import FIXTURE, Project
from servers import ObjectStore, WebServer

FOLDER = "an archive"  # a name that URLs encode
TOUCHED = make.SERIES[0]


@pytest.fixture
def root(tmp_path):
    """A folder of our own with the fixture's archive in it."""
    shutil.copytree(FIXTURE / "archive", tmp_path / "site" / FOLDER)
    return tmp_path / "site"


@pytest.fixture
def web(root):
    server = WebServer(root)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def store():
    server = ObjectStore()
    yield server
    server.stop()


@pytest.fixture
def bucket(store, monkeypatch):
    """The fixture's archive in the bucket that anybody reads, and the environment of a user without keys."""
    for path in (FIXTURE / "archive").rglob("*.nc"):
        store.put("open", f"{FOLDER}/{path.relative_to(FIXTURE / 'archive')}", path.read_bytes())
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SKIP_SIGNATURE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in store.open_environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://open/{FOLDER}"


def project(folder, root, **keys):
    """The fixture's recipe, beside no archive, with another root."""
    recipe = Project.of_fixture(folder / "fixture").recipe
    return Project.of_recipe(folder / "project", recipe | {"sources": [{"root": root}]} | keys)


def statuses(project, *arguments, status=0):
    return {item["status"] for item in project.build(*arguments, status=status).values()}


def content(folder):
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def expect_equal_to_the_files(project):
    """Every product, opened by xarray, holds what the files of its series hold."""
    assert len(project.items) == len(make.SERIES)
    for one in make.SERIES:
        paths = sorted((FIXTURE / "archive" / one.folder).glob("*.nc"))
        [item] = [id for id in project.items if str(one.folder).replace("/", ".") == id]
        assert Series(paths).differences(kerchunk(project.kerchunk(item))) == []


def references(project):
    """The URLs that the products name."""
    found = set()
    for item in project.items:
        refs = json.loads(project.kerchunk(item).read_text())["refs"]
        found |= {value[0] for value in refs.values() if isinstance(value, list)}
    return found


def test_an_archive_behind_nginx(tmp_path, web):
    ours = project(tmp_path, f"{web.url}/{FOLDER}")
    assert statuses(ours) == {"added"}
    expect_equal_to_the_files(ours)
    start = f"{web.url}/an%20archive/CMIP6/"
    assert references(ours) and all(url.startswith(start) for url in references(ours))
    assert {request.method for request in web.requests()} == {"GET"}

    before = content(ours.collection_folder)
    assert statuses(ours) == {"unchanged"}
    assert content(ours.collection_folder) == before
    asked = web.requests()
    files = [request for request in asked if request.target.endswith(".nc")]
    assert len(files) == sum(len(list((FIXTURE / "archive" / one.folder).glob("*.nc"))) for one in make.SERIES)
    assert all(request.sent == 1 for request in files), "a look reads one byte"
    ours.run("verify").expect(0)


def test_a_file_that_changes_on_the_server_rebuilds_one_item(tmp_path, root, web):
    ours = project(tmp_path, f"{web.url}/{FOLDER}")
    ours.build()
    sorted((root / FOLDER / TOUCHED.folder).glob("*.nc"))[0].touch()
    built = ours.build()
    assert sorted(item["status"] for item in built.values()) == ["changed"] + ["unchanged"] * (len(make.SERIES) - 1)


def test_what_is_not_listed_is_not_removed(tmp_path, root, web):
    ours = project(tmp_path, f"{web.url}/{FOLDER}")
    ours.build()
    (root / FOLDER / "CMIP6" / "index.html").write_text("<h1>Welcome</h1><a href='/'>home</a>")
    # Nothing at all is found: that is an error of the whole request.
    answer = ours.run("build").expect(2)
    assert f"{web.url}/an%20archive/CMIP6/: the server's answer is no listing" in answer.stderr
    (root / FOLDER / "CMIP6" / "index.html").unlink()
    activity = sorted((root / FOLDER / "CMIP6").iterdir())[0]
    (activity / "index.html").write_text("<h1>Welcome</h1>")
    answer = ours.run("build", "--json").expect(1).json
    assert {item["status"] for item in answer["items"]} == {"unchanged"}
    assert len(answer["problems"]) == 1 and "is no listing of a folder" in answer["problems"][0]
    (activity / "index.html").unlink()
    assert statuses(ours) == {"unchanged"}
    ours.edit(guard={"max_removed": "50%"})
    shutil.rmtree(root / FOLDER / TOUCHED.folder)
    assert statuses(ours) == {"unchanged", "removed"}


def test_an_archive_in_an_object_store(tmp_path, store, bucket):
    public = [{"from": "s3://open", "to": f"{store.endpoint}/open"}]
    ours = project(tmp_path, bucket, public_urls=public)
    assert statuses(ours) == {"added"}
    expect_equal_to_the_files(ours)
    before = content(ours.collection_folder)
    assert statuses(ours) == {"unchanged"}
    assert content(ours.collection_folder) == before
    ours.run("verify").expect(0)

    path = sorted((FIXTURE / "archive" / TOUCHED.folder).glob("*.nc"))[0]
    key = f"{FOLDER}/{path.relative_to(FIXTURE / 'archive')}"
    store.put("open", key, path.read_bytes() + b" ")
    built = ours.build()
    assert sorted(item["status"] for item in built.values()) == ["changed"] + ["unchanged"] * (len(make.SERIES) - 1)


def test_references_into_an_object_store(tmp_path, bucket):
    ours = project(tmp_path, bucket)
    assert statuses(ours) == {"added"}
    assert references(ours) and all(url.startswith("s3://open/an%20archive/CMIP6/") for url in references(ours))
    hrefs = [asset["href"] for item in ours.items.values() for key, asset in item["assets"].items() if key.startswith("data")]
    assert hrefs and all(href.startswith("s3://open/an%20archive/CMIP6/") for href in hrefs)


def test_a_list_of_urls(tmp_path, web, store, bucket):
    """Half of the files from the web server, half from the store."""
    paths = sorted(path.relative_to(FIXTURE / "archive") for path in (FIXTURE / "archive").rglob("*.nc"))
    lines = [f"{web.url}/an%20archive/{path}" if path.stem[-1] in "02468" else f"{bucket}/{path}".replace(" ", "%20") for path in paths]
    folder = tmp_path / "project"
    ours = project(tmp_path, "unused", sources=[{"list": "files.txt"}], public_urls=[{"from": "s3://open", "to": f"{store.endpoint}/open"}])
    item = ours.recipe["item"]
    item["pattern"] = "{server:**}/an%20archive/" + item["pattern"]
    ours.edit(item=item)
    (folder / "files.txt").write_text("\n".join(lines))
    assert statuses(ours) == {"added"}
    expect_equal_to_the_files(ours)
