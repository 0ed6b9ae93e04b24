"""Links in messages that act on one incident: signed, for one action, for one receiver, for a day. Pure.

A link is a capability: whoever has it may do this one thing, once, until it expires. It holds nothing else.
It reads ``<payload>.<signature>``, both in base64url; the payload is canonical text, the signature
HMAC-SHA256 over it with a key of its own.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from alerts.briefs.brief import Act
from detectors.finding import SEVERAL
from infra.clock import NS_PER_S

VERSION = "1"
LASTS_S = 24 * 3600
"""How long a link acts: what is a day old is looked at before it is acted on."""
MAX_TOKEN = 600
"""Characters of a token."""
OPEN, ACKNOWLEDGE = "open", "acknowledge"
SILENCES: Mapping[str, int] = {"silence-1h": 3600, "silence-8h": 8 * 3600}
"""Actions that silence, and for how many seconds."""
NAMES: Mapping[str, str] = {
    ACKNOWLEDGE: "Acknowledge",
    "silence-1h": "Silence for 1 h",
    "silence-8h": "Silence for 8 h",
    OPEN: "Look",
}
"""Every action, in the order of a message, and what people read."""
TOLD_IN = ("slack", "email", "webhook", "pagerduty", "apprise")
"""Kinds of receivers whose messages hold links."""
KINDS = ("opened", "raised", "reopened", "reminder", "escalated")
"""Messages that ask for something."""

_INCIDENT = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Link:
    """What a link may do: ``action`` on ``incident_id``, in the name of ``receiver``, until ``expires_s``."""

    incident_id: str
    action: str
    receiver: str
    expires_s: int

    @property
    def actor(self) -> str:
        """Who acts, for the history."""
        return f"link:{self.receiver}"[:100]


@dataclass(frozen=True, slots=True)
class Opened:
    """A link that was read: ``token_id`` tells it from others and does not give it away."""

    link: Link
    token_id: str
    expired: bool


def sign(link: Link, key: bytes) -> str:
    """The token of a link."""
    text = "\n".join((VERSION, link.incident_id, link.action, str(link.expires_s), link.receiver))
    return f"{_encoded(text.encode())}.{_encoded(_mac(text.encode(), key))}"


def read(token: str, key: bytes, now_s: int) -> Opened | None:
    """What a token may do; ``None`` if it is not ours."""
    if len(token) > MAX_TOKEN or not token.isascii():
        return None
    payload, _, signature = token.partition(".")
    try:
        text, given = _decoded(payload), _decoded(signature)
    except ValueError:
        return None
    if not hmac.compare_digest(_mac(text, key), given) or token != f"{_encoded(text)}.{_encoded(given)}":
        return None
    version, incident_id, action, expires, receiver = text.decode().split("\n", 4)
    if version != VERSION or action not in NAMES or not _INCIDENT.fullmatch(incident_id):
        return None
    link = Link(incident_id, action, receiver, int(expires))
    return Opened(link, hashlib.sha256(token.encode()).hexdigest()[:16], now_s >= link.expires_s)


def acts(
    base: str, key: bytes, incident_id: str, receiver: str, service: str, now_ns: int
) -> tuple[Act, ...]:
    """The links of a message; one about several services is not silenced by a click, but in patterns."""
    offered = [action for action in NAMES if action not in SILENCES or service != SEVERAL]
    expires_s = now_ns // NS_PER_S + LASTS_S
    return tuple(
        Act(NAMES[action], f"{base}/act/{sign(Link(incident_id, action, receiver, expires_s), key)}")
        for action in offered
    )


def _mac(text: bytes, key: bytes) -> bytes:
    return hmac.new(key, text, hashlib.sha256).digest()


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    """Bytes of unpadded base64url.

    Raises
    ------
    ValueError
        If it is none.
    """
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
