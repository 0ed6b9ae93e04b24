"""The fleet as rows: what each service is doing, judged from what the store knows. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dashboard import formats, palette, strings
from dashboard.measures.scores import known
from dashboard.palette import STATES, State
from dashboard.queries.fleet import Service, Watched
from dashboard.safe_text import clean
from dashboard.tables.incident import Incident
from dashboard.tables.incident_picture import readable

SILENT_AFTER = timedelta(minutes=15)
"""A shorter pause is never called silence."""
EXPECTED_MISSING = 20
"""Outputs that yesterday's same hours saw and today's did not: fewer prove nothing."""
FORGOTTEN_AFTER = timedelta(hours=24)
"""A pause so long is silence at any volume."""


@dataclass(frozen=True, slots=True)
class FleetRow:
    """One service. ``open`` are its open incidents, the most urgent, ``incident``, first."""

    service: str
    environment: str
    state: State
    incident: Incident | None
    open: tuple[Incident, ...]
    hours: tuple[int, ...]
    outputs: int
    newest: datetime | None
    usual_per_hour: float | None
    learning: tuple[Watched, ...]
    n_series: int

    @property
    def name(self) -> str:
        """Service, with its environment where it has one."""
        return named(self.service, self.environment)


def urgency(incident: Incident) -> tuple[int, datetime]:
    """Sorts incidents: the most urgent state first, in it the oldest."""
    return STATES.index(incident.state), incident.onset


def urgent(rows: Sequence[FleetRow]) -> list[tuple[FleetRow, Incident]]:
    """Every open incident with its service, the most urgent first."""
    pairs = [(row, incident) for row in rows for incident in row.open]
    return sorted(pairs, key=lambda pair: urgency(pair[1]))


def named(service: str, environment: str, usual: str = "") -> str:
    """Service, with its environment unless it has none or the ``usual`` one."""
    return f"{service} · {environment}" if environment and environment != usual else service


def usual_environment(rows: Sequence[FleetRow]) -> str:
    """The environment of most services; a table need not repeat it in every row."""
    counted = Counter(row.environment for row in rows)
    return max(counted, key=lambda name: (counted[name], name), default="")


def rows(
    services: Sequence[Service], watched: Sequence[Watched], incidents: Sequence[Incident], now: datetime
) -> list[FleetRow]:
    """Every service, most urgent first, then by name.

    A service known only from an incident or a series is a row as well: it is expected, and silent.
    """
    by_key: dict[tuple[str, str], Service] = {item.key: item for item in services}
    open_of: dict[tuple[str, str], list[Incident]] = {}
    for incident in incidents:
        if incident.is_open:
            open_of.setdefault((incident.stored.service, incident.stored.environment), []).append(incident)
    watched_of: dict[tuple[str, str], list[Watched]] = {}
    for item in watched:
        watched_of.setdefault((item.service, item.environment), []).append(item)
    out = []
    for key in {*by_key, *open_of, *watched_of}:
        service = by_key.get(key) or Service(*key, (), None, 0, 0, 0)
        out.append(_row(service, watched_of.get(key, []), open_of.get(key, []), now))
    return sorted(out, key=lambda row: (STATES.index(row.state), row.service, row.environment))


def _row(service: Service, watched: list[Watched], incidents: list[Incident], now: datetime) -> FleetRow:
    hourly = dict(service.hours)
    # the running hour would look like a fall
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    day = tuple(hourly.get(this_hour - timedelta(hours=h), 0) for h in range(24, 0, -1))
    ordered = sorted(incidents, key=urgency)
    worst = ordered[0] if ordered else None
    missing = expected_since(hourly, service.newest, now)
    learning = tuple(w for w in watched if w.state == "learning")
    return FleetRow(
        service=service.service,
        environment=service.environment,
        state=_state(service, worst, learning, watched, missing, now),
        incident=worst,
        open=tuple(ordered),
        hours=day,
        outputs=sum(day),
        newest=service.newest,
        usual_per_hour=_usual(hourly, now),
        learning=learning,
        n_series=service.n_series,
    )


def _state(
    service: Service,
    worst: Incident | None,
    learning: Sequence[Watched],
    watched: Sequence[Watched],
    missing: float,
    now: datetime,
) -> State:
    silent = _is_silent(service.newest, missing, now)
    if worst is not None and not (silent and STATES.index(worst.state) > STATES.index(palette.NO_DATA)):
        return worst.state
    if silent:
        return palette.NO_DATA
    # the scores that may page decide: a green tick must mean that they are watched
    paging = [w for w in watched if known(w.score, w.kind).pages] or list(watched)
    if not paging or all(w.state == "learning" for w in paging) or len(learning) == len(watched):
        return palette.LEARNING
    return palette.OK


def _is_silent(newest: datetime | None, missing: float, now: datetime) -> bool:
    if newest is None:
        return True
    age = now - newest
    return age >= FORGOTTEN_AFTER or (age >= SILENT_AFTER and missing >= EXPECTED_MISSING)


def expected_since(hourly: Mapping[datetime, int], newest: datetime | None, now: datetime) -> float:
    """Outputs that the same hours of the day before had, between ``newest`` and ``now``."""
    if newest is None:
        return 0.0
    total = 0.0
    at = max(newest, now - timedelta(hours=23))
    while at < now:
        hour = at.replace(minute=0, second=0, microsecond=0)
        end = min(now, hour + timedelta(hours=1))
        total += hourly.get(hour - timedelta(days=1), 0) * ((end - at) / timedelta(hours=1))
        at = end
    return total


def _usual(hourly: Mapping[datetime, int], now: datetime) -> float | None:
    """Outputs of this hour of the day, yesterday; ``None`` where nothing is known of it."""
    hour = now.replace(minute=0, second=0, microsecond=0) - timedelta(days=1)
    return float(hourly[hour]) if hourly.get(hour) else None


def not_known(rows: Sequence[FleetRow]) -> list[FleetRow]:
    """The rows of an old answer: what was fine then is not known to be fine now."""
    return [replace(row, state=palette.FAILED) if row.state is palette.OK else row for row in rows]


def change_words(row: FleetRow) -> str:
    """``refusal 2.1 → 6.4 %``: which score, from where to where; of a silent service what is missing."""
    incident = row.incident
    if row.state is palette.NO_DATA or (incident is not None and incident.is_silent):
        usual = _usual_words(row)
        return strings.SILENT_USUAL.format(n=usual) if usual else strings.SILENT_CHANGE
    if incident is None:
        return formats.NONE
    measure = incident.measure
    if incident.baseline_value is None or incident.current_value is None:
        return measure.title
    return f"{incident.score} {measure.step(incident.baseline_value, incident.current_value)}"


def _usual_words(row: FleetRow) -> str:
    """How many outputs an hour are usual now: what the incident says, else yesterday's same hour."""
    said = row.incident.baseline_value if row.incident and row.incident.about_volume else None
    usual = said if said is not None else row.usual_per_hour
    return formats.count(usual) if usual else ""


def sentence(row: FleetRow, incident: Incident, now: datetime) -> str:
    """One line for a card: what, since when, where mostly, and what came just before."""
    since = f"{formats.moment(incident.onset, now)} UTC"
    if incident.is_silent:
        usual = _usual_words(row)
        if usual:
            return strings.SENTENCE_SILENT.format(since=since, usual=usual)
        return strings.SENTENCE_SILENT_UNUSUAL.format(since=since)
    measure = incident.measure
    what = measure.title
    if incident.baseline_value is not None and incident.current_value is not None:
        what = f"{what} {measure.step(incident.baseline_value, incident.current_value)}"
    mostly = ""
    if incident.slice != "all":
        said = strings.SENTENCE_IN if incident.slice == incident.own_slice else strings.SENTENCE_MOSTLY
        mostly = said.format(slice=readable(incident.slice))
    suspect = ""
    for found in incident.suspects[:1]:  # they come nearest to the onset first
        if found.since is not None:
            suspect = strings.SENTENCE_SUSPECT.format(
                kind=found.kind.replace("_", " "),
                value=clean(found.value, 40),
                at=formats.moment(found.since, now),
            )
    return strings.SENTENCE_CHANGE.format(what=what, since=since, where=mostly, suspect=suspect)


def effect_words(incident: Incident) -> str:
    """The effect with its interval, or a dash."""
    if incident.effect is None:
        return formats.NONE
    return incident.measure.change(incident.effect, incident.effect_low, incident.effect_high)


def slice_words(incident: Incident) -> str:
    """``language=de · 71 %``: the explaining slice and its share of the change."""
    share = next((s.share for s in incident.slices if s.slice == incident.slice), None)
    return incident.slice if share is None else f"{incident.slice} · {formats.percent(share, 0)}"
