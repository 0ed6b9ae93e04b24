"""How an application is connected: snippets, variables, and what is missing in what services send. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from dashboard import palette
from dashboard.palette import State
from dashboard.views.connect.connect_query import Sending
from detectors.scorers import SPECS
from infra.embedded.addresses import gateway_address
from infra.missing_instrumentation import FEW, Lack, missing_instrumentation
from infra.onramp.application_env import application
from infra.onramp.catalogue import catalogue
from infra.onramp.found import Found, Package
from infra.onramp.printing import as_shell
from infra.settings import LOOPBACK, Settings

_FILE = Path(__file__).with_name("snippets.toml")
KEY = "<your ingest key>"
CURL = "curl"
"""Requests by hand, which no runtime of the catalogue is."""
RECENT = timedelta(minutes=15)
"""How new a first call is to be called new."""


class Block(NamedTuple):
    """Lines to copy, and what language they are in."""

    language: str
    code: str


@dataclass(frozen=True, slots=True)
class Framework:
    """How one framework is made to send, on which runtimes."""

    title: str
    runtimes: tuple[str, ...]
    blocks: tuple[Block, ...]


@cache
def frameworks() -> tuple[Framework, ...]:
    """All of them, in the order of docs/frameworks.md."""
    data = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return tuple(
        Framework(
            one["title"],
            tuple(one["runtimes"]),
            tuple(Block(b["language"], b["code"].strip("\n")) for b in one["block"]),
        )
        for one in data["framework"]
    )


def runtimes() -> dict[str, str]:
    """Names of the runtimes by their titles; requests by hand come last."""
    return {one.title: name for name, one in catalogue().runtimes.items()} | {CURL: CURL}


def command(runtime: str) -> str:
    """What prints the variables in a shell; empty where there is nothing to set."""
    return "" if runtime == CURL else f'eval "$(lightship env --runtime {runtime})"'


def variables(settings: Settings, runtime: str) -> str:
    """What ``lightship env`` prints, for any instrumentation of a runtime; a key only by its place."""
    key = "" if settings.gateway.host in LOOPBACK else KEY
    if runtime == CURL:
        return f"{gateway_address(settings)}/v1/traces" + (f"\nauthorization: Bearer {key}" if key else "")
    start = catalogue().runtimes[runtime].start
    found = Found(runtime, packages={} if start is None else {start.package: Package()})
    needed = application(settings, key, found)
    return as_shell({name: value.replace(quote(KEY), KEY) for name, value in needed.variables.items()})


@dataclass(frozen=True, slots=True)
class Connected:
    """One service: its state, what is missing, how many scores it gives of how many there are."""

    state: State
    name: str
    sending: Sending
    lacks: tuple[Lack, ...]
    without_text: bool
    scores: int
    of: int

    @property
    def off(self) -> int:
        """Scores that none of its last calls has."""
        return self.of - self.scores


def connected(found: Sequence[Sending]) -> list[Connected]:
    """Services with something missing first, then by name."""
    known = {name for name, spec in SPECS.items() if spec.unit == "interaction"}
    out = []
    for one in found:
        missing = tuple(missing_instrumentation(one.facts))
        f = one.facts
        out.append(
            Connected(
                palette.FAILED if missing else palette.OK,
                f"{f.service} · {one.environment}" if one.environment else f.service,
                one,
                missing,
                f.without_content > FEW * f.n,
                len(known.intersection(one.scores)),
                len(known),
            )
        )
    return sorted(out, key=lambda c: (not c.lacks, c.name, c.sending.facts.dialect))


def newest(found: Sequence[Sending]) -> Sending | None:
    """The service whose newest call is the latest."""
    return max(found, key=lambda one: one.newest, default=None)


def is_new(one: Sending, now: datetime) -> bool:
    """Whether its first call that is looked at came just now."""
    return now - one.first <= RECENT
