"""Each profile's records are valid by schemas that altostac does not bring, and pystac walks their catalogues, nested ones too."""

import json
import shutil
import uuid

import netCDF4
import pystac
import pytest
import requests

import archives
from program import SHARED, Project, Server
from schemas import errors

CMIP6 = SHARED / "corpus/archive/mini-esgf-data/badc/cmip6/data"
# Datasets of several models, grids and kinds; a decadal one, whose member has a sub-experiment.
DATASETS = [
    "CMIP/AWI/AWI-ESM-1-1-LR/1pctCO2/r1i1p1f1/Amon/tas/gn/v20200212",
    "CMIP/MPI-M/MPI-ESM1-2-LR/historical/r1i1p1f1/Omon/tos/gn/v20190710",
    "DCPP/EC-Earth-Consortium/EC-Earth3/dcppA-hindcast/s1960-r2i1p1f1/Amon/tas/gr/v20201215",
    "ScenarioMIP/IPSL/IPSL-CM6A-LR/ssp245/r1i1p1f1/Lmon/landCoverFrac/gr/v20190119",
    "ScenarioMIP/INM/INM-CM5-0/ssp245/r1i1p1f1/Amon/rlds/gr1/v20190619",
]
IDS = ["CMIP6." + dataset.replace("/", ".") for dataset in DATASETS]


def records(project):
    for path in sorted((project.folder / "published").rglob("*.json")):
        if "products" not in path.parts:
            yield path, json.loads(path.read_text())


def walked(project):
    """What pystac finds from the catalogue downwards, by id; every link of every record leads to its file."""
    catalog = pystac.Catalog.from_file(str(project.folder / "published/catalog.json"))
    found = [item.id for _, _, items in catalog.walk() for item in items]
    for path, record in records(project):
        for link in record["links"]:
            if not link["href"].startswith(("http:", "https:")):
                assert (path.parent / link["href"]).is_file(), (path, link)
    return sorted(found)


@pytest.fixture(scope="module", params=["default", "ceda", "esgf"])
def project(request, tmp_path_factory):
    if not CMIP6.is_dir():
        pytest.skip("needs ../shared")
    recipe = archives.recipe(
        CMIP6, stac={"profile": request.param}, products=["kerchunk", "cfa"],
        public_urls=[{"from": str(CMIP6), "to": "https://dap.ceda.ac.uk/badc/cmip6/data"}])
    recipe["collection"]["id"] = "CMIP6"
    recipe["sources"][0]["include"] = [f"CMIP6/{dataset}/*.nc" for dataset in DATASETS]
    project = Project.of_recipe(tmp_path_factory.mktemp("profile") / request.param, recipe)
    built = project.build()
    assert {item["status"] for item in built.values()} == {"added"}
    return project


def test_every_record_is_valid(project):
    found = list(records(project))
    assert len(found) == 2 + len(DATASETS)
    for path, record in found:
        assert errors(record) == [], path


def test_pystac_finds_every_item(project):
    assert walked(project) == sorted(IDS)


def test_esgf(project):
    if project.recipe["stac"]["profile"] != "esgf":
        return
    extension = "https://stac-extensions.github.io/cmip6/v3.0.2/schema.json"
    assert extension in project.collection["stac_extensions"]
    for item_id, item in project.items.items():
        assert extension in item["stac_extensions"] and item["collection"] == "CMIP6"
        properties = item["properties"]
        # ESGF's publisher makes handles so.
        assert properties["cmip6:pid"] == f"hdl:21.14100/{uuid.uuid3(uuid.NAMESPACE_URL, item_id)}"
        sources = {key: asset for key, asset in item["assets"].items() if "source" in asset["roles"]}
        folder = CMIP6 / item_id.replace(".", "/")
        assert sources.keys() == {path.name for path in folder.glob("*.nc")}
        assert sum(asset["file:size"] for asset in sources.values()) == properties["size"]
        for name, asset in sources.items():
            assert asset["href"] == f"https://dap.ceda.ac.uk/badc/cmip6/data/{item_id.replace('.', '/')}/{name}"
            assert (asset["alternate:name"], asset["protocol"]) == ("dap.ceda.ac.uk", "https")
    decadal = project.items[IDS[2]]["properties"]
    assert (decadal["cmip6:sub_experiment_id"], decadal["cmip6:member_id"], decadal["cmip6:variant_label"]) == \
        ("s1960", "s1960-r2i1p1f1", "r2i1p1f1")


def test_what_esgf_asks_for_in_vain_is_named(tmp_path):
    project = Project.of_fixture(tmp_path / "cmip6")
    project.edit(stac={"profile": "esgf"}, collection=project.recipe["collection"] | {"id": "CMIP6"})
    built = project.build()
    assert {item["status"] for item in built.values()} == {"added"}
    lacking, *rest = sorted(built)
    for path in project.sources(lacking):
        with netCDF4.Dataset(path, "a") as nc:
            nc.delncattr("source_type")
    built = project.build(status=1)
    error = built[lacking]["error"]
    assert error["kind"] == "profile" and {built[one]["status"] for one in rest} == {"unchanged"}
    assert "cmip6:source_type" in error["message"] and "item.properties" in error["message"], error
    # As the message says.
    project.edit(item=project.recipe["item"] | {"properties": {"cmip6:source_type": "AOGCM AER"}})
    project.build()
    assert project.items[lacking]["properties"]["cmip6:source_type"] == ["AOGCM", "AER"]


@pytest.fixture
def nested(tmp_path):
    project = Project.of_fixture(tmp_path / "cmip6")
    archives.make.make(project.folder / "archive", [archives.PACIFIC])
    project.edit(stac={"profile": "ceda", "catalogs": ["source_id", "experiment_id"]},
                 collection=project.recipe["collection"] | {"parent": {"id": "family", "title": "Family", "description": "All."}})
    return project


def test_catalogues_by_facet_and_a_parent(nested):
    nested.build()
    items = nested.items
    assert walked(nested) == sorted(items)
    for path, record in records(nested):
        assert errors(record) == [], path
    for item in items.values():
        facets = item["properties"]
        parent = next(link["href"] for link in item["links"] if link["rel"] == "parent")
        assert parent == f"../catalogs/{facets['source_id']}/{facets['experiment_id']}/catalog.json"
        assert [link["href"] for link in item["links"] if link["rel"] == "collection"] == ["../collection.json"]
    parent = json.loads((nested.folder / "published/family/collection.json").read_text())
    assert parent["extent"] == nested.collection["extent"]
    assert [link["href"] for link in parent["links"] if link["rel"] == "child"] == [f"../{nested.collection['id']}/collection.json"]
    # Another child: the parent covers both.
    other = Project(nested.folder, "other.yaml")
    recipe = nested.recipe
    recipe["collection"] = recipe["collection"] | {"id": "other"}
    recipe["sources"][0]["include"] = ["CMIP6/ScenarioMIP/**/*.nc"]
    other.write(recipe)
    other.build()
    assert len(walked(nested)) == len(items) + len(other.items)
    parent = json.loads((nested.folder / "published/family/collection.json").read_text())
    assert errors(parent) == []
    boxes = parent["extent"]["spatial"]["bbox"]
    assert len(boxes) == 3 and boxes[0] == nested.collection["extent"]["spatial"]["bbox"][0]


def test_a_nested_catalogue_is_served(nested):
    nested.edit(stac=nested.recipe["stac"] | {"items_parquet": True})
    nested.build()
    for served in [nested.folder / "published", nested.folder / nested.name]:
        with Server("serve", served, "--port", "0") as server:
            collection = nested.collection["id"]
            answer = requests.get(f"{server.url}/collections/{collection}/items?limit=100", timeout=20).json()
            assert sorted(item["id"] for item in answer["features"]) == sorted(nested.items)
            table = requests.get(f"{server.url}/collections/{collection}", timeout=20).json()["assets"]["items_parquet"]["href"]
            assert requests.get(table, timeout=20).content == (nested.collection_folder / "items.parquet").read_bytes()


def test_what_goes_takes_its_catalogues_along(nested):
    nested.build()
    gone, *rest = sorted(nested.items)
    facets = nested.items[gone]["properties"]
    shutil.rmtree(nested.folder / "archive" / gone.replace(".", "/"))
    nested.build("--allow-removal")
    assert walked(nested) == rest
    left = {(item["properties"]["source_id"], item["properties"]["experiment_id"]) for item in nested.items.values()}
    there = (facets["source_id"], facets["experiment_id"])
    assert (nested.collection_folder / "catalogs" / there[0] / there[1] / "catalog.json").exists() == (there in left)
    # Flat again.
    nested.edit(stac={"profile": "ceda"})
    nested.build()
    assert walked(nested) == rest
    assert not list((nested.collection_folder / "catalogs").rglob("*.json"))


def test_templates_are_listed_and_written_to_edit(tmp_path):
    project = Project.of_fixture(tmp_path / "cmip6")
    folder = project.folder / "templates"
    project.run("templates", "--export", folder, "--profile", "ceda").expect(0)
    assert sorted(path.name for path in folder.iterdir()) == ["asset.json.j2", "collection.json.j2", "item.json.j2"]
    (folder / "asset.json.j2").unlink()
    (folder / "item.json.j2").write_text('{% extends "default/item.json.j2" %}{% block properties %}'
                                         '{{ merge(properties, {"curator": "me"}) | tojson }}{% endblock %}')
    project.edit(stac={"profile": "default"})
    listed = {profile["name"]: profile for profile in project.run("templates", "--json").expect(0).json["profiles"]}
    assert sorted(listed) == ["ceda", "default", "esgf"] and listed["default"]["used"]
    overridden = {file["name"] for file in listed["default"]["files"] if "overridden_by" in file}
    assert overridden == {"item.json.j2", "collection.json.j2"}
    project.build()
    assert {item["properties"]["curator"] for item in project.items.values()} == {"me"}
    refused = project.run("templates", "--export", folder, "--profile", "ceda")
    assert refused.status == 2 and "differs" in refused.stderr
    (folder / "itm.json.j2").write_text("{}")
    refused = project.run("templates")
    assert refused.status == 2 and "item.json.j2" in refused.stderr
