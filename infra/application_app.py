"""``lightship env`` and ``lightship run``: their options."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from infra.command_line import ConfigPath, out, warn

applications = typer.Typer()
"""Joins the commands without a group."""


@applications.command("env")
def env(config: ConfigPath = None) -> None:
    """Print the variables the application in this directory needs. For a shell: eval "$(lightship env)"."""
    from infra.application_env import INGEST_KEY, application, as_shell
    from infra.settings import load

    needed = application(load(config), os.environ.get(INGEST_KEY, ""), Path.cwd())
    out(as_shell(needed.variables))
    for line in (*needed.missing, *needed.notes):
        warn(f"# {line}")


@applications.command("run", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(context: typer.Context, config: ConfigPath = None) -> None:
    """Run a command with those variables. For example: lightship run -- python app.py."""
    from infra.application_env import INGEST_KEY, application
    from infra.errors import Misconfigured
    from infra.settings import load

    if not context.args:
        raise Misconfigured("name a command after --, for example: lightship run -- python app.py")
    needed = application(load(config), os.environ.get(INGEST_KEY, ""), Path.cwd())
    for line in (*needed.missing, *needed.notes):
        warn(f"lightship: {line}")
    try:
        os.execvpe(context.args[0], context.args, {**os.environ, **needed.variables})  # noqa: S606 - their command
    except OSError as error:
        raise Misconfigured(f"cannot run {context.args[0]!r}: {error.strerror}") from error
