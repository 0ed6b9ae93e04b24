from __future__ import annotations

from infra.settings import AlertSettings, BudgetSettings, DetectionSettings, ScorerSettings, load
from ingest.demo.command import SETTINGS


def test_the_demonstration_overrides_no_engine_setting() -> None:
    settings = load(SETTINGS, {})
    assert settings.detection == DetectionSettings()
    assert settings.budget == BudgetSettings()
    assert settings.scorers == ScorerSettings()
    assert settings.alerts == AlertSettings()
    assert settings.redaction == {}


def test_its_alerts_reach_a_terminal() -> None:
    settings = load(SETTINGS, {})
    assert [(r.name, r.kind) for r in settings.receiver] == [("terminal", "terminal")]
    assert [(r.receiver, r.lineages) for r in settings.route] == [("terminal", ("demo-*",))]
