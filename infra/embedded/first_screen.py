"""What a person sees when everything runs: where it is, and the one line an application needs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from infra.settings import Settings


def first_screen(addresses: Mapping[str, str], home: Path, link: str = "") -> str:
    """Text for the terminal. A data directory other than the default must be named to other commands.

    ``link`` opens the dashboard.
    """
    usual = home == Settings().home
    where = ", from this directory" if usual else ""
    named = "" if usual else f"LIGHTSHIP_HOME={shlex.quote(str(home.absolute()))} "
    gateway = addresses["gateway"]
    rows = [
        ("dashboard", link or addresses.get("dashboard", "not served")),
        ("OTLP", f"{gateway}/v1/traces"),
        ("OTLP/gRPC", addresses.get("grpc", "not served")),
        ("alerts", addresses["alerts"]),
        ("Kafka", addresses["kafka"]),
        ("ClickHouse", addresses["clickhouse"]),
        ("data", str(home.absolute())),
    ]
    lines = ["", "Lightship is ready.", ""]
    lines += [f"  {name:<11} {value}" for name, value in rows]
    lines += [
        "",
        f"Point an application at it, in the shell that starts it{where}:",
        "",
        f'  eval "$({named}lightship env)"',
        "",
    ]
    if link and link != addresses.get("dashboard"):
        lines += [
            f"The link works once, within an hour. For another{where}: {named}lightship dashboard link",
            "",
        ]
    lines += [
        "Stop with Ctrl-C.",
        "",
    ]
    return "\n".join(lines)
