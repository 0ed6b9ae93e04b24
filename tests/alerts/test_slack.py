"""What Slack is shown: within its limits, and nothing of a record taken for a link or a mention."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.briefs.brief import Example
from alerts.notify.slack import MAX_BLOCKS, MAX_FALLBACK, MAX_SECTION, MAX_TOTAL, escape, render
from detectors.finding import SliceEffect, Suspect
from tests.alerts.deliveries import LINKS, delivery
from tests.alerts.invented import at, overall, refusals

names = st.text(min_size=1, max_size=400)


def texts(message: dict[str, Any]) -> list[str]:
    return [block["text"]["text"] for block in message["blocks"]]


def test_the_parts_of_the_brief_are_there() -> None:
    sent = delivery(refusals(), overall())
    message = render(sent.brief)
    whole = "\n".join(texts(message))
    assert sent.brief.headline in message["text"]
    assert message["text"].startswith("PAGE · firing · support-assistant")
    assert f"<{sent.brief.do.dashboard}|Open the incident>" in whole
    for name in ("What", "When", "Where", "Suspects", "Do", "Reproduce", "Trust"):
        assert f"*{name}*" in whole
    assert "prompt version v18, new at 04:03 UTC" in whole


def test_what_a_record_says_is_no_link_mention_or_channel() -> None:
    evil = "<!channel> <@U1> <https://evil.example|here> &lt;"
    hostile = refusals(service=evil, slice=evil, suspects=(Suspect("prompt_version", evil, at("04:01")),))
    sent = delivery(hostile, examples=[Example("current", evil, evil, evil)])
    message = render(sent.brief)
    for text in (message["text"], *texts(message)):
        ours = text.replace(f"<{escape(sent.brief.do.dashboard)}|Open the incident>", "")
        assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", ours)
    assert all(block["text"]["verbatim"] for block in message["blocks"])
    assert (message["parse"], message["link_names"], message["unfurl_links"]) == ("none", False, False)


@given(names, names, st.integers(0, 12))
def test_whatever_the_names_it_keeps_to_the_limits(service: str, text: str, examples: int) -> None:
    finding = refusals(
        service=service,
        slice=text,
        slices=tuple(SliceEffect(text, 0.5, 0.1) for _ in range(40)),
        cleared=(service,) * 40,
        suspects=tuple(Suspect(text, service, at("04:01")) for _ in range(10)),
    )
    shown = [Example("current", text, text * 9, service * 9) for _ in range(examples)]
    message = render(delivery(finding, examples=shown).brief)
    assert len(message["text"]) <= MAX_FALLBACK
    assert 1 <= len(message["blocks"]) <= MAX_BLOCKS
    assert all(0 < len(one) <= MAX_SECTION for one in texts(message))
    assert sum(map(len, texts(message))) <= MAX_TOTAL
    json.dumps(message).encode()


@pytest.mark.parametrize("character", ["&", "x", "¿", "<"])
def test_a_part_is_cut_at_its_limit_and_not_within_a_character(character: str) -> None:
    shown = [Example("current", "i", character * 280, character * 280) for _ in range(9)]
    (examples,) = [
        one for one in texts(render(delivery(examples=shown).brief)) if one.startswith("*Examples*")
    ]
    assert len(examples) <= MAX_SECTION
    assert examples.endswith("…") == (len(escape("".join(e.prompt + e.output for e in shown))) > 2_800)
    assert not re.search(r"&(?!amp;|lt;)", examples)


def test_of_what_is_too_long_the_least_needed_is_left_out_first() -> None:
    finding = refusals(
        cleared=tuple(f"dimension={k}{'&' * 60}" for k in range(12)),
        slices=tuple(SliceEffect(f"dimension={k}{'&' * 60}", 0.5, 0.1) for k in range(8)),
        suspects=tuple(Suspect(f"kind{k}", "<" * 40, at("04:01")) for k in range(10)),
    )
    shown = [Example("current", "i", "&" * 280, "&" * 280) for _ in range(9)]
    brief = delivery(finding, examples=shown).brief
    whole = "\n".join(texts(render(brief)))
    assert "*What*" in whole
    assert LINKS.dashboard in whole
