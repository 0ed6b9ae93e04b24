"""``lightship baselines``: the options of its commands."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.command_line import AsJson, ConfigPath, Service, answer

baselines = typer.Typer(help="What series are compared with.", no_args_is_help=True)


@baselines.command("list")
def baselines_list(
    service: Service = None,
    score: Annotated[str | None, typer.Option(help="Of this score.")] = None,
    slice_: Annotated[str, typer.Option("--slice", help="dim=value, or * for every slice.")] = "all",
    lineage: Annotated[str, typer.Option(help="live, or that of an import.")] = "live",
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """List learned levels as a proposal. With limits, other services, and what would be noticed."""
    from alerts.levels_command import listed, show_list

    report = listed(config, service=service, score=score, slice=slice_, lineage=lineage)
    answer(report, as_json, show_list)


@baselines.command("accept")
def baselines_accept(
    service: Annotated[str, typer.Option(help="Whose levels.")],
    actor: Annotated[str, typer.Option("--as", help="Who accepts them.")],
    reason: Annotated[str, typer.Option(help="Why they are fine.")],
    score: Annotated[str | None, typer.Option(help="Of this score alone.")] = None,
    slice_: Annotated[str, typer.Option("--slice", help="dim=value, or * for every slice.")] = "all",
    environment: Annotated[str | None, typer.Option(help="Of this environment alone.")] = None,
    lineage: Annotated[str, typer.Option(help="live, or that of an import.")] = "live",
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Accept the levels a service learned. A change since then is accepted with its incident."""
    from alerts.levels_command import show_accepted, told

    named = {"service": service, "score": score, "slice": slice_, "environment": environment}
    report = told(config, "accept", actor, reason, lineage=lineage, **named)
    answer(report, as_json, show_accepted)
