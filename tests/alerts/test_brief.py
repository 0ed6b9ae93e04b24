"""What people read: headlines, the nine parts, and how they are drawn."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.briefs.brief import Example, Links, Trust, brief_of
from alerts.briefs.headline import HEADLINE_LIMIT, headline
from alerts.briefs.render import MAX_TEXT, render_json, render_text, to_bytes
from alerts.briefs.words import inline, title
from alerts.incidents.events import End
from alerts.incidents.incident import Incident
from alerts.state.incident_state import IncidentState
from detectors.finding import Finding, SliceEffect
from infra.clock import to_ns
from tests.alerts.invented import TIMING, at, lengths, overall, refusals, secret

SNAPSHOTS = Path(__file__).parent / "snapshots"


def incident(*findings: Finding) -> Incident:
    book = IncidentState(TIMING)
    for finding in findings:
        book.apply(finding)
    return book.all()[0]


def plain(text: str) -> str:
    """With ordinary spaces and our own names of scores, for comparison."""
    for score in ("refusal", "output_length", "secrets"):
        text = text.replace(inline(title(score)), score.replace("_", " "))
    return text.replace("\u202f", " ").replace("\u2212", "-")


@pytest.mark.parametrize(
    ("findings", "said"),
    [
        ([refusals()], "refusal 1.0 % → 58 % (+41 to +66 pp) in language=es since 04:05 UTC"),
        ([refusals(), overall()], "refusal 1.0 % → 58 % (+41 to +66 pp) in language=es since 04:05 UTC"),
        ([overall()], "refusal 1.0 % → 12 % (+9 to +14 pp) mostly in language=es since 04:05 UTC"),
        ([overall(slices=())], "refusal 1.0 % → 12 % (+9 to +14 pp) since 04:05 UTC"),
        ([lengths()], "output length 220 → 132 characters (-99 to -75) since 04:10 UTC"),
        (
            [lengths(effect=-0.4, effect_low=-0.45, effect_high=-0.34, effect_unit="ratio")],
            "output length 220 → 132 (-45 to -34 %) since 04:10 UTC",
        ),
        (
            [
                lengths(
                    baseline_value=0.05,
                    current_value=0.14,
                    effect=0.09,
                    effect_low=0.07,
                    effect_high=0.11,
                    effect_unit="rate",
                    notes=("share of values above 512",),
                )
            ],
            "output length above 512 characters: 5.0 % → 14 % (+7.0 to +11.0 pp) since 04:10 UTC",
        ),
        ([refusals(slices=(SliceEffect("all", 1.0, 0.5),))], "(+41 to +66 pp) seen in language=es since"),
        ([secret()], "secrets, 1 hit since 04:07 UTC"),
        ([secret(), secret("h2", n=1_233)], "secrets, 1,234 hits since 04:07 UTC"),
        ([refusals(onset=at("00:00") - timedelta(hours=3))], "since Mon 21:00 UTC"),
        ([refusals(onset=at("00:00") - timedelta(days=10))], "since 7 Mar 00:00 UTC"),
        (
            [refusals(baseline_value=0.00053, current_value=0.0009, effect_low=0.0001, effect_high=0.0006)],
            "5.3 → 9.0 per 10,000 (+1 to +6 per 10,000)",
        ),
        ([refusals(baseline_value=None, effect=None, effect_low=None)], "refusal changed in language=es"),
        ([refusals(alert_kind="silence", score="volume", slice="all")], "no interactions arrive since 04:05"),
    ],
)
def test_headlines(findings: list[Finding], said: str) -> None:
    line = headline(incident(*findings))
    assert line.startswith("support-assistant: ")
    assert said in plain(line)
    assert len(line) < HEADLINE_LIMIT


@pytest.mark.parametrize(
    ("ending", "said"),
    [("false_alarm", "false alarm"), ("accepted", "accepted"), ("withdrawn", "taken back")],
)
def test_an_ended_incident_says_how(ending: str, said: str) -> None:
    book = IncidentState(TIMING)
    book.apply(refusals())
    book.act(book.all()[0].incident_id, End(ending, "ana", "why"), to_ns(at("05:00")))
    assert headline(book.all()[0]).endswith(f"from 04:05 UTC, {said}")


names = st.text(min_size=1, max_size=300)


@given(names, names, names, st.floats(-1e15, 1e15), st.floats(-1e15, 1e15), st.floats(-1e15, 1e15))
def test_whatever_the_names_and_numbers_the_message_is_bounded_visible_and_one_line_each(
    service: str, slice_: str, score: str, before: float, after: float, effect: float
) -> None:
    finding = refusals(
        service=service,
        slice=slice_,
        score=score,
        baseline_value=before,
        current_value=after,
        effect=effect,
        effect_low=min(before, after),
        effect_high=max(before, after),
        effect_unit=None,
        slices=tuple(SliceEffect(slice_, 0.5, effect) for _ in range(40)),
        cleared=(slice_,) * 40,
    )
    brief = brief_of(incident(finding), examples=[Example("current", service, slice_ * 9, score * 9)])
    assert len(brief.headline) < HEADLINE_LIMIT
    text = render_text(brief)
    assert len(text) <= MAX_TEXT
    assert all(c.isprintable() or c in "\n\u202f" for c in text)
    assert json.loads(to_bytes(render_json(brief)))["headline"] == brief.headline


def full() -> Any:
    return brief_of(
        incident(
            lengths(
                score="a_plug_in",
                notes=("share of values above 512",),
                baseline_value=0.05,
                current_value=0.14,
                effect=0.09,
                effect_low=0.07,
                effect_high=0.11,
                effect_unit="rate",
            ),
            refusals(score="apology", n_users=118, n_conversations=140, inputs_changed=False),
            overall(score="apology"),
        ),
        links=Links("http://127.0.0.1:8501", "http://127.0.0.1:4320", "0.1.0"),
        trust=Trust(false_alarms=1, incidents=11, lag_s=3.2, late_share=0.002),
        examples=[
            Example("current", "5b8e:22", "¿Dónde está mi pedido?", "No puedo ayudar con eso."),
            Example("baseline", "5b8a:10", "¿Dónde está mi pedido?", "Sale hoy de [city], llega mañana."),
        ],
    )


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("brief.txt", lambda: render_text(full())),
        ("brief.json", lambda: json.dumps(render_json(full()), ensure_ascii=False, indent=1) + "\n"),
    ],
)
def test_snapshots(name: str, drawn: Any) -> None:
    """To accept a change on purpose, delete the file and run the test twice."""
    path, text = SNAPSHOTS / name, drawn()
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        pytest.fail(f"{name} was written: look at it, then run again")
    assert text == path.read_text(encoding="utf-8")
