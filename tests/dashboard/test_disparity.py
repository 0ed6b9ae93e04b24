from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dashboard.estimates import taxonomy
from dashboard.queries.disparity import GroupCount
from dashboard.tables import disparity
from dashboard.tables.disparity import Disparity

CATEGORIES = taxonomy.categories()
FLAGS = ("refusal", "error", "secrets")


def counts(score: str, groups: dict[str, tuple[int, int]]) -> list[GroupCount]:
    """(outputs, hits) by group of one score."""
    n_all, hits_all = (sum(pair[i] for pair in groups.values()) for i in (0, 1))
    return [
        GroupCount("interaction", score, g, n, float(k), n_all, float(hits_all))
        for g, (n, k) in groups.items()
    ]


def of(found: Disparity, group: str, category: str = "refusal") -> disparity.Gap:
    return next(g for g in found.gaps if (g.group, g.category.id) == (group, category))


@st.composite
def traffic(draw: st.DrawFn, least: int = 0) -> list[GroupCount]:
    names = draw(st.lists(st.text(min_size=1, max_size=6), min_size=2, max_size=6, unique=True))
    out: list[GroupCount] = []
    for score in FLAGS:
        sizes = [draw(st.integers(least, 20_000)) for _ in names]
        out += counts(
            score, {g: (n, draw(st.integers(0, n))) for g, n in zip(names, sizes, strict=True) if n}
        )
    return out


@given(traffic())
def test_a_group_and_its_rest_are_all_there_is_and_the_interval_holds_the_difference(
    found: list[GroupCount],
) -> None:
    whole = {c.score: (c.n_all, c.hits_all) for c in found}
    for gap in disparity.table(CATEGORIES, found).gaps:
        n_all, hits_all = whole[gap.category.scores[0]]
        assert (gap.n + gap.n_rest, gap.hits + gap.hits_rest) == (n_all, hits_all)
        few = min(gap.n, gap.n_rest) < disparity.FEW
        assert (gap.interval is None) == few == (gap.difference is None) == (gap.verdict == "few")
        if gap.interval is not None:
            assert gap.difference is not None
            assert -1 <= gap.interval.low <= gap.difference <= gap.interval.high <= 1
            assert gap.clear == (not gap.interval.low <= 0 <= gap.interval.high)


@given(traffic(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(found: list[GroupCount], random: object) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert disparity.table(CATEGORIES, shuffled) == disparity.table(CATEGORIES, found)


@given(st.integers(500, 9_000), st.integers(500, 9_000), st.data())
def test_two_groups_differ_from_each_other_by_the_same(n: int, m: int, data: st.DataObject) -> None:
    pairs = {"a": (n, data.draw(st.integers(0, n))), "b": (m, data.draw(st.integers(0, m)))}
    found = disparity.table(CATEGORIES, counts("refusal", pairs))
    a, b = of(found, "a").interval, of(found, "b").interval
    assert a is not None
    assert b is not None
    assert (a.low, a.high) == pytest.approx((-b.high, -b.low), abs=1e-12)


@given(traffic(least=500))
def test_what_is_asked_beside_it_only_widens_an_interval(found: list[GroupCount]) -> None:
    alone = disparity.table(CATEGORIES, [c for c in found if c.score == "refusal"])
    among = disparity.table(CATEGORIES, found)
    assume(alone.gaps)
    assert among.judged > alone.judged
    for gap in alone.gaps:
        narrow, wide = gap.interval, of(among, gap.group).interval
        assert narrow is not None
        assert wide is not None
        assert wide.low <= narrow.low <= narrow.high <= wide.high
        assert gap.clear or not of(among, gap.group).clear


def test_where_all_groups_are_alike_a_whole_table_stays_silent_19_times_of_20() -> None:
    rng = np.random.default_rng(17)
    sizes = {"en": 9_000, "de": 6_000, "fr": 2_000, "es": 1_500, "ja": 600}
    rates = {"refusal": 0.02, "error": 0.006, "degenerate": 0.1, "truncated": 0.3}
    wrong = 0
    for _ in range(400):
        found = [
            c
            for score, rate in rates.items()
            for c in counts(score, {g: (n, int(rng.binomial(n, rate))) for g, n in sizes.items()})
        ]
        made = disparity.table(CATEGORIES, found)
        assert made.judged == len(sizes) * len(rates)
        wrong += bool(made.clear)
    # one at a time about 60 % of tables would accuse somebody; a 95 % promise, and three of its own errors
    assert wrong / 400 < 0.05 + 3 * (0.05 * 0.95 / 400) ** 0.5


def test_a_difference_of_half_again_is_found_among_sixty_and_said_first() -> None:
    groups = {f"g{i:02}": (8_000, 160) for i in range(11)}
    found = [c for score in FLAGS for c in counts(score, groups | {"ja": (8_000, 160)})]
    found = [c for c in found if c.score != "refusal"] + counts("refusal", groups | {"ja": (8_000, 260)})
    made = disparity.table(CATEGORIES, found)
    first = disparity.in_order(made)[0]
    assert (first.group, first.category.id, first.verdict) == ("ja", "refusal", "▲ more than the rest")
    assert {(g.group, g.category.id) for g in made.clear} == {("ja", "refusal")}


def test_a_group_alone_is_compared_with_nobody() -> None:
    made = disparity.table(CATEGORIES, counts("refusal", {"en": (90_000, 900)}))
    assert (made.gaps, made.judged) == ((), 0)


def test_rare_groups_are_not_shown_but_stay_in_the_rest() -> None:
    groups = {f"g{i:02}": (1_000 + i, 10) for i in range(disparity.MOST_GROUPS + 3)}
    made = disparity.table(CATEGORIES, counts("refusal", groups))
    assert made.left_out == 3
    assert {g.group for g in made.gaps} == set(groups) - {"g00", "g01", "g02"}
    assert of(made, "g14").n_rest == sum(n for n, _ in groups.values()) - 1_014


def test_few_come_last_and_are_no_finding() -> None:
    made = disparity.table(
        CATEGORIES, counts("refusal", {"en": (90_000, 900), "xx": (499, 499), "de": (5_000, 50)})
    )
    last = disparity.in_order(made)[-1]
    assert (last.group, last.verdict, last.rate, last.clear) == ("xx", "few", None, False)
