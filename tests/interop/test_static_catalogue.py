"""The folder that `build` leaves, served by a plain HTTP server, is a whole STAC catalogue."""

import functools
import http.server
import shutil
import threading
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pystac
import pytest
import requests

from oracle import Series, kerchunk


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def catalogue(built):
    handler = functools.partial(Quiet, directory=str(built.folder / "published"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/catalog.json"
        server.shutdown()


def test_pystac_walks_from_the_catalogue_to_every_item(built, catalogue):
    root = pystac.Catalog.from_file(catalogue)
    assert [child.id for child in root.get_children()] == ["cmip6-sample"]
    items = list(root.get_items(recursive=True))
    assert sorted(item.id for item in items) == sorted(built.items)
    for item in items:
        assert item.get_collection().id == "cmip6-sample"
        assert item.get_root().id == root.id
        assert item.get_parent().id == "cmip6-sample"


def test_every_link_and_asset_is_there(built, catalogue):
    seen, queue = set(), [catalogue]
    while queue:
        url = queue.pop()
        if url in seen:
            continue
        seen.add(url)
        answer = requests.get(url, timeout=10)
        assert answer.status_code == 200, url
        record = answer.json()
        for link in record["links"]:
            target = urljoin(url, link["href"])
            if not target.startswith(catalogue.rsplit("/", 1)[0]):
                assert link["rel"] not in ("root", "parent", "self", "child", "item", "collection"), (url, link)
                continue
            assert requests.head(target, timeout=10).status_code == 200, (url, link)
            if link["rel"] in ("root", "parent", "child", "item", "collection"):
                queue.append(target)
        for key, asset in record.get("assets", {}).items():
            target = urljoin(url, asset["href"])
            if target.startswith("file://"):
                assert Path(unquote(urlsplit(target).path)).is_file(), (url, key)
            else:
                assert requests.head(target, timeout=10).status_code == 200, (url, key, target)
    assert len(seen) == 2 + len(built.items)


def test_the_products_open_through_the_relative_hrefs_of_their_items(built, catalogue):
    for item in pystac.Catalog.from_file(catalogue).get_items(recursive=True):
        asset = item.assets["reference_file"]
        assert not urlsplit(asset.href).scheme, "the static catalogue may be moved: its hrefs are relative"
        assert Series(built.sources(item.id)).differences(kerchunk(asset.get_absolute_href())) == []


def test_the_folder_can_be_moved(built, tmp_path):
    moved = tmp_path / "elsewhere"
    shutil.copytree(built.folder / "published", moved)
    items = list(pystac.Catalog.from_file(str(moved / "catalog.json")).get_items(recursive=True))
    assert sorted(item.id for item in items) == sorted(built.items)
    for item in items:
        path = item.assets["reference_file"].get_absolute_href()
        assert path.startswith(str(moved))
        assert Series(built.sources(item.id)).differences(kerchunk(path)) == []
