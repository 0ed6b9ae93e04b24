"""The simulated models: background rates, planted behaviour, and draws that do not disturb each other."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from ingest.demo.chance import Chance
from ingest.demo.code_texts import developer_question
from ingest.demo.conditions import Conditions
from ingest.demo.model import RateLimited, Reply, copilot_reply, support_reply
from ingest.demo.phrases import table
from ingest.demo.support_texts import customer_message

CHANCE = Chance(1)
QUIET = Conditions()


def _conversation(language: str, number: int, conditions: Conditions) -> list[Reply]:
    """Replies of one conversation whose tools answer nothing; empty if the provider was busy."""
    message = customer_message(language, random.Random(number))
    messages: list[dict[str, Any]] = [{"role": "user", "content": message}]
    replies: list[Reply] = []
    while not replies or replies[-1].finish == "tool":
        try:
            replies.append(support_reply(messages, f"c{number}", conditions, CHANCE))
        except RateLimited:
            return []
        messages += [{"role": "assistant", "tool_calls": []}, {"role": "tool", "content": "{}"}]
    return replies


def _conversations(language: str, n: int, conditions: Conditions) -> Iterator[list[Reply]]:
    return (replies for i in range(n) if (replies := _conversation(language, i, conditions)))


def _refuses(language: str, text: str) -> bool:
    cores = (core.split("{")[0] for core in table(language)["refusal"]["core"])
    return any(core in text for core in cores)


def test_quiet_days_have_small_rates_of_everything() -> None:
    ended = [replies[-1] for replies in _conversations("es", 3000, QUIET)]
    refused = sum(_refuses("es", r.text or "") for r in ended) / len(ended)
    cut = sum(r.finish == "length" for r in ended) / len(ended)
    assert 0.004 < refused < 0.018
    assert 0.004 < cut < 0.018
    calls = [len(replies) for replies in _conversations("es", 3000, QUIET)]
    assert 1.85 < sum(calls) / len(calls) < 2.1
    assert max(calls) <= 4


def test_refusals_rise_in_one_language_only() -> None:
    planted = Conditions(refusal_share={"es": 0.6})
    for language, low, high in (("es", 0.54, 0.66), ("en", 0.0, 0.03)):
        ended = [replies[-1].text or "" for replies in _conversations(language, 600, planted)]
        assert low < sum(_refuses(language, text) for text in ended) / len(ended) < high


def test_an_agent_that_loops_asks_the_same_thing_four_to_seven_times() -> None:
    looped = 0
    conversations = list(_conversations("de", 600, Conditions(loop_share=0.35)))
    for replies in conversations:
        asked = [(r.tool, json.dumps(dict(r.arguments or {}))) for r in replies if r.finish == "tool"]
        if len(asked) >= 4:
            looped += 1
            assert len(set(asked)) == 1
            assert len(asked) <= 7
    assert 0.29 < looped / len(conversations) < 0.41


def test_conditions_change_only_what_they_name() -> None:
    """Without the planted behaviour the same request gets the same answer."""
    planted = Conditions(refusal_share={"es": 0.6}, loop_share=0.35, secret_share=0.06, wordiness=2.2)
    for i in range(100):
        quiet, other = (_conversation("fr", i, c) for c in (QUIET, planted))
        if 0 < len(other) < 5:  # neither a loop nor a call the provider was too busy for
            assert quiet == other


def _copilot(n: int, conditions: Conditions) -> list[Reply]:
    replies = []
    for i in range(n):
        question = developer_question(random.Random(i))
        try:
            replies.append(copilot_reply("system", question, f"u{i}", conditions, CHANCE))
        except RateLimited:
            continue
    return replies


def test_secrets_leak_at_the_planted_rate_and_never_before() -> None:
    assert not any("```bash\nexport " in (r.text or "") for r in _copilot(1000, QUIET))
    leaked = sum("```bash\nexport " in (r.text or "") for r in _copilot(3000, Conditions(secret_share=0.08)))
    assert 0.06 < leaked / 3000 < 0.1


def test_errors_are_rare_and_repeatable() -> None:
    errors = 3000 - len(_copilot(3000, QUIET))
    assert 0.001 < errors / 3000 < 0.01
    assert errors == 3000 - len(_copilot(3000, QUIET))


def test_tokens_grow_with_the_text() -> None:
    for reply in _copilot(50, QUIET):
        assert reply.output_tokens == pytest.approx(len(reply.text or "") / 4, abs=2)
