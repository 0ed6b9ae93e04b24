"""``lightship report``: its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infra.command_line import AsJson, ConfigPath, answer

reports = typer.Typer()
"""Joins the commands without a group."""


@reports.command("report")
def report_of_a_period(
    first: Annotated[str, typer.Option("--from", help="First day, UTC: 2026-03-01.")],
    last: Annotated[str, typer.Option("--to", help="Last day, UTC.")],
    to: Annotated[Path, typer.Option("--out", help="HTML file to write; its numbers as JSON beside it.")],
    service: Annotated[str | None, typer.Option(help="Of this service; all by default.")] = None,
    lineage: Annotated[str, typer.Option(help="live, or that of an import.")] = "live",
    tenant: Annotated[str, typer.Option(help="Of this tenant.")] = "default",
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Write the report of a period. One page without scripts, to hand on."""
    from dashboard.report.command import report as write
    from dashboard.report.command import show_written

    written = write(config, first=first, last=last, service=service, tenant=tenant, lineage=lineage, to=to)
    answer(written, as_json, show_written)
