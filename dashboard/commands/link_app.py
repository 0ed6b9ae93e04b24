"""``lightship dashboard``: its commands and options."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.command_line import ConfigPath, out

dashboard = typer.Typer(help="The dashboard.", no_args_is_help=True)


@dashboard.callback()
def _group() -> None:
    """The dashboard."""


@dashboard.command("link")
def link(
    path: Annotated[str, typer.Option(help="Page it opens, such as /incidents?lineage=live.")] = "/",
    config: ConfigPath = None,
) -> None:
    """Print a link that opens the dashboard. It works once, within an hour."""
    from dashboard.access.local_session import opening_link
    from dashboard.access.opening_links import is_local
    from infra.embedded.addresses import dashboard_address
    from infra.errors import Misconfigured
    from infra.settings import load

    if not is_local(path):
        raise Misconfigured(f"--path {path} is no page of the dashboard: give one such as /incidents")
    settings = load(config)
    out(opening_link(settings, dashboard_address(settings), path))
