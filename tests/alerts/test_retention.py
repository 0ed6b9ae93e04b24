"""When what incidents rest on is copied, and when it may go: due times, a store that is away, restarts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from alerts.errors import Unavailable
from alerts.faults import Faults
from alerts.incidents.incident import RESOLVED, Incident
from alerts.legal_hold.evidence import Bound
from alerts.legal_hold.retention import COPY_EVERY_S, RENEW_EVERY_S, EvidenceRetention
from infra.clock import NS_PER_S
from tests.alerts.deliveries import incident_of
from tests.alerts.memory import HandClock

FREE = incident_of()
HELD = replace(FREE, held_by="ana", revision=7)


@dataclass
class Rows:
    """What is held, by incident, and how often it was copied."""

    kept: dict[str, int] = field(default_factory=dict)
    answers: bool = True

    def keep(self, incident: Incident) -> list[Bound]:
        if not self.answers:
            raise Unavailable("no store")
        self.kept[incident.incident_id] = self.kept.get(incident.incident_id, 0) + 1
        return [Bound("interactions", 9, 5, 1)]

    def let_go(self, tenant: str, incident_id: str) -> None:
        assert tenant == "default"
        del self.kept[incident_id]

    def ids(self) -> list[tuple[str, str]]:
        return [("default", incident_id) for incident_id in self.kept]


class Bench:
    def __init__(self, rows: Rows, *incidents: Incident) -> None:
        self.rows, self.incidents, self.clock = rows, list(incidents), HandClock()
        self.keeper = EvidenceRetention(rows, lambda: self.incidents, self.clock, Faults(self.clock))

    def after(self, seconds: float) -> int:
        self.clock.ns += int(seconds * NS_PER_S)
        return self.keeper.look()


def test_what_is_held_is_copied_while_it_goes_on_and_renewed_when_it_is_over() -> None:
    bench = Bench(Rows(), HELD, replace(FREE, incident_id="f" * 16))
    assert [bench.after(s) for s in (0, 5, COPY_EVERY_S, 5)] == [1, 0, 1, 0]
    bench.incidents[0] = replace(HELD, state=RESOLVED, revision=8)  # it ended: copied as it is now
    assert [bench.after(s) for s in (5, COPY_EVERY_S, RENEW_EVERY_S)] == [1, 0, 1]
    assert bench.rows.kept == {HELD.incident_id: 4}


def test_only_what_is_known_to_be_released_goes() -> None:
    """Another process held one long ago that this one has not loaded; nobody said that it may go."""
    bench = Bench(Rows({HELD.incident_id: 1, "e" * 16: 1}), HELD)
    bench.after(0)
    bench.incidents = []  # not the writer now
    bench.after(5)
    assert set(bench.rows.kept) == {HELD.incident_id, "e" * 16}
    bench.incidents = [replace(HELD, held_by=None)]
    bench.after(5)
    assert set(bench.rows.kept) == {"e" * 16}


def test_a_store_that_is_away_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(Rows(answers=False), HELD)
    with pytest.raises(Unavailable):
        bench.after(0)
    bench.rows.answers = True
    assert bench.after(5) == 1
    assert "5 of 9 rows: the bound kept out the rest" in caplog.text  # cut, and said to be
