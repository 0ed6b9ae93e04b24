"""Variables in the formats that shells, container engines and programs read. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping

Variables = Mapping[str, str]


def as_shell(variables: Variables) -> str:
    """``export`` lines for a POSIX shell."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())


def _fish(variables: Variables) -> str:
    def quoted(value: str) -> str:
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

    return "\n".join(f"set -gx {name} {quoted(value)}" for name, value in variables.items())


def _powershell(variables: Variables) -> str:
    return "\n".join(
        f"$env:{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in variables.items()
    )


def _dotenv(variables: Variables) -> str:
    """Double quotes as dotenv readers of Python, Node.js and Ruby take them."""

    def quoted(value: str) -> str:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("$", "\\$")
        return f'"{escaped}"'

    return "\n".join(f"{name}={quoted(value)}" for name, value in variables.items())


def _docker(variables: Variables) -> str:
    """For ``docker run --env-file``, which takes no quotes."""
    return "\n".join(f"{name}={value}" for name, value in variables.items())


def _properties(variables: Variables) -> str:
    """For the Java agent's ``otel.javaagent.configuration-file`` and Spring's ``application.properties``."""

    def escaped(value: str) -> str:
        return value.replace("\\", "\\\\").replace("\n", "\\n")

    return "\n".join(
        f"{name.lower().replace('_', '.')}={escaped(value)}" for name, value in variables.items()
    )


def _json(variables: Variables) -> str:
    return json.dumps(dict(variables), indent=2)


FORMATS: Mapping[str, Callable[[Variables], str]] = {
    "shell": as_shell,
    "fish": _fish,
    "powershell": _powershell,
    "dotenv": _dotenv,
    "docker": _docker,
    "properties": _properties,
    "json": _json,
}
"""By the name that ``lightship env --format`` takes."""
