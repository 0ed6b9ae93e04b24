"""Rules of the operator's own, as they stand in the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.sections import about
from infra.typed_table import unknown

NO_LIMIT = -1e15
"""Stands where no limit was written."""


@dataclass(frozen=True, slots=True)
class ConditionSettings:
    """What must hold besides for a rule to fire: another measure, over the same window, slice and service."""

    score: str = field(metadata=about("name of a score"))
    measure: str = field(
        metadata=about("as of the rule", one_of=("rate", "mean", "quantile", "sum", "count"))
    )
    limit: float = field(metadata=about("the limit, in the unit of the measure", within=(-1e15, 1e15)))
    op: str = field(
        default=">", metadata=about("what of the measure breaks the limit", one_of=(">", ">=", "<", "<="))
    )
    quantile: float = field(default=0.95, metadata=about("which one, of `quantile`", within=(0.001, 0.999)))
    compare: str = field(default="", metadata=about("as of the rule", one_of=("", "week")))


@dataclass(frozen=True, slots=True)
class RuleSettings:
    """A rule of one's own: a measure of a score over a window, against a fixed limit.

    It works from the first minute on and spends no budget. `lightship rules check` says what it means.
    """

    score: str = field(metadata=about("name of a score; `volume`, of `absent`: calls, whatever was measured"))
    measure: str = field(
        metadata=about(
            "share of hits of a flag; mean, quantile or sum of the values; how many there were; none came",
            one_of=("rate", "mean", "quantile", "sum", "count", "absent"),
        )
    )
    op: str = field(
        default=">", metadata=about("what of the measure breaks the limit", one_of=(">", ">=", "<", "<="))
    )
    limit: float = field(
        default=NO_LIMIT,
        metadata=about("the limit, in the unit of the measure; only `absent` has none", within=(-1e15, 1e15)),
    )
    window_s: int = field(
        default=1800, metadata=about("seconds it looks back; whole ticks", within=(60, 86_400))
    )
    quantile: float = field(default=0.95, metadata=about("which one, of `quantile`", within=(0.001, 0.999)))
    least_n: int = field(
        default=20,
        metadata=about("values the window must hold to decide anything; not of `count`", within=(1, 1e9)),
    )
    unit: str = field(
        default="interaction",
        metadata=about("what is counted", one_of=("interaction", "trace", "conversation")),
    )
    slice: str = field(default="all", metadata=about("`all`, or `dim=value`"))
    severity: str = field(default="ticket", metadata=about("what it deserves", one_of=("page", "ticket")))
    services: tuple[str, ...] = field(default=(), metadata=about("services; `*` and `?` allowed; empty: all"))
    by: str = field(default="", metadata=about("a dimension: each of its values is decided by itself"))
    for_s: int = field(
        default=0, metadata=about("seconds a breach must last before it is stated", within=(0, 86_400))
    )
    together: bool = field(
        default=False, metadata=about("measure all those services in sum instead of each by itself")
    )
    compare: str = field(
        default="",
        metadata=about(
            "`week`: the limit is a factor of the measure over the same window a week before",
            one_of=("", "week"),
        ),
    )
    window: str = field(
        default="",
        metadata=about(
            "`day` or `month`: the calendar one so far, in place of `window_s`", one_of=("", "day", "month")
        ),
    )
    time_zone: str = field(
        default="UTC", metadata=about("of `window`: whose days and months, such as Europe/Berlin")
    )
    and_: tuple[ConditionSettings, ...] = ()
    name: str = field(default="", metadata=about("what it is called in messages"))
    owner: str = field(default="", metadata=about("whose it is"))
    runbook: str = field(default="", metadata=about("address of what to do about it"))
    receivers: tuple[str, ...] = field(
        default=(), metadata=about("names of receivers it goes to, in place of a route's")
    )

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> RuleSettings:
        """A rule of its plain form, in which lists stand for tuples; what it does not say is as shipped."""
        lists = {name: tuple(plain.get(name, ())) for name in ("services", "receivers")}
        besides = tuple(ConditionSettings(**one) for one in plain.get("and_", ()))
        return cls(**{**plain, **lists, "and_": besides})


def check_rule_receivers(rules: Sequence[RuleSettings], names: Sequence[str]) -> None:
    """Whether the receivers that rules name exist; ``names`` are those of all receivers.

    Raises
    ------
    Misconfigured
        Naming the rule and the nearest receiver that exists.
    """
    for i, rule in enumerate(rules):
        for name in rule.receivers:
            if name not in names:
                raise unknown(f"receiver in rule[{i}]:", name, names)
