"""The memory curve: peak memory and seconds of `altostac build` over items of more and more files, and of 100 million chunks.

    python benches/memory_curve.py [--bin target/release/altostac] [--folder FOLDER] [1k 10k 100k chunks 10m]

Files: one day each of a small NetCDF-3 archive (`tas` over lat and lon, with bounds of time and 12 global attributes; 5 KB), all joined
into one item. Chunks: one NetCDF-3 file (64-bit offsets) of 50 million records of two variables: 100 million references of 4 bytes; `10m`: 10 million. The
data are sparse: no block of them is on disk; the product, 8.5 GB of JSON for 100 million, is. Each case stands in a folder that is removed when it is done.
"""

import argparse
import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FILES = {"1k": 1_000, "10k": 10_000, "100k": 100_000}
NC_CHAR, NC_INT, NC_FLOAT, NC_DOUBLE = 2, 4, 5, 6


def padded(data):
    return data + b"\0" * (-len(data) % 4)


def name(text):
    return struct.pack(">i", len(text)) + padded(text.encode())


def attributes(pairs):
    if not pairs:
        return struct.pack(">ii", 0, 0)
    out = struct.pack(">ii", 12, len(pairs))
    for key, value in pairs.items():
        out += name(key) + struct.pack(">ii", NC_CHAR, len(value)) + padded(value.encode())
    return out


def header(dimensions, globals_, variables, records, begins):
    """A header of CDF-2; `variables`: name, dimension numbers, attributes, type, bytes of a record or of all."""
    out = b"CDF\x02" + struct.pack(">i", records) + struct.pack(">ii", 10, len(dimensions))
    for key, length in dimensions:
        out += name(key) + struct.pack(">i", length)
    out += attributes(globals_) + struct.pack(">ii", 11, len(variables))
    for (key, numbers, attrs, kind, size), begin in zip(variables, begins):
        out += name(key) + struct.pack(">i", len(numbers)) + b"".join(struct.pack(">i", n) for n in numbers)
        out += attributes(attrs) + struct.pack(">iiq", kind, size, begin)
    return out


def laid_out(dimensions, globals_, variables, records):
    """The header with the places of the variables, and those places: fixed ones first, then records."""
    size = len(header(dimensions, globals_, variables, records, [0] * len(variables)))
    begins, at = {}, size
    for is_record in (False, True):
        for key, numbers, _, _, length in variables:
            if (bool(numbers) and numbers[0] == 0) == is_record:
                begins[key] = at
                at += length
    return header(dimensions, globals_, variables, records, [begins[key] for key, *_ in variables]), begins, at


def write_days(folder, count):
    dimensions = [("time", 0), ("lat", 10), ("lon", 20), ("bnds", 2)]
    globals_ = {f"attribute_{n}": f"the same text in every file, number {n}" for n in range(12)}
    calendar = {"units": "days since 1850-01-01", "calendar": "standard", "standard_name": "time", "bounds": "time_bnds"}
    variables = [
        ("time", [0], calendar, NC_DOUBLE, 8),
        ("time_bnds", [0, 3], {}, NC_DOUBLE, 16),
        ("lat", [1], {"units": "degrees_north", "standard_name": "latitude"}, NC_DOUBLE, 80),
        ("lon", [2], {"units": "degrees_east", "standard_name": "longitude"}, NC_DOUBLE, 160),
        ("tas", [0, 1, 2], {"units": "K", "standard_name": "air_temperature"}, NC_FLOAT, 800),
        ("pr", [0, 1, 2], {"units": "kg m-2 s-1", "standard_name": "precipitation_flux"}, NC_FLOAT, 800),
    ]
    head, begins, end = laid_out(dimensions, globals_, variables, 1)
    content = bytearray(end)
    content[: len(head)] = head
    struct.pack_into(">10d", content, begins["lat"], *(-85.5 + 19 * n for n in range(10)))
    struct.pack_into(">20d", content, begins["lon"], *(18.0 * n for n in range(20)))
    struct.pack_into(">400f", content, begins["tas"], *(280.0 + n for n in range(400)))
    for day in range(count):
        struct.pack_into(">d", content, begins["time"], day + 0.5)
        struct.pack_into(">2d", content, begins["time_bnds"], day, day + 1)
        place = folder / f"{day // 1000:03}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"tas_{day:06}.nc").write_bytes(content)


def write_records(folder, files, records):
    """Records that are far apart from each other: time once, and two variables of one number each."""
    folder.mkdir(parents=True)
    for file in range(files):
        dimensions = [("time", 0), ("x", 1), ("file", 1)]
        variables = [
            ("file", [2], {"units": "days since 1850-01-01", "standard_name": "time"}, NC_DOUBLE, 8),
            ("tas", [0, 1], {"units": "K"}, NC_FLOAT, 4),
            ("pr", [0, 1], {"units": "mm"}, NC_FLOAT, 4),
        ]
        head, begins, end = laid_out(dimensions, {}, variables, records)
        with open(folder / f"tas_{file}.nc", "wb") as out:
            out.write(head)
            out.seek(begins["file"])
            out.write(struct.pack(">d", float(file)))
            out.truncate(begins["tas"] + 8 * records)


def build(binary, folder, pattern, along):
    (folder / "recipe.yaml").write_text(
        f"collection: {{id: curve, description: generated, license: CC0-1.0}}\n"
        f"sources: [{{root: archive}}]\nitem: {{pattern: '{pattern}', id: 'all', geometry: {{type: Point, coordinates: [0, 0]}}"
        f", datetime: '2000-01-01T00:00:00Z'}}\naggregate: {{along: {along}}}\nproducts: [kerchunk]\noutput: out\n"
    )
    begun = time.monotonic()
    process = subprocess.Popen([binary, "build", str(folder / "recipe.yaml")], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - begun
    if process.returncode != 0:
        sys.exit(f"altostac build failed:\n{said}")
    product = next((folder / "out").glob("**/kerchunk.json")).stat().st_size
    return used.ru_maxrss / 1024, seconds, used.ru_utime + used.ru_stime, product / 1e6


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("cases", nargs="*", default=["1k", "10k", "100k", "chunks"])
    arguments.add_argument("--bin", default=os.environ.get("ALTOSTAC_BIN", "target/release/altostac"))
    arguments.add_argument("--folder", help="where the archives are made for a while")
    asked = arguments.parse_args()
    binary = str(Path(asked.bin).resolve())
    print("| case | files | chunks | product, MB | peak memory, MB | seconds | CPU seconds |\n|---|---|---|---|---|---|---|")
    for case in asked.cases:
        folder = Path(tempfile.mkdtemp(prefix="curve", dir=asked.folder))
        try:
            if case in FILES:
                files, chunks = FILES[case], 2 * FILES[case]
                write_days(folder / "archive", files)
                figures = build(binary, folder, "{folder}/tas_{day}.nc".replace("{folder}/", "{folder:**}/"), "auto")
            else:
                millions = int(case.removesuffix("m")) if case != "chunks" else 100
                files, records = 1, millions * 500_000
                chunks = 2 * records
                write_records(folder / "archive", files, records)
                figures = build(binary, folder, "tas_{file}.nc", "auto")
            memory, seconds, cpu, product = figures
            print(f"| {case} | {files:,} | {chunks:,} | {product:.0f} | {memory:.0f} | {seconds:.1f} | {cpu:.1f} |", flush=True)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
