"""The files of ../shared/corpus, and `altostac inspect` over all of them."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from program import BINARY, SHARED, environment

CORPUS = SHARED / "corpus"
FOLDERS = ("archive", "odd")
SECONDS, MEMORY = 5, 200 << 20
# A debug build takes ten times as long; the limit is that of the program as users have it.
LENIENCE = 1 if "release" in BINARY.parts else 8
SIGNATURE = b"\x89HDF\r\n\x1a\n"


def files(folder):
    return [path for path in sorted((CORPUS / folder).rglob("*")) if path.is_file() and not path.is_symlink()]


def is_hdf5(path):
    """Whether a superblock stands at 0, 512, 1024, 2048, …"""
    if path.is_symlink() or not path.is_file():
        return False
    at, size = 0, path.stat().st_size
    with path.open("rb") as file:
        while at + len(SIGNATURE) <= size:
            file.seek(at)
            if file.read(len(SIGNATURE)) == SIGNATURE:
                return True
            at = at * 2 or 512
    return False


def kind(path):
    """What the first bytes say."""
    if is_hdf5(path):
        return "HDF5"
    with path.open("rb") as file:
        return "NetCDF-3" if file.read(4) in (b"CDF\x01", b"CDF\x02", b"CDF\x05") else "other"


@dataclass
class Inspected:
    """What one run gave back: exit status, the file of standard output, standard error, seconds, greatest resident bytes."""

    path: Path
    status: int
    out: Path
    err: str
    seconds: float
    memory: int

    @property
    def limits(self):
        """Which limits it broke, in words."""
        broken = [f"over {SECONDS} s"] * (self.seconds > SECONDS * LENIENCE) + ["over 200 MB"] * (self.memory > MEMORY)
        return ", ".join(broken)

    def faults(self, wants_json):
        """What no file may do to the program."""
        lines = self.err.strip().splitlines()
        errors = [line for line in lines if not line.startswith("warning: ")]
        if self.status < 0 or "panicked" in self.err:
            yield f"crashed with status {self.status}: {self.err[-400:]}"
        elif self.status not in (0, 1, 2):
            yield f"exit status {self.status}"
        elif self.status and (len(errors) != 1 or self.path.name not in errors[0]):
            yield f"not one line that names the file: {self.err[:400]!r}"
        elif self.status == 0 and errors:
            yield f"says on standard error, though it ended well: {errors[:3]}"
        elif self.status == 0 and wants_json:
            try:
                json.loads(self.out.read_bytes())
            except ValueError as error:
                yield f"no JSON document: {error}"
        elif self.status == 0 and not self.out.read_bytes().strip():
            yield "no output"
        if self.limits:
            yield f"{self.limits}: {self.seconds:.1f} s, {self.memory >> 20} MB"


def inspected(paths, options, folder):
    """`altostac inspect` with these options on each file, two at a time."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    # The address space holds the threads' stacks too, which are never touched.
    asked = {"commands": [[str(BINARY), "inspect", str(path), *options] for path in paths], "seconds": SECONDS * LENIENCE,
             "memory": MEMORY + (1 << 30), "folder": str(folder)}
    runner = [sys.executable, "-I", "-S", Path(__file__).with_name("measure.py")]
    done = subprocess.run(runner, input=json.dumps(asked), stdout=subprocess.PIPE, text=True, check=True, env=environment())
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return [Inspected(path, answer[0], Path(answer[1]), *answer[2:]) for path, answer in zip(paths, answers, strict=True)]
