"""What a person sees when everything runs: where it is, and the one line an application needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def first_screen(addresses: Mapping[str, str], home: Path) -> str:
    """Text for the terminal."""
    gateway = addresses["gateway"]
    rows = [
        ("dashboard", addresses.get("dashboard", "not served")),
        ("OTLP", f"{gateway}/v1/traces"),
        ("alerts", addresses["alerts"]),
        ("Kafka", addresses["kafka"]),
        ("ClickHouse", addresses["clickhouse"]),
        ("data", str(home.absolute())),
    ]
    lines = ["", "Lightship is ready.", ""]
    lines += [f"  {name:<11} {value}" for name, value in rows]
    lines += [
        "",
        "Point an application at it, in the shell that starts it:",
        "",
        '  eval "$(lightship env)"',
        "",
        "Stop with Ctrl-C.",
        "",
    ]
    return "\n".join(lines)
