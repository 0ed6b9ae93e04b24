"""How soon people hear of what goes wrong, and of nothing else: ``python -m bench.situations``.

Real processes on this machine. Each service is one run of a situation (``--runs`` of each, all at once); all
have adopted the baselines of an import of two weeks, and make ``--rate`` calls a second for ``--warm``
seconds before their causes begin. Then Lightship's own troubles: a receiver that refuses everything, and
detection that stands still. Printed are seconds from the cause to the message at a webhook, what was told
besides, and whether and how soon the end was told after the cause had gone.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import httpx

from bench.machine import machine
from bench.processes import Running, running
from bench.situations.traffic import SITUATIONS, USUAL, Odds, Situation, request_of, span_of
from bench.webhook import OTHER, Heard, Hook, hook
from infra.clock import NS_PER_S

HISTORY = "import-bench"
TEACHER = "usual"
DAYS = 15
STEP_S = 0.25
BATCH = 64
SEED = 5
SPEND = 12.0
"""A rule's limit, in how many times what is usually spent in its ten minutes."""
RULE = """
[[rule]]
score = "cost_usd"
measure = "sum"
op = ">"
limit = {limit}
window_s = 600
least_n = 1
severity = "page"
services = ["spend-*"]

[[receiver]]
name = "other"
kind = "webhook"
url = "{url}{other}"

[[route]]
receivers = ["hook", "other"]
"""
COST_USD = 40 * 2.5e-6 + 25 * 10e-6
"""What a usual call costs, about."""


@dataclass(slots=True)
class Run:
    """One service that meets one situation; times are seconds of the monotonic clock."""

    situation: Situation
    service: str
    begins_s: float = float("inf")
    ends_s: float = float("inf")
    leaked: bool = False

    def odds(self, now_s: float) -> Odds | None:
        """What its calls are like now."""
        if not self.begins_s <= now_s < self.ends_s:
            return USUAL
        if self.situation.once:
            if self.leaked:
                return USUAL
            self.leaked = True
        return self.situation.cause(now_s - self.begins_s)


class Traffic(threading.Thread):
    """Calls of all services at a rate each, as a Poisson process, until `stop`."""

    def __init__(self, on: Running, runs: Sequence[Run], rate: float) -> None:
        super().__init__(name="traffic", daemon=True)
        self._on, self._runs, self._rate = on, runs, rate
        self._rng = random.Random(SEED)
        self._enough = threading.Event()
        self.failed: Exception | None = None

    def run(self) -> None:
        """Send."""
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{self._on.port}", timeout=60) as client:
                due_s = time.monotonic()
                while not self._enough.is_set():
                    self._step(client)
                    due_s += STEP_S
                    self._enough.wait(max(0.0, due_s - time.monotonic()))
        except Exception as error:  # noqa: BLE001 - told at the end
            self.failed = error

    def _step(self, client: httpx.Client) -> None:
        rng, now_s, now_ns = self._rng, time.monotonic(), time.time_ns()
        spans = []
        for one in self._runs:
            must = one.situation.once and not one.leaked and now_s >= one.begins_s
            n = max(_poisson(self._rate * STEP_S, rng), int(must))
            for _ in range(n):
                odds = one.odds(now_s)
                if odds is not None:
                    spans.append((one.service, span_of(odds, now_ns, rng)))
        for i in range(0, len(spans), BATCH):
            _post(client, request_of(spans[i : i + BATCH]), {})

    def stop(self) -> None:
        """Send nothing more.

        Raises
        ------
        RuntimeError
            If it had ended before, of an error.
        """
        self._enough.set()
        self.join()
        if self.failed is not None:
            raise RuntimeError("the traffic broke off") from self.failed


def _poisson(mean: float, rng: random.Random) -> int:
    n, left = 0, rng.expovariate(1.0)
    while left < mean:
        n += 1
        left += rng.expovariate(1.0)
    return n


def _post(client: httpx.Client, body: bytes, headers: dict[str, str]) -> None:
    given = {"content-type": "application/x-protobuf", **headers}
    client.post("/v1/traces", content=body, headers=given).raise_for_status()


def teach(on: Running, calls: int) -> None:
    """Two weeks of one service, sent at once in a lineage of their own, and its end."""
    rng = random.Random(SEED)
    end_ns = time.time_ns() - 3600 * NS_PER_S
    begin_ns = end_ns - DAYS * 86_400 * NS_PER_S
    times = sorted(rng.randrange(begin_ns, end_ns) for _ in range(calls))
    with httpx.Client(base_url=f"http://127.0.0.1:{on.port}", timeout=60) as client:
        for i in range(0, calls, BATCH):
            spans = [(TEACHER, span_of(USUAL, at_ns, rng)) for at_ns in times[i : i + BATCH]]
            _post(client, request_of(spans), {"lightship-lineage": HISTORY})
        ended = {
            "lightship-lineage": HISTORY,
            "lightship-event-time": str(end_ns),
            "lightship-lineage-end": "1",
        }
        _post(client, b"", ended)
    _wait(lambda: on.stored() >= calls, "the history is stored", 3600)


def adopt(on: Running, services: Sequence[str]) -> None:
    """Every service is watched by what the history taught."""
    token = (on.home / "keys" / "alerts.token").read_text(encoding="ascii").strip()
    headers = {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=on.everything.addresses["alerts"], headers=headers, timeout=60) as client:
        for service in services:
            body = {
                "actor": "bench",
                "reason": "a bench",
                "service": service,
                "environment": "production",
                "from": HISTORY,
                "from_service": TEACHER,
            }
            _wait(
                lambda body=body: client.post("/baselines/adopt", json=body).is_success,
                f"{service} adopts",
                900,
            )


def _wait(done: object, what: str, limit_s: float) -> None:
    until_s = time.monotonic() + limit_s
    while not done():  # type: ignore[operator]
        if time.monotonic() > until_s:
            raise RuntimeError(f"after {limit_s:g} s still not: {what}")
        time.sleep(0.5)


def own_troubles(on: Running, state: Hook, limit_s: float) -> list[tuple[str, float | None]]:
    """Seconds until a receiver that refuses, and detection that stands still, are told."""
    begin_s = time.monotonic()
    state.refuses = True
    with httpx.Client(base_url=f"http://127.0.0.1:{on.port}", timeout=60) as client:
        span = span_of(Odds(leaks=True), time.time_ns(), random.Random(SEED))
        _post(client, request_of([("leak-for-the-receiver", span)]), {})
    told = _told_of_itself(state, begin_s, limit_s)
    dead = None if told is None or state.refused_at_s is None else told - state.refused_at_s
    state.refuses = False
    pid = on.supervisor.states()["worker"].pid
    begin_s = time.monotonic()
    if pid is not None:
        os.kill(pid, signal.SIGSTOP)
    told = _told_of_itself(state, begin_s, limit_s)
    if pid is not None:
        with suppress(ProcessLookupError):  # the supervisor has started another in its place
            os.kill(pid, signal.SIGCONT)
    return [
        ("a receiver refuses all", dead),
        ("detection stands still", None if told is None else told - begin_s),
    ]


def _told_of_itself(state: Hook, since_s: float, limit_s: float) -> float | None:
    while time.monotonic() < since_s + limit_s:
        if (at_s := state.first("lightship", since_s=since_s)) is not None:
            return at_s
        time.sleep(0.5)
    return None


def report(runs: Sequence[Run], state: Hook) -> list[str]:
    """A line for each situation."""
    head = ("told", "median", "p90", "goal", "other", "ended", "median")
    lines = [f"{'situation':44} " + " ".join(f"{name:>8}" for name in head)]
    for situation in SITUATIONS:
        mine = [r for r in runs if r.situation is situation]
        took, ends, others = list[float](), list[float](), 0
        for run in mine:
            opened = [h for h in state.heard if h.service == run.service and h.kind == "opened"]
            after = [h for h in opened if h.at_s >= run.begins_s and not situation.is_quiet]
            others += len(opened) - min(len(after), 1)
            if after:
                took.append(after[0].at_s - run.begins_s)
                closed = [
                    h.at_s for h in state.heard if h.incident == after[0].incident and h.kind == "resolved"
                ]
                ends += [at_s - min(run.ends_s, at_s) for at_s in closed[:1]]
        goal = "" if situation.goal_s is None else f"{situation.goal_s:g}"
        cells = [f"{len(took)}/{len(mine)}", *_quantiles(took), goal, str(others)]
        cells += [f"{len(ends)}/{len(took)}", _quantiles(ends)[0]]
        lines.append(f"{situation.title:44} " + " ".join(f"{cell:>8}" for cell in cells))
    return lines


def _quantiles(values: Sequence[float]) -> tuple[str, str]:
    if not values:
        return "-", "-"
    high = sorted(values)[min(int(0.9 * len(values)), len(values) - 1)]
    return f"{statistics.median(values):.1f}", f"{high:.1f}"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; 1 if a quiet service was told of."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.situations",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rate", type=float, default=2.0, help="calls a second of each service")
    parser.add_argument("--runs", type=int, default=10, help="services that meet each situation")
    parser.add_argument("--history", type=int, default=40_000, help="calls of the two weeks before")
    parser.add_argument("--warm", type=float, default=1200.0, help="seconds of traffic before the causes")
    parser.add_argument("--watch", type=float, default=1800.0, help="seconds that causes last")
    parser.add_argument("--after", type=float, default=1800.0, help="seconds watched after they have gone")
    given = parser.parse_args(argv)
    print(machine(), flush=True)
    names = [(s, f"{s.name}-{i}") for s in SITUATIONS for i in range(given.runs)]
    runs = [Run(situation, service) for situation, service in names]
    rng = random.Random(SEED)
    with hook(lambda h: _say(f"heard: {h.service} · {h.incident} · {h.kind} · {h.headline}")) as state:
        rule = RULE.format(
            limit=round(SPEND * given.rate * 600 * COST_USD / 4, 4), url=state.url, other=OTHER
        )
        with running(webhook=state.url, settings_text=rule) as on:
            _say(f"teaching {given.history:,} calls")
            teach(on, given.history)
            traffic = Traffic(on, runs, given.rate)
            traffic.start()
            time.sleep(30)
            _say(f"{len(runs)} services adopt what was learned")
            adopt(on, [r.service for r in runs])
            _say(f"warming for {given.warm:g} s")
            time.sleep(given.warm)
            for run in runs:
                run.begins_s = time.monotonic() + rng.uniform(0.0, 60.0)
            _say(f"causes last {given.watch:g} s")
            time.sleep(60 + given.watch)
            for run in runs:
                run.ends_s = time.monotonic()
            _say(f"watching ends for {given.after:g} s")
            time.sleep(given.after)
            print(f"{given.rate:g} calls/s of each of {len(runs)} services; seconds from cause to message")
            print("\n".join(report(runs, state)), flush=True)
            own = own_troubles(on, state, 900.0)
            traffic.stop()
    for title, took_s in own:
        print(f"{title:44} {'-' if took_s is None else f'{took_s:.1f}':>17}")
    odd = [h for h in state.heard if h.service.startswith("control") or _is_early(h, runs)]
    for h in odd:
        print(f"told without a cause: {h.service}: {h.kind}: {h.headline}")
    return int(bool(odd))


def _is_early(heard: Heard, runs: Sequence[Run]) -> bool:
    return any(heard.service == r.service and heard.at_s < r.begins_s for r in runs)


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
