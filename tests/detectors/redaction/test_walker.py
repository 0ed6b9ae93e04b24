"""Trees: keys that name users, sessions, ids and secrets; bytes, numbers and keys as values; the report."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.redaction import (
    Pseudonymiser,
    RedactionPolicy,
    Redactor,
    Report,
    Walker,
    redact_value,
)
from tests.at_length import examples

REDACTOR = Redactor(RedactionPolicy(), Pseudonymiser(b"0123456789abcdef0123456789abcdef"))


def walked(key: str, value: object, policy: RedactionPolicy | None = None) -> tuple[object, Report]:
    report = Report()
    redactor = REDACTOR if policy is None else Redactor(policy, REDACTOR.pseudonymiser)
    return redact_value(key, value, redactor, report), report


@pytest.mark.parametrize(
    "key",
    [
        "user.id",
        "enduser.id",
        "langfuse.user.id",
        "traceloop.association.properties.user_id",
        "gen_ai.request.user",
        "ai.telemetry.metadata.userId",
        "ai.settings.context.userId",
        "user_id",
        "customer_id",
        "safety_identifier",
        "langfuse.trace.metadata.user_id",
        "user.email",
    ],
)
def test_user_keys_are_pseudonymised(key: str) -> None:
    value, report = walked(key, "u-100")
    assert value == REDACTOR.pseudonymiser.placeholder("user", "u-100")
    assert report.items() == [{"field": key, "type": "user", "n": 1}]


@pytest.mark.parametrize(
    "key",
    [
        "session.id",
        "gen_ai.conversation.id",
        "langfuse.session.id",
        "traceloop.association.properties.session_id",
        "traceloop.association.properties.thread_id",
        "ai.telemetry.metadata.sessionId",
        "conversation_id",
    ],
)
def test_session_keys_are_pseudonymised_alike_in_every_dialect(key: str) -> None:
    assert walked(key, "conv 31")[0] == REDACTOR.pseudonymiser.placeholder("session", "conv 31")
    assert walked(key, 31)[0] == REDACTOR.pseudonymiser.placeholder("session", "31")


def test_keys_of_one_s_own() -> None:
    policy = RedactionPolicy(user_keys=frozenset({"app.who"}), exempt_keys=frozenset({"app.ticket"}))
    assert str(walked("app.who", "ann", policy)[0]).startswith("[user:")
    assert str(walked("x", '{"app.who": "ann"}', policy)[0]).startswith('{"app.who": "[user:')
    assert walked("app.ticket", "0480904544", policy)[0] == "0480904544"
    assert walked("app.ticket", "0480904544")[0] != "0480904544"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("gen_ai.response.id", "chatcmpl-0480904544"),
        ("service.version", "10.2.3.4"),
        ("trace_id", "04809045440480904544048090454401"),
        ("server.address", "10.0.0.7"),
        ("gen_ai.request.model", "gpt-4-0613"),
        ("gen_ai.usage.input_tokens", 4111),
        ("gen_ai.request.max_tokens", 4096),
        ("timestamp", 1700000000000000000),
        ("tool_call_id", "call_0480904544"),
    ],
)
def test_ids_versions_and_counts_are_left_alone(key: str, value: object) -> None:
    assert walked(key, value) == (value, Report())


def test_values_with_a_form_of_their_own_are_removed_from_ids_too() -> None:
    assert str(walked("gen_ai.response.id", "bob@example.com")[0]).startswith("[email:")
    assert str(walked("gen_ai.response.id", "4111111111111111")[0]).startswith("[card:")


@pytest.mark.parametrize(
    ("key", "value", "type_"),
    [
        ("http.request.header.authorization", "Basic dXNlcjpwYXNzd29yZA==", "bearer_token"),
        ("http.request.header.cookie", "sid=abcdefgh", "bearer_token"),
        ("db.password", "hunter22", "password"),
        ("app.api_key", "0186b4c3baaac9273bac791c12d67411", "api_key"),
    ],
)
def test_keys_that_name_secrets(key: str, value: str, type_: str) -> None:
    redacted, report = walked(key, value)
    assert redacted == REDACTOR.pseudonymiser.placeholder(type_, value)
    assert report.items() == [{"field": key, "type": type_, "n": 1}]


def test_every_kind_of_leaf_and_key() -> None:
    tree = {
        "list": ["bob@example.com", ("ann@example.com", b"eve@example.com")],
        "bob@example.com": 1,
        "BOB@example.com": 2,
        "whole": 4111111111111111,
        "float": 4111111111111111.0,
        "vector": [0.25, -1.5, 1e300],
        "raw": b"\xff\xfe\x00",
        "json": '{"mail": "bob@example.com"}',
        "none": None,
        "flag": True,
        7: "eight",
    }
    value, report = walked("gen_ai.tool.call.result", tree)
    assert isinstance(value, dict)
    mail = REDACTOR.pseudonymiser.placeholder("email", "bob@example.com")
    assert value["list"][0] == mail
    assert value["list"][1][1].startswith(b"[email:")
    assert (value[mail], value[f"{mail}#2"]) == (1, 2)
    assert value["whole"] == value["float"] == REDACTOR.pseudonymiser.placeholder("card", "4111111111111111")
    assert value["vector"] == tree["vector"]
    assert value["raw"].endswith(b" 3 bytes")
    assert json.loads(value["json"]) == {"mail": mail}
    assert (value["none"], value["flag"], value[7]) == (None, True, "eight")
    assert {(i["type"], i["n"]) for i in report.items()} == {("email", 6), ("card", 2), ("bytes", 1)}
    assert {i["field"] for i in report.items()} == {"gen_ai.tool.call.result"}


def test_nothing_found_returns_the_same_object() -> None:
    walker = Walker(REDACTOR, Report())
    text, data = "An ordinary sentence without anything in it.", b"An ordinary sentence."
    assert walker.redact_str("x", text) is text
    assert walker.redact_bytes("x", data) is data


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 0, -0.0, 10**60, -(10**60), 1e308, True])
def test_strange_numbers_pass(number: float) -> None:
    value = Walker(REDACTOR, Report()).redact_number("x", number)
    assert value is number or value == number


def test_deep_trees_end() -> None:
    tree: object = "bob@example.com"
    for _ in range(500):
        tree = [tree]
    value, report = walked("x", tree)
    assert "bob" not in str(value)
    assert report.items()[0]["n"] == 1


def test_reports_add_up() -> None:
    report = Report([{"field": "a", "type": "email", "n": 2}])
    report.add("a", "email")
    report.merge(Report([{"field": "b", "type": "card", "n": 1}]))
    assert report.items() == [{"field": "a", "type": "email", "n": 3}, {"field": "b", "type": "card", "n": 1}]
    assert report
    assert not Report()
    with pytest.raises(ValueError, match="n=0"):
        report.add("a", "email", 0)


LEAVES = (
    st.text(max_size=12)
    | st.binary(max_size=12)
    | st.integers()
    | st.floats()
    | st.none()
    | st.booleans()
    | st.sampled_from(
        ["bob@example.com", "4111 1111 1111 1111", "[email:0123456789abcdef]", b"bob@example.com"]
    )
)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["user_id", "password", "a", "bob@example.com"]) | st.text(max_size=8),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=examples(300), deadline=None)
@given(st.sampled_from(["gen_ai.input.messages", "user.id", "gen_ai.response.id", "password"]), TREES)
def test_laws_for_any_tree(key: str, tree: object) -> None:
    once, _ = walked(key, tree)
    again, second = walked(key, once)
    assert repr(again) == repr(once)
    assert not second
    assert "bob@example.com" not in repr(once)
    assert "4111 1111" not in repr(once)


def test_short_keys_raise() -> None:
    with pytest.raises(ValueError, match="16"):
        Pseudonymiser(b"short")
    with pytest.raises(ValueError, match="16"):
        Pseudonymiser(b"long enough for a key", [b"short"])


def test_key_id_names_the_key_without_telling_it() -> None:
    one, two = Pseudonymiser(b"key number one: 16+"), Pseudonymiser(b"key number two: 16+")
    assert one.key_id != two.key_id
    assert len(one.key_id) == 8
    assert one.placeholder("email", "a") != two.placeholder("email", "a")
    assert one.placeholder("email", "a") != one.placeholder("user", "a").replace("user", "email")
    assert two.is_ours(two.placeholder("email", "a"))
    assert not two.is_ours(one.placeholder("email", "a"))
    assert not two.is_ours(two.placeholder("email", "a").replace("email", "card"))
