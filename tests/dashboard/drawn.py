"""Whether a page and all of its panels were drawn: a part that fails says so in its place."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from dashboard import strings

FAILED = (strings.PANEL_FAILED.partition("{panel}")[2].strip("” "), strings.DEFECT.partition(".")[0])
"""What a page says where something could not be drawn."""


def failures(text: str) -> list[str]:
    """Which of these sentences stand in the text of a page."""
    return [said for said in FAILED if said in text]


def assert_drawn(app: AppTest) -> None:
    """Fail if any of it was not drawn."""
    assert not app.exception
    assert failures(" ".join(str(m.value) for m in app.markdown).replace("\\", "")) == []
