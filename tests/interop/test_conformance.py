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
import gdals
from datapoints import DataPoint
from oracle import Series
from program import Project
from test_joins import EQUAL, Maker
from test_limits import limit_of

SNAPSHOT = Path(__file__).parent / "snapshots/conformance.tsv"
RANKS = {"equal": 4, "limit": 3, "left out": 2, "fails": 1, "differs": 0}
ABSENT = set() if gdals.is_there() else {"GDAL"}  # the readers that this machine does not have


def rows_of(folder, case, datapoint, put_aside):
    """Every product of one dataset under every reader: (dataset, product, reader, outcome, note). What readers open all at once is put aside."""
    archive = folder / "archive"
    archive.mkdir(parents=True)
    case(Maker(archive))
    sources = Series(sorted(archive.glob("*.nc")))
    for number, build in enumerate(conformance.BUILDS):
        project = Project.of_recipe(folder / f"project-{number}", {
            "collection": {"id": "made", "description": "Made.", "license": "CC0-1.0"}, "sources": [{"root": str(archive)}],
            "item": {"pattern": "{filename}", "id": "series"}, "products": list(build.values()), "output": "published"})
        written = {product["format"] for product in project.build()["series"]["products"]}
        with datapoint.serving(project) as serving:
            yield from rows_of_build(case.__name__, project, sources, build, written, serving, put_aside)


def rows_of_build(case, project, sources, build, written, datapoint, put_aside):
    reasons = conformance.left_out(project, "series")
    for product in build:
        if conformance.format_of(product) not in written:
            reason = reasons.get(conformance.format_of(product))
            assert reason, f"{case}: {product} is not there, and nobody says why"
            yield case, product, "", "left out", reason
            continue
        for reader, products in conformance.AT_ONCE.items():
            if product in products:
                put_aside[reader][case, product] = conformance.path_of(project, "series", product), sources
        for reader, read in (conformance.READERS[product] | datapoint(product)).items():
            yield row(case, product, reader, *conformance.judged(read, project, "series", sources))


def row(case, product, reader, outcome, note):
    limit = limit_of(reader, note) if outcome in ("fails", "differs") else None
    return case, product, reader, *(("limit", limit) if limit else (outcome, note))


@pytest.fixture(scope="module")
def table(tmp_path_factory, show_at_the_end):
    folder = tmp_path_factory.mktemp("conformance")
    put_aside = {reader: {} for reader in conformance.AT_ONCE}
    with pytest.MonkeyPatch.context() as monkeypatch:
        datapoint = DataPoint(folder, monkeypatch)
        try:
            rows = [row for case in EQUAL for row in rows_of(folder / case.__name__, case, datapoint, put_aside)]
        finally:
            datapoint.stop()
    if ABSENT:
        show_at_the_end("readers that are not installed", f"{', '.join(sorted(ABSENT))}: their rows are left out of the table of conformance")
    return rows + [row(case, product, reader, *judged) for reader, opened in put_aside.items() if reader not in ABSENT
                   for case, product, *judged in conformance.all_at_once(reader, opened, folder)]


def render(rows):
    counts = Counter(row[3] for row in rows)
    said = ", ".join(f"{counts[outcome]} {outcome}" for outcome in RANKS)
    lines = ["\t".join(" ".join(cell.split()) for cell in row) for row in sorted(rows)]
    return "\n".join(["dataset\tproduct\treader\toutcome\tnote", *lines, f"# {len(rows)} rows: {said}", ""])


def parse(text):
    """Outcomes by row, but for those of absent readers."""
    cells = (line.split("\t") for line in text.splitlines()[1:] if not line.startswith("# "))
    return {(dataset, product, reader): outcome for dataset, product, reader, outcome, *_ in cells if reader not in ABSENT}


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
        assert not ABSENT, f"install {ABSENT} first: rows would be lost"
        SNAPSHOT.write_text(new)
    assert rows_in(new) == rows_in(SNAPSHOT.read_text()), "the table changed: BLESS=1 writes it anew"


def rows_in(text):
    """The lines of a table, but for those of absent readers and the sum."""
    return [line for line in text.splitlines()[1:] if not line.startswith("# ") and line.split("\t")[2] not in ABSENT]


def test_the_rule_sees_a_worse_row():
    old = {("a", "cfa", "h5py"): "equal", ("b", "cfa", ""): "left out"}
    assert list(worsened(old, {("a", "cfa", "h5py"): "limit", ("b", "cfa", "h5py"): "equal"})) == ["a, cfa, h5py: equal → limit"]
    assert list(worsened(old, {("a", "cfa", ""): "left out", ("b", "cfa", ""): "left out"})) == ["a, cfa, h5py: equal → left out"]
    assert list(worsened(old, {("b", "cfa", "h5py"): "equal"})) == ["a, cfa, h5py: equal → gone"]
