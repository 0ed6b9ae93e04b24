"""``lightship doctor``: its options."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from infra.command_line import AsJson, ConfigPath, out

doctors = typer.Typer()
"""Joins the commands without a group."""


@doctors.command()
def doctor(
    app: Annotated[
        bool, typer.Option("--app", help="Check the application and this shell's variables, too.")
    ] = False,
    app_dir: Annotated[Path | None, typer.Option(help="Directory of the application; implies --app.")] = None,
    runtime: Annotated[str, typer.Option(help="Its runtime, as of lightship env; implies --app.")] = "",
    wait: Annotated[float, typer.Option(min=0, help="Seconds a test interaction may take.")] = 30.0,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Say what is wrong, and what to do. Sends a test interaction through every door."""
    from ingest.operations.doctor.check_app import App
    from ingest.operations.doctor.command import examine
    from ingest.operations.doctor.line import exit_code, report, show

    asked = App(app_dir or Path(), runtime) if app or app_dir is not None or runtime else None
    lines = examine(config, app=asked, wait_s=wait)
    out(json.dumps(report(lines), indent=2) if as_json else show(lines))
    sys.exit(exit_code(lines))
