"""Whether external judges can work: their settings and keys, and whether their APIs answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from infra.errors import Misconfigured
from infra.judges import JudgeSettings
from infra.settings import Settings
from ingest.judge.endpoint import ANSWERED, NOT_US, Called, Endpoint
from ingest.judge.setup import benches
from ingest.operations.doctor.line import FAIL, OK, WARN, Line


def check_judges(settings: Settings) -> list[Line]:
    """A line for each judge, or that there is none; each API is asked once, for `LOOK_S` at most."""
    if not settings.judge:
        return [Line("judges", OK, "none is configured")]
    try:
        made = benches(settings)
    except Misconfigured as error:
        return [Line("judges", FAIL, str(error), "mend it: [judge.<name>] in docs/settings.md")]
    return asyncio.run(_looked([(bench.name, bench.settings) for bench in made]))


async def _looked(judges: Sequence[tuple[str, JudgeSettings]]) -> list[Line]:
    return list(await asyncio.gather(*(_look(name, judge) for name, judge in judges)))


async def _look(name: str, judge: JudgeSettings) -> Line:
    try:
        endpoint = Endpoint(judge, f"judge.{name}")
    except Misconfigured as error:
        return Line(
            f"judge {name}", FAIL, str(error), f"write the key of the API there: judge.{name}.key_file"
        )
    try:
        return check_judge(name, judge, endpoint.host, await endpoint.look())
    finally:
        await endpoint.close()


def check_judge(name: str, judge: JudgeSettings, host: str, looked: Called) -> Line:
    """Whether the API of a judge is there and takes its key; one that is away holds up nobody else."""
    check = f"judge {name}"
    if looked.outcome == ANSWERED:
        key = "with its key" if judge.key_file else "without a key"
        return Line(check, OK, f"{host} answers {key}; it is asked for {judge.model}")
    if looked.outcome == NOT_US:
        says = f"{host} refuses us ({looked.why})"
        return Line(check, FAIL, says, f"see judge.{name}.key_file and judge.{name}.url")
    says = f"{host} does not answer as it should ({looked.why}): nothing is rated meanwhile"
    return Line(check, WARN, says, f"see judge.{name}.url, and whether this machine may reach it")
