"""Changes that somebody recorded, as JSON: ``POST /v1/changes`` to entries of the topic ``actions``.

One object or a list of them: ``{kind, value, who, service, environment, time, note}``. Kinds are words an
organisation chooses for itself (``release``, ``index_rebuild``, ``flag``, ``provider_incident``).
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
import re2

from detectors.finding import rfc3339
from infra.clock import NS_PER_S, to_datetime
from ingest.errors import BadRecord
from ingest.requests.json_fields import LONGEST_NAME, LONGEST_TEXT, Fields

VERSION = 1
MARKER = "marker"
KNOWN = frozenset(("kind", "value", "who", "service", "environment", "time", "note"))
MOST = 100
"""Markers in one request."""
RETRY_NS = 600 * NS_PER_S
"""A change told without a time is another one after about this long."""
_KIND = re2.compile(r"^[a-z][a-z0-9_-]{0,39}$")


def read_markers(tree: Any, tenant: str, lineage: str, received_ns: int) -> list[dict[str, Any]]:
    """Entries of a parsed body, in the form every action has (``v at action … actor reason``).

    ``reason`` is the note. ``marker_id`` is equal for the same change told again.

    Raises
    ------
    BadRecord
        If one is not of this form; names its place in the list, the field and what it may hold.
    """
    whole = tree if isinstance(tree, list) else [tree]
    if len(whole) > MOST:
        raise BadRecord(f"{len(whole)} changes in one request: send at most {MOST}")
    out = []
    for i, one in enumerate(whole):
        fields = Fields(one, f"[{i}]." if isinstance(tree, list) else "")
        out.append(_read(fields, tenant, lineage, received_ns))
    return out


def _read(fields: Fields, tenant: str, lineage: str, received_ns: int) -> dict[str, Any]:
    fields.only(KNOWN)
    kind = fields.text("kind", 40, required=True)
    if not _KIND.search(kind or ""):
        raise fields.bad("kind", f"= {kind!r} must be lower-case letters, digits, - and _, such as release")
    time_ns = fields.time_ns("time")
    said = {
        "kind": kind,
        "value": fields.text("value", LONGEST_NAME, required=True),
        "service": fields.text("service"),
        "environment": fields.text("environment"),
        "since": rfc3339(to_datetime(received_ns if time_ns is None else time_ns)),
        "actor": fields.text("who", required=True),
        "reason": fields.text("note", LONGEST_TEXT) or "",
    }
    when = received_ns // RETRY_NS if time_ns is None else time_ns
    told = [tenant, lineage, when, *(said[k] for k in ("kind", "value", "service", "environment"))]
    return {
        "v": VERSION,
        "at": rfc3339(to_datetime(received_ns)),
        "action": MARKER,
        "marker_id": hashlib.sha256(orjson.dumps(told)).hexdigest()[:16],
        "tenant": tenant,
        "lineage": lineage,
        **said,
    }
