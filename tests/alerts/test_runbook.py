"""Every alert has a runbook with first checks."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from alerts.briefs import runbook
from alerts.briefs.brief import Links, brief_of
from alerts.briefs.render import render_text
from alerts.errors import Defect
from alerts.notify import alertmanager, mail, pagerduty, slack
from alerts.notify.apprise import letter_of
from alerts.notify.webhook import body_of
from detectors.finding import ALERT_KINDS
from detectors.scorers import SPECS
from tests.alerts.deliveries import delivery_of, incident_of
from tests.alerts.invented import refusals

SCORES = (
    *("refusal", "secrets", "pii", "error", "truncated", "tool_loop", "output_length", "prompt_length"),
    *("latency_s", "time_to_first_chunk_s", "input_tokens", "output_tokens", "steps", "tool_calls"),
    *(
        "receiver_down",
        "disk_full",
        "late_share",
        "restart_loop",
        "records_waiting",
        "ingestion_still",
        "quarantine",
        "set_aside",
        "detection_stalled",
        "dead_letters",
        "missing_observations",
        "missing_ticks",
        "scorer_off",
        "config_not_reloaded",
    ),
    *("tool_repeats", "trace_duration_s", "repetition", "language", "output_language", "finish_reason"),
)


@pytest.mark.parametrize("score", sorted({*SCORES, *SPECS, "a_plug_in"}))
@pytest.mark.parametrize("kind", ALERT_KINDS)
def test_every_alert_has_one_with_three_checks_or_fewer(score: str, kind: str) -> None:
    book = runbook.load(runbook.name_of(refusals(score=score, alert_kind=kind)))
    assert 1 <= len(book.checks) <= runbook.MAX_CHECKS
    assert all(20 < len(check) < 160 for check in book.checks)


@pytest.mark.parametrize("path", sorted(runbook.FOLDER.glob("*.md")), ids=lambda p: p.stem)
def test_every_file_is_a_runbook_and_is_used(path: object) -> None:
    name = getattr(path, "stem", "")
    assert runbook.load(name).title
    used = {
        runbook.name_of(refusals(score=s, alert_kind=k)) for s in [*SCORES, *SPECS, "x"] for k in ALERT_KINDS
    }
    assert name in used


def test_the_side_of_a_score_does_not_change_its_runbook() -> None:
    assert runbook.name_of(refusals(score="secrets_prompt")) == "secrets"
    assert runbook.name_of(refusals(score="prompt_length")) == "length"


@pytest.mark.parametrize(
    "text", ["", "# Title\n", "no title\n## First checks\n1. look\n", "# T\n## First checks\n"]
)
def test_a_file_without_title_or_checks_is_a_defect(text: str) -> None:
    with pytest.raises(Defect):
        runbook.parse("x", text)


def test_a_missing_file_is_a_defect() -> None:
    with pytest.raises(Defect, match=r"nothing\.md"):
        runbook.load("nothing")


def test_messages_of_every_kind_link_to_the_runbook_of_the_team() -> None:
    incident = incident_of()
    links = Links("http://dashboard", runbooks="https://wiki.example.org/runbooks/")
    made = delivery_of(incident)
    sent = replace(made, brief=brief_of(incident, links=links))
    said = [
        render_text(sent.brief),
        body_of(sent).decode(),
        json.dumps(slack.render(sent.brief)),
        pagerduty.render(sent, "k").decode(),
        json.dumps(alertmanager.alert(sent, "page", "a", "b")),
        letter_of(sent).text,
        mail.render(sent, "a@example.org", ["b@example.org"]).get_content(),
    ]
    assert all("https://wiki.example.org/runbooks/refusal" in one for one in said)
