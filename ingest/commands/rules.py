"""``lightship rules``: the options of its commands."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.command_line import AsJson, ConfigPath, answer

rules = typer.Typer(help="Limits and objectives of your own: [[rule]], [[slo]].", no_args_is_help=True)


@rules.command("check")
def rules_check(as_json: AsJson = False, config: ConfigPath = None) -> None:
    """Say what the rules mean. Exits with 2 and the reason if one can never be decided."""
    from ingest.operations.rules import rules_in, show_rules

    answer(rules_in(config), as_json, show_rules)


@rules.command("test")
def rules_test(
    days: Annotated[float, typer.Option(min=0.01, max=395, help="How far to look back.")] = 7.0,
    tenant: Annotated[str, typer.Option(help="Of this tenant.")] = "default",
    lineage: Annotated[str, typer.Option(help="live, or that of an import.")] = "live",
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Say when the rules would have fired. Over the ticks that are stored; changes nothing."""
    from ingest.operations.rules import show_tried, tried

    answer(tried(config, days, tenant, lineage), as_json, show_tried)
