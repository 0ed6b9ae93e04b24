"""Requests from web pages (Fetch standard, CORS protocol). No origin is allowed unless it is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ingest.gateway.http_answer import Header

_MAX_AGE_S = 7200
_HEADERS = (
    "authorization, x-api-key, content-type, content-encoding, lightship-lineage, lightship-backfill, "
    "lightship-event-time, lightship-lineage-end"
)


class Cors:
    """Allowed origins, each ``scheme://host[:port]``, or ``*`` for all."""

    def __init__(self, origins: Sequence[str] = ()) -> None:
        self._all = "*" in origins
        self._origins = {o.rstrip("/").lower().encode() for o in origins}

    def headers(self, request: Mapping[bytes, bytes]) -> tuple[Header, ...]:
        """Headers to add to an answer, whatever it is; none for origins that are not allowed."""
        origin = request.get(b"origin")
        if not self._origins or origin is None:
            return ()
        vary = (b"vary", b"origin")
        if not self._all and origin.lower() not in self._origins:
            return (vary,)
        return (
            (b"access-control-allow-origin", b"*" if self._all else origin),
            (b"access-control-expose-headers", b"retry-after"),
            vary,
        )

    def refuses(self, request: Mapping[bytes, bytes]) -> bool:
        """Whether a web page sends it that may not: one whose origin is not allowed.

        Browsers send ``Sec-Fetch-Site`` where pages cannot change it, and ``Origin`` with every POST.
        """
        origin = request.get(b"origin")
        if origin is None:
            return request.get(b"sec-fetch-site", b"none") in (b"cross-site", b"same-site")
        return not self._all and origin.lower() not in self._origins

    def preflight(self, request: Mapping[bytes, bytes]) -> tuple[Header, ...]:
        """Headers of the answer to a preflight request; none if it is not one of an allowed origin."""
        allowed = self.headers(request)
        if len(allowed) < 2 or b"access-control-request-method" not in request:
            return ()
        return (
            *allowed,
            (b"access-control-allow-methods", b"POST"),
            (b"access-control-allow-headers", _HEADERS.encode()),
            (b"access-control-max-age", str(_MAX_AGE_S).encode()),
        )
