"""Which incident somebody acknowledged at PagerDuty or in Slack, and who did: read from signed bodies. Pure.

Everything in them but who acknowledged what is left alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from alerts.links import signed as signed_links
from infra.clock import NS_PER_S, to_ns

BUTTON = "lightship-acknowledge"
"""``action_id`` of our button in Slack; what others press is not ours."""
RESPONSES = "https://hooks.slack.com/"
"""Where Slack takes what is answered to a person, and nothing else is sent to."""
OLDEST_S = 24 * 3600
"""Age of an acknowledgement beyond which it is left alone."""
MAX_PERSON = 80
_INCIDENT = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """``person`` acknowledged an incident at ``at_ns``; ``once`` is the same when it is sent again.

    ``response_url`` is where Slack takes an answer to that person; empty: none.
    """

    incident_id: str
    person: str
    at_ns: int
    once: str
    response_url: str = ""


def of_pagerduty(body: bytes) -> Acknowledgement | None:
    """What a webhook of version 3 says; ``None`` if it is about anything but a person who acknowledged."""
    event = _dict(_json(body).get("event"))
    agent, data = _dict(event.get("agent")), _dict(event.get("data"))
    incident_id, person = str(data.get("incident_key")), agent.get("summary") or agent.get("id")
    if event.get("event_type") != "incident.acknowledged" or agent.get("type") != "user_reference":
        return None  # an integration that acknowledged is ourselves
    try:
        at_ns = to_ns(datetime.fromisoformat(str(event.get("occurred_at"))))
    except (ValueError, TypeError, OverflowError):
        return None
    if not (isinstance(person, str) and person.strip() and _INCIDENT.fullmatch(incident_id)):
        return None
    return Acknowledgement(incident_id, _named("pagerduty", person), at_ns, f"pagerduty {event.get('id')}")


def of_slack(body: bytes, receiver: str, key: bytes, now_ns: int) -> Acknowledgement | None:
    """What a press of our button in a message of a receiver says; ``None`` of anything else.

    ``key`` is the one that links are signed with: the button holds such a link's token.
    """
    try:
        fields = parse_qs(body.decode(), max_num_fields=10)
    except ValueError:
        return None
    payload = _json(fields.get("payload", [""])[0])
    if payload.get("type") != "block_actions":
        return None
    actions = payload.get("actions")
    pressed = [_dict(a) for a in actions] if isinstance(actions, list) else []
    values = [a.get("value") for a in pressed if a.get("action_id") == BUTTON]
    token = values[0] if values and isinstance(values[0], str) else ""
    opened = signed_links.read(token, key, now_ns // NS_PER_S)
    user = _dict(payload.get("user"))
    person = user.get("username") or user.get("name") or user.get("id")
    if opened is None or opened.expired or not isinstance(person, str) or not person.strip():
        return None
    if (opened.link.action, opened.link.receiver) != (signed_links.ACKNOWLEDGE, receiver):
        return None
    url = payload.get("response_url")
    answered = url if isinstance(url, str) and url.startswith(RESPONSES) and len(url) < 500 else ""
    once = f"slack {payload.get('trigger_id')}"
    return Acknowledgement(opened.link.incident_id, _named("slack", person), now_ns, once, answered)


def _named(service: str, person: str) -> str:
    return f"{service}:{' '.join(person.split())[:MAX_PERSON]}"


def _json(text: bytes | str) -> dict[str, Any]:
    try:
        return _dict(json.loads(text))
    except (ValueError, RecursionError):
        return {}


def _dict(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
