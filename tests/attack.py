"""A gateway that keeps nothing and a sender of hostile texts, each a process of its own, for tests.

``python -m tests.attack gateway HOME PORT GRPC_PORT`` or ``python -m tests.attack sender URL``. The sender
waits for a line on its input, sends for as many seconds as stand there, and prints the statuses it got.
"""

from __future__ import annotations

import asyncio
import dataclasses
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import httpx
import uvicorn

from infra.settings import load
from ingest.gateway.ingest_keys import IngestKeys
from ingest.gateway.metrics import Metrics
from ingest.gateway.producer import Header, MemoryProducer
from ingest.gateway.serve import build
from tests.fuzz.hostile import HOSTILE, text_of
from tests.ingest.telemetry import chat, span, traces

SENDERS = 4
TEXT_CHARS = 1 << 20
PROTOBUF = {"content-type": "application/x-protobuf"}


class Forgetting(MemoryProducer):
    """Acknowledges after a moment, as a broker does, and keeps nothing."""

    async def send(
        self,
        topic: str,  # noqa: ARG002
        partition: int,  # noqa: ARG002
        value: bytes,  # noqa: ARG002
        headers: Sequence[Header],  # noqa: ARG002
        key: bytes | None = None,  # noqa: ARG002
    ) -> None:
        """Wait a little."""
        await asyncio.sleep(0.002)


def gateway(home: Path, port: int, grpc_port: int) -> None:
    """Serve until told to stop."""
    chosen = load(environ={"LIGHTSHIP_HOME": str(home)})
    chosen = dataclasses.replace(chosen, gateway=dataclasses.replace(chosen.gateway, grpc_port=grpc_port))
    app = build(chosen, IngestKeys(None), Forgetting(), Metrics())
    uvicorn.run(app, port=port, loop="uvloop", ws="none", lifespan="on", log_level="error")


def bodies() -> list[bytes]:
    """A request with one text of every hostile family."""
    return [
        traces(span({**chat(), "gen_ai.prompt": text_of(family, TEXT_CHARS)})).SerializeToString()
        for family in HOSTILE
    ]


def sender(url: str) -> None:
    """Send hostile texts over some connections whenever told to."""
    made = bodies()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        until = time.monotonic() + float(line)
        answers: Counter[int] = Counter()

        def send(first: int, until: float = until, answers: Counter[int] = answers) -> None:
            with httpx.Client(timeout=60) as client:
                at = first
                while time.monotonic() < until:
                    got = client.post(f"{url}/v1/traces", content=made[at % len(made)], headers=PROTOBUF)
                    answers[got.status_code] += 1
                    at += 1

        threads = [threading.Thread(target=send, args=(i * 7 + round(until),)) for i in range(SENDERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        sys.stdout.write(" ".join(f"{status}:{n}" for status, n in sorted(answers.items())) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "gateway":
        gateway(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    else:
        sender(sys.argv[2])
