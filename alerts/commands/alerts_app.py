"""``lightship alerts``: the options of its commands."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from infra.command_line import AsJson, ConfigPath, answer

alerts = typer.Typer(help="Messages to people.", no_args_is_help=True)

FAILED = 1


@alerts.callback()
def group() -> None:
    """Messages to people."""


@alerts.command("test")
def alerts_test(
    receiver: Annotated[str, typer.Argument(help="Name of a configured receiver.")],
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Send a test message through a receiver. Says what became of it; exits with 1 if it was not taken.

    When it was taken, the running alerts service sends what the receiver had refused.
    """
    from alerts.commands.test_message import report_recovery, show, tried

    report = tried(config, receiver)
    if report["ok"]:
        report["service"] = report_recovery(config, receiver)
    answer(report, as_json, show)
    if not report["ok"]:
        sys.exit(FAILED)
