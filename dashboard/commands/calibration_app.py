"""``lightship scorers agreement`` and ``precision``: their options."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.command_line import AsJson, ConfigPath, answer

calibration = typer.Typer()
"""Joins the group ``scorers``."""

Days = Annotated[float, typer.Option(min=0.01, max=395, help="How far to look back.")]


@calibration.command("agreement")
def scorers_agreement(
    human: Annotated[
        str | None, typer.Option(help="Name that people rate by; all of them by default.")
    ] = None,
    good_from: Annotated[float | None, typer.Option(help="Least value of theirs that means good.")] = None,
    days: Days = 30.0,
    lineage: Annotated[str, typer.Option(help="live, or that of an import.")] = "live",
    tenant: Annotated[str, typer.Option(help="Of this tenant.")] = "default",
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Say how far external judges agree with people. By feedback on the same interactions."""
    from dashboard.commands.calibration_command import agreements, show_agreements

    found = agreements(config, human=human, good_from=good_from, days=days, tenant=tenant, lineage=lineage)
    answer(found, as_json, show_agreements)


@calibration.command("precision")
def scorers_precision(
    days: Days = 90.0,
    lineage: Annotated[str, typer.Option(help="live, or that of an import.")] = "live",
    tenant: Annotated[str, typer.Option(help="Of this tenant.")] = "default",
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Say how often hits of a score are right. By feedback named right:<score>; and what a hit is."""
    from dashboard.commands.calibration_command import precisions, show_precisions

    answer(precisions(config, days=days, tenant=tenant, lineage=lineage), as_json, show_precisions)
