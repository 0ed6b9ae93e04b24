"""A loopback receiver of alerts."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.served import Served


@dataclass(frozen=True, slots=True)
class Posted:
    """One request to the webhook."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def key(self) -> str:
        """Its idempotency key."""
        return self.headers["idempotency-key"]

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


class Webhook(Served):
    """A loopback receiver of alerts that takes everything.

    ``posted`` is what came, in order; ``once`` is called before the next request is answered.
    """

    def __init__(self) -> None:
        self.posted: list[Posted] = []
        self.once: Callable[[], object] | None = None
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        super().__init__(server, 0.5)
        self.url = f"http://127.0.0.1:{server.server_port}/alerts"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                hook.posted.append(Posted({k.lower(): v for k, v in self.headers.items()}, body))
                once, hook.once = hook.once, None
                if once is not None:
                    once()
                with contextlib.suppress(ConnectionError):  # whoever asked may be dead by now
                    self.send_response(204)
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        return Handler
