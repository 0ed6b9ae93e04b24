"""Posts the brief as JSON to an address, signed.

The body is ``{"v": 1, "dedup_key": ..., "kind": ..., "brief": {...}}`` (docs/webhook.md). Headers:
``idempotency-key`` is the same for every attempt of one message; ``lightship-signature:
t=<Unix s>,v1=<hex>`` is HMAC-SHA256 with the shared secret over ``<t>.<body>``, so a receiver can check who
wrote it and refuse what is old.

Neither the secret nor the address beyond its host is ever logged: webhook addresses often are secrets.
"""

from __future__ import annotations

import hashlib
import hmac

from alerts.briefs.render import render_json, to_bytes
from alerts.notify.http_post import HttpPost
from alerts.notify.protocol import Delivery, DigestDelivery, Message, Outcome
from detectors.finding import rfc3339
from infra.clock import NS_PER_S, Clock, to_datetime

SIGNATURE = "lightship-signature"
IDEMPOTENCY = "idempotency-key"
VERSION = 1
MAX_BODY = 256 * 1024
"""Bytes of a body; examples are left out of a larger one."""


def sign(secret: bytes, at_s: int, body: bytes) -> str:
    """The value of the signature header."""
    digest = hmac.new(secret, f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={digest}"


def verify(secret: bytes, header: str, body: bytes, now_s: int, tolerance_s: int = 300) -> bool:
    """What a receiver does: whether the header signs the body and is not older than ``tolerance_s``."""
    parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    if not parts.get("t", "").isdigit() or abs(now_s - int(parts["t"])) > tolerance_s:
        return False
    return hmac.compare_digest(sign(secret, int(parts["t"]), body).encode(), header.encode())


def body_of(delivery: Delivery) -> bytes:
    """The JSON that is posted."""
    brief = render_json(delivery.brief)
    data = {
        "v": VERSION,
        "dedup_key": delivery.dedup_key,
        "kind": delivery.kind,
        "incident_id": delivery.incident_id,
        "due_at": rfc3339(to_datetime(delivery.due_ns)) if delivery.due_ns else None,
        "instead_of": delivery.instead_of,
        "brief": brief,
    }
    body = to_bytes(data)
    return body if len(body) <= MAX_BODY else to_bytes({**data, "brief": {**brief, "examples": []}})


def digest_body_of(delivery: DigestDelivery) -> bytes:
    """The JSON of a digest."""
    head = {"v": VERSION, "dedup_key": delivery.dedup_key, "kind": delivery.kind}
    return to_bytes({**head, "digest": delivery.digest.to_dict()})


class WebhookNotifier:
    """A channel to one address. ``secret`` may be absent: then nothing is signed."""

    def __init__(self, door: HttpPost, secret: bytes | None, clock: Clock) -> None:
        self._door = door
        self._secret = secret
        self._clock = clock

    def send(self, delivery: Delivery) -> Outcome:
        """Post once."""
        return self._post(body_of(delivery), delivery)

    def send_digest(self, delivery: DigestDelivery) -> Outcome:
        """Post a digest."""
        return self._post(digest_body_of(delivery), delivery)

    def _post(self, body: bytes, delivery: Message) -> Outcome:
        headers = {IDEMPOTENCY: delivery.dedup_key}
        if self._secret is not None:
            headers[SIGNATURE] = sign(self._secret, self._clock.now_ns() // NS_PER_S, body)
        return self._door.post(body, headers)

    def close(self) -> None:
        """Close connections."""
        self._door.close()
