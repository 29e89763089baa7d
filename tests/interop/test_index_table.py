"""The rule of the table, and the judge itself: wrong references must show."""

import base64
import copy
import json
import subprocess
import sys
from dataclasses import replace

import h5py
import numpy as np
import pytest

from index_table import Row, judge, parse, render
from program import ROOT, run
from references import Comparison

ROWS = [
    Row("archive/a.nc", "HDF5", "equal", variables=3, chunks=7, attributes=9),
    Row("archive/b.h5", "HDF5", "part", variables=1, chunks=2, attributes=0, left_out=1, note="compound"),
    Row("odd/c.h5", "HDF5", "refused", note="data in external files"),
    Row("odd/d.txt", "other", "other", note="text"),
]


def with_row(number, **changes):
    return [replace(row, **changes) if at == number else row for at, row in enumerate(ROWS)]


WORSE = {
    "equal → refused": with_row(0, outcome="refused", variables=0, chunks=0, attributes=0, note="why"),
    "equal → part": with_row(0, outcome="part", left_out=1, note="compound"),
    "equal → differs": with_row(0, outcome="differs", note="tas: shape"),
    "refused → differs": with_row(2, outcome="differs", note="tas: shape"),
    "fewer chunks": with_row(0, chunks=6),
    "fewer variables": with_row(1, variables=0),
    "fewer attributes": with_row(0, attributes=8),
    "more left out": with_row(1, left_out=2),
    "too slow": with_row(0, limits="over 5 s"),
    "a row gone": ROWS[1:],
    "a new row that differs": [*ROWS, Row("odd/e.h5", "HDF5", "differs", note="v: dtype")],
}
BETTER = {
    "refused → part": with_row(2, outcome="part", left_out=1, note="virtual dataset"),
    "part → equal": with_row(1, outcome="equal", variables=2, left_out=0, note=""),
    "more chunks": with_row(0, chunks=8),
    "a new row": [*ROWS, Row("odd/e.h5", "HDF5", "refused", note="new")],
    "another reason": with_row(2, note="data in files outside"),
}


@pytest.fixture
def snapshot(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_text(render(ROWS))
    return path


def test_a_table_is_read_as_it_was_written(snapshot):
    assert list(parse(snapshot.read_text()).values()) == ROWS
    judge(snapshot, ROWS, blessing=False)


@pytest.mark.parametrize("rows", WORSE.values(), ids=WORSE)
def test_a_bless_with_a_worsened_row_fails_and_writes_nothing(snapshot, rows):
    # Nor does something that got better at the same time make up for it.
    rows = [replace(row, attributes=row.attributes + 5) if row.path == "archive/b.h5" else row for row in rows]
    for blessing in (True, False):
        with pytest.raises(AssertionError, match="got worse"):
            judge(snapshot, rows, blessing)
    assert snapshot.read_text() == render(ROWS)


@pytest.mark.parametrize("rows", BETTER.values(), ids=BETTER)
def test_what_got_better_is_asked_for_and_blessed(snapshot, rows):
    with pytest.raises(AssertionError, match="BLESS=1"):
        judge(snapshot, rows, blessing=False)
    assert snapshot.read_text() == render(ROWS)
    judge(snapshot, rows, blessing=True)
    judge(snapshot, rows, blessing=False)


# -- the judge ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """References of a file, its facts, and what was said of it."""
    folder = tmp_path_factory.mktemp("judged")
    path = folder / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["title"] = "é"
        packed = file.create_dataset("packed", (40, 30), "<i4", chunks=(10, 10), shuffle=True, compression="gzip", fillvalue=-7)
        packed[:30] = np.arange(900).reshape(30, 30)
        packed.attrs["_FillValue"] = np.int32(-7)
        packed.attrs["scale"] = np.float32(0.1)
        masked = file.create_dataset("masked", (8,), "i4", chunks=(4,), compression="gzip")
        masked[...] = 5
        masked.id.write_direct_chunk((4,), np.arange(4, dtype="<i4").tobytes(), filter_mask=1)
        file["plain"] = np.arange(1000, dtype=">f8").reshape(50, 20)
        file["texts"] = ["a", "bé"]
        file["compound"] = np.zeros(3, [("a", "i4")])
        file["group/scalar"] = np.uint8(3)
        for axis, (name, length) in enumerate((("y", 40), ("x", 30))):
            file[name] = np.arange(length)
            file[name].make_scale(name)
            packed.dims[axis].attach_scale(file[name])
        file.attrs["reference"] = file["plain"].ref
    subprocess.run([sys.executable, "-W", "ignore", ROOT / "tests/oracles/h5_facts.py", folder / "facts", path], check=True)
    answer = run("inspect", path, "--kerchunk").expect(0)
    return answer.json["refs"], json.loads((folder / "facts/00000.json").read_text()), answer.stderr


def test_right_references_are_equal(judged):
    found = Comparison(*judged)
    assert found.differences == []
    assert found.counts["variables"] == 7 and found.counts["left_out"] == 2 and found.counts["attributes"] == 2
    assert found.counts["chunks"] == 9 + 1 + 1 + 1 + 1 + 2


def document(key, **changes):
    def change(refs):
        refs[key] = json.dumps(json.loads(refs[key]) | changes)
    return change


def moved(key, place, by):
    def change(refs):
        refs[key][place] += by
    return change


def inlined(key, raw):
    def change(refs):
        refs[key] = "base64:" + base64.b64encode(raw).decode()
    return change


def swapped(one, other):
    def change(refs):
        refs[one], refs[other] = refs[other], refs[one]
    return change


WRONG = {
    "offset": moved("packed/1.1", 1, 1),
    "length": moved("packed/1.1", 2, -1),
    "swapped chunks": swapped("packed/0.0", "packed/0.1"),
    "missing chunk": lambda refs: refs.pop("packed/2.2"),
    "invented chunk": lambda refs: refs.update({"packed/3.0": refs["packed/0.0"]}),
    "chunk outside": lambda refs: refs.update({"packed/4.0": refs["packed/0.0"]}),
    "another file": lambda refs: refs["plain/0.0"].__setitem__(0, "file:///other.h5"),
    "contiguous offset": moved("plain/0.0", 1, 8),
    "inlined value": inlined("texts/0", b"\2\0\0\0\1\0\0\0x\1\0\0\0y"),
    "inlined scalar": inlined("group/scalar/0", b"\4"),
    "a mask forgotten": inlined("masked/0", bytes(32)),
    "shape": document("packed/.zarray", shape=[30, 30]),
    "chunk shape": document("packed/.zarray", chunks=[10, 30]),
    "dtype": document("plain/.zarray", dtype="<f8"),
    "fill value": document("packed/.zarray", fill_value=0),
    "no fill value": document("packed/.zarray", fill_value=None),
    "filters": document("packed/.zarray", filters=[{"id": "zlib", "level": 4}]),
    "order of filters": document("packed/.zarray", filters=[{"id": "zlib", "level": 4}, {"id": "shuffle", "elementsize": 4}]),
    "element size": document("packed/.zarray", filters=[{"id": "shuffle", "elementsize": 2}, {"id": "zlib", "level": 4}]),
    "order": document("packed/.zarray", order="F"),
    "dimensions": document("packed/.zattrs", _ARRAY_DIMENSIONS=["x", "y"]),
    "attribute": document("packed/.zattrs", scale=0.1000002),
    "invented attribute": document("packed/.zattrs", more=1),
    "fill as attribute": document("packed/.zattrs", _FillValue=-7),
    "group attribute": document(".zattrs", title="e"),
    "missing variable": lambda refs: [refs.pop(key) for key in list(refs) if key.startswith("plain/")],
    "missing group": lambda refs: refs.pop("group/.zgroup"),
    "invented variable": lambda refs: refs.update({"more/.zarray": refs["plain/.zarray"], "more/0.0": refs["plain/0.0"]}),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_wrong_references_differ(judged, wrong):
    refs, facts, said = judged
    refs = copy.deepcopy(refs)
    wrong(refs)
    assert Comparison(refs, facts, said).differences


def test_a_link_left_out_in_silence_differs(judged):
    refs, facts, said = judged
    assert Comparison(refs, facts | {"outside": ["/elsewhere"]}, said).differences


@pytest.mark.parametrize("name", ("compound", "reference"))
def test_silence_differs(judged, name):
    refs, facts, said = judged
    assert name in said
    quiet = "\n".join(line for line in said.splitlines() if name not in line)
    assert Comparison(refs, facts, quiet).differences
