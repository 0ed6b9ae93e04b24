"""What undoing the last act on an incident took back, and what another command takes back. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from alerts.allow_rules.rule import AllowRule, names_service
from alerts.errors import NotPossible
from alerts.incidents.incident import Incident
from alerts.incidents.permitted_actions import seconds_of
from alerts.silences.silence import Silence
from detectors.finding import rfc3339
from infra.clock import NS_PER_S, to_datetime

WITH_IT_S = 60
"""An allow rule made so shortly before an end was made with it (``false-alarm --allow``)."""


@dataclass(frozen=True, slots=True)
class Undone:
    """The act that was taken back: the line of history it wrote, by whom and when; how that was an end.

    ``stay`` are allow rules that the same person made with it, which undoing it does not remove.
    """

    act: str
    actor: str
    at_ns: int
    ending: str | None
    stay: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As the API gives it."""
        at = rfc3339(to_datetime(self.at_ns))
        return {
            "act": self.act,
            "actor": self.actor,
            "at": at,
            "ending": self.ending,
            "allow_rules": list(self.stay),
        }


def undone_of(incident: Incident, rules: Iterable[AllowRule], now_ns: int) -> Undone | None:
    """What undoing takes back of an incident as it stands before; ``None`` if there is nothing."""
    last = incident.undo
    if last is None:
        return None
    ended = incident.ending if last.act == "resolved" else None
    tenant, service = incident.place.tenant, incident.place.service
    stay = [
        rule.rule_id
        for rule in rules
        if ended and rule.in_force(now_ns) and (rule.tenant, rule.actor) == (tenant, last.actor)
        if last.at_ns - WITH_IT_S * NS_PER_S <= rule.made_ns <= last.at_ns and names_service(rule, service)
    ]
    return Undone(last.act, last.actor, last.at_ns, ended, tuple(stay))


def check_silence(incident: Incident, silence: Silence | None) -> None:
    """Check that the last thing a person did about an incident was not to silence it.

    Raises
    ------
    NotPossible
        If it was: lifting the silence takes that back.
    """
    before_ns = 0 if incident.undo is None else incident.undo.at_ns
    if silence is None or silence.made_ns <= before_ns:
        return
    where = (
        f"expire it in {silence.origin}"
        if silence.origin
        else f"`lightship incidents lift {silence.silence_id}` takes that back"
    )
    raise NotPossible(
        f"incident {incident.incident_id} was silenced last, by {silence.actor} at "
        f"{seconds_of(silence.made_ns)}: {where}"
    )
