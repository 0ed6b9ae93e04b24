"""Stored interactions as data for the text cards. Pure; the texts themselves are passed on untouched."""

from __future__ import annotations

import string
from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from dashboard import formats, strings
from dashboard.measures.measures import FLAG, Measure
from dashboard.queries.examples import MAX_TEXT, Example
from dashboard.safe_text import clean

_UNKNOWN_LANGUAGES = frozenset({"un", "und", "xx", "other"})


class Passage(TypedDict):
    """One text with its label; ``lang`` is a language code or empty."""

    label: str
    text: str
    lang: str


class Card(TypedDict):
    """One interaction."""

    meta: str
    passages: list[Passage]
    note: str


def cards(examples: Sequence[Example], measure: Measure, now: datetime) -> list[Card]:
    """One card per interaction."""
    return [_card(example, measure, now) for example in examples]


def _card(example: Example, measure: Measure, now: datetime) -> Card:
    day = "" if example.at.date() == now.date() else f"{example.at:%a} "
    facts = [f"{day}{formats.stamp(example.at)}"]
    facts += [f"{name} {clean(value, 40)}" for name, value in example.facts]
    if example.value is not None:
        facts.append(f"{clean(measure.score.name, 40)} {_value(measure, example.value)}")
    passages = [
        _passage("Prompt", example.prompt, example.language),
        _passage("Output", example.output, example.output_language or example.language),
        _passage("Error", example.error, None),
    ]
    notes = []
    if example.text_absent:
        notes.append(strings.TEXT_ABSENT.format(why=clean(example.text_absent, 60)))
    if any(len(text or "") > MAX_TEXT for text in (example.prompt, example.output)):
        notes.append(strings.TEXT_CUT.format(n=formats.count(MAX_TEXT)))
    return Card(meta=" · ".join(facts), passages=[p for p in passages if p["text"]], note=" · ".join(notes))


def _value(measure: Measure, value: float) -> str:
    if measure.what == FLAG:
        return "yes" if value >= 0.5 else "no"
    return formats.measure(value, measure.score.unit)


def _passage(label: str, text: str | None, language: str | None) -> Passage:
    shown = text or ""
    if len(shown) > MAX_TEXT:
        shown = f"{shown[:MAX_TEXT]}…"
    return Passage(label=label, text=shown, lang=_code(language or ""))


def _code(language: str) -> str:
    """A language code that may stand in an attribute; anything else is no language."""
    head = language.partition("-")[0]
    plain = all(c in string.ascii_letters + "-" for c in language)
    return language if plain and len(head) in {2, 3} and head not in _UNKNOWN_LANGUAGES else ""
