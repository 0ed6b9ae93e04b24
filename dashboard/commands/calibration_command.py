"""``lightship scorers agreement`` and ``precision``: what people said, against judges and scores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alerts.briefs.known_scores import learn_custom_scores
from dashboard.estimates.calibration import TOP, Agreement, Precision, agreement, precision, top_of
from dashboard.formats import share
from dashboard.queries import calibration
from dashboard.queries.store import ClickHouse, Scope, Store
from detectors.scorers import SPECS
from infra import clickhouse
from infra.clock import NS_PER_S, SystemClock
from infra.embedded.addresses import reach
from infra.errors import Misconfigured
from infra.settings import load

DAY_S = 86_400
BASE_DAYS = 14
"""Days whose values say what the top of a score is."""


def _opened(config: Path | None, tenant: str, lineage: str) -> tuple[Store, Scope]:
    settings = reach(load(config))
    learn_custom_scores(settings)
    now_s = SystemClock().now_ns() // NS_PER_S
    return ClickHouse(clickhouse.connect(settings.store)), Scope(tenant, lineage, now_s)


def agreements(
    config: Path | None, *, human: str | None, good_from: float | None, days: float, tenant: str, lineage: str
) -> dict[str, Any]:
    """Agreement of every judge with what people said of the same interactions.

    ``human`` is a name that people rate by (all of them if not given), ``good_from`` the least value that
    means good; not needed where values lie between 0 and 1.

    Raises
    ------
    Misconfigured
        If it cannot be known which values are good.
    Unavailable
        If the store does not answer.
    """
    store, scope = _opened(config, tenant, lineage)
    from_s = int(scope.now_s - days * DAY_S)
    found: list[Agreement] = []
    for named in calibration.names(store, scope, from_s):
        if human not in (None, named.name):
            continue
        if good_from is None and (named.low < 0 or named.high > 1):
            if human is None:
                continue
            raise Misconfigured(
                f"values of {named.name!r} go from {named.low:g} to {named.high:g}: say with --good-from "
                "which are good"
            )
        cut = 0.5 if good_from is None else good_from
        found += agreement(named.name, calibration.pairs(store, scope, from_s, named.name, cut))
    return {"days": days, "agreement": [_agreed(a) for a in found]}


def _agreed(a: Agreement) -> dict[str, Any]:
    return {
        "judge": a.judge,
        "people": a.human,
        "n": a.n,
        "agree": a.agree,
        "share": a.agree / a.n,
        "low": a.interval.low,
        "high": a.interval.high,
        "kappa": a.kappa,
        "judge_good": a.judge_good,
        "people_good": a.people_good,
    }


def show_agreements(report: Mapping[str, Any]) -> str:
    """A table for a person."""
    if not report["agreement"]:
        return (
            "nothing to compare: no interaction was rated both by a judge and by people (POST /v1/feedback)"
        )
    lines = ["judge                     people            n   agree (95 %)            kappa"]
    for a in report["agreement"]:
        interval = f"{share(a['share'])} ({share(a['low'])} to {share(a['high'])})"
        kappa = "-" if a["kappa"] is None else f"{a['kappa']:.2f}"
        lines.append(f"{a['judge']:<25} {a['people']:<12.12} {a['n']:>6}   {interval:<23} {kappa:>5}")
    return "\n".join(lines)


def precisions(config: Path | None, *, days: float, tenant: str, lineage: str) -> dict[str, Any]:
    """How often hits of a score are right, by what people said of them; and what a hit is in each service.

    Raises
    ------
    Unavailable
        If the store does not answer.
    """
    store, scope = _opened(config, tenant, lineage)
    said = calibration.human_verdicts(store, scope, int(scope.now_s - days * DAY_S))
    learned = tuple(
        name for name, spec in SPECS.items() if spec.kind == "bounded" and spec.unit == "interaction"
    )
    cells = calibration.cells_of(store, scope, learned, scope.now_s - BASE_DAYS * DAY_S, scope.now_s + DAY_S)
    tops = {key: top for key, counted in cells.items() if (top := top_of(counted, SPECS[key[1]]))}
    return {
        "days": days,
        "precision": [_measured(p) for p in precision(said, SPECS, tops)],
        "thresholds": [
            {"score": score, "service": service, "top_share": TOP, "value": top.value, "n": top.n}
            for (service, score), top in sorted(tops.items(), key=lambda item: item[0][::-1])
        ],
    }


def _measured(p: Precision) -> dict[str, Any]:
    return {
        "score": p.score,
        "service": p.service,
        "threshold": p.threshold,
        "hits": p.hits,
        "right": p.right,
        "share": p.right / p.hits if p.hits else None,
        "low": p.interval.low if p.hits else None,
        "high": p.interval.high if p.hits else None,
        "below": p.below,
        "missed": p.missed,
    }


def show_precisions(report: Mapping[str, Any]) -> str:
    """A table for a person."""
    lines = []
    if report["precision"]:
        lines.append(
            "score                service                 hits   right (95 %)            missed below"
        )
    for p in report["precision"]:
        of = f"{p['hits']:>4}"
        right = f"{share(p['share'])} ({share(p['low'])} to {share(p['high'])})" if p["hits"] else "-"
        missed = f"{p['missed']} of {p['below']}"
        lines.append(f"{p['score']:<20} {p['service']:<22.22}  {of}   {right:<23} {missed}")
    if not report["precision"]:
        lines.append("nobody said of a score whether it is right: POST /v1/feedback with name right:<score>")
    if report["thresholds"]:
        lines += ["", f"the top {share(TOP)} of a service's own last {BASE_DAYS} days begins at"]
    lines += [
        f"{t['score']:<20} {t['service']:<22.22}  {t['value']:.3g} (of {t['n']:,})"
        for t in report["thresholds"]
    ]
    return "\n".join(lines)
