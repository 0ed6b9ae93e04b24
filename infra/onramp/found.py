"""What was found of an application: its runtime and its packages with their versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Package:
    """An installed (or declared) package. ``instruments``: libraries and their versions that it needs.

    All of them: the OpenTelemetry distribution loads an instrumentation only if each is there.
    """

    version: str | None = None
    instruments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """An application as it was looked at.

    ``runtime`` is a name of the catalogue; ``where`` says what was looked at, for people; ``agent`` is a Java
    agent's archive; ``beside`` names further runtimes in the same directory; ``trouble`` says why nothing
    could be learnt.
    """

    runtime: str
    where: str = ""
    packages: Mapping[str, Package] = field(default_factory=dict)
    agent: str = ""
    beside: tuple[str, ...] = ()
    trouble: str = ""
