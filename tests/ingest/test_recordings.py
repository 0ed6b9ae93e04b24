"""Every recorded group: what is in it, in any order, sent twice, as JSON, and with all the others."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingest.compression import decompress, sniff
from ingest.operations.files.decode import LARGEST_FILE, Decoded
from ingest.otlp.otlp_json import to_json
from tests.recordings import CAPTURES, Group, decode_bodies, expected, groups, manifest, said

NAMES = sorted(groups())
_NOT_COMPARED = {
    "absent", "elsewhere", "provider_truth", "input_tokens_note", "differs", "on_ancestor_span", "span_id",
}  # fmt: skip
_RENAMED = {"user_id": "user"}


def _differences(want: dict[str, Any], line: dict[str, Any]) -> Iterator[str]:
    """What an interaction says differently; a fallback place may be left unread."""
    optional, absent = set(want.get("elsewhere", ())), set(want.get("absent", ()))
    for key in want.keys() - _NOT_COMPARED:
        value, got = want[key], line[_RENAMED.get(key, key)]
        if key == "error" and value:
            got = got or {"type": None, "http_status": None, "message": ""}
            told = value["message_contains"] in (got["message"] or "")
            same = told and (got["type"], got["http_status"]) == (value["type_raw"], value["http_status"])
        elif key == "tool_calls" and "tool_calls.id" in absent:
            same = [(c["name"], c["arguments"]) for c in value] == [(c["name"], c["arguments"]) for c in got]
        else:
            same = got == value or (key in optional and got is None)
        if not same:
            yield f"{key}: expected {value!r:.200}, got {got!r:.200}"


def _check(capture: dict[str, Any], decoded: Decoded) -> Iterator[str]:
    want = capture["expect"]
    lines = {line["span_id"]: line for line in decoded.lines}
    if len(lines) != len(want["interactions"]):
        yield f"{len(want['interactions'])} interactions expected, got {len(lines)}"
    for call in want["interactions"]:
        line = lines.get(call["span_id"])
        if line is None:
            yield f"interaction {call['span_id']} is missing"
            continue
        yield from _differences(call, line)
        above = {"gen_ai.conversation.id": line["conversation_id"], "user.id": line["user"]}
        for key, value in call.get("on_ancestor_span", {}).items():
            if above.get(key, value) != value:
                yield f"{key} on an ancestor: expected {value!r}, got {above[key]!r}"
    twice = {d["span_id"]: d["same_call_as"] for d in want["duplicate_spans"]}
    got_twice = {d: line["span_id"] for line in lines.values() for d in line["duplicate_spans"]}
    if got_twice != twice:
        yield f"duplicates: expected {twice}, got {got_twice}"
    if decoded.summary.other_spans != len(want["other_spans"]):
        yield f"other spans: expected {len(want['other_spans'])}, got {decoded.summary.other_spans}"
    yield from _check_evaluations(want.get("evaluations", ()), decoded)
    resource = capture["resource_expect"]
    for line in lines.values():
        found = (line["service"], line["environment"], line["service_version"])
        if found != (resource["service"], resource["environment"], resource["version"]):
            yield f"resource: got {found}"


def _check_evaluations(want: Any, decoded: Decoded) -> Iterator[str]:
    keys = ("name", "score", "label", "error")
    have = [e for line in decoded.lines for e in line["evaluations"]]
    if want and sorted([e[k] for k in keys] for e in have) != sorted([e[k] for k in keys] for e in want):
        yield f"evaluations: expected {want}, got {have}"


@pytest.mark.parametrize("name", sorted(manifest()))
def test_a_capture_says_what_its_manifest_says(name: str) -> None:
    assert list(_check(manifest()[name], groups()[name].decode())) == []


@pytest.mark.parametrize("group", list(groups().values()), ids=lambda g: g.name)
def test_a_recording_says_what_was_read_in_it(group: Group) -> None:
    want = expected(group.family)[group.name]
    assert said(group.decode()) == {key: want[key] for key in ("interactions", "other_spans")}


@pytest.mark.parametrize("name", NAMES)
def test_order_and_repetition_change_nothing(name: str) -> None:
    group = groups()[name]
    again = [*group.bodies, *group.bodies, random.Random(name).choice(group.bodies)]
    random.Random(name).shuffle(again)
    assert decode_bodies(tuple(again)).lines == group.decode().lines


@pytest.mark.parametrize("name", NAMES)
def test_json_says_the_same(name: str) -> None:
    group = groups()[name]
    assert decode_bodies(tuple(map(_as_json, group.bodies))).lines == group.decode().lines


def _as_json(body: tuple[str, bytes]) -> tuple[str, bytes]:
    """A protobuf body as OTLP/JSON; others as they are."""
    name, packed = body
    if not name.endswith("binpb"):
        return body
    request: Message = ExportLogsServiceRequest() if "logs" in name else ExportTraceServiceRequest()
    request.ParseFromString(decompress(packed, sniff(packed), LARGEST_FILE))
    return f"{name}.json", orjson.dumps(to_json(request))


def test_all_groups_at_once_are_the_sum_of_them() -> None:
    bodies = [(f"{g.name}.{name}", body) for g in groups().values() for name, body in g.bodies]
    random.Random(11).shuffle(bodies)
    together = decode_bodies(tuple(bodies))
    assert together.summary.undecodable == []
    alone = {line["interaction_id"]: line for g in groups().values() for line in g.decode().lines}
    assert {line["interaction_id"]: line for line in together.lines} == alone


def test_by_default_addresses_accounts_and_ids_are_redacted_and_all_else_is_the_same() -> None:
    values = (
        "jane.doe@example.com", "sam@example.net", "lettings@example.org", "DE89 3704 0044 0532 0130 00",
        "mara.quill@example.org", "sess-lc-1", "sess-tl-8", "sess-lf-5", "web-sess-9", "u-100",
    )  # fmt: skip
    same = (
        "interaction_id", "operation", "request_model", "response_model", "input_tokens", "finish_reasons",
    )  # fmt: skip
    for name, group in groups().items():
        raw, redacted = group.decode(), group.decode(raw=False)
        printed = json.dumps(redacted.lines, ensure_ascii=False)
        assert [v for v in values if v in printed] == [], name
        for a, b in zip(raw.lines, redacted.lines, strict=True):
            assert {k: a[k] for k in same} == {k: b[k] for k in same}, name
            assert b["redactions"] is not None


def test_the_captures_are_all_here() -> None:
    assert {g.name for g in groups().values() if g.family == CAPTURES} == set(manifest())
