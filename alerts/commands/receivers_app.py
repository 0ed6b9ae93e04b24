"""``lightship receivers``: the options of its commands."""

from __future__ import annotations

import typer

from alerts.apply_plan import DEFAULT_SET
from alerts.commands.apply_options import ApplyActor, ApplyFile, ApplyPlan, ApplyReason, ApplySet, ApplyYes
from infra.command_line import AsJson, ConfigPath, answer, out

receivers = typer.Typer(help="Who can be told.", no_args_is_help=True)


@receivers.command("list")
def receivers_list(as_json: AsJson = False, config: ConfigPath = None) -> None:
    """List receivers. Where each is from, and which routes name it."""
    from alerts.commands.receivers_command import listed, show_list

    answer(listed(config), as_json, show_list)


@receivers.command("apply")
def receivers_apply(
    file: ApplyFile,
    actor: ApplyActor = None,
    reason: ApplyReason = None,
    set_: ApplySet = DEFAULT_SET,
    plan: ApplyPlan = False,
    yes: ApplyYes = False,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Have receivers be what a file says, too. Beside the settings; done again it changes nothing."""
    from alerts.commands.apply import ApplyOptions, show_plan
    from alerts.commands.receivers_command import applied

    asked = ApplyOptions(file, set_, actor, reason, None, prune=False, plan=plan, yes=yes)
    report, code = applied(config, asked, out, typer.confirm)
    answer(report, as_json, show_plan)
    raise typer.Exit(code)
