"""What a command that failed says, and the code it ends with."""

from __future__ import annotations

import traceback

from infra.command_line import warn
from infra.errors import Misconfigured, Unavailable
from ingest import errors as ingest

USAGE, UNAVAILABLE, DEFECT = 2, 3, 70


def exit_code(error: Exception) -> int:
    """Say what went wrong, in words, and with which code to end."""
    if isinstance(error, Misconfigured | ingest.BadRecord):
        warn(f"lightship: {error}")
        return USAGE
    if isinstance(error, Unavailable | ingest.Unavailable):
        warn(f"lightship: {error}")
        return UNAVAILABLE
    if isinstance(error, OSError):
        warn(f"lightship: {error.filename or 'the network'}: {error.strerror or error}")
        return USAGE if error.filename else UNAVAILABLE
    traceback.print_exception(error)
    warn("lightship: this is a defect of ours, please report it")
    return DEFECT
