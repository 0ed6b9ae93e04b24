"""``lightship dead-letters``: the options of its commands."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.command_line import AsJson, ConfigPath, Kind, Service, Since, Tenant, answer

dead_letters = typer.Typer(help="Records that could not be processed.", no_args_is_help=True)


@dead_letters.command("list")
def dead_letters_list(
    kind: Kind = None,
    tenant: Tenant = None,
    service: Service = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, help="How many to list, the newest first.")] = 50,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """List dead letters, with how many there are of each kind."""
    from ingest.operations.dead_letters.command import listed, show_list, wanted

    report = listed(config, wanted((), kind, tenant, service, since), limit)
    answer(report, as_json, show_list)


@dead_letters.command("show")
def dead_letters_show(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Its key in the list.")],
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Show one: why, from where, and the redacted record."""
    from ingest.operations.dead_letters.command import show_letter, shown

    letter = shown(config, key)
    answer(letter, as_json, show_letter)


@dead_letters.command("retry")
def dead_letters_retry(
    keys: Annotated[list[str] | None, typer.Argument(metavar="KEY", help="Keys in the list.")] = None,
    kind: Kind = None,
    tenant: Tenant = None,
    service: Service = None,
    since: Since = None,
    everything: Annotated[bool, typer.Option("--all", help="All that were not retried yet.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Those retried before, too.")] = False,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Send redacted records again. For when what stopped them is fixed."""
    from ingest.operations.dead_letters.command import sent_again, show_retry, wanted

    meant = wanted(keys or (), kind, tenant, service, since)
    report = sent_again(config, meant, everything=everything, force=force)
    answer(report, as_json, show_retry)
