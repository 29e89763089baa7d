#!/usr/bin/env python3
"""Publishing many items to stac-fastapi-pgstac, in one run beside the ways that others take: items a second.

usage: benches/publish_side_by_side.py [--items N] [--runs N]

altostac (`publish`: compared, sent, read back, remembered); requests, the client below pystac-client, one item after the other (POST and no look; pystac-client
itself only reads); httpx in the same way, and with eight at a time; and `pypgstac load`, which goes past the API into the database and so bounds what an API could do. Each into an empty collection of one
database; the order changes from run to run. Needs a release build and the environment of tests/interop (target/interop-venv), and httpx beside it. Figures of a shared machine: quote
the ratios of one run, never the seconds.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
os.environ.setdefault("ALTOSTAC_BIN", str(ROOT / "target/release/altostac"))
sys.path.insert(0, str(ROOT / "tests/interop"))

try:
    import httpx
except ImportError:
    httpx = None
import requests  # noqa: E402

import pgstac  # noqa: E402
import publishing  # noqa: E402


def by_altostac(project, api, database, items):
    answer = project.run("publish", "--to", api.url, "--json").expect(0).json
    assert answer["counts"]["created"] == len(items) + 1, answer["counts"]


def by_altostac_again(project, api, database, items):
    answer = project.run("publish", "--to", api.url, "--json").expect(0).json
    assert answer["counts"]["unchanged"] == len(items) + 1, answer["counts"]


def by_requests(project, api, database, items):
    with requests.Session() as session:
        session.post(f"{api.url}/collections", json=project.collection | {"links": []}, timeout=60).raise_for_status()
        for item in items:
            session.post(f"{api.url}/collections/{item['collection']}/items", json=item, timeout=60).raise_for_status()


def by_httpx(project, api, database, items):
    with httpx.Client(timeout=60) as session:
        session.post(f"{api.url}/collections", json=project.collection | {"links": []}).raise_for_status()
        for item in items:
            session.post(f"{api.url}/collections/{item['collection']}/items", json=item).raise_for_status()


def by_httpx_together(project, api, database, items):
    async def one(session, gate, item):
        async with gate:
            # pgstac fails when two items widen a partition at the same moment: tried again, as its users do.
            for _ in range(10):
                answer = await session.post(f"{api.url}/collections/{item['collection']}/items", json=item)
                if answer.status_code < 500:
                    break
            # Stored by an attempt that was answered by an error.
            assert answer.status_code in (201, 409), answer.text

    async def together():
        async with httpx.AsyncClient(timeout=60) as session:
            (await session.post(f"{api.url}/collections", json=project.collection | {"links": []})).raise_for_status()
            gate = asyncio.Semaphore(8)
            await asyncio.gather(*(one(session, gate, item) for item in items))

    asyncio.run(together())


def by_pypgstac(project, api, database, items):
    with tempfile.TemporaryDirectory() as folder:
        collections, lines = Path(folder, "collections.ndjson"), Path(folder, "items.ndjson")
        collections.write_text(json.dumps(project.collection | {"links": []}) + "\n")
        lines.write_text("".join(json.dumps(item) + "\n" for item in items))
        for table, path in (("collections", collections), ("items", lines)):
            subprocess.run([Path(sys.executable).with_name("pypgstac"), "load", table, path, "--method", "insert"], check=True,
                           env=os.environ | database.environment, capture_output=True)


WAYS = {"altostac publish": by_altostac, "requests, one by one": by_requests, "httpx, one by one": by_httpx, "httpx, eight at a time": by_httpx_together,
        "pypgstac load": by_pypgstac}
if httpx is None:
    print("httpx is not installed: left out")
    WAYS = {name: way for name, way in WAYS.items() if not name.startswith("httpx")}


def seconds(way, *arguments):
    begun = time.monotonic()
    way(*arguments)
    return time.monotonic() - begun


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    taken = {name: [] for name in [*WAYS, "altostac publish, unchanged"]}
    database = pgstac.Database()
    try:
        with tempfile.TemporaryDirectory() as folder:
            api = pgstac.Api(database, Path(folder, "log"))
            try:
                project = publishing.many_items(Path(folder, "many"), options.items, "bench")
                items = [item | {"links": []} for item in project.items.values()]
                for run in range(options.runs):
                    names = list(WAYS)
                    for name in names[run % len(names):] + names[:run % len(names)]:
                        publishing.forget(project, api.url)
                        taken[name].append(seconds(WAYS[name], project, api, database, items))
                        if name == "altostac publish":
                            taken[f"{name}, unchanged"].append(seconds(by_altostac_again, project, api, database, items))
            finally:
                api.stop()
    finally:
        database.stop()
    for name, all_seconds in taken.items():
        middle = statistics.median(all_seconds)
        print(f"{name:<30} {options.items / middle:8.0f} items/s   ({middle:.2f} s, {len(all_seconds)} runs: {min(all_seconds):.2f} to {max(all_seconds):.2f})")


if __name__ == "__main__":
    main()
