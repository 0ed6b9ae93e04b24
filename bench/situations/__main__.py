"""How soon people hear of what goes wrong, and of nothing else: ``python -m bench.situations``.

Real processes on this machine. Each service is one run of a situation (``--runs`` of each, all at once, each
run in an environment of its own, so that alike troubles do not become one of several services); all have
adopted the baselines of an import of a day at the same rate, and make ``--rate`` calls a second for
``--warm`` seconds before their causes begin. Then Lightship's own troubles: a receiver that refuses
everything, and detection that stands still. Printed are seconds from the cause to the message at a webhook,
what was told besides, and whether and how soon the end was told after the cause had gone. With ``--runs 0``
there are Lightship's own troubles alone.

``--replay`` plays the same (but a leak) on the data's own clock, see `bench.situations.replayed`: as fast as
this machine can, a cause goes ten minutes after it was told, and a run is over when its end was told.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

import httpx

from bench.machine import machine
from bench.processes import Running, running
from bench.situations import replayed
from bench.situations.runs import BEGINNINGS, Run, odd, report
from bench.situations.traffic import SITUATIONS, USUAL, Odds, call_of, request_of, span_of
from bench.webhook import OTHER, Hook, hook
from infra.clock import NS_PER_S

HISTORY = "import-bench"
TEACHER = "usual"
LEARN_DAYS = 1
TAUGHT_DAYS = 1.1
"""Days of the import: what is learned, and a little to be watched."""
STEP_S = 0.25
BATCH = 64
SEED = 5
SPEND = 12.0
"""A rule's limit, in how many times what is usually spent in its ten minutes."""
RULES = """
[detection]
learn_days = {learn_days}
[[rule]]
score = "cost_usd"
measure = "sum"
op = ">"
limit = {limit}
window_s = 600
least_n = 1
severity = "page"
services = ["spend-*"]
"""
RECEIVER = """
[[receiver]]
name = "other"
kind = "webhook"
url = "{url}{other}"

[[route]]
receivers = ["hook", "other"]
"""
COST_USD = 40 * 2.5e-6 + 25 * 10e-6
"""What a usual call costs, about."""


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
                    spans.append(((one.service, one.environment), span_of(call_of(odds, rng), now_ns, rng)))
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
    """A day of one service, sent at once in a lineage of its own, and its end."""
    rng = random.Random(SEED)
    end_ns = time.time_ns() - 3600 * NS_PER_S
    begin_ns = end_ns - int(TAUGHT_DAYS * 86_400) * NS_PER_S
    times = sorted(rng.randrange(begin_ns, end_ns) for _ in range(calls))
    with httpx.Client(base_url=f"http://127.0.0.1:{on.port}", timeout=60) as client:
        for i in range(0, calls, BATCH):
            spans = [
                ((TEACHER, "production"), span_of(call_of(USUAL, rng), at_ns, rng))
                for at_ns in times[i : i + BATCH]
            ]
            _post(client, request_of(spans), {"lightship-lineage": HISTORY})
        ended = {
            "lightship-lineage": HISTORY,
            "lightship-event-time": str(end_ns),
            "lightship-lineage-end": "1",
        }
        _post(client, b"", ended)
    _wait(lambda: on.stored() >= calls, "the history is stored", 3600)


def adopt(on: Running, runs: Sequence[Run]) -> None:
    """Every service is watched by what the history taught."""
    token = (on.home / "keys" / "alerts.token").read_text(encoding="ascii").strip()
    headers = {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=on.everything.addresses["alerts"], headers=headers, timeout=60) as client:
        for run in runs:
            body = {
                "actor": "bench",
                "reason": "a bench",
                "service": run.service,
                "environment": run.environment,
                "from": HISTORY,
                "from_service": TEACHER,
            }
            _wait(
                lambda body=body: client.post("/baselines/adopt", json=body).is_success,
                f"{run.service} adopts",
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
        rng = random.Random(SEED)
        span = span_of(call_of(Odds(leaks=True), rng), time.time_ns(), rng)
        _post(client, request_of([(("leak-for-the-receiver", "production"), span)]), {})
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
        told = [h.at_s for h in list(state.heard) if h.service == "lightship" and h.kind in BEGINNINGS]
        if any(at_s >= since_s for at_s in told):
            return min(at_s for at_s in told if at_s >= since_s)
        time.sleep(0.5)
    return None


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; 1 if a quiet service was told of."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.situations",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rate", type=float, default=2.0, help="calls a second of each service")
    parser.add_argument("--runs", type=int, default=10, help="services that meet each situation")
    names = [s.name for s in SITUATIONS]
    parser.add_argument("--situations", nargs="+", choices=names, default=names, help="which; all by default")
    parser.add_argument("--history", type=int, default=0, help="calls of the day before; 0: at the same rate")
    parser.add_argument("--warm", type=float, default=3900.0, help="seconds of traffic before the causes")
    parser.add_argument("--watch", type=float, default=1800.0, help="seconds that causes last")
    parser.add_argument("--after", type=float, default=1800.0, help="seconds watched after they have gone")
    parser.add_argument("--replay", action="store_true", help="on the data's own clock")
    parser.add_argument("--processes", type=int, default=2, help="runs that are replayed at a time")
    parser.add_argument("--seed", type=int, default=SEED, help="of what is replayed")
    given = parser.parse_args(argv)
    print(machine(), flush=True)
    chosen = [s for s in SITUATIONS if s.name in given.situations and not (given.replay and s.once)]
    runs = [Run(s, f"{s.name}-{i}", f"run-{i}") for s in chosen for i in range(given.runs)]
    calls = given.history or round(given.rate * TAUGHT_DAYS * 86_400)
    limit = round(SPEND * given.rate * 600 * COST_USD / 4, 4)
    title = f"{given.rate:g} calls/s of each of {len(runs)} services; seconds from cause to message"
    if given.replay:
        taught_at = calls / (TAUGHT_DAYS * 86_400)
        play = replayed.Play(
            RULES.format(learn_days=LEARN_DAYS, limit=limit),
            *(given.rate, taught_at, TAUGHT_DAYS, given.warm, given.watch, given.after, given.seed),
        )
        runs = replayed.played(play, runs, given.processes, _say)
        print(title + f", on the data's clock; taught at {taught_at:.2g} calls/s")
        print("\n".join(report(runs)), flush=True)
        return _odd(runs)
    rng = random.Random(SEED)
    with hook(lambda h: _say(f"heard: {h.service} · {h.incident} · {h.kind} · {h.headline}")) as state:
        settings = RULES.format(learn_days=LEARN_DAYS, limit=limit) + RECEIVER.format(
            url=state.url, other=OTHER
        )
        with running(webhook=state.url, settings_text=settings) as on:
            if runs:
                _say(f"teaching {calls:,} calls")
                teach(on, calls)
            traffic = Traffic(on, runs, given.rate)
            traffic.start()
            time.sleep(30)  # until services are known, and the receivers have answered
            _say(f"{len(runs)} services adopt what was learned")
            adopt(on, runs)
            _say(f"warming for {given.warm:g} s")
            time.sleep(given.warm if runs else 0)
            for run in runs:
                run.begins_s = time.monotonic() + rng.uniform(0.0, 60.0)
            _say(f"causes last {given.watch:g} s")
            time.sleep(60 + given.watch if runs else 0)
            for run in runs:
                run.ends_s = time.monotonic()
            _say(f"watching ends for {given.after:g} s")
            time.sleep(given.after if runs else 0)
            print(title)
            for run in runs:
                run.heard = [h for h in state.heard if h.service == run.service]
            print("\n".join(report(runs)), flush=True)
            own = own_troubles(on, state, 900.0)
            traffic.stop()
    for title, took_s in own:
        print(f"{title:44} {'-' if took_s is None else f'{took_s:.1f}':>17}")
    return _odd(runs)


def _odd(runs: Sequence[Run]) -> int:
    found = odd(runs)
    for h in found:
        print(f"told without a cause: {h.service}: {h.kind}: {h.headline}")
    return int(bool(found))


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
