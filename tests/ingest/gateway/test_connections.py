"""Real connections to the gateway's HTTP server: slow, many, long, kept alive, given up."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import os
import signal
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import zstandard

from infra.settings import load
from ingest.gateway import metrics, refusal
from ingest.gateway.app import Gateway
from ingest.gateway.bounded_http import Guard, bounded_http
from ingest.gateway.http_body import Memory
from ingest.gateway.ingest_keys import IngestKeys
from ingest.gateway.metrics import Metrics
from ingest.gateway.producer import MemoryProducer
from ingest.gateway.redaction_pool import MOST_WAITING, RedactionPool, pool_of
from tests.at_length import at_length
from tests.ingest.gateway.running import intake_over
from tests.ingest.telemetry import chat, span, traces

PATIENCE_S = 20.0
HEAD = (
    b"POST /v1/traces HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/x-protobuf\r\n"
    b"content-length: %d\r\n\r\n"
)
BODY = traces(span(chat())).SerializeToString()


@dataclass(slots=True)
class Served:
    """A server that runs."""

    port: int
    producer: MemoryProducer
    counters: Metrics

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)

    def refused(self, reason: str) -> float:
        return self.counters.value(metrics.REJECTED, reason)

    def works(self) -> bool:
        """Whether an ordinary request is taken."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        with contextlib.closing(client):
            client.request("POST", "/v1/traces", BODY, {"content-type": "application/x-protobuf"})
            return client.getresponse().status == 200


@contextlib.contextmanager
def served(
    home: Path, *, max_body_bytes: int = 1 << 20, pool: RedactionPool | None = None, **bounds: Any
) -> Iterator[Served]:
    """uvicorn as the gateway runs it, in a thread."""
    producer, counters = MemoryProducer(), Metrics()
    body_s = bounds.pop("body_s", 5.0)
    gateway = Gateway(
        intake_over(home, producer, counters, pool=pool),
        producer,
        IngestKeys(None),
        counters,
        memory=Memory(8 << 20, counters),
        max_body_bytes=max_body_bytes,
        body_timeout_s=body_s,
    )
    guard = Guard(counters, body_s=body_s + 0.3, **bounds)
    config = uvicorn.Config(
        gateway, http=bounded_http(guard), ws="none", lifespan="on", log_level="critical",  # type: ignore[arg-type]
        loop="uvloop",
    )  # fmt: skip
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        until(lambda: server.started)
        yield Served(listening.getsockname()[1], producer, counters)
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def until(done: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def all_of(sock: socket.socket) -> bytes:
    """Everything until the other side closes."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := sock.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def test_a_head_that_trickles_in_is_given_up(tmp_path: Path) -> None:
    with served(tmp_path, header_s=0.3) as s, s.connect() as slow, s.connect() as silent:
        began = time.monotonic()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for byte in HEAD:
                slow.sendall(bytes([byte]))
                time.sleep(0.05)
        assert time.monotonic() - began < 5
        assert all_of(silent).startswith(b"HTTP/1.1 408 ")
        assert s.refused("slow_header") == 2
        assert s.works()


def test_the_head_of_every_request_of_a_connection_has_to_come_in_time(tmp_path: Path) -> None:
    with served(tmp_path, header_s=1.0) as s, s.connect() as sock:
        sock.sendall(HEAD % len(BODY) + BODY)
        assert b" 200 OK" in sock.recv(65_536)
        time.sleep(1.3)  # an idle connection is kept alive
        sock.sendall(HEAD % len(BODY) + BODY)
        assert b" 200 OK" in sock.recv(65_536)
        sock.sendall(b"POST /v1/tr")
        assert b" 408 " in all_of(sock)
        assert len(s.producer.sent) == 2


def test_a_body_that_trickles_in_is_given_up(tmp_path: Path) -> None:
    with served(tmp_path, body_s=0.3) as s, s.connect() as slow:
        slow.sendall(HEAD % 1000 + b"x")
        answer = slow.recv(65_536)
        assert b" 408 " in answer
        assert all_of(slow) == b""  # what is left of the body is not waited for for ever
        assert s.refused("too_slow") == 1
        assert s.refused("slow_body") == 1
        assert s.counters.value(metrics.IN_FLIGHT_BYTES) == 0
        assert s.works()


def test_an_endless_head_is_cut(tmp_path: Path) -> None:
    with served(tmp_path, header_bytes=8192) as s, s.connect() as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\n")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for n in range(10_000):
                sock.sendall(b"x-%d: %s\r\n" % (n, b"y" * 1000))
        assert s.refused("large_header") == 1
        assert s.works()


def test_connections_are_bounded_and_those_that_go_make_room(tmp_path: Path) -> None:
    with served(tmp_path, max_connections=3) as s:
        held = [s.connect() for _ in range(3)]
        until(lambda: s.counters.value(metrics.CONNECTIONS) == 3)
        with s.connect() as one_more:
            answer = all_of(one_more)
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"retry-after: 1\r\n" in answer
        assert s.refused("connections") == 1
        for sock in held:
            sock.close()
        until(lambda: s.counters.value(metrics.CONNECTIONS) == 0)
        assert s.works()


def test_a_large_body_is_answered_before_it_ends_and_its_client_sees_that(tmp_path: Path) -> None:
    with served(tmp_path, max_body_bytes=100_000) as s, s.connect() as sock:
        sock.sendall(HEAD % 5_000_000)
        for _ in range(50):
            sock.sendall(b"x" * 100_000)  # a client that reads only when it has sent everything
        assert b" 413 " in sock.recv(65_536)
        sock.sendall(HEAD % len(BODY) + BODY)  # and goes on with the same connection
        assert b" 200 OK" in sock.recv(65_536)
        assert s.counters.value(metrics.IN_FLIGHT_BYTES) == 0


def test_requests_that_follow_each_other_at_once_are_all_answered(tmp_path: Path) -> None:
    with served(tmp_path, header_s=0.5) as s, s.connect() as sock:
        sock.sendall((HEAD % len(BODY) + BODY) * 20)
        got = b""
        while got.count(b" 200 OK") < 20:
            part = sock.recv(65_536)
            assert part
            got += part
        assert len(s.producer.sent) >= 1


def test_head_is_get_without_a_body(tmp_path: Path) -> None:
    with served(tmp_path) as s:
        client = http.client.HTTPConnection("127.0.0.1", s.port, timeout=PATIENCE_S)
        with contextlib.closing(client):
            for path in ("/healthz", "/readyz", "/metrics", "/api/public/health"):
                client.request("HEAD", path)
                answer = client.getresponse()
                assert (answer.status, answer.read()) == (200, b"")
                assert int(answer.headers["content-length"]) > 0


BOMBS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": lambda b: zstandard.ZstdCompressor().compress(b),
}


@pytest.mark.parametrize("encoding", at_length(BOMBS))
def test_a_bomb_is_refused_and_costs_little(tmp_path: Path, encoding: str) -> None:
    bomb = BOMBS[encoding](bytes(200 << 20))
    with served(tmp_path) as s:
        client = http.client.HTTPConnection("127.0.0.1", s.port, timeout=PATIENCE_S)
        named = {"content-type": "application/x-protobuf", "content-encoding": encoding}
        with contextlib.closing(client):
            client.request("POST", "/v1/traces", bomb, named)
            assert client.getresponse().status == 413
        assert s.counters.value(metrics.IN_FLIGHT_BYTES) == 0
        assert s.works()


def test_requests_that_wait_for_redaction_go_with_their_clients(tmp_path: Path) -> None:
    environment = {"LIGHTSHIP_HOME": str(tmp_path), "LIGHTSHIP_GATEWAY_REDACTION_PROCESSES": "1"}
    pool = pool_of(load(environ=environment), Metrics())

    def large(name: str) -> bytes:
        body = traces(span({**chat(), "who": name, "gen_ai.prompt": "word " * 20_000})).SerializeToString()
        return HEAD % len(body) + body

    with served(tmp_path, pool=pool) as it:
        with it.connect() as sock:
            sock.sendall(large("before"))
            assert sock.recv(99).startswith(b"HTTP/1.1 200")
        (pid,) = pool.pids
        os.kill(pid, signal.SIGSTOP)
        try:
            with contextlib.ExitStack() as stack:
                first, *others = [stack.enter_context(it.connect()) for _ in range(1 + MOST_WAITING)]
                first.sendall(large("begun"))
                until(lambda: it.counters.value(metrics.IN_FLIGHT_BYTES) >= len(large("begun")) - 200)
                for number, sock in enumerate(others):
                    sock.sendall(large(f"gone-{number}"))
                until(lambda: pool.waiting == MOST_WAITING)
                for sock in others:
                    sock.close()
                until(lambda: it.refused(refusal.CLIENT_GONE) == MOST_WAITING)
                assert pool.waiting == 0  # and whoever comes is not refused for those who are gone
                last = stack.enter_context(it.connect())
                last.sendall(large("last"))
                until(lambda: pool.waiting == 1)
                os.kill(pid, signal.SIGCONT)
                assert first.recv(99).startswith(b"HTTP/1.1 200")
                assert last.recv(99).startswith(b"HTTP/1.1 200")
        finally:
            os.kill(pid, signal.SIGCONT)
        sent = b"".join(m.value for m in it.producer.sent)
        assert [sent.count(name) for name in (b"before", b"begun", b"last", b"gone-")] == [1, 1, 1, 0]
        assert it.counters.value(metrics.IN_FLIGHT_BYTES) == 0
