"""What the commands share: options that several of them take, and how they speak to people and machines."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

ConfigPath = Annotated[Path | None, typer.Option("--config", help="Settings file instead of lightship.toml.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Files = Annotated[
    list[Path],
    typer.Argument(exists=True, dir_okay=False, metavar="FILE", help="Files, compressed or not."),
]
SomeFiles = Annotated[
    list[Path] | None,
    typer.Argument(exists=True, dir_okay=False, metavar="FILE", help="Files, compressed or not."),
]
Port = Annotated[int | None, typer.Option(min=1, max=65535)]
KeyFile = Annotated[Path | None, typer.Option(help="Key file instead of that of the data directory.")]
Kind = Annotated[str | None, typer.Option(help="Of this kind: scorer_failed, not_otlp, ...")]
Tenant = Annotated[str | None, typer.Option(help="Of this tenant.")]
Service = Annotated[str | None, typer.Option(help="Of this service.")]
Since = Annotated[str | None, typer.Option(help="Not older than: 1h, 7d.")]


def warn(line: str) -> None:
    """A line on stderr."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def out(line: str) -> None:
    """A line of the answer."""
    try:
        sys.stdout.write(f"{line}\n")
    except BrokenPipeError:
        nobody_reads_on()


def answer(report: dict[str, Any], as_json: bool, show: Callable[[dict[str, Any]], str]) -> None:
    """The whole answer, for a machine or for a person."""
    out(json.dumps(report, indent=2) if as_json else show(report))


def nobody_reads_on() -> NoReturn:
    """A closed pipe (``| head``) is a normal end; what is left in the buffer must not complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)


def show_version(wanted: bool) -> None:
    """Say the version and end, if asked to."""
    if wanted:
        try:
            out(f"lightship {version('lightship')}")
        except PackageNotFoundError:
            out("lightship, not installed")
        raise typer.Exit
