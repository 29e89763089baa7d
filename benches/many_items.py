"""A large collection end to end: memory and seconds of `altostac` on an archive of many small items, each a file of 5 KB.

    python benches/many_items.py [--bin target/release/altostac] [--items 100000] [--parquet] [--folder FOLDER]

Steps, each a run of the program: `plan` looks at the archive; `build` makes all items, their records, collection and catalogue; `again` finds nothing
to do; `one changed` builds one item and describes the collection of all of them; `profile` describes all of them anew. In a folder that is in memory
(`--folder /dev/shm`) the difference is what waiting for the disk costs.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from memory_curve import write_days

RECIPE = """collection: {{id: many, description: generated, license: CC0-1.0}}
sources: [{{root: archive}}]
item: {{pattern: '{{folder}}/tas_{{day}}.nc', id: 'tas.{{{{ day }}}}'}}
products: [kerchunk]
output: out
stac: {{profile: {profile}, items_parquet: {parquet}}}
"""


def measured(binary, *arguments):
    """(peak MB, seconds, CPU seconds, standard output) of one run."""
    begun = time.monotonic()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen([binary, *map(str, arguments), "--json"], stdout=out, stderr=subprocess.PIPE)
        said = process.stderr.read().decode()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - begun
        if process.returncode != 0:
            sys.exit(f"altostac {arguments[0]} failed:\n{said[-2000:]}")
        out.seek(0)
        return used.ru_maxrss / 1024, seconds, used.ru_utime + used.ru_stime, json.load(out)


def steps(binary, folder, count, parquet):
    recipe = folder / "recipe.yaml"
    text = lambda profile: RECIPE.format(profile=profile, parquet=str(parquet).lower())
    recipe.write_text(text("default"))
    yield "plan", measured(binary, "plan", recipe)
    built = measured(binary, "build", recipe)
    assert len(built[3]["items"]) == count and {item["status"] for item in built[3]["items"]} == {"added"}
    yield "build", built
    yield "again", measured(binary, "build", recipe)
    first = next((folder / "archive").glob("*/*.nc"))
    first.write_bytes(first.read_bytes() + b"\0")
    changed = measured(binary, "build", recipe)
    assert [item["status"] for item in changed[3]["items"]].count("changed") == 1
    yield "one changed", changed
    recipe.write_text(text("ceda"))
    yield "profile", measured(binary, "build", recipe)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--bin", default=os.environ.get("ALTOSTAC_BIN", "target/release/altostac"))
    arguments.add_argument("--items", type=int, default=100_000)
    arguments.add_argument("--parquet", action="store_true", help="with the table of all items")
    arguments.add_argument("--folder", help="where the archive is made for a while")
    asked = arguments.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="many", dir=asked.folder))
    print("| step | items | peak memory, MB | seconds | CPU seconds |\n|---|---|---|---|---|")
    try:
        write_days(folder / "archive", asked.items)
        for name, (memory, seconds, cpu, _) in steps(str(Path(asked.bin).resolve()), folder, asked.items, asked.parquet):
            print(f"| {name} | {asked.items:,} | {memory:.0f} | {seconds:.1f} | {cpu:.1f} |", flush=True)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
