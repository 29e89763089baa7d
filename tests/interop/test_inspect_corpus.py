"""`altostac inspect` over every file of the corpus: output or one line that says why not, within 5 s and 200 MB."""

import json
import os
import resource
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from program import BINARY, SHARED, environment

SECONDS, MEMORY = 5, 200 << 20
# A debug build takes ten times as long; the limit is that of the program as users have it.
LENIENCE = 1 if "release" in BINARY.parts else 8
WAYS = ((), ("--json",), ("--kerchunk",))


def files(folder):
    found = (path for path in sorted((SHARED / "corpus" / folder).rglob("*")) if path.is_file() and not path.is_symlink())
    return [path for path in found if path.suffix not in (".md", ".tsv")]


def limited():
    # The address space holds the threads' stacks too, which are never touched.
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY + (1 << 30), MEMORY + (1 << 30)))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS * LENIENCE, SECONDS * LENIENCE))


def inspect(path, options):
    """(exit status, standard output, standard error, seconds, greatest resident bytes)"""
    start = time.monotonic()
    child = subprocess.Popen([BINARY, "inspect", path, *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env=environment(), preexec_fn=limited)
    with ThreadPoolExecutor(2) as pool:
        out, err = pool.submit(child.stdout.read), pool.submit(child.stderr.read)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        return child.returncode, out.result(), err.result().decode(), time.monotonic() - start, usage.ru_maxrss * 1024


def faults(path, options):
    status, out, err, seconds, memory = inspect(path, options)
    name = f"inspect {path.relative_to(SHARED / 'corpus')} {' '.join(options)}"
    if status < 0 or "panicked" in err:
        yield f"{name}: crashed with status {status}: {err[-400:]}"
    elif status not in (0, 1, 2):
        yield f"{name}: exit status {status}"
    elif status == 0 and not out.strip():
        yield f"{name}: no output"
    elif status == 0 and options:
        try:
            json.loads(out)
        except ValueError as error:
            yield f"{name}: no JSON document: {error}"
    elif status and (len(err.strip().splitlines()) != 1 or path.name not in err):
        yield f"{name}: not one line that names the file: {err[:400]!r}"
    if seconds > SECONDS * LENIENCE:
        yield f"{name}: {seconds:.1f} s"
    if memory > MEMORY:
        yield f"{name}: {memory >> 20} MB"


@pytest.mark.parametrize("options", WAYS, ids=lambda options: " ".join(options) or "text")
@pytest.mark.parametrize("folder", ("archive", "odd"))
def test_output_or_one_line(shared, folder, options):
    found = files(folder)
    assert found
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        wrong = [fault for one in pool.map(lambda path: list(faults(path, options)), found) for fault in one]
    assert wrong == []
