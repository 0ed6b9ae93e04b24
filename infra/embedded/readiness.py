"""Probes that tell whether a server answers yet."""

from __future__ import annotations

import http.client
import socket
import struct
from urllib.parse import urlsplit

from infra.embedded.child_spec import NotReady, Probe

TIMEOUT_S = 1.0

_METADATA = 3  # Kafka protocol guide, API keys
_CORRELATION = 0x6C696768


def http_ready(url: str, timeout_s: float = TIMEOUT_S) -> Probe:
    """Probe that is satisfied by a 2xx answer to GET ``url``; proxies are not used."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def probe() -> None:
        connection = http.client.HTTPConnection(
            parts.hostname or "127.0.0.1", parts.port or 80, timeout=timeout_s
        )
        try:
            connection.request("GET", target)
            status = connection.getresponse().status
        except http.client.HTTPException as error:
            raise NotReady(f"GET {url}: {type(error).__name__}") from error
        finally:
            connection.close()
        if not 200 <= status < 300:
            raise NotReady(f"GET {url} answered {status}")

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


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        chunk = sock.recv(count - len(data))
        if not chunk:
            raise NotReady("the connection was closed")
        data += chunk
    return data
