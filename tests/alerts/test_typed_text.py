"""What people type reaches incidents, silences, rules and their audit redacted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.access.typed_text import TypedText
from detectors.redaction import Pseudonymiser, RedactionPolicy, Redactor, redact_text
from infra.settings import RedactionSettings, Settings
from infra.tenant_keys import load_key
from tests.alerts.memory import MemoryPost
from tests.alerts.test_added_rules import TOML, WHO
from tests.alerts.test_added_rules import Bench as RuleBench
from tests.alerts.test_api import Bench
from tests.garden import KINDS, TYPED, Garden

GROUPS = [KINDS[at : at + 2] for at in range(0, len(KINDS), 2)]


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    with bench.client:
        yield bench


def leaks(garden: Garden, *shown: object) -> list[str]:
    """Kinds of planted secrets that stand in ``shown``; every harmless word must."""
    text = "\n".join(one if isinstance(one, str) else repr(one) for one in shown)
    for planted in garden.planted:
        assert planted.secret or planted.value in text, planted.place
    return [p.kind for p in garden.planted if p.secret and p.value in text]


def everything(bench: Bench) -> list[object]:
    """What a desk keeps, stores and posts."""
    post = bench.desk._post
    assert isinstance(post, MemoryPost)
    answered = bench.client.get(f"/incidents/{bench.incident().incident_id}").text
    silences = bench.client.get("/silences", params={"state": "all"}).text
    stored: list[object] = [vars(bench.store), post.incidents, post.actions, post.controls]
    return [*stored, answered, silences, bench.desk.all()]


@pytest.mark.parametrize("action", ["note", "hold", "acknowledge", "accept", "false-alarm"])
def test_reasons_hold_nothing_of_any_kind(action: str) -> None:
    for number, kinds in enumerate(GROUPS):
        bench, garden = Bench(), Garden(action, number)
        assert bench.post(action, {"actor": "ada", "reason": garden.text("reason", kinds)}).status_code == 200
        assert leaks(garden, *everything(bench)) == []


def test_silences_hold_nothing_of_any_kind(bench: Bench) -> None:
    garden = Garden("silence", 1)
    for kinds in GROUPS:
        body = {"service": "shop*", "lasts": "2h", "actor": "ada", "reason": garden.text("reason", kinds)}
        made = bench.client.post("/silences", json=body)
        assert made.status_code == 201
        lift = f"/silences/{made.json()['silence']['silence_id']}/lift"
        gone = {"actor": "ada", "reason": garden.text("lifted", kinds)}
        assert bench.client.post(lift, json=gone).status_code == 200
    for kind in TYPED:
        body = {
            "service": f"{garden.name_of('pattern', kind)}*",
            "lasts": "2h",
            "actor": "ada",
            "reason": "x",
        }
        assert bench.client.post("/silences", json=body).status_code == 201
    assert leaks(garden, *everything(bench)) == []


def test_rules_hold_nothing_of_any_kind() -> None:
    bench, garden = RuleBench(Settings()), Garden("rule", 1)
    for kinds in GROUPS:
        made = bench.add(reason=garden.text("added", kinds))
        assert made.status_code == 201
        gone = {**WHO, "service": "shop", "reason": garden.text("removed", kinds)}
        rule_id = made.json()["rule"]["rule_id"]
        assert bench.client.post(f"/rules/{rule_id}/remove", json=gone).status_code == 200
    for kind in TYPED:
        slice_ = f"release={garden.name_of('slice', kind)}"
        assert bench.add(TOML + f"slice = {json.dumps(slice_)}\n").status_code == 201
    kept = bench.kept
    assert leaks(garden, kept.told, kept.audited, kept.rules, bench.listed(state="all")) == []


def test_who_acts_keeps_an_address_and_nothing_else(bench: Bench) -> None:
    garden = Garden("actor", 1)
    for kind in (k for k in TYPED if k != "email"):
        actor = f"ann@harbour-books.org {garden.value('actor', kind)}"[:100]
        assert bench.post("note", {"actor": actor, "reason": "x"}).status_code == 200
    assert leaks(garden, *everything(bench)) == []
    assert "ann@harbour-books.org" in repr(everything(bench))


def test_names_match_what_came_with_telemetry(tmp_path: Path) -> None:
    typed = TypedText.of(Settings(home=tmp_path))
    gateway = Redactor(RedactionPolicy(), Pseudonymiser(load_key(tmp_path, "default")))
    for name in ("shop of ann@books.org", "checkout-4111", "legacy-10.2.3.4", "shop*", "plan=gold[1]"):
        assert typed.name("default", name) == redact_text(name, gateway, exempt=True)[0]
    assert typed.name("default", "checkout-4111") == "checkout-4111"
    assert typed.name("default", "ann@books.org") != typed.name("other", "ann@books.org")


def test_typed_text_twice_is_as_once_and_keeps_what_the_tenant_keeps(tmp_path: Path) -> None:
    garden = Garden("twice", 1)
    typed = TypedText.of(
        Settings(home=tmp_path, redaction={"open": RedactionSettings(types=("card", "password"))})
    )
    for kinds in GROUPS:
        once = typed.text("default", garden.text("note", kinds))
        assert typed.text("default", once) == once
    assert typed.text("open", "ann@books.org, 4111 1111 1111 1111").startswith("ann@books.org, [card:")


@pytest.mark.parametrize("tenant", ["../x", "A", "a/b", ""])
def test_a_tenant_that_cannot_be_makes_no_key(tmp_path: Path, bench: Bench, tenant: str) -> None:
    bench.client.app.state.typed = TypedText.of(Settings(home=tmp_path))  # type: ignore[attr-defined]
    body = {"service": "shop", "lasts": "2h", "actor": "ada", "reason": "x", "tenant": tenant}
    assert bench.client.post("/silences", json=body).status_code == 422
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_key_changes_nothing_and_says_so(tmp_path: Path, bench: Bench) -> None:
    load_key(tmp_path, "default")
    (tmp_path / "keys" / "default.key").write_bytes(b"short")
    bench.client.app.state.typed = TypedText.of(Settings(home=tmp_path))  # type: ignore[attr-defined]
    answer = bench.post("note", {"actor": "ada", "reason": "looks bad"})
    assert answer.status_code == 503
    assert "nothing was changed" in answer.json()["error"]
    assert "looks bad" not in repr(everything(bench))
