"""A file of silences against those that are in force: what is to be made, changed and lifted. Pure.

A silence of a file has times that do not depend on when it is applied, so that to apply it again changes
nothing. Its owner is the set that the file is applied as: a set lifts what is its own and not in the file any
more, and what people made by hand only where it is to be pruned. What a person lifted is not made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from alerts.apply_plan import Application, Plan, Step, whose
from alerts.errors import NotPossible
from alerts.silences.silence import MATCHERS, MAX_SILENCES, SHORTEST_S, Silence, requested_silence
from detectors.files.rows import parse_span_s
from detectors.finding import rfc3339
from infra.clock import NS_PER_S, to_datetime, to_ns
from infra.errors import Misconfigured
from infra.sections import about
from infra.typed_table import build

_PATTERN = "`*` and `?` allowed"


@dataclass(frozen=True, slots=True)
class SilenceTable:
    """A table ``[[silence]]`` of a file."""

    service: str = field(default="*", metadata=about(f"service; {_PATTERN}"))
    score: str = field(default="*", metadata=about(f"score; {_PATTERN}"))
    slice: str = field(default="*", metadata=about(f"`dim=value`; {_PATTERN}"))
    severity: str = field(default="*", metadata=about("page or ticket"))
    begins: str = field(default="", metadata=about("time with its zone; empty: when it is applied"))
    ends: str = field(default="", metadata=about("time with its zone; or `lasts`"))
    lasts: str = field(default="", metadata=about("a span such as 2h, from `begins` on"))
    reason: str = field(default="", metadata=about("why; empty: as the command says"))

    @property
    def patterns(self) -> dict[str, str]:
        """What it covers."""
        return {name: getattr(self, name) for name in MATCHERS}

    def times(self) -> tuple[int | None, int]:
        """When it begins (``None``: when it is applied) and ends, ns since 1970 UTC.

        Raises
        ------
        NotPossible
            If they cannot be known.
        """
        begins_ns = _at("begins", self.begins) if self.begins else None
        if self.ends and not self.lasts:
            return begins_ns, _at("ends", self.ends)
        if begins_ns is None or not self.lasts or self.ends:
            raise NotPossible(
                "give ends, or begins and lasts: its end is not to depend on when it is applied"
            )
        lasts_s = parse_span_s(self.lasts)
        if lasts_s is None:
            raise NotPossible(f"lasts = {self.lasts!r} must be a span such as 30m, 2h or 3d")
        return begins_ns, begins_ns + int(lasts_s * NS_PER_S)


def _at(key: str, text: str) -> int:
    try:
        return to_ns(datetime.fromisoformat(text))
    except (ValueError, OverflowError) as error:
        raise NotPossible(
            f"{key} = {text[:64]!r} is not a time with its zone, such as 2026-11-27T09:30:00Z"
        ) from error


def planned(
    tables: Sequence[object],
    known: Sequence[Silence],
    by: Application,
    *,
    prune: bool,
) -> Plan[Silence]:
    """What is to be done so that a set is as a file says.

    ``known`` are the silences in force and those that ended lately.

    Raises
    ------
    NotPossible
        If a table is no silence, is there twice, or there would be too many.
    """
    known = [s for s in known if not s.origin]  # what was made in an Alertmanager ends there
    mine = [s for s in known if s.tenant == by.tenant and s.applied == by.set_]
    steps: list[Step[Silence]] = []
    warnings: list[str] = []
    seen: set[tuple[object, ...]] = set()
    for i, table in enumerate(tables):
        try:
            given: SilenceTable = build(SilenceTable, table, f"silence[{i}]")
            step, warning = _step(given, mine, by)
        except (Misconfigured, NotPossible) as error:
            raise NotPossible(f"silence[{i}]: {error}") from error
        if (key := (*given.patterns.values(), *given.times())) in seen:
            raise NotPossible(f"silence[{i}] says what another one says")
        seen.add(key)
        steps += [step] if step is not None else []
        warnings += [f"silence[{i}], {warning}"] if warning else []
    steps = _paired(steps, [s for s in mine if s.in_force])
    kept = {step.old.silence_id for step in steps if step.old is not None}
    hand = [s for s in known if prune and s.tenant == by.tenant and s.in_force and not s.applied]
    gone = [s for s in mine if s.in_force and s.silence_id not in kept]
    steps += [Step(None, s) for s in gone]
    steps += [Step(None, s, why=whose("", s.actor)) for s in hand]
    new = sum(step.new is not None and not step.is_same for step in steps)
    if sum(s.in_force for s in known) + new > MAX_SILENCES:
        raise NotPossible(f"there would be more than {MAX_SILENCES} silences: lift some")
    return Plan(steps, warnings)


def _step(
    given: SilenceTable, mine: Sequence[Silence], by: Application
) -> tuple[Step[Silence] | None, str | None]:
    """What is to become of one table, and what else is to be known of it."""
    begins_ns, ends_ns = given.times()
    now_ns = by.now_ns
    is_from_now = begins_ns is None or begins_ns <= now_ns
    if begins_ns is not None and ends_ns <= begins_ns:
        raise NotPossible(f"it ends before it begins: {rfc3339(to_datetime(ends_ns))}")
    for one in mine:
        same_begin = one.begins_ns == begins_ns or (is_from_now and one.begins_ns <= now_ns)
        if _patterns(one) == given.patterns and one.ends_ns == ends_ns and same_begin:
            if one.in_force:
                return Step(one, one, is_same=True), None
            if one.ends_ns > now_ns:
                why = f"{_named(one)}: {one.ended_by} lifted it, so it is not made again; change its times"
                return None, why
    if ends_ns - now_ns < SHORTEST_S * NS_PER_S:
        return None, f"until {rfc3339(to_datetime(ends_ns))}: it is over"
    start_ns = now_ns if begins_ns is None or is_from_now else begins_ns
    asked = requested_silence(
        by.tenant,
        given.patterns,
        by.actor,
        given.reason or by.reason,
        now_ns,
        (ends_ns - start_ns) / NS_PER_S,
        start_ns,
    )
    return Step(replace(asked, ends_ns=ends_ns, applied=by.set_), None), None


def _paired(steps: Sequence[Step[Silence]], in_force: Sequence[Silence]) -> list[Step[Silence]]:
    """The same, where of the same patterns one is made and another lifted is one step: it changes."""
    used = {step.old.silence_id for step in steps if step.old is not None}
    out = []
    for step in steps:
        old = None
        if step.new is not None and step.old is None:
            free = [s for s in in_force if s.silence_id not in used and _patterns(s) == _patterns(step.new)]
            old = free[0] if free else None
        if old is not None:
            used.add(old.silence_id)
        out.append(step if old is None else Step(step.new, old))
    return out


def _patterns(silence: Silence) -> dict[str, str]:
    return {name: getattr(silence, name) for name in MATCHERS}


def _named(silence: Silence) -> str:
    patterns = " ".join(f"{name}={p}" for name, p in _patterns(silence).items() if p != "*")
    return f"{patterns} until {rfc3339(to_datetime(silence.ends_ns))}"


def row(step: Step[Silence]) -> dict[str, str | None]:
    """What a step is about."""
    one = step.new or step.old
    if one is None:
        return {}
    is_other = step.new is not None and step.old is not None and step.new is not step.old
    return {
        "silence_id": one.silence_id,
        "service": one.service,
        "text": f"{_named(one)}: {one.reason}",
        "was": _named(step.old) if is_other and step.old is not None else None,
    }
