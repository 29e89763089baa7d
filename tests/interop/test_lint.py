"""`altostac validate`: stac-check and pystac find nothing in what we write, and we find every damage that is done to it."""

import json
import shutil
from functools import cache
from pathlib import Path

import jsonschema
import pystac
import pytest

import schemas
from program import ROOT, Project, run

PROFILES = ["default", "ceda", "esgf"]
# What differs between two runs by its nature.
TIMES = {"created", "updated", "made_at", "seed", "modified", "elapsed_s"}


@pytest.fixture(scope="module")
def built_under(tmp_path_factory):
    """The fixture, built under a profile, as if its archive and output were published; once for each."""
    @cache
    def build(profile):
        project = Project.of_fixture(tmp_path_factory.mktemp(profile) / "cmip6")
        urls = [{"from": "archive", "to": "https://data.example.org/archive"}]
        collection = project.recipe["collection"] | ({"id": "CMIP6"} if profile == "esgf" else {})
        project.edit(collection=collection, stac={"profile": profile}, public_urls=urls, products=["kerchunk", "cfa", "kerchunk-parquet"])
        project.build()
        return project

    return build


@pytest.fixture(scope="module", params=PROFILES)
def profiled(request, built_under):
    return built_under(request.param)


@pytest.fixture(scope="module", params=["default", "ceda"])
def damaged(request, built_under):
    """One whose assets have the keys that the damages name."""
    return built_under(request.param)


def records(folder):
    catalogue = [folder / "catalog.json", *folder.glob("*/collection.json"), *folder.glob("*/items/*.json")]
    assert len(catalogue) > 4
    return sorted(catalogue)


def test_stac_check_finds_nothing(profiled):
    with schemas.stac_check() as check:
        for path in records(profiled.folder / "published"):
            assert check(path) == [], path


def test_stac_check_would_find_something(profiled, tmp_path):
    collection = json.loads(next((profiled.folder / "published").glob("*/collection.json")).read_text())
    del collection["summaries"]
    path = tmp_path / "collection.json"
    path.write_text(json.dumps(collection | {"stac_extensions": []}))
    with schemas.stac_check() as check:
        assert any("summaries" in said for said in check(path))


def test_pystac_finds_nothing(profiled):
    class Offline(pystac.stac_io.DefaultStacIO):
        def read_text(self, source, *arguments, **options):
            href = str(getattr(source, "href", source))
            return json.dumps(schemas.offline(href)) if href.startswith("http") else super().read_text(source, *arguments, **options)

    before = pystac.StacIO.default()
    pystac.StacIO.set_default(Offline)
    try:
        pystac.validation.RegisteredValidator.set_validator(pystac.validation.JsonSchemaSTACValidator())
        root = pystac.Catalog.from_file(str(profiled.folder / "published/catalog.json"))
        assert root.validate_all() > 0
        root.validate()
    finally:
        pystac.StacIO.set_default(type(before))


def test_we_find_nothing(profiled):
    for what in (profiled.folder / "published", profiled.folder / profiled.name):
        answer = run("validate", what, "--json").expect(0).json
        jsonschema.validate(answer, json.loads((ROOT / "schemas/output/validate.json").read_text()))
        assert (answer["errors"], answer["warnings"], answer["findings"]) == (0, 0, []), answer["findings"]
        assert (answer["catalogs"], answer["collections"], answer["items"]) == (1, 1, len(profiled.items))


# -- damages: what is done to a record of a good catalogue, where it shows, and how bad it is ---------------------------------

def item(change):
    return ("*/items/*UKESM*.json", change)


def collection(change):
    return ("*/collection.json", change)


def catalog(change):
    return ("catalog.json", change)


def put(pointer, value):
    """Sets what a JSON pointer leads to; a callable makes it of what stands there."""
    def change(record):
        *path, last = [piece.replace("~1", "/") for piece in pointer.split("/")[1:]]
        place = record
        for piece in path:
            place = place[int(piece) if isinstance(place, list) else piece]
        last = int(last) if isinstance(place, list) else last
        if value is None:
            del place[last]
        else:
            place[last] = value(place[last]) if callable(value) else value
    return change


def link(rel, **fields):
    def change(record):
        next(link for link in record["links"] if link["rel"] == rel).update(fields)
    return change


def without_link(rel):
    def change(record):
        record["links"] = [link for link in record["links"] if link["rel"] != rel]
    return change


DAMAGES = {
    "item schema": (item(put("/properties", None)), "error", ""),
    "extension schema": (item(put("/assets/reference_file/file:size", "many")), "error", "/assets/reference_file/file:size"),
    "unknown extension": (item(put("/stac_extensions/0", "https://example.org/x/schema.json")), "error", "/stac_extensions/0"),
    "undeclared extension": (item(put("/stac_extensions", [])), "error", "/stac_extensions"),
    "dates out of order": (item(put("/properties/end_datetime", "1700-01-01T00:00:00Z")), "error", "/properties/end_datetime"),
    "updated before created": (item(put("/properties/updated", "1990-01-01T00:00:00Z")), "error", "/properties/updated"),
    "bbox off its geometry": (item(put("/bbox/2", 99.5)), "error", "/bbox"),
    "item off the collection's box": (collection(put("/extent/spatial/bbox/0", [0, 0, 1, 1])), "error", "/bbox"),
    "box wider than the items": (collection(put("/extent/spatial/bbox/0/1", -89.9)), "warning", "/extent/spatial/bbox/0"),
    "item off the collection's time": (collection(put("/extent/temporal/interval/0/1", "1999-01-01T00:00:00Z")), "error", "/properties/datetime"),
    "time wider than the items": (collection(put("/extent/temporal/interval/0/0", "1500-01-01T00:00:00Z")), "warning",
                                  "/extent/temporal/interval/0"),
    "item without a file": (collection(link("item", href="./items/none.json")), "error", "/links/"),
    "item linked nowhere": (collection(without_link("item")), "warning", ""),
    "root elsewhere": (item(link("root", href="../collection.json")), "error", "/links/"),
    "parent elsewhere": (item(link("parent", href="../../catalog.json")), "error", "/links/"),
    "no parent": (item(without_link("parent")), "error", "/links"),
    "child without a file": (catalog(link("child", href="./none/collection.json")), "error", "/links/"),
    "link out of the catalogue": (item(link("root", href="../../../../../../../../../etc/passwd")), "error", "/links/"),
    "type of a link": (collection(link("item", type="text/plain")), "warning", "/links/"),
    "other collection": (item(put("/collection", "other")), "error", "/collection"),
    "other id": (item(put("/id", "other")), "warning", "/id"),
    "type of an asset": (item(put("/assets/reference_file/type", "application/netcdf")), "error", "/assets/reference_file/type"),
    "type of a source": (item(put("/assets/data0001/type", "image/png")), "error", "/assets/data0001/type"),
    "unknown cloud format": (item(put("/assets/reference_file/cloud_format", "Kerchunk")), "error", "/assets/reference_file/cloud_format"),
    "asset without a file": (item(put("/assets/reference_file/href", "../products/none.json")), "error", "/assets/reference_file/href"),
    "asset of another size": (item(put("/assets/reference_file/file:size", lambda size: size + 1)), "error", "/assets/reference_file/file:size"),
    "role of an asset": (item(put("/assets/report/roles", ["data"])), "error", "/assets/report/roles"),
    "asset that item_assets lacks": (collection(put("/item_assets/reference_file", None)), "error", "/assets/reference_file"),
    "value that summaries lack": (collection(put("/summaries/variables", ["other"])), "error", "/properties/variables"),
    "no summary": (collection(put("/summaries/cmip6:source_id", None)), "warning", "/summaries"),
    "value that no item has": (collection(put("/summaries/cmip6:source_id", lambda known: [*known, "none"])), "warning",
                               "/summaries/cmip6:source_id"),
    "path of this machine": (item(put("/assets/data0001/href", "file:///nowhere/tas.nc")), "error", "/assets/data0001/href"),
    "no JSON": (item(lambda record: record.clear()), "error", "/type"),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_every_damage_is_found(damaged, what, tmp_path):
    (glob, change), severity, pointer = DAMAGES[what]
    folder = tmp_path / "published"
    shutil.copytree(damaged.folder / "published", folder)
    path = next(folder.glob(glob))
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    answer = run("validate", folder, "--json")
    found = [finding for finding in answer.json["findings"] if finding["severity"] == severity and finding["pointer"].startswith(pointer)]
    assert found, answer.json["findings"]
    assert all(finding["record"] and finding["expected"] and finding["remedy"] for finding in answer.json["findings"])
    assert answer.status == (1 if answer.json["errors"] else 0)
    if severity == "error":
        assert answer.status == 1


def test_two_items_of_one_id_are_found(damaged, tmp_path):
    folder = tmp_path / "published"
    shutil.copytree(damaged.folder / "published", folder)
    first = next(folder.glob("*/items/*.json"))
    shutil.copy(first, first.with_name("double.json"))
    path = next(folder.glob("*/collection.json"))
    record = json.loads(path.read_text())
    for href in ("./items/double.json", f"./items/{first.name}"):
        record["links"].append({"rel": "item", "href": href, "type": "application/geo+json"})
    path.write_text(json.dumps(record))
    found = run("validate", folder, "--json").expect(1).json["findings"]
    assert any(finding["pointer"] == "/id" and "which" in finding["found"] for finding in found), found
    assert any("one link to each record" in finding["expected"] for finding in found), found


def test_hrefs_follow_the_public_urls_of_the_recipe(project):
    project.build()
    warned = run("validate", project.folder / project.name, "--json").expect(0).json
    assert [finding["severity"] for finding in warned["findings"]] == ["warning"]
    project.edit(public_urls=[{"from": "archive", "to": "https://data.example.org/archive"}])
    found = run("validate", project.folder / project.name, "--json").expect(1).json["findings"]
    assert all(finding["expected"].startswith("https://data.example.org/archive/") for finding in found if finding["severity"] == "error")


def test_what_is_no_catalogue_is_said(project):
    assert "nothing" in run("validate", project.folder / "none").expect(2).stderr
    assert "neither catalog.json nor collection.json" in run("validate", project.folder / "archive").expect(2).stderr
    assert "no such file or folder" in run("validate", project.folder / "recipe.yaml").expect(2).stderr, "nothing was built yet"
    one = run("validate", ROOT / "schemas/recipe.json", "--json").expect(1)
    assert one.json["findings"][0]["pointer"] == "/type"


def test_a_build_looks_at_what_is_cheap(project):
    (project.folder / "templates").mkdir()
    (project.folder / "templates/asset.json.j2").write_text(
        '{ {{ key | tojson }}: {{ dict(asset, type="image/png") | tojson }} }' )
    items = project.build(status=1)
    for built in items.values():
        assert built["error"]["kind"] == "validate" and "/type: expected" in built["error"]["message"], built


def written(folder):
    """Every file of an output; JSON without what differs by its nature."""
    def scrubbed(value):
        if isinstance(value, dict):
            return {key: scrubbed(inner) for key, inner in value.items() if key not in TIMES}
        return [scrubbed(inner) for inner in value] if isinstance(value, list) else value

    found = {}
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            if path.suffix == ".json" and path.name != "kerchunk.json":
                content = json.dumps(without_report(scrubbed(json.loads(content))))
            found[path.relative_to(folder).as_posix()] = content
    return found


def without_report(record):
    """The report says how long and when: its size and checksum are of that."""
    report = record.get("assets", {}).get("report", {}) if isinstance(record, dict) else {}
    for field in ("file:size", "file:checksum"):
        report.pop(field, None)
    return record


def test_the_same_input_gives_the_same_bytes(project):
    project.edit(products=["kerchunk", "kerchunk-parquet", "cfa"])
    project.build()
    first = written(project.folder / "published")
    shutil.rmtree(project.folder / "published")
    shutil.rmtree(project.folder / ".altostac")
    project.build()
    again = written(project.folder / "published")
    assert len(first) > 15 and sorted(first) == sorted(again)
    assert [path for path in first if first[path] != again[path]] == []
