from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.components import OLD, news
from dashboard.queries.scope import Pulse
from dashboard.viewer import ROLES, Viewer, from_environment
from infra.errors import Misconfigured

NOW = datetime(2026, 3, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("role", "reads", "acts"),
    [
        ("viewer", False, False),
        ("analyst", True, False),
        ("responder", True, True),
        ("admin", True, True),
    ],
)
def test_each_role_may_what_the_one_before_may(role: str, reads: bool, acts: bool) -> None:
    who = Viewer("default", role, "Ada")
    assert (who.may_read_text, who.may_act) == (reads, acts)
    assert role in ROLES


def test_on_ones_own_machine_the_account_may_act() -> None:
    who = from_environment({})
    assert (who.tenant, who.role) == ("default", "responder")
    assert who.name


def test_reachable_from_elsewhere_nobody_unknown_reads_texts_or_acts() -> None:
    assert from_environment({}, loopback=False).role == "viewer"
    assert from_environment({}, "ada@example.org", loopback=False) == Viewer(
        "default", "responder", "ada@example.org"
    )
    assert from_environment({"LIGHTSHIP_ROLE": "analyst"}, loopback=False).role == "analyst"


def test_a_role_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(Misconfigured, match="viewer, analyst, responder, admin"):
        from_environment({"LIGHTSHIP_ROLE": "root"})


@pytest.mark.parametrize(
    ("then", "now", "age", "said"),
    [
        (Pulse(3, NOW), Pulse(3, NOW), timedelta(hours=1), ""),
        (Pulse(3, NOW), Pulse(4, NOW), timedelta(0), "an incident has changed since"),
        (Pulse(3, NOW), Pulse(3, NOW + OLD), timedelta(seconds=40), ""),  # numbers move all the time
        (Pulse(3, NOW), Pulse(3, NOW + OLD), OLD + timedelta(seconds=1), "newer numbers have arrived"),
        (None, Pulse(3, NOW), timedelta(0), "the store answers again"),
        (Pulse(3, NOW), None, timedelta(hours=1), ""),  # the page says elsewhere that it does not
    ],
)
def test_what_a_page_offers_to_reload_for(
    then: Pulse | None, now: Pulse | None, age: timedelta, said: str
) -> None:
    assert news(then, now, age) == said
