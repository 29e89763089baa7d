"""What a plan tells of an archive that changed; guards; files that are written while they are read; sources that went stale."""

import os
import shutil
import tempfile
import threading
import time
from dataclasses import replace

from archives import make, recipe
from oracle import Series, kerchunk
from program import Project, snapshot

HURS, TASMAX, TAS = sorted(one.item_id for one in make.SERIES)


def variants():
    """Two contents of the first file of a series, of one size."""
    series = next(one for one in make.SERIES if one.item_id == TAS)
    with tempfile.TemporaryDirectory() as folder:
        both = [make.write(one, folder, *series.years_of_files[0]).read_bytes()
                for one in (series, replace(series, creation="2020-01-01T00:00:00Z"))]
    assert both[0] != both[1] and len(both[0]) == len(both[1])
    return both


def plan(project, *arguments, status=0):
    answer = project.run("plan", "--json", *arguments).expect(status).json
    return answer, {item["id"]: item for item in answer["items"]}


def many(tmp_path, count):
    """A project of so many small items."""
    source = make.write(make.SERIES[0], tmp_path / "one", 2001, 2001)
    for number in range(1, count + 1):
        target = tmp_path / "archive" / source.relative_to(tmp_path / "one").as_posix().replace("r1i1p1f2", f"r{number}i1p1f2")
        target.parent.mkdir(parents=True)
        shutil.copyfile(source, target)
    project = Project.of_recipe(tmp_path / "project", recipe(tmp_path / "archive"))
    project.build()
    return project


def test_a_plan_names_files_and_reasons(project):
    project.build()
    tas, hurs = project.sources(TAS), project.sources(HURS)
    before = tas[0].stat().st_mtime_ns
    tas[0].write_bytes(variants()[1])
    os.utime(tas[0], ns=(1, before - 10**9))
    with open(tas[1], "ab") as file:
        file.write(b"more")
    tas[2].rename(tas[2].with_name("another-name.nc"))
    tas[3].unlink()
    shutil.copyfile(tas[4], tas[4].with_name("new.nc"))
    elsewhere = project.folder / "archive" / TASMAX.replace(".", "/") / hurs[0].name
    hurs[0].rename(elsewhere)
    answer, items = plan(project)
    changes = items[TAS]["changes"]
    assert items[TAS]["action"] == "changed"
    assert [path.split("/")[-1] for path in changes["added"]] == ["new.nc"]
    assert changes["removed"] == [str(tas[3])] and changes["unchanged"] == 1
    whys = {change["file"]: change["why"] for change in changes["changed"]}
    assert "clock was set back" in whys[str(tas[0])] and "bytes, before" in whys[str(tas[1])]
    assert changes["renamed"] == [{"from": str(tas[2]), "to": str(tas[2].with_name("another-name.nc"))}]
    # A file that moved to another item is told in both, and counted once.
    moved = [{"from": str(hurs[0]), "to": str(elsewhere)}]
    assert items[HURS]["changes"]["renamed"] == moved == items[TASMAX]["changes"]["renamed"]
    counts = answer["counts"]
    assert {key: count for key, count in counts.items() if count and key != "files_unchanged"} == {
        "changed": 3, "files_added": 1, "files_changed": 2, "files_removed": 1, "files_renamed": 2}
    text = project.run("plan").stdout
    assert f"~ {TAS}  1 file added, 1 file removed, 2 files changed, 1 file renamed" in text
    assert f"    > {tas[2]} → {tas[2].with_name('another-name.nc')}" in text and "3 to rebuild" in text


def test_no_more_items_go_than_the_guard_lets(tmp_path):
    project = many(tmp_path, 10)
    folders = sorted((tmp_path / "archive").rglob("v*"))
    ids = sorted(project.items)
    for folder in folders[:2]:
        shutil.rmtree(folder)
    answer, _ = plan(project)
    assert answer["counts"]["removed"] == 2 and answer["problems"] == []
    shutil.rmtree(folders[2])
    answer, items = plan(project, status=1)
    assert (answer["counts"]["removed"], answer["counts"]["stopped"]) == (0, 3)
    assert "20%" in answer["problems"][0] and sum(item.get("stopped", False) for item in items.values()) == 3
    # The rest is done.
    new = make.write(make.SERIES[1], tmp_path / "archive", 2001, 2001)
    built = project.build(status=1)
    assert sorted(item["status"] for item in built.values()) == ["added"] + ["unchanged"] * 10
    assert set(ids) < set(project.items)
    project.build("--force", status=1)
    assert set(ids) < set(project.items), "--force is about building"
    # A larger share by the recipe, or by word.
    project.edit(guard={"max_removed": 3})
    assert plan(project)[0]["counts"]["removed"] == 3
    project.edit(guard={"max_removed": "0%"})
    plan(project, status=1)
    assert plan(project, "--allow-removal")[0]["counts"]["removed"] == 3
    built = project.build("--allow-removal")
    assert sorted(item["status"] for item in built.values()) == ["removed"] * 3 + ["unchanged"] * 8
    assert new.exists() and len(project.items) == 8
    # What only has another name is not lost.
    remaining = sorted((tmp_path / "archive").rglob("v*"))
    remaining[0].rename(remaining[0].with_name("v20300101"))
    built = project.build()
    assert sorted(item["status"] for item in built.values()) == ["added", "removed"] + ["unchanged"] * 7


def test_an_archive_that_is_not_mounted_takes_nothing_with_it(tmp_path):
    shutil.rmtree(tmp_path / "b", ignore_errors=True)
    for number in range(1, 10):
        make.write(make.SERIES[0], tmp_path / "a", 2000 + number, 2000 + number)
        folder = tmp_path / "a" / make.SERIES[0].folder
        folder.rename(folder.with_name(f"v{number}"))
    make.write(make.SERIES[1], tmp_path / "b", 2001, 2001)
    keys = recipe(tmp_path / "a")
    keys["sources"].append({"root": str(tmp_path / "b")})
    project = Project.of_recipe(tmp_path / "project", keys)
    before = sorted(project.build())
    assert len(before) == 10
    # One of two roots is empty, though its one item is only a tenth.
    (tmp_path / "b/CMIP6").rename(tmp_path / "away")
    answer = project.run("build", "--json").expect(1).json
    assert "may not be mounted" in answer["problems"][0] and str(tmp_path / "b") in answer["problems"][0]
    assert sorted(project.items) == before
    # The folder itself is missing, or all is empty: nothing is done, whatever is allowed.
    (tmp_path / "b").rmdir()
    assert project.run("build", "--allow-removal").expect(2).stderr
    (tmp_path / "b").mkdir()
    (tmp_path / "a/CMIP6").rename(tmp_path / "gone")
    assert "no files found" in project.run("build", "--allow-removal").expect(2).stderr
    assert sorted(project.items) == before


def test_a_file_that_is_being_written_is_read_again_or_named(project):
    """Another program replaces a file again and again; once it is done, the item is what the file holds."""
    project.build()
    path = project.sources(TAS)[2]
    whole, done = path.read_bytes(), threading.Event()

    def write():
        while not done.is_set():
            path.write_bytes(whole)
            time.sleep(0.001)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        items = project.build(status=1)
    finally:
        done.set()
        writer.join()
    error = items[TAS]["error"]
    assert error["kind"] == "source_changed" and path.name in error["message"], error
    assert {items[HURS]["status"], items[TASMAX]["status"]} == {"unchanged"}
    assert items[TAS]["revision"] == 1, "what stood before stands"
    items = project.build()
    assert items[TAS]["status"] == "changed"
    assert Series(project.sources(TAS)).differences(kerchunk(project.kerchunk(TAS))) == []


def test_a_change_right_after_a_build_is_seen(project):
    """However coarse the clock of the file system is: a time at which a file might still change is never remembered."""
    path = project.sources(TAS)[0]
    contents = variants()
    for number in range(6):
        path.write_bytes(contents[number % 2])
        assert project.build()[TAS]["status"] in ("added", "changed"), number
        path.write_bytes(contents[(number + 1) % 2])
        assert plan(project)[1][TAS]["action"] == "changed", number
    # A time in whole seconds, as FAT and old servers tell them.
    now = int(time.time()) + 1
    os.utime(path, (now, now))
    begun = time.time()
    project.build()
    assert time.time() - begun >= 2, "it was not waited for a clock that tells whole seconds"


def test_bytes_that_were_replaced_under_the_same_size_and_time(project):
    """As by `rsync --times` of another version: only who reads the bytes can see it."""
    project.edit(fingerprints="checksum")
    path, (one, other) = project.sources(TAS)[0], variants()
    path.write_bytes(one)
    project.build()
    moment = path.stat().st_mtime_ns
    path.write_bytes(other)
    os.utime(path, ns=(moment, moment))
    _, items = plan(project)
    assert items[TAS]["changes"]["changed"] == [{"file": str(path), "why": "other bytes, of the same size and time"}]
    assert {item["action"] for item_id, item in items.items() if item_id != TAS} == {"unchanged"}
    assert project.build()[TAS]["status"] == "changed"
    assert project.build()[TAS]["status"] == "unchanged"
    project.run("verify", "--every-value").expect(0)


def test_files_that_are_touched_are_what_they_were(project):
    """As by a copy without times, or a backup that was restored: their bytes are read once, and nothing is written but the ledger."""
    project.build()
    tas, hurs = project.sources(TAS), project.sources(HURS)
    published = project.folder / "published"
    before = snapshot(published)
    for path in tas[:2]:
        os.utime(path, ns=(1, path.stat().st_mtime_ns - 10**9))
    os.utime(hurs[0], (time.time() - 60, time.time() - 60))
    answer, items = plan(project)
    assert {item["action"] for item in items.values()} == {"unchanged"} and answer["counts"]["files_touched"] == 3
    assert "3 touched" in project.run("plan").stdout
    assert project.run("verify", "--sources").status == 1
    assert {item["status"] for item in project.build().values()} == {"unchanged"}
    assert snapshot(published) == before
    project.run("verify", "--sources").expect(0)
    project.run("verify", "--every-value").expect(0)
    assert plan(project)[0]["counts"]["files_touched"] == 0
    # And again, from what they are now.
    os.utime(tas[0], (time.time() - 30, time.time() - 30))
    assert plan(project)[0]["counts"]["files_touched"] == 1
    tas[0].write_bytes(variants()[1])
    os.utime(tas[0], (time.time() - 30, time.time() - 30))
    assert plan(project)[1][TAS]["action"] == "changed"
    assert project.build()[TAS]["status"] == "changed"


def test_a_time_that_a_record_or_a_product_tells_is_told_anew(project):
    project.edit(stac={"profile": "default"})
    template = project.folder / "templates/asset.json.j2"
    template.parent.mkdir()
    template.write_text('{ {{ key | tojson }}: {{ dict(asset, updated=modified or updated) | tojson }} }')
    project.build()
    path = project.sources(TAS)[0]

    def touch(seconds):
        moment = int(time.time()) - seconds
        os.utime(path, (moment, moment))
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))

    told = touch(100)
    assert plan(project)[1][TAS]["action"] == "redescribed"
    built = project.build()
    assert (built[TAS]["status"], built[TAS]["revision"], built[HURS]["status"]) == ("changed", 1, "unchanged")
    assert told in {asset.get("updated") for asset in project.items[TAS]["assets"].values()}
    touch(90)
    assert plan(project)[1][TAS]["action"] == "redescribed", "its digests are of the file as it is now"
    # A table of sources tells them too, and Icechunk's readers compare them.
    template.unlink()
    table = {"stac": {"profile": "default", "source_assets": 2}}
    icechunk = {"stac": {"profile": "default"}, "products": ["icechunk"], "public_urls": []}
    for seconds, keys in (80, table), (70, icechunk):
        project.edit(**keys)
        project.build()
        touch(seconds)
        assert plan(project)[1][TAS]["action"] == "changed", keys
        assert project.build()[TAS]["status"] == "changed"


def test_stale_sources_are_told_without_opening_any(project):
    project.build()
    fresh = project.run("verify", "--sources", "--json").expect(0).json
    assert (fresh["items"], fresh["sources"], fresh["stale"]) == (3, 15, [])
    tas, hurs = project.sources(TAS), project.sources(HURS)
    os.utime(tas[0])
    hurs[1].unlink()
    # What cannot be opened can be looked at.
    tas[1].chmod(0)
    answer = project.run("verify", "--sources", "--json").expect(1).json
    found = {source["file"]: source for item in answer["stale"] for source in item["sources"]}
    assert {path: source["state"] for path, source in found.items()} == {str(tas[0]): "changed", str(hurs[1]): "vanished"}
    references = str(kerchunk_text(project, TAS)).count(tas[0].name)
    assert found[str(tas[0])]["references"] == references > 0
    assert found[str(hurs[1])]["products"] == ["kerchunk"]
    text = project.run("verify", "--sources").expect(1).stdout
    assert f"vanished {hurs[1]}" in text and "2 of 15 sources of 3 items" in text
    only = project.run("verify", "--sources", "--json", "--item", TASMAX).expect(0).json
    assert only["items"] == 1


def kerchunk_text(project, item_id):
    return project.kerchunk(item_id).read_text()
