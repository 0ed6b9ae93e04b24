"""The published form of a webhook: made from the types, and kept to by messages of every kind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from alerts.briefs.brief import Act, Example
from alerts.commands.test_message import deliveries
from alerts.digests.digest import digest, last_period
from alerts.notify.late_mark import marked
from alerts.notify.protocol import DigestDelivery
from alerts.notify.webhook import body_of, digest_body_of
from alerts.notify.webhook_schema import FILE, PAGE, page, schema
from infra.settings import ReceiverSettings, Settings
from tests.alerts.deliveries import delivery, incident_of
from tests.alerts.invented import lengths, overall, refusals, secret
from tests.alerts.memory import HandClock

NOW_NS = HandClock().ns


def closed(part: Any) -> Any:
    """A schema that allows no field it does not name."""
    if isinstance(part, dict):
        inner = {key: closed(value) for key, value in part.items()}
        return {**inner, "additionalProperties": False} if part.get("type") == "object" else inner
    return [closed(one) for one in part] if isinstance(part, list) else part


STRICT = Draft202012Validator(closed(schema()), format_checker=Draft202012Validator.FORMAT_CHECKER)


def bodies() -> Iterator[bytes]:
    """Messages of every kind, with everything that may stand in one."""
    example = Example("current", "t:s", "question", "answer")
    for finding in (refusals(), overall(), lengths(), secret()):
        for kind in ("opened", "raised", "reopened", "reminder", "resolved"):
            yield body_of(delivery(finding, kind=kind, examples=[example]))
    sent = replace(delivery(), due_ns=NOW_NS, instead_of="pager")
    do = replace(sent.brief.do, acts=(Act("Look", "https://example.org/act/x"),))
    late = marked(replace(sent, brief=replace(sent.brief, do=do)), NOW_NS + 3600 * 10**9)
    assert late.brief.headline.startswith("late: was due at ")
    yield body_of(late)
    for one in deliveries(ReceiverSettings("hook", kind="pagerduty"), Settings(), NOW_NS):
        yield body_of(one)
    for period in ("daily", "weekly"):
        made = digest([incident_of()], last_period(period, 8, NOW_NS), "http://dashboard")
        yield digest_body_of(DigestDelivery("k" * 32, "default", "digest", 0, "hook", "digest", made))


def test_messages_of_every_kind_are_of_the_published_form() -> None:
    for body in bodies():
        STRICT.validate(json.loads(body))


def test_what_is_not_of_the_form_is_refused() -> None:
    good = json.loads(body_of(delivery()))
    for spoiled in (
        {**good, "v": 2},
        {k: v for k, v in good.items() if k != "incident_id"},
        {**good, "brief": {**good["brief"], "at": 5}},
        {**good, "more": 1},
    ):
        with pytest.raises(ValidationError):
            STRICT.validate(spoiled)
    Draft202012Validator(schema()).validate({**good, "more": 1})  # a field that came later


def test_what_is_published_is_what_holds() -> None:
    """`python -m alerts.notify.webhook_schema` writes both."""
    assert json.loads(FILE.read_text(encoding="utf-8")) == schema()
    assert PAGE.read_text(encoding="utf-8") == page()
