"""How much traffic a core takes in and scores: ``python -m bench.ingest [--minutes 10] [--seconds 10]``.

Real processes on this machine: gateway, embedded broker, worker, embedded store; requests are made from
recordings, every one with ids and texts of its own. "A core" is a second of processor time of that process
and its children, whatever else the machine does meanwhile; broker and store are told apart. Then an overload
of ``--minutes``: more is sent than the worker can score, and memory is watched.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import uvloop

from bench.ingest_load import PAYLOADS, Payload, Sent, bodies, send
from bench.machine import machine
from bench.processes import MEASURED, Cost, Running, running

SEED = 7
BATCHES = (64, 1)
CONNECTIONS = 8
OVERLOAD_CONNECTIONS = 64
OVERLOAD_BODIES = 400
WARM_UP_S = 3.0
LOAD = 0.5
"""Share of the most it takes at which the time to an answer is measured."""
PATIENCE_S = 300.0
FLAT = 1.1
"""Memory of the last third of an overload may be so much of that of the second."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one payload in one size of batch came to."""

    size: float
    accepted: float
    p99_full_ms: float
    p99_half_ms: float
    scored: float
    broker_ms: float
    store_ms: float
    stored_bytes: float


def shared(before: dict[str, Cost], after: dict[str, Cost], name: str) -> float:
    """Processor seconds of a process between two readings."""
    return after[name].cpu_s - before[name].cpu_s


def measure(on: Running, payload: Payload, spans: int, seconds: float) -> Figures:
    """Send as fast as it goes, then at half of that; wait until the worker has stored all of it."""
    most = int((seconds + WARM_UP_S) * 12_000 / (spans + 7))  # more than can be taken
    made = bodies(payload, spans, most, SEED + spans)
    size = sum(map(len, made)) / len(made) / spans
    warm, rest = made[: len(made) // 6], made[len(made) // 6 :]
    begun = on.stored()
    sent = uvloop.run(send(on.port, warm, CONNECTIONS, WARM_UP_S))
    drained(on, begun + sent.taken * spans)
    start, have = on.costs(), on.stored()
    full = uvloop.run(send(on.port, rest, CONNECTIONS, seconds))
    gateway = on.costs()
    drained(on, have + full.taken * spans)
    end = on.costs()
    calls = full.taken * spans
    rate = LOAD * full.taken / seconds
    some = bodies(payload, spans, max(int(rate * seconds), 20), SEED - spans)
    half = uvloop.run(send(on.port, some, CONNECTIONS, seconds, rate))
    drained(on, have + calls + half.taken * spans)
    return Figures(
        size=size,
        accepted=calls / shared(start, gateway, "gateway"),
        p99_full_ms=full.quantile_ms(0.99),
        p99_half_ms=half.quantile_ms(0.99),
        scored=calls / shared(start, end, "worker"),
        broker_ms=shared(start, end, "broker") / calls * 1000,
        store_ms=shared(start, end, "store") / calls * 1000,
        stored_bytes=on.bytes_stored() / on.stored(),
    )


def drained(on: Running, stored: int) -> None:
    """Wait until so many interactions are stored."""
    deadline = time.monotonic() + PATIENCE_S
    while (now := on.stored()) < stored:
        if time.monotonic() > deadline:
            raise RuntimeError(f"after {PATIENCE_S:g} s {now} of {stored} interactions are stored")
        time.sleep(0.2)


ROWS = (
    ("bytes a span, as sent", "size", "{:,.0f}"),
    ("gateway: spans/s a core", "accepted", "{:,.0f}"),
    ("  p99 at full load, ms", "p99_full_ms", "{:,.0f}"),
    ("  p99 at half load, ms", "p99_half_ms", "{:,.0f}"),
    ("worker: interactions/s a core", "scored", "{:,.0f}"),
    ("broker: processor ms a span", "broker_ms", "{:.3f}"),
    ("store: processor ms a span", "store_ms", "{:.3f}"),
    ("bytes an interaction stored", "stored_bytes", "{:,.0f}"),
)


def table(columns: Sequence[tuple[str, Figures]]) -> None:
    """Print figures side by side."""
    print(" " * 32 + "".join(f"{name:>18}" for name, _ in columns))
    for title, name, form in ROWS:
        print(f"{title:32}" + "".join(f"{form.format(getattr(f, name)):>18}" for _, f in columns), flush=True)


@dataclass(slots=True)
class Watch:
    """Memory of every process, read once a second until told to stop."""

    on: Running
    seen: list[dict[str, Cost]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Read until `stop` is set."""
        while not self.stop.wait(1.0):
            self.seen.append(self.on.costs())

    def thirds(self, name: str) -> list[float]:
        """Median memory of each third of the time, MiB."""
        n = max(len(self.seen) // 3, 1)
        parts = [self.seen[:n], self.seen[n : 2 * n], self.seen[2 * n :]]
        return [statistics.median(c[name].resident_mib for c in part or self.seen) for part in parts]


def overload(on: Running, payload: Payload, minutes: float) -> bool:
    """Send more than the worker can score for so long; whether memory stayed flat."""
    watch = Watch(on)
    watcher = threading.Thread(target=watch.run)
    watcher.start()
    total = Sent()
    have, began = on.stored(), time.monotonic()
    lap = 0
    try:
        while time.monotonic() - began < minutes * 60:
            lap += 1
            made = bodies(payload, BATCHES[0], OVERLOAD_BODIES, SEED + 1000 * lap)
            until = began + minutes * 60 - time.monotonic()
            got = uvloop.run(send(on.port, made, OVERLOAD_CONNECTIONS, until))
            total.taken += got.taken
            total.refused += got.refused
            total.seconds += got.seconds
    finally:
        watch.stop.set()
        watcher.join()
    calls, stored = total.taken * BATCHES[0], on.stored() - have
    took_s = time.monotonic() - began
    print(
        f"overload of {took_s / 60:.1f} min: {calls / took_s:,.0f} spans/s accepted, {total.refused} requests"
        f" refused, {stored / took_s:,.0f}/s scored, {calls - stored:,} waiting in Kafka at the end, "
        f"p99 {total.quantile_ms(0.99):,.0f} ms"
    )
    flat = True
    for name in MEASURED:
        first, second, third = watch.thirds(name)
        grown = third / second
        verdict = "" if name in ("broker", "store") else ", flat" if grown <= FLAT else ", GROWS"
        flat = flat and "GROWS" not in verdict
        print(f"  {name:8} {first:7,.0f} {second:7,.0f} {third:7,.0f} MiB (thirds of the time){verdict}")
    return flat


def main() -> int:
    """Measure and print; 1 if memory grows under overload."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of overload; 0 for none")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--payload", type=int, choices=range(len(PAYLOADS)), help="only this one")
    given = parser.parse_args()
    print(f"{machine()}, seed {SEED}")
    chosen = PAYLOADS if given.payload is None else (PAYLOADS[given.payload],)
    for payload in chosen:
        with running() as on:
            print(f"\n{payload.name}", flush=True)
            table([(f"{spans} a request", measure(on, payload, spans, given.seconds)) for spans in BATCHES])
    if not given.minutes:
        return 0
    with running() as on:
        print(flush=True)
        return int(not overload(on, PAYLOADS[0], given.minutes))


if __name__ == "__main__":
    raise SystemExit(main())
