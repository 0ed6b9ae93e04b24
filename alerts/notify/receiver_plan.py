"""A file of receivers and routes against the set applied before: what is new, other and gone. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from alerts.apply_plan import REMOVE, Plan, Step
from infra.applied_receivers import SECTIONS
from infra.settings import host_alone


@dataclass(frozen=True, slots=True)
class Named:
    """A table of the file under what it is called; routes are called by their place."""

    name: str
    table: Mapping[str, Any]

    def text(self) -> str:
        """What it says, without what may be a secret of an address."""
        shown = {key: host_alone(value) if key == "url" else value for key, value in self.table.items()}
        return ", ".join(f"{key} = {value!r}" for key, value in shown.items() if key != "name")


def planned(wanted: Mapping[str, Any], known: Mapping[str, Any]) -> Plan[Named]:
    """What is to be done so that a set holds the ``wanted`` tables in place of those it has."""
    there = {one.name: one for one in _each(known)}
    steps = [Step(one, there.get(one.name), is_same=there.get(one.name) == one) for one in _each(wanted)]
    kept = {step.new.name for step in steps if step.new is not None}
    return Plan([*steps, *(Step(None, one) for name, one in there.items() if name not in kept)])


def row(step: Step[Named]) -> dict[str, str | None]:
    """What a step is about."""
    one = step.new or step.old
    if one is None:
        return {}
    is_other = step.old is not None and not step.is_same and step.action != REMOVE
    return {
        "service": one.name,
        "text": one.text(),
        "was": step.old.text() if is_other and step.old is not None else None,
    }


def _each(tables: Mapping[str, Any]) -> Iterator[Named]:
    for section in SECTIONS:
        found = tables.get(section, ())
        if isinstance(found, Mapping):
            yield from (Named(f"{section} {name}", table) for name, table in found.items())
        else:
            for i, table in enumerate(found):
                name = table.get("name", f"[{i}]") if section != "route" else f"[{i}]"
                yield Named(f"{section} {name}", table)
