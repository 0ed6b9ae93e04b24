"""Which channel a receiver is, and the one that prints."""

from __future__ import annotations

import io

import pytest

from alerts.briefs.examples import examples_of
from alerts.briefs.render import render_text
from alerts.notify.channels import notifier_of
from alerts.notify.protocol import GAVE_UP, SENT, Outcome
from alerts.notify.terminal import TerminalNotifier
from alerts.state.incident_state import IncidentState
from infra.errors import Misconfigured
from infra.settings import ReceiverSettings
from tests.alerts.deliveries import delivery_of
from tests.alerts.invented import TIMING, refusals
from tests.alerts.memory import HandClock

INCIDENT = IncidentState(TIMING).apply(refusals(slice="language=es,prompt_version=v1%2C8"))[0].incident
DELIVERY = delivery_of(INCIDENT)


def test_the_terminal_prints_the_brief() -> None:
    stream = io.StringIO()
    assert TerminalNotifier(stream).send(DELIVERY).outcome == SENT
    assert render_text(DELIVERY.brief) in stream.getvalue()


def test_a_terminal_that_is_gone_is_given_up() -> None:
    stream = io.StringIO()
    stream.close()
    assert TerminalNotifier(stream).send(DELIVERY).outcome == GAVE_UP


@pytest.mark.parametrize(
    ("receiver", "said"),
    [
        (
            ReceiverSettings("a", kind="pigeon"),
            "terminal, webhook, slack, pagerduty, alertmanager, email, otlp",
        ),
        (ReceiverSettings("a", url="invented"), "receiver a: receiver url"),
        (ReceiverSettings("a", url="http://127.0.0.1/x", secret_file="/nowhere/at/all"), "secret_file"),
    ],
)
def test_a_receiver_that_cannot_work_is_named(receiver: ReceiverSettings, said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        notifier_of(receiver, HandClock())


def test_an_outcome_is_one_of_three() -> None:
    with pytest.raises(ValueError, match="perhaps"):
        Outcome("perhaps")


def test_names_of_a_slice_reach_the_store_as_parameters_only() -> None:
    asked: list[tuple[str, dict[str, object]]] = []

    def query(statement: str, given: dict[str, object]) -> list[tuple[str, str, str]]:
        asked.append((statement, given))
        return [("t:s", "question", "answer")]

    found = examples_of(INCIDENT, query)
    assert [e.when for e in found] == ["current", "baseline"]
    (current, given), (baseline, _) = asked
    assert {("es",), ("v1,8",)} == {tuple(v) for v in given.values() if isinstance(v, list)}
    assert "v1" not in current
    assert "score_refusal >= 0.5" in current
    assert "score_refusal" not in baseline
