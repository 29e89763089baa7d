"""Every tree of ../shared/corpus/archive: each dataset becomes an Item equal to its sources, or is refused by name.

The table of all of them is snapshots/archive.tsv: the kind of grid, our bbox and times beside those that xarray, pyproj and cftime find, and how many
cells and steps they are apart. It may only get better (`BLESS=1` writes it anew); target/archive-table.md is what the last run found, for people.
"""

import datetime
import json
import os
import re
from dataclasses import astuple, dataclass, fields, replace

import pytest

import corpus
import coverage_oracle
import index_table
import tables
import trees
from archives import PACIFIC, make
from oracle import Series, kerchunk
from program import ROOT, Project

FULL = os.environ.get("ALTOSTAC_FULL") == "1"
TABLE = ROOT / "target/archive-table.md"
# netCDF4 lacks the filters of the first; the second was made of the same numbers by the same script.
TWINS = {"hdf5_compression_bitshuffle.h5": "hdf5_compression_zstd.h5", "hdf5_compression_lz4.h5": "hdf5_compression_zstd.h5",
         "hdf5_mini_lz4.h5": "hdf5_mini_zstd.h5"}
# Kinds of error that do not say what is wrong with the data.
VAGUE = {"describe", "internal", "verification", "write", "output", "validate"}


def worse(before, after):
    """A dataset is no longer built, has fewer files, or is further from where the judge sees it."""
    yield from tables.fell(("built", "refused", "wrong"), before, after)
    if before and after["outcome"] == before["outcome"] == "built":
        yield from tables.shrank("files", before, after)
        for column in ("cells apart", "steps apart"):
            yield from tables.grew(column, before, after, 0.02)


SNAPSHOT = tables.Table(tables.SNAPSHOTS / "archive.tsv", (
    "tree", "dataset", "files", "outcome", "grid", "bbox", "by xarray and pyproj", "cells apart", "time", "by cftime", "steps apart", "reason"), 2, worse)


@dataclass
class Row:
    tree: str
    dataset: str
    files: int
    outcome: str
    reason: str
    figures: coverage_oracle.Figures = None

    def cells(self):
        """As it stands in the snapshot: without paths of this machine."""
        figures = astuple(self.figures) if self.figures else ("",) * len(fields(coverage_oracle.Figures))
        reason = self.reason.replace(str(trees.ARCHIVE), "archive").partition("; ")[0]
        return self.tree, self.dataset, self.files, self.outcome, *figures, index_table.short(reason, 200)


def chosen():
    """The trees that this run looks at: those without files that tell their place are looked at twice."""
    for tree in trees.TREES:
        marks = [] if FULL or tree.reduced else [pytest.mark.skip(reason="tests/full runs it")]
        yield pytest.param(tree, id=tree.name, marks=marks)
        if tree.name in trees.LOOSE:
            told = replace(tree, name=f"{tree.name}-told", stand_ins=trees.STAND_INS)
            yield pytest.param(told, id=told.name, marks=marks)


def datasets(tree):
    """The files of each item, by its id, as the recipe's pattern and globs mean them."""
    pattern = re.sub(r"\\\{(\w+)(:\\\*\\\*)?\\\}", lambda m: f"(?P<{m[1]}>{'.+?' if m[2] else '[^/]+?'})", re.escape(tree.pattern))
    found = {}
    excluded = {path for glob in tree.exclude for path in tree.folder.glob(glob + "/*")}
    for path in sorted({path for glob in tree.include for path in tree.folder.glob(glob)} - excluded):
        facets = re.fullmatch(pattern, path.relative_to(tree.folder).as_posix())
        assert facets, f"{path} does not match {tree.pattern}"
        item_id = re.sub(r"\{\{ (\w+) \}\}", lambda m: facets[m[1]], tree.id)
        found.setdefault(item_id, []).append(path)
    return found


@pytest.fixture(scope="module")
def table(show_at_the_end):
    """The rows of all trees; written and shown when the last tree is done."""
    rows = []
    yield rows
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(rendered(rows))
    show_at_the_end("trees of the archive (all datasets: target/archive-table.md)", rendered(rows).split("\n\n")[0])


def rendered(rows):
    counts = {}
    for row in rows:
        tree = counts.setdefault(row.tree, {})
        tree[row.outcome] = tree.get(row.outcome, 0) + 1
    lines = ["| tree | outcomes |", "| --- | --- |"]
    lines += [f"| {tree} | {', '.join(f'{n} {outcome}' for outcome, n in sorted(c.items()))} |" for tree, c in counts.items()]
    lines += ["", "| tree | dataset | files | outcome | grid | bbox | by xarray and pyproj | cells apart | time | by cftime | steps apart | reason |",
              "| --- | --- | --: | --- | --- | --- | --- | --: | --- | --- | --: | --- |"]
    cell = lambda text: text.replace("|", "\\|").replace("\n", " ")
    figures = lambda row: " | ".join(astuple(row.figures)) if row.figures else " | " * 6
    lines += [f"| {row.tree} | {row.dataset} | {row.files} | {row.outcome} | {figures(row)} | {cell(row.reason)} |" for row in rows]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("tree", chosen())
def test_every_dataset_is_equal_or_refused(shared, tree, table, tmp_path, record_refusal):
    project = Project.of_recipe(tmp_path / tree.name, tree.recipe())
    answer = project.run("build", "--json")
    assert answer.status in (0, 1), answer
    items = {item["id"]: item for item in answer.json["items"]}
    expected = datasets(tree)
    assert sorted(items) == sorted(expected), "datasets lost or invented"
    records, wrong = project.items, []
    for item_id, paths in expected.items():
        row = judged(tree, project, items[item_id], records.get(item_id), paths)
        table.append(row)
        if row.outcome == "wrong":
            wrong.append(f"{item_id}: {row.reason}")
        elif row.outcome != "built":
            record_refusal(f"{tree.name}: {item_id}", f"{row.outcome.removeprefix('refused: ')}: {row.reason}")
    assert not wrong, "\n".join(wrong)


def test_no_row_is_worse_than_it_was(shared, table):
    seen = {row.tree for row in table}
    SNAPSHOT.judge([row.cells() for row in table], concerns=lambda key: key[0] in seen)


def test_every_built_dataset_is_within_a_cell_and_a_step_of_the_judge():
    """In the table of all: those without figures have their place or time from the recipe."""
    for (tree, dataset), row in SNAPSHOT.parse().items():
        if row["outcome"] == "built":
            for column, theirs in (("cells apart", "by xarray and pyproj"), ("steps apart", "by cftime")):
                apart = tables.number(row[column])
                assert row[theirs] == "the files say none" if apart is None else apart <= 1, (tree, dataset, row)
        else:
            assert row["outcome"].startswith("refused: ") and row["reason"], (tree, dataset, row)


# Why a file that altostac could read is in none of the trees.
NOT_IN_A_TREE = {}


def test_every_file_of_the_archive_is_in_the_table(shared):
    known = {path.resolve() for tree in trees.TREES for paths in datasets(tree).values() for path in paths}
    files = [path for path in corpus.files("archive") if corpus.kind(path) != "other"]
    missing = {path.relative_to(trees.ARCHIVE).as_posix() for path in files if path.resolve() not in known}
    assert missing == NOT_IN_A_TREE.keys()
    rows = {dataset for _, dataset in SNAPSHOT.parse()}
    assert {item_id for tree in trees.TREES for item_id in datasets(tree)} <= rows, "datasets without a row"


def judged(tree, project, item, record, paths):
    row = lambda outcome, reason, figures=None: Row(tree.name, item["id"], len(paths), outcome, reason, figures)
    if item["status"] == "failed":
        error = item["error"]
        told = error["kind"] and error["message"] and error["kind"] not in VAGUE
        return row(f"refused: {error['kind']}" if told else "wrong", error["message"] or "failed without a word")
    differences = coverage_oracle.differences(paths, record, ("geometry" in tree.stand_ins, "datetime" in tree.stand_ins))
    differences += Series([path.with_name(TWINS.get(path.name, path.name)) for path in paths]).differences(kerchunk(project.kerchunk(item["id"])))
    figures = coverage_oracle.figures(paths, record)
    return row("wrong", "; ".join(differences), figures) if differences else row("built", "", figures)


def test_two_grids_of_rlds_are_refused_naming_both_files(shared, tmp_path):
    folder = "CMIP6/CMIP/IPSL/IPSL-CM6A-LR/historical/r1i1p1f1/Amon/rlds"
    tree = replace(trees.tree("cmip6"), include=(f"{folder}/**/*.nc",), exclude=())
    (item,) = Project.of_recipe(tmp_path / "rlds", tree.recipe()).build(status=1).values()
    assert (item["status"], item["error"]["kind"]) == ("failed", "coordinate"), item
    for name in ("gr_185001.nc", "gr_185001-201412.nc"):
        assert name in item["error"]["message"] and any(path.endswith(name) for path in item["error"]["files"]), item


def test_sixteen_files_with_sixteen_units_are_one_dataset(shared, tmp_path):
    tree = replace(trees.tree("cmip5"), include=("cmip5/output1/ICHEC/EC-EARTH/historical/mon/**/*.nc",))
    project = Project.of_recipe(tmp_path / "tas", tree.recipe())
    (item,) = project.build().values()
    (paths,) = datasets(tree).values()
    row = judged(tree, project, item, project.items[item["id"]], paths)
    assert (row.outcome, row.files) == ("built", 16), row



CMIP6 = f"{trees.MINI}/badc/cmip6/data/CMIP6"
IN_ONE_FOLDER = {
    # What is folded into one item, by a pattern that does not capture it: (root, pattern, kind, pieces of the names).
    "members": (f"{CMIP6}/DCPP/DWD/MPI-ESM1-2-LR/dcppA-hindcast", "{member}/day/tasmax/gn/v20220126/{filename}", "overlap",
                ("s1980-r1i1p1f1", "s1980-r2i1p1f1")),
    "variables": (f"{CMIP6}/CMIP/IPSL/IPSL-CM6A-LR/historical/r1i1p1f1/Amon", "{variable}/gr/{version}/{filename}", "coordinate", ()),
}


@pytest.mark.parametrize("what", IN_ONE_FOLDER)
def test_what_one_folder_must_not_hold_is_refused_with_the_facet_to_use(shared, tmp_path, what):
    root, pattern, kind, pieces = IN_ONE_FOLDER[what]
    tree = trees.Tree("mixed", root, pattern, "all")
    error = Project.of_recipe(tmp_path / "mixed", tree.recipe()).build(status=1)["all"]["error"]
    assert error["kind"] == kind, error
    for piece in pieces:
        assert f'"{piece}' in error["message"], error
    if pieces:
        assert "facet" in error["message"] and "item.id" in error["message"]


def test_a_file_that_holds_less_than_its_name_says_is_noted(project):
    path = project.sources(make.SERIES[0].item_id)[-1]
    path.rename(path.with_name(path.name.replace("-202412.nc", "-202912.nc")))
    item = project.build()[make.SERIES[0].item_id]
    report = json.loads((project.kerchunk(item["id"]).parent / "report.json").read_text())
    notes = {note["kind"]: note["message"] for note in report["notes"]}
    assert "-202912" in notes["fewer_steps_than_named"], notes


def test_the_judge_of_places_and_times_sees_what_is_wrong(project):
    make.make(project.folder / "archive", [PACIFIC])
    project.build()
    item, paths = project.items[PACIFIC.item_id], project.sources(PACIFIC.item_id)
    assert coverage_oracle.differences(paths, item) == []
    cells = (64 / 8, 60 / 6)  # degrees of longitude and of latitude
    for edge in range(4):
        for cells_off in (-2.5, 2.5):
            bbox = list(item["bbox"])
            bbox[edge] += cells_off * cells[edge % 2]
            found = coverage_oracle.differences(paths, item | {"bbox": bbox})
            assert found and all(text.startswith("bbox") for text in found), (bbox, found)
    assert coverage_oracle.differences(paths, item | {"bbox": [-180, *item["bbox"][1:2], 180, item["bbox"][3]]})
    for key in ("start_datetime", "end_datetime"):
        for days in (-70, 70):
            moved = coverage_oracle.parsed(item["properties"][key]) + datetime.timedelta(days=days)
            found = coverage_oracle.differences(paths, item | {"properties": item["properties"] | {key: moved.isoformat() + "+00:00"}})
            assert found and all(text.startswith("time") for text in found), (key, days)
