"""Names of the settings give nothing away, and what is shown of them neither."""

from __future__ import annotations

import json
from typing import Any

import pytest

from detectors.redaction.names import revealed_type
from infra.errors import Misconfigured
from infra.settings import of_tables
from infra.stored_names import check_stored_names
from ingest.settings_shown import shown
from tests.garden import TYPED, Garden

RULE = {"score": "refusal", "measure": "rate", "op": ">", "limit": 0.2}


@pytest.mark.parametrize("kind", TYPED)
def test_a_stored_name_that_gives_something_away_is_refused_without_telling_it(kind: str) -> None:
    g = Garden("settings", 1)
    value = g.value("name", kind)
    hook = {"name": value, "kind": "webhook", "url": "http://127.0.0.1:1/"}
    tables: list[dict[str, Any]] = [
        {"receiver": [hook]},
        {"rule": [{**RULE, "services": [value]}]},
        {"rule": [{**RULE, "slice": f"plan={value}"}]},
        {"slo": [{"score": "refusal", "objective": 0.99, "services": [value]}]},
        {"scorers": {"own": {"greets": {"keywords": ["hello"], "title": value}}}},
    ]
    for table in tables:
        with pytest.raises(Misconfigured) as refused:
            check_stored_names(of_tables(table, {}), revealed_type)
        assert value not in str(refused.value)
        assert g.planted[0].value not in str(refused.value)


def test_usual_names_are_taken() -> None:
    hook = {"name": "hook-4111", "kind": "webhook", "url": "http://127.0.0.1:1/"}
    rules = [
        {
            **RULE,
            "services": ["checkout-4111", "legacy-10.2.3.4", "shop*"],
            "slice": "model=gpt-4o-2024-08-06",
        }
    ]
    check_stored_names(of_tables({"receiver": [hook], "rule": rules}, {}), revealed_type)


@pytest.mark.parametrize("kind", TYPED)
def test_settings_are_shown_without_values_of_any_kind(kind: str) -> None:
    g = Garden("settings", 2)
    tables: dict[str, Any]
    mail = {"name": "mail", "kind": "email", "url": "smtp://10.0.0.7:587", "sender": "alerts@books.org"}
    tables = {
        "receiver": [{**mail, "to": ["ann@books.org"]}],
        "rule": [{**RULE, "services": [g.value("service", kind)]}],
        "scorers": {"own": {"greets": {"keywords": [g.value("keyword", kind)]}}},
        "kafka": {"bootstrap": "10.0.0.8:9092"},
    }
    text = json.dumps(shown(of_tables(tables, {})))
    assert [p.kind for p in g.planted if p.value in text] == []
    assert "books.org" not in text
    assert '"10.0.0.8:9092"' in text
    assert "smtp://10.0.0.7:587" in text
