"""What verification finds of good products and sources that were corrupted in every way: a table of rates, and what is promised of them.

Every item of a project is the same dataset with files of its own, and is corrupted in one way; so one run of `verify` judges all ways.
Stored digests, sizes and times are made to fit afterwards (`Victim.recompute`): only content can tell. What `--every-value` compares bytes of
sources with are the digests that `build` took of small items, or an earlier `--every-value` of any.
"""

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from netCDF4 import Dataset

import mutations
from mutations import DATASETS, IN_SOURCES, MUTATIONS, Victim
from program import ROOT, Project

SEEDS = range(int(os.environ.get("ALTOSTAC_SEEDS", 25 if os.environ.get("ALTOSTAC_FULL") == "1" else 2)))
MODES = {"default": (), "every value": ("--every-value",), "every value, no digests": ("--every-value",)}
CONTROLS = ["control", "control-2"]

# Where there is no digest of the bytes, nothing can tell other values from right ones but a checksum of the format itself.
BYTES = {"a_byte_of_a_chunk_flipped", "a_byte_anywhere_flipped", "sixteen_bytes_of_a_chunk_overwritten", "one_value_written_anew"}

tried, found = Counter(), Counter()
sampled = []  # lines of the table about samples


@pytest.fixture(scope="module", autouse=True)
def table():
    """Written when all is done: for each mutation and mode, how many were found of how many were tried."""
    yield
    names = [name for name in MUTATIONS if any(tried[dataset, name, "default"] for dataset in DATASETS)]
    lines = ["found of tried, over all datasets" + "".join(f"{mode:>26}" for mode in MODES)]
    for name in names:
        lines.append(f"{name:<45}" + "".join(f"{total(found, name, mode):>14} of {total(tried, name, mode):>4}     " for mode in MODES))
    lines.append("\nof bytes of sources, by dataset")
    for name in sorted(BYTES):
        for dataset in DATASETS:
            if tried[dataset, name, "default"]:
                counts = "".join(f"{found[dataset, name, mode]:>14} of {tried[dataset, name, mode]:>4}     " for mode in MODES)
                lines.append(f"{f'{name} · {dataset}':<60}"[:60] + counts)
    lines += ["\nwhere only a sample is compared", *sampled] if sampled else []
    (ROOT / "target").mkdir(exist_ok=True)
    (ROOT / "target/verify-mutations.txt").write_text("\n".join(lines) + "\n")


def total(counter, name, mode):
    return sum(counter[dataset, name, mode] for dataset in DATASETS)


@pytest.fixture(scope="module", params=DATASETS)
def victims(request, tmp_path_factory):
    """The dataset as many times as there are mutations, built and verified."""
    project = mutations.build(tmp_path_factory.mktemp(request.param), request.param, [*CONTROLS, *MUTATIONS], seed=1)
    project.build()
    project.run("verify", "--every-value", "--json").expect(0)
    return request.param, project, {item: Victim(project, item) for item in [*CONTROLS, *MUTATIONS]}


@pytest.mark.parametrize("seed", SEEDS)
def test_corruptions_are_found(victims, seed):
    dataset, project, all_victims = victims
    corrupted = {name for name in MUTATIONS if corrupt(all_victims[name], name, seed)}
    digests, aside = project.folder / ".altostac/recipe/content", project.folder / "content-aside"
    try:
        for mode, options in MODES.items():
            if mode == "every value, no digests" and digests.exists():
                shutil.move(digests, aside)
            answer = project.run("verify", "--json", *options)
            items = {item["id"]: item for item in answer.json["items"]}
            assert answer.status == 1 and all(items[name]["verified"] for name in CONTROLS), [items[name] for name in CONTROLS]
            untouched = set(MUTATIONS) - corrupted
            assert all(items[name]["verified"] for name in untouched), {name: items[name] for name in untouched}
            for name in corrupted:
                tried[dataset, name, mode] += 1
                found[dataset, name, mode] += not items[name]["verified"]
            missed = {name for name in corrupted if items[name]["verified"]}
            assert missed <= (BYTES if mode == "every value, no digests" else set()), (mode, missed)
            named(items, corrupted)
    finally:
        if aside.exists():
            shutil.rmtree(digests, ignore_errors=True)
            shutil.move(aside, digests)
        for victim in all_victims.values():
            victim.mend()
    project.run("verify", "--json").expect(0)


def corrupt(victim, name, seed):
    """Corrupts one item; false if it has nothing to corrupt in this way."""
    before = json.dumps(victim.document)
    random = np.random.default_rng([seed, *name.encode()])
    if MUTATIONS[name](victim, random) is False:
        victim.open()
        return False
    if name not in IN_SOURCES:
        assert json.dumps(victim.document) != before, f"{name} changed nothing"
        victim.put()
    victim.recompute()
    return True


def named(items, corrupted):
    """Wrong references are told by variable and chunk, and changed bytes by file."""
    for name in corrupted & {"one_reference_to_another_chunk", "one_offset_shifted", "two_references_exchanged", "a_reference_left_out"}:
        for difference in items[name]["differences"]:
            assert difference["kind"] == "reference" and difference["chunk"] and difference["variable"], (name, difference)
    for name in corrupted & BYTES:
        if items[name]["differences"]:
            assert any(difference.get("file") for difference in items[name]["differences"]), (name, items[name])


# -- what is sampled, and what is not ----------------------------------------------------------------------------------------


def one_item(folder, **keys):
    """A project of one item over the files of `archive/item`."""
    return Project.of_recipe(folder, {
        "collection": {"id": "made", "title": "Made", "description": "For tests.", "license": "CC-BY-4.0"},
        "sources": [{"root": "archive", "include": ["**/*.nc"]}], "item": {"pattern": "{name}/{rest}.nc", "id": "{{ name }}"},
        "products": ["kerchunk"], "output": "published"} | keys)


def report_of(project):
    return json.loads((project.kerchunk("item").parent / "report.json").read_text())


def verified(project, *options):
    item, = project.run("verify", "--json", *options).json["items"]
    return item


def test_a_sample_finds_its_share_and_every_value_all(tmp_path):
    """Of many chunks without digests some are spoiled: a run finds those of its sample, `--every-value` all of them."""
    random = np.random.default_rng(5)
    for number in range(3):
        mutations.write(tmp_path / f"archive/item/{number}.nc", np.arange(500) + 500 * number, random, names=("tas",), fletcher32=True)
    project = one_item(tmp_path)
    project.build()
    shutil.rmtree(tmp_path / ".altostac/recipe/content")
    victim = Victim(project, "item")
    spoiled = victim.pick(random, 60)
    for key in spoiled:
        url, offset, length = victim.refs[key]
        mutations.flip(Path(url.removeprefix("file://")), offset + random.integers(length), random)
    runs = [verified(project) for _ in range(8)]
    caught = [{difference["chunk"] for difference in run["differences"]} for run in runs]
    assert all(chunks <= set(spoiled) for chunks in caught) and len(set.union(*caught)) > max(map(len, caught)), "one sample each time"
    share = sum(map(len, caught)) / len(runs) / len(spoiled)
    assert 0.08 < share < 0.28, share  # 256 of 1,500 chunks
    all_of_them = verified(project, "--every-value")
    assert {difference["chunk"] for difference in all_of_them["differences"]} == set(spoiled)
    assert all(difference["file"].endswith(".nc") for difference in all_of_them["differences"])
    assert not (tmp_path / ".altostac/recipe/content").exists(), "what is wrong is nothing to compare with later"
    sampled.append(f"60 spoiled chunks of 1,500, no digests: default {share:.1%} of them a run (256 of 1,500 are 17.1%), --every-value 60 of 60")


def test_large_sources_have_digests_from_the_first_run_with_every_value(tmp_path):
    """Values that no checksum guards, of more bytes than are digested unasked."""
    random = np.random.default_rng(6)
    for number in range(2):
        path = tmp_path / f"archive/item/{number}.nc"
        path.parent.mkdir(parents=True, exist_ok=True)
        with Dataset(path, "w", format="NETCDF3_64BIT_OFFSET") as nc:
            for name, length in (("time", None), ("lat", 200), ("lon", 300)):
                nc.createDimension(name, length)
            for name, units, values in (("time", "days since 2000-01-01", np.arange(50) + 50 * number),
                                        ("lat", "degrees_north", np.linspace(-80, 80, 200)), ("lon", "degrees_east", np.arange(300) * 1.2)):
                nc.createVariable(name, "f8", (name,))[:] = values
                nc[name].units = units
            nc.createVariable("tas", "f4", ("time", "lat", "lon"))[:] = random.normal(280, 5, (50, 200, 300))
    project = one_item(tmp_path)
    project.build()
    assert verified(project)["content"] == {"files": 0, "bytes": 0, "taken": 0, "without_digests": 2}
    first = verified(project, "--every-value")
    assert first["verified"] and first["content"]["taken"] == 2, first["content"]
    size = sum(path.stat().st_size for path in (tmp_path / "archive/item").iterdir())
    whole = verified(project, "--every-value")
    assert whole["verified"] and whole["content"] == {"files": 2, "bytes": size, "taken": 0, "without_digests": 0}
    assert 0 < verified(project)["content"]["bytes"] <= 8 << 20
    victim, by_default = Victim(project, "item"), 0
    for round in range(6):
        key, = victim.pick(random)
        url, offset, length = victim.refs[key]
        mutations.flip(Path(url.removeprefix("file://")), offset + random.integers(length), random)
        by_default += not verified(project)["verified"]
        item = verified(project, "--every-value")
        # Records interleave: a time may stand in the same block.
        assert {("source_changed", "tas")} <= {(d["kind"], d["variable"]) for d in item["differences"]} and not item["verified"], item
        assert {d["file"] for d in item["differences"]} == {url.removeprefix("file://")}
        victim.mend()
    sampled.append(f"a byte of {size} without checksums, digests from an earlier --every-value: default {by_default} of 6, --every-value 6 of 6")
    assert verified(project, "--every-value")["verified"]


def test_build_with_every_value_leaves_digests(tmp_path):
    random = np.random.default_rng(7)
    mutations.unfiltered(tmp_path / "archive/item", random)
    project = one_item(tmp_path)
    project.build("--every-value")
    report = report_of(project)
    verification = report["products"][0]["verification"]
    assert verification["every_value"] and verification["sampled_chunks"] == verification["references"]
    assert report["source_bytes"]["taken"] == 4 and verified(project)["content"]["files"] == 4


def test_the_report_says_what_was_compared(tmp_path):
    random = np.random.default_rng(8)
    mutations.with_holes(tmp_path / "archive/item", random)
    project = one_item(tmp_path)
    project.build()
    victim = Victim(project, "item")
    virtual = sum(len(victim.chunks(name)) for name in victim.arrays)
    inlined = sum(len(victim.inlined(name)) for name in victim.arrays)
    report, = verified(project)["reports"]
    missing = 40 - len(victim.chunks("tas")) - len(victim.chunks("pr"))
    expected = {"files": 4, "variables": len(victim.arrays), "references": virtual, "inlined_chunks": inlined, "missing_chunks": missing}
    assert missing == 8 and expected == {key: report[key] for key in expected}
    assert report["attributes"] >= sum(len(victim.metadata(name, ".zattrs")) - 1 for name in victim.arrays)
    every, = verified(project, "--every-value")["reports"]
    assert every["sampled_chunks"] == virtual and every["value_bytes"] >= (virtual - 1) * 6 * 8 * 4
    text = project.run("verify").expect(0).stdout
    for said in ("4 files", f"{virtual} references", f"{inlined} inlined and {missing} missing chunks", f"{report['attributes']} attributes"):
        assert said in text, text


def test_a_run_that_adds_a_file_samples_that_file(tmp_path):
    random = np.random.default_rng(9)
    mutations.filtered(tmp_path / "archive/item", random)
    project = one_item(tmp_path)
    project.build()
    assert report_of(project)["products"][0]["verification"]["sampled_chunks"] == 41
    mutations.write(tmp_path / "archive/item/4.nc", np.arange(3) + 20, random)
    assert project.build()["item"]["status"] == "changed"
    report = report_of(project)
    assert report["products"][0]["verification"]["sampled_chunks"] == 6
    assert report["products"][0]["verification"]["references"] == 47
    # Those that did not change are not opened; verify reads them.
    assert report["source_bytes"] | {"bytes": 0} == {"files": 0, "bytes": 0, "taken": 1, "without_digests": 0}


def test_a_build_does_not_take_spoiled_bytes_for_good_ones(tmp_path):
    random = np.random.default_rng(10)
    mutations.unfiltered(tmp_path / "archive/item", random)
    project = one_item(tmp_path)
    project.build()
    path = tmp_path / "archive/item/1.nc"
    mutations.flip(path, path.stat().st_size - 40, random)
    mutations.write(tmp_path / "archive/item/4.nc", np.arange(3) + 20, random, format="NETCDF3_64BIT_OFFSET")
    error = project.build(status=1)["item"]["error"]
    assert error["kind"] == "verification" and "1.nc" in error["message"] and "--force" in error["message"], error
    # Who knows that it is right says so.
    assert project.build("--force")["item"]["status"] == "changed"
    assert verified(project, "--every-value")["verified"]
