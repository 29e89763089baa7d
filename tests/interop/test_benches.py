"""The pure parts of the benches: the benches themselves are not run here."""

import doctest
import importlib.util
from pathlib import Path

import pytest

BENCHES = Path(__file__).resolve().parents[2] / "benches"


@pytest.mark.parametrize("script", ["peers/report.py", "peers/facts.py", "engine_side_by_side.py"])
def test_examples_hold(script):
    spec = importlib.util.spec_from_file_location(Path(script).stem, BENCHES / script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = doctest.testmod(module)
    assert found.attempted and not found.failed
