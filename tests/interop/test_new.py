"""`altostac new` on every tree of ../shared/corpus/archive: the recipe that it writes builds without an edit, or it said what it needs.

The table of all trees is snapshots/new.tsv, which may only get better (`BLESS=1` writes it anew).
"""

import csv
import json
from dataclasses import astuple, dataclass

import jsonschema
import pytest
import yaml

import tables
from program import ROOT, Project, run
from trees import ARCHIVE, MINI


def worse(before, after):
    """Files that are no longer found, items that fail now, more that has to be said."""
    if before:
        yield from tables.shrank("files", before, after)
        yield from tables.shrank("built", before, after)
        yield from tables.grew("failed", before, after)


SNAPSHOT = tables.Table(
    tables.SNAPSHOTS / "new.tsv", ("tree", "files", "items", "grouping", "built", "failed", "said that it needs"), 1, worse)

# The top-level folders, and trees within the largest: what a user would point at.
TOP = ["CFAPyX", "cf-python", "cfgrib", "hidefix", "iris-sample-data", "kerchunk", MINI, "padocc", "xarray-data"]
CMIP6 = f"{MINI}/badc/cmip6/data"
BELOW = ["iris-sample-data/NEMO", "hidefix/dmrpp", f"{MINI}/badc", CMIP6, f"{CMIP6}/CMIP6/CMIP/MPI-M", f"{CMIP6}/CMIP6/DCPP",
         f"{MINI}/badc/cmip5/data", f"{MINI}/badc/cmip5/data/cmip5/output1/MOHC", f"{MINI}/gws", f"{MINI}/gws/nopw/j04/cp4cds1_vol1/data/c3s-cmip5",
         f"{MINI}/gws/nopw/j04/cp4cds1_vol1/data/c3s-cordex", f"{MINI}/pool", f"{MINI}/pool/data/CORDEX", f"{MINI}/pool/data/C3SCMIP5",
         f"{MINI}/pool/data/C3SCORDEX", f"{MINI}/pool/data/c3s-cica-atlas", f"{MINI}/pool/data/c3s-ipcc-ar6-atlas"]
UNREADABLE = {"cfgrib"}  # GRIB alone


@dataclass
class Row:
    tree: str
    files: int
    items: int
    grouping: str
    built: int
    failed: int
    needs: str


@pytest.fixture(scope="module")
def table(show_at_the_end):
    rows = []
    yield rows
    lines = [" | ".join(map(str, (r.tree, r.files, r.items, r.grouping, r.built, r.failed, r.needs))) for r in rows]
    show_at_the_end("altostac new: tree | files | items | grouping | built | failed | said that it needs", "\n".join(lines))


@pytest.mark.parametrize("tree", TOP + BELOW)
def test_the_recipe_of_a_tree_builds_or_says_what_it_needs(shared, tree, table, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    answer = run("new", ARCHIVE / tree, "-o", recipe, "--json", cwd=tmp_path)
    if tree in UNREADABLE:
        answer.expect(2)
        assert "grib" in answer.stderr and "NetCDF or HDF5" in answer.stderr, answer
        assert not recipe.exists()
        table.append(Row(tree, 0, 0, "", 0, 0, "files in NetCDF or HDF5"))
        return
    report = answer.expect(0).json
    jsonschema.validate(report, json.loads((ROOT / "schemas/output/new.json").read_text()))
    assert recipe.read_text() == report["text"] and report["recipe"] == str(recipe)
    assert "#" in report["text"], "it has comments"
    built = Project(tmp_path).run("build", "--json")
    assert built.status in (0, 1), built
    items = built.json["items"]
    failed = {item["id"]: item["error"] for item in items if item["status"] == "failed"}
    table.append(Row(tree, report["files"], len(items), report["grouping"], len(items) - len(failed), len(failed),
                     ", ".join(f"{need['key']} ({need['items']})" for need in report["needs"])))
    assert len(items) == report["items"] or report["left_out"], "as many items as were announced"
    assert built.status == 0 or failed, built
    said = sum((need["examples"] for need in report["needs"]), [])
    for need in report["needs"]:
        assert f"needs: {need['key']}" in answer.stderr and need["found"].split("\n")[0] in answer.stderr
        assert f"TODO {need['key']}" in report["text"]
    for item, error in failed.items():
        key = {"no_time": "item.datetime", "time": "item.datetime", "no_place": "item.geometry"}.get(error["kind"])
        known = {need["key"] for need in report["needs"]}
        assert known and (key is None or key in known or item in said), f"{item} failed, and nothing was said of it: {error}"
    # Nobody is told of troubles that there are not.
    assert bool(failed) == bool(report["needs"]), (sorted(failed), report["needs"])
    assert not [problem for problem in built.json["problems"]]


def test_no_row_is_worse_than_it_was(shared, table):
    seen = {row.tree for row in table}
    SNAPSHOT.judge([astuple(row) for row in table], concerns=lambda key: key[0] in seen)


def test_what_needs_place_and_time_builds_once_the_recipe_says_them(shared, tmp_path):
    run("new", ARCHIVE / "padocc", "-o", tmp_path / "recipe.yaml", cwd=tmp_path).expect(0)
    text = (tmp_path / "recipe.yaml").read_text()
    edited = text.replace("  # datetime:", "  datetime:").replace("  # geometry:", "  geometry:")
    assert text != edited
    (tmp_path / "recipe.yaml").write_text(edited)
    Project(tmp_path).run("build", "--json").expect(0)


def test_the_fixture_becomes_the_items_of_its_own_recipe(project, tmp_path):
    expected = sorted(project.build())
    recipe = project.folder / "first.yaml"
    text = run("new", "archive", "-o", "first.yaml", cwd=project.folder).expect(0)
    assert "wrote first.yaml" in text.stdout
    first = yaml.safe_load(recipe.read_text())
    assert first["sources"][0]["root"] == "archive", "an archive beside the recipe is named so"
    recipe.write_text(recipe.read_text().replace("output: published", "output: first"))
    items = run("build", recipe, "--json").expect(0).json["items"]
    assert len(items) == len(expected)


def test_a_recipe_that_is_there_is_not_replaced(project):
    before = (project.folder / "recipe.yaml").read_text()
    answer = run("new", "archive", cwd=project.folder).expect(2)
    assert "recipe.yaml is there already" in answer.stderr and (project.folder / "recipe.yaml").read_text() == before
    printed = run("new", "archive", "-o", "-", cwd=project.folder).expect(0)
    assert yaml.safe_load(printed.stdout)["collection"]["id"]
    run("new", "archive", "--force", cwd=project.folder).expect(0)
    assert (project.folder / "recipe.yaml").read_text() == printed.stdout


@pytest.mark.parametrize("place", ["nowhere", "recipe.yaml", "ftp://host/x", "https://me:secret@host/x"])
def test_what_is_no_archive_is_said(project, place):
    answer = run("new", place, "-o", "new.yaml", cwd=project.folder).expect(2)
    assert "cannot be looked at" in answer.stderr and "secret" not in answer.stderr
    assert not (project.folder / "new.yaml").exists()


def test_files_that_cannot_be_read_are_left_out_by_name(project):
    series = next((project.folder / "archive").rglob("*.nc"))
    broken = series.with_name("zz_" + series.name)
    broken.write_bytes(series.read_bytes()[:300])
    answer = run("new", "archive", "-o", "new.yaml", "--json", cwd=project.folder).expect(0)
    assert [left["path"].rsplit("/", 1)[1] for left in answer.json["left_out"]] == [broken.name]
    assert "left out: " in answer.stderr and broken.name in answer.stderr
    text = (project.folder / "new.yaml").read_text().replace("output: published", "output: new")
    (project.folder / "new.yaml").write_text(text)
    run("build", project.folder / "new.yaml", "--json").expect(0)


def test_a_group_of_padocc_becomes_items_by_its_codes(shared, tmp_path):
    data = ARCHIVE / "padocc/data_creator"
    lines = [["proj_code", "pattern/filename", " updates", " removals"], ["1DAgg", f"{data}/1DAgg/*.nc", "upd.json", ""],
             ["rain", f"{ARCHIVE}/CFAPyX/rain/example?.nc", "", ""], ["nemo", "nemo.txt", "", ""]]
    (tmp_path / "nemo.txt").write_text("".join(f"{path}\n" for path in sorted((ARCHIVE / "iris-sample-data/NEMO").glob("*.nc"))))
    with open(tmp_path / "group.csv", "w", newline="") as file:
        csv.writer(file).writerows(lines)
    answer = run("new", "--from-padocc", "group.csv", "-o", "group.yaml", "--json", cwd=tmp_path).expect(0)
    assert answer.json["items"] == ["1DAgg", "rain", "nemo"]
    assert "upd.json" in answer.stderr and any("1DAgg" in note for note in answer.json["not_carried"])
    text = (tmp_path / "group.yaml").read_text()
    assert "upd.json" in text
    (tmp_path / "group.yaml").write_text(text.replace("  # datetime:", "  datetime:").replace("  # geometry:", "  geometry:"))
    items = run("build", tmp_path / "group.yaml", "--json").expect(0).json["items"]
    assert {item["id"]: item["files"] for item in items} == {"1DAgg": 8, "rain": 2, "nemo": 3}


def test_a_csv_that_is_no_group_is_refused(tmp_path):
    (tmp_path / "x.csv").write_text("just words\n")
    answer = run("new", "--from-padocc", "x.csv", cwd=tmp_path).expect(2)
    assert "line 1: expected a project code" in answer.stderr
