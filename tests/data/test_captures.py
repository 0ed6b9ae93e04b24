"""Recorded requests of real instrumentations against what their manifest says is in them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.decode_lines import Decoded, decode_files

pytestmark = pytest.mark.data

_NOT_COMPARED = {
    "absent", "elsewhere", "provider_truth", "input_tokens_note", "differs", "on_ancestor_span", "span_id",
}  # fmt: skip
_RENAMED = {"user_id": "user"}


@pytest.fixture(scope="session")
def captures_dir(data_dir: Path) -> Path:
    path = data_dir.parent / "otlp_captures"
    if not (path / "manifest.json").is_file():
        pytest.fail(f"no captures in {path}")
    return path


@pytest.fixture(scope="session")
def captures(captures_dir: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((captures_dir / "manifest.json").read_text())["captures"]
    return found


def _differences(expected: dict[str, Any], line: dict[str, Any]) -> Iterator[str]:
    """What an interaction says differently; a fallback place may be left unread."""
    optional = set(expected.get("elsewhere", ()))
    absent = set(expected.get("absent", ()))
    for key in expected.keys() - _NOT_COMPARED:
        want, got = expected[key], line[_RENAMED.get(key, key)]
        if key == "error" and want:
            got = got or {"type": None, "http_status": None, "message": ""}
            said = want["message_contains"] in (got["message"] or "")
            same = said and (got["type"], got["http_status"]) == (want["type_raw"], want["http_status"])
        elif key == "tool_calls" and "tool_calls.id" in absent:
            same = [(c["name"], c["arguments"]) for c in want] == [(c["name"], c["arguments"]) for c in got]
        else:
            same = got == want or (key in optional and got is None)
        if not same:
            yield f"{key}: expected {want!r:.200}, got {got!r:.200}"


def _check(capture: dict[str, Any], decoded: Decoded) -> Iterator[str]:
    expected = capture["expect"]
    lines = {line["span_id"]: line for line in decoded.lines}
    if len(lines) != len(expected["interactions"]):
        yield f"{len(expected['interactions'])} interactions expected, got {len(lines)}"
    for want in expected["interactions"]:
        line = lines.get(want["span_id"])
        if line is None:
            yield f"interaction {want['span_id']} is missing"
            continue
        yield from _differences(want, line)
        for key, value in want.get("on_ancestor_span", {}).items():
            found = {"gen_ai.conversation.id": line["conversation_id"], "user.id": line["user"]}.get(
                key, value
            )
            if found != value:
                yield f"{key} on an ancestor: expected {value!r}, got {found!r}"
    twice = {d["span_id"]: d["same_call_as"] for d in expected["duplicate_spans"]}
    got_twice = {d: line["span_id"] for line in lines.values() for d in line["duplicate_spans"]}
    if got_twice != twice:
        yield f"duplicates: expected {twice}, got {got_twice}"
    if decoded.summary.other_spans != len(expected["other_spans"]):
        yield f"other spans: expected {len(expected['other_spans'])}, got {decoded.summary.other_spans}"
    wanted = sorted((e["name"], e["score"], e["label"], e["error"]) for e in expected.get("evaluations", ()))
    if wanted:
        have = sorted((e["name"], e["score"], e["label"], e["error"])
                      for line in lines.values() for e in line["evaluations"])  # fmt: skip
        if have != wanted:
            yield f"evaluations: expected {wanted}, got {have}"
    resource = capture["resource_expect"]
    for line in lines.values():
        found = (line["service"], line["environment"], line["service_version"])
        if found != (resource["service"], resource["environment"], resource["version"]):
            yield f"resource: got {found}"


def test_every_capture_says_what_its_manifest_says(
    captures_dir: Path, captures: list[dict[str, Any]]
) -> None:
    wrong = {}
    for capture in captures:
        files = [captures_dir / f["file"] for f in capture["files"]]
        found = list(_check(capture, decode_files(files, raw=True)))
        if found:
            wrong[capture["group"]] = found
    assert not wrong, json.dumps(wrong, indent=1, ensure_ascii=False)


def test_order_and_repetition_of_files_change_nothing(
    captures_dir: Path, captures: list[dict[str, Any]]
) -> None:
    rng = random.Random(7)
    for capture in captures:
        files = [captures_dir / f["file"] for f in capture["files"]]
        again = [*files, rng.choice(files), *reversed(files)]
        rng.shuffle(again)
        assert decode_files(again, raw=True).lines == decode_files(files, raw=True).lines, capture["group"]


def test_all_captures_at_once_are_the_sum_of_the_groups(
    captures_dir: Path, captures: list[dict[str, Any]]
) -> None:
    files = [captures_dir / f["file"] for c in captures for f in c["files"]]
    together = decode_files(files, raw=True)
    ids = {i["span_id"] for c in captures for i in c["expect"]["interactions"]}
    assert {line["span_id"] for line in together.lines} == ids
    assert together.summary.undecodable == []


def test_by_default_addresses_accounts_and_ids_are_redacted_and_all_else_is_the_same(
    captures_dir: Path, captures: list[dict[str, Any]]
) -> None:
    values = (
        "jane.doe@example.com",
        "sam@example.net",
        "lettings@example.org",
        "DE89 3704 0044 0532 0130 00",
    )
    texts = ("sess-lc-1", "sess-tl-8", "sess-lf-5", "web-sess-9", "u-100")
    same = (
        "interaction_id",
        "operation",
        "request_model",
        "response_model",
        "input_tokens",
        "finish_reasons",
    )
    for capture in captures:
        files = [captures_dir / f["file"] for f in capture["files"]]
        raw, redacted = decode_files(files, raw=True), decode_files(files)
        printed = json.dumps(redacted.lines, ensure_ascii=False)
        left = [v for v in (*values, *texts) if v in printed]
        assert left == [], capture["group"]
        for a, b in zip(raw.lines, redacted.lines, strict=True):
            assert {k: a[k] for k in same} == {k: b[k] for k in same}, capture["group"]
            assert b["redactions"] is not None
