"""STAC schemas without a network: every one that stands in schemas/stac, under each URL that a record may name it by."""

import json
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from unittest import mock

import jsonschema
import referencing
from referencing.jsonschema import DRAFT7

from program import ROOT, SHARED

VENDORED = ROOT / "schemas/stac"
EXTENSIONS = "https://stac-extensions.github.io"
CORE = "https://schemas.stacspec.org/v1.1.0"


@cache
def registry():
    """The independent collection beside the project where there is one, else the vendored copy."""
    folder = SHARED / "stac-schemas" if (SHARED / "stac-schemas").is_dir() else VENDORED
    found = []
    for path in sorted(folder.rglob("*.json")):
        schema = json.loads(path.read_text())
        if not isinstance(schema, dict):
            continue
        place = path.relative_to(folder).as_posix()
        resource = referencing.Resource.from_contents(schema, default_specification=DRAFT7)
        # common.json of 1.1.0 has an $id that nobody refers to it by: the path counts as well.
        names = {schema.get("$id", "").rstrip("#"), f"{EXTENSIONS}/{place}", f"https://schemas.stacspec.org/{place}",
                 f"https://schemas.stacspec.org/{place.removeprefix('stac-spec/')}", f"https://{place}"}
        found += [(name, resource) for name in names if name]
    return referencing.Registry().with_resources(found)


def errors(record):
    """What the schemas of the record's type and of each extension it names say against it."""
    core = {"Feature": "item-spec/json-schema/item.json", "Collection": "collection-spec/json-schema/collection.json",
            "Catalog": "catalog-spec/json-schema/catalog.json"}[record["type"]]
    found = []
    for url in [f"{CORE}/{core}", *record.get("stac_extensions", [])]:
        schema = registry().get_or_retrieve(url.rstrip("#")).value.contents
        validator = jsonschema.Draft7Validator(schema, registry=registry(), format_checker=jsonschema.FormatChecker())
        found += [f"{url}: {'/'.join(map(str, error.path))}: {error.message[:300]}" for error in validator.iter_errors(record)]
    return found


# -- stac-check --------------------------------------------------------------------------------------------------------------


def offline(url):
    """A schema by any URL that it goes by."""
    return registry().get_or_retrieve(url.rstrip("#")).value.contents


@contextmanager
def stac_check():
    """stac-check without a network: what it finds of the record in a file, in words; nothing if it has looked at schemas and all is well."""
    from stac_check import lint
    from stac_validator import utilities, validate

    fetch = utilities.fetch_and_parse_schema

    def vendored(path):
        try:
            return offline(path)
        except Exception:
            assert not path.startswith("http"), f"{path} is not vendored"
            return fetch(path)

    def check(path):
        found = lint.Linter(str(path), config_file=str(Path(__file__).with_name("stac-check.yml")))
        said = [] if found.valid_stac else [f"{found.error_type}: {found.error_msg}"]
        said += [] if found.schema else ["it looked at no schema"]
        practices = found.create_best_practices_dict()
        west, _, east, *_ = json.loads(Path(path).read_text()).get("bbox", (0, 0, 0))
        if west > east:
            # It takes the least and the greatest longitude of a geometry that is cut at the antimeridian for its box (RFC 7946, 5.2, does not).
            practices.pop("bbox_geometry_mismatch", None)
        return said + [text for texts in practices.values() for text in texts if text.strip()]

    with mock.patch.object(utilities, "fetch_and_parse_schema", vendored), \
            mock.patch.object(validate, "fetch_and_parse_schema", vendored, create=True):
        yield check
