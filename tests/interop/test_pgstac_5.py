"""`altostac publish` to stac-fastapi-pgstac 5.0.3, an older server that many run: no PATCH, other statuses, null properties kept elsewhere."""

import os
import shutil
from pathlib import Path

import pytest
import requests

import pgstac
from program import ROOT, Project
from test_pgstac import COLLECTION, statuses, stored, without_nulls

PYTHON = Path(os.environ.get("ALTOSTAC_PGSTAC_5_PYTHON") or ROOT / "target/pgstac-5-venv/bin/python")


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    assert PYTHON.exists(), f"no {PYTHON}: tests/run makes it"
    database = pgstac.Database(PYTHON)
    try:
        names = {"USER": "USER", "PASS": "PASSWORD", "HOST_READER": "HOST", "HOST_WRITER": "HOST", "PORT": "PORT", "DBNAME": "DATABASE"}
        variables = {f"POSTGRES_{old}": database.environment[f"PG{new}"] for old, new in names.items()}
        api = pgstac.Api(database, tmp_path_factory.mktemp("old") / "log", PYTHON, app="stac_fastapi.pgstac.app:app", **variables)
        yield api
        api.stop()
    finally:
        database.stop()


def test_it_is_published_to_like_any_other(old, tmp_path):
    version = requests.get(f"{old.url}/api", timeout=10).json()
    assert "patch" not in version["paths"]["/collections/{collection_id}/items/{item_id}"], "this is not the old one"
    project = Project.of_fixture(tmp_path / "cmip6")
    project.edit(publish={"api": old.url})
    project.build()
    assert statuses(project.run("publish", "--json").expect(0)) == dict.fromkeys([COLLECTION, *project.items], "created")
    for item, record in project.items.items():
        found = stored(old, item)
        for key in ("geometry", "bbox", "properties"):
            assert without_nulls(found[key]) == without_nulls(record[key]), (item, key)
    before = old.writes()
    assert set(statuses(project.run("publish", "--json").expect(0)).values()) == {"unchanged"}
    assert old.writes() == before

    gone, changed, _ = sorted(project.items)
    url = f"{old.url}/collections/{COLLECTION}/items/{changed}"
    record = stored(old, changed)
    record["properties"] |= {"cmip6:table_id": "day", "datetime": record["properties"].get("datetime")}
    assert requests.put(url, json=record, timeout=10).status_code == 200
    shutil.rmtree(project.sources(gone)[0].parent)
    project.build("--force", "--allow-removal")
    found = statuses(project.run("publish", "--json").expect(0))
    assert (found[gone], found[changed]) == ("removed", "updated")
    assert stored(old, changed)["properties"]["cmip6:table_id"] == "Amon"
    assert requests.get(f"{old.url}/collections/{COLLECTION}/items/{gone}", timeout=10).status_code == 404
