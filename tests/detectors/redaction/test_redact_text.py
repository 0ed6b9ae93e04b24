"""Redaction of single texts: what goes, what stays, offsets, and the laws that hold for any string."""

from __future__ import annotations

import json
import random
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detectors.redaction import (
    PII_TYPES,
    SECRET_TYPES,
    Pseudonymiser,
    RedactionPolicy,
    Redactor,
    keyed,
    redact_text,
)
from detectors.redaction.matching import Pattern
from detectors.redaction.text import SEARCHES
from detectors.redaction.views import View, folded, unescaped
from tests.at_length import at_length, examples
from tests.detectors.redaction import plants

REDACTOR = Redactor(RedactionPolicy(), Pseudonymiser(b"0123456789abcdef0123456789abcdef"))
CARRIERS = (
    "{}",
    "Use {} for now.",
    "```\n{}\n```",
    "(see {})",
    "a: {}\n",
    '{{"text": "{}"}}',
    "先に{}。",
    "é {} é",
)


def types_in(text: str) -> set[str]:
    return {found.type for found in redact_text(text, REDACTOR)[1]}


@pytest.mark.parametrize("kind", plants.SECRET_KINDS)
def test_secret_is_removed_wherever_it_stands(kind: str) -> None:
    rng = random.Random(kind)
    for _ in range(12):
        value, core = plants.secret(kind, rng)
        for carrier in CARRIERS:
            if '"' in carrier and ('"' in value or "\n" in value):
                text = json.dumps({"text": value})
            else:
                text = carrier.format(value)
            redacted, found = redact_text(text, REDACTOR)
            assert {f.type for f in found} & SECRET_TYPES, text
            assert core not in redacted
            assert core[:9] not in redacted
            assert core[-9:] not in redacted
            assert redact_text(redacted, REDACTOR) == (redacted, [])


@pytest.mark.parametrize("kind", plants.LOOKALIKE_KINDS)
def test_lookalike_is_left_alone(kind: str) -> None:
    rng = random.Random(kind)
    for _ in range(25):
        value = plants.lookalike(kind, rng)
        for carrier in ("{}", "Use {} for now.", "```\n{}\n```"):
            assert not types_in(carrier.format(value)) & SECRET_TYPES, value


@pytest.mark.parametrize(("type_", "value"), plants.PERSONAL)
def test_personal_value_is_removed_wherever_it_stands(type_: str, value: str) -> None:
    for carrier in CARRIERS:
        text = carrier.format(value)
        redacted, found = redact_text(text, REDACTOR)
        assert [f.type for f in found] == [type_], text
        assert text[found[0].start : found[0].end] == value
        assert value not in redacted
        assert redacted.startswith(text[: found[0].start])
        assert redacted.endswith(text[found[0].end :])


@pytest.mark.parametrize(("type_", "sentence", "value"), plants.NAMED)
def test_ambiguous_value_counts_only_with_its_name(type_: str, sentence: str, value: str) -> None:
    assert types_in(sentence.format(value)) == {type_}
    assert not types_in(f"There were {value} of them.") & PII_TYPES


@pytest.mark.parametrize("value", plants.NOT_PERSONAL)
def test_ordinary_number_is_left_alone(value: str) -> None:
    for carrier in ("{}", "Here: {}", "It was {} then.", "x = {}"):
        assert not types_in(carrier.format(value)) & PII_TYPES, carrier.format(value)


def test_one_value_has_one_placeholder_however_it_is_written() -> None:
    for written in (
        [
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "4111111111111111",
            "４１１１１１１１１１１１１１１１",
        ],
        [
            "Bob@Example.com",
            "bob@example.com",
            "bob%40example.com",
            "bob\\u0040example.com",
            "b\u200bob@example.com",
        ],
        ["DE89 3704 0044 0532 0130 00", "DE89370400440532013000", "de89 3704 0044 0532 0130 00"],
        ["+44 20 7946 0958", "+44 (0)20 7946 0958", "0044 20 7946 0958", "+44-20-7946-0958"],
    ):
        assert len({redact_text(text, REDACTOR)[0] for text in written}) == 1, written


def test_json_keeps_its_form_whatever_the_depth() -> None:
    inner = {
        "mail": "bob@example.com",
        "card": 4111111111111111,
        "list": [4111111111111111, 1.10],
        "t": "a\nbob@example.com",
    }
    text = json.dumps(
        {"a": json.dumps({"b": json.dumps(inner)}), "n": 5500000000000004, "é": "\u00e9 bob@example.com"}
    )
    redacted, found = redact_text(text, REDACTOR)
    outer = json.loads(redacted)
    read = json.loads(json.loads(outer["a"])["b"])
    assert len(found) == 6
    assert read["mail"].startswith("[email:")
    assert read["card"].startswith("[card:")
    assert read["list"] == [read["card"], 1.1]
    assert read["t"] == f"a\n{read['mail']}"
    assert outer["n"].startswith("[card:")
    assert "bob" not in redacted
    assert "1.1," not in redacted  # 1.10 as it was written


def test_duplicate_keys_of_json_are_all_searched() -> None:
    redacted, found = redact_text('{"a": "bob@example.com", "a": "fine"}', REDACTOR)
    assert len(found) == 1
    assert redacted.endswith('"a": "fine"}')


@pytest.mark.parametrize("cut", [5, 20, 40, 60])
def test_broken_json_is_searched_through_its_escapes(cut: int) -> None:
    text = json.dumps({"padding": "x" * cut, "mail": "bob\u0040example.com"}).replace("@", "\\u0040")[:-1]
    redacted, found = redact_text(text, REDACTOR)
    assert [f.type for f in found] == ["email"]
    assert "bob" not in redacted


def test_escape_before_a_value_is_no_part_of_it() -> None:
    plain = redact_text("bob@example.com", REDACTOR)[0]
    redacted, found = redact_text(json.dumps("line\nbob@example.com\tend"), REDACTOR)
    assert json.loads(redacted) == f"line\n{plain}\tend"
    assert len(found) == 1


def test_user_and_session_keys_in_json_become_pseudonyms() -> None:
    tree = {"user_id": "u-100", "sessionId": 7, "user": "what is 2 + 2?", "metadata": '{"userId": "u-100"}'}
    text = json.dumps(tree)
    redacted, found = redact_text(text, REDACTOR)
    read = json.loads(redacted)
    assert [f.type for f in found] == ["user", "session", "user"]
    assert read["user_id"].startswith("[user:")
    assert json.loads(read["metadata"])["userId"] == read["user_id"]
    assert read["user"] == "what is 2 + 2?"


def test_text_that_looks_like_a_placeholder_becomes_literal() -> None:
    forged = "[email:0123456789abcdef] and [anything:fedcba9876543210]"
    redacted, found = redact_text(forged, REDACTOR)
    assert redacted == "[literal email:0123456789abcdef] and [literal anything:fedcba9876543210]"
    assert found == []
    assert redact_text(redacted, REDACTOR) == (redacted, [])


def test_placeholders_of_another_key_are_kept_only_when_asked() -> None:
    other = Redactor(RedactionPolicy(), Pseudonymiser(b"another key of thirty-two bytes."))
    theirs = redact_text("bob@example.com", other)[0]
    assert redact_text(theirs, REDACTOR)[0] == theirs.replace("[", "[literal ")
    keeping = Redactor(RedactionPolicy(), REDACTOR.pseudonymiser, keep_foreign=True)
    assert redact_text(f"{theirs} ann@example.com", keeping)[0].startswith(theirs)


def test_rotated_key_leaves_older_placeholders() -> None:
    old = Redactor(RedactionPolicy(), Pseudonymiser(b"the old key, sixteen or more"))
    text = redact_text("bob@example.com", old)[0]
    rotated = Redactor(
        RedactionPolicy(), Pseudonymiser(b"the new key, sixteen or more", [b"the old key, sixteen or more"])
    )
    assert redact_text(text, rotated) == (text, [])


def test_value_split_over_parts_is_found_in_the_assembled_text() -> None:
    parts = ["my card is 4111 1111 ", "1111 1111, mail bob@exam", "ple.com"]
    once = "".join(redact_text(part, REDACTOR)[0] for part in parts)
    again, found = redact_text(once, REDACTOR)
    assert [f.type for f in found] == ["card", "email"]
    assert "4111" not in again
    assert "bob" not in again


def test_policy_chooses_types() -> None:
    only = Redactor(RedactionPolicy(types=frozenset({"email"})), REDACTOR.pseudonymiser)
    redacted, found = redact_text('bob@example.com 4111 1111 1111 1111 {"user_id": "u-1"}', only)
    assert [f.type for f in found] == ["email"]
    assert redacted.endswith('4111 1111 1111 1111 {"user_id": "u-1"}')
    with pytest.raises(ValueError, match="emial"):
        RedactionPolicy(types=frozenset({"emial"}))


def test_policy_version_tells_policies_apart() -> None:
    versions = {
        RedactionPolicy().version,
        RedactionPolicy(types=frozenset({"email"})).version,
        RedactionPolicy(user_keys=frozenset({"who"})).version,
        RedactionPolicy(session_keys=frozenset({"who"})).version,
    }
    assert len(versions) == 4
    assert RedactionPolicy().version == RedactionPolicy().version


SECRETS = [plants.secret(kind, random.Random(kind))[0] for kind in plants.SECRET_KINDS]
FRAGMENTS = st.sampled_from(
    [value for _, value in plants.PERSONAL]
    + [plants.secret(kind, random.Random(kind))[0] for kind in plants.SECRET_KINDS]
    + [redact_text(value, REDACTOR)[0] for _, value in plants.PERSONAL[:6]]
    + [*plants.NOT_PERSONAL, "[email:0123456789abcdef]", "[literal ", "[card:4111111111111111]"]
    + ["password", "password: ", "token=", "ssn ", '"user_id": ', "тел. ", "电话", "://", "x", "7", "0049"]
    + [
        '"',
        "'",
        "\\",
        "\\\\",
        "\\n",
        '\\"',
        "\\u0040",
        "\\ud83d",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        ": ",
        " ",
        "\n",
    ]
    + ["-", ".", "@", "\u200b", "\ud800", "\x01", "\x00", "é", "＂", "＼", "“", "”"]
    + ["-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"]
)
TEXTS = st.one_of(
    st.text(max_size=60), st.lists(st.one_of(FRAGMENTS, st.text(max_size=4)), max_size=14).map("".join)
)


@settings(max_examples=examples(600), deadline=None)
@given(TEXTS)
@example("[card:4111111111111111]")
@example('password="[email:0123456789abcdef]"')
@example("\ud83dabcdefg\\udc00 half a pair, then the other half as an escape")
@example("\\ud83d\\udc00 \\\\\\u0062ob@example.com")
@example("\\[email:0123456789abcdef]\\")
def test_laws_for_any_text(text: str) -> None:
    redacted, found = redact_text(text, REDACTOR)
    assert redact_text(redacted, REDACTOR) == (redacted, [])
    end = 0
    for item in found:
        assert end <= item.start < item.end <= len(text)
        end = item.end
    if not found and "[" not in text:
        assert redacted == text
    kept, at = [], 0
    for item in found:
        kept.append(text[at : item.start])
        at = item.end
    kept.append(text[at:])
    position = 0
    for piece in kept:  # what was not found stands there still, in order
        place = redacted.replace("[literal ", "[").find(piece.replace("[literal ", "["), position)
        assert place >= 0
        position = place + len(piece.replace("[literal ", "["))


@settings(max_examples=examples(200), deadline=None)
@example({"user_id": -8316, "card": -4111111111111111, "n": [-4111111111111111]})
@given(
    st.recursive(
        TEXTS | st.integers() | st.none(),
        lambda inner: st.dictionaries(TEXTS, inner, max_size=3) | st.lists(inner, max_size=3),
        max_leaves=8,
    )
)
def test_json_stays_json(value: object) -> None:
    text = json.dumps([value])  # a number alone is a text like any other
    json.loads(redact_text(text, REDACTOR)[0])


@settings(max_examples=examples(150), deadline=None)
@given(st.sampled_from(plants.PERSONAL), TEXTS, TEXTS, st.integers(0, 3))
def test_no_planted_value_survives_at_any_depth(
    plant: tuple[str, str], before: str, after: str, depth: int
) -> None:
    value = plant[1]
    text = f"{before} \n{value} \n{after}"
    for _ in range(depth):
        text = json.dumps({"k": text})
    redacted = redact_text(text, REDACTOR)[0]
    for _ in range(depth):
        redacted = json.loads(redacted)["k"]
    assert f" \n{value} \n" not in redacted


def nothing_is_kept_back(text: str) -> None:
    """Wherever a search finds something, the pattern that is looked for before it stands."""
    view: View | None = folded(text)
    while view is not None:
        for worth, search in SEARCHES:
            if any(True for _ in search(view)):
                assert Pattern(worth).found(view.data), search
        if any(True for _ in keyed.keyed_ids(view, REDACTOR.policy)):
            assert Pattern(keyed.worth(REDACTOR.policy)).found(view.data)
        view = unescaped(view)


@settings(max_examples=examples(600), deadline=None)
@given(TEXTS)
@example("--api-key Zk3mPq7RtY2wXv9LbN4c")
@example("Passwort ist Zk3mPq7R!")
@example('{"patient_id" : "u-100"}')
def test_what_is_looked_for_first_keeps_nothing_from_being_found(text: str) -> None:
    nothing_is_kept_back(text)


@pytest.mark.parametrize("value", [*(v for _, v in plants.PERSONAL), *SECRETS])
def test_what_is_looked_for_first_lets_every_planted_value_through(value: str) -> None:
    for text in (value, f"see {value} now", f'["{value}"]'):
        nothing_is_kept_back(text)


ADVERSARIAL = (
    "a@", "a@b.", "1 ", "1-", "(1)", "+1 ", "sk-", "eyJa", "AKIA", "://a:", "a://b:c@", "password=",
    '"user_id":"', "\\", '\\"', "-----BEGIN PRIVATE KEY-----", "A1", "DE89", "::", "1.1.",
    "[email:0123456789abcdef]", "%40", "bob@example.com ", "\u200b1", "4111 1111 1111 1111 ", "пароль ", "0",
    "{", '{"a":', "Bearer ", "x" * 7 + " ", "é", "-", "token: a1", "[4111111111111111,",
    '"a":4111111111111111,', "AKIAIOSFODNN7ABCDEFG ",
)  # fmt: skip


@pytest.mark.parametrize("unit", at_length(ADVERSARIAL, 10))
def test_time_is_linear(unit: str) -> None:
    def cost(size: int) -> float:
        text = unit * (size // len(unit))
        best = float("inf")
        for _ in range(3):
            started = time.process_time()
            redact_text(text, REDACTOR)
            best = min(best, time.process_time() - started)
        return max(best, 1e-3)

    assert cost(48_000) / cost(6_000) < 28  # linear is 8, quadratic 64
