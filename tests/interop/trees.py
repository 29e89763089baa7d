"""The trees of ../shared/corpus/archive, with a recipe for each: what a curator would write for them."""

from dataclasses import dataclass, field

import yaml

from program import ROOT, SHARED

ARCHIVE = SHARED / "corpus/archive"
MINI = "mini-esgf-data"

CMIP5 = ("institute", "model", "experiment", "frequency", "realm", "table", "ensemble")

# What the recipe says where the files say nothing.
GLOBE = {"type": "Polygon", "coordinates": [[[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]]}
CENTURY = {"start": "2001-01-01", "end": "2100-12-31"}
STAND_INS = {"geometry": GLOBE, "datetime": CENTURY}


@dataclass(frozen=True)
class Tree:
    """One tree: where it is, and how its paths become items."""

    name: str
    root: str
    pattern: str
    id: str
    include: tuple = ("**/*.nc",)
    exclude: tuple = ()
    stand_ins: dict = field(default_factory=dict)
    reduced: bool = False  # whether the normal run looks at it too

    @property
    def folder(self):
        return ARCHIVE / self.root

    def recipe(self, **keys):
        source = {"root": str(self.folder), "include": list(self.include)}
        source |= {"exclude": list(self.exclude)} if self.exclude else {}
        return {
            "collection": {"id": self.name, "title": self.name, "description": "For tests.", "license": "other"},
            "sources": [source],
            "item": {"pattern": self.pattern, "id": self.id} | self.stand_ins,
            "products": ["kerchunk"],
            "output": "published",
        } | keys


def _facets(names, separator="/"):
    return separator.join("{%s}" % name for name in names)


def _id(*names):
    return ".".join("{{ %s }}" % name for name in names)


def _drs(name, root, before, facets, **keys):
    """A tree whose folders are the facets, the file name last."""
    return Tree(name, root, f"{before}{_facets(facets)}/{{filename}}", f"{name}.{_id(*facets)}", **keys)


def _copied(name, recipe, root, **keys):
    """A tree with one of the recipes that users copy (fixtures/recipes)."""
    item = yaml.safe_load((ROOT / f"fixtures/recipes/{recipe}.yaml").read_text())["item"]
    stand_ins = {key: item[key] for key in STAND_INS if key in item}
    return Tree(name, root, item["pattern"], item["id"], stand_ins=stand_ins, **keys)


def _single(name, root, include=("*.nc",), **keys):
    """A folder of files that are each an item."""
    return Tree(name, root, "{stem}.{extension}", "{{ stem }}-{{ extension }}", include, **keys)


TREES = [
    _copied("cmip6", "cmip6", f"{MINI}/badc/cmip6/data", exclude=("**/files/**",)),
    Tree("cmip6-files", f"{MINI}/badc/cmip6/data", "CMIP6/{dataset:**}/files/{version}/{filename}", "{{ version }}",
         include=("**/files/**/*.nc",)),
    _copied("cmip5", "cmip5", f"{MINI}/badc/cmip5/data", reduced=True),
    _drs("c3s-cmip5", f"{MINI}/gws/nopw/j04/cp4cds1_vol1/data/c3s-cmip5", "", ("product", *CMIP5, "variable", "version")),
    _drs("c3scmip5", f"{MINI}/pool/data/C3SCMIP5", "", (*CMIP5, "variable", "version")),
    _copied("c3s-cordex", "cordex", f"{MINI}/gws/nopw/j04/cp4cds1_vol1/data", include=("c3s-cordex/**/*.nc",)),
    _copied("cordex", "cordex", f"{MINI}/pool/data/CORDEX/data", reduced=True),
    _copied("c3scordex", "cordex", f"{MINI}/pool/data/C3SCORDEX/data"),
    Tree("c3s-cica-atlas", f"{MINI}/pool/data/c3s-cica-atlas", "{folder:**}/{stem}.nc", "{{ stem }}"),
    Tree("c3s-ipcc-ar6-atlas", f"{MINI}/pool/data/c3s-ipcc-ar6-atlas", "{folder:**}/{stem}.nc", "{{ stem }}"),
    _single("iris", "iris-sample-data", reduced=True),
    Tree("nemo", "iris-sample-data/NEMO", "nemo_{step}_{dates}_{grid}.nc", "nemo_{{ step }}_{{ grid }}"),
    _single("xarray", "xarray-data"),
    Tree("padocc", "padocc/data_creator", "{dataset}/{filename}", "{{ dataset }}"),
    _single("cf-python", "cf-python/sample_files"),
    Tree("cfapyx", "CFAPyX", "{dataset}/{filename}", "{{ dataset }}"),
    Tree("hidefix", "hidefix", "{month}.nc4", "months", include=("*.nc4",)),
    _single("hidefix-dmrpp", "hidefix/dmrpp", include=("*.h5",)),
    _single("kerchunk", "kerchunk", include=("*.nc", "*.h5", "*.hdf5")),
]
# Files of many origins, few of which say where or when they are: once as they are, once with what a recipe can say.
LOOSE = ("iris", "xarray", "padocc", "cf-python", "cfapyx", "hidefix", "hidefix-dmrpp", "kerchunk")


def tree(name):
    return next(tree for tree in TREES if tree.name == name)
