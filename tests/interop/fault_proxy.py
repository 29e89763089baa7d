"""A proxy in front of a STAC API that counts what is asked, and misbehaves by a seed.

    with FaultProxy(api.url, faults=0.2, seed=3) as proxy:
        project.run("publish", "--to", proxy.url)
    proxy.counts["POST", "drop"], proxy.writes(), proxy.requests
"""

import asyncio
import hashlib
import random
import socket
import struct
import threading
from collections import Counter
from dataclasses import dataclass
from urllib.parse import urlsplit

# drop       the connection is closed without an answer
# reset      the same by a RST
# truncate   it breaks off in the middle of the answer
# delay      all is well, a little later
# duplicate  the request reaches the API twice; either answer is given
# 429        with Retry-After 0 or 1, and never forwarded
# The others happen before or after the request was forwarded.
KINDS = ("drop", "reset", "truncate", "delay", "duplicate", "429", "500", "502", "503")

# Either end of a connection decides these for itself.
HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "proxy-connection", "date", "server")


@dataclass
class Asked:
    """A request, and what became of it."""

    method: str
    target: str
    body: bytes
    authorization: str | None = None
    fault: str | None = None  # one of KINDS, or what `before` said
    forwarded: int = 0  # how often the API got it
    status: int | None = None  # what the client was told; None if nothing whole

    @property
    def writes(self):
        return self.method not in ("GET", "HEAD", "OPTIONS") and not self.target.partition("?")[0].endswith("/search")


class FaultProxy:
    """`faults` is the part of requests that fail; it and `kinds` may be changed between runs.

    Whether and how a request fails follows from the seed, the request itself and how often it was seen, not from the order in which requests
    arrive: a run with many at once is repeatable. `before` is called with each request before anything is done with it; where it returns a kind of
    fault or any status, such as "401", that is what happens, before the request is forwarded.
    """

    def __init__(self, upstream, faults=0.0, seed=7, kinds=KINDS, before=None):
        parts = urlsplit(upstream)
        self._upstream, self.faults, self.seed, self.kinds, self.before = (parts.hostname, parts.port or 80), faults, seed, kinds, before
        self.requests = []  # Asked, in the order of arrival
        self.counts = Counter()  # (method, kind of fault or None) -> how many
        self._seen, self._connections = Counter(), set()
        # Bound here: connections wait in its queue until the loop runs.
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}{parts.path.rstrip('/')}"
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),), daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(10)
        self._socket.close()

    def forget(self):
        """Begins to count anew."""
        self.requests, self.counts = [], Counter()

    def writes(self):
        """The requests that would change something."""
        return [asked for asked in self.requests if asked.writes]

    def faulty(self):
        """How many requests failed in some way."""
        return sum(count for (_, kind), count in self.counts.items() if kind)

    async def _run(self):
        server = await asyncio.start_server(self._connected, sock=self._socket, limit=1 << 20)
        await self._end.wait()
        server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader, writer):
        task = asyncio.current_task()
        self._connections.add(task)
        try:
            while (message := await read_message(reader)) and await self._answer(message, writer):
                pass
        except (OSError, EOFError, ValueError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._connections.discard(task)

    async def _answer(self, message, writer):
        """Whether the connection goes on."""
        method, target, _ = message.start.split(" ", 2)
        asked = Asked(method, target, message.body, message.header("authorization"))
        dice = self._dice(asked)
        if dice.random() < self.faults:
            asked.fault = dice.choice(self.kinds)
        self.requests.append(asked)
        told = self.before(asked) if self.before else None
        asked.fault = told or asked.fault
        self.counts[method, asked.fault] += 1
        comes_first = bool(told) or asked.fault == "429" or dice.random() < 0.5
        return await self._misbehave(asked, message, writer, dice, comes_first)

    def _dice(self, asked):
        identity = f"{self.seed} {asked.method} {asked.target} {hashlib.sha256(asked.body).hexdigest()}"
        self._seen[identity] += 1
        return random.Random(f"{identity} {self._seen[identity]}")

    async def _misbehave(self, asked, message, writer, dice, comes_first):
        fault = asked.fault
        is_status = bool(fault) and fault.isdigit()
        if fault == "delay":
            await asyncio.sleep(dice.uniform(0.05, 0.4))
        reply = None
        if not (comes_first and (is_status or fault in ("drop", "reset"))):
            reply = await self._forward(asked, message)
            if fault == "duplicate":
                reply = dice.choice((reply, await self._forward(asked, message)))
        if fault in ("drop", "reset"):
            if fault == "reset":
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            return False
        if is_status:
            pause = [("Retry-After", dice.choice("01"))] if fault == "429" or fault == "503" and dice.random() < 0.5 else []
            body = b"<html><body>the fault proxy says no</body></html>"
            reply = Message(f"HTTP/1.1 {fault} Made Up", [("Content-Type", "text/html"), *pause], body)
        content = reply.bytes(asked.method)
        if fault == "truncate":
            # In the body if there is one, else in the head.
            head = len(content) - (len(reply.body) if asked.method != "HEAD" else 0)
            content = content[:dice.randrange(head, len(content)) if len(content) > head else dice.randrange(head)]
        else:
            asked.status = reply.status
        writer.write(content)
        await writer.drain()
        return fault != "truncate"

    async def _forward(self, asked, message):
        asked.forwarded += 1
        try:
            reader, writer = await asyncio.open_connection(*self._upstream, limit=1 << 20)
        except OSError as error:
            return Message("HTTP/1.1 502 Bad Gateway", [("Content-Type", "text/plain")], f"no API behind the proxy: {error}".encode())
        try:
            writer.write(message.bytes(asked.method, ("Connection", "close")))
            await writer.drain()
            while (reply := await read_message(reader, asked.method)) and reply.status < 200:
                pass
        except (OSError, EOFError):
            reply = None
        finally:
            writer.close()
        return reply or Message("HTTP/1.1 502 Bad Gateway", [("Content-Type", "text/plain")], b"the API hung up")


@dataclass
class Message:
    """A request or an answer, with its whole body."""

    start: str
    headers: list
    body: bytes

    @property
    def status(self):
        return int(self.start.split(" ", 2)[1])

    def header(self, name):
        return next((value for known, value in self.headers if known.lower() == name), None)

    def bytes(self, method, *more):
        kept = [(name, value) for name, value in self.headers if name.lower() not in HOP_BY_HOP]
        is_answer = self.start.startswith("HTTP/")
        if method == "HEAD" and is_answer:
            kept.append(("Content-Length", self.header("content-length") or 0))
        elif self.body or is_answer and self.status not in (204, 304) or method in ("POST", "PUT", "PATCH"):
            kept.append(("Content-Length", len(self.body)))
        head = "".join(f"{name}: {value}\r\n" for name, value in [*kept, *more])
        return f"{self.start}\r\n{head}\r\n".encode("latin-1") + (b"" if method == "HEAD" else self.body)


async def read_message(reader, answers=None):
    """The next message, None at the end; `answers` is the method that an answer is for."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    start, *lines = head.strip("\r\n").split("\r\n")
    headers = [(name.strip(), value.strip()) for name, value in (line.split(":", 1) for line in lines)]
    message = Message(start, headers, b"")
    if answers == "HEAD" or answers and (message.status < 200 or message.status in (204, 304)):
        return message
    if "chunked" in (message.header("transfer-encoding") or "").lower():
        message.body = await read_chunks(reader)
    elif length := message.header("content-length"):
        message.body = await reader.readexactly(int(length))
    elif answers:
        message.body = await reader.read()
    return message


async def read_chunks(reader):
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readline()
    while (await reader.readline()).strip():
        pass
    return body
