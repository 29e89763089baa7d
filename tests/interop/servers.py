"""Servers that are not ours, for sources: nginx, and SeaweedFS as S3."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import requests

import certificates
from pgstac import free_port
from program import end, wait_until

NGINX = """
worker_processes 1;
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
{user}
events {{ worker_connections 512; }}
http {{
    log_format ours '$request_method $request_uri $status $body_bytes_sent $http_range $server_port $server_protocol';
    access_log {folder}/access.log ours;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    types {{ application/x-netcdf nc; }}
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{tls_port} ssl{http2};
        ssl_certificate {folder}/server.pem;
        ssl_certificate_key {folder}/server.key;
        root {root};
        autoindex on;
        location /whole/ {{ alias {root}/; max_ranges 0; }}
        location /moved/ {{ rewrite ^/moved/(.*)$ /$1 redirect; }}
        location /login/ {{ auth_basic "ours"; auth_basic_user_file {folder}/users; }}
        {upstream}
        location /undated/ {{ alias {root}/; etag off; if_modified_since off; add_header Last-Modified ""; }}
    }}
}}
"""


@dataclass
class Request:
    method: str
    target: str
    status: int
    sent: int
    range: str
    protocol: str


class WebServer:
    """nginx on a folder, over http and https; both on the loopback. What is below `/upstream/` is asked of another server.

    HTTP/2 is offered over https alone, if at all."""

    def __init__(self, root, upstream=None, http2=False):
        self.folder = Path(tempfile.mkdtemp(prefix="altostac-nginx-"))
        self.port, tls_port = free_port(), free_port()
        self.url, self.tls_url = f"http://127.0.0.1:{self.port}", f"https://127.0.0.1:{tls_port}"
        self.authority = self.folder / "ca.pem"
        certificates.make(self.folder)
        (self.folder / "users").write_text("nobody:{PLAIN}nothing\n")
        user = "user root;" if os.geteuid() == 0 else ""
        behind = f"location /upstream/ {{ proxy_pass {upstream}/; }}" if upstream else ""
        configuration = NGINX.format(folder=self.folder, root=root, port=self.port, tls_port=tls_port, user=user, upstream=behind,
                                     http2=" http2" if http2 else "")
        (self.folder / "nginx.conf").write_text(configuration)
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        assert program, "no nginx: tests/run installs it"
        self.process = subprocess.Popen([program, "-p", self.folder, "-e", self.folder / "error.log", "-c", self.folder / "nginx.conf"],
                                        stdin=subprocess.DEVNULL)
        if not wait_until(lambda: self._answers(), 20):
            self.stop()
            raise AssertionError("nginx does not answer")
        self.requests()

    def _answers(self):
        try:
            return requests.get(self.url, timeout=5).ok
        except requests.ConnectionError:
            return False

    def requests(self):
        """What was asked since the last call. nginx logs a request once it is answered."""
        log = self.folder / "access.log"
        lines = log.read_text().splitlines()[getattr(self, "_told", 0):]
        self._told = getattr(self, "_told", 0) + len(lines)
        found = []
        for line in lines:
            method, target, status, sent, *range_, _, protocol = line.split(" ")
            found.append(Request(method, target, int(status), int(sent), " ".join(range_), protocol))
        return found

    def stop(self):
        end(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)


class ObjectStore:
    """SeaweedFS as S3: the bucket `private` for who has the keys, `open` for anybody to read."""

    key, secret = "testkey", "testsecret"

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="altostac-s3-"))
        program = shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        assert program, "no weed: it comes with tests/interop/requirements.txt"
        identities = [
            {"name": "us", "credentials": [{"accessKey": self.key, "secretKey": self.secret}], "actions": ["Admin", "Read", "List", "Write"]},
            {"name": "anonymous", "actions": ["Read:open", "List:open"]},
        ]
        (self.folder / "s3.json").write_text(json.dumps({"identities": identities}))
        ports = {name: free_port() for name in ("master", "volume", "filer", "s3")}
        grpc = {f"{name}.port.grpc": free_port() for name in ports}
        options = {f"{name}.port": port for name, port in ports.items()} | grpc
        options |= {"dir": self.folder, "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "s3.config": self.folder / "s3.json",
                    "volume.max": 500, "master.volumeSizeLimitMB": 64, "master.telemetry": "false",
                    # Not asked for, and each on a port of its own that is the same for every server.
                    "s3.port.iceberg": 0, "s3.port.lance": 0}
        self.endpoint, self._filer = f"http://127.0.0.1:{ports['s3']}", f"http://127.0.0.1:{ports['filer']}"
        self._log = open(self.folder / "log", "w")
        self.process = subprocess.Popen([program, "server", "-s3", *(f"-{key}={value}" for key, value in options.items())],
                                        stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, cwd=self.folder)
        if not wait_until(self._is_ready, 60):
            log = (self.folder / "log").read_text()[-2000:]
            self.stop()
            raise AssertionError(f"SeaweedFS does not answer: {log}")

    def _is_ready(self):
        try:
            self.put("open", "ready", b"yes")
            return requests.get(f"{self.endpoint}/open/ready", timeout=5).content == b"yes"
        except (requests.RequestException, AssertionError):
            return False

    @property
    def environment(self):
        """What a user sets to read everything."""
        return self.open_environment | {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret}

    @property
    def open_environment(self):
        """What a user without keys sets."""
        return {"AWS_ENDPOINT_URL": self.endpoint, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1"}

    def put(self, bucket, key, content):
        answer = requests.put(f"{self._filer}/buckets/{bucket}/{quote(key)}", data=content, timeout=60)
        assert answer.ok, f"{answer.status_code} {answer.text}"

    def stop(self):
        end(self.process)
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
