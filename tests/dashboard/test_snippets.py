from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dashboard import palette
from dashboard.views.connect import snippets
from dashboard.views.connect.connect_query import Sending
from infra.missing_instrumentation import CAPTURE, ServiceFacts
from infra.onramp.catalogue import catalogue
from infra.settings import GatewaySettings, Settings
from tests.dashboard.made import NOW

DOC = Path(__file__).parents[2] / "docs" / "frameworks.md"
LEFT_OUT = {"For all of them", "Kafka directly"}
"""Sections that are about no framework."""


def test_snippets_are_those_of_the_documentation() -> None:
    lines = re.MULTILINE | re.DOTALL
    sections = re.findall(r"^## (.+?)$(.*?)(?=^## |\Z)", DOC.read_text(encoding="utf-8"), lines)
    told = {
        title: re.findall(r"^```(\w+)\n(.*?)\n```", body, lines)
        for title, body in sections
        if title not in LEFT_OUT and "```" in body
    }
    assert {f.title: [tuple(b) for b in f.blocks] for f in snippets.frameworks()} == told


def test_every_runtime_has_something_to_copy() -> None:
    known = snippets.runtimes()
    assert set(known.values()) == set(catalogue().runtimes) | {"curl"}
    for runtime in known.values():
        assert snippets.variables(Settings(home=Path("nowhere")), runtime)
        assert any(runtime in one.runtimes for one in snippets.frameworks())
    assert {name for one in snippets.frameworks() for name in one.runtimes} <= set(known.values())


def test_what_a_runtime_needs_is_shown_for_it() -> None:
    here = Settings(home=Path("nowhere"))
    assert "--require" in snippets.variables(here, "node")
    assert "--import" in snippets.variables(here, "node-esm")
    assert "MANAGEMENT_OTLP_TRACING_ENDPOINT" in snippets.variables(here, "spring")
    assert snippets.variables(here, "curl") == "http://127.0.0.1:4318/v1/traces"
    assert "TIMEOUT" not in "".join(snippets.variables(here, one) for one in catalogue().runtimes)


def test_the_variables_are_those_of_the_command_without_anybodys_key() -> None:
    here = snippets.variables(Settings(home=Path("nowhere")), "python")
    assert "export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318" in here
    assert "HEADERS" not in here
    away = Settings(home=Path("nowhere"), gateway=GatewaySettings(host="10.0.0.5"))
    said = snippets.variables(away, "python")
    assert "http://10.0.0.5:4318" in said
    assert "authorization=Bearer%20<your ingest key>" in said


def sending(service: str = "bot", **facts: Any) -> Sending:
    counts = {"n": 100} | facts
    told = ServiceFacts("default", service, "openinference", **counts)
    return Sending("", told, NOW - timedelta(hours=1), NOW, "m-1", ("error", "latency_s", "refusal"))


@pytest.mark.parametrize(
    ("facts", "lacks", "without_text"),
    [
        ({}, 0, False),
        ({"without_content": 100}, 1, True),
        ({"without_content": 3}, 0, False),  # a call without content now and then is no habit
        ({"dropped": 7, "sampled": 100}, 2, False),
    ],
)
def test_what_is_missing_is_said_with_what_to_set(
    facts: dict[str, Any], lacks: int, without_text: bool
) -> None:
    (one,) = snippets.connected([sending(**facts)])
    assert (len(one.lacks), one.without_text) == (lacks, without_text)
    assert one.state is (palette.FAILED if lacks else palette.OK)
    assert (one.scores, one.off) == (3, one.of - 3)
    if without_text:
        assert CAPTURE["openinference"] in one.lacks[0].remedy


def test_services_with_something_missing_come_first() -> None:
    found = snippets.connected([sending("a"), sending("z", truncated=1)])
    assert [one.name for one in found] == ["z", "a"]


def test_a_first_call_is_new_for_a_while() -> None:
    assert snippets.newest([]) is None
    one = sending()
    assert snippets.newest([one]) is one
    assert not snippets.is_new(one, NOW)
    assert snippets.is_new(one, one.first + timedelta(minutes=2))
