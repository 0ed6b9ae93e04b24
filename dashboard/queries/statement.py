"""A statement with the values bound to it, for people who want to ask it themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_ESCAPES = str.maketrans(
    {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0", "\b": "\\b", "\f": "\\f"}
)


@dataclass(frozen=True, slots=True)
class Statement:
    """``sql`` has ``{name:Type}`` parameters; ``parameters`` are strings, whole numbers or truth values."""

    sql: str
    parameters: Mapping[str, object]

    def text(self) -> str:
        """What a ClickHouse client reads: a ``SET`` for each value, then the statement as we send it."""
        values = [f"SET param_{name} = {literal(value)};" for name, value in self.parameters.items()]
        return "\n".join([*values, self.sql.strip() + ";"])


def literal(value: object) -> str:
    r"""A value as ClickHouse's SQL writes it; a quote inside can end nothing.

    >>> literal("it's")
    "'it\\'s'"
    """
    if isinstance(value, bool):
        return "'true'" if value else "'false'"
    return str(value) if isinstance(value, int) else f"'{str(value).translate(_ESCAPES)}'"
