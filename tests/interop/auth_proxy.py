"""stac-auth-proxy and an issuer of tokens, each a process in an environment of its own (`requirements-auth-proxy.txt`)."""

import os
import subprocess
from pathlib import Path

import requests

from pgstac import free_port
from program import ROOT, end, environment, wait_until

PYTHON = Path(os.environ.get("ALTOSTAC_AUTH_PROXY_PYTHON") or ROOT / "target/auth-proxy-venv/bin/python")


class Process:
    """A program that answers at `url`, with its output in a file."""

    def __init__(self, name, url, ready, folder, command, **variables):
        assert PYTHON.exists(), f"no {PYTHON}: tests/run makes it"
        self.url, self.log = url, Path(folder) / f"{name}.log"
        with open(self.log, "w") as out:
            self.process = subprocess.Popen([PYTHON, "-W", "ignore", *map(str, command)], env=environment() | variables, cwd=folder,
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        if not wait_until(lambda: self._answers(ready)):
            self.stop()
            raise AssertionError(f"{name} did not start:\n{self.log.read_text()}")

    def _answers(self, ready):
        try:
            return requests.get(f"{self.url}{ready}", timeout=5).status_code == 200
        except requests.ConnectionError:
            assert self.process.poll() is None, self.log.read_text()
            return False

    def stop(self):
        end(self.process)


class Issuer(Process):
    """Tokens for one client, each good for `life` seconds."""

    client_id, secret = "altostac", "kc-53cr3t+of/the=client"

    def __init__(self, folder, life=300):
        port = free_port()
        script = Path(__file__).with_name("oidc_issuer.py")
        super().__init__("issuer", f"http://127.0.0.1:{port}", "/keys", folder, [script, port, self.client_id, self.secret, life])

    def control(self, **settings):
        return requests.post(f"{self.url}/control", json=settings, timeout=10).json()

    def token(self, **settings):
        """A token as somebody else would get it."""
        self.control(**settings)
        form = {"grant_type": "client_credentials", "client_id": self.client_id, "client_secret": self.secret}
        return requests.post(f"{self.url}/token", data=form, timeout=10).json()["access_token"]


class AuthProxy(Process):
    """Reading is for everybody, writing for who has a token of the issuer."""

    def __init__(self, upstream, issuer, folder):
        port = free_port()
        variables = {"UPSTREAM_URL": upstream, "OIDC_DISCOVERY_URL": f"{issuer.url}/.well-known/openid-configuration", "DEFAULT_PUBLIC": "true"}
        command = ["-m", "uvicorn", "--factory", "stac_auth_proxy:create_app", "--host", "127.0.0.1", "--port", port]
        super().__init__("auth-proxy", f"http://127.0.0.1:{port}", "/", folder, command, **variables)
