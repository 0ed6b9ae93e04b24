"""``lightship scorers``: the options of its commands."""

from __future__ import annotations

import sys

import typer

from infra.command_line import AsJson, ConfigPath, answer

scorers = typer.Typer(help="Scores of your own.", no_args_is_help=True)


@scorers.callback()
def _group() -> None:
    """Scores of your own."""


@scorers.command("check")
def scorers_check(as_json: AsJson = False, config: ConfigPath = None) -> None:
    """Try the scores of your own on odd records. Exits with 1 if one breaks what every scorer keeps to."""
    from infra.settings import load
    from ingest.scorers_command import examine, show
    from ingest.settings_check import checked

    report = examine(checked(load(config)))
    answer(report, as_json, show)
    sys.exit(0 if report["ok"] else 1)
