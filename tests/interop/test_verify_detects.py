"""`altostac verify` says which reference, value or attribute of a product is not that of the sources."""

import base64
import json
import os
import zlib

import pytest

from archives import make
from oracle import Series, kerchunk
from program import Project

TAS = make.SERIES[0].item_id


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    project = Project.of_fixture(tmp_path_factory.mktemp("verify") / "cmip6")
    project.build()
    project.run("verify", "--json").expect(0)
    return project


@pytest.fixture
def product(good):
    """The references of a good product, and how to write them back; the file is mended afterwards."""
    path = good.kerchunk(TAS)
    content, mode = path.read_bytes(), path.stat().st_mode
    path.chmod(0o644)
    document = json.loads(content)

    def rewrite():
        path.write_text(json.dumps(document))
        assert shows(good, path), "this change does not show in the data"
        answer = good.run("verify", "--json")
        assert answer.status == 1, answer
        assert TAS in answer.stdout and all(one.item_id not in json.dumps(findings(answer.json)) for one in make.SERIES[1:])
        return answer

    yield document["refs"], rewrite
    path.write_bytes(content)
    path.chmod(mode)


def shows(project, path):
    """Whether a reader sees that the product is not its sources."""
    try:
        return Series(project.sources(TAS)).differences(kerchunk(path)) != []
    except (ValueError, RuntimeError, zlib.error):
        return True  # it cannot be read at all


def findings(document, item=None):
    """Every difference of the answer, wherever it stands: objects that say `variable`, with the item around them."""
    if isinstance(document, list):
        return [finding for inner in document for finding in findings(inner, item)]
    if not isinstance(document, dict):
        return []
    item = document.get("item") or document.get("id") or item
    own = [document | {"item": item}] if document.get("variable") else []
    return own + [finding for inner in document.values() for finding in findings(inner, item)]


def chunks(answer, variable):
    """The chunks of a variable that were found wrong: their keys in the product, without the variable."""
    named = [finding["chunk"] for finding in findings(answer.json)
             if finding["item"] == TAS and finding["variable"].strip("/") == variable and finding.get("chunk") is not None]
    return {chunk.removeprefix(f"{variable}/") for chunk in named}


def point(refs, key, at):
    """Lets a reference name the bytes of another chunk, as many as before."""
    refs[key] = [refs[at][0], refs[at][1], refs[key][2]]


def test_one_reference_to_another_chunk(product):
    refs, rewrite = product
    point(refs, "tas/7.0.0", "tas/8.0.0")
    assert chunks(rewrite(), "tas") == {"7.0.0"}


def test_one_reference_to_the_same_chunk_of_another_file(product):
    refs, rewrite = product
    refs["tas/30.0.0"] = refs["tas/6.0.0"]
    assert chunks(rewrite(), "tas") == {"30.0.0"}


def test_most_references_to_one_chunk(product):
    refs, rewrite = product
    wrong = {f"tas/{step}.0.0" for step in range(120) if step not in (0, 50, 51, 119)}
    for key in wrong:
        point(refs, key, "tas/0.0.0")
    assert chunks(rewrite(), "tas") == {key.removeprefix("tas/") for key in wrong}


def test_two_references_exchanged(product):
    refs, rewrite = product
    refs["tas/40.0.0"], refs["tas/100.0.0"] = refs["tas/100.0.0"], refs["tas/40.0.0"]
    assert chunks(rewrite(), "tas") == {"40.0.0", "100.0.0"}


def test_a_reference_some_bytes_aside(product):
    refs, rewrite = product
    url, offset, length = refs["tas/11.0.0"]
    refs["tas/11.0.0"] = [url, offset + 1, length]
    assert chunks(rewrite(), "tas") == {"11.0.0"}


def test_a_reference_left_out(product):
    refs, rewrite = product
    del refs["tas/5.0.0"]
    assert chunks(rewrite(), "tas") == {"5.0.0"}


@pytest.mark.parametrize("variable", ["time", "time_bnds", "height"])
def test_an_inlined_value(product, variable):
    refs, rewrite = product
    key = next(key for key in sorted(refs) if key.startswith(f"{variable}/") and not key.rsplit("/", 1)[1].startswith("."))
    metadata = json.loads(refs[f"{variable}/.zarray"])
    assert not metadata["filters"] and isinstance(refs[key], str), "an inlined variable as it is written"
    text = refs[key]
    data = bytearray(base64.b64decode(text[7:]) if text.startswith("base64:") else text.encode())
    data[len(data) // 2 // 8 * 8 + 6] ^= 0x08
    refs[key] = "base64:" + base64.b64encode(data).decode()
    found = [finding for finding in findings(rewrite().json) if finding["variable"].strip("/") == variable]
    assert found, "the variable is not named"


@pytest.mark.parametrize("name, value", [("units", "degC"), ("cell_methods", "area: time: maximum")])
def test_an_attribute_of_a_variable(product, name, value):
    refs, rewrite = product
    attributes = json.loads(refs["tas/.zattrs"])
    refs["tas/.zattrs"] = json.dumps(attributes | {name: value})
    assert name in rewrite().stdout


def test_a_lost_attribute(product):
    refs, rewrite = product
    attributes = json.loads(refs["tas/.zattrs"])
    del attributes["standard_name"]
    refs["tas/.zattrs"] = json.dumps(attributes)
    assert "standard_name" in rewrite().stdout


def test_a_global_attribute(product):
    refs, rewrite = product
    refs[".zattrs"] = json.dumps(json.loads(refs[".zattrs"]) | {"source_id": "HadGEM2-ES"})
    assert "source_id" in rewrite().stdout


@pytest.mark.parametrize("key, value", [("fill_value", 0.0), ("dtype", ">f4"), ("shape", [119, 12, 16])])
def test_the_description_of_an_array(product, key, value):
    refs, rewrite = product
    refs["tas/.zarray"] = json.dumps(json.loads(refs["tas/.zarray"]) | {key: value})
    assert any(finding["variable"].strip("/") == "tas" for finding in findings(rewrite().json))


def test_a_lost_variable(product):
    refs, rewrite = product
    for key in [key for key in refs if key.startswith("lat_bnds/")]:
        del refs[key]
    assert any(finding["variable"].strip("/") == "lat_bnds" for finding in findings(rewrite().json))


def test_a_source_that_changed_since(good):
    path = good.sources(TAS)[3]
    content, stat = path.read_bytes(), path.stat()
    try:
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        answer = good.run("verify", "--json").expect(1)
        assert path.name in answer.stdout + answer.stderr, answer
    finally:
        path.write_bytes(content)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    good.run("verify", "--json").expect(0)


def test_every_value_finds_nothing_wrong_in_a_good_product(good):
    good.run("verify", "--every-value", "--json").expect(0)
