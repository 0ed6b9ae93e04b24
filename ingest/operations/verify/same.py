"""A stored statement against the one computed again: keys, columns and baselines. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from detectors.engine import snapshot as codec
from detectors.finding import rfc3339
from detectors.series.baseline_reference import Reference, from_text
from detectors.series.report import DETECTOR
from ingest.agents.detect.chain import digest_of
from ingest.agents.detect.evidence import Evidence
from ingest.agents.detect.run_config import RunConfig
from ingest.operations.verify.difference import Difference, first_array, first_key, shown
from ingest.operations.verify.replay import Statement


@dataclass(frozen=True, slots=True)
class StoredFinding:
    """A row of ``findings``: its body, what columns say that repeat keys of it, and its log position.

    ``held`` says that it is the copy of a held incident, and the row itself is gone.
    """

    body: str
    columns: Mapping[str, Any]
    version: int
    held: bool = False


@dataclass(frozen=True, slots=True)
class StoredReference:
    """A row of ``baselines``."""

    version: str
    channel: str
    channel_version: str
    body: str
    cells: tuple[int, ...]
    counts: tuple[int, ...]


def differs(
    stored: StoredFinding,
    evidence: Evidence,
    statement: Statement | None,
    *,
    chain: str,
    config: str,
    run: RunConfig,
    references: Callable[[Reference], Sequence[StoredReference]],
) -> Difference | None:
    """The first difference between what is stored and what was computed; ``None`` if all is the same.

    ``chain`` and ``config`` are what the log says at the place of the statement, ``references`` finds the
    stored baselines of a computed one.
    """
    row = f"finding {evidence.finding_id}"
    if statement is None:
        return _otherwise(
            Difference("findings", row, "", f"a statement at offset {evidence.version}", "none"), run
        )
    found = body_differs(stored, statement.finding.to_json(), row)
    if found is not None:
        return _otherwise(found, run)
    for column, expected, kept in (
        ("version", evidence.version, stored.version),
        ("chain", chain, evidence.chain),
        ("config", config, evidence.config),
        ("body_digest", digest_of(stored.body.encode()), evidence.body_digest),
    ):
        if expected != kept:
            return Difference("evidence", row, column, shown(expected), shown(kept))
    for reference in statement.references:
        mine = [r for r in references(reference) if r.channel == reference.channel]
        different = _reference(reference, mine[0] if mine else None)
        if different is not None:
            return different
    return None


def body_differs(stored: StoredFinding, computed: str, row: str) -> Difference | None:
    """The first key or column of a stored finding that is not as computed."""
    expected = json.loads(computed)
    try:
        found = json.loads(stored.body)
    except ValueError as error:
        return Difference("findings", row, "body", "JSON", str(error))
    different = first_key(expected, found)
    if different is not None:
        key, a, b = different
        return Difference("findings", row, f"body, {key}", shown(a), shown(b))
    if stored.body != computed:
        return Difference(
            "findings", row, "body", digest_of(computed.encode()), digest_of(stored.body.encode())
        )
    for column, kept in stored.columns.items():
        a = expected[column] or "" if column == "environment" else expected[column]
        b = rfc3339(kept) if isinstance(kept, datetime) else kept
        if a != b:
            return Difference("findings", row, column, shown(a), shown(b))
    return None


def _otherwise(difference: Difference, run: RunConfig) -> Difference:
    """A difference that a newer version of the code may explain says so."""
    reasons = []
    engine = json.loads(run.body).get("engine")
    if engine != DETECTOR:
        reasons.append(f"stated by engine {engine}, computed by {DETECTOR}")
    if other := run.other_scores():
        reasons.append(f"this version counts {', '.join(other[:5])} otherwise")
    return replace(difference, note="; ".join(filter(None, [difference.note, *reasons])))


def _reference(expected: Reference, found: StoredReference | None) -> Difference | None:
    row = f"series {expected.series} version {expected.version} channel {expected.channel}"
    if found is None:
        return Difference("baselines", row, "", "a row", "none")
    if found.body != expected.body:
        try:
            different = first_key(json.loads(expected.body), json.loads(found.body))
            own = from_text(found.body).version
        except ValueError as error:
            return Difference("baselines", row, "body", "a baseline", str(error))
        key, a, b = different or ("body", expected.body, found.body)
        note = f"its digest is {own}, not {expected.channel_version}"
        return Difference("baselines", row, f"body, {key}", shown(a), shown(b), note)
    for column, a, b in (
        ("channel_version", expected.channel_version, found.channel_version),
        ("cell", list(expected.cells), list(found.cells)),
        ("count", list(expected.counts), list(found.counts)),
    ):
        different = first_key(a, b, column)
        if different is not None:
            return Difference("baselines", row, different[0], shown(different[1]), shown(different[2]))
    return None


def snapshot_differs(expected: bytes, found: bytes) -> tuple[str, str, str] | None:
    """Place and values of the first difference between a state computed again and a stored one."""
    if expected == found:
        return None
    facts, arrays = codec.unpack(expected)
    try:
        other_facts, other_arrays = codec.unpack(found)
    except codec.WrongSnapshot as error:
        return "blob", "a readable snapshot", str(error)
    different = first_array(arrays, other_arrays) or first_key(facts, other_facts)
    if different is None:
        return "blob", digest_of(expected), digest_of(found)
    return f"blob, {different[0]}", shown(different[1]), shown(different[2])
