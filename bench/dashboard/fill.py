"""A store as many services would leave it, made by ``INSERT SELECT``: nothing of it was ever measured.

Services differ as they do: the busiest has a fifth of all interactions. Every interaction has scores, sizes
and times; the last `TEXT_DAYS` have their texts. Cells are those of the interactions in number, not in value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

TICK_S = 300
DAY_S = 86_400
TEXT_DAYS = 30
NOW_S = 1_793_491_200
"""The end of the store: 2026-11-01, midnight UTC."""
LINEAGE = "bench-1"
"""Its clock stands at the end of the store, whenever that is looked at."""
SLICES = ("all", "language=en", "language=es", "release=7", "release=8")
FLAGS = (
    *("secrets", "secrets_prompt", "pii", "pii_prompt", "refusal", "error", "truncated", "degenerate"),
    *(
        "system_prompt_leaked",
        "recited",
        "exfiltration",
        "exfiltration_link",
        "insecure_code",
        "invalid_json",
    ),
    *("output_language_mismatch", "user_objects", "asks_for_human"),
)
VALUES = (
    *("repetition", "output_length", "prompt_length", "latency_s", "time_to_first_chunk_s", "input_tokens"),
    *("output_tokens", "tokens_per_second", "cost_usd", "injection", "harm", "toxicity", "toxicity_output"),
    *("obfuscation", "grounding", "system_prompt_leak", "memorised", "topic_distance"),
)
NAMES = ("language", "output_language", "topic", "topic_output", "finish_reason")
SCORES = (*FLAGS, *VALUES, *NAMES)
COLUMNS = (
    *("secrets", "secrets_prompt", "pii", "pii_prompt", "refusal", "error", "truncated", "degenerate"),
    *("repetition", "output_length", "prompt_length", "latency_s", "time_to_first_chunk_s"),
    *("input_tokens", "output_tokens"),
)
SENTENCES = 60_000
"""Different sentences that texts are made of; a prompt has three, an output six."""


@dataclass(frozen=True, slots=True)
class Size:
    """Interactions over days, of so many services; each has a series for every score and slice."""

    interactions: int
    days: int
    services: int

    @property
    def series(self) -> int:
        """Series that have cells."""
        return self.services * len(SCORES) * len(SLICES)

    @property
    def begin_s(self) -> int:
        """When the first interaction began."""
        return NOW_S - self.days * DAY_S


def fill(client: Client, size: Size, chunk: int) -> Iterator[str]:
    """Fill tables, saying after each step what was done."""
    _sentences(client)
    for at in range(0, size.interactions, chunk):
        client.command(_interactions(size, at, min(chunk, size.interactions - at)))
        yield f"{min(at + chunk, size.interactions):,} interactions"
    for day in range(size.days):
        client.command(_cells(size, size.begin_s + day * DAY_S))
        if day % 5 == 4:
            yield f"cells of {day + 1} days"
    client.command(_series(size))
    yield f"{size.series:,} series"


def _service(number: str, services: int) -> str:
    """SQL: a service by a number's hash, the first the busiest (Zipf)."""
    share = f"(sipHash64({number}, 'service') % 1000000) / 1000000"
    rank = f"toUInt32(pow({services} + 1, {share})) - 1"
    return f"concat('service-', leftPad(toString({rank}), 2, '0'))"


def _sentences(client: Client) -> None:
    client.command("DROP TABLE IF EXISTS sentences")
    client.command("CREATE TABLE sentences (id UInt32, text String) ENGINE = MergeTree ORDER BY id")
    syllables = "['ka','lo','mi','ten','sor','ra','vel','in','dus','qua','per','est','on','fi','gra','um']"
    word = (
        f"arrayStringConcat(arrayMap(s -> {syllables}[1 + sipHash64(toUInt64(pow(sipHash64(number, w) %"
        " 6000, 1.2)), s) % 16], range(1 + sipHash64(number, w) % 3)))"
    )
    client.command(
        "INSERT INTO sentences SELECT number, "
        f"concat(arrayStringConcat(arrayMap(w -> {word}, range(9 + number % 8)), ' '), '. ') "
        f"FROM numbers({SENTENCES})"
    )


def _text(kind: str, sentences: int) -> str:
    parts = ", ".join(f"every[1 + sipHash64(number, '{kind}', {i}) % {SENTENCES}]" for i in range(sentences))
    return f"if(at >= {NOW_S - TEXT_DAYS * DAY_S}, concat({parts}), NULL)"


def _score(name: str) -> str:
    seed = f"sipHash64(number, '{name}')"
    if name in FLAGS:
        return f"toFloat32({seed} % 100 = 0)"
    if name in ("repetition", "injection", "harm", "toxicity", "obfuscation", "topic_distance"):
        return f"toFloat32(round(({seed} % 1000) / 4000, 3))"
    return f"toFloat32(round(exp(({seed} % 1000) / 200), 2))"


def _interactions(size: Size, at: int, count: int) -> str:
    others = (
        "injection",
        "harm",
        "toxicity",
        "toxicity_output",
        "obfuscation",
        "tokens_per_second",
        "cost_usd",
    )
    more = ", ".join(f"'{name}', toFloat64({_score(name)})" for name in others)
    columns = {
        "tenant": "'default'",
        "lineage": f"'{LINEAGE}'",
        "service": _service("number", size.services),
        "environment": "'production'",
        "start": "toDateTime64(at, 9, 'UTC') + toIntervalNanosecond(sipHash64(number, 'ns') % 1000000000)",
        "trace_id": "lower(hex(sipHash128(number)))",
        "span_id": "lower(hex(sipHash64(number)))",
        "kind": "'inference'",
        "operation": "'chat'",
        "modality": "'text'",
        "duration_s": "exp((sipHash64(number, 'latency_s') % 1000) / 300)",
        "time_to_first_chunk_s": "exp((sipHash64(number, 'first') % 1000) / 500) / 10",
        "release": f"toString(intDiv(at - {size.begin_s}, {10 * DAY_S}))",
        "provider": "'openai'",
        "request_model": "['gpt-large', 'gpt-small'][1 + sipHash64(number, 'model') % 2]",
        "response_model": "['gpt-large-1', 'gpt-small-3'][1 + sipHash64(number, 'model') % 2]",
        "prompt_version": f"toString(intDiv(at - {size.begin_s}, {7 * DAY_S}))",
        "system_prompt_hash": "hex(sipHash64(sipHash64(number, 'prompt') % 40))",
        "conversation_id": "hex(sipHash64(intDiv(number, 5), 'conversation'))",
        "user_id": "hex(sipHash64(sipHash64(intDiv(number, 5)) % 500000, 'user'))",
        "language": "['en', 'en', 'en', 'es', 'de', 'fr'][1 + sipHash64(number, 'language') % 6]",
        "output_language": "['en', 'en', 'en', 'es', 'de', 'fr'][1 + sipHash64(number, 'language') % 6]",
        "finish_reason": "['stop', 'stop', 'stop', 'length'][1 + sipHash64(number, 'finish') % 4]",
        "input_tokens": "toUInt32(exp((sipHash64(number, 'in') % 1000) / 150))",
        "output_tokens": "toUInt32(exp((sipHash64(number, 'out') % 1000) / 150))",
        "input_text": _text("prompt", 3),
        "output_text": _text("output", 6),
        **{f"score_{name}": _score(name) for name in COLUMNS},
        "other_scores": f"map({more})",
        "other_categories": "map('topic', concat('0', toString(sipHash64(number, 'topic') % 9)))",
        "scorer_versions": "'made up'",
        "dialect": "'genai'",
        "observed": "true",
        "settings_version": "1",
        "source_topic": "'otlp_spans'",
        "source_partition": "number % 8",
        "source_offset": "intDiv(number, 64)",
        "received_at": "toDateTime64(at + 2, 9, 'UTC')",
    }
    return (
        f"INSERT INTO interactions ({', '.join(columns)}) "
        "WITH (SELECT groupArray(text) FROM sentences) AS every, "
        f"{size.begin_s} + toUInt32(number * {size.days * DAY_S} / {size.interactions}) AS at "
        f"SELECT {', '.join(columns.values())} FROM numbers({at}, {count})"
    )


def _cells(size: Size, day_s: int) -> str:
    """Cells of a day: each has as many values as its service has interactions in a tick, slices a few."""
    per_tick = size.interactions / size.days / (DAY_S // TICK_S)
    scores = ", ".join(f"'{s}'" for s in SCORES)
    slices = ", ".join(f"'{s}'" for s in SLICES)
    expected = f"{per_tick} / (v + 1) / log({size.services} + 1) / if(slice = 'all', 1, 4)"
    kind = f"multiIf(k < {len(FLAGS)}, 0, k < {len(FLAGS) + len(VALUES)}, 1, 2)"
    return f"""
INSERT INTO cells (
    tenant, lineage, service, environment, unit, score, generation, slice, tick, n, total,
    cell, count, category, applied_offset
)
SELECT
    'default', '{LINEAGE}', concat('service-', leftPad(toString(v), 2, '0')), 'production', 'interaction',
    score, 1, slice, toDateTime(tick, 'UTC'), n, total,
    multiIf(
        kind = 0, if(total > 0, [0, 1], [0]),
        kind = 1, arrayMap(i -> 40 + 3 * i + seed % 3, range(parts)),
        []
    ),
    multiIf(
        kind = 0, if(total > 0, [n - toUInt32(total), toUInt32(total)], [n]),
        kind = 1, arrayMap(i -> toUInt32(1 + intDiv(n, parts)), range(parts)),
        [toUInt32(n - intDiv(n, 3)), toUInt32(intDiv(n, 3) + 1)]
    ),
    if(kind = 2, ['en', 'es'], []), toUInt64(tick)
FROM
(
    SELECT
        v, [{scores}][k + 1] AS score, [{slices}][s + 1] AS slice, tick, {kind} AS kind,
        sipHash64(v, k, s, tick) AS seed,
        toUInt32({expected} + (seed % 1000) / 1000) AS n,
        if(kind = 0, floor(n / 50 + (seed % 97) / 97), n * 10.5) AS total,
        least(n, 12) AS parts
    FROM
    (
        SELECT
            number % {size.services} AS v, intDiv(number, {size.services}) % {len(SCORES)} AS k,
            intDiv(number, {size.services * len(SCORES)}) % {len(SLICES)} AS s,
            {day_s} + {TICK_S} * intDiv(number, {size.series}) AS tick
        FROM numbers({size.series * (DAY_S // TICK_S)})
    )
    WHERE n > 0
)
"""


def _series(size: Size) -> str:
    scores = ", ".join(f"'{s}'" for s in SCORES)
    slices = ", ".join(f"'{s}'" for s in SLICES)
    kind = f"multiIf(k < {len(FLAGS)}, 'flag', k < {len(FLAGS) + len(VALUES)}, 'positive', 'category')"
    return f"""
INSERT INTO series (
    tenant, lineage, service, environment, unit, score, generation, slice, series_id, kind, state,
    first_seen, last_seen, watching_since, baseline_version, baseline_value, baseline_low, baseline_high,
    current_value, current_low, current_high, n_baseline, n_current, evidence, threshold,
    detectable_1h, detectable_1d, detectable_7d, detectable_unit, applied_offset
)
SELECT
    'default', '{LINEAGE}',
    concat('service-', leftPad(toString(number % {size.services}), 2, '0')), 'production',
    'interaction', [{scores}][1 + intDiv(number, {size.services}) % {len(SCORES)} AS k], 1,
    [{slices}][1 + intDiv(number, {size.services * len(SCORES)})], hex(sipHash64(number)), {kind},
    'watching', toDateTime({size.begin_s}, 'UTC'), toDateTime({NOW_S}, 'UTC'),
    toDateTime({size.begin_s}, 'UTC'), 'b1', 0.02,
    0.019, 0.021, 0.02, 0.018, 0.022, 400000, 20000, 0.4, 12, 0.02, 0.004, 0.002, 'rate', 1
FROM numbers({size.series})
"""
