"""A webhook on loopback that keeps what it hears, and may refuse on one of its addresses."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

OTHER = "/other"


@dataclass(frozen=True, slots=True)
class Heard:
    """One message: when it came (monotonic, s), of which service and incident, and what it is."""

    at_s: float
    service: str
    incident: str
    kind: str
    headline: str


@dataclass(slots=True)
class Hook:
    """``refuses`` has the address `OTHER` answer 500; what comes there is not kept.

    ``refused_at_s`` is when that began to matter.
    """

    heard: list[Heard] = field(default_factory=list)
    url: str = ""
    refuses: bool = False
    refused_at_s: float | None = None

    def first(self, service: str, kind: str = "opened", since_s: float = 0.0) -> float | None:
        """When a message of a kind about a service first came."""
        found = (h.at_s for h in list(self.heard) if (h.service, h.kind) == (service, kind))
        return min((at_s for at_s in found if at_s >= since_s), default=None)


@contextmanager
def hook(hears: Callable[[Heard], None] = lambda _: None) -> Iterator[Hook]:
    """One that listens until the block ends; ``hears`` is told of each message."""
    state = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            now_s = time.monotonic()
            is_other = self.path.endswith(OTHER)
            if is_other and state.refuses and state.refused_at_s is None:
                state.refused_at_s = now_s
            if not is_other:
                brief = body["brief"]
                place = brief["where"]["service"], body["incident_id"], body["kind"], brief["headline"]
                state.heard.append(Heard(now_s, *place))
                hears(state.heard[-1])
            self.send_response(500 if is_other and state.refuses else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
