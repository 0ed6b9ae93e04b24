"""Whether a request comes from PagerDuty or Slack: its signature over the body, and its age. Pure.

Sources: developer.pagerduty.com/docs/verifying-webhook-signatures (``v1=`` HMAC-SHA256 over the body, several
while a secret is exchanged) and docs.slack.dev/authentication/verifying-requests-from-slack (``v0=`` over
``v0:<timestamp>:<body>``, not older than five minutes).
"""

from __future__ import annotations

import hashlib
import hmac

PAGERDUTY = "x-pagerduty-signature"
SLACK, SLACK_TIME = "x-slack-signature", "x-slack-request-timestamp"
WINDOW_S = 300
"""How far Slack's timestamp may be from the clock here."""
MAX_SIGNATURES = 10
"""Signatures of one request that are looked at."""


def is_from_pagerduty(body: bytes, header: str, secret: bytes) -> bool:
    """Whether one of the signatures of a header is that of the body."""
    expected = f"v1={_hex(body, secret)}".encode()
    given = [one.strip().encode() for one in header.split(",", MAX_SIGNATURES)[:MAX_SIGNATURES]]
    return any([hmac.compare_digest(expected, one) for one in given])  # noqa: C419 - all of them, in equal time


def is_from_slack(body: bytes, time: str, header: str, secret: bytes, now_s: int) -> bool:
    """Whether a header is the signature of the body at a time that is near enough."""
    if not (time.isascii() and time.isdigit() and len(time) <= 12):
        return False
    signed = hmac.compare_digest(
        f"v0={_hex(f'v0:{time}:'.encode() + body, secret)}".encode(), header.encode()
    )
    return signed and abs(now_s - int(time)) <= WINDOW_S


def _hex(body: bytes, secret: bytes) -> str:
    return hmac.new(secret, body, hashlib.sha256).hexdigest()
