"""The rule of the tables: what got worse is refused, also when it is asked to be blessed."""

from dataclasses import replace

import pytest

from tables import Table, fell, grew, shrank

RANKS = ("built", "refused", "wrong")


def worse(before, after):
    yield from fell(RANKS, before, after)
    if before:
        yield from grew("cells", before, after, 0.05)
        yield from shrank("files", before, after)


ROWS = [("a", "x", "built", "0.10", 3), ("a", "y", "refused: overlap", "", 2), ("b", "z", "built", "", 1)]


@pytest.fixture
def table(tmp_path):
    found = Table(tmp_path / "table.tsv", ("tree", "dataset", "outcome", "cells", "files"), 2, worse)
    found.judge(ROWS, blessing=True)
    return found


def test_a_table_is_read_as_it_was_written(table):
    assert table.parse()["a", "x"] == {"tree": "a", "dataset": "x", "outcome": "built", "cells": "0.10", "files": "3"}
    table.judge(ROWS, blessing=False)


WORSE = {
    "built → refused": [("a", "x", "refused: no_time", "", 3), *ROWS[1:]],
    "refused → wrong": [ROWS[0], ("a", "y", "wrong", "", 2), ROWS[2]],
    "further off": [("a", "x", "built", "0.16", 3), *ROWS[1:]],
    "no longer compared": [("a", "x", "built", "", 3), *ROWS[1:]],
    "fewer files": [("a", "x", "built", "0.10", 2), *ROWS[1:]],
    "a row gone": ROWS[1:],
    "a new row that is wrong": [*ROWS, ("c", "w", "wrong", "", 1)],
}


@pytest.mark.parametrize("rows", WORSE.values(), ids=WORSE)
def test_what_got_worse_is_not_blessed(table, rows):
    before = table.path.read_text()
    for blessing in (True, False):
        with pytest.raises(AssertionError, match="got worse"):
            table.judge(rows, blessing=blessing)
    assert table.path.read_text() == before


BETTER = {
    "refused → built": [ROWS[0], ("a", "y", "built", "0.00", 2), ROWS[2]],
    "nearer": [("a", "x", "built", "0.02", 3), *ROWS[1:]],
    "a new row": [*ROWS, ("c", "w", "refused: no_place", "", 1)],
}


@pytest.mark.parametrize("rows", BETTER.values(), ids=BETTER)
def test_what_got_better_is_asked_for_and_blessed(table, rows):
    with pytest.raises(AssertionError, match="BLESS=1"):
        table.judge(rows, blessing=False)
    table.judge(rows, blessing=True)
    table.judge(rows, blessing=False)


def test_rows_that_a_run_does_not_concern_stay(table):
    table.judge(ROWS[:2], concerns=lambda key: key[0] == "a", blessing=True)
    assert len(table.parse()) == 3
    with pytest.raises(AssertionError, match="the row is gone"):
        table.judge(ROWS[:2], blessing=True)


def test_a_table_of_other_columns_is_refused(table):
    with pytest.raises(AssertionError):
        replace(table, columns=table.columns[:-1]).parse()
