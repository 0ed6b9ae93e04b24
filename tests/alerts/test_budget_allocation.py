"""Which budgets the alerts service tells detection, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from alerts.budget_allocation import BudgetAllocations, allocations_of
from alerts.errors import Unavailable
from detectors.budgets.service_budget import ServiceBudget
from detectors.finding import SEVERAL
from detectors.observation import ServiceKey, decode
from infra.errors import Misconfigured
from infra.kafka import OBSERVATIONS, TICKS
from infra.settings import BudgetSettings, ServiceSettings, Settings

DESK, CODE = ServiceKey("default", "live", "", "desk"), ServiceKey("default", "live", "", "code")
SETTINGS = Settings(budget=BudgetSettings(max_services=10))


def test_every_fleet_has_its_budget_and_a_part_for_what_services_share() -> None:
    other = ServiceKey("default", "import-1", "", "desk")
    granted = allocations_of(SETTINGS, [DESK, CODE, other])
    assert granted[DESK] == granted[CODE] == granted[other] == ServiceBudget(0.08, 0.16)
    fleets = {key.lineage: grant for key, grant in granted.items() if key.service == SEVERAL}
    assert fleets == {"live": ServiceBudget(0.1, 0.2), "import-1": ServiceBudget(0.1, 0.2)}
    staging = allocations_of(SETTINGS, [DESK, replace(CODE, environment="staging")])
    shared = {key.environment: grant for key, grant in staging.items() if key.service == SEVERAL}
    assert shared == {"": ServiceBudget(0.05, 0.1), "staging": ServiceBudget(0.05, 0.1)}
    per_fleet = sum(g.pages_per_month for key, g in granted.items() if key.lineage == "live")
    assert per_fleet <= SETTINGS.budget.pages_per_month


def test_what_is_new_or_changed_is_told_once() -> None:
    known, sent, broken = [DESK], list[tuple[str, bytes, bytes]](), [True]

    def send(messages: Sequence[tuple[str, bytes, bytes]]) -> None:
        if broken.pop():
            raise Unavailable("no broker")
        broken.append(False)
        sent.extend(messages)

    grants = BudgetAllocations(SETTINGS, lambda: known, send)
    with pytest.raises(Unavailable):
        grants.send_changed()
    broken.append(False)
    assert grants.send_changed() == 2
    assert grants.send_changed() == 0
    known.append(CODE)
    assert grants.send_changed() == 1
    topics = {decode(value).key: topic for topic, _, value in sent}  # type: ignore[union-attr]
    assert topics[DESK] == topics[CODE] == OBSERVATIONS.name
    assert [topic for key, topic in topics.items() if key.service == SEVERAL] == [TICKS.name]
    assert {key for _, key, _ in sent} == {k.text().encode() for k in topics}
    grants.forget()
    assert grants.send_changed() == 3


def test_more_than_there_is_is_refused_with_the_tables_named() -> None:
    greedy = Settings(service={"desk": ServiceSettings(pages_per_month=0.9)})
    with pytest.raises(Misconfigured, match=r"\[service.desk\] add up to 0.9"):
        allocations_of(greedy, [DESK])
