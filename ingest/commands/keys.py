"""``lightship keys``: the options of its commands."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from infra.command_line import AsJson, ConfigPath, KeyFile, out, warn

keys = typer.Typer(help="Keys that applications send with.", no_args_is_help=True)


@keys.command("create")
def keys_create(
    tenant: Annotated[str, typer.Option(help="Whose data it sends.")] = "default",
    name: Annotated[str | None, typer.Option(help="What to call it.")] = None,
    quota: Annotated[list[str] | None, typer.Option(help="NAME=N, several times.")] = None,
    synthetic: Annotated[bool, typer.Option("--synthetic", help="What it sends is no person's.")] = False,
    key_file: KeyFile = None,
    config: ConfigPath = None,
) -> None:
    """Make a key and print it once. Only its hash is kept; a running gateway knows it within seconds."""
    from ingest.operations.keys import create

    secret, said = create(config, key_file, tenant, name, quota or [], synthetic=synthetic)
    warn(said)
    out(secret)


@keys.command("list")
def keys_list(key_file: KeyFile = None, as_json: AsJson = False, config: ConfigPath = None) -> None:
    """Print whose keys there are. Names, quotas and states, never the keys themselves."""
    from ingest.operations.keys import listing, show

    rows = listing(config, key_file)
    out(json.dumps(rows, indent=2) if as_json else show(rows))


@keys.command("revoke")
def keys_revoke(
    key: Annotated[str, typer.Argument(help="Its name or its id.")],
    key_file: KeyFile = None,
    config: ConfigPath = None,
) -> None:
    """Revoke a key. A running gateway refuses it within seconds."""
    from ingest.operations.keys import revoke

    warn(revoke(config, key_file, key))


@keys.command("block")
def keys_block(
    tenant: Annotated[str, typer.Argument(help="Whose keys are refused.")],
    undo: Annotated[bool, typer.Option("--undo", help="Let the tenant send again.")] = False,
    key_file: KeyFile = None,
    config: ConfigPath = None,
) -> None:
    """Refuse every key of a tenant until it is undone."""
    from ingest.operations.keys import block

    warn(block(config, key_file, tenant, undo=undo))
