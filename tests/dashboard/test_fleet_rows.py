from __future__ import annotations

from datetime import timedelta

import pytest

from dashboard import palette
from dashboard.estimates import proofs
from dashboard.queries.fleet import Service
from dashboard.views.fleet import fleet_rows
from tests.dashboard.made import NOW, incident, service, watched


def test_the_most_urgent_service_comes_first() -> None:
    rows = fleet_rows.rows(
        [service("a-ok"), service("b-page"), service("c-ticket"), service("d-new")],
        [
            *(watched(name) for name in ("a-ok", "b-page", "c-ticket")),
            watched("d-new", state="learning"),
        ],
        [incident(service="b-page"), incident(service="c-ticket", severity="ticket")],
        NOW,
    )
    assert [(r.service, r.state) for r in rows] == [
        ("b-page", palette.PAGE),
        ("c-ticket", palette.TICKET),
        ("d-new", palette.LEARNING),
        ("a-ok", palette.OK),
    ]


def test_incidents_of_one_service_are_all_urgent_in_their_own_right() -> None:
    page, old, ticket = (
        incident(incident_id="page"),
        incident({"onset": "2026-03-17T01:00:00Z"}, incident_id="old"),
        incident(incident_id="ticket", severity="ticket"),
    )
    rows = fleet_rows.rows([service()], [watched()], [ticket, page, old], NOW)
    assert [i.id for _, i in fleet_rows.urgent(rows)] == ["old", "page", "ticket"]
    assert rows[0].incident is rows[0].open[0]


def test_an_incident_of_another_environment_is_not_this_services() -> None:
    rows = fleet_rows.rows(
        [service(environment="staging")],
        [watched(environment="staging")],
        [incident()],
        NOW,
    )
    assert {(r.environment, r.state) for r in rows} == {
        ("staging", palette.OK),
        ("production", palette.PAGE),
    }


def test_an_ended_incident_does_not_count() -> None:
    ended = incident(state="resolved", ending="recovered", resolved=NOW - timedelta(minutes=5))
    (row,) = fleet_rows.rows([service()], [watched()], [ended], NOW)
    assert (row.state, row.incident, row.open) == (palette.OK, None, ())


@pytest.mark.parametrize(
    ("per_hour", "pause", "state"),
    [
        (100, timedelta(minutes=14), palette.OK),  # too short to say anything
        (100, timedelta(minutes=30), palette.NO_DATA),  # yesterday sent fifty in this half hour
        (4, timedelta(hours=3), palette.OK),  # a dozen missing prove nothing
        (4, timedelta(hours=25), palette.NO_DATA),
    ],
)
def test_silence_is_judged_by_what_the_day_before_sent(
    per_hour: int, pause: timedelta, state: object
) -> None:
    (row,) = fleet_rows.rows([service(per_hour=per_hour, newest=pause)], [watched()], [], NOW)
    assert row.state is state


def test_a_service_that_only_a_series_knows_is_silent() -> None:
    (row,) = fleet_rows.rows([], [watched()], [], NOW)
    assert row.state is palette.NO_DATA
    assert row.newest is None


def test_silence_outweighs_a_lesser_incident_but_not_a_page() -> None:
    quiet = service(newest=timedelta(hours=2))
    (lesser,) = fleet_rows.rows([quiet], [watched()], [incident(state="recovering")], NOW)
    (page,) = fleet_rows.rows([quiet], [watched()], [incident()], NOW)
    assert (lesser.state, page.state) == (palette.NO_DATA, palette.PAGE)


def test_no_green_tick_while_every_paging_score_learns() -> None:
    series = [watched(state="learning"), watched(score="latency_s", kind="positive")]
    (row,) = fleet_rows.rows([service()], series, [], NOW)
    assert row.state is palette.LEARNING


def test_no_green_tick_over_an_old_answer() -> None:
    rows = fleet_rows.rows([service()], [watched()], [], NOW)
    assert [r.state for r in fleet_rows.not_known(rows)] == [palette.FAILED]


def test_a_day_of_volume_leaves_the_running_hour_out() -> None:
    (row,) = fleet_rows.rows([service(per_hour=7)], [watched()], [], NOW)
    assert row.hours == (7,) * 24
    assert row.outputs == 168


def test_expected_outputs_are_counted_by_the_part_of_the_hour() -> None:
    hourly = dict(service(per_hour=60).hours)
    missing = fleet_rows.expected_since(hourly, NOW - timedelta(minutes=90), NOW)
    assert missing == pytest.approx(90)


def test_sentences() -> None:
    (row,) = fleet_rows.rows([service()], [watched()], [incident()], NOW)
    said = fleet_rows.sentence(row, row.open[0], NOW)
    assert "since 02:05 UTC" in said
    assert "mostly language = de" in said
    assert "prompt version v18 came at 02:03" in said
    silent = incident({"alert_kind": "silence", "baseline_value": 410.0}, evidence="no_data")
    (row,) = fleet_rows.rows([service()], [watched()], [silent], NOW)
    assert fleet_rows.sentence(row, row.open[0], NOW).startswith(
        "No outputs since 02:05 UTC; usually 410 an hour"
    )
    assert fleet_rows.change_words(row) == "none, usually 410/h"


def test_the_environment_of_most_services_is_not_repeated() -> None:
    rows = fleet_rows.rows([service("a"), service("b"), service("c", environment="staging")], [], [], NOW)
    usual = fleet_rows.usual_environment(rows)
    assert usual == "production"
    assert [fleet_rows.named(r.service, r.environment, usual) for r in rows] == ["a", "b", "c · staging"]


def test_what_learning_can_prove_by_when() -> None:
    series = [
        watched("a"),
        watched("b", state="learning", detectable_1h=None, detectable_1d=None, detectable_7d=None),
        watched("a", score="latency_s", kind="positive"),
    ]
    found = proofs.rows(series, learning_only=False)
    assert [(p.service, p.learning) for p in found] == [
        ("b · production", True),
        ("a · production", False),
    ]
    assert found[0].alerts_from == "22 Mar 03:12"
    assert found[0].within_1d == "–"
    assert (found[1].within_1h, found[1].within_1d, found[1].within_7d) == (
        "±3.4\u202fpp",
        "±0.7\u202fpp",
        "±4.0 per 10,000",
    )
    assert [p.service for p in proofs.rows(series, learning_only=True)] == ["b · production"]


def test_a_service_without_paging_scores_shows_all_of_its_own() -> None:
    found = proofs.rows([watched(score="latency_s", kind="positive")], learning_only=False)
    assert [p.score for p in found] == ["Latency"]
    assert found[0].within_1h == "–"  # a rate of a median's channel is not in its unit
    told = watched(score="latency_s", kind="positive", detectable_unit="s", detectable_1h=0.5)
    (own,) = proofs.rows([told], learning_only=False)
    assert own.within_1h == "±0.50\u202fs"


def test_an_unknown_service_is_a_row_of_its_own() -> None:
    strange = Service("x", "", (), None, 0, 0, 0)
    (row,) = fleet_rows.rows([strange], [], [], NOW)
    assert (row.name, row.state) == ("x", palette.NO_DATA)
