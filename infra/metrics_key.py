"""The key that shows all of ``/metrics``: without it, numbers of single tenants are added up."""

from __future__ import annotations

import hmac
from pathlib import Path

from infra.errors import Misconfigured

LEAST_CHARACTERS = 16
PRIVATE_LABELS = frozenset({"tenant", "service", "user"})
"""Labels that name whose numbers they are."""


class MetricsKey:
    """The key, or none: then nobody sees more than sums. Compared in constant time."""

    def __init__(self, key: str = "") -> None:
        self._key = key.encode()

    def is_in(self, authorization: str | bytes) -> bool:
        """Whether an ``Authorization`` header carries it (``Bearer ...``)."""
        given = authorization.encode("utf-8", "replace") if isinstance(authorization, str) else authorization
        scheme, _, value = given.partition(b" ")
        same = hmac.compare_digest(value.strip(), self._key)
        return bool(self._key) and scheme.lower() == b"bearer" and same


def read_metrics_key(file: str) -> MetricsKey:
    """The key in a file; none if no file is named.

    Raises
    ------
    Misconfigured
        If the file cannot be read, or what is in it is too short to protect anything.
    """
    if not file:
        return MetricsKey()
    try:
        key = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise Misconfigured(f"telemetry.metrics_key_file {file} cannot be read: {error}") from error
    if len(key) < LEAST_CHARACTERS:
        raise Misconfigured(
            f"telemetry.metrics_key_file {file} holds fewer than {LEAST_CHARACTERS} characters: "
            "write a longer key into it"
        )
    return MetricsKey(key)
