"""What a channel must not tell: read from files and the environment, said to nobody."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from infra.errors import Misconfigured


def read_secret(path: str, key: str = "secret_file") -> bytes:
    """The secret in a file, without surrounding blanks; ``key`` is the setting that names the file.

    Raises
    ------
    Misconfigured
        If the file cannot be read or is empty.
    """
    try:
        secret = Path(path).expanduser().read_bytes().strip()
    except OSError as error:
        raise Misconfigured(f"receiver {key} {path} cannot be read: {error.strerror}") from error
    if not secret:
        raise Misconfigured(f"receiver {key} {path} is empty")
    return secret


def read_line(path: str, key: str) -> str:
    """The same where it is one line of visible ASCII: a token, a key, an address, a password.

    Raises
    ------
    Misconfigured
        If the file cannot be read, is empty or holds anything else.
    """
    try:
        line = read_secret(path, key).decode("ascii")
    except UnicodeDecodeError:
        line = ""
    if not line or not line.isprintable():
        raise Misconfigured(f"receiver {key} {path} must hold one line of visible ASCII characters")
    return line


def read_variable(name: str, key: str, environ: Mapping[str, str] = os.environ) -> str:
    """What a variable of the environment holds, without surrounding blanks; ``key`` names the variable.

    Raises
    ------
    Misconfigured
        If it is not set or empty.
    """
    value = environ.get(name, "").strip()
    if not value:
        raise Misconfigured(f"receiver {key}: the variable {name} is not set where the alerts service runs")
    return value
