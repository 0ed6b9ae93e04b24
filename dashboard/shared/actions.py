"""What people do: calls of the alerts API, which is the only writer of incidents, silences, levels and rules.

Each names who did it, with which role and for which tenant. Whether the role allows it is decided here, not
by the page that offers it; that the incident is the tenant's own, by the service that knows it. The token is
the one the alerts service keeps under the data directory, readable by its owner alone.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

import httpx

from alerts.access.keys import read_token, role_token
from dashboard.access.viewer import ADMIN, RESPONDER, Viewer
from dashboard.safe_text import clean
from infra.embedded.addresses import alerts_address
from infra.errors import Misconfigured
from infra.settings import Settings

logger = logging.getLogger(__name__)

TIMEOUT_S = 5.0
MAX_REASON = 1000
MAX_ACTOR = 100
MAX_RULE = 4000

ACKNOWLEDGE, FALSE_ALARM, ACCEPT, NOTE = "acknowledge", "false-alarm", "accept", "note"
HOLD, RELEASE = "hold", "release"
RESOLVE, REOPEN, UNDO, TAKE_OVER = "resolve", "reopen", "undo", "take-over"


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether it was recorded; if not, why, in words that may be shown."""

    done: bool
    reason: str = ""


def act(settings: Settings, who: Viewer, incident_id: str, action: str, reason: str = "") -> Answer:
    """Acknowledge, end, reopen, hold, release or annotate an incident, or undo what was done last."""
    path = f"/incidents/{quote(incident_id, safe='')}/{quote(action, safe='')}"
    return _tell(settings, who, path, reason, {})


def silence(settings: Settings, who: Viewer, patterns: Mapping[str, str], lasts: str, reason: str) -> Answer:
    """Tell nobody of what matches, for a while such as ``2h``."""
    return _tell(settings, who, "/silences", reason, {**patterns, "lasts": lasts})


def lift(settings: Settings, who: Viewer, silence_id: str, reason: str) -> Answer:
    """End a silence before its time."""
    return _tell(settings, who, f"/silences/{quote(silence_id, safe='')}/lift", reason, {})


def accept_baselines(settings: Settings, who: Viewer, which: Mapping[str, str], reason: str) -> Answer:
    """Take learned levels for fine: ``which`` names lineage, service, environment, score, slice, version."""
    return _tell(settings, who, "/baselines/accept", reason, which)


def add_rule(settings: Settings, who: Viewer, toml: str, place: Mapping[str, str], reason: str) -> Answer:
    """Watch a service by one more rule: ``place`` names lineage and environment."""
    if len(toml) > MAX_RULE:
        return Answer(False, f"a rule may have {MAX_RULE} characters")
    return _tell(settings, who, "/rules", reason, {**place, "toml": toml}, ADMIN)


def remove_rule(
    settings: Settings, who: Viewer, rule_id: str, place: Mapping[str, str], reason: str
) -> Answer:
    """Watch by a rule that somebody added no more: ``place`` names lineage, environment and service."""
    return _tell(settings, who, f"/rules/{quote(rule_id, safe='')}/remove", reason, place, ADMIN)


def _tell(
    settings: Settings,
    who: Viewer,
    path: str,
    reason: str,
    named: Mapping[str, str],
    least: str = RESPONDER,
) -> Answer:
    """Never raises for what the service does; a line of the log says who did what, not what was typed."""
    if not who.is_at_least(least):
        return Answer(False, f"the role {who.role} may not act")
    try:
        token = role_token(read_token(settings.home), who.role, who.tenant)
    except Misconfigured as error:
        return Answer(False, clean(str(error), 200))
    body = {**named, "actor": who.name[:MAX_ACTOR], "reason": reason[:MAX_REASON]}
    body |= {"tenant": who.tenant, "role": who.role}
    url, headers = f"{alerts_address(settings)}{path}", {"Authorization": f"Bearer {token}"}
    try:
        response = httpx.post(url, json=body, headers=headers, timeout=TIMEOUT_S)
    except httpx.HTTPError as error:
        return Answer(False, f"the alerts service does not answer ({type(error).__name__})")
    line = {"actor": who.name, "role": who.role, "tenant": who.tenant, "what": path, "named": sorted(named)}
    logger.info("acted: %s", json.dumps({**line, "status": response.status_code}))
    return Answer(True) if response.is_success else Answer(False, _reason(response))


def _reason(response: httpx.Response) -> str:
    try:
        said = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        said = ""
    return clean(str(said), 200) or f"the alerts service answered {response.status_code}"
