"""Names of the settings that are stored with findings, incidents and messages as an operator wrote them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from infra.errors import Misconfigured
from infra.settings import Settings


def check_stored_names(settings: Settings, revealed_type: Callable[[str], str | None]) -> None:
    """Refuse names that give away what redaction removes everywhere else.

    ``revealed_type`` says of a name which type of value stands in it, if one does.

    Raises
    ------
    Misconfigured
        Names the key and the type, never the value.
    """
    for where, name in _stored(settings):
        found = revealed_type(name)
        if found is not None:
            raise Misconfigured(
                f"{where} holds what looks like a value of type {found}: it is stored and shown as it "
                "stands, choose another name"
            )


def _stored(settings: Settings) -> Iterator[tuple[str, str]]:
    """Where each name stands, and the name."""
    for i, receiver in enumerate(settings.receiver):
        yield f"receiver[{i}].name", receiver.name
    for name, score in settings.scorers.own.items():
        yield "a name in [scorers.own]", name
        yield f"[scorers.own] {name!r}.title" if len(name) < 40 else "a title in [scorers.own]", score.title
    watched = [(f"rule[{i}]", rule.slice, rule.services) for i, rule in enumerate(settings.rule)]
    watched += [(f"slo[{i}]", slo.slice, slo.services) for i, slo in enumerate(settings.slo)]
    for where, slice_, services in watched:
        yield f"{where}.slice", slice_
        for service in services:
            yield f"{where}.services", service
    for what, names in (("service", settings.service), ("score", settings.score), ("judge", settings.judge)):
        for name in names:
            yield f"a name in [{what}]", name
    for name, judge in settings.judge.items():
        yield f"[judge] {name!r}.model" if len(name) < 40 else "a model in [judge]", judge.model
