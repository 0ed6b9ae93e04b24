"""What the views ask: every query that reads interactions, cells or series, as its page asks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from bench.dashboard.fill import DAY_S, LINEAGE, NOW_S
from dashboard.estimates import taxonomy
from dashboard.measures.measures import FLAG, MEDIAN, Measure
from dashboard.measures.scores import known
from dashboard.queries import (
    calibration,
    catalogue,
    disparity,
    examples,
    fleet,
    incidents,
    outputs,
    pipeline,
    releases,
    report,
    scope,
    series,
    trends,
)
from dashboard.queries.catalogue import Place
from dashboard.queries.examples import Wanted
from dashboard.queries.narrowed import Narrow
from dashboard.queries.series import Comparison, Window
from dashboard.queries.store import Scope, SeriesKey, Store
from dashboard.tables import trend_rows
from dashboard.views.baselines import baselines_query
from dashboard.views.cause import texts_query
from dashboard.views.connect import connect_query
from dashboard.views.detectors import detectors_query
from dashboard.views.drift import drift_query
from dashboard.views.explore import explore_query
from dashboard.views.outputs import outputs_query

HOUR_S = 3600
TICK_S = 300
SCOPE = Scope("default", LINEAGE, NOW_S)
PLACE = ("service-00", "production")
"""The busiest service: a fifth of everything."""
SHOWN = 8
"""Examples that the outputs page shows on either side."""

Ask = Callable[[Store], object]


def questions() -> Mapping[str, Ask]:
    """By the name that is printed."""
    flag = SeriesKey(*PLACE, "interaction", "refusal")
    number = SeriesKey(*PLACE, "interaction", "latency_s")
    return {
        **_every_page(),
        **_fleet(),
        **_service("flag", flag, Measure(known("refusal"), FLAG)),
        **_service("number", number, Measure(known("latency_s"), MEDIAN, cell=60)),
        **_outputs(flag, number),
        **_operators(),
    }


def _every_page() -> dict[str, Ask]:
    return {
        "lineages": lambda s: scope.lineages(s, SCOPE),
        "pulse": lambda s: scope.heartbeat(s, SCOPE),
        "pipeline: partitions": lambda s: pipeline.partitions(s, SCOPE),
        "pipeline: accounts of a day": lambda s: pipeline.accounts(s, SCOPE, NOW_S - DAY_S),
        "pipeline: late": lambda s: pipeline.late(s, SCOPE, fleet.COUNTING_SCORES),
    }


def _fleet() -> dict[str, Ask]:
    pairs = taxonomy.counted()
    weeks = trend_rows.span(SCOPE.at, 12)
    return {
        "fleet: services": lambda s: fleet.services(s, SCOPE),
        "fleet: series": lambda s: fleet.watched(s, SCOPE),
        "incidents": lambda s: incidents.current(s, SCOPE),
        "trends: 12 weeks": lambda s: trends.by_score(s, SCOPE, weeks, pairs),
        "trends: languages compared": lambda s: disparity.by_dimension(s, SCOPE, weeks, pairs, "language"),
        "trends: services compared": lambda s: disparity.by_service(s, SCOPE, weeks, pairs),
        "report: traffic": lambda s: report.traffic(s, SCOPE, weeks),
        "report: what appeared": lambda s: report.appeared(s, SCOPE, weeks, ("refusal",)),
        "report: scored by": lambda s: report.scored_by(s, SCOPE, weeks),
        "trends: by language": lambda s: trends.by_value(
            s, SCOPE, weeks, unit="interaction", score="refusal", dimension="language"
        ),
    }


def _service(name: str, key: SeriesKey, measure: Measure) -> dict[str, Ask]:
    """Explore, drift, releases and cause, of one score."""
    week = NOW_S - 7 * DAY_S
    values = measure.what != FLAG
    day, wide = Window(NOW_S - DAY_S, NOW_S, 300), Window(NOW_S - 28 * DAY_S, NOW_S, 2 * HOUR_S)
    compare = Comparison(week, NOW_S - DAY_S, NOW_S - DAY_S, NOW_S)
    return {
        f"{name}: slices there are": lambda s: catalogue.slices(s, SCOPE, key, week, NOW_S),
        f"{name}: baseline": lambda s: catalogue.baseline(s, SCOPE, key),
        f"{name}: a day of ticks": lambda s: series.ticks(s, SCOPE, key, day, values=values),
        f"{name}: four weeks": lambda s: series.ticks(s, SCOPE, key, wide, values=values),
        f"{name}: volume of four weeks": lambda s: series.volume(s, SCOPE, key, wide, fleet.COUNTING_SCORES),
        f"{name}: slices compared": lambda s: series.slices(s, SCOPE, key, compare, values=values),
        f"{name}: hits of a week, by tick": lambda s: drift_query.hits(
            s, SCOPE, key, measure, TICK_S, week, NOW_S
        ),
        f"{name}: releases first seen": lambda s: releases.first_seen(s, SCOPE, key, week, NOW_S),
        f"{name}: strata of a week": lambda s: releases.strata(
            s, SCOPE, key, measure, "release", HOUR_S, week, NOW_S
        ),
        f"{name}: texts of a day": lambda s: texts_query.texts(s, SCOPE, key, "output", NOW_S - DAY_S, NOW_S),
    }


def _outputs(flag: SeriesKey, number: SeriesKey) -> dict[str, Ask]:
    day = NOW_S - DAY_S

    def wanted(kind: str, from_s: int, narrow: Narrow = Narrow()) -> Wanted:  # noqa: B008 - it is frozen
        return Wanted(from_s, NOW_S, kind, hit=True, limit=SHOWN, narrow=narrow)

    spanish = Narrow(slices=("language=es", "release=8"), flags=("error",))
    month = NOW_S - 28 * DAY_S
    asked: dict[str, tuple[SeriesKey, Wanted]] = {
        "flag: examples of a day": (flag, wanted("flag", day)),
        "number: examples of a day": (number, wanted("positive", day)),
        "number: examples of four weeks": (number, wanted("positive", month)),
        "flag: examples, filtered, four weeks": (flag, wanted("flag", month, spanish)),
        "number: two words, a day": (number, wanted("positive", day, Narrow(words=("grafi", "kalo")))),
        "flag: two words, four weeks": (flag, wanted("flag", month, Narrow(words=("grafi", "kalo")))),
        "flag: a word nobody said, four weeks": (flag, wanted("flag", month, Narrow(words=("refund",)))),
    }
    found: dict[str, Ask] = {name: partial(_examples, *what) for name, what in asked.items()}
    return found | {
        "outputs: an hour": lambda s: outputs.outputs(s, SCOPE, *PLACE, NOW_S - HOUR_S, NOW_S),
        "outputs: cells of a week": lambda s: outputs.cells_before(
            s, SCOPE, *PLACE, NOW_S - 7 * DAY_S, NOW_S
        ),
        "outputs: one in its run and conversation": partial(_one_in_context, flag, wanted("flag", day)),
    }


def _operators() -> dict[str, Ask]:
    month = NOW_S - 28 * DAY_S
    return {
        "explore: services": lambda s: catalogue.places(s, SCOPE),
        "explore: added rules": lambda s: explore_query.added(s, SCOPE, *PLACE),
        "explore: scores": lambda s: catalogue.scores(s, SCOPE, Place(*PLACE)),
        "connect: who sends": lambda s: connect_query.sending(s, SCOPE),
        "levels: learned": lambda s: baselines_query.learned(s, SCOPE),
        "detectors: watching": lambda s: detectors_query.watching(s, SCOPE, month),
        "detectors: record": lambda s: detectors_query.record(s, SCOPE, month),
        "pipeline: accounts": lambda s: pipeline.accounts(s, SCOPE, NOW_S - 7 * DAY_S),
        "calibration: four weeks": lambda s: calibration.cells_of(s, SCOPE, ("injection",), month, NOW_S),
    }


def _examples(key: SeriesKey, wanted: Wanted, store: Store) -> object:
    return examples.examples(store, SCOPE, key, wanted)


def _one_in_context(key: SeriesKey, wanted: Wanted, store: Store) -> object:
    """An example, then the run it is a step of and the conversation it is a turn of."""
    one = examples.examples(store, SCOPE, key, wanted)[0]
    return outputs_query.context(store, SCOPE, one.trace_id, one.span_id)
