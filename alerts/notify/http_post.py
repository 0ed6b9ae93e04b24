"""Posts bodies to one address and says what became of it: what every channel over HTTP shares.

Redirects are not followed and proxies of the environment are not used. Addresses of one's own network are
allowed: receivers often stand there, and only who writes the settings names them. Nothing that is logged or
told holds more of an address than its host: paths often are secrets. Waits are bounded by the time-outs, and
an answer is read as far as it was asked for.
"""

from __future__ import annotations

import json
import logging
import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from alerts.notify.protocol import GAVE_UP, RETRY, SENT, Outcome
from infra.clock import NS_PER_S, Clock, to_ns
from infra.connection_trouble import closed_in_words, in_words, meaning
from infra.errors import Misconfigured
from infra.receivers import WEB, has_scheme

CONNECT_S = 3.0
READ_S = 10.0
JSON = "application/json"
MAX_ANSWER = 64 * 1024
"""Bytes of an answer that are read where a channel wants to know it."""

_NEVER_LEFT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.InvalidURL,
    httpx.UnsupportedProtocol,
)
_TRY_AGAIN = frozenset({408, 425, 429})
_OURS = {"user-agent": "lightship", "content-type": JSON, "accept-encoding": "identity"}
"""Answers come as they are: nothing small becomes large here."""


class HttpPost:
    """One address. ``headers`` go with every request; ``ca_file`` is the authority of an https server's."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        *,
        headers: Mapping[str, str] | None = None,
        ca_file: str = "",
        method: str = "POST",
        connect_s: float = CONNECT_S,
        read_s: float = READ_S,
    ) -> None:
        if not has_scheme(url, WEB):
            raise Misconfigured("receiver url must be http://host/path or https://host/path")
        self._url, self._method = url, method
        self._host = urlsplit(url).hostname
        self._clock = clock
        self._longest_s = connect_s + 2 * read_s
        for name in ("httpx", "httpcore"):  # they log whole addresses and headers
            logging.getLogger(name).setLevel(logging.WARNING)
        self._client = httpx.Client(
            timeout=httpx.Timeout(read_s, connect=connect_s),
            follow_redirects=False,
            trust_env=False,
            verify=authority(ca_file) if ca_file else True,
            headers={**_OURS, **(headers or {})},
        )

    def post(self, body: bytes, headers: Mapping[str, str] | None = None, *, path: str = "") -> Outcome:
        """Post once to the address with ``path`` behind it; the answer's body is not read."""
        return self._post(body, headers or {}, path, 0)[0]

    def exchange(
        self,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        path: str = "",
        most: int = MAX_ANSWER,
    ) -> tuple[Outcome, bytes]:
        """The same, with the first ``most`` bytes of the answer."""
        return self._post(body, headers or {}, path, most)

    def _post(self, body: bytes, headers: Mapping[str, str], path: str, most: int) -> tuple[Outcome, bytes]:
        url = f"{self._url.rstrip('/')}{path}" if path else self._url
        try:
            with self._client.stream(self._method, url, content=body, headers=headers) as response:
                return self._judge(response), self._read(response, most)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return self._failed(error), b""

    def _failed(self, error: Exception) -> Outcome:
        """What became of a request without an answer; one that left may have arrived."""
        left = not isinstance(error, _NEVER_LEFT)
        if isinstance(error, httpx.TimeoutException):
            said = "no answer in time" if left else "the connection is not made in time: is a firewall there?"
            reason = f"{self._host}: time-out, {said}"
        else:
            reason = in_words(error, self._url) or (
                closed_in_words(self._url)
                if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError)
                else f"{self._host}: {type(error).__name__}"
            )
        return Outcome(RETRY, reason, uncertain=left)

    def _read(self, response: httpx.Response, most: int) -> bytes:
        """The beginning of an answer; one that comes in drops is cut off."""
        answer = b""
        end = time.monotonic() + self._longest_s
        if most:
            for piece in response.iter_raw():  # as they come: larger ones would be waited for
                answer += piece
                if len(answer) >= most:
                    break
                if time.monotonic() > end:
                    raise httpx.ReadTimeout("the answer takes too long", request=response.request)
        return answer[:most]

    def _judge(self, response: httpx.Response) -> Outcome:
        code = response.status_code
        if 200 <= code < 300:
            return Outcome(SENT, "", code)
        says = meaning(code)
        reason = f"{self._host}: {code}, {says}" if says else f"{self._host}: {code}"
        if code >= 500 or code in _TRY_AGAIN:
            wait_s = _retry_after_s(response.headers.get("retry-after", ""), self._clock.now_ns())
            return Outcome(RETRY, reason, code, wait_s)
        return Outcome(GAVE_UP, reason, code)

    def close(self) -> None:
        """Close connections."""
        self._client.close()


def authority(ca_file: str) -> ssl.SSLContext:
    """Trust in what the certificates of a file signed, and in nothing else.

    Raises
    ------
    Misconfigured
        If the file cannot be read or holds no certificates.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(
            f"receiver ca_file {ca_file} cannot be used: {error.strerror or 'it holds no certificates (PEM)'}"
        ) from error


def json_object(answer: bytes) -> dict[str, Any]:
    """The object an answer holds; empty if it holds none."""
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _retry_after_s(header: str, now_ns: int) -> float | None:
    """Seconds a ``Retry-After`` header asks for, in either of its two forms (RFC 9110, 10.2.3)."""
    if header.isascii() and header.isdigit():
        return float(header[:9])
    try:
        return max(0.0, (to_ns(parsedate_to_datetime(header)) - now_ns) / NS_PER_S)
    except (ValueError, TypeError, IndexError):
        return None
