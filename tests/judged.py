"""What must hold of traffic that went through Lightship, whatever happened on the way."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from infra.clock import NS_PER_S
from tests.journey import Journey
from tests.running import PATIENCE_S, Running
from tests.speed import allowance, slowness
from tests.webhook import Posted

TICK_S = 300
VERIFY_S = 600.0
"""Limit of ``lightship verify``, which computes again what took minutes, on a machine of slowness 1."""
SPOKEN = ("harbour-chat", "harbour-pilot")
"""Services whose texts stand on the spans. Where they come in log records, in a log of its own, the order of
the two logs decides what is known of a row when it is counted."""

_STORED = """
SELECT service, trace_id, span_id, language, score_refusal,
    toUnixTimestamp64Nano(start) + toInt64(round(duration_s * 1e9))
FROM interactions FINAL WHERE lineage = %(lineage)s
"""
_SCORED = """
SELECT service, score, sum(n), sum(total) FROM
(
    SELECT service, score, toUInt64(value IS NOT NULL) AS n, ifNull(value, 0) AS total
    FROM interactions FINAL
    ARRAY JOIN
        ['refusal', 'error', 'truncated', 'secrets', 'pii', 'repetition', 'output_length', 'prompt_length',
         'latency_s', 'input_tokens', 'output_tokens'] AS score,
        [score_refusal, score_error, score_truncated, score_secrets, score_pii, score_repetition,
         score_output_length, score_prompt_length, score_latency_s, score_input_tokens,
         score_output_tokens] AS value
    WHERE lineage = %(lineage)s
)
GROUP BY service, score HAVING sum(n) > 0
"""
_COUNTED = """
SELECT service, score, sum(n), sum(total) FROM cells FINAL
WHERE lineage = %(lineage)s AND unit = 'interaction' AND slice = 'all' AND score IN
    ('refusal', 'error', 'truncated', 'secrets', 'pii', 'repetition', 'output_length', 'prompt_length',
     'latency_s', 'input_tokens', 'output_tokens')
GROUP BY service, score
"""
_REFUSALS = """
SELECT service, slice, toUnixTimestamp(tick), sum(n), sum(total) FROM cells FINAL
WHERE lineage = %(lineage)s AND score = 'refusal' AND (slice = 'all' OR startsWith(slice, 'language='))
GROUP BY service, slice, tick
"""
_LATE = """
SELECT service, score, tick FROM cells FINAL
WHERE lineage = %(lineage)s AND part != 0 AND slice = 'all' AND service IN %(spoken)s
"""
_RUNS = "SELECT trace_id FROM traces FINAL WHERE lineage = %(lineage)s"
_COUNTED_RUNS = """
SELECT sum(n) FROM cells FINAL
WHERE lineage = %(lineage)s AND unit = 'trace' AND score = 'steps' AND slice = 'all'
"""
_JUDGED = """
SELECT countIf(judged_trace_id = trace_id AND judged_span_id = span_id AND counted_by != ''), sum(value)
FROM judgements FINAL WHERE lineage = %(lineage)s
"""
_COUNTED_JUDGED = """
SELECT sum(n), sum(total) FROM cells FINAL
WHERE lineage = %(lineage)s AND slice = 'all' AND score = 'judgement:helpful'
"""
_CONFIRMED = """
SELECT body FROM findings FINAL WHERE lineage = %(lineage)s AND status = 'confirmed' ORDER BY finding_id
"""
_FINDINGS = "SELECT finding_id FROM findings FINAL WHERE lineage = %(lineage)s"
_INCIDENTS = """
SELECT incident_id, service, score, slice, toUnixTimestamp64Micro(onset) * 1000 FROM incidents FINAL
WHERE lineage = %(lineage)s
"""

_OF_THE_RUN = ("finding_id", "lineage", "series", "log_from", "log_to", "log_partition", "log_digest")
"""Facts of a finding that name the lineage or its place in the log."""


def stored(lightship: Running, journey: Journey) -> None:
    """Every model call is stored exactly once, as it was made, and every run."""
    rows = lightship.rows(_STORED, lineage=journey.lineage)
    made = Counter((c.service, c.trace_id, c.span_id, c.language, float(c.refused)) for c in journey.calls)
    assert Counter(tuple(row[:5]) for row in rows) == made
    runs = [trace for (trace,) in lightship.rows(_RUNS, lineage=journey.lineage)]
    assert len(runs) == len(set(runs)) == journey.runs


def aggregated(lightship: Running, journey: Journey) -> None:
    """The aggregates are sums over the stored interactions: per score, per slice and per tick.

    Nothing that is sent in order comes late, whoever pauses: detection sees all of it.
    """
    assert lightship.rows(_LATE, lineage=journey.lineage, spoken=SPOKEN) == []
    bound = {"lineage": journey.lineage}
    counted = {(s, score): (n, total) for s, score, n, total in lightship.rows(_COUNTED, **bound)}
    scored = {(s, score): (n, total) for s, score, n, total in lightship.rows(_SCORED, **bound)}
    assert {k: n for k, (n, _) in counted.items()} == {k: n for k, (n, _) in scored.items()}
    for key, (_, total) in scored.items():  # other scores are counted on a grid of cells up to 2 % wide
        assert counted[key][1] == pytest.approx(total, rel=0 if key[1] == "refusal" else 0.02, abs=1e-9)
    expected: dict[tuple[str, str, int], list[float]] = defaultdict(lambda: [0, 0.0])
    ends = lightship.rows(_STORED, **bound)
    second = {service: _second_language(row for row in ends if row[0] == service) for service in SPOKEN}
    for service, _, _, language, refused, end_ns in ends:
        tick = end_ns // (TICK_S * NS_PER_S) * TICK_S
        slices = [f"language={language}"] if tick >= second.get(service, tick + 1) else []
        for where in ("all", *slices):
            expected[service, where, tick][0] += 1
            expected[service, where, tick][1] += refused
    rows = lightship.rows(_REFUSALS, **bound)
    cells = {(s, w, tick): [n, total] for s, w, tick, n, total in rows if w == "all" or s in SPOKEN}
    assert cells == expected
    assert lightship.rows(_COUNTED_RUNS, **bound) == [(journey.runs,)]
    ((judged, said),) = lightship.rows(_JUDGED, **bound)
    assert judged == journey.notes
    ((n, total),) = lightship.rows(_COUNTED_JUDGED, **bound)
    assert n == judged
    assert total == pytest.approx(said, rel=0.01)


class Sent(Protocol):
    """Traffic of which it is known how much was sent, if only by what has arrived so far."""

    @property
    def spans(self) -> int:
        """Spans that are stored."""

    @property
    def logs(self) -> int:
        """Log records that are stored."""


def accounted_for(lightship: Running, *journeys: Sent) -> None:
    """The ledger balances; what is stored is what was sent, and only what was sent again is a duplicate."""
    sent, sums = _counted_while_nothing_arrives(lightship, journeys)
    for topic in ("otlp_spans", "otlp_logs"):
        seen = f"{topic}: {sent[topic]} sent, {dict(sums)}"
        assert sums[topic, "stored"] == sent[topic], seen
        assert sums[topic, "received"] == sent[topic] + sums[topic, "duplicate"], seen
        assert sums[topic, "rejected"] == sums[topic, "dead_lettered"] == sums[topic, "pending"] == 0, seen


def _counted_while_nothing_arrives(
    lightship: Running, journeys: Sequence[Sent]
) -> tuple[Mapping[str, int], Counter[tuple[str, str]]]:
    """What was sent, and the ledger's sums, both of one moment.

    A request whose sender did not wait for its answer may arrive long after: whatever arrives while these
    are counted, they are counted again.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        sent = _sent(journeys)
        done = lightship.lightship("ledger", "--json")
        report = json.loads(done.stdout)
        assert (done.returncode, report["balanced"]) == (0, True), report
        sums: Counter[tuple[str, str]] = Counter()
        for p in report["partitions"]:
            for name in ("received", "stored", "duplicate", "rejected", "dead_lettered", "pending"):
                sums[p["topic"], name] += p[name]
        waits = any(n for (_, name), n in sums.items() if name == "pending")
        if (sent == _sent(journeys) and not waits) or time.monotonic() > deadline:
            return sent, sums


def _sent(journeys: Sequence[Sent]) -> Mapping[str, int]:
    return {"otlp_spans": sum(j.spans for j in journeys), "otlp_logs": sum(j.logs for j in journeys)}


def confirmed(lightship: Running, lineage: str) -> dict[tuple[str, ...], Any]:
    """What detection confirmed, by series: all it says but ids, with numbers to nine digits."""
    out = {}
    for (body,) in lightship.rows(_CONFIRMED, lineage=lineage):
        said = json.loads(body)
        key = tuple(str(said[k]) for k in ("service", "unit", "score", "slice", "alert_kind", "onset"))
        assert key not in out
        out[key] = _rounded({k: v for k, v in said.items() if k not in _OF_THE_RUN})
    return out


def verified(lightship: Running, *lineages: str) -> None:
    """Every finding follows from what is stored, by ``lightship verify``."""
    ids = [i for lineage in lineages for (i,) in lightship.rows(_FINDINGS, lineage=lineage)]
    done = lightship.lightship("verify", "--json", *ids, within_s=VERIFY_S * allowance(slowness()))
    report = json.loads(done.stdout)
    different = [f for f in report["findings"] if not f["verified"]]
    assert (done.returncode, different) == (0, [])
    assert len(report["findings"]) == len(ids) > 0


@dataclass(frozen=True, slots=True)
class Handled:
    """An incident as stored."""

    incident_id: str
    service: str
    score: str
    slice: str
    onset_ns: int


def incidents(lightship: Running, lineage: str) -> list[Handled]:
    """All incidents of a lineage."""
    return [Handled(*row) for row in lightship.rows(_INCIDENTS, lineage=lineage)]


def told(lightship: Running, incident: Handled) -> dict[str, list[Posted]]:
    """What the webhook got about an incident, by idempotency key."""
    out: dict[str, list[Posted]] = defaultdict(list)
    for posted in lightship.hook.posted:
        if posted.json()["incident_id"] == incident.incident_id:
            out[posted.key].append(posted)
    return dict(out)


def _second_language(rows: Iterable[tuple[Any, ...]]) -> int:
    """Tick from which there are two: slices of a dimension with one value would only repeat the whole."""
    first: dict[str, int] = {}
    for *_, language, _, end_ns in rows:
        tick = end_ns // (TICK_S * NS_PER_S) * TICK_S
        first[language] = min(tick, first.get(language, tick))
    return sorted(first.values())[1]


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return [_rounded(v) for v in value] if isinstance(value, list) else value
