"""A server of a test on a thread of its own, for as long as a block lasts."""

from __future__ import annotations

import ssl
import threading
from socketserver import BaseServer
from typing import Self

from tests.certificates import Certificates


class Served:
    """What is served between entering and leaving; ``every_s`` is how soon it notices that it is over."""

    def __init__(self, server: BaseServer, every_s: float = 0.02) -> None:
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, args=(every_s,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def tls(certificates: Certificates) -> ssl.SSLContext:
    """What a server shows that has these certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server_cert, certificates.server_key)
    return context
