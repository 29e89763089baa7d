"""A web server with a latency: each request is answered after so many seconds, and remembered with its times.

usage: range_server.py ROOT LATENCY_S      prints `PORT` once it listens on 127.0.0.1

Answers GET with and without Range, and HEAD, with a strong ETag. `GET /-/log` gives what was asked for since it was last asked, as
JSON: [{"method", "path", "start", "bytes", "began", "ended"}], times in seconds.
"""

import asyncio
import os
import re
import sys
import time

from aiohttp import web

ROOT, LATENCY = sys.argv[1], float(sys.argv[2])
requests = []


async def answer(request):
    if request.path == "/-/log":
        found, requests[:] = list(requests), []
        return web.json_response(found)
    record = {"method": request.method, "path": request.path, "start": 0, "bytes": 0, "began": time.monotonic()}
    requests.append(record)
    await asyncio.sleep(LATENCY)
    response = read(request, record)
    record["ended"] = time.monotonic()
    return response


def read(request, record):
    path = os.path.join(ROOT, request.match_info["path"])
    if not os.path.isfile(path):
        return web.Response(status=404)
    size = os.path.getsize(path)
    headers = {"Accept-Ranges": "bytes", "ETag": f'"{size:x}"', "Last-Modified": "Sun, 22 Nov 2026 00:00:00 GMT",
               "Content-Type": "application/x-netcdf"}
    if request.method == "HEAD":
        return web.Response(headers={**headers, "Content-Length": str(size)})
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("Range", ""))
    first, last = 0, size - 1
    if asked:
        first, last = asked.groups()
        if not first:
            first, last = max(0, size - int(last)), size - 1
        else:
            first, last = int(first), min(int(last or size - 1), size - 1)
        if first > last:
            return web.Response(status=416, headers={**headers, "Content-Range": f"bytes */{size}"})
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    with open(path, "rb") as file:
        file.seek(first)
        body = file.read(last - first + 1)
    record["start"], record["bytes"] = first, len(body)
    return web.Response(status=206 if asked else 200, body=body, headers=headers)


async def main():
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
