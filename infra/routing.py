"""Routes and escalations as settings: whose alerts go to whom, who is next, and what is wrong with one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from infra.errors import Misconfigured
from infra.sections import about
from infra.typed_table import unknown

_KINDS = ("drift", "fast", "rule", "volume", "silence", "slo", "anomaly", "policy", "pipeline")
"""Kinds of findings, as `detectors.finding` names them (a test holds the two equal)."""
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
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

    escalation: str = field(
        default="",
        metadata=about(
            "name of the `[[escalation]]` whose levels are told when nobody acknowledges; empty: none"
        ),
    )

    @property
    def receiver_names(self) -> tuple[str, ...]:
        """Names of its receivers, each once."""
        return tuple(dict.fromkeys(self.receivers or ((self.receiver,) if self.receiver else ())))


@dataclass(frozen=True, slots=True)
class IntervalSettings:
    """Hours of the week, such as business hours, which levels of an escalation name."""

    weekdays: tuple[str, ...] = field(
        default=("monday:sunday",), metadata=about('days, or ranges of days as `"monday:friday"`')
    )
    start_time: str = field(default="00:00", metadata=about("when it begins on these days, `HH:MM`"))
    end_time: str = field(
        default="24:00",
        metadata=about("when it ends; before `start_time`: on the next day; to `24:00`"),
    )
    location: str = field(
        default="UTC", metadata=about("IANA time zone, such as `Europe/Berlin`; summer time is kept to")
    )

    @property
    def days(self) -> frozenset[int]:
        """Its days of the week; Monday is 0.

        Raises
        ------
        Misconfigured
            If one is no day.
        """
        found: set[int] = set()
        for text in self.weekdays:
            first, mark, last = text.lower().partition(":")
            for name in (first, last) if mark else (first,):
                if name not in DAYS:
                    raise unknown("weekday", name, DAYS)
            begins, ends = DAYS.index(first), DAYS.index(last if mark else first)
            found |= {day % 7 for day in range(begins, ends + (7 if ends < begins else 0) + 1)}
        return frozenset(found)

    @property
    def minutes(self) -> tuple[int, int]:
        """Minute of the day at which it starts, and before which it ends.

        Raises
        ------
        Misconfigured
            If one is no time of a day.
        """
        return _minute(self.start_time, "start_time"), _minute(self.end_time, "end_time")


@dataclass(frozen=True, slots=True)
class LevelSettings:
    """Who is told next. A level is told once, until somebody acknowledges the incident."""

    receivers: tuple[str, ...] = field(metadata=about("names of receivers"))
    minutes: float = field(
        default=15.0,
        metadata=about(
            "minutes after the level before (at first: the route's receivers) was delivered",
            within=(0, 10_080),
        ),
    )
    active_time_intervals: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "names of `[time_interval]` in which it may be told; outside it is passed over, and told when "
            "one begins; empty: always"
        ),
    )


@dataclass(frozen=True, slots=True)
class EscalationSettings:
    """An escalation policy: levels that are told one after another until somebody acknowledges."""

    name: str = field(metadata=about("name that routes refer to"))
    level: tuple[LevelSettings, ...] = ()


def _minute(text: str, key: str) -> int:
    hours, mark, minutes = text.partition(":")
    if mark and len(text) == 5 and hours.isdigit() and minutes.isdigit():
        found = int(hours) * 60 + int(minutes)
        if int(minutes) < 60 and found <= 24 * 60:
            return found
    raise Misconfigured(f'{key} = {text!r} is no time of a day: give "00:00" to "24:00"')


def check_escalations(
    routes: Sequence[RouteSettings],
    escalations: Sequence[EscalationSettings],
    intervals: Mapping[str, IntervalSettings],
    names: Sequence[str],
) -> None:
    """Whether policies have levels, and name receivers and hours that exist; ``names`` are the receivers'.

    Raises
    ------
    Misconfigured
        Naming the key and the remedy.
    """
    for name, interval in intervals.items():
        _check_interval(name, interval)
    known = [policy.name for policy in escalations]
    for i, policy in enumerate(escalations):
        if not policy.name or known.count(policy.name) > 1:
            raise Misconfigured(
                f"escalation[{i}].name = {policy.name!r} must be there and differ from others"
            )
        if not policy.level:
            raise Misconfigured(f"escalation {policy.name!r} has no level: add [[escalation.level]]")
        for k, level in enumerate(policy.level):
            _check_level(level, f"escalation[{i}].level[{k}]", intervals, names)
    for i, route in enumerate(routes):
        if route.escalation and route.escalation not in known:
            raise unknown(f"escalation in route[{i}]:", route.escalation, known)


def _check_interval(name: str, interval: IntervalSettings) -> None:
    where = f"time_interval.{name}"
    try:
        starts, ends = interval.minutes
        if not interval.days:
            raise Misconfigured("weekdays is empty: name days, or leave it out for every day")
        if starts in (ends, 24 * 60):
            raise Misconfigured(f"{interval.start_time} to {interval.end_time} is no time at all")
        ZoneInfo(interval.location)
    except Misconfigured as error:
        raise Misconfigured(f"{where}: {error}") from error
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Misconfigured(
            f"{where}.location = {interval.location!r} is no time zone: give one such as Europe/Berlin"
        ) from error


def _check_level(
    level: LevelSettings, where: str, intervals: Mapping[str, IntervalSettings], names: Sequence[str]
) -> None:
    if not level.receivers:
        raise Misconfigured(f'{where} names no receiver: give receivers = ["name", ...]')
    for name in level.receivers:
        if name not in names:
            raise unknown(f"receiver in {where}:", name, names)
    for name in level.active_time_intervals:
        if name not in intervals:
            raise unknown(f"time interval in {where}:", name, intervals)


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
