"""What the demonstration says while it stays open."""

from __future__ import annotations

import time

import pytest

from ingest.demo.screen import DemoScreen


def test_the_link_leads_to_what_was_sent(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupted)
    DemoScreen(stay=True).wait({"dashboard": "http://127.0.0.1:8501"}, "demo-1a")
    assert "http://127.0.0.1:8501/?lineage=demo-1a," in capsys.readouterr().err
    DemoScreen(stay=False).wait({"dashboard": "http://127.0.0.1:8501"}, "demo-1a")
    assert capsys.readouterr().err == ""
