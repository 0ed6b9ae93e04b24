"""``lightship quarantine``: the options of its commands."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.command_line import AsJson, ConfigPath, Tenant, answer

quarantine = typer.Typer(
    name="quarantine", help="Services that detection failed on and does not watch.", no_args_is_help=True
)


@quarantine.command("list")
def quarantine_list(as_json: AsJson = False, config: ConfigPath = None) -> None:
    """List services that are not watched, since when and why."""
    from ingest.operations.quarantine import listed, show_list

    answer(listed(config), as_json, show_list)


@quarantine.command("release")
def quarantine_release(
    service: Annotated[str, typer.Argument(help="Its name.")],
    tenant: Tenant = None,
    lineage: Annotated[str | None, typer.Option(help="Of this lineage.")] = None,
    environment: Annotated[str | None, typer.Option(help="Of this environment.")] = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Watch a service again. It learns anew, from the next tick on."""
    from ingest.operations.quarantine import released, show_release

    answer(released(config, service, tenant, lineage, environment), as_json, show_release)
