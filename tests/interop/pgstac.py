"""A private PostgreSQL with PostGIS and pgstac, and stac-fastapi-pgstac in front of it: a STAC API that is not ours."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import requests

from program import end, wait_until



def programs():
    """Where a PostgreSQL is that has PostGIS."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if Path("/usr/share/postgresql", folder.parent.name, "extension/postgis.control").exists():
            return folder
    raise AssertionError("no PostgreSQL with PostGIS in /usr/lib/postgresql: tests/run installs one")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Database:
    """A cluster of its own in a temporary folder, run as the user postgres when the tests run as root."""

    def __init__(self, python=sys.executable):
        self.folder = Path(tempfile.mkdtemp(prefix="altostac-pg-"))
        self.port = free_port()
        self.as_postgres = []
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
            self.as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        try:
            self._run("initdb", "-D", self.folder / "data", "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-locale",
                      "--no-sync")
            options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
            self._run("pg_ctl", "-D", self.folder / "data", "-l", self.folder / "log", "-w", "-o", options, "start")
            self._run("createdb", "-h", "127.0.0.1", "-p", self.port, "-U", "postgres", "pgstac")
            subprocess.run([Path(python).with_name("pypgstac"), "migrate"], check=True, env=os.environ | self.environment,
                           capture_output=True, timeout=120)
        except BaseException:
            self.stop()
            raise

    @property
    def environment(self):
        return {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "postgres", "PGPASSWORD": "postgres",
                "PGDATABASE": "pgstac"}

    def _run(self, program, *arguments):
        # Output goes to a file: the server inherits it, and a pipe would never be closed.
        with open(self.folder / f"{program}.out", "w+") as out:
            done = subprocess.run([*self.as_postgres, programs() / program, *map(str, arguments)], cwd=self.folder,
                                  stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, timeout=120)
            out.seek(0)
            assert done.returncode == 0, f"{program}: {out.read()}"

    def stop(self):
        if (self.folder / "data/postmaster.pid").exists():
            self._run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)


class Api:
    """stac-fastapi-pgstac with its Transaction extension, under uvicorn."""

    def __init__(self, database, log, python=sys.executable, transactions=True, app="--factory stac_fastapi.pgstac.app:create_app", **variables):
        self.url = f"http://127.0.0.1:{free_port()}"
        environment = os.environ | database.environment | {"ENABLE_TRANSACTIONS_EXTENSIONS": str(transactions).upper()} | variables
        command = [python, "-m", "uvicorn", *app.split(), "--host", "127.0.0.1",
                   "--port", self.url.rsplit(":", 1)[1], "--log-level", "info"]
        self.log = Path(log)
        with open(self.log, "w") as out:
            # The folder decides which `.env` the API would read: one without any.
            self.process = subprocess.Popen(command, env=environment, cwd=database.folder, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=out)
        if not wait_until(self._answers):
            self.stop()
            raise AssertionError(f"stac-fastapi-pgstac did not start:\n{self.log.read_text()}")

    def _answers(self):
        try:
            return requests.get(f"{self.url}/_mgmt/ping", timeout=2).status_code == 200
        except requests.ConnectionError:
            assert self.process.poll() is None, self.log.read_text()
            return False

    def writes(self):
        """How many requests that change something the API has answered so far."""
        return sum(f'"{method} ' in line for line in self.log.read_text().splitlines() for method in ("POST", "PUT", "PATCH", "DELETE")
                   if "/search" not in line)

    def stop(self):
        end(self.process)


class Files:
    """Folders over HTTP with HEAD and ranges, by aiohttp: how a data centre serves its archive and its products."""

    def __init__(self, **folders):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        code = ("import sys; from aiohttp import web; app = web.Application()\n"
                "for pair in sys.argv[2:]: app.router.add_static('/' + pair.split('=', 1)[0], pair.split('=', 1)[1])\n"
                "web.run_app(app, host='127.0.0.1', port=int(sys.argv[1]), print=None)")
        self.process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", code, str(port),
                                         *(f"{name}={folder}" for name, folder in folders.items())], stdin=subprocess.DEVNULL)
        if not wait_until(self._answers):
            self.stop()
            raise AssertionError("the file server did not start")

    def _answers(self):
        try:
            return requests.get(self.url, timeout=2).status_code == 404
        except requests.ConnectionError:
            assert self.process.poll() is None
            return False

    def stop(self):
        end(self.process)
