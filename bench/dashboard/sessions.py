"""Many people at once: sessions that hold no browser, only what one says to the server and hears from it.

Each opens a page, looks at another service or score every few seconds, and waits for the page to be drawn
before it goes on. A rerun is from the question to the last message of the answer.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Sequence
from itertools import cycle
from urllib.parse import urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from bench.dashboard.fill import LINEAGE
from bench.dashboard.served import Served

PAGES = ("", "explore", "drift", "outputs", "releases", "cause", "trends", "incidents")
SCORES = ("refusal", "latency_s", "harm", "output_length")
LONGEST_S = 120.0
SETTLE_S = 2.0
THINK_S = (10.0, 30.0)
"""Seconds somebody looks at a page before asking for the next, least and most."""


async def people(served: Served, sessions: int, looks: int, seed: int) -> tuple[list[float], float]:
    """Seconds of every rerun of so many sessions, and MiB of the server a session."""
    before = served.resident_mib
    found = await asyncio.gather(*(_person(served, n, looks, seed) for n in range(sessions)))
    await asyncio.sleep(SETTLE_S)
    return [took for one in found for took in one], (served.resident_mib - before) / sessions


async def _person(served: Served, number: int, looks: int, seed: int) -> list[float]:
    rng = random.Random(f"{seed} {number}")
    await asyncio.sleep(rng.uniform(0, THINK_S[1]))
    pages = cycle(rng.sample(PAGES, len(PAGES)))
    took = []
    where = f"ws://127.0.0.1:{served.port}/_stcore/stream"
    async with connect(
        where,
        subprotocols=[Subprotocol("streamlit")],
        max_size=1 << 28,
        origin=Origin(served.base),
        additional_headers={"Cookie": "=".join(served.cookie)},
    ) as link:
        page = next(pages)
        await _run(link, page, {"lineage": LINEAGE})
        for look in range(looks):
            await asyncio.sleep(rng.uniform(*THINK_S))
            if look % 3 == 2:
                page = next(pages)
            asked = {
                "lineage": LINEAGE,
                "service": f"service-{rng.randrange(50):02d} · production",
                "score": rng.choice(SCORES),
            }
            began = time.perf_counter()
            await _run(link, page, asked)
            took.append(time.perf_counter() - began)
    return took


async def _run(link: ClientConnection, page: str, asked: dict[str, str]) -> None:
    """One run of a page's script, to its end."""
    said = BackMsg()
    said.rerun_script.query_string = urlencode(asked)
    said.rerun_script.page_name = page
    await link.send(said.SerializeToString())
    async with asyncio.timeout(LONGEST_S):
        while True:
            heard = ForwardMsg.FromString(bytes(await link.recv(decode=False)))
            if heard.WhichOneof("type") == "script_finished" and heard.script_finished in (
                ForwardMsg.FINISHED_SUCCESSFULLY,
                ForwardMsg.FINISHED_WITH_COMPILE_ERROR,
            ):
                return


def summary(took: Sequence[float]) -> str:
    """Median, p95 and longest."""
    ordered = sorted(took)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    return f"median {statistics.median(ordered):.2f} s, p95 {p95:.2f} s, longest {ordered[-1]:.2f} s"
