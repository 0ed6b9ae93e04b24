"""What a supervised child is: by command line only."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infra.errors import Misconfigured

Probe = Callable[[], None]
"""Returns when the child is ready; raises `NotReady` or OSError, whose text is the reason, when it is not."""


class NotReady(Exception):
    """A child does not answer yet; the text says what was seen."""


class Restart(enum.Enum):
    """When a child that ended is started again."""

    ALWAYS = "always"
    ON_FAILURE = "on_failure"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class BackOff:
    """Pauses between restarts: doubling from the first to the longest, afresh after a stable while."""

    first_s: float = 0.25
    longest_s: float = 30.0
    stable_s: float = 30.0

    def pause_s(self, failures: int) -> float:
        """Pause before the restart that follows ``failures`` failures in a row (1 or more)."""
        return min(self.first_s * 2.0 ** min(failures - 1, 32), self.longest_s)


@dataclass(frozen=True, slots=True)
class Liveness:
    """How a child is watched once it has been ready.

    It is asked every ``every_s``, and has ``timeout_s`` to answer. After ``failures`` questions in a row
    without an answer it is wedged, and restarted: a minute, longer than a busy process on a slow machine
    takes. A question is not counted if the supervisor itself was kept waiting by more than ``late_s``: then
    it is the machine that stands still.
    """

    every_s: float = 5.0
    timeout_s: float = 5.0
    failures: int = 6
    late_s: float = 2.5


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One child.

    Parameters
    ----------
    name
        Unique; prefix of its log lines and name of its log file (letters, digits, ``-`` and ``_``).
    argv
        Program and arguments. Secrets belong in files or ``env``.
    ready
        URL that answers 2xx, or a `Probe`; None: ready once started. Asked for as long as the child runs.
    alive
        URL or `Probe` that answers as long as the child is not wedged, whatever it waits for. One that does
        not answer for long is restarted (`Liveness`); None: it never is.
    identified
        Whether the answers at these URLs name the instance (`infra.instance`).
    env
        Added to the supervisor's environment.
    after
        Names of children that must be ready first, and that are stopped later.
    once
        A step: it is ready when it has ended with exit code 0, and is not started again.
    required
        Whether the whole start fails if the first start of this one does.
    ready_timeout_s, grace_s
        How long it may take to be ready; how long to end after SIGTERM before it is killed.
    ports
        Ports it listens on, by purpose: for ``run.json``, and so that nobody else's server passes for it.
    """

    name: str
    argv: Sequence[str]
    ready: str | Probe | None = None
    alive: str | Probe | None = None
    identified: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    after: Sequence[str] = ()
    once: bool = False
    restart: Restart = Restart.ALWAYS
    required: bool = True
    ready_timeout_s: float = 60.0
    grace_s: float = 10.0
    ports: Mapping[str, int] = field(default_factory=dict)
    cwd: Path | None = None


def in_start_order(specs: Sequence[ChildSpec]) -> list[ChildSpec]:
    """The specs with every child behind those it comes after.

    Raises
    ------
    Misconfigured
        If a name is not usable or used twice, or ``after`` names nobody or goes round in a circle.
    """
    by_name = {spec.name: spec for spec in specs}
    for spec in specs:
        if not spec.name.replace("-", "").replace("_", "").isalnum() or not spec.argv:
            raise Misconfigured(f"child {spec.name!r} needs a plain name and a command line")
        for other in spec.after:
            if other not in by_name:
                raise Misconfigured(
                    f"child {spec.name} comes after {other!r}, which is not among the children"
                )
    if len(by_name) != len(specs):
        raise Misconfigured(f"two children have the same name: {sorted(spec.name for spec in specs)}")
    ordered: dict[str, ChildSpec] = {}
    while len(ordered) < len(specs):
        free = [s for s in specs if s.name not in ordered and all(a in ordered for a in s.after)]
        if not free:
            raise Misconfigured(f"children wait for each other: {sorted(set(by_name) - set(ordered))}")
        ordered.update((s.name, s) for s in free)
    return list(ordered.values())
