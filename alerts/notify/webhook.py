"""Posts the brief as JSON to an address, signed.

The body is ``{"v": 1, "dedup_key": ..., "kind": ..., "brief": {...}}``. Headers: ``idempotency-key`` is the
same for every attempt of one message; ``lightship-signature: t=<Unix s>,v1=<hex>`` is HMAC-SHA256 with the
shared secret over ``<t>.<body>``, so a receiver can check who wrote it and refuse what is old.

Neither the secret nor the address beyond its host is ever logged: webhook addresses often are secrets.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from alerts.notify.protocol import GAVE_UP, RETRY, SENT, Delivery, Outcome
from alerts.render import render_json, to_bytes
from infra.clock import NS_PER_S, Clock, to_ns
from infra.errors import Misconfigured

SIGNATURE = "lightship-signature"
IDEMPOTENCY = "idempotency-key"
VERSION = 1
CONNECT_S = 3.0
READ_S = 10.0
MAX_BODY = 256 * 1024
"""Bytes of a body; examples are left out of a larger one."""

_TRY_AGAIN = frozenset({408, 425, 429})


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


def read_secret(path: str) -> bytes:
    """The secret in a file, without surrounding blanks.

    Raises
    ------
    Misconfigured
        If the file cannot be read or is empty.
    """
    try:
        secret = Path(path).expanduser().read_bytes().strip()
    except OSError as error:
        raise Misconfigured(f"receiver secret_file {path} cannot be read: {error.strerror}") from error
    if not secret:
        raise Misconfigured(f"receiver secret_file {path} is empty")
    return secret


def body_of(delivery: Delivery) -> bytes:
    """The JSON that is posted."""
    brief = render_json(delivery.brief)
    data = {
        "v": VERSION,
        "dedup_key": delivery.dedup_key,
        "kind": delivery.kind,
        "incident_id": delivery.incident_id,
        "brief": brief,
    }
    body = to_bytes(data)
    return body if len(body) <= MAX_BODY else to_bytes({**data, "brief": {**brief, "examples": []}})


class WebhookNotifier:
    """A channel to one address. ``secret`` may be absent: then nothing is signed."""

    def __init__(
        self,
        url: str,
        secret: bytes | None,
        clock: Clock,
        connect_s: float = CONNECT_S,
        read_s: float = READ_S,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Misconfigured("receiver url must be http://host/path or https://host/path")
        self._url = url
        self._host = parts.hostname
        self._secret = secret
        self._clock = clock
        for name in ("httpx", "httpcore"):  # they log whole addresses and headers
            logging.getLogger(name).setLevel(logging.WARNING)
        self._client = httpx.Client(
            timeout=httpx.Timeout(read_s, connect=connect_s),
            follow_redirects=False,
            trust_env=False,
            headers={"user-agent": "lightship", "content-type": "application/json"},
        )

    def send(self, delivery: Delivery) -> Outcome:
        """Post once."""
        body = body_of(delivery)
        headers = {IDEMPOTENCY: delivery.dedup_key}
        now_ns = self._clock.now_ns()
        if self._secret is not None:
            headers[SIGNATURE] = sign(self._secret, now_ns // NS_PER_S, body)
        try:
            with self._client.stream("POST", self._url, content=body, headers=headers) as response:
                return self._judge(response, now_ns)
        except httpx.TimeoutException as error:
            return Outcome(RETRY, f"{self._host}: time-out ({type(error).__name__})")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Outcome(RETRY, f"{self._host}: {type(error).__name__}")

    def _judge(self, response: httpx.Response, now_ns: int) -> Outcome:
        code = response.status_code
        if 200 <= code < 300:
            return Outcome(SENT, "", code)
        reason = f"{self._host}: {code}"
        if code >= 500 or code in _TRY_AGAIN:
            return Outcome(RETRY, reason, code, _asked_s(response.headers.get("retry-after", ""), now_ns))
        return Outcome(GAVE_UP, reason, code)

    def close(self) -> None:
        """Close connections."""
        self._client.close()


def _asked_s(header: str, now_ns: int) -> float | None:
    """Seconds a ``Retry-After`` header asks for, in either of its two forms (RFC 9110, 10.2.3)."""
    if header.isdigit():
        return float(header[:9])
    try:
        return max(0.0, (to_ns(parsedate_to_datetime(header)) - now_ns) / NS_PER_S)
    except (ValueError, TypeError, IndexError):
        return None
