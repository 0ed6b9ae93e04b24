"""What a person sees when everything runs: where it is, and the one line an application needs."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

PROBES = ("relay", "worker", "fleet", "judge")
"""Rooms whose ports answer ``/healthz``, ``/readyz`` and ``/metrics`` alone."""


def program(started: str = sys.argv[0]) -> str:
    """How the command is called from any directory: by name if the path finds it, else by its own path."""
    path = Path(started)
    found = shutil.which(path.name)
    if found is not None and path.exists() and Path(found).samefile(path):
        return path.name
    return shlex.quote(str(path.absolute())) if path.exists() else "lightship"


def first_screen(addresses: Mapping[str, str], home: Path, link: str = "", called: str = "lightship") -> str:
    """Text for the terminal. Its commands name the data directory: another shell may stand anywhere.

    ``link`` opens the dashboard; ``called`` is how `program` calls the command.
    """
    command = f"LIGHTSHIP_HOME={shlex.quote(str(home.absolute()))} {called}"
    gateway = addresses["gateway"]
    probes = (f"{name} {urlsplit(addresses[name]).port}" for name in PROBES if name in addresses)
    rows = [
        ("dashboard", link or addresses.get("dashboard", "not served")),
        ("OTLP", f"{gateway}/v1/traces"),
        ("OTLP/gRPC", addresses.get("grpc", "not served")),
        ("alerts", addresses["alerts"]),
        ("Kafka", addresses["kafka"]),
        ("ClickHouse", addresses["clickhouse"]),
        ("probes", ", ".join(probes) or "none"),
        ("data", str(home.absolute())),
    ]
    lines = ["", "Lightship is ready.", ""]
    lines += [f"  {name:<11} {value}" for name, value in rows]
    lines += [
        "",
        "Point an application at it, in the shell that starts it and in its directory:",
        "",
        f'  eval "$({command} env)"',
        "",
        "Then watch its calls arrive:",
        "",
        f"  {command} tail",
        "",
    ]
    if link and link != addresses.get("dashboard"):
        lines += [f"The link works once, within an hour. For another: {command} dashboard link", ""]
    lines += [
        "Stop with Ctrl-C.",
        "",
    ]
    return "\n".join(lines)
