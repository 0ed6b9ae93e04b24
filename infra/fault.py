"""An exception by its type and place: never by its text, which may hold what users wrote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

OURS = ("alerts.", "dashboard.", "detectors.", "ingest.")


@dataclass(frozen=True, slots=True)
class Fault:
    """``error`` names the type, ``place`` module, line and function of the innermost call, of ours if any."""

    error: str
    place: str

    @classmethod
    def of(cls, error: BaseException) -> Fault:
        """The fault behind an exception that was raised."""
        kind = type(error)
        name = (
            kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        )
        every = list(_places(error.__traceback__))
        places = [place for place in every if place.startswith(OURS)] or every
        return cls(name, places[-1] if places else "unknown")

    def __str__(self) -> str:
        return f"{self.error} at {self.place}"

    def state(self) -> list[Any]:
        """Plain form for a snapshot."""
        return [self.error, self.place]


def passed_through(error: BaseException, *modules: str) -> bool:
    """Whether an exception came out of a call into one of these modules."""
    return any(place.partition(":")[0] in modules for place in _places(error.__traceback__))


def _places(trace: TracebackType | None) -> Iterator[str]:
    """``module:line in function`` of each call, the outermost first."""
    while trace is not None:
        frame = trace.tb_frame
        yield f"{frame.f_globals.get('__name__', '')}:{trace.tb_lineno} in {frame.f_code.co_qualname}"
        trace = trace.tb_next
