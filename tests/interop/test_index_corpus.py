"""`inspect --kerchunk` of every file of ../shared/corpus against h5py and netCDF4, as a table that may only get better.

The table is snapshots/index_corpus.tsv (index_table.py says what its words mean); `BLESS=1` writes it anew, unless a row got worse.
Facts are told by tests/oracles/h5_facts.py, the comparison is references.py.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import traceback
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

import corpus
from index_table import Row, judge, parse, render, short
from program import ROOT
from references import Comparison

SNAPSHOT = Path(__file__).parent / "snapshots/index_corpus.tsv"
REASONS = [(re.compile(r"^warning: .+? is left out: (?:expected .*?, found )?(.*)$", re.MULTILINE), "{}"),
           (re.compile(r"^warning: attribute .* is of type (.*), which is not carried over$", re.MULTILINE), "attributes of type {}")]


def reason(one):
    """Why a file was refused: without its path, and without advice."""
    text = one.err.strip().splitlines()[-1].removeprefix("error: ")
    text = text.replace(str(one.path), "").removeprefix(":").strip().removeprefix("is ")
    return short(text.split("; ")[0])


def row(one, facts_path):
    """What became of one file."""
    told = json.loads(facts_path.read_text()) if facts_path else {}
    path, kind = str(one.path.relative_to(corpus.CORPUS)), corpus.kind(one.path)
    base = Row(path, kind, "other", limits=one.limits)
    if one.status:
        outcome = "other" if kind == "other" else "unread" if "error" in told else "refused"
        return replace(base, outcome=outcome, note=reason(one))
    if kind == "other" or "error" in told:
        return replace(base, outcome="unjudged", note=short(told.get("error", "no NetCDF or HDF5").replace(str(one.path), "")))
    try:
        found = Comparison(json.loads(one.out.read_bytes())["refs"], told, one.err)
    except Exception:
        return replace(base, outcome="differs", note=short(traceback.format_exc().splitlines()[-1]))
    if found.differences:
        return replace(base, outcome="differs", note=short(f"{len(found.differences)}: {found.differences[0]}", 300))
    reasons = sorted({short(words.format(text.split(";")[0]), 60) for pattern, words in REASONS for text in pattern.findall(one.err)})
    note = "; ".join(reasons[:3]) + (f"; and {len(reasons) - 3} more" if len(reasons) > 3 else "")
    return replace(base, outcome="part" if found.counts["left_out"] else "equal", note=note, **found.counts)


def rows(answers, folder):
    """The rows of these files, and their facts beside."""
    judged = [one for one in answers if corpus.kind(one.path) != "other"]
    facts = folder / "facts"
    oracle = [sys.executable, "-W", "ignore", ROOT / "tests/oracles/h5_facts.py", facts]
    subprocess.run([*oracle, *(one.path for one in judged)], check=True)
    told = {one.path: facts / f"{number:05}.json" for number, one in enumerate(judged)}
    with ProcessPoolExecutor(2) as pool:
        found = list(pool.map(row, answers, [told.get(one.path) for one in answers], chunksize=8))
    return found


@pytest.fixture(scope="module")
def table(shared, tmp_path_factory):
    """The answers of `inspect --kerchunk`, and their rows."""
    folder = tmp_path_factory.mktemp("index_corpus")
    found = [path for one in corpus.FOLDERS for path in corpus.files(one)]
    answers = corpus.inspected(found, ("--kerchunk",), folder / "kerchunk")
    yield answers, rows(answers, folder)
    shutil.rmtree(folder)


def test_no_file_crashes_hangs_or_takes_too_much(table, show_at_the_end):
    """5 s and 200 MB for each file with the release binary, which tests/full runs this with; a debug build may take longer."""
    answers, _ = table
    slowest, largest = max(answers, key=lambda one: one.seconds), max(answers, key=lambda one: one.memory)
    show_at_the_end("slowest", f"{slowest.seconds:.2f} s of {corpus.SECONDS * corpus.LENIENCE}: {slowest.path.relative_to(corpus.CORPUS)}")
    show_at_the_end("largest", f"{largest.memory / 2**20:.0f} MB of 200: {largest.path.relative_to(corpus.CORPUS)}")
    assert [f"{one.path}: {fault}" for one in answers for fault in one.faults(True)] == []


def test_the_table_of_every_file(table, show_at_the_end):
    _, found = table
    show_at_the_end("index against h5py and netCDF4", render(found).splitlines()[-1])
    judge(SNAPSHOT, found, os.environ.get("BLESS") == "1")


def test_no_file_that_h5py_reads_ends_in_a_wrong_index():
    kept = parse(SNAPSHOT.read_text())
    assert [one for one in kept.values() if one.outcome == "differs" or one.limits] == []
    assert [one for one in kept.values() if one.outcome != "equal" and not one.note] == []
