"""Settings whose names only the rooms know."""

from __future__ import annotations

import pytest

from infra.errors import Misconfigured
from infra.settings import LimitSettings, RedactionSettings, ScorerSettings, Settings
from ingest.gateway.serve import parse
from ingest.settings_check import check


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings(scorers=ScorerSettings(off=("langauge",))), "'langauge', did you mean 'language'?"),
        (
            Settings(redaction={"a": RedactionSettings(types=("emial",))}),
            "redaction.a.types: 'emial', did you",
        ),
        (Settings(redaction={"A b": RedactionSettings()}), "[redaction.A b] cannot name a tenant"),
        (
            Settings(limit=(LimitSettings("refusals", 0.02),)),
            "limit.score: 'refusals', did you mean 'refusal'?",
        ),
    ],
)
def test_a_name_that_does_not_exist_is_refused(settings: Settings, said: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        check(settings)
    assert said in str(caught.value)


def test_names_that_exist_are_fine() -> None:
    check(Settings(scorers=ScorerSettings(off=("refusal", "language"))))
    check(Settings(redaction={"acme": RedactionSettings(types=("email", "openai_key"))}))


@pytest.mark.parametrize(
    ("flag", "variable", "wanted"),
    [([], "", False), (["--idempotent"], "", True), ([], "true", True), ([], "false", False)],
)
def test_the_gateway_is_idempotent_if_flag_or_setting_says_so(
    monkeypatch: pytest.MonkeyPatch, flag: list[str], variable: str, wanted: bool
) -> None:
    monkeypatch.setenv("LIGHTSHIP_KAFKA_IDEMPOTENT", variable)
    assert parse(flag)[0].kafka.idempotent is wanted
