"""The demo's own texts: recognisable languages, variety, comparable lengths."""

from __future__ import annotations

import random
import re
import statistics
import zlib

import pycld2
import pytest

from detectors.redaction.policy import RedactionPolicy
from detectors.redaction.pseudonyms import Pseudonymiser
from detectors.redaction.text import Redactor, redact_text
from ingest.demo import code_texts, support_texts
from ingest.demo.leaks import credentials
from ingest.demo.phrases import LANGUAGES, Writer

N = 400


def _detected(text: str) -> str:
    return str(pycld2.detect(text)[2][0][1])


@pytest.mark.parametrize("language", LANGUAGES)
def test_language_of_nearly_every_text_is_recognised(language: str) -> None:
    rng = random.Random(3)
    wrong = 0
    for _ in range(N):
        message = support_texts.customer_message(language, rng)
        reading = support_texts.read(message)
        texts = (message, support_texts.answer(reading, rng), support_texts.refusal(reading, rng))
        wrong += sum(_detected(text) != language for text in texts)
    assert wrong <= 0.01 * 3 * N


def test_developers_questions_and_answers_are_recognised_as_english() -> None:
    rng = random.Random(4)
    questions = [code_texts.developer_question(rng) for _ in range(N)]
    answers = [code_texts.answer(code_texts.read(q), rng) for q in questions]
    assert sum(_detected(text) != "en" for text in questions + answers) <= 0.01 * 2 * N


@pytest.mark.parametrize("language", LANGUAGES)
def test_model_understands_what_customers_write(language: str) -> None:
    rng = random.Random(5)
    intents = set()
    for _ in range(N):
        message = support_texts.customer_message(language, rng)
        reading = support_texts.read(message)
        assert reading.language == language
        assert reading.order is None or reading.order in support_texts.answer(reading, rng) + message
        intents.add(reading.intent)
    assert intents == set(support_texts.INTENTS)


def test_an_unknown_message_gets_an_english_answer() -> None:
    assert support_texts.read("qwertz").language == "en"
    assert code_texts.read("qwertz").language == "python"


@pytest.mark.parametrize("language", LANGUAGES)
def test_refusals_are_about_as_long_as_answers(language: str) -> None:
    """A rise of refusals must not look like a change of length."""
    rng = random.Random(6)
    readings = [support_texts.read(support_texts.customer_message(language, rng)) for _ in range(N)]
    answers = [len(support_texts.answer(r, rng)) for r in readings]
    refusals = [len(support_texts.refusal(r, rng)) for r in readings]
    assert 0.85 < statistics.mean(refusals) / statistics.mean(answers) < 1.15
    assert 0.7 < statistics.stdev(refusals) / statistics.stdev(answers) < 1.4


def test_texts_vary() -> None:
    rng = random.Random(7)
    for language in LANGUAGES:
        messages = {support_texts.customer_message(language, rng) for _ in range(N)}
        assert len(messages) > 0.95 * N
    questions = [code_texts.developer_question(rng) for _ in range(N)]
    answers = [code_texts.answer(code_texts.read(q), rng) for q in questions]
    assert len(set(questions)) > 0.9 * N
    assert len(set(answers)) > 0.99 * N
    assert statistics.stdev(map(len, answers)) > 0.2 * statistics.mean(map(len, answers))


def test_no_slot_is_left_unfilled_and_no_answer_repeats_itself() -> None:
    rng = random.Random(8)
    for _ in range(N):
        for language in LANGUAGES:
            message = support_texts.customer_message(language, rng)
            text = message + support_texts.answer(support_texts.read(message), rng)
            assert not re.search(r"\{\w+\}|<[a-z_]+>", text), text
        question = code_texts.developer_question(rng)
        answer = code_texts.answer(code_texts.read(question), rng, wordiness=2.2)
        assert not re.search(r"\{[a-z]+\}|<(fn|var|thing|size|few)>", question + answer), answer
        assert len(answer) < 3.2 * len(zlib.compress(answer.encode()))


def test_an_unknown_slot_is_named() -> None:
    with pytest.raises(KeyError, match="no slot 'colour' in en"):
        Writer("en", random.Random(1)).fill("a {colour} tent")


def test_articles_contract() -> None:
    spanish = Writer("es", random.Random(1), {"product": "el saco de dormir"})
    assert spanish.fill("una pieza de {product}") == "una pieza del saco de dormir"
    french = Writer("fr", random.Random(1), {"product": "le réchaud"})
    assert french.fill("le prix de {product}") == "le prix du réchaud"


def test_some_customers_type_contact_details() -> None:
    rng = random.Random(9)
    with_contact = sum(
        "@example." in m or re.search(r"\+\d{2} ", m) is not None
        for m in (support_texts.customer_message(rng.choice(LANGUAGES), rng) for _ in range(2000))
    )
    assert 0.02 < with_contact / 2000 < 0.06  # two of three forms of contact hold such a value, or all


def test_wordiness_makes_answers_about_twice_as_long() -> None:
    rng = random.Random(10)
    questions = [code_texts.read(code_texts.developer_question(rng)) for _ in range(N)]
    usual = statistics.median(len(code_texts.answer(q, rng)) for q in questions)
    swapped = statistics.median(len(code_texts.answer(q, rng, wordiness=2.2)) for q in questions)
    assert 1.7 < swapped / usual < 2.1


def test_leaked_credentials_have_vendor_shapes_and_never_repeat() -> None:
    rng = random.Random(11)
    shapes = {
        "aws": r"AKIA[A-Z2-7]{16}\b",
        "github": r"ghp_[A-Za-z0-9]{36}\b",
        "stripe": r"sk_live_[A-Za-z0-9]{24}\b",
        "slack": r"xoxb-\d{12}-\d{12}-[A-Za-z0-9]{24}\b",
    }
    made = [credentials(rng) for _ in range(N)]
    assert len(set(made)) == N
    for text in made:
        assert sum(re.search(shape, text) is not None for shape in shapes.values()) == 1, text
    assert all(any(re.search(shape, text) for text in made) for shape in shapes.values())


def test_a_leak_stands_in_the_answer() -> None:
    rng = random.Random(12)
    question = code_texts.read(code_texts.developer_question(rng))
    assert "export " in code_texts.answer(question, rng, leak=True)
    assert "export " not in code_texts.answer(question, rng)


def _types(text: str) -> set[str]:
    redactor = Redactor(RedactionPolicy(), Pseudonymiser(bytes(range(32))))
    return {found.type for found in redact_text(text, redactor)[1]}


def test_the_redactor_finds_every_leak_and_nothing_in_clean_texts() -> None:
    """Quiet days must not look like leaks, and every planted one must count."""
    rng = random.Random(13)
    for _ in range(200):
        question = code_texts.developer_question(rng)
        clean = code_texts.answer(code_texts.read(question), rng, wordiness=2.2)
        assert not _types(question) | _types(clean)
        assert _types(code_texts.answer(code_texts.read(question), rng, leak=True))
        message = support_texts.customer_message(rng.choice(LANGUAGES), rng)
        assert _types(message) <= {"email", "phone"}
        reading = support_texts.read(message)
        assert not _types(support_texts.answer(reading, rng)) | _types(support_texts.refusal(reading, rng))
