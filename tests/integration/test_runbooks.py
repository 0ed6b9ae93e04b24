"""Every runbook followed literally: its commands are taken from its text and run against planted incidents.

A command is a line of a block marked ``sh`` or a code span that begins with ``lightship``. What stands in
double quotes in the comment behind it is what the reader is promised to see.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from urllib.parse import quote

import httpx
import pytest
import typer
import yaml
from kafka import KafkaProducer
from typer.testing import CliRunner

import lightship as command_line
from alerts.briefs import runbook
from detectors.finding import Finding
from infra.kafka import CLIENT, FINDINGS
from tests.alerts.invented import refusals
from tests.conftest import ROOT
from tests.ingest.telemetry import RESOURCE, START_NS, chat, span, traces
from tests.running import Running, running, wait

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(600)]

BOOKS = {path.stem: path.read_text(encoding="utf-8") for path in sorted(runbook.FOLDER.glob("*.md"))}
BY_KIND = {"volume": ("silence", "volume"), "pipeline": ("pipeline", "conversations_begun_anew")}
"""Kind and score of an incident that leads to a runbook, where the score alone does not."""
SET_ASIDE = "set-aside"
"""The service in quarantine."""
MAY_FAIL = ("lightship doctor",)
"""What exits with 1 because of what is planted: it is right to complain."""
STARTS = ("lightship up",)
"""Runs already, as the servers of this test."""
NAMES = {"RECEIVER": "hook", "SERVICE": SET_ASIDE, "SCORER": "refusal"}
OURS = {*runbook._OF_OURS.values(), "pipeline"}
"""Runbooks of Lightship's own troubles."""
COMMAND = re.compile(r"^```sh\n(.*?)^```|`((?:lightship|python|docker) [^`\n]+)`", re.MULTILINE | re.DOTALL)
PLACEHOLDER = re.compile(r"(?<![$\w])(?!USER)[A-Z]{2,}(?![\w])")
ENDS = ("resolve", "accept", "false-alarm")
RULE = """
[[rule]]
score = "cost_usd"
measure = "sum"
op = ">"
limit = 200.0
window_s = 86400
least_n = 1
"""


@dataclass(frozen=True, slots=True)
class Command:
    """A line to paste as it stands in a runbook, and what that says will be seen."""

    line: str
    seen: tuple[str, ...] = ()

    def words(self, known: Mapping[str, str]) -> list[str]:
        """The arguments as a shell splits them, with the placeholders filled in."""
        return shlex.split(filled(self.line, known).replace("$USER", "ana"))


@dataclass(slots=True)
class Planted:
    """The running instance, the incident of each runbook, and what was seen of commands that were run."""

    lightship: Running
    incidents: dict[str, str]
    outputs: dict[tuple[str, bool], tuple[str, Mapping[str, str]]] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)

    def run(self, command: Command, book: str) -> tuple[str, Mapping[str, str]]:
        """Output of a command and what its placeholders were.

        The same line is run once for incidents of services and once for those of Lightship.
        """
        key = (command.line, "INCIDENT" in command.line and book in OURS)
        if key not in self.outputs:
            incident = self.incidents[book]
            known = {"INCIDENT": incident, **NAMES}
            words = command.words(known)
            if incident in self.ended and words[2] in ENDS:  # one or the other: only one is done at a time
                self._invoke(["lightship", "incidents", "undo", incident, "--as", "ana"])
            code, output = self._invoke(words)
            assert code <= (command.line in MAY_FAIL), f"{command.line}: {output}"
            if words[2:3] and words[2] in ENDS:
                self.ended.add(incident)
            self.outputs[key] = (output, known)
        return self.outputs[key]

    def _invoke(self, words: list[str]) -> tuple[int, str]:
        known = {"LIGHTSHIP_HOME": str(self.lightship.home), "LIGHTSHIP_CONFIG": str(self.lightship.config)}
        if words[1] == "setup":  # "with servers of your own"
            kafka, store = self.lightship.kafka, self.lightship.everything.settings.store
            known |= {"LIGHTSHIP_KAFKA": kafka.bootstrap, "LIGHTSHIP_CLICKHOUSE": store.url}
            known["LIGHTSHIP_CLICKHOUSE_PASSWORD_FILE"] = store.password_file
        done = CliRunner().invoke(command_line.app, words[1:], env=known)
        return done.exit_code, f"{done.output} {done.exception or ''}"


def commands(text: str) -> Iterator[Command]:
    """The commands of a runbook in the order of its text."""
    for block, inline in COMMAND.findall(text):
        for line in (block or inline).splitlines():
            pasted, _, comment = line.partition(" #")
            yield Command(pasted.strip(), tuple(re.findall(r'"([^"]+)"', comment)))


def filled(text: str, known: Mapping[str, str]) -> str:
    """A text with what its placeholders stand for; one that nobody knows is an error of the runbook."""
    return PLACEHOLDER.sub(lambda found: known[found[0]], text)


def findings() -> Iterator[tuple[str, Finding]]:
    """A finding for each runbook but that of secrets, whose leak is sent as a call."""
    now = datetime.now(UTC).replace(microsecond=0)
    when = {
        "made_at": now,
        "onset": now - timedelta(minutes=15),
        "onset_low": now - timedelta(minutes=20),
        "onset_high": now - timedelta(minutes=10),
    }
    by_score = {book: ("drift", score) for score, book in reversed(runbook._BY_SCORE.items())}
    of_ours = {book: ("pipeline", score) for score, book in reversed(runbook._OF_OURS.items())}
    for book in sorted(set(BOOKS) - {"secrets"}):
        kind, score = {"drift": ("drift", "a_plug_in"), **by_score, **of_ours, **BY_KIND}[book]
        service = "lightship" if kind == "pipeline" else f"of-{book}"
        place = f"part={quote(book)}" if kind == "pipeline" else "all"
        yield (
            book,
            refusals(f"planted-{book}", alert_kind=kind, score=score, slice=place, service=service, **when),
        )


def with_names(text: str, known: Mapping[str, str]) -> str:
    """A text that may hold placeholders, with what is known of them."""
    return PLACEHOLDER.sub(lambda found: known.get(found[0], found[0]), text)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    with running(tmp_path_factory.mktemp("runbooks") / "home", RULE, dashboard=False) as lightship:
        leak(lightship)
        with lightship.store() as client:
            at = datetime.now(UTC)
            row = ["detect", 0, "default", "live", "production", SET_ASIDE, 1, False, at]
            names = (
                "room",
                "shard",
                "tenant",
                "lineage",
                "environment",
                "service",
                "since_offset",
                "released",
            )
            client.insert(
                "quarantine", [[*row, "KeyError", "a:1", "p"]], [*names, "since", "error", "place", "program"]
            )
        producer = KafkaProducer(bootstrap_servers=lightship.kafka.bootstrap, **CLIENT)
        for _, finding in findings():
            producer.send(FINDINGS.name, key=finding.service.encode(), value=finding.to_json().encode())
        producer.flush(timeout=10)
        producer.close()
        wait("every runbook has an incident", lambda: set(BOOKS) <= set(by_runbook(lightship)))
        yield Planted(lightship, by_runbook(lightship))


def leak(lightship: Running) -> None:
    """Send a call that gives a token away."""
    late_s = (time.time_ns() - START_NS) / 1e9 - 2
    asked = chat("the token?", "It is ghp_" + "Zk4Q9" * 7 + "x")
    body = traces(span(asked, start_s=late_s), resource={**RESOURCE, "service.name": "leaky"})
    headers = {"content-type": "application/x-protobuf"}
    url = f"{lightship.gateway}/v1/traces"
    httpx.post(url, content=body.SerializeToString(), headers=headers).raise_for_status()


def by_runbook(lightship: Running) -> dict[str, str]:
    """Incidents that are told, by the runbook that their messages name."""
    return dict(lightship.rows("SELECT runbook, incident_id FROM incidents FINAL WHERE state = 'firing'"))


@pytest.mark.parametrize("book", sorted(BOOKS))
def test_a_runbook_can_be_followed_word_by_word(book: str, planted: Planted) -> None:
    ran = []
    for command in commands(BOOKS[book]):
        words = command.words({"INCIDENT": "0", **NAMES})
        if words[0] == "docker":  # no containers here
            assert words[1:3] == ["compose", "restart"]
            assert words[3] in yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
        elif words[0] == "python":  # a second one would be one too many
            assert words[1] == "-m"
            assert find_spec(words[2]) is not None
        elif command.line in STARTS:
            tree = typer.main.get_command(command_line.app)
            assert tree.commands[words[1]].make_context(words[1], words[2:])  # type: ignore[attr-defined]
        else:
            output, known = planted.run(command, book)
            lacking = [text for text in command.seen if with_names(text, known) not in output]
            assert not lacking, f"{command.line} does not show {lacking}: {output}"
            ran.append(command.line)
    assert any(line.startswith("lightship incidents ack INCIDENT") for line in ran), "who has it"


@pytest.mark.parametrize("book", sorted(BOOKS))
def test_a_runbook_says_how_bad_what_when_over_and_whom_to_tell_in_this_order(book: str) -> None:
    parts = (
        "# ",
        "**How bad:** ",
        "## First checks",
        "```sh",
        "## What helps",
        "## When it is over",
        "## Whom to tell",
    )
    places = [BOOKS[book].find(part) for part in parts]
    assert -1 not in places
    assert places == sorted(places)
