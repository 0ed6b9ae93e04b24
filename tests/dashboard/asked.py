"""What every query of the dashboard is asked with in tests that hold for all of them.

A query without a line here fails `tests/integration/test_dashboard_access.py`: add one when you add a query.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

from dashboard import queries, views
from dashboard.estimates import taxonomy
from dashboard.measures import scores
from dashboard.measures.measures import FLAG, Measure
from dashboard.queries import fleet, series
from dashboard.queries.catalogue import Place
from dashboard.queries.examples import Wanted
from dashboard.queries.series import Window
from dashboard.queries.store import Scope, SeriesKey, Store
from dashboard.tables import trend_rows
from detectors.finding import SEVERAL
from tests.dashboard.world import NOW

NOW_S = int(NOW.timestamp())
KEY = SeriesKey("support-bot", "production", "interaction", "refusal")
PLACE = ("support-bot", "production")
REFUSED = Measure(scores.known("refusal"), FLAG)
WINDOW = Window(NOW_S - 12_000, NOW_S, 300)
WEEKS = trend_rows.span(NOW, 12)
TRACES = [(f"{100 + k:032x}", f"{100 + k:016x}") for k in range(3)]
"""Interactions of the invented fleet."""


class Call(NamedTuple):
    """Arguments after store and scope; ``own`` takes from an answer what is the tenant's, not everybody's."""

    arguments: tuple[Any, ...] = ()
    named: Mapping[str, Any] = {}
    own: Callable[[Any], Any] = lambda answer: answer


def _shared(_: object) -> str:
    """Rooms and disks work for all tenants."""
    return SHARED


SHARED = "for all tenants"


def calls(ids: Mapping[str, str]) -> dict[str, Call]:
    """By name of the query; ``ids`` are incidents of the invented fleet."""
    pairs = taxonomy.counted()
    compare = series.Comparison(NOW_S - 90_000, NOW_S - 5_000, NOW_S - 4_000, NOW_S)
    wanted = Wanted(NOW_S - 80_000, NOW_S, "flag", hit=True, limit=20)
    stretch = (NOW_S - 90_000, NOW_S)
    return {
        "explore_query.added": Call(PLACE),
        "affected_query.affected": Call((ids["refusal"],)),
        "affected_query.fired": Call((ids["refusal"],)),
        "calibration.cells_of": Call((("refusal",), *stretch)),
        "calibration.names": Call((0,)),
        "calibration.pairs": Call((0, "helpful", 0.5)),
        "calibration.human_verdicts": Call((0,)),
        "catalogue.places": Call(),
        "catalogue.scores": Call((Place(*PLACE),)),
        "catalogue.slices": Call((KEY, *stretch)),
        "catalogue.baseline": Call((KEY,)),
        "connect_query.sending": Call(),
        "connect_query.silent": Call(),
        "outputs_query.context": Call(TRACES[0]),
        "detectors_query.watching": Call((NOW_S - 28 * 86_400,)),
        "detectors_query.record": Call((NOW_S - 28 * 86_400,)),
        "detectors_query.registered": Call((SEVERAL,)),
        "detectors_query.run": Call(own=_shared),
        "disparity.by_dimension": Call((WEEKS, pairs, "language")),
        "disparity.by_service": Call((WEEKS, pairs)),
        "examples.examples": Call((KEY, wanted)),
        "examples.matches": Call((KEY, wanted)),
        "drift_query.hits": Call((KEY, REFUSED, 300, *stretch)),
        "drift_query.findings": Call((KEY, *stretch)),
        "fleet.services": Call(),
        "fleet.watched": Call(),
        "legal_hold_query.kept": Call((ids["refusal"],)),
        "legal_hold_query.examples": Call((ids["refusal"], KEY, wanted)),
        "incidents.current": Call(),
        "incidents.one": Call((ids["refusal"],)),
        "incidents.elsewhere": Call((ids["refusal"],)),
        "incidents.history": Call((ids["refusal"],)),
        "incidents.trust": Call(("refusal",)),
        "incidents.pages": Call(),
        "evaluations.evaluations_of": Call((TRACES,)),
        "baselines_query.learned": Call(),
        "newest.call_texts": Call((TRACES[0][0],)),
        "newest.newest": Call(),
        "newest.spans": Call((TRACES[0][0],)),
        "oncall.fired": Call((NOW_S - 90 * 86_400,)),
        "oncall.silences": Call((0,)),
        "oncall.deliveries": Call((0,)),
        "outputs.outputs": Call((*PLACE, NOW_S - 90_000, NOW_S)),
        "outputs.cells_before": Call((*PLACE, NOW_S - 90_000, NOW_S)),
        "pipeline.accounts": Call((0,)),
        "pipeline.late": Call((fleet.COUNTING_SCORES,)),
        "pipeline.partitions": Call(own=_shared),
        "pipeline.set_aside": Call(),
        "pipeline.disks": Call(own=_shared),
        "pipeline.holes": Call(own=_shared),
        "releases.strata": Call((KEY, REFUSED, "release", 3_600, *stretch)),
        "releases.first_seen": Call((KEY, *stretch)),
        "releases.marked": Call((KEY, *stretch)),
        "releases.recorded": Call((KEY, 0)),
        "report.appeared": Call((WEEKS, ("refusal",))),
        "report.fired": Call((WEEKS,)),
        "report.scored_by": Call((WEEKS,)),
        "report.traffic": Call((WEEKS,)),
        "scope.lineages": Call(),
        "scope.heartbeat": Call(),
        "series.ticks": Call((KEY, WINDOW), {"values": True}),
        "series.volume": Call((KEY, WINDOW, fleet.COUNTING_SCORES)),
        "series.slices": Call((KEY, compare), {"values": True}),
        "texts_query.texts": Call((KEY, "output", *stretch)),
        "trends.by_score": Call((WEEKS, pairs)),
        "trends.by_value": Call((WEEKS,), {"unit": KEY.unit, "score": KEY.score, "dimension": "language"}),
    }


def found() -> dict[str, Callable[..., Any]]:
    """Every query of the dashboard and its pages that asks a store about a scope, by ``module.name``."""
    out: dict[str, Callable[..., Any]] = {}
    places = [f"dashboard.queries.{info.name}" for info in pkgutil.iter_modules(queries.__path__)]
    modules = [info.name for info in pkgutil.walk_packages(views.__path__, "dashboard.views.")]
    for place in (*places, *(name for name in modules if name.endswith("_query"))):
        module = import_module(place)
        for name, value in vars(module).items():
            if inspect.isfunction(value) and value.__module__ == module.__name__ and name[0] != "_":
                hints = list(inspect.get_annotations(value, eval_str=True).values())[:2]
                if hints == [Store, Scope]:
                    out[f"{place.rpartition('.')[2]}.{name}"] = value
    return out
