"""Every dataset of ../shared/corpus/archive under every profile: schemas that altostac does not bring, stac-check, and DataPoint.

Each tree is built once and then described anew under the other profiles. The table is snapshots/profiles.tsv, which may only get better (`BLESS=1`
writes it anew).

| outcome | says |
| --- | --- |
| `valid` | the record agrees with the core schema and that of every extension it names, and stac-check finds nothing; under ceda DataPoint opens its product, with the values of the sources; under esgf cmip6 v3.0.2 is among its extensions |
| `refused` | the dataset cannot become an item, or not under this profile: the note says why |
| `invalid` | ours to mend |
"""

import json
import os
from dataclasses import replace

import pytest

import schemas
import tables
import trees
from datapoints import DataPoint
from index_table import short
from oracle import Series
from program import Project
from test_archive import TWINS, datasets

FULL = os.environ.get("ALTOSTAC_FULL") == "1"
PROFILES = ("default", "ceda", "esgf")
REDUCED = ("cordex", "nemo")  # CMIP6 in three profiles: test_profiles.py
CMIP6 = "https://stac-extensions.github.io/cmip6/v3.0.2/schema.json"


def worse(before, after):
    yield from tables.fell(("valid", "refused", "invalid"), before, after)
    if before and before["extensions"] != after["extensions"] and before["outcome"] == after["outcome"] == "valid":
        gone = set(before["extensions"].split(", ")) - set(after["extensions"].split(", "))
        yield from [f"no longer says {name}" for name in sorted(gone)]


SNAPSHOT = tables.Table(tables.SNAPSHOTS / "profiles.tsv", ("tree", "profile", "record", "outcome", "extensions", "note"), 3, worse)


def chosen():
    for tree in trees.TREES:
        marks = [] if FULL or tree.name in REDUCED else [pytest.mark.skip(reason="tests/full runs it")]
        # What the files do not say the recipe does: every dataset is to have a record.
        told = replace(tree, stand_ins=trees.STAND_INS)
        yield pytest.param(told, id=tree.name, marks=marks)


@pytest.fixture(scope="module")
def table():
    return []


@pytest.fixture(scope="module")
def stac_check():
    with schemas.stac_check() as check:
        yield check


@pytest.fixture(scope="module")
def datapoint(tmp_path_factory):
    with pytest.MonkeyPatch.context() as monkeypatch:
        found = DataPoint(tmp_path_factory.mktemp("datapoint"), monkeypatch)
        yield found
        found.stop()


@pytest.mark.parametrize("tree", chosen())
def test_every_record_is_valid_or_refused(shared, tree, table, stac_check, datapoint, tmp_path):
    project = Project.of_recipe(tmp_path / tree.name, recipe(tree))
    sources = datasets(tree)
    for profile in PROFILES:
        project.edit(stac={"profile": profile})
        answer = project.run("build", "--json")
        assert answer.status in (0, 1), answer
        items = {item["id"]: item for item in answer.json["items"]}
        assert sorted(items) == sorted(sources)
        built = [item_id for item_id, item in items.items() if item["status"] != "failed"]
        opened = opened_by_datapoint(project, {item_id: sources[item_id] for item_id in built}, datapoint) if profile == "ceda" else {}
        for item_id, item in items.items():
            table.append((tree.name, profile, item_id, *judged(project, item, stac_check, profile, opened.get(item_id))))
        for name in ("catalog.json", f"{project.recipe['collection']['id']}/collection.json"):
            if built:
                path = project.folder / "published" / name
                table.append((tree.name, profile, path.name, *judged_record(path, stac_check)))
    wrong = [", ".join(row) for row in table if row[0] == tree.name and row[3] == "invalid"]
    assert not wrong, "\n".join(wrong)


def recipe(tree):
    written = tree.recipe()
    written["collection"]["id"] = "CMIP6" if tree.name == "cmip6" else tree.name
    return written


def judged(project, item, stac_check, profile, opened):
    """(outcome, extensions, note) of an item."""
    if item["status"] == "failed":
        error = item["error"]
        note = error["message"].replace(str(trees.ARCHIVE), "archive")
        return f"refused: {error['kind']}", "", short(note, 160)
    outcome, extensions, note = judged_record(project.collection_folder / f"items/{item['id']}.json", stac_check)
    if profile == "esgf" and "cmip6 v3.0.2" not in extensions:
        return "invalid", extensions, f"cmip6 v3.0.2 is not named {note}"
    if opened not in (None, "equal"):
        return "invalid", extensions, f"DataPoint: {opened} {note}"
    return outcome, extensions, note or (f"DataPoint: {opened}" if opened else "")


def judged_record(path, stac_check):
    record = json.loads(path.read_text())
    found = schemas.errors(record) + stac_check(path)
    names = [url.split("/")[-3:-1] for url in record.get("stac_extensions", [])]
    extensions = ", ".join(sorted(" ".join(name) for name in names))
    return ("invalid", extensions, short("; ".join(found), 300)) if found else ("valid", extensions, "")


def opened_by_datapoint(project, items, datapoint):
    """What DataPoint makes of the Kerchunk product of each item: `equal`, or what is wrong."""
    if not items:
        return {}
    with datapoint.serving(project) as serving:
        (read,) = serving("kerchunk").values()
        return {item_id: attempted(read, project, item_id, paths) for item_id, paths in items.items()}


def attempted(read, project, item_id, paths):
    sources = Series([path.with_name(TWINS.get(path.name, path.name)) for path in paths])
    try:
        differences = read(project, item_id, sources)
    except Exception as error:  # whatever a reader raises is its answer
        return f"{type(error).__name__}: {error}"
    return "; ".join(differences[:3]) or "equal"


def test_no_row_is_worse_than_it_was(shared, table):
    seen = {row[0] for row in table}
    SNAPSHOT.judge(table, concerns=lambda key: key[0] in seen)


def test_a_version_that_folders_do_not_say_the_recipe_says(shared, tmp_path):
    """`latest` is no version that ESGF's ids can have: a rule for facets gives the one that the curator knows."""
    tree = replace(trees.tree("cmip6"), include=("CMIP6/CMIP/MIROC/MIROC6/historical/r1i1p1f1/SImon/siconc/gn/latest/*.nc",), exclude=())
    esgf = recipe(tree) | {"stac": {"profile": "esgf"}}
    (failed,) = Project.of_recipe(tmp_path / "latest", esgf).build(status=1).values()
    assert failed["error"]["kind"] == "profile" and "v<yyyymmdd>" in failed["error"]["message"], failed
    assert "item.facets" in failed["error"]["message"]
    rule = {"map": {"latest": "v20190311"}, "from": "version", "missing": "ignore"}
    project = Project.of_recipe(tmp_path / "version", esgf | {"item": esgf["item"] | {"facets": [rule]}})
    (built,) = project.build().values()
    assert built["id"].endswith(".v20190311")
    item = project.items[built["id"]]
    assert CMIP6 in item["stac_extensions"] and schemas.errors(item) == []
