"""What is wrong is said by name and with the right exit status; what is right is done; a second run writes nothing."""

import os
import re
import shutil
import tempfile
from pathlib import Path

import pytest

import pgstac
from archives import make
from oracle import Series, kerchunk
from program import BINARY, Project, run, snapshot

HURS, TASMAX, TAS = sorted(one.item_id for one in make.SERIES)


def good(project, *ids):
    """These items are in the catalogue, their data equal to the sources."""
    assert sorted(project.items) == sorted(ids)
    for item_id in ids:
        assert Series(project.sources(item_id)).differences(kerchunk(project.kerchunk(item_id))) == []


def failed(items, item_id, path):
    """The error of an item, which must name this file."""
    assert items[item_id]["status"] == "failed"
    error = items[item_id]["error"]
    assert error["kind"] and path.name in error["message"] + " ".join(error.get("files") or []), error
    return error


@pytest.mark.parametrize("kept", [0, 7, 600, 20_000, -1])
def test_a_truncated_file_fails_its_item_alone(project, kept):
    path = project.sources(TAS)[2]
    content = path.read_bytes()
    path.write_bytes(content[:kept])
    items = project.build(status=1)
    failed(items, TAS, path)
    assert {items[HURS]["status"], items[TASMAX]["status"]} == {"added"}
    good(project, HURS, TASMAX)
    # Mended, it is built; nothing else is built again.
    path.write_bytes(content)
    items = project.build()
    assert [items[i]["status"] for i in (HURS, TASMAX, TAS)] == ["unchanged", "unchanged", "added"]
    good(project, HURS, TASMAX, TAS)


def test_a_text_file_named_nc_fails_its_item_alone(project):
    path = project.sources(TASMAX)[0]
    path.write_text("<html><body>404 not found</body></html>\n" * 100)
    failed(project.build(status=1), TASMAX, path)
    good(project, HURS, TAS)


def test_a_wrecked_file_is_never_published_and_its_item_keeps_what_it_had(project):
    project.build()
    before, catalogue = snapshot(project.kerchunk(TAS).parent), project.items[TAS]
    project.sources(TAS)[1].write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(5000))
    failed(project.build(status=1), TAS, project.sources(TAS)[1])
    assert snapshot(project.kerchunk(TAS).parent) == before
    assert project.items[TAS] == catalogue


@pytest.fixture
def as_nobody():
    """A folder for a user who is not root, who may read everywhere; and how to run altostac as one."""
    if os.geteuid() != 0:
        yield Path(tempfile.mkdtemp(prefix="altostac-nobody-")), (), BINARY
        return
    if shutil.which("setpriv") is None:
        pytest.skip("needs setpriv: root may read every folder")
    folder = Path(tempfile.mkdtemp(prefix="altostac-nobody-"))
    binary = shutil.copy(BINARY, folder / "altostac")
    yield folder, ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"), binary
    shutil.rmtree(folder)


def test_a_folder_without_read_permission_is_named_and_its_item_not_removed(as_nobody):
    folder, prefix, binary = as_nobody
    project = Project.of_fixture(folder / "cmip6")
    locked = project.sources(HURS)[0].parent
    if os.geteuid() == 0:
        for path in [folder, *folder.rglob("*")]:
            shutil.chown(path, "nobody", "nogroup")
    build = lambda: project.run("build", "--json", prefix=prefix, binary=binary)
    locked.chmod(0)
    try:
        answer = build().expect(1)
        assert str(locked.relative_to(project.folder)) in answer.stderr + answer.stdout, answer
        good(project, TASMAX, TAS)
        locked.chmod(0o755)
        build().expect(0)
        good(project, HURS, TASMAX, TAS)
        locked.chmod(0)
        build().expect(1)
    finally:
        locked.chmod(0o755)
    good(project, HURS, TASMAX, TAS)


def test_an_unreachable_api_is_said_and_the_build_stays(project):
    nobody = f"http://127.0.0.1:{pgstac.free_port()}"
    project.edit(publish={"api": nobody})
    answer = project.run("sync", "--json").expect(1)
    assert nobody.removeprefix("http://") in answer.stderr + answer.stdout, answer
    good(project, HURS, TASMAX, TAS)


@pytest.mark.parametrize("wrong, words", [
    (("products: [kerchunk]", "prodcuts: [kerchunk]"), ["prodcuts", "products"]),
    (("  pattern:", "  patern:"), ["patern", "pattern"]),
    (("products: [kerchunk]", "products: [kerchnk]"), ["kerchnk", "kerchunk"]),
    (("{profile: ceda}", "{profile: cede}"), ["cede", "ceda"]),
    (('"{{ source_id }}"', '"{{ sorce_id }}"'), ["sorce_id", "source_id"]),
    (("CMIP6/{activity_id}", "CMIP5/{activity_id}"), ["pattern"]),
], ids=lambda case: case[1].strip() if isinstance(case, tuple) else "")
def test_a_typo_in_the_recipe_is_told_with_its_line_and_the_right_word(project, wrong, words):
    path = project.folder / project.name
    text = path.read_text()
    assert text.count(wrong[0]) == 1
    path.write_text(text.replace(*wrong))
    before = snapshot(project.folder)
    answer = project.run("build").expect(2)
    assert all(word in answer.stderr for word in words), answer
    if len(words) == 2:
        line = 1 + path.read_text()[:path.read_text().index(words[0])].count("\n")
        assert re.search(rf"\b{line}\b", answer.stderr), f"line {line} is not named: {answer}"
    assert not (project.folder / "published").exists()
    assert {name: facts for name, facts in snapshot(project.folder).items() if name in before} == before


def test_an_archive_that_is_not_there_is_named(project):
    path = project.folder / project.name
    path.write_text(path.read_text().replace("root: archive", "root: no-such-folder"))
    answer = project.run("build")
    assert answer.status in (1, 2) and "no-such-folder" in answer.stderr, answer


def test_requests_that_are_wrong_end_with_two(project, tmp_path):
    recipe = project.folder / project.name
    for arguments in (["build"], ["no-such-command"], ["build", tmp_path / "none.yaml"], ["build", recipe, "--item", "no-such"]):
        answer = run(*arguments)
        assert answer.status == 2 and answer.stderr, (arguments, answer)


def test_a_second_run_writes_nothing(project):
    project.build()
    state = project.folder / ".altostac"
    assert state.is_dir()
    before = snapshot(project.folder / "published", state)
    items = project.build()
    assert {item["status"] for item in items.values()} == {"unchanged"}
    assert snapshot(project.folder / "published", state) == before
    project.run("plan", "--json").expect(0)
    project.run("status", "--json").expect(0)
    assert snapshot(project.folder / "published", state) == before


def test_a_new_file_builds_its_item_again_and_no_other(project):
    last = project.sources(TAS)[-1]
    content = last.read_bytes()
    last.unlink()
    project.build()
    last.write_bytes(content)
    items = project.build()
    assert [items[i]["status"] for i in (HURS, TASMAX, TAS)] == ["unchanged", "unchanged", "changed"]
    assert items[TAS]["revision"] == 2
    good(project, HURS, TASMAX, TAS)


def test_a_dry_run_changes_nothing(project):
    before = snapshot(project.folder)
    answer = project.run("plan", "--json").expect(0)
    assert all(item in answer.stdout for item in (HURS, TASMAX, TAS))
    project.run("build", "--dry-run").expect(0)
    assert snapshot(project.folder) == before


def test_overlapping_files_are_refused_by_name(project):
    path = project.sources(TAS)[1]
    shutil.copy(path, path.with_name(path.name.replace("_gn_", "_gn_copy_")))
    items = project.build(status=1)
    error = failed(items, TAS, path)
    assert "copy" in error["message"] + " ".join(error["files"])
    good(project, HURS, TASMAX)
