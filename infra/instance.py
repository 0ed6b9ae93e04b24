"""Which run of Lightship a process belongs to, so that a probe cannot take another server for it.

The supervisor draws an id for each of its runs and gives it to its children; they name it with every health
answer. It is no secret: it says who answers, and opens nothing.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping

VARIABLE = "LIGHTSHIP_INSTANCE"
HEADER = "lightship-instance"


def new_instance() -> str:
    """An id that no other run has."""
    return secrets.token_hex(8)


def identity(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Header of a health answer; empty for a process that no supervisor started."""
    instance = environ.get(VARIABLE, "")
    return {HEADER: instance} if instance else {}
