"""``lightship silences``: the options of its commands. Single ones: ``lightship incidents silence``."""

from __future__ import annotations

from typing import Annotated

import typer

from alerts.apply_plan import DEFAULT_SET
from alerts.commands.apply_options import ApplyActor, ApplyFile, ApplyPlan, ApplyReason, ApplySet, ApplyYes
from infra.command_line import AsJson, ConfigPath, Tenant, answer, out

silences = typer.Typer(help="Silences of a file.", no_args_is_help=True)


@silences.callback()
def silences_of_a_file() -> None:
    """Silences of a file. Single ones: lightship incidents silence."""


@silences.command("apply")
def silences_apply(
    file: ApplyFile,
    actor: ApplyActor = None,
    reason: ApplyReason = None,
    set_: ApplySet = DEFAULT_SET,
    prune: Annotated[bool, typer.Option("--prune", help="Lift what people made by hand, too.")] = False,
    plan: ApplyPlan = False,
    yes: ApplyYes = False,
    tenant: Tenant = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Have silences be what a file says. Tables [[silence]]; done again it changes nothing."""
    from alerts.commands.apply import ApplyOptions, applied, show_plan

    asked = ApplyOptions(file, set_, actor, reason, tenant, prune=prune, plan=plan, yes=yes)
    report, code = applied(config, asked, "silence", (), out, typer.confirm)
    answer(report, as_json, show_plan)
    raise typer.Exit(code)
