"""A proxy in front of an S3 server that counts what is asked, and misbehaves by a seed."""

import http.client
import random
import socket
import struct
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

SLOW_DOWN = b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'


@dataclass
class Asked:
    method: str
    target: str
    status: int
    conditions: tuple
    sent: int

    @property
    def writes(self):
        return self.method not in ("GET", "HEAD")


class StoreProxy:
    """`faults` is the part of requests that fail: a third each by 503 with Retry-After, by a reset, by an answer that is lost."""

    def __init__(self, endpoint, faults=0.0, seed=7):
        upstream, proxy = urlsplit(endpoint), self
        self.asked, self.failed, self.faults = [], 0, faults
        self._random, self._lock = random.Random(seed), threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                fault = proxy._fault()
                if fault == "busy":
                    return self._send(503, {"Retry-After": "1", "Content-Type": "application/xml"}, SLOW_DOWN)
                if fault == "reset":
                    return self._reset()
                connection = http.client.HTTPConnection(upstream.hostname, upstream.port, timeout=60)
                # The signature covers the Host that the client named.
                connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    connection.putheader(name, value)
                connection.endheaders(body)
                reply = connection.getresponse()
                content = reply.read()
                conditions = tuple(name for name in ("If-Match", "If-None-Match") if name in self.headers)
                with proxy._lock:
                    proxy.asked.append(Asked(self.command, unquote(self.path), reply.status, conditions, len(body)))
                connection.close()
                if fault == "lost":
                    return self._reset()
                kept = {name: value for name, value in reply.getheaders() if name.lower() not in ("connection", "transfer-encoding", "date", "server")}
                self._send(reply.status, kept, content)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

            def _send(self, status, headers, content):
                self.send_response(status)
                if self.command != "HEAD" or "Content-Length" not in headers:
                    headers = {name: value for name, value in headers.items() if name.lower() != "content-length"}
                    headers["Content-Length"] = str(len(content))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            def _reset(self):
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _fault(self):
        with self._lock:
            if self._random.random() >= self.faults:
                return None
            self.failed += 1
            return self._random.choice(("busy", "reset", "lost"))

    def requests(self):
        """What was asked since the last call."""
        time.sleep(0.05)
        with self._lock:
            asked, self.asked = self.asked, []
        return asked

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
