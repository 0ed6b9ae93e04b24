"""``lightship allow``: the options of its commands."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.command_line import AsJson, ConfigPath, Tenant, answer

allow = typer.Typer(help="Which secrets in outputs are no incident.", no_args_is_help=True)

_Actor = Annotated[str, typer.Option("--as", help="Who decides it.")]


@allow.command("add")
def allow_add(
    actor: _Actor,
    reason: Annotated[str, typer.Option(help="Why they are harmless.")],
    secret: Annotated[list[str], typer.Option(help="Its pseudonym as shown, or [KIND:*]; may be repeated.")],
    service: Annotated[str, typer.Option(help="Of this service; * and ? allowed.")],
    lasts: Annotated[str, typer.Option("--for", help="How long: 12h, 90d; 366 days at most.")] = "90d",
    preview: Annotated[bool, typer.Option("--preview", help="Only say what it would have covered.")] = False,
    tenant: Tenant = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Allow secrets in outputs, as of an example.

    Hits of others go on being incidents.
    """
    from alerts.commands.allow_command import preview_or_create, show_preview

    named = {"secrets": " ".join(secret), "service": service, "lasts": lasts, "tenant": tenant}
    answer(preview_or_create(config, actor, reason, keep=not preview, **named), as_json, show_preview)


@allow.command("list")
def allow_list(
    ended: Annotated[bool, typer.Option("--ended", help="Those that ended, too.")] = False,
    tenant: Tenant = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """List what is allowed. Who said so, why, until when, and what it covered."""
    from alerts.commands.allow_command import listed, show_list

    answer(listed(config, tenant, ended=ended), as_json, show_list)


@allow.command("remove")
def allow_remove(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="Its id.")],
    actor: _Actor,
    reason: Annotated[str, typer.Option(help="Why.")],
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Remove an allow rule. What it named is an incident again from now on."""
    from alerts.commands.allow_command import removed, show_removed

    answer(removed(config, rule, actor, reason), as_json, show_removed)
