"""`altostac inspect` over every file of the corpus: output or one line that says why not, within 5 s and 200 MB."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from program import BINARY, SHARED, environment

SECONDS, MEMORY = 5, 200 << 20
# A debug build takes ten times as long; the limit is that of the program as users have it.
LENIENCE = 1 if "release" in BINARY.parts else 8
WAYS = ((), ("--json",), ("--kerchunk",))


def files(folder):
    found = (path for path in sorted((SHARED / "corpus" / folder).rglob("*")) if path.is_file() and not path.is_symlink())
    return [path for path in found if path.suffix not in (".md", ".tsv")]


def inspected(paths, options, folder):
    """For each file: exit status, file of standard output, standard error, seconds, greatest resident bytes."""
    # The address space holds the threads' stacks too, which are never touched.
    asked = {"commands": [[str(BINARY), "inspect", str(path), *options] for path in paths], "seconds": SECONDS * LENIENCE,
             "memory": MEMORY + (1 << 30), "folder": str(folder)}
    runner = [sys.executable, "-I", "-S", Path(__file__).with_name("measure.py")]
    done = subprocess.run(runner, input=json.dumps(asked), stdout=subprocess.PIPE, text=True, check=True, env=environment())
    return [json.loads(line) for line in done.stdout.splitlines()]


def faults(path, options, answer):
    status, out, err, seconds, memory = answer
    out = Path(out).read_bytes()
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
def test_output_or_one_line(shared, tmp_path, folder, options):
    found = files(folder)
    assert found
    answers = inspected(found, options, tmp_path)
    assert len(answers) == len(found)
    wrong = [fault for path, answer in zip(found, answers) for fault in faults(path, options, answer)]
    assert wrong == []
