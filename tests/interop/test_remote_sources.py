"""`altostac inspect` on servers that are not ours says what it says of the same file on disk."""

import json
import shutil
from urllib.parse import quote, unquote

import pytest

from oracle import Series, kerchunk
from program import FIXTURE, SHARED, run
from archives import make
from servers import ObjectStore, WebServer

FILES = [sorted((FIXTURE / "archive" / one.folder).glob("*.nc"))[0] for one in make.SERIES]
ODD_NAMES = ("a b.nc", "100%.nc", "50%25.nc", "a+b.nc", "a#b.nc", "a?b.nc", "été.nc", "a&b=c.nc", "a'(b)!~.nc", "[1].nc", "a:b@c.nc")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files of the fixture, under odd names too."""
    folder = tmp_path_factory.mktemp("root")
    for path in FILES:
        shutil.copy(path, folder)
    (folder / "login").mkdir()
    (folder / "bucket").mkdir()
    for name in (*ODD_NAMES, "login/a.nc", "bucket/a b.nc"):
        shutil.copy(FILES[0], folder / name)
    (folder / "empty.nc").touch()
    (folder / "text.nc").write_text("no data here")
    (folder / "big.nc").write_bytes(FILES[0].read_bytes() + bytes(1 << 20))
    return folder


@pytest.fixture(scope="module")
def web(folder):
    server = WebServer(folder)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def store(folder):
    """The same files in both buckets."""
    server = ObjectStore()
    for path in folder.glob("*.nc"):
        for bucket in ("open", "private"):
            server.put(bucket, f"data/{path.name}", path.read_bytes())
    yield server
    server.stop()


@pytest.fixture
def as_user(monkeypatch):
    """Sets the environment of the program; nothing of the machine's own is left."""
    def set_environment(environment):
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_SKIP_SIGNATURE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
    return set_environment


def same_as_on_disk(path, url):
    """Both outputs of `inspect` are equal but for the name of the file."""
    here, there = (run("inspect", one, "--json").expect(0).json for one in (path, url))
    assert there.pop("path") == url and here.pop("path") == str(path)
    assert there == here
    here, there = (run("inspect", one, "--kerchunk").expect(0).stdout for one in (path, url))
    local = json.dumps(path.as_uri())
    assert here.count(local) == there.count(json.dumps(url)) > 0
    assert json.loads(there) == json.loads(here.replace(local, json.dumps(url)))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.split("_")[0])
def test_nginx(web, folder, path):
    same_as_on_disk(folder / path.name, f"{web.url}/{path.name}")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.split("_")[0])
def test_s3(store, folder, as_user, path):
    as_user(store.environment)
    same_as_on_disk(folder / path.name, f"s3://private/data/{path.name}")


def test_one_request_for_a_small_file_and_no_other_method(web):
    web.requests()
    run("inspect", f"{web.url}/{FILES[0].name}").expect(0)
    size = FILES[0].stat().st_size
    assert size <= 131072, "the file is to lie within the first head"
    [asked] = web.requests()
    assert (asked.method, asked.status, asked.range, asked.sent) == ("GET", 206, "bytes=0-131071", size)


def test_a_large_file_is_not_read_whole(web, folder):
    web.requests()
    run("inspect", f"{web.url}/big.nc").expect(0)
    asked = web.requests()
    assert {one.method for one in asked} == {"GET"} and {one.status for one in asked} == {206}
    assert sum(one.sent for one in asked) < 200_000 < (folder / "big.nc").stat().st_size


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names(web, store, as_user, name):
    as_user(store.open_environment)
    expected = json.loads(run("inspect", FILES[0], "--json").expect(0).stdout)
    for prefix in (web.url, "s3://open/data"):
        found = run("inspect", f"{prefix}/{quote(name)}", "--json").expect(0).json
        assert {**found, "path": ""} == {**expected, "path": ""}, prefix


def test_references_open_from_where_they_point(web, tmp_path):
    references = tmp_path / "one.json"
    references.write_text(run("inspect", f"{web.url}/{FILES[0].name}", "--kerchunk").expect(0).stdout)
    web.requests()
    assert Series([FILES[0]]).differences(kerchunk(references)) == []
    assert any(one.target == f"/{FILES[0].name}" for one in web.requests())


def refused(url, *words):
    answer = run("inspect", url).expect(1)
    for word in words:
        assert word in answer.stderr, answer
    return answer.stderr


def test_s3_without_keys(store, as_user):
    as_user(store.open_environment)
    run("inspect", f"s3://open/data/{FILES[0].name}").expect(0)
    url = f"s3://private/data/{FILES[0].name}"
    refused(url, url, "403 Forbidden", "AccessDenied", "AWS_ACCESS_KEY_ID", "AWS_SKIP_SIGNATURE")
    refused("s3://open/data/none.nc", "404 Not Found", "s3://open/data/none.nc")


def test_s3_with_keys_that_are_not_wanted(store, as_user):
    as_user(store.environment | {"AWS_SKIP_SIGNATURE": "true"})
    run("inspect", f"s3://open/data/{FILES[0].name}").expect(0)
    refused(f"s3://private/data/{FILES[0].name}", "403 Forbidden")


def test_s3_with_a_wrong_secret_does_not_tell_it(store, as_user):
    as_user(store.environment | {"AWS_SECRET_ACCESS_KEY": "a-wrong-secret"})
    told = refused(f"s3://private/data/{FILES[0].name}", "403 Forbidden", "SignatureDoesNotMatch")
    assert "a-wrong-secret" not in told and "Signature=" not in told


def test_s3_with_half_of_the_keys(store, as_user):
    as_user(store.open_environment | {"AWS_ACCESS_KEY_ID": "only-this"})
    refused("s3://open/data/a.nc", "s3://open/data/a.nc", "Missing SecretAccessKey", "AWS_SECRET_ACCESS_KEY")


def test_https_is_verified(web, folder, monkeypatch):
    url = f"{web.tls_url}/{FILES[0].name}"
    refused(url, url, "certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(web.authority))
    same_as_on_disk(folder / FILES[0].name, url)


def test_redirects(web):
    web.requests()
    found = run("inspect", f"{web.url}/moved/{FILES[0].name}", "--json").expect(0).json
    assert found["variables"]
    assert [one.status for one in web.requests()] == [302, 206]


def test_what_cannot_be_read_is_said_by_name(web):
    url = f"{web.url}/none.nc"
    refused(url, url, "404 Not Found", "spelling")
    url = f"{web.url}/login/a.nc"
    refused(url, url, "401 Unauthorized", "login")
    web.requests()
    url = f"{web.url}/whole/big.nc"
    refused(url, url, "by ranges", "nginx")
    url = f"{web.url}/empty.nc"
    refused(url, url, "empty")
    url = f"{web.url}/text.nc"
    refused(url, url, "text")
    url = f"{web.url}/".replace(str(web.port), "1")
    refused(f"{url}a.nc", "a.nc", "refused")


def test_a_short_file_needs_no_ranges(web):
    run("inspect", f"{web.url}/whole/{FILES[0].name}").expect(0)


def test_a_file_without_tag_and_date_can_be_inspected(web):
    found = run("inspect", f"{web.url}/undated/{FILES[0].name}", "--json").expect(0).json
    assert found["variables"]


def test_a_query_is_sent_and_its_secrets_are_not_told(web):
    web.requests()
    query = "?X-Amz-Signature=HIDDEN&plain=shown"
    found = run("inspect", f"{web.url}/{FILES[0].name}{query}", "--json").expect(0)
    assert "HIDDEN" not in found.stdout and "plain=shown" in found.json["path"]
    told = refused(f"{web.url}/none.nc{query}", "plain=shown")
    assert "HIDDEN" not in told
    assert [one.target for one in web.requests()] == [f"/{FILES[0].name}{query}", f"/none.nc{query}"]
    told = refused(f"{web.url.replace('//', '//me:HIDDEN@')}/a.nc", "user name or password")
    assert "HIDDEN" not in told


@pytest.mark.parametrize("scheme, environment", (
    ("gs", {"GOOGLE_BASE_URL": "{url}"}),
    ("az", {"AZURE_STORAGE_ENDPOINT": "{url}", "AZURE_STORAGE_ACCOUNT_NAME": "account"}),
))
def test_public_buckets_of_other_stores(web, monkeypatch, scheme, environment):
    """nginx stands in for Google and Azure: what is public there is read by plain requests for ranges."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value.format(url=web.url))
    web.requests()
    found = run("inspect", f"{scheme}://bucket/a%20b.nc", "--json").expect(0).json
    assert found["path"] == f"{scheme}://bucket/a%20b.nc" and found["variables"]
    [asked] = web.requests()
    assert (asked.method, unquote(asked.target), asked.range) == ("GET", "/bucket/a b.nc", "bytes=0-131071")
    refused(f"{scheme}://bucket/none.nc", "404 Not Found", f"{scheme}://bucket/none.nc")


def test_azure_without_an_account():
    refused("az://bucket/a.nc", "az://bucket/a.nc", "AZURE_STORAGE_ACCOUNT_NAME")


@pytest.mark.parametrize("name", ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"))
@pytest.mark.parametrize("value", ("", "localhost:9000", "http://"))
def test_an_endpoint_that_is_no_url(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    refused("s3://bucket/a.nc", name, "no http or https URL")


def test_other_schemes_are_a_mistake_of_the_request():
    assert "expected a path or a URL" in run("inspect", "ftp://host/a.nc").expect(2).stderr


def test_the_corpus_over_http(shared):
    """One file of each folder of the corpus, of every format that is in it."""
    root = SHARED / "corpus/archive"
    files = {path.parent: path for path in sorted(root.rglob("*")) if path.suffix in (".nc", ".nc4", ".h5", ".hdf5") and path.is_file()}
    server = WebServer(root)
    try:
        checked = 0
        for path in files.values():
            here = run("inspect", path, "--json")
            url = f"{server.url}/{quote(str(path.relative_to(root)))}"
            there = run("inspect", url, "--json")
            assert (here.status, here.stderr) == (there.status, there.stderr.replace(url, str(path)))
            if here.status == 0:
                assert here.json == json.loads(there.stdout.replace(url, str(path)))
                checked += 1
        assert checked > 20, "the corpus was not found"
    finally:
        server.stop()
