"""A loopback HTTP server that answers as a test tells it to, or not at all."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.certificates import Certificates
from tests.served import Served, tls

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What was posted."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


class _Listening(ThreadingHTTPServer):
    """Takes a crowd at once, as what it stands for does; by itself it lets five wait and drops others."""

    request_queue_size = 1_024


class Loopback(Served):
    """A server. ``got`` is what was posted, in order; ``answers`` are used up before ``answer`` is given."""

    def __init__(self, answer: Answer, certificates: Certificates | None = None) -> None:
        self.got: list[Request] = []
        self.answers: list[Answer] = []
        self.answer = answer
        server = _Listening(("127.0.0.1", 0), self._handler())
        server.handle_error = lambda *_: None  # type: ignore[method-assign] # whoever hung up meant to
        scheme = "http"
        if certificates is not None:
            server.socket = tls(certificates).wrap_socket(server.socket, server_side=True)
            scheme = "https"
        super().__init__(server)
        self.url = f"{scheme}://127.0.0.1:{server.server_port}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.do_POST()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"] or 0))
                headers = {k.lower(): v for k, v in self.headers.items()}
                loopback.got.append(Request(self.path, headers, body))
                answer = loopback.answers.pop(0) if loopback.answers else loopback.answer
                answer(self)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        return Handler


def says(status: int, body: object = None, **headers: str) -> Answer:
    """An answer: bytes as they are, nothing for ``None``, anything else as JSON."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def cut(handler: BaseHTTPRequestHandler) -> None:
    """Hang up instead of answering."""
    handler.connection.close()


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Begin an answer that never ends."""
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"x" * 65536)
    except OSError:
        return


def trickle(handler: BaseHTTPRequestHandler) -> None:
    """Begin an answer that never ends and is always just in time."""
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"x")
            time.sleep(0.05)
    except OSError:
        return


@contextmanager
def half_open() -> Iterator[str]:
    """A port that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def refused() -> str:
    """An address nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"
