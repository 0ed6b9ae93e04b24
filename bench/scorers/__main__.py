"""Cost and quality of redaction and scorers: ``python -m bench.scorers [--data DIR] [--full] [--seed 7]``.

Cost is microseconds of processor time per text or record, best of five rounds, on texts of about 500
characters: real ones from the data directory, invented ones without it. Quality needs the data directory;
that of learned scores is what their model cards say; with ``--full`` they are fitted and measured again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.machine import machine
from bench.scorers.learned import print_learned
from bench.scorers.stream import CHARACTERS, ROUNDS, best_s, mixed, print_growth, print_stream, texts_of
from detectors.record import Record
from detectors.redaction import PII_TYPES, SECRET_TYPES, Pseudonymiser, RedactionPolicy, Redactor, redact_text
from detectors.scorers import SCORERS
from detectors.scorers.language import language
from detectors.scorers.refusal import refuses
from detectors.scorers.repetition import DEGENERATE_AT, repetition
from detectors.scorers.training.pool import rows as pool

REDACTOR = Redactor(RedactionPolicy(), Pseudonymiser(b"a key for benchmarks, 32 bytes..."))
_WORDS = [
    "the",
    "harbour",
    "opens",
    "at",
    "six",
    "and",
    "boats",
    "with",
    "a",
    "reservation",
    "enter",
    "first",
    "while",
    "others",
    "wait",
    "at",
    "the",
    "buoy",
]


def texts(data: Path | None, n: int, seed: int) -> dict[str, list[str]]:
    """Texts to time, by name."""
    rng = random.Random(seed)
    if data is None:
        return {"invented": [" ".join(rng.choice(_WORDS) for _ in range(90))[:CHARACTERS] for _ in range(n)]}
    out = {}
    for name, source, side in (
        ("answers", "arena_hard_v01", "output"),
        ("many languages", "udhr_langid", "output"),
        ("prompts", "arena_hard_v2_prompts", "prompt"),
    ):
        rows = [row[side] for row in pool(data, source) if row[side]]
        out[name] = [text[:CHARACTERS] for text in rng.sample(rows, min(n, len(rows)))]
    out["answers as JSON"] = [json.dumps([{"role": "assistant", "content": t}]) for t in out["answers"]]
    return out


def cost_us(run: Callable[[], object], n: int) -> float:
    """Best of some rounds, microseconds per item."""
    return best_s(run) / n * 1e6


def print_costs(named: dict[str, list[str]]) -> None:
    """Microseconds of redaction and of each scorer."""
    for name, chosen in named.items():
        mean = sum(map(len, chosen)) / len(chosen)
        us = cost_us(lambda chosen=chosen: [redact_text(t, REDACTOR) for t in chosen], len(chosen))  # type: ignore[misc]
        print(f"{us:8.1f} us  redact_text, {name} ({mean:.0f} characters)")
    answers = next(iter(named.values()))
    records = [
        Record(prompt=a, output=b, redactions=()) for a, b in zip(answers, reversed(answers), strict=True)
    ]
    total = 0.0
    for scorer in SCORERS:
        us = cost_us(lambda scorer=scorer: scorer.score(records), len(records))  # type: ignore[misc]
        total += us
        print(f"{us:8.1f} us  {scorer.name} (a record: prompt and output)")
    print(f"{total:8.1f} us  all scorers")


def print_rates(title: str, pairs: Sequence[tuple[object, bool]]) -> None:
    """Precision, recall and F1 of flags against labels."""
    n = Counter((bool(label), flag) for label, flag in pairs)
    precision = n[True, True] / max(n[True, True] + n[False, True], 1)
    recall = n[True, True] / max(n[True, True] + n[True, False], 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    print(f"{title:28} P {precision:.3f}  R {recall:.3f}  F1 {f1:.3f}  n {len(pairs)}")


def types_in(text: str) -> set[str]:
    """Types that redaction finds."""
    return {found.type for found in redact_text(text, REDACTOR)[1]}


def print_quality(data: Path) -> None:
    """Quality on each labelled source, and how often ordinary answers are flagged."""
    secrets = [
        (r["labels"]["secret"], bool(types_in(r["output"]) & SECRET_TYPES))
        for r in pool(data, "synth_secrets")
    ]
    print_rates("secrets", secrets)
    xstest = pool(data, "xstest_completions")
    print_rates("refusal", [(r["labels"]["refusal"], refuses(r["output"] or "")) for r in xstest])
    loops = [r for r in pool(data, "synth_asr_loops") if "repetition" in r["labels"]]
    print_rates(
        "degenerate", [(r["labels"]["repetition"], repetition(r["output"]) >= DEGENERATE_AT) for r in loops]
    )
    for source in ("synth_pii_multilingual", "presidio_synth"):
        print_personal(source, pool(data, source))
    for source, side in (("udhr_langid", "output"), ("multijail", "prompt"), ("ailuminate_demo", "prompt")):
        rows = [r for r in pool(data, source) if r["language"] != "und"]
        right = sum(language(r[side]) == r["language"].replace("no", "nb") for r in rows)
        print(f"language, {source:18} {right / len(rows):.3f}  n {len(rows)}")
    for source in ("arena_hard_v01", "vicuna_blog_eval", "self_instruct_human_eval", "udhr_langid"):
        print_flagged(source, pool(data, source))


def print_personal(source: str, rows: Sequence[dict[str, Any]]) -> None:
    """Recall of each labelled kind of personal data."""
    found: Counter[str] = Counter()
    n: Counter[str] = Counter()
    for row in rows:
        hits = redact_text(row["output"], REDACTOR)[1]
        for kind, start, end in row["labels"].get("pii") or ():
            n[kind] += 1
            found[kind] += any(h.start < end and start < h.end for h in hits)
    recalls = ", ".join(
        f"{kind} {found[kind] / n[kind]:.3f} ({n[kind]})" for kind in sorted(n) if found[kind]
    )
    print(f"{source}: {recalls}")


def print_flagged(source: str, rows: Sequence[dict[str, Any]]) -> None:
    """Shares of ordinary answers with each flag."""
    answers = [row["output"] for row in rows if row["output"]]
    types = [types_in(answer) for answer in answers]
    flags = {
        "secrets": sum(bool(t & SECRET_TYPES) for t in types),
        "pii": sum(bool(t & PII_TYPES) for t in types),
        "refusal": sum(map(refuses, answers)),
        "degenerate": sum(repetition(a) >= DEGENERATE_AT for a in answers),
    }
    shares = ", ".join(f"{name} {hits / len(answers):.4f}" for name, hits in flags.items())
    print(f"flagged in {source} (n {len(answers)}): {shares}")


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("LIGHTSHIP_DATA"), help="data directory")
    parser.add_argument("--n", type=int, default=400, help="texts to time")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--full", action="store_true", help="fit and measure the heads again: many minutes")
    arguments = parser.parse_args()
    print(f"{machine()}; seed {arguments.seed}, n {arguments.n}, best of {ROUNDS}")
    data: Path | None = None if arguments.data is None else Path(arguments.data)
    named = texts(data, arguments.n, arguments.seed)
    print_costs(named)
    chat = next(iter(named.values()))
    kinds = texts_of(
        data, chat, lambda source, side: [r[side] for r in pool(Path(str(data)), source) if r[side]]
    )
    print_stream(mixed(*kinds, arguments.n * 4, arguments.seed))
    print_growth(chat)
    if data is not None:
        print_quality(data)
    print_learned(data, full=arguments.full, seed=arguments.seed)


if __name__ == "__main__":
    main()
