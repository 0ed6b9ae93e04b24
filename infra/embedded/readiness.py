"""Probes that tell whether a server answers yet."""

from __future__ import annotations

import http.client
import socket
import struct
from urllib.parse import urlsplit

from infra.embedded.child_spec import NotReady, Probe
from infra.instance import HEADER

TIMEOUT_S = 1.0
MAX_BODY_BYTES = 300
"""How much of an answer is shown that says why a server is not ready."""

_METADATA = 3  # Kafka protocol guide, API keys
_CORRELATION = 0x6C696768


def http_ready(url: str, timeout_s: float = TIMEOUT_S, instance: str = "") -> Probe:
    """Probe that is satisfied by a 2xx answer to GET ``url``; proxies are not used.

    With an ``instance`` the answer must name it (`infra.instance`): any other is somebody else's.
    """
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def probe() -> None:
        connection = http.client.HTTPConnection(
            parts.hostname or "127.0.0.1", parts.port or 80, timeout=timeout_s
        )
        try:
            connection.request("GET", target)
            answer = connection.getresponse()
            status, named = answer.status, answer.getheader(HEADER, "")
            body = b"" if 200 <= status < 300 else answer.read(MAX_BODY_BYTES)
        except http.client.HTTPException as error:
            raise NotReady(f"GET {url}: {type(error).__name__}") from error
        finally:
            connection.close()
        if instance and named != instance:
            raise NotReady(f"another process answers on port {parts.port}: it is not of this instance")
        if not 200 <= status < 300:
            raise NotReady(f"GET {url} answered {status}{_said(body)}")

    return probe


def kafka_ready(host: str, port: int, timeout_s: float = TIMEOUT_S) -> Probe:
    """Probe that is satisfied by a Kafka metadata answer that lists a broker."""
    client = b"lightship-probe"
    # request header v1 (key, version, correlation id, client id), then Metadata v1: an empty array of topics
    request = struct.pack(f">hhih{len(client)}si", _METADATA, 1, _CORRELATION, len(client), client, 0)

    def probe() -> None:
        with socket.create_connection((host, port), timeout_s) as sock:
            sock.sendall(struct.pack(">i", len(request)) + request)
            size, correlation, brokers = struct.unpack(">iii", _exactly(sock, 12))
        if correlation != _CORRELATION or size < 8 or brokers < 1:
            raise NotReady(f"{host}:{port} does not answer like a Kafka broker")

    return probe


def _said(body: bytes) -> str:
    text = " ".join(body.decode("utf-8", "replace").split())
    return f": {text}" if text.isprintable() and text else ""


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        chunk = sock.recv(count - len(data))
        if not chunk:
            raise NotReady("the connection was closed")
        data += chunk
    return data
