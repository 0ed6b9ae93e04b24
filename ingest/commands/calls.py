"""``lightship tail`` and ``lightship show``: their options."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import Annotated

import typer

from infra.command_line import AsJson, ConfigPath, Service, Tenant, out, warn

calls = typer.Typer()

_Full = Annotated[bool, typer.Option("--full", help="Texts whole.")]


@calls.command("tail")
def tail_(
    service: Service = None,
    environment: Annotated[str | None, typer.Option(help="Of this environment.")] = None,
    n: Annotated[int, typer.Option("-n", min=0, max=10_000, help="How many that are stored already.")] = 10,
    follow: Annotated[bool, typer.Option(help="Go on until Ctrl-C.")] = True,
    full: _Full = False,
    lineage: Annotated[str, typer.Option(help="Of this lineage.")] = "live",
    tenant: Tenant = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Print calls as they are stored. One line each, redacted; `lightship show` prints one whole."""
    from ingest.operations.calls.command import as_line, tail, trace_page
    from ingest.operations.calls.query import Scope
    from ingest.operations.calls.text import to_dict

    scope = Scope(tenant or "default", lineage, service or "", environment or "")
    if sys.stdout.isatty():
        warn(f"a trace in the dashboard: {trace_page(config)}")
    with suppress(KeyboardInterrupt):
        for stored in tail(config, scope, n=n, follow=follow, warn=warn):
            out(json.dumps(to_dict(stored), ensure_ascii=False) if as_json else as_line(stored, full=full))
            sys.stdout.flush()


@calls.command("show")
def show_(
    wanted: Annotated[str, typer.Argument(metavar="TRACE|SPAN", help="Its id in hexadecimal digits.")],
    full: _Full = False,
    tenant: Tenant = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Print the calls of a trace. Texts, tokens, scores and the spans around them."""
    from ingest.operations.calls import command

    found = command.show(config, tenant or "default", wanted)
    out(json.dumps(command.as_json(found), indent=2) if as_json else command.as_text(found, full=full))
