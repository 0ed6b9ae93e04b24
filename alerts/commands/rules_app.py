"""``lightship rules add|added|remove|apply``: the options of these commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alerts.apply_plan import DEFAULT_SET
from alerts.commands.apply_options import ApplyActor, ApplyFile, ApplyPlan, ApplyReason, ApplySet, ApplyYes
from infra.command_line import AsJson, ConfigPath, Service, Tenant, answer, out

added_rules = typer.Typer(no_args_is_help=True)

_Actor = Annotated[str, typer.Option("--as", help="Who decides it.")]
_Lineage = Annotated[str, typer.Option(help="live, or that of an import.")]


@added_rules.command("add")
def rules_add(
    file: Annotated[Path, typer.Argument(help="One table [[rule]], as in lightship.toml; - reads stdin.")],
    actor: _Actor,
    reason: Annotated[str, typer.Option(help="Why it is to be watched.")],
    environment: Annotated[str | None, typer.Option(help="Environment of the service.")] = None,
    lineage: _Lineage = "live",
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Watch one service by one more rule, without a restart. It is decided from the next tick on."""
    from alerts.commands.rules_command import added, show_added

    report = added(config, file, actor, reason, environment=environment, lineage=lineage)
    answer(report, as_json, show_added)


@added_rules.command("added")
def rules_added(
    service: Service = None,
    ended: Annotated[bool, typer.Option("--all", help="Also those that were removed.")] = False,
    lineage: _Lineage = "live",
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """List the rules that people added. Those of lightship.toml: `lightship rules check`."""
    from alerts.commands.rules_command import listed, show_list

    state = "all" if ended else "in_force"
    answer(listed(config, service=service, state=state, lineage=lineage), as_json, show_list)


@added_rules.command("remove")
def rules_remove(
    rule: Annotated[str, typer.Argument(help="Its id, which `lightship rules added` tells.")],
    actor: _Actor,
    reason: Annotated[str, typer.Option(help="Why it is not needed.")],
    environment: Annotated[str | None, typer.Option(help="In this environment alone.")] = None,
    lineage: _Lineage = "live",
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Watch by an added rule no more. What it said is over with the next tick."""
    from alerts.commands.rules_command import removed, show_removed

    report = removed(config, rule, actor, reason, environment=environment, lineage=lineage)
    answer(report, as_json, show_removed)


@added_rules.command("apply")
def rules_apply(
    file: ApplyFile,
    actor: ApplyActor = None,
    reason: ApplyReason = None,
    set_: ApplySet = DEFAULT_SET,
    prune: Annotated[bool, typer.Option("--prune", help="Remove what people added by hand, too.")] = False,
    plan: ApplyPlan = False,
    yes: ApplyYes = False,
    tenant: Tenant = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Have rules be what a file says, without a restart. Tables [[rule]]; done again it changes nothing."""
    from alerts.commands.apply import ApplyOptions, show_plan
    from alerts.commands.rules_command import applied

    asked = ApplyOptions(file, set_, actor, reason, tenant, prune=prune, plan=plan, yes=yes)
    report, code = applied(config, asked, out, typer.confirm)
    answer(report, as_json, show_plan)
    raise typer.Exit(code)
