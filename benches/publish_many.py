#!/usr/bin/env python3
"""A large collection to stac-fastapi-pgstac: memory, seconds and requests of `altostac publish`, cut off in the middle, taken up, and run again.

    python benches/publish_many.py [--bin target/release/altostac] [--items 100000] [--kills 1] [--folder FOLDER]

`build` makes the items, each of a file of 5 KB; `killed` is publishing that is killed (SIGKILL) when the API has so many of them; `rest` is the run that goes on
from there; `unchanged` asks about everything again and sends nothing; `sync` is not even asked about what the API confirmed. Requests are those that the API
logged. In the end the database counts the items. Needs the environment of tests/interop (target/interop-venv).
"""

import argparse
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests/interop"), str(ROOT / "benches")]

import psycopg  # noqa: E402

import pgstac  # noqa: E402
from many_items import RECIPE, measured  # noqa: E402
from memory_curve import write_days  # noqa: E402


class Counts:
    """The requests that an API logged since the last time."""

    def __init__(self, api):
        self.log = open(api.log)

    def since(self):
        lines = [line for line in self.log if '" ' in line and "_mgmt" not in line]
        writes = sum(f'"{method} ' in line for line in lines for method in ("POST", "PUT", "DELETE"))
        return len(lines), writes


def stored(database):
    with psycopg.connect(host="127.0.0.1", port=database.port, user="postgres", dbname="pgstac") as connection:
        return connection.execute("SELECT count(*) FROM pgstac.items").fetchone()[0]


def killed(binary, recipe, database, at):
    """Publishes until the database has so many items, and no further."""
    process = subprocess.Popen([binary, "publish", recipe, "--json"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    begun = time.monotonic()
    while stored(database) < at:
        assert process.poll() is None, "it was done before"
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = -signal.SIGKILL
    return used.ru_maxrss / 1024, time.monotonic() - begun, used.ru_utime + used.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=os.environ.get("ALTOSTAC_BIN", ROOT / "target/release/altostac"))
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=1)
    parser.add_argument("--folder", help="where the archive is made for a while")
    options = parser.parse_args()
    binary, count = str(Path(options.bin).resolve()), options.items
    folder = Path(tempfile.mkdtemp(prefix="many", dir=options.folder))
    database = pgstac.Database()
    print("| step | peak memory, MB | seconds | CPU seconds | items a second | requests | writes |\n|---|---|---|---|---|---|---|")

    def row(name, memory, seconds, cpu, items, counted=("", "")):
        print(f"| {name} | {memory:.0f} | {seconds:.1f} | {cpu:.1f} | {items / seconds:.0f} | {counted[0]} | {counted[1]} |", flush=True)

    try:
        write_days(folder / "archive", count)
        recipe = folder / "recipe.yaml"
        api = pgstac.Api(database, folder / "log")
        try:
            recipe.write_text(RECIPE.format(profile="default", parquet="false") + f"publish: {{api: '{api.url}'}}\n")
            row("build", *measured(binary, "build", recipe)[:3], count)
            counts, before = Counts(api), 0
            for number in range(1, options.kills + 1):
                at = count * number // (options.kills + 1)
                figures = killed(binary, recipe, database, at)
                row("killed", *figures, stored(database) - before, counts.since())
                before = stored(database)
            *figures, answer = measured(binary, "publish", recipe)
            assert answer["counts"]["failed"] == 0 and sum(answer["counts"].values()) == count + 1, answer["counts"]
            row("rest", *figures, count - before, counts.since())
            assert stored(database) == count
            *figures, answer = measured(binary, "publish", recipe)
            counted = counts.since()
            assert answer["counts"]["unchanged"] == count + 1 and counted[1] == 0, (answer["counts"], counted)
            row("unchanged", *figures, count, counted)
            row("sync", *measured(binary, "sync", recipe)[:3], count, counts.since())
        finally:
            api.stop()
    finally:
        database.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
