"""What the simulated models say: a pure function of the request, the conditions and the seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.demo import code_texts, support_texts
from ingest.demo.chance import Chance
from ingest.demo.conditions import ERROR_SHARE, REFUSAL_SHARE, TRUNCATED_SHARE, Conditions

LOOP_CALLS = (4, 7)
"""An agent that loops calls its tool this many times, from and to."""

# tools a question leads to, with the share of conversations that take each plan
_PLANS: Mapping[str, tuple[tuple[float, tuple[str, ...]], ...]] = {
    "order_status": ((1.0, ("lookup_order",)),),
    "refund": ((0.5, ("lookup_order", "refund_status")), (0.5, ("refund_status",))),
    "shipping": ((0.6, ("search_help",)), (0.4, ())),
    "account": ((0.5, ("search_help",)), (0.5, ())),
    "damaged": ((0.6, ("lookup_order",)), (0.4, ("lookup_order", "search_help"))),
    "cancel": ((0.8, ("lookup_order",)), (0.2, ())),
}
_REPEATED_SHARE = 0.01  # a tool asked twice happens on quiet days too


class RateLimited(Exception):
    """The provider answers 429."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: a text, or a call of ``tool`` with ``arguments``. ``finish`` is stop, length or tool."""

    text: str | None
    finish: str
    input_tokens: int
    output_tokens: int
    tool: str | None = None
    arguments: Mapping[str, str] | None = None


def support_reply(
    messages: Sequence[Mapping[str, Any]], conversation: str, conditions: Conditions, chance: Chance
) -> Reply:
    """Next step of the support agent's model for a chat in OpenAI's form.

    Raises
    ------
    RateLimited
        For `ERROR_SHARE` of the calls.
    """
    asked = max(i for i, m in enumerate(messages) if m["role"] == "user")
    question = str(messages[asked]["content"])
    key = (conversation, question)
    step = sum(m["role"] == "assistant" for m in messages[asked + 1 :])
    if chance.happens(ERROR_SHARE, "error", step, *key):
        raise RateLimited
    reading = support_texts.read(question)
    tools = _plan(reading, conditions, chance, key)
    n_input = tokens(*(str(m.get("content") or m.get("tool_calls") or "") for m in messages)) + 180
    if step < len(tools):
        arguments = _arguments(tools[step], reading, question)
        return Reply(None, "tool", n_input, 14 + tokens(*arguments.values()), tools[step], arguments)
    rng = chance.stream("answer", *key)
    refuses = conditions.refusal_share.get(reading.language, REFUSAL_SHARE)
    if chance.happens(refuses, "refusal", *key):
        text = support_texts.refusal(reading, rng)
    else:
        text = support_texts.answer(reading, rng)
    return _finished(text, n_input, chance.uniform("truncated", *key))


def copilot_reply(
    system: str, question: str, user: str, conditions: Conditions, chance: Chance, *, leak: bool = False
) -> Reply:
    """Answer of the copilot's model; ``leak`` puts credentials into this one whatever the conditions say.

    Raises
    ------
    RateLimited
        For `ERROR_SHARE` of the calls.
    """
    key = (user, question)
    if chance.happens(ERROR_SHARE, "error", *key):
        raise RateLimited
    rng = chance.stream("answer", *key)
    asked = code_texts.read(question)
    leak = leak or chance.happens(conditions.secret_share, "leak", *key)
    if not leak and chance.happens(REFUSAL_SHARE, "refusal", *key):
        text = code_texts.refusal(asked, rng)
    else:
        text = code_texts.answer(asked, rng, wordiness=conditions.wordiness, leak=leak)
    cut = 1.0 if leak else chance.uniform("truncated", *key)
    return _finished(text, tokens(system, question) + 12, cut)


def tokens(*texts: str) -> int:
    """About as many tokens as a real tokenizer would count."""
    return sum(map(len, texts)) // 4 + 1


def _finished(text: str, n_input: int, draw: float) -> Reply:
    """The text, cut somewhere in its second half if ``draw`` says so."""
    if draw >= TRUNCATED_SHARE:
        return Reply(text, "stop", n_input, tokens(text))
    text = text[: round(len(text) * (0.5 + 0.5 * draw / TRUNCATED_SHARE))]
    return Reply(text, "length", n_input, tokens(text))


def _plan(
    reading: support_texts.Reading, conditions: Conditions, chance: Chance, key: tuple[str, ...]
) -> tuple[str, ...]:
    draw = chance.uniform("plan", *key)
    tools: tuple[str, ...] = ()
    for share, plan in _PLANS[reading.intent]:
        tools = plan
        if draw < share:
            break
        draw -= share
    looped = tools[0] if tools else "search_help"
    if chance.happens(conditions.loop_share, "loop", *key):
        return (looped,) * chance.stream("calls", *key).randint(*LOOP_CALLS)
    if chance.happens(_REPEATED_SHARE, "repeat", *key):
        return (looped, looped, *tools[1:])
    return tools


def _arguments(tool: str, reading: support_texts.Reading, question: str) -> Mapping[str, str]:
    if tool == "search_help":
        return {"query": " ".join(question.split()[:8]), "language": reading.language}
    return {"order_id": reading.order or "TT-000000"}
