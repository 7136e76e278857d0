"""A server on this machine that answers as a vendor does, counts the requests, and misbehaves on request."""

import datetime as dt
import json
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Reply = tuple[int, Mapping[str, str], bytes]
Answers = Callable[[str, Mapping[str, str]], Any]


class NotFoundError(Exception):
    """The vendor has nothing there; its text is the body."""


class BadRequestError(Exception):
    """The vendor rejects the request; its text is the vendor's message."""


@dataclass
class Request:
    path: str
    parameters: dict[str, str]
    headers: dict[str, str]

    @property
    def line(self) -> str:
        return self.path + "".join(f"&{name}={value}" for name, value in sorted(self.parameters.items()))


# A fault takes the place of the good reply; it returns another one, or deals with the socket itself.
Fault = Callable[[BaseHTTPRequestHandler, bytes], Reply | None]


def status(code: int, body: bytes = b"{}", **headers: str) -> Fault:
    return lambda handler, good: (code, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def malformed(handler: BaseHTTPRequestHandler, good: bytes) -> Reply:
    return 200, {}, good[:-1] + b",,"


def half(handler: BaseHTTPRequestHandler, good: bytes) -> Reply:
    """JSON cut in its middle, of the length that is announced."""
    return 200, {}, good[: len(good) // 2]


def cut(handler: BaseHTTPRequestHandler, good: bytes) -> None:
    """Less than the length that is announced, then the connection ends."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(good)))
    handler.end_headers()
    handler.wfile.write(good[: len(good) // 2])
    handler.wfile.flush()
    handler.close_connection = True


def reset(handler: BaseHTTPRequestHandler, good: bytes) -> None:
    """The connection is broken before any answer."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def slow(released: threading.Event) -> Fault:
    """The head comes, the body does not."""

    def fault(handler: BaseHTTPRequestHandler, good: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(good)))
        handler.end_headers()
        handler.wfile.flush()
        released.wait(10)
        handler.close_connection = True

    return fault


@dataclass
class LocalVendor:
    """
    Attributes:
        answers: the good answer to a path and its parameters: an object, or bytes.
        faults: what happens to the next requests instead, in this order; None lets one through.
    """

    answers: Answers
    faults: list[Fault | None] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> "LocalVendor":
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65_536  # head and body at once

            def do_GET(self) -> None:
                vendor._serve(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda request, address: None  # clients go away
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def lines(self) -> list[str]:
        return [request.line for request in self.requests]

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        request = Request(parts.path, dict(parse_qsl(parts.query)), dict(handler.headers))
        self.requests.append(request)
        try:
            good = self.answers(request.path, request.parameters)
            reply: Reply | None = (200, {}, good if isinstance(good, bytes) else json.dumps(good).encode())
        except NotFoundError as nothing:
            reply = (404, {}, str(nothing).encode())
        except BadRequestError as bad:
            reply = (400, {}, json.dumps({"error_code": 400, "error_message": str(bad)}).encode())
        assert reply is not None
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            reply = fault(handler, reply[2])
        if reply is None:
            return
        code, headers, body = reply
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


class TestClock:
    """A clock that sleeping moves on, and nothing else."""

    __test__ = False

    def __init__(self, now: dt.datetime) -> None:
        self.moment = now
        self.slept: list[float] = []

    def now(self) -> dt.datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += dt.timedelta(seconds=seconds)
