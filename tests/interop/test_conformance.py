"""The table of products × readers × datasets: snapshots/conformance.tsv, which may only get better (`BLESS=1` writes it anew, unless a row got worse).

| outcome | says |
| --- | --- |
| `equal` | the reader sees what the sources hold |
| `left out` | altostac did not write this product of the dataset, and said why |
| `limit` | the reader cannot: the note names the case of test_limits.py that shows it on a file altostac did not write |
| `fails`, `differs` | ours to mend: the reader raises an error, or sees something else |
"""

import os
from collections import Counter
from pathlib import Path

import pytest

import conformance
from oracle import Series
from program import Project
from test_joins import EQUAL, Maker
from test_limits import limit_of

SNAPSHOT = Path(__file__).parent / "snapshots/conformance.tsv"
RANKS = {"equal": 4, "limit": 3, "left out": 2, "fails": 1, "differs": 0}
PRODUCTS = list(conformance.READERS)


def rows_of(folder, case, cfa_files):
    """Every product of one dataset under every reader: (dataset, product, reader, outcome, note). CFA files are put aside for cf-python."""
    archive = folder / "archive"
    archive.mkdir(parents=True)
    case(Maker(archive))
    project = Project.of_recipe(folder / "project", {
        "collection": {"id": "made", "description": "Made.", "license": "CC0-1.0"}, "sources": [{"root": str(archive)}],
        "item": {"pattern": "{filename}", "id": "series"}, "products": PRODUCTS, "output": "published"})
    item = project.build()["series"]
    sources, written = Series(sorted(archive.glob("*.nc"))), {product["format"] for product in item["products"]}
    reasons = conformance.left_out(project, "series")
    for product, readers in conformance.READERS.items():
        if product not in written:
            assert reasons.get(product), f"{case.__name__}: {product} is not there, and nobody says why"
            yield case.__name__, product, "", "left out", reasons[product]
            continue
        if product == "cfa":
            cfa_files[case.__name__] = conformance.asset(project, "series", "cfa")[1], sources
        for reader, read in readers.items():
            yield row(case.__name__, product, reader, *conformance.judged(read, project, "series", sources))


def row(case, product, reader, outcome, note):
    limit = limit_of(reader, note) if outcome in ("fails", "differs") else None
    return case, product, reader, *(("limit", limit) if limit else (outcome, note))


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("conformance")
    cfa_files = {}
    rows = [row for case in EQUAL for row in rows_of(folder / case.__name__, case, cfa_files)]
    return rows + [row(case, "cfa", "cf-python", *judged) for case, *judged in conformance.cf_python(cfa_files, folder)]


def render(rows):
    counts = Counter(row[3] for row in rows)
    said = ", ".join(f"{counts[outcome]} {outcome}" for outcome in RANKS)
    lines = ["\t".join(" ".join(cell.split()) for cell in row) for row in sorted(rows)]
    return "\n".join(["dataset\tproduct\treader\toutcome\tnote", *lines, f"# {len(rows)} rows: {said}", ""])


def parse(text):
    cells = (line.split("\t") for line in text.splitlines()[1:] if not line.startswith("# "))
    return {(dataset, product, reader): outcome for dataset, product, reader, outcome, *_ in cells}


def worsened(old, new):
    """Rows that are worse than they were; a product that is written no longer counts under every reader it had."""
    for (dataset, product, reader), before in old.items():
        after = new.get((dataset, product, reader)) or new.get((dataset, product, ""))
        if before == "left out" and after is None:
            continue  # it is written now, and stands under its readers
        if after is None or RANKS[after] < RANKS[before]:
            yield f"{dataset}, {product}, {reader or 'no reader'}: {before} → {after or 'gone'}"


def test_no_row_is_ours_to_mend(table):
    assert [row for row in table if row[3] in ("fails", "differs")] == []


def test_no_row_is_worse_than_it_was(table):
    old, new = SNAPSHOT.read_text() if SNAPSHOT.exists() else "\n", render(table)
    assert list(worsened(parse(old), parse(new))) == []
    if os.environ.get("BLESS") == "1":
        SNAPSHOT.write_text(new)
    assert new == SNAPSHOT.read_text(), "the table changed: BLESS=1 writes it anew"


def test_the_rule_sees_a_worse_row():
    old = {("a", "cfa", "h5py"): "equal", ("b", "cfa", ""): "left out"}
    assert list(worsened(old, {("a", "cfa", "h5py"): "limit", ("b", "cfa", "h5py"): "equal"})) == ["a, cfa, h5py: equal → limit"]
    assert list(worsened(old, {("a", "cfa", ""): "left out", ("b", "cfa", ""): "left out"})) == ["a, cfa, h5py: equal → left out"]
    assert list(worsened(old, {("b", "cfa", "h5py"): "equal"})) == ["a, cfa, h5py: equal → gone"]
