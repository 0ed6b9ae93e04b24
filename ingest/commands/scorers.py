"""``lightship scorers``: the options of its commands."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from infra.command_line import AsJson, ConfigPath, answer

scorers = typer.Typer(help="What is measured.", no_args_is_help=True)


@scorers.command("check")
def scorers_check(as_json: AsJson = False, config: ConfigPath = None) -> None:
    """Try the scores of your own on odd records. Exits with 1 if one breaks what every scorer keeps to."""
    from infra.settings import load
    from ingest.operations.scorers import examine, show
    from ingest.settings_check import checked

    report = examine(checked(load(config)))
    answer(report, as_json, show)
    sys.exit(0 if report["ok"] else 1)


@scorers.command("on")
def scorers_on(
    scorer: Annotated[str, typer.Argument(help="Its name.")],
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Let a scorer run again that failed or was too slow. For every worker, from its next batch on."""
    from ingest.operations.scorers import run_again, show_run_again

    answer(run_again(config, scorer), as_json, show_run_again)
