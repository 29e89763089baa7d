#!/usr/bin/env python3
"""The index engine beside its peers in one run, on the same files: CPU seconds of indexing alone, memory, requests, bytes.

usage: benches/engine_side_by_side.py [--data DIR] [--quick] [--resume] [--out DIR] [CASE…]     cases: A B C1 C2 D remote-A remote-B

Each tool runs in a process of its own and measures itself around the indexing alone; what altostac found is compared with what
h5py finds, every chunk and every attribute, and a difference ends the run with status 1. Prints a report in Markdown; it and the
figures as JSON are kept in --out (default target/bench-engine). See benches/README.md.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

BENCHES = Path(__file__).resolve().parent
ROOT = BENCHES.parent
PEERS = BENCHES / "peers"
sys.path.insert(0, str(PEERS))
import report  # noqa: E402  (it lies beside the peers)

VENV = ROOT / "target/peers-venv"
PYTHON = VENV / "bin/python"
BUILT = ROOT / "target/peers"
SHARED = Path(os.environ.get("ALTOSTAC_SHARED") or ROOT / "../shared").resolve()
LATENCY = 0.02
REMOTE_FILES = 20
# A tool that takes longer is stopped; no peer takes a tenth of it.
TIMEOUT = 600


class Failed(Exception):
    """A tool could not be measured; why."""


def run(command, **options):
    """The output of a command; its error output is kept for the message."""
    try:
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=TIMEOUT, **options)
    except subprocess.TimeoutExpired:
        raise Failed(f"did not end in {TIMEOUT} s") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise Failed(lines[-1][:200])
    return done.stdout


def python_environment():
    """The peers' own Python environment, made anew when what it shall hold has changed."""
    wanted = hashlib.sha256((BENCHES / "requirements-peers.txt").read_bytes()).hexdigest()
    mark = VENV / "wanted"
    if mark.exists() and mark.read_text() == wanted:
        return
    say(f"making {VENV}")
    subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement",
                    BENCHES / "requirements-peers.txt"], check=True)
    mark.write_text(wanted)


def engine():
    """The bench harness of altostac, built."""
    if os.environ.get("ALTOSTAC_ENGINE"):
        return Path(os.environ["ALTOSTAC_ENGINE"])
    say("building altostac's bench")
    built = subprocess.run(["cargo", "bench", "--locked", "--bench", "engine", "--no-run", "--message-format=json"], cwd=ROOT,
                           stdout=subprocess.PIPE, text=True, check=True)
    artifacts = (json.loads(line) for line in built.stdout.splitlines())
    return next(Path(artifact["executable"]) for artifact in artifacts
                if artifact.get("executable") and artifact["target"]["name"] == "engine")


def rust_peer(name):
    """A peer that is a crate of its own; None if it cannot be built here. HDF5's C library takes minutes the first time."""
    say(f"building {name}")
    environment = os.environ | {"PATH": f"{VENV / 'bin'}:{os.environ['PATH']}", "CARGO_TARGET_DIR": str(BUILT)}
    done = subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=PEERS / name, env=environment)
    return None if done.returncode else BUILT / "release" / f"peer-{name}"


def make_data(folder, cases):
    """The files of each case."""
    for letter, made in (("A", "daily"), ("B", "cmip"), ("C", "dense_v1.h5"), ("D", "wide.nc")):
        if any(letter in case for case in cases) and not (folder / made).exists():
            folder.mkdir(parents=True, exist_ok=True)
            say(f"making data {letter} in {folder}")
            subprocess.run([PYTHON, SHARED / "bench/gen_bench.py", folder, letter], check=True)
    files = {"A": sorted(folder.glob("daily/*.nc")), "B": sorted(folder.glob("cmip/*.nc")), "C1": [folder / "dense_v1.h5"],
             "C2": [folder / "dense_latest.h5"], "D": [folder / "wide.nc"]}
    return files | {"remote-A": files["A"][:REMOTE_FILES], "remote-B": files["B"][:REMOTE_FILES]}


@contextmanager
def serve(folder):
    """A web server with latency over a folder; gives its address."""
    server = subprocess.Popen([PYTHON, PEERS / "range_server.py", folder, str(LATENCY)], stdout=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
    finally:
        server.terminate()
        server.wait()


class Bench:
    """What is built, what was measured so far, and where it is kept."""

    def __init__(self, arguments):
        self.out, self.quick = arguments.out, arguments.quick
        self.out.mkdir(parents=True, exist_ok=True)
        self.kept = self.out / "figures.json"
        self.figures = json.loads(self.kept.read_text()) if arguments.resume and self.kept.exists() else {}
        python_environment()
        self.engine = engine()
        self.rust_peers = {name: rust_peer(name) for name in ("libhdf5", "hidefix")}

    def command(self, tool, runs):
        """How a tool is started; files follow."""
        if tool.startswith("altostac"):
            return [self.engine, "--runs", runs, "--threads", tool.partition("-")[2] or 1]
        name, _, variant = tool.partition("-")
        if name in self.rust_peers:
            if not self.rust_peers[name]:
                raise Failed("cannot be built here")
            attributes = ["--attributes", variant or "values"] if name == "libhdf5" else []
            return [self.rust_peers[name], "--runs", runs, *attributes]
        return [PYTHON, PEERS / "python_peers.py", tool, "--runs", runs, "--budget", 5 if self.quick else 30]

    def measure(self, case, tool, files, runs, server=None):
        """Measures a tool on the files of a case, and keeps the least of what was measured so far."""
        say(f"{case}: {tool}")
        try:
            found = json.loads(run([*self.command(tool, runs), *files]))
            if server:
                found |= report.traffic(log(server))
        except Failed as error:
            found = {"failed": str(error)}
        before = self.figures.setdefault(case, {}).get(tool, {})
        for figure in ("cpu_s", "wall_s"):
            if figure in before and figure in found:
                found[figure] = min(found[figure], before[figure])
        found["measured"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        found["load"] = os.getloadavg()[0]
        self.figures[case][tool] = found
        self.kept.write_text(json.dumps(self.figures, indent=1))

    def local(self, case, files):
        done = self.figures.get(case, {})
        quick, slow = (3, 1) if self.quick else (15, 2)
        if "references" not in done:
            self.check(case, files, files)
        fast = ["altostac", "libhdf5", "libhdf5-names", "hidefix"] + ["altostac-2"] * (case in ("A", "C1", "C2"))
        rest = [tool for tool in ["kerchunk", "virtualizarr", "h5py"] + ["pyfive"] * (case != "C2") if tool not in done]
        if rest or any(tool not in done for tool in fast):
            # Ours and what is about as fast, before and after the slow ones: a busy minute must not fall on one of them alone.
            for tool in fast:
                self.measure(case, tool, files, quick)
            for tool in rest:
                self.measure(case, tool, files, slow)
            for tool in fast:
                self.measure(case, tool, files, quick)

    def remote(self, case, files):
        tools = ["altostac", "altostac-8", "kerchunk", "kerchunk-first", "virtualizarr-parser", "virtualizarr"]
        with serve(files[0].parent) as server:
            urls = [f"{server}/{path.name}" for path in files]
            if "references" not in self.figures.get(case, {}):
                self.check(case, files, urls)
                log(server)
            for tool in tools:
                if tool not in self.figures.get(case, {}):
                    self.measure(case, tool, urls, 1, server)

    def check(self, case, files, sources):
        """Compares every chunk and every attribute, of the files or of the same files' URLs, with what h5py says of the files."""
        say(f"{case}: references")
        ours = self.out / f"{case}.facts"
        try:
            run([self.engine, "--facts", ours, *sources])
            theirs = facts(run([PYTHON, "-W", "ignore", PEERS / "facts.py", *files]).splitlines())
            found = compare(facts(ours.read_text().splitlines()), theirs)
        except Failed as error:
            found = {"equal": False, "difference": str(error)}
        self.figures.setdefault(case, {})["references"] = found


def facts(lines):
    """Facts by file and path."""
    found = map(json.loads, lines)
    return {(fact.pop("file"), fact.pop("path")): fact for fact in found}


def compare(ours, theirs):
    """Whether the facts are the same; else the first difference, in words.

    >>> theirs = {("a.nc", "/x"): {"chunks": 2, "digest": "d", "attributes": {"units": ["text", "K"]}}}
    >>> compare({("a.nc", "/x"): {"chunks": 2, "digest": "d", "attributes": {"units": ["text", "K"]}}}, theirs)
    {'equal': True, 'variables': 1, 'chunks': 2}
    >>> compare({("a.nc", "/x"): {"chunks": 2, "digest": "d", "attributes": {"units": ["text", "m"]}}}, theirs)["difference"]
    "a.nc: /x: attributes: {'units': ['text', 'm']}; h5py: {'units': ['text', 'K']}"
    >>> compare({}, theirs)["difference"]
    'a.nc: /x: not found; h5py has it'
    """
    for key in sorted(ours.keys() | theirs.keys()):
        where = f"{key[0]}: {key[1]}"
        if key not in ours or key not in theirs:
            return {"equal": False, "difference": f"{where}: " + ("not found; h5py has it" if key in theirs else "h5py has it not")}
        for name in ours[key] | theirs[key]:
            ours_says, theirs_says = ours[key].get(name), theirs[key].get(name)
            if ours_says != theirs_says:
                return {"equal": False, "difference": f"{where}: {name}: {str(ours_says)[:300]}; h5py: {str(theirs_says)[:300]}"}
    chunks = [fact["chunks"] for fact in ours.values() if "chunks" in fact]
    return {"equal": True, "variables": len(chunks), "chunks": sum(chunks)}


def log(server):
    """What the server was asked for since this was last asked."""
    with urllib.request.urlopen(f"{server}/-/log") as answer:
        found = [request for request in json.load(answer) if "ended" in request]
    if not found:
        raise Failed("asked the server for nothing")
    return found


def say(text):
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT / "target/bench-data", help="where the files are, or are made once")
    parser.add_argument("--out", type=Path, default=ROOT / "target/bench-engine")
    parser.add_argument("--quick", action="store_true", help="fewer runs of each tool")
    parser.add_argument("--resume", action="store_true", help="keep what an interrupted run has measured")
    cases = ["A", "B", "C1", "C2", "D", "remote-A", "remote-B"]
    parser.add_argument("cases", nargs="*", metavar="CASE", help=" ".join(cases))
    arguments = parser.parse_args()
    wanted = arguments.cases or cases
    if not set(wanted) <= set(cases):
        parser.error(f"cases are {' '.join(cases)}")
    bench = Bench(arguments)
    files = make_data(arguments.data.resolve(), wanted)
    for case in wanted:
        (bench.remote if case.startswith("remote") else bench.local)(case, files[case])
    text = report.markdown({case: bench.figures[case] for case in wanted})
    (arguments.out / "report.md").write_text(text + "\n")
    print(text)
    differ = [case for case in wanted if not bench.figures[case]["references"]["equal"]]
    failed = [case for case in wanted if "failed" in bench.figures[case].get(report.OURS, {})]
    if differ or failed:
        return f"references differ from h5py's: {', '.join(differ) or 'none'}; altostac failed: {', '.join(failed) or 'none'}"
    return 0


if __name__ == "__main__":
    sys.exit(main())
