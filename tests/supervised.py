"""An HTTP child for tests of the supervisor: its answers are steered by files beside it.

``python -m tests.supervised PLACE NAME PORT``: it answers 503 where ``NAME.waits`` is there, and does not
bind its port before ``NAME.hold`` is gone. It names its instance, as processes of ours do.
"""

from __future__ import annotations

import http.server
import pathlib
import sys
import time

from infra.instance import identity


class Handler(http.server.BaseHTTPRequestHandler):
    """``/healthz`` answers 200; ``/readyz`` 200, or 503 with what the file says."""

    place: pathlib.Path
    name: str

    def do_GET(self) -> None:
        """Answer."""
        waits = self.place / f"{self.name}.waits"
        waiting = self.path == "/readyz" and waits.exists()
        body = waits.read_bytes() if waiting else b"ok"
        self.send_response(503 if waiting else 200)
        for key, value in identity().items():
            self.send_header(key, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve until killed."""
    place, name, port = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    Handler.place, Handler.name = place, name
    while (place / f"{name}.hold").exists():
        time.sleep(0.02)
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
