"""Real series of the corpus: every one is built equal to its sources, or refused by name; never silently different."""

import os
import re

import pytest

from archives import recipe
from oracle import Series, kerchunk
from program import SHARED, Project

ARCHIVE = SHARED / "corpus/archive/mini-esgf-data/badc/cmip6/data"
SICONC = "CMIP6/CMIP/MPI-M/MPI-ESM1-2-HR/historical/r1i1p1f1/SImon/siconc/gn/latest"
# Two grids in one folder, with equal or overlapping times: there is no one right cube.
NOT_ONE_CUBE = ("CCCR-IITM/IITM-ESM/1pctCO2/r1i1p1f1/Omon/tos", "IPSL/IPSL-CM6A-LR/historical/r1i1p1f1/Amon/rlds")


def series():
    """The folders of CMIP6 that hold one series of several files, as the catalogue of the corpus lists them."""
    catalogue = SHARED / "corpus/archive/CATALOGUE.md"
    rows = catalogue.read_text().splitlines() if catalogue.is_file() else []
    found = [re.match(r"\| *\d+ \| *[\d.]+ \| mini-esgf-data/badc/cmip6/data/(CMIP6/[^ ]+) \|", row) for row in rows]
    return sorted({match[1] for match in found if match})


def item_id(folder):
    return folder.replace("/", ".")


@pytest.fixture(scope="module")
def one_build(shared, tmp_path_factory):
    """All of the corpus's CMIP6 in one run of `build`, good and bad beside each other: (project, items)."""
    project = Project.of_recipe(tmp_path_factory.mktemp("corpus") / "cmip6", recipe(ARCHIVE))
    answer = project.run("build", "--json")
    assert answer.status in (0, 1), answer
    return project, {item["id"]: item for item in answer.json["items"]}


def test_the_33_files_of_siconc_are_one_equal_dataset(shared, tmp_path):
    project = Project.of_recipe(tmp_path / "siconc", recipe(ARCHIVE) | {
        "sources": [{"root": str(ARCHIVE), "include": [f"{SICONC}/*.nc"]}]})
    item = project.build()[item_id(SICONC)]
    assert (item["status"], item["files"]) == ("added", 33)
    paths = sorted((ARCHIVE / SICONC).glob("*.nc"))
    sources = Series(paths)
    assert len(paths) == 33 and sources.variables["siconc"].raw.shape[0] == 1980
    assert sources.differences(kerchunk(project.kerchunk(item_id(SICONC)))) == []


def single_files():
    """The folders of CMIP6 that hold a dataset of one file."""
    found = {path.parent for path in ARCHIVE.glob("CMIP6" + "/*" * 9 + "/*.nc")}
    return sorted(folder.relative_to(ARCHIVE).as_posix() for folder in found if len(list(folder.glob("*.nc"))) == 1)


def each(folders):
    return pytest.mark.parametrize("folder", folders or [pytest.param("", marks=pytest.mark.skip(reason="needs ../shared"))])


@each(series())
def test_equal_or_refused(one_build, folder, record_refusal):
    judge(one_build, folder, record_refusal)


@pytest.mark.skipif(os.environ.get("ALTOSTAC_FULL") != "1", reason="tests/full runs it")
@each(single_files())
def test_single_files_equal_or_refused(one_build, folder, record_refusal):
    judge(one_build, folder, record_refusal)


def judge(one_build, folder, record_refusal):
    """Fails when the dataset of this folder was built, but not as its sources are."""
    project, items = one_build
    item = items[item_id(folder)]
    if item["status"] == "failed":
        error = item["error"]
        assert error["kind"] and error["message"]
        assert error["files"] or ".nc" in error["message"], f"names no file: {error}"
        record_refusal(folder, f"{error['kind']}: {error['message']}")
        return
    assert not any(name in folder for name in NOT_ONE_CUBE), "built, though there is no one right cube"
    assert Series(sorted((ARCHIVE / folder).glob("*.nc"))).differences(kerchunk(project.kerchunk(item_id(folder)))) == []
