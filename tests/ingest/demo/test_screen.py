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
    DemoScreen(stay=True).wait("http://127.0.0.1:8501/link?token=t")
    assert "look at http://127.0.0.1:8501/link?token=t," in capsys.readouterr().err
    DemoScreen(stay=True).wait("")
    assert "look around," in capsys.readouterr().err
    DemoScreen(stay=False).wait("http://127.0.0.1:8501/link?token=t")
    assert capsys.readouterr().err == ""
