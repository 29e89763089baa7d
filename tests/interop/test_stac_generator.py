"""Recipes of CEDA's stac-generator: what `altostac new --from-stac-generator` makes of them has the facets that stac-generator itself emits.

stac-generator runs in an environment of its own (target/stac-generator-venv: tests/run makes it; requirements-stac-generator.txt)."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from program import ROOT, Project, run

HERE = Path(__file__).parent / "stac_generator"
PYTHON = Path(os.environ.get("ALTOSTAC_STAC_GENERATOR") or ROOT / "target/stac-generator-venv/bin/python")
# What altostac says of an Item in other places, or reads from the file itself.
ELSEWHERE = {"uri", "id", "collection", "assets", "bbox", "geometry", "stac_extensions"}

# Recipe, and what must be said not to be carried over.
RECIPES = [
    ("cmip6.yaml", ["lambda: not carried over"]),
    ("cordex.yaml", ["bbox: places are read from the files", "geometry: places are read from the files", "stac_extension: altostac declares"]),
    ("atlas.yaml", ["conditional: not carried over: the condition uses len", "controlled_vocabulary: not carried over",
                    "dict_aggregator: not carried over", "assets: not carried over", "xml: not carried over", "json_file: stac-generator puts"]),
]


@pytest.fixture(scope="module")
def archive(shared):
    found = shared / "corpus/archive/mini-esgf-data"
    if not found.is_dir():
        pytest.skip("needs ../shared")
    return found


def theirs(recipes, paths):
    """What stac-generator makes of each path."""
    if not PYTHON.is_file():
        pytest.fail(f"there is no {PYTHON}: tests/run makes it")
    done = subprocess.run([PYTHON, HERE / "oracle.py", recipes, *paths], cwd=recipes.parent, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout[done.stdout.index("{"):])


@pytest.mark.parametrize("name, told", RECIPES)
def test_facets_equal_those_of_stac_generator(name, told, archive, tmp_path):
    root = archive.resolve()
    (tmp_path / "atlas.json").write_text(json.dumps({"release": "2.1", "People": ["A", "B"], "more": 1}))
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    skip = len((root / "pool/data/CORDEX/data/cordex/output").parts)
    text = (HERE / name).read_text().replace("ARCHIVE", str(root)).replace("SKIP", str(skip))
    (recipes / name).write_text(text)

    answer = run("new", "--from-stac-generator", recipes / name, "-o", tmp_path / "recipe.yaml").expect(0)
    for line in told:
        assert line in answer.stderr, answer.stderr
    written = (tmp_path / "recipe.yaml").read_text()
    notes = [line.removeprefix("warning: ") for line in answer.stderr.splitlines() if line.startswith("warning: ")]
    assert len(notes) >= len(told) and all(f"# TODO {note}" in written for note in notes), (notes, written)

    project = Project(tmp_path)
    built = project.build()
    assert all(item["files"] == 1 for item in built.values()), "each file has an id of its own"
    items = project.items
    # The path of each Item's only file.
    paths = {item["assets"]["data0001"]["href"].removeprefix("file://"): item for item in items.values()}
    bodies = theirs(recipes, sorted(paths))
    names = {key for body in bodies.values() for key in body} - ELSEWHERE
    assert len(paths) >= 8 and len(names) >= 8, (paths, names)
    for path, body in bodies.items():
        expected = {key: value for key, value in body.items() if key in names and value is not None}
        found = {key: value for key, value in paths[path]["properties"].items() if key in names}
        assert found == expected, (path, found, expected)
        if "id" in body:
            assert paths[path]["id"] == body["id"]


def test_the_converted_recipe_is_there_once(archive, tmp_path):
    text = (HERE / "cmip6.yaml").read_text().replace("ARCHIVE", str(archive.resolve()))
    (tmp_path / "theirs.yaml").write_text(text)
    command = ("new", "--from-stac-generator", tmp_path / "theirs.yaml", "-o", tmp_path / "recipe.yaml")
    run(*command).expect(0)
    assert "--force" in run(*command).expect(2).stderr
    answer = run(*command, "--force", "--json").expect(0).json
    assert answer["text"] == (tmp_path / "recipe.yaml").read_text()
    assert any("lambda" in note for note in answer["not_carried"])
    assert run(*command[:3], "-o", "-").expect(0).stdout == answer["text"]
