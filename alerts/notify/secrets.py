"""What a channel must not tell: read from files, said to nobody."""

from __future__ import annotations

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
