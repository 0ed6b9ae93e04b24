"""How soon a leak is told: ``python -m bench.alerts [--seconds 120] [--per-second 500]``.

Real processes on this machine, with traffic of the given rate going through them all the while. A call whose
answer holds a key is sent every other second, each by a service that nobody has heard of; the time is from
the gateway's 200 to the moment a webhook has the whole message.
"""

from __future__ import annotations

import argparse
import json
import random
import threading
import time

import httpx
import uvloop
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.ingest_load import PAYLOADS, bodies, send, words
from bench.machine import machine
from bench.processes import running
from bench.webhook import Hook, hook

EVERY_S = 2.0
SPANS = 64
"""Calls in one request of the traffic, as the SDKs' batches are set."""
CONNECTIONS = 4
PATIENCE_S = 60.0
SEED = 11


def leak(service: str, rng: random.Random) -> bytes:
    """A request of one call of a service whose answer holds a key that looks like a real one."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = service
    span = group.scope_spans.add().spans.add(name="chat", kind=3)
    span.trace_id, span.span_id = rng.randbytes(16), rng.randbytes(8)
    span.end_time_unix_nano = time.time_ns()
    span.start_time_unix_nano = span.end_time_unix_nano - 10**9
    key = "AKIA" + "".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=16))
    said = (("input", "user", words(80, rng)), ("output", "assistant", f"Use the key {key} for that."))
    for side, role, text in said:
        message = [{"role": role, "parts": [{"type": "text", "content": text}]}]
        span.attributes.add(key=f"gen_ai.{side}.messages").value.string_value = json.dumps(message)
    for name, value in (("operation.name", "chat"), ("request.model", "bench"), ("provider.name", "openai")):
        span.attributes.add(key=f"gen_ai.{name}").value.string_value = value
    return request.SerializeToString()


def told_after(port: int, state: Hook, seconds: float, rng: random.Random, prefix: str) -> list[float]:
    """Send leaks for so long; seconds from each 200 to its message, sorted."""
    taken: dict[str, float] = {}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        service = f"{prefix}-{len(taken)}"
        httpx.post(
            f"http://127.0.0.1:{port}/v1/traces",
            content=leak(service, rng),
            headers={"content-type": "application/x-protobuf"},
            timeout=30,
        ).raise_for_status()
        taken[service] = time.monotonic()
        time.sleep(EVERY_S)
    deadline = time.monotonic() + PATIENCE_S
    told: dict[str, float] = {}
    while len(told) < len(taken):
        if time.monotonic() > deadline:
            raise RuntimeError(f"nobody was told of {sorted(taken.keys() - told.keys())}")
        time.sleep(0.05)
        told |= {s: at_s for s in taken.keys() - told.keys() if (at_s := state.first(s)) is not None}
    return sorted(told[service] - at_s for service, at_s in taken.items())


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=120.0, help="how long leaks are sent")
    parser.add_argument("--per-second", type=float, default=500.0, help="interactions of the other traffic")
    given = parser.parse_args()
    rng = random.Random(SEED)
    print(machine())
    with hook() as state, running(webhook=state.url) as on:
        told_after(on.port, state, EVERY_S, rng, "warm")  # everything is connected
        made = bodies(PAYLOADS[1], SPANS, int(given.seconds * given.per_second / SPANS) + CONNECTIONS, SEED)
        traffic = threading.Thread(
            target=lambda: uvloop.run(
                send(on.port, made, CONNECTIONS, given.seconds, given.per_second / SPANS)
            ),
            name="traffic",
        )
        before = on.stored()
        traffic.start()
        took = told_after(on.port, state, given.seconds, rng, "bench")
        traffic.join()
        stored = on.stored() - before
    print(f"{len(took)} leaks among {given.per_second:g} interactions/s, {stored:,} stored meanwhile")
    print("from the gateway's 200 to the webhook:")
    for name, q in (("median", 0.5), ("p99", 0.99), ("longest", 1.0)):
        print(f"{name:8} {took[min(int(q * len(took)), len(took) - 1)]:.2f} s")


if __name__ == "__main__":
    main()
