"""What readers cannot do by themselves, each shown on a file that altostac did not write: the holes of the conformance table that are not ours."""

import re

import cfa
from test_joins import Maker, texts_and_dummies

# The reader, what it says, and the test here that shows it.
LIMITS = [("cf-python", "UnicodeDecodeError: 'ascii' codec", "test_cf_python_reads_no_text_beyond_ascii")]


def limit_of(reader, note):
    """The test that shows what a reader ran into; None if it is not one of them."""
    return next((shown for who, said, shown in LIMITS if who == reader and re.search(said, note)), None)


def test_every_limit_is_shown():
    assert all(shown in globals() for _, _, shown in LIMITS)


def test_cf_python_reads_no_text_beyond_ascii(tmp_path):
    """`Süd-West`, written by netCDF4-python."""
    texts_and_dummies(Maker(tmp_path))
    path = min(tmp_path.glob("*.nc"))
    seen = cfa.cf_seen([path], tmp_path)[str(path)]
    assert isinstance(seen, str) and limit_of("cf-python", seen) == "test_cf_python_reads_no_text_beyond_ascii"
