"""Hostile texts beside calm traffic: calm senders and probes are answered as on a merely busy machine.

Times of one run are compared with each other: as many processes as redact use up the processors in
one phase, hostile requests in the next. So what is seen is what holds up the gateway's event loop, and
not how many processors there are.
"""

from __future__ import annotations

import contextlib
import gzip
import http.client
import itertools
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infra.kafka import LOGS, SPANS, create_topics
from infra.settings import KafkaSettings
from ingest.gateway.redaction_process import NICENESS
from tests.brokers import EMBEDDED
from tests.fuzz.hostile import HOSTILE, text_of
from tests.gateway_process import GatewayProcess, gateway_process
from tests.ingest.telemetry import chat, span, traces

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(300)]

PROCESSES = 2
ROUNDS = 4
BUSY_S = 1.5
TEXTS = 20
MIB = 1 << 20
BOMB_BYTES = 12 * MIB
MOST = 3.0
LEAST_SAMPLES = 60
LEAST_S = 0.01
"""Below it a ratio is one of the machine's scheduler, not of the gateway."""
PROTOBUF = {"content-type": "application/x-protobuf"}
GZIP = {**PROTOBUF, "content-encoding": "gzip"}
SPIN = f"import os\nos.nice({NICENESS})\nwhile True: sum(range(10000))"
CALM = traces(span(chat())).SerializeToString()


def hostile() -> list[tuple[bytes, dict[str, str]]]:
    """Twenty texts of 1 MiB, every other one compressed, and two bombs."""
    made = []
    for number, family in enumerate(itertools.islice(HOSTILE, 0, 2 * TEXTS, 2)):
        text = text_of(family, MIB // 16) * 16
        body = traces(span({**chat(), "gen_ai.prompt": text})).SerializeToString()
        made.append((gzip.compress(body, 1), GZIP) if number % 2 else (body, PROTOBUF))
    bomb = traces(span({**chat(), "gen_ai.prompt": "1 " * (BOMB_BYTES // 2)})).SerializeToString()
    nothing = gzip.compress(b"\n\x00" * (MIB // 2), 9)
    return [*made[:TEXTS], (gzip.compress(bomb, 9), GZIP), (nothing, GZIP)]


def for_s(duration_s: float) -> Callable[[], bool]:
    """Whether less than ``duration_s`` have passed since this call."""
    until = time.monotonic() + duration_s
    return lambda: time.monotonic() < until


@contextlib.contextmanager
def hogs() -> Iterator[list[int]]:
    """As many stopped processes as redact, each of which would use a processor up."""
    with contextlib.ExitStack() as stack:
        running = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(PROCESSES)]
        for one in running:
            stack.callback(one.wait)
            stack.callback(one.kill)
            one.send_signal(signal.SIGSTOP)
        yield [one.pid for one in running]


def measured(client: http.client.HTTPConnection, goes_on: Callable[[], bool]) -> float:
    """The 99th percentile of the seconds to an answer of calm requests and probes in turn."""
    seconds: list[float] = []
    while goes_on() or len(seconds) < LEAST_SAMPLES:
        for method, path, body in (
            ("POST", "/v1/traces", CALM),
            ("GET", "/healthz", b""),
            ("GET", "/readyz", b""),
        ):
            began = time.perf_counter()
            client.request(method, path, body, PROTOBUF)
            answer = client.getresponse()
            answer.read()
            seconds.append(time.perf_counter() - began)
            assert answer.status == 200
        time.sleep(0.002)
    return statistics.quantiles(seconds, n=100)[98]


class Attack:
    """Hostile requests, each sent once, over as many connections as there are processes that redact."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self._at = urlsplit(gateway.url)
        self._bodies = hostile()
        self.size = len(self._bodies)
        self.answers: Counter[int] = Counter()

    @contextlib.contextmanager
    def part(self, number: int) -> Iterator[Callable[[], bool]]:
        """Send a round's share of them meanwhile; gives whether some are still not answered."""
        share = deque(self._bodies[number::ROUNDS])
        threads = [threading.Thread(target=self._send, args=(share,)) for _ in range(PROCESSES)]
        for thread in threads:
            thread.start()
        try:
            yield lambda: any(thread.is_alive() for thread in threads)
        finally:
            for thread in threads:
                thread.join()

    def _send(self, share: deque[tuple[bytes, dict[str, str]]]) -> None:
        client = http.client.HTTPConnection(self._at.hostname or "", self._at.port, timeout=60)
        with contextlib.closing(client), contextlib.suppress(IndexError):
            while True:
                client.request("POST", "/v1/traces", *share.popleft())
                answer = client.getresponse()
                answer.read()
                self.answers[answer.status] += 1


@pytest.mark.parametrize("broker", [EMBEDDED], indirect=True)  # the gateway's loop is the same
def test_who_sends_little_is_answered_beside_hostile_texts_as_on_a_busy_machine(
    broker: str, tmp_path: Path
) -> None:
    create_topics(KafkaSettings(bootstrap=broker, partitions=4), (SPANS, LOGS))
    busy, attacked = [], []
    with (
        gateway_process(broker, tmp_path, settings={"redaction_processes": str(PROCESSES)}) as gateway,
        hogs() as pids,
    ):
        attack = Attack(gateway)
        at = urlsplit(gateway.url)
        client = http.client.HTTPConnection(at.hostname or "", at.port, timeout=60)
        with contextlib.closing(client):
            measured(client, for_s(0))
            for number in range(ROUNDS):
                for pid in pids:
                    os.kill(pid, signal.SIGCONT)
                busy.append(measured(client, for_s(BUSY_S)))
                for pid in pids:
                    os.kill(pid, signal.SIGSTOP)
                with attack.part(number) as goes_on:
                    attacked.append(measured(client, goes_on))
    assert attack.answers == {200: attack.size}
    assert attack.size >= TEXTS
    ratio = statistics.median(attacked) / max(statistics.median(busy), LEAST_S)
    shown = [" ".join(f"{s * 1000:.0f}" for s in phase) for phase in (busy, attacked)]
    print(f"{ratio:.2f} times; p99 in ms busy: {shown[0]}; attacked: {shown[1]}")  # noqa: T201
    assert ratio <= MOST, f"{ratio:.1f} times; p99 in ms busy: {shown[0]}; attacked: {shown[1]}"
