"""What a change of one file costs beside building everything: seconds, files opened, bytes written, requests that write to the API.

    python benches/incremental.py [--data FOLDER] [--bin target/release/altostac] [--files 365] [--many 10000] [--products kerchunk,cfa,…]

Data A of ../shared/bench/gen_bench.py (365 daily files), copied, once as one item and once as an item a day; one file is added, changed (one byte
more behind its end) and removed, with a sync after each. The API is altostac's own, of another recipe, behind a proxy that counts. Then the run without a change over
10,000 files (benches/memory_curve.py makes them), the least of five, as one item and as an item a file; and one more file at its end. Bytes written are those that the kernel counted for the process.
Figures of a shared machine: quote the ratios of one run, never the seconds.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "benches"), str(ROOT / "tests/interop")]

import memory_curve  # noqa: E402
from store_proxy import StoreProxy  # noqa: E402

RECIPE = {"sources": [{"root": "archive", "include": ["*.nc"]}], "output": "published"}


class Program:
    """The program, and what the kernel says that it wrote."""

    def __init__(self, binary):
        self.binary = binary

    def run(self, *arguments):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
            begun = time.monotonic()
            process = subprocess.Popen([self.binary, *map(str, arguments)], stdout=out, stderr=said, stdin=subprocess.DEVNULL)
            # The process is not waited for yet: what it did can still be read.
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            seconds = time.monotonic() - begun
            written = int(next(line for line in Path(f"/proc/{process.pid}/io").read_text().splitlines() if line.startswith("wchar")).split()[1])
            out.seek(0), said.seek(0)
            if process.wait():
                sys.exit(f"{arguments} failed: {out.read().decode()[-2000:]}{said.read().decode()[-2000:]}")
            return seconds, written, json.loads(out.read() or "null")


class Api:
    """altostac's own API over a catalogue of one file."""

    def __init__(self, binary, folder, one):
        (folder / "archive").mkdir(parents=True)
        shutil.copy(one, folder / "archive")
        recipe = folder / "recipe.yaml"
        recipe.write_text(json.dumps(RECIPE | {"collection": about("other"), "item": {"pattern": "{name}.nc", "id": "{{ name }}"}, "products": ["kerchunk"]}))
        Program(binary).run("build", recipe, "--json")
        self.process = subprocess.Popen([binary, "serve", recipe, "--port", "0"], stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "serving http" in line:
                self.proxy = StoreProxy(line.split("serving ")[1].strip())
                break
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def stop(self):
        self.proxy.stop()
        self.process.terminate()
        self.process.wait()


def about(name):
    return {"id": name, "title": name, "description": "A bench.", "license": "CC0-1.0"}


def change(path):
    """One byte more behind the file's own end, and another time: all is indexed and checked again, and the values are right."""
    with open(path, "ab") as file:
        file.write(b"\0")


def steps(program, api, folder, files, item, products):
    archive = folder / "archive"
    archive.mkdir(parents=True)
    for path in files:
        shutil.copy2(path, archive)
    recipe = folder / "recipe.yaml"
    recipe.write_text(json.dumps(RECIPE | {
        "collection": about(folder.name), "item": {"pattern": "{name}-{number}.nc", "id": item}, "products": products, "publish": {"api": api.proxy.endpoint}}))
    middle = archive / files[len(files) // 2].name
    aside = folder / middle.name

    def sync(what):
        api.proxy.requests()
        seconds, written, answer = program.run("sync", recipe, "--json")
        writes = sum(asked.writes for asked in api.proxy.requests())
        row = (what, seconds, answer["traffic"]["files"], answer["traffic"]["bytes"], written, writes)
        print("| {} | {:.2f} | {} | {:,} | {:,} | {} |".format(*row), flush=True)
        return seconds

    print(f"\n{len(files)} files, {folder.name}, {', '.join(products)}\n\n| run | s | files opened | bytes read | bytes written | writes to the API |\n|---|---|---|---|---|---|")
    middle.rename(aside)
    sync("everything, without one file")
    sync("no change")
    shutil.move(aside, middle)
    sync("one file added")
    change(middle)
    sync("one file changed")
    middle.rename(aside)
    sync("one file removed")
    sync("no change")


def nothing_to_do(program, folder, count, item):
    (folder / "archive").mkdir(parents=True)
    memory_curve.write_days(folder / "archive", count + 1)
    last = max((folder / "archive").glob("*/*.nc"))
    last.rename(folder / last.name)
    recipe = folder / "recipe.yaml"
    recipe.write_text(json.dumps(RECIPE | {"sources": [{"root": "archive", "include": ["**/*.nc"]}], "collection": about("many"),
                                          "item": {"pattern": "{folder}/{name}.nc", "id": item}, "products": ["kerchunk"]}))
    first, _, _ = program.run("build", recipe, "--json")
    runs = [program.run("build", recipe, "--json") for _ in range(5)]
    assert all(written < 1 << 25 and answer["traffic"]["files"] == 0 for _, written, answer in runs)
    (folder / last.name).rename(last)
    appended, written, answer = program.run("build", recipe, "--json")
    traffic = answer["traffic"]
    # The new one, and the one that the quick-look shows.
    assert traffic["files"] <= 2, traffic
    print(f"| {count:,} files, id {item} | {first:.1f} | {min(seconds for seconds, *_ in runs):.2f} | {appended:.2f} | {traffic['files']} | {traffic['bytes']:,} |"
          f" {written:,} |", flush=True)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--data", default=ROOT / "target/bench-data/daily", type=Path)
    arguments.add_argument("--bin", default=str(ROOT / "target/release/altostac"))
    arguments.add_argument("--files", default=365, type=int)
    arguments.add_argument("--many", default=10_000, type=int)
    arguments.add_argument("--products", default="kerchunk,cfa,icechunk,zarr")
    asked = arguments.parse_args()
    program, files = Program(asked.bin), sorted(asked.data.glob("*.nc"))[:asked.files]
    with tempfile.TemporaryDirectory(prefix="incremental") as name:
        folder = Path(name)
        api = Api(asked.bin, folder / "api", files[0])
        try:
            steps(program, api, folder / "one-item", files, "{{ name }}", asked.products.split(","))
            steps(program, api, folder / "one-item-kerchunk", files, "{{ name }}", ["kerchunk"])
            steps(program, api, folder / "item-a-file", files, "{{ name }}.{{ number }}", ["kerchunk"])
        finally:
            api.stop()
        print("\n| archive | first build, s | nothing to do, s | one file appended, s | files opened | bytes read | bytes written |\n|---|---|---|---|---|---|---|")
        nothing_to_do(program, folder / "long", asked.many, "all")
        shutil.rmtree(folder / "long")
        nothing_to_do(program, folder / "wide", asked.many, "{{ name }}")


if __name__ == "__main__":
    main()
