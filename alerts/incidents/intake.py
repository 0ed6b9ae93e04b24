"""Messages of the log of findings, checked: whatever passes can be kept, compared and told."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from alerts.errors import BadRecord
from detectors.finding import ALERT_KINDS, SEVERITIES, STATUSES, Finding

MAX_BYTES = 256 * 1024
MAX_NAME = 512
"""Characters of a name."""
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Times a finding may name: what the store can hold."""
_LARGEST = 1e18
_NAMES = ("finding_id", "tenant", "lineage", "service", "unit", "score", "slice")
_KINDS: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "float": (int, float),
    "int": (int,),
    "bool": (bool,),
    "datetime": (datetime,),
}


def read_finding(data: bytes) -> Finding:
    """One message of the log of findings. Numbers that are not finite are absent.

    Raises
    ------
    BadRecord
        If it is too large, not JSON, not a finding of a readable version, names an unknown kind, status or
        severity, or holds a value of the wrong type or beyond its range.
    """
    if len(data) > MAX_BYTES:
        raise BadRecord(f"a finding of {len(data)} bytes is over the limit of {MAX_BYTES}")
    try:
        body = json.loads(data, parse_constant=lambda _: None)
        if not isinstance(body, dict):
            raise BadRecord(f"a finding is a JSON object, not {type(body).__name__}")
        finding = Finding.from_dict(_finite(body))
    except BadRecord:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise BadRecord(f"not a finding: {str(error)[:200]}") from error
    _check_words(finding)
    _check_types(finding)
    _check_parts(finding)
    return finding


def _finite(value: Any) -> Any:
    """Numbers beyond floating point (``1e999``) as null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    return [_finite(v) for v in value] if isinstance(value, list) else value


def _check_words(finding: Finding) -> None:
    for name, known in (("alert_kind", ALERT_KINDS), ("status", STATUSES), ("severity", SEVERITIES)):
        if getattr(finding, name) not in known:
            raise BadRecord(f"finding {name} = {getattr(finding, name)!r:.80} is none of {', '.join(known)}")


def _check_types(finding: Finding) -> None:
    """Every plain field against its declared type."""
    for field in fields(Finding):
        value: Any = getattr(finding, field.name)
        kinds = _KINDS.get(str(field.type).partition(" ")[0])
        if kinds is None or (value is None and str(field.type).endswith("None")):
            continue
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise BadRecord(f"finding {field.name} must be {' or '.join(k.__name__ for k in kinds)}")
        if isinstance(value, str):
            _check_text(field.name, value, empty=field.name not in _NAMES)
        elif isinstance(value, datetime):
            if not EARLIEST <= value <= LATEST:
                raise BadRecord(f"finding {field.name} = {value.isoformat()} is not a time of this era")
        else:
            _check_number(field.name, value)


def _check_parts(finding: Finding) -> None:
    """Slices, suspects and lists of names."""
    for ranked in finding.slices:
        _check_text("slices", ranked.slice, empty=False)
        for number in (ranked.share, ranked.effect):
            if number is not None:
                _check_number("slices", number)
    for child in finding.children:
        _check_text("children", child.slice, empty=False)
        _check_number("children", child.evidence)
        _check_number("children", child.threshold)
    for suspect in finding.suspects:
        _check_text("suspects", suspect.kind, empty=False)
        _check_text("suspects", suspect.value, empty=True)
        if suspect.replaced is not None:
            _check_text("suspects", suspect.replaced, empty=True)
        if not EARLIEST <= suspect.since <= LATEST:
            raise BadRecord(f"finding suspects: {suspect.since.isoformat()} is not a time of this era")
    lists = (finding.cleared, finding.services_hit, finding.services_spared, finding.compared, finding.notes)
    for name in chain.from_iterable((*lists, finding.receivers)):
        _check_text("cleared, services, compared and notes", name, empty=True)


def _check_number(name: str, number: object) -> None:
    if not isinstance(number, (int, float)) or abs(number) > _LARGEST:
        raise BadRecord(f"finding {name} must hold numbers up to {_LARGEST:g}")


def _check_text(name: str, text: object, *, empty: bool) -> None:
    if not isinstance(text, str) or len(text) > MAX_NAME or not (text or empty):
        raise BadRecord(f"finding {name} must be text of {0 if empty else 1} to {MAX_NAME} characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadRecord(f"finding {name} is not Unicode text") from error
