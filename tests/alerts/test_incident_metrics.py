"""Open incidents and give-ups in /metrics: tenants and services are named to whoever has the key."""

from __future__ import annotations

from alerts.incidents.incident_metrics import give_ups, open_incidents
from alerts.state.incident_state import IncidentState
from tests.alerts.invented import TIMING, lengths, refusals


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#") and not line.endswith(" 0")]


def test_open_incidents_are_counted_by_what_may_be_named() -> None:
    book = IncidentState(TIMING)
    for finding in (
        refusals("a"),
        refusals("b", service='odd"\n', tenant="acme"),
        lengths("c", service="third"),
    ):
        book.apply(finding)
    summed = lines(open_incidents(book, whole=False))
    assert summed == [
        'lightship_alerts_open_incidents{severity="page",state="firing"} 2',
        'lightship_alerts_open_incidents{severity="ticket",state="firing"} 1',
    ]
    named = open_incidents(book, whole=True)
    assert (
        'lightship_alerts_open_incidents{tenant="acme",service="odd\\"\\n",severity="page",state="firing"} 1'
    ) in lines(named)
    assert len(lines(named)) == 3


def test_what_nothing_is_of_is_there_as_0() -> None:
    assert 'lightship_alerts_open_incidents{severity="page",state="firing"} 0' in open_incidents(
        [], whole=False
    )
    assert 'lightship_alerts_give_ups_total{receiver="pager"} 0' in give_ups({"pager": 0})
