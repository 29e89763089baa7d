"""Real series of the corpus: every one is built equal to its sources, or refused by name; never silently different."""

import os
import re

import pytest

from archives import recipe
from oracle import Series, kerchunk
from program import SHARED, Project

ARCHIVE = SHARED / "corpus/archive/mini-esgf-data/badc/cmip6/data"
SICONC = "CMIP6/CMIP/MPI-M/MPI-ESM1-2-HR/historical/r1i1p1f1/SImon/siconc/gn/latest"
# Two grids in one folder, or equal or overlapping times: there is no one right cube.
NOT_ONE_CUBE = ("CCCR-IITM/IITM-ESM/1pctCO2/r1i1p1f1/Omon/tos", "IPSL/IPSL-CM6A-LR/historical/r1i1p1f1/Amon/rlds",
                "MOHC/HadGEM2-ES/rcp85/mon/atmos/Amon/r1i1p1/latest/tas")


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


# -- CMIP5: NetCDF-3 for the most part -----------------------------------------------------------------------------------

MINI_ESGF = SHARED / "corpus/archive/mini-esgf-data"
CMIP5 = "badc/cmip5/data/cmip5/output1"
EC_EARTH = f"{CMIP5}/ICHEC/EC-EARTH/historical/mon/atmos/Amon/r1i1p1/latest/tas"
NETCDF3 = (EC_EARTH,  # 16 files with 16 time units
           f"{CMIP5}/MOHC/HadGEM2-ES/historical/mon/atmos/Amon/r1i1p1/latest/tas",  # 6 files, 360_day
           f"{CMIP5}/IPSL/IPSL-CM5A-MR/rcp45/mon/ocean/Omon/r1i1p1/latest/zostoga",  # no place of its own
           f"{CMIP5}/MOHC/HadGEM2-ES/rcp85/mon/atmos/Amon/r1i1p1/latest/tas")  # 2099-12 in two files: to be refused


def cmip5_folders():
    """The folders of CMIP5 and C3S-CMIP5 that hold files, those of NETCDF3 left out."""
    roots = [MINI_ESGF / CMIP5, MINI_ESGF / "gws/nopw/j04/cp4cds1_vol1/data/c3s-cmip5", MINI_ESGF / "pool/data/C3SCMIP5"]
    found = {path.parent.relative_to(MINI_ESGF).as_posix() for root in roots for path in root.rglob("*.nc")
             if not path.is_symlink()}
    return sorted(found - set(NETCDF3))


def build_cmip5(folder, folders):
    """Those folders in one run of `build`: (project, items)."""
    pattern = {"pattern": "{folder:**}/{filename}", "id": "{{ folder | replace('/', '.') }}",
               # For zostoga, the mean of all oceans.
               "geometry": {"type": "Polygon", "coordinates": [[[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]]}}
    project = Project.of_recipe(folder / "cmip5", recipe(MINI_ESGF) | {
        "sources": [{"root": str(MINI_ESGF), "include": [f"{one}/*.nc" for one in folders]}], "item": pattern})
    answer = project.run("build", "--json")
    assert answer.status in (0, 1), answer
    return project, {item["id"]: item for item in answer.json["items"]}


@pytest.fixture(scope="module")
def netcdf3_build(shared, tmp_path_factory):
    return build_cmip5(tmp_path_factory.mktemp("netcdf3"), NETCDF3)


@pytest.fixture(scope="module")
def cmip5_build(shared, tmp_path_factory):
    return build_cmip5(tmp_path_factory.mktemp("cmip5"), cmip5_folders())


@each([folder for folder in NETCDF3 if (MINI_ESGF / folder).is_dir()])
def test_netcdf3_series_equal_or_refused(netcdf3_build, folder, record_refusal):
    judge(netcdf3_build, folder, record_refusal, MINI_ESGF)


def test_the_16_time_units_of_ec_earth_lose_no_step(netcdf3_build):
    project, items = netcdf3_build
    assert (items[item_id(EC_EARTH)]["status"], items[item_id(EC_EARTH)]["files"]) == ("added", 16)
    paths = sorted((MINI_ESGF / EC_EARTH).glob("*.nc"))
    assert Series(paths).variables["tas"].raw.shape[0] == 1919
    assert all(path.read_bytes().startswith(b"CDF") for path in paths)


@pytest.mark.skipif(os.environ.get("ALTOSTAC_FULL") != "1", reason="tests/full runs it")
@each(cmip5_folders())
def test_all_of_cmip5_equal_or_refused(cmip5_build, folder, record_refusal):
    judge(cmip5_build, folder, record_refusal, MINI_ESGF)


# -- judging -------------------------------------------------------------------------------------------------------------


def judge(one_build, folder, record_refusal, archive=ARCHIVE):
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
    assert Series(sorted((archive / folder).glob("*.nc"))).differences(kerchunk(project.kerchunk(item_id(folder)))) == []
