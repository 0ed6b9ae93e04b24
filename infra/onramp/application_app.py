"""``lightship env`` and ``lightship run``: their options."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from infra.command_line import ConfigPath, out, warn

applications = typer.Typer()
"""Joins the commands without a group."""

Runtime = Annotated[str, typer.Option(help="python, node, node-esm, java, spring, langchain4j, go, dotnet.")]
Folder = Annotated[Path, typer.Option("--app", help="Directory of the application.")]
Keep = Annotated[bool, typer.Option("--keep", help="Leave alone what is set already.")]


@applications.command("env")
def env(
    app: Folder = Path(),
    runtime: Runtime = "",
    format_: Annotated[
        str, typer.Option("--format", help="shell, fish, powershell, dotenv, docker, properties or json.")
    ] = "shell",
    keep: Keep = False,
    config: ConfigPath = None,
) -> None:
    """Print the variables an application needs. For a shell: eval "$(lightship env)"."""
    from infra.errors import Misconfigured
    from infra.gateway_section import INGEST_KEY
    from infra.onramp.application_env import application
    from infra.onramp.look import look
    from infra.onramp.printing import FORMATS
    from infra.settings import load

    if format_ not in FORMATS:
        raise Misconfigured(f"no format {format_!r}; there are: {', '.join(FORMATS)}")
    found = look(app, os.environ, runtime)
    needed = application(load(config), os.environ.get(INGEST_KEY, ""), found, os.environ, keep=keep)
    out(FORMATS[format_](needed.variables))
    for line in needed.lines:
        warn(f"# {line}")


@applications.command("run", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(
    context: typer.Context,
    runtime: Runtime = "",
    keep: Keep = False,
    config: ConfigPath = None,
) -> None:
    """Run a command with those variables. For example: lightship run -- python app.py."""
    from infra.errors import Misconfigured
    from infra.gateway_section import INGEST_KEY
    from infra.onramp.application_env import application
    from infra.onramp.look import look
    from infra.settings import load

    if not context.args:
        raise Misconfigured("name a command after --, for example: lightship run -- python app.py")
    found = look(Path.cwd(), os.environ, runtime, context.args)
    needed = application(load(config), os.environ.get(INGEST_KEY, ""), found, os.environ, keep=keep)
    for line in needed.lines:
        warn(f"lightship: {line}")
    try:
        os.execvpe(context.args[0], context.args, {**os.environ, **needed.variables})  # noqa: S606 - their command
    except OSError as error:
        raise Misconfigured(f"cannot run {context.args[0]!r}: {error.strerror}") from error
