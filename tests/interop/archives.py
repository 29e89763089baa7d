"""Archives for tests: the makers of fixtures/cmip6, and a recipe for a folder laid out like it."""

import importlib.util
import sys

from program import FIXTURE

_spec = importlib.util.spec_from_file_location("cmip6_make", FIXTURE / "make.py")
make = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = make
_spec.loader.exec_module(make)

# A region that crosses the antimeridian, as a data set of the archive: no other item of the fixture is not global.
PACIFIC = make.Series("ScenarioMIP", "MOHC", "UKESM1-0-LL", "ssp126", "r1i1p1f2", "Amon", "tas", "v20190503", "360_day",
                      ((2030, 2030), (2031, 2031)), 6, 8, make.SERIES[0].attributes, longitude_range=(150.0, 214.0),
                      latitude_range=(-30.0, 30.0))

FACETS = ("activity_id", "institution_id", "source_id", "experiment_id", "variant_label", "table_id", "variable_id", "grid_label",
          "version")


def recipe(root, **keys):
    """A recipe for any archive in the layout of CMIP6 whose folder `CMIP6` stands in `root`."""
    return {
        "collection": {"id": "cmip6", "title": "CMIP6", "description": "For tests.", "license": "CC-BY-4.0"},
        "sources": [{"root": str(root), "include": ["**/*.nc"]}],
        "item": {"pattern": "CMIP6/" + "/".join("{%s}" % facet for facet in FACETS) + "/{filename}",
                 "id": "CMIP6." + ".".join("{{ %s }}" % facet for facet in FACETS)},
        "products": ["kerchunk"],
        "output": "published",
    } | keys
