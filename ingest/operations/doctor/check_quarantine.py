"""Whether detection watches every service. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from detectors.finding import SEVERAL
from ingest.operations.doctor.line import FAIL, OK, Line
from ingest.operations.quarantine import SetAside


def check_quarantine(services: Sequence[SetAside]) -> list[Line]:
    """A line for each service that is set aside, or that all are watched."""
    if not services:
        return [Line("quarantine", OK, "detection failed on no service")]
    return [
        Line(
            f"service {one.service}" if one.tenant == "default" else f"service {one.tenant}/{one.service}",
            FAIL,
            f"not watched since {one.since[:16]} UTC, {_meanwhile(one)} ({one.lineage}, "
            f"environment {one.environment or 'none'}): {one.error} at {one.place}",
            f"report it and update, or: lightship quarantine release {shlex.quote(one.service)}",
        )
        for one in services
    ]


def _meanwhile(one: SetAside) -> str:
    return "what services share" if one.service == SEVERAL else "only counted"
