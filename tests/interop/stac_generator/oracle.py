"""Runs stac-generator itself, in an environment of its own: `python oracle.py RECIPES PATH…` prints what it makes of each path, as JSON.

stac-generator 2.0.1 reads recipes and paths; extraction-methods 1.1.4 has the methods. Five of these raise whatever they are given; each is repaired here by
the least that makes it do what its documentation says. Methods that need a server, a Python class or assets are passed over (SKIPPED).
"""

import json
import logging
import sys
import tempfile
import warnings
from importlib.metadata import entry_points
from types import SimpleNamespace

warnings.simplefilter("ignore")
import pkg_resources  # noqa: E402

# Of the packages that it asks for only those are installed that its methods use here.
pkg_resources.EntryPoint.require = lambda *_, **__: None

import extraction_methods.plugins.facet_map as facet_map  # noqa: E402
import extraction_methods.plugins.hash as hashes
import extraction_methods.plugins.header.header as header
import extraction_methods.plugins.json_file as json_file
import extraction_methods.plugins.regex_type_cast as regex_type_cast
from extraction_methods.core.extraction_method import ExtractionMethodConf
from stac_generator.core.generator import Generator

SKIPPED = ["assets", "controlled_vocabulary", "dict_aggregator", "xml"]

logging.disable(logging.CRITICAL)

# `run` reads input.input_term, which the model does not have.
hashes.HashInput.input_term = property(lambda self: self.hash_str)
# literal_eval("int") is no literal.
regex_type_cast.ast = SimpleNamespace(literal_eval={"int": int, "float": float, "str": str}.__getitem__)


def run_facet_map(self, body):
    # The loop lacks `.items()`.
    for old, new in self.input.term_map.items():
        if old in body:
            body[new] = body.pop(old)
    return body


def run_header(self, body):
    # The entry points are never loaded, the backend has no `name`, and it is called with its inputs instead of its configuration.
    backend = entry_points(group=self.entry_point_group)[self.input.backend.method].load()
    return backend(ExtractionMethodConf(method=self.input.backend.method, inputs=self.input.backend.inputs))._run(body)


def run_json_file(self, body):
    # What it finds goes under the name of the file, against its documentation.
    with open(self.input.path, encoding="utf-8") as file:
        found = json.load(file)
    return body | {one.output_key: found[one.key] for one in self.input.properties if one.key in found}


facet_map.FacetMapExtract.run = run_facet_map
header.HeaderExtract.run = run_header
json_file.JsonFileExtract.run = run_json_file


def plain(value):
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value.tolist()


with tempfile.NamedTemporaryFile("w", suffix=".txt") as lines:
    lines.writelines(json.dumps({"uri": path}) + "\n" for path in sys.argv[2:])
    lines.flush()
    output = {"name": "standard_out"}
    generator = Generator({"generator": "item", "recipes_root": sys.argv[1], "outputs": [output], "failed_outputs": [dict(output)],
                           "inputs": [{"name": "text_file", "conf": {"path": lines.name}}]})
    bodies = {}
    for body in generator.inputs[0].run():
        path = body["uri"]
        recipe = generator.recipes.get(path, "item")
        methods = [method for method in recipe.extraction_methods if method.method not in SKIPPED]
        # A condition that only Python evaluates is not carried over, nor what stands under it.
        methods = [method for method in methods if "len(" not in str(method.inputs.get("condition"))]
        # The release of stac-generator on the package index calls methods as extraction-methods 1.0 had them, which lacks some: they run
        # themselves, as they run those within them.
        for method in methods:
            body = ExtractionMethodConf(method=method.method, inputs=method.inputs)._run(body)
        bodies[path] = body
json.dump(bodies, sys.stdout, default=plain)
