"""Routes of alerts as settings: what each matches, to whom it sends, and what is wrong with one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from infra.errors import Misconfigured
from infra.sections import about
from infra.typed_table import unknown

_KINDS = ("drift", "fast", "rule", "volume", "silence", "slo", "anomaly", "policy", "pipeline")
"""Kinds of findings, as `detectors.finding` names them (a test holds the two equal)."""
_GLOBS = "`*` and `?` allowed"


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """Which alerts go to which receivers.

    The first match wins, unless it says `continue = true`; an empty list matches all.
    """

    receiver: str = field(default="", metadata=about("name of one receiver; or `receivers`"))
    receivers: tuple[str, ...] = field(default=(), metadata=about("names of receivers: all of them are told"))
    services: tuple[str, ...] = field(default=(), metadata=about(f"services; {_GLOBS}"))
    severities: tuple[str, ...] = field(
        default=(), metadata=about("severities", one_of=("page", "ticket", "info"))
    )
    lineages: tuple[str, ...] = field(default=("live",), metadata=about(f"lineages; {_GLOBS}"))
    environments: tuple[str, ...] = field(default=(), metadata=about(f'environments; {_GLOBS}; `""` is none'))
    tenants: tuple[str, ...] = field(default=(), metadata=about(f"tenants; {_GLOBS}"))
    scores: tuple[str, ...] = field(
        default=(), metadata=about(f"scores of the gravest findings of an incident; {_GLOBS}")
    )
    alert_kinds: tuple[str, ...] = field(
        default=(), metadata=about("kinds of the gravest findings of an incident", one_of=_KINDS)
    )
    continue_: bool = field(
        default=False, metadata=about("go on to later routes after this one matched, as Alertmanager does")
    )

    @property
    def receiver_names(self) -> tuple[str, ...]:
        """Names of its receivers, each once."""
        return tuple(dict.fromkeys(self.receivers or ((self.receiver,) if self.receiver else ())))


def check_routes(routes: Sequence[RouteSettings], names: Sequence[str]) -> None:
    """Whether every route names receivers that exist; ``names`` are those of all receivers.

    Raises
    ------
    Misconfigured
        Naming the route and the remedy.
    """
    for i, route in enumerate(routes):
        where = f"route[{i}]"
        if route.receiver and route.receivers:
            raise Misconfigured(f"{where} has receiver and receivers: put all names into receivers")
        if not route.receiver_names:
            raise Misconfigured(f'{where} names no receiver: give receivers = ["name", ...]')
        for name in route.receiver_names:
            if name not in names:
                raise unknown("receiver", name, names)
