"""The index of every file against h5py and netCDF4: variables, dimensions, attributes, every chunk, small values.

The facts come from tests/oracles/h5_facts.py; the comparison is the Rust test `index_oracle`, which needs the index itself and not a
rendering of it.
"""

import os
import re
import subprocess
import sys

import pytest

from corpus import is_hdf5
from program import FIXTURE, ROOT

ORACLES = ROOT / "tests/oracles"


def python(*arguments):
    subprocess.run([sys.executable, "-W", "ignore", *map(str, arguments)], check=True)


def compare(files, facts, differing=0):
    """Compares the index of these files with the facts; gives back the counts of the comparison."""
    assert files
    python(ORACLES / "h5_facts.py", facts, *sorted(files))
    command = ["cargo", "test", "--quiet", "--test", "it", "the_index_equals_h5py_and_netcdf4", "--", "--nocapture"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"ALTOSTAC_H5_FACTS": str(facts)}, capture_output=True, text=True)
    told = re.search(r"(\d+) files: (\d+) equal, (\d+) that h5py does not read, (\d+) refused, (\d+) differing", done.stderr)
    assert told, done.stderr
    counts = dict(zip(("files", "equal", "unjudged", "refused", "differing"), map(int, told.groups())))
    assert done.returncode == 0 and counts["differing"] == differing, done.stderr
    assert counts["files"] == len(files)
    return counts


def test_the_fixture(tmp_path):
    files = [path for path in FIXTURE.rglob("*.nc") if is_hdf5(path)]
    assert compare(files, tmp_path)["equal"] == len(files)


def test_every_chunk_index_and_kind_of_object(tmp_path):
    python(ORACLES / "h5_samples.py", tmp_path / "samples")
    files = [path for path in (tmp_path / "samples").rglob("*") if is_hdf5(path)]
    assert compare(files, tmp_path / "facts")["equal"] == len(files)


def test_real_archives(shared, tmp_path):
    files = [path for path in (shared / "corpus/archive").rglob("*") if is_hdf5(path)]
    assert compare(files, tmp_path)["equal"] == len(files)


@pytest.mark.skipif("ALTOSTAC_FULL" not in os.environ, reason="takes a minute: set ALTOSTAC_FULL=1")
def test_odd_files(shared, tmp_path):
    files = [path for path in (shared / "corpus/odd").rglob("*") if is_hdf5(path)]
    counts = compare(files, tmp_path)
    # Files of several parts, damaged or unfinished ones: refused by name; h5py reads none of them to the end.
    assert counts["refused"] <= 23
