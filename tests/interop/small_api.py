"""A small STAC API in memory with the Transaction extension, for what real ones cannot be brought to do."""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONFORMANCE = ["https://api.stacspec.org/v1.0.0/core", "https://api.stacspec.org/v1.0.0/collections", "https://api.stacspec.org/v1.0.0/ogcapi-features",
               "https://api.stacspec.org/v1.0.0-rc.3/ogcapi-features/extensions/transaction"]


class Request:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path.partition("?")[0].rstrip("/"), headers, body
        self.pieces = self.path.strip("/").split("/") if self.path else []

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def writes(self):
        return self.method != "GET"


class SmallApi:
    """Records by path: `/collections/ID`, `/collections/ID/items/ID`. Subclasses say what is special.

    A handler answers (status, JSON or bytes, headers)."""

    def __init__(self):
        self.records, self.asked, self.lock, api = {}, Counter(), threading.RLock(), self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Request(self.command, self.path, self.headers, body)
                with api.lock:
                    api.asked[request.method] += 1
                    status, content, *headers = api.handle(request)
                if status is None:
                    self.close_connection = True
                    return
                content = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers[0] if headers else {})}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = answer

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def items(self, collection):
        return {record["id"]: record for path, record in self.records.items() if path.startswith(f"/collections/{collection}/items/")}

    def handle(self, request):
        return self.write(request) if request.writes else self.read(request)

    def read(self, request):
        if not request.pieces:
            return 200, {"type": "Catalog", "stac_version": "1.1.0", "id": "small", "description": "A small API.", "conformsTo": CONFORMANCE,
                         "links": [{"rel": rel, "href": f"{self.url}/"} for rel in ("self", "root")]
                         + [{"rel": "data", "href": f"{self.url}/collections"}]}
        if request.pieces == ["collections"]:
            return 200, {"collections": [record for path, record in self.records.items() if path.count("/") == 2], "links": []}
        found = self.records.get(request.path)
        return (200, found) if found else (404, {"code": "NotFoundError", "description": f"{request.path} is not there"})

    def write(self, request):
        if request.method == "POST" and (request.pieces[-1] not in ("collections", "items") or "id" not in request.json):
            return 404, {"code": "NotFoundError", "description": "single records are taken here, nothing else"}
        path = f"{request.path}/{request.json['id']}" if request.method == "POST" else request.path
        exists = path in self.records
        if request.method == "POST" and exists:
            return 409, {"code": "ConflictError", "description": f"{path} is there"}
        if request.method != "POST" and not exists:
            return 404, {"code": "NotFoundError", "description": f"{path} is not there"}
        return self.change(request, path)

    def change(self, request, path):
        """A write that can be done."""
        if request.method == "DELETE":
            del self.records[path]
            return 204, b""
        self.records[path] = request.json
        return (201 if request.method == "POST" else 200), request.json
