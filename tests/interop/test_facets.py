"""Facets beyond the path: attributes, sidecars, lookups and vocabularies, against netCDF4's view of the files."""

import csv
import json
import os

import netCDF4
import pytest

from program import Project, snapshot

PATTERN = "{folders:**}/{filename}.nc"
# `{filename}` is tas_Amon_UKESM1-0-LL_historical_r1i1p1f2_gn_185001-185012
NAME = {"pattern": "{variable}_{table}_{model}_{experiment}_{member}_{grid}_{period}", "from": "filename"}
IDENTITY = "{{ model }}.{{ experiment }}.{{ variable }}"


def with_facets(project, *rules, identity=IDENTITY, **item):
    recipe = project.recipe
    recipe["item"] = {"pattern": PATTERN, "id": identity, "facets": [NAME, {"remove": ["folders"]}, *rules]} | item
    project.write(recipe)
    return project


def attributes(path, variable=None):
    with netCDF4.Dataset(path) as file:
        holder = file[variable] if variable else file
        return {name: holder.getncattr(name) for name in holder.ncattrs()}


def sources(project, item):
    return [path for path in sorted((project.folder / "archive").rglob("*.nc"))
            if {asset["href"].rsplit("/", 1)[-1] for key, asset in item["assets"].items() if key.startswith("data0")} & {path.name}]


def test_attributes_are_properties_and_ids(project):
    with_facets(project,
                {"attributes": {"mip": "mip_era", "parent": "nothing"}, "missing": "ignore"},
                {"attributes": {"long_name": "long_name", "unit": "units"}, "variable": "{{ variable }}"},
                {"set": {"identity": "{{ mip }}.{{ model | lower }}.{{ variable }}"}},
                identity="{{ identity }}", properties={"x:unit": "{{ unit }}"})
    built = project.build()
    assert len(built) == 3
    for item_id, item in project.items.items():
        properties = item["properties"]
        first = sources(project, item)[0]
        whole, variable = attributes(first), attributes(first, properties["variable"])
        assert item_id == f"{whole['mip_era']}.{properties['model'].lower()}.{properties['variable']}"
        assert properties["long_name"] == variable["long_name"] and properties["x:unit"] == variable["units"]
        assert "parent" not in properties and "period" not in properties and "folders" not in properties

    # Nothing changed: no file is opened.
    before = snapshot(project.folder)
    again = project.run("build", "--json").expect(0).json
    assert {item["status"] for item in again["items"]} == {"unchanged"} and again["traffic"]["files"] == 0
    assert snapshot(project.folder) == before
    # Other bytes under the same size and time: the time of change of the inode tells.
    path = next((project.folder / "archive").rglob("*.nc"))
    stat = path.stat()
    path.write_bytes(b"x" * stat.st_size)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    failed = [item for item in project.run("plan", "--json").expect(1).json["items"] if "error" in item]
    assert len(failed) == 1 and path.name in str(failed[0])


def test_a_file_that_changed_is_asked_again(project):
    with_facets(project, {"attributes": {"origin": "institution_id"}})
    project.build()
    item_id, item = next(iter(project.items.items()))
    for path in sources(project, item):
        with netCDF4.Dataset(path, "a") as file:
            file.institution_id = "ELSEWHERE"
    assert project.build()[item_id]["status"] == "changed"
    assert project.items[item_id]["properties"]["origin"] == "ELSEWHERE"


def test_an_attribute_that_differs_within_an_item_is_an_error_where_it_is_used(project):
    with_facets(project, {"attributes": {"origin": "institution_id"}}, properties={"from": "{{ origin }}"})
    item = next(iter(project.build()))
    first = sources(project, project.items[item])[0]
    with netCDF4.Dataset(first, "a") as file:
        file.institution_id = "ELSEWHERE"
    failed = project.build(status=1)[item]
    assert failed["status"] == "failed"
    assert "facet origin is " in failed["error"]["message"] and "ELSEWHERE" in failed["error"]["message"]
    assert "property from uses it" in failed["error"]["message"]


def test_a_missing_attribute_names_rule_and_file(project):
    with_facets(project, {"attributes": ["nothing_of_the_kind"]})
    answer = project.run("build", "--json").expect(1)
    error = answer.json["items"][0]["error"]
    assert "item.facets[2] finds no nothing_of_the_kind" in error["message"] and "missing: ignore" in error["message"]


@pytest.mark.parametrize("form", ["csv", "json", "yaml"])
def test_sidecars_and_lookups(project, form):
    rows = [{"model": "MIROC6", "experiment": "historical", "contact": "Aiko, Tokyo", "levels": 81},
            {"model": "NorESM2-LM", "experiment": "historical", "contact": "Kari \"K\"", "levels": 32}]
    table = project.folder / f"people.{form}"
    if form == "csv":
        with open(table, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        table.write_text(json.dumps(rows))
    (project.folder / "countries.csv").write_text("MIROC6,Japan\nNorESM2-LM,Norway\n")
    with_facets(project,
                {"sidecar": table.name, "by": ["model", "experiment"], "missing": "ignore"},
                {"map": "countries.csv", "from": "model", "to": "country", "missing": "ignore"},
                {"default": {"contact": "nobody"}},
                {"cast": {"levels": "int"}},
                {"hash": "{{ model }}", "algorithm": "md5", "to": "key"},
                {"join": "both", "facets": ["table", "variable"], "with": "/"})
    project.build()
    for item in project.items.values():
        found = item["properties"]
        row = next((row for row in rows if row["model"] == found["model"] and row["experiment"] == found["experiment"]), None)
        assert found["contact"] == (row["contact"] if row else "nobody")
        assert found.get("levels") == (row["levels"] if row else None)
        assert found.get("country") == {"MIROC6": "Japan", "NorESM2-LM": "Norway"}.get(found["model"])
        assert found["both"] == f"{found['table']}/{found['variable']}" and len(found["key"]) == 32

    # What stands beside the recipe is part of it: records are made anew, products stand.
    revisions = {item_id: item["revision"] for item_id, item in project.build().items()}
    table.write_text(table.read_text().replace("Tokyo", "Kyoto"))
    assert {item["action"] for item in project.run("plan", "--json").expect(0).json["items"]} == {"redescribed"}
    assert {item_id: item["revision"] for item_id, item in project.build().items()} == revisions
    assert any("Kyoto" in item["properties"]["contact"] for item in project.items.values())


SKOS = """@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
<http://v/MIROC> a skos:Concept ; skos:notation "MIROC6" ; skos:prefLabel "Model for Interdisciplinary Research on Climate"@en .
<http://v/Nor> a skos:Concept ; skos:prefLabel "NorESM2-LN"@en .
"""


def test_vocabularies_stop_or_tell(project):
    (project.folder / "models.ttl").write_text(SKOS)
    models = sorted({path.name.split("_")[2] for path in (project.folder / "archive").rglob("*.nc")})
    assert "NorESM2-LM" in models and "MIROC6" in models
    with_facets(project, vocabularies={"model": {"file": "models.ttl", "on_unknown": "warn"}})
    answer = project.run("build", "--json").expect(0)
    assert len(answer.json["warnings"]) == len(models) - 1
    assert 'facet model is "NorESM2-LM"' in answer.stderr and 'did you mean "NorESM2-LN"?' in answer.stderr

    with_facets(project, vocabularies={"model": "models.ttl"})
    failed = {item["id"]: item for item in project.run("build", "--json").expect(1).json["items"]}
    for item_id, item in failed.items():
        assert (item["status"] == "failed") == (not item_id.startswith("MIROC6")), item
    message = next(item["error"]["message"] for item_id, item in failed.items() if item_id.startswith("NorESM2-LM"))
    assert 'facet model is "NorESM2-LM" in ' in message and "models.ttl" in message and "NorESM2-LN" in message


@pytest.mark.parametrize("template, told", [
    ("{% include '/etc/passwd' %}", "uses the statement include"),
    ("{{ 'x' * 100000000000 }}", "multiplies"),
    ("{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}", "range"),
    ("{{ model | indent(1000000000) }}", "indent"),
])
def test_a_hostile_template_ends_in_an_error(project, template, told):
    with_facets(project, {"set": {"x": template}})
    answer = project.run("plan")
    assert answer.status in (1, 2) and told in answer.stdout + answer.stderr, answer
    with_facets(project, identity=template + "{{ model }}")
    answer = project.run("plan").expect(2)
    assert told in answer.stderr and "item.id" in answer.stderr


def test_a_template_that_does_not_end_fails_its_items(project):
    loops = "".join(f"{{% for a{n} in filename %}}" for n in range(9))
    with_facets(project, {"set": {"x": loops + "x" + "{% endfor %}" * 9}})
    items = project.run("plan", "--json").expect(1).json["items"]
    assert all("item.facets[2] cannot set x" in item["error"]["message"] for item in items)


def test_misspelt_names_have_line_and_spelling(project):
    with_facets(project, {"cast": {"perod": "int"}})
    stderr = project.run("plan").expect(2).stderr
    assert "item.facets[2].cast.perod names perod, which is no facet that is known there; did you mean period?" in stderr
    line = int(stderr.split("recipe.yaml:")[1].split(":")[0])
    assert "perod" in (project.folder / project.name).read_text().splitlines()[line - 1]
