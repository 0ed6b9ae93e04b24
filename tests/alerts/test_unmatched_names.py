"""What settings and silences name, against the services there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.silences.silence import Silence, requested_silence
from alerts.unmatched_names import idle_silences, unseen_services
from infra.clock import NS_PER_S
from infra.settings import load

SEEN = {"shop", "support-bot", "bot of [email:3f2a]"}
FILE = """
[[receiver]]
name = "a"
kind = "terminal"
[[route]]
receiver = "a"
services = ["shopp", "support-*"]
[[route]]
receiver = "a"
services = ["lightship", "bot of [email:3f2a]"]
[[rule]]
score = "refusal"
measure = "rate"
limit = 0.2
services = ["sales-*"]
[[rule]]
score = "refusal"
measure = "rate"
limit = 0.3
[service.shop]
"""


def test_a_name_that_fits_no_service_is_told_with_the_nearest_one(tmp_path: Path) -> None:
    path = tmp_path / "lightship.toml"
    path.write_text(FILE)
    rule, route = unseen_services(load(path, {}), SEEN)
    assert rule.startswith("rule[0] names service 'sales-*', which nobody has seen; remedy: ")
    assert route.startswith("route[0] names service 'shopp', which nobody has seen: did you mean 'shop'?")


def silence(tenant: str = "default", **patterns: str) -> Silence:
    return requested_silence(tenant, patterns, "ana", "load test", NS_PER_S, 3600.0)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (silence(service="shop"), None),
        (silence(service="support-*", score="ref*"), None),
        (silence(service="lightship", score="receiver_down"), None),
        (silence(score="judgement:helpful"), None),
        (silence(service="shopp"), "no service of tenant default is named 'shopp': did you mean 'shop'?"),
        (silence("acme", service="shop"), "no service of tenant acme is named 'shop'"),
        (silence(score="refusl"), "no score is named 'refusl': did you mean 'refusal'?"),
    ],
)
def test_a_silence_that_covers_nothing_is_told(one: Silence, said: str | None) -> None:
    seen = {*(("default", name) for name in SEEN), ("acme", "other")}
    found = idle_silences([one], seen, {"refusal", "error"})
    assert [said in text for text in found if said] == ([True] if said else [])
    assert len(found) == (said is not None)
    assert all(f"lightship incidents lift {one.silence_id}" in text for text in found)
