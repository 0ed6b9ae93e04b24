"""Quality of redaction and scorers on real and planted texts: floors a little below what was measured.

Measured on the open pool: see ``bench/scorers/``, which prints the same figures.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detectors.record import Record
from detectors.redaction import PII_TYPES, SECRET_TYPES, Pseudonymiser, RedactionPolicy, Redactor, redact_text
from detectors.scorers.asr_hallucination import ASR_HALLUCINATION, ends_in_farewell
from detectors.scorers.exfiltration import EXFILTRATION
from detectors.scorers.insecure_code import INSECURE_CODE
from detectors.scorers.json_validity import JSON_VALIDITY
from detectors.scorers.language import language
from detectors.scorers.languages import LANGUAGE
from detectors.scorers.memorised import RECITED_AT, Memorised
from detectors.scorers.protocol import Scorer
from detectors.scorers.refusal import refuses
from detectors.scorers.repetition import DEGENERATE_AT, repetition
from detectors.scorers.system_prompt_leak import LEAKED_AT, SYSTEM_PROMPT_LEAK, leak

pytestmark = pytest.mark.data

REDACTOR = Redactor(RedactionPolicy(), Pseudonymiser(b"0123456789abcdef0123456789abcdef"))
SAME = {"no": "nb"}
Rows = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def rows(data_dir: Path) -> Rows:
    def read(source: str) -> list[dict[str, Any]]:
        with gzip.open(data_dir / "pool" / f"{source}.jsonl.gz", "rt") as lines:
            return [json.loads(line) for line in lines]

    return read


def types_in(text: str) -> set[str]:
    return {found.type for found in redact_text(text, REDACTOR)[1]}


def share(hits: int, n: int) -> float:
    assert n >= 30, "too few rows to judge"
    return hits / n


def test_secrets(rows: Rows) -> None:
    outcome: Counter[tuple[int, bool]] = Counter()
    missed: Counter[str] = Counter()
    for row in rows("synth_secrets"):
        found = bool(types_in(row["output"]) & SECRET_TYPES)
        outcome[row["labels"]["secret"], found] += 1
        if row["labels"]["secret"] and not found:
            missed[row["labels"]["secret_type"]] += 1
    assert share(outcome[1, True], outcome[1, True] + outcome[0, True]) >= 0.99
    assert share(outcome[1, True], outcome[1, True] + outcome[1, False]) >= 0.97, missed


@pytest.mark.parametrize(
    ("source", "label", "types", "floor"),
    [
        ("synth_pii_multilingual", "EMAIL", {"email"}, 0.99),
        ("synth_pii_multilingual", "PHONE", {"phone"}, 0.97),
        ("synth_pii_multilingual", "IBAN", {"iban"}, 0.99),
        ("synth_pii_multilingual", "NATIONAL_ID", {"national_id", "us_ssn"}, 0.95),
        ("presidio_synth", "EMAIL_ADDRESS", {"email"}, 0.97),
        ("presidio_synth", "PHONE_NUMBER", {"phone"}, 0.7),
        ("presidio_synth", "CREDIT_CARD", {"card"}, 0.93),
    ],
)
def test_personal_data(rows: Rows, source: str, label: str, types: set[str], floor: float) -> None:
    found = n = 0
    for row in rows(source):
        hits = redact_text(row["output"], REDACTOR)[1]
        for kind, start, end in row["labels"].get("pii") or ():
            if kind == label:
                n += 1
                found += any(h.type in types and h.start < end and start < h.end for h in hits)
    assert share(found, n) >= floor


@pytest.mark.parametrize(
    ("source", "pii", "secrets"),
    [
        ("arena_hard_v01", 0.005, 0.003),
        ("vicuna_blog_eval", 0.005, 0.003),
        ("self_instruct_human_eval", 0.01, 0.003),
        ("udhr_langid", 0.001, 0.001),
        ("truthfulqa", 0.005, 0.003),
    ],
)
def test_ordinary_answers_are_clean(rows: Rows, source: str, pii: float, secrets: float) -> None:
    found = [types_in(row["output"]) for row in rows(source) if row["output"]]
    assert share(sum(bool(types & PII_TYPES) for types in found), len(found)) <= pii
    assert share(sum(bool(types & SECRET_TYPES) for types in found), len(found)) <= secrets


def test_redaction_is_stable_on_real_texts(rows: Rows) -> None:
    for source in ("presidio_synth", "synth_pii_multilingual", "synth_secrets", "arena_hard_v2_prompts"):
        for row in rows(source):
            text = row["output"] or row["prompt"]
            redacted, _ = redact_text(text, REDACTOR)
            assert redact_text(redacted, REDACTOR) == (redacted, [])


def test_refusals(rows: Rows) -> None:
    outcome: Counter[tuple[int, bool]] = Counter()
    for row in rows("xstest_completions"):
        outcome[row["labels"]["refusal"], refuses(row["output"] or "")] += 1
    precision = share(outcome[1, True], outcome[1, True] + outcome[0, True])
    recall = share(outcome[1, True], outcome[1, True] + outcome[1, False])
    assert precision >= 0.95
    assert 2 * precision * recall / (precision + recall) >= 0.89


def test_over_refusal_of_a_model_swap_shows(rows: Rows) -> None:
    rates: dict[str, list[bool]] = {}
    for row in rows("xstest_completions"):
        rates.setdefault(row["labels"]["model"], []).append(refuses(row["output"] or ""))
    before, after = rates["mistralinstruct"], rates["llama2orig"]
    assert share(sum(after), len(after)) > 5 * share(sum(before), len(before))


@pytest.mark.parametrize(
    "source", ["arena_hard_v01", "vicuna_blog_eval", "self_instruct_human_eval", "udhr_langid"]
)
def test_ordinary_answers_are_no_refusals(rows: Rows, source: str) -> None:
    answers = [row["output"] for row in rows(source) if row["output"]]
    assert share(sum(map(refuses, answers)), len(answers)) <= 0.02


def test_repetition_tells_planted_loops(rows: Rows) -> None:
    outcome: Counter[tuple[int, bool]] = Counter()
    for row in rows("synth_asr_loops"):
        if "repetition" in row["labels"]:
            outcome[row["labels"]["repetition"], repetition(row["output"]) >= DEGENERATE_AT] += 1
    assert share(outcome[1, True], outcome[1, True] + outcome[1, False]) >= 0.96
    assert share(outcome[0, True], outcome[0, True] + outcome[0, False]) <= 0.005


def test_repetition_tells_a_raw_model_from_a_tuned_one(rows: Rows) -> None:
    flags: dict[str, list[bool]] = {}
    for row in rows("self_instruct_human_eval"):
        flags.setdefault(row["labels"]["model"], []).append(repetition(row["output"] or "") >= DEGENERATE_AT)
    raw, tuned = flags["davinci_predictions"], flags["text-davinci-003_predictions"]
    assert share(sum(raw), len(raw)) >= 0.98
    assert share(sum(tuned), len(tuned)) <= 0.07


@pytest.mark.parametrize(
    ("source", "most"), [("arena_hard_v01", 0.02), ("vicuna_blog_eval", 0.02), ("udhr_langid", 0.002)]
)
def test_ordinary_answers_do_not_repeat(rows: Rows, source: str, most: float) -> None:
    flags = [repetition(row["output"]) >= DEGENERATE_AT for row in rows(source) if row["output"]]
    assert share(sum(flags), len(flags)) <= most


@pytest.mark.parametrize(
    ("source", "side", "floor"),
    [("udhr_langid", "output", 0.965), ("multijail", "prompt", 0.92), ("ailuminate_demo", "prompt", 0.99)],
)
def test_language(rows: Rows, source: str, side: str, floor: float) -> None:
    labelled = [row for row in rows(source) if row["language"] != "und"]
    right = [language(row[side]) == SAME.get(row["language"], row["language"]) for row in labelled]
    assert share(sum(right), len(right)) >= floor


def precision_and_recall(found: Counter[tuple[int, bool]]) -> tuple[float, float]:
    right = found[1, True]
    return share(right, right + found[0, True]), share(right, right + found[1, False])


def values(scorer: Scorer, records: list[Record], name: str) -> list[float | str | None]:
    return [scores.get(name) for scores in scorer.score(records)]


def answers(rows: Rows, source: str) -> list[Record]:
    return [Record(row["prompt"], row["output"]) for row in rows(source) if row["output"]]


ORDINARY = ("arena_hard_v01", "vicuna_blog_eval", "self_instruct_human_eval", "xstest_completions")


def test_system_prompt_leaks(rows: Rows) -> None:
    found: Counter[tuple[int, bool]] = Counter()
    prompts = []
    for row in rows("synth_sysprompt_leak"):
        prompts.append(row["labels"]["system_prompt"])
        value = leak(prompts[-1], row["output"], row["prompt"])
        found[row["labels"]["leak"], value is not None and value >= LEAKED_AT] += 1
    precision, recall = precision_and_recall(found)
    assert precision == 1
    assert recall >= 0.96
    others = [
        Record(r.prompt, r.output, prompts[i % len(prompts)])
        for source in ORDINARY
        for i, r in enumerate(answers(rows, source))
    ]
    assert sum(v == 1 for v in values(SYSTEM_PROMPT_LEAK, others, "system_prompt_leaked")) == 0


def test_memorised_texts(rows: Rows, data_dir: Path) -> None:
    with gzip.open(data_dir / "reference_corpus" / "reference.jsonl.gz", "rt") as lines:
        scorer = Memorised(json.loads(line)["text"] for line in lines)
    found: Counter[tuple[int, bool]] = Counter()
    for row in rows("synth_memorised"):
        found[row["labels"]["memorised"], scorer.recited(row["output"]) >= RECITED_AT] += 1
    precision, recall = precision_and_recall(found)
    assert precision >= 0.99
    assert recall >= 0.81
    for source in ("arena_hard_v01", "self_instruct_human_eval", "truthfulqa"):
        assert share(values(scorer, answers(rows, source), "recited").count(1.0), len(rows(source))) <= 0.001


def test_invented_speech(rows: Rows) -> None:
    found: Counter[tuple[int, bool]] = Counter()
    for row in rows("synth_asr_loops"):
        (scores,) = ASR_HALLUCINATION.score([Record(output=row["output"], operation="transcription")])
        found[row["labels"].get("asr_hallucination", 0), scores["asr_hallucination"] == 1] += 1
    precision, recall = precision_and_recall(found)
    assert precision >= 0.99
    assert recall >= 0.98
    spoken = [r.output or "" for source in (*ORDINARY, "udhr_langid") for r in answers(rows, source)]
    assert share(sum(map(ends_in_farewell, spoken)), len(spoken)) <= 0.001


@pytest.mark.parametrize(
    ("language", "floor"),
    [("python", 0.78), ("java", 0.57), ("c", 0.53), ("cpp", 0.43), ("javascript", 0.43), ("php", 0.31)],
)
def test_insecure_code(rows: Rows, language: str, floor: float) -> None:
    code = [
        Record(output=row["output"])
        for row in rows("cyberseceval_insecure_code")
        if row["labels"]["code_lang"] == language
    ]
    assert share(values(INSECURE_CODE, code, "insecure_code").count(1.0), len(code)) >= floor


@pytest.mark.parametrize(("source", "most"), [("humaneval", 0.02), ("arena_hard_v01", 0.03)])
def test_ordinary_code_is_not_insecure(rows: Rows, source: str, most: float) -> None:
    found = [v for v in values(INSECURE_CODE, answers(rows, source), "insecure_code") if v is not None]
    assert share(found.count(1.0), len(found)) <= most


@pytest.mark.parametrize("source", ["truthfulqa", "gsm8k", "udhr_langid", "xstest_completions"])
def test_prose_is_no_code(rows: Rows, source: str) -> None:
    found = values(INSECURE_CODE, answers(rows, source), "insecure_code")
    assert share(sum(v is not None for v in found), len(found)) <= 0.002


def test_images_that_carry_data_away(rows: Rows) -> None:
    stolen, left = [], []
    for row in rows("spikee_results"):
        if row["output"]:
            wanted = row["labels"]["instruction_type"] == "data-exfil-markdown"
            record = Record(row["prompt"], row["output"])
            if not wanted:
                left.append(record)
            elif row["labels"]["attack_success"]:
                stolen.append(record)
    found = values(EXFILTRATION, stolen, "exfiltration")
    assert share(found.count(1.0), len(found)) >= 0.9
    for ordinary in (left, *(answers(rows, source) for source in ORDINARY)):
        assert values(EXFILTRATION, ordinary, "exfiltration").count(1.0) == 0
        assert values(EXFILTRATION, ordinary, "exfiltration_link").count(1.0) == 0


def test_answers_in_another_language(rows: Rows) -> None:
    english = [r.output for r in answers(rows, "vicuna_blog_eval") if language(r.output or "") == "en"]
    asked = [row["prompt"] for row in rows("multijail") if row["language"] not in ("en", "und")]
    mixed = [Record(prompt, english[i % len(english)]) for i, prompt in enumerate(asked)]
    found = [v for v in values(LANGUAGE, mixed, "output_language_mismatch") if v is not None]
    assert share(len(found), len(mixed)) >= 0.8
    assert share(found.count(1.0), len(found)) >= 0.98
    for source in (*ORDINARY, "hh_rlhf_harmless_test"):
        ordinary = values(LANGUAGE, answers(rows, source), "output_language_mismatch")
        assert share(ordinary.count(1.0), len(ordinary)) <= 0.001


@pytest.mark.parametrize("source", [*ORDINARY, "hh_rlhf_harmless_test"])
def test_ordinary_answers_are_not_taken_for_json(rows: Rows, source: str) -> None:
    found = values(JSON_VALIDITY, answers(rows, source), "invalid_json")
    assert share(found.count(1.0), len(found)) <= 0.001
