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
    from alerts.commands.baselines_command import listed, show_list

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
    from alerts.commands.baselines_command import accept_or_adopt, show_accepted

    named = {"service": service, "score": score, "slice": slice_, "environment": environment}
    report = accept_or_adopt(config, "accept", actor, reason, lineage=lineage, **named)
    answer(report, as_json, show_accepted)


@baselines.command("adopt")
def baselines_adopt(
    service: Annotated[str, typer.Option(help="Which service is to watch by them.")],
    lineage: Annotated[str, typer.Option("--from", help="Lineage that learned them: import-...")],
    actor: Annotated[str, typer.Option("--as", help="Who decides it.")],
    reason: Annotated[str, typer.Option(help="Why what was imported is like what comes.")],
    environment: Annotated[str | None, typer.Option(help="Environment of the service.")] = None,
    from_service: Annotated[str | None, typer.Option(help="Its name in the import, if another.")] = None,
    from_environment: Annotated[str | None, typer.Option(help="Environment in the import.")] = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Watch live series by baselines of an import. From the first tick; what is watched already stays."""
    from alerts.commands.baselines_command import accept_or_adopt, show_adopted

    named = {"service": service, "environment": environment, "from": lineage}
    named |= {"from_service": from_service, "from_environment": from_environment}
    answer(accept_or_adopt(config, "adopt", actor, reason, **named), as_json, show_adopted)


@baselines.command("expect")
def baselines_expect(
    service: Annotated[str, typer.Option(help="Which service is about to change.")],
    at: Annotated[str, typer.Option(help="When: 2026-03-17T04:05:00Z.")],
    actor: Annotated[str, typer.Option("--as", help="Who expects it.")],
    reason: Annotated[str, typer.Option(help="Why: release 7.2.")],
    score: Annotated[list[str] | None, typer.Option(help="Scores, several times; needed to page.")] = None,
    environment: Annotated[str | None, typer.Option(help="Environment of the service.")] = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Announce a release after which new levels are fine. Scores that page are not, unless named."""
    from alerts.commands.baselines_command import accept_or_adopt, show_expected

    named = {"service": service, "environment": environment, "at": at, "scores": ",".join(score or ())}
    answer(accept_or_adopt(config, "expect", actor, reason, **named), as_json, show_expected)
