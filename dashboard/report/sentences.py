"""What a report says first and last: its findings in a few sentences, and what it does not say. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dashboard import formats
from dashboard.charts.risk import PER
from dashboard.report.contents import Report
from dashboard.report.markup import Markup, joined, name, put, sentence, tag
from dashboard.wording import report as words

MOST_GROUPS = 3
MOST_MOVED = 6


def rate(share: float) -> str:
    """Hits per 10,000."""
    return formats.number(PER * share, 1)


def signed(share: float) -> str:
    """A difference of hits per 10,000."""
    return formats.signed(PER * share, 1)


def with_code(sentence: str) -> Markup:
    """A sentence of ours whose words between back ticks are a command."""
    parts = sentence.split("`")
    return joined(tag("code", part) if place % 2 else part for place, part in enumerate(parts))


def short(report: Report) -> Iterator[Markup]:
    """For those who read nothing else."""
    if report["text_share"] is None:
        yield put(words.SHORT_COUNTED_NONE)
    else:
        yield sentence(
            words.SHORT_COUNTED,
            n=formats.count(report["interactions"]),
            services=len({item["service"] for item in report["services"]}),
            text=formats.share(report["text_share"]),
        )
    if holes := sum(bool(item["gaps"]) for item in report["services"]):
        yield sentence(words.SHORT_GAPS, services=holes)
    yield from _moved(report)
    for groups in report["groups"]:
        yield from _apart(groups)
    told = report["incidents"]
    yield sentence(
        words.SHORT_INCIDENTS,
        pages=told["pages"],
        tickets=told["tickets"],
        false=told["false_pages"]["n"],
        allowed=formats.number(told["false_pages"]["allowed"], 1),
    )


def _moved(report: Report) -> Iterator[Markup]:
    found = []
    for category in report["categories"]:
        against = [week["against_baseline"] for week in category["weeks"]]
        above, below = against.count("above"), against.count("below")
        if above or below:
            found.append((above, below, category["title"], len(against)))
    found.sort(key=lambda item: (-item[0], -item[1]))
    for above, below, title, weeks in found[:MOST_MOVED]:
        yield sentence(words.SHORT_MOVED, title=title, above=above, below=below, weeks=weeks)
    if report["categories"] and not found:
        yield put(words.SHORT_STEADY)


def _apart(groups: Mapping[str, Any]) -> Iterator[Markup]:
    if not groups["compared"]:
        return
    yield sentence(
        words.SHORT_GROUPS, by=words.BY[groups["by"]], clear=groups["clear"], compared=groups["compared"]
    )
    for gap in groups["differences"][:MOST_GROUPS]:
        if gap["clear"]:
            yield sentence(
                words.SHORT_GROUP,
                title=gap["title"],
                group=name(gap["group"]),
                rate=rate(gap["rate"]),
                rest=rate(gap["rate_rest"]),
                low=signed(gap["low"]),
                high=signed(gap["high"]),
            )


def _small(title: str) -> str:
    """A title within a sentence; words in capitals stay."""
    return title[:1].lower() + title[1:]


def limits(report: Report) -> Iterator[Markup]:
    """What this report does not say: first what holds of this one, then of every one."""
    if missing := report["not_measured"]:
        yield sentence(words.LIMIT_NOT_MEASURED, names=", ".join(_small(c["title"]) for c in missing))
    if report["text_share"] is not None and report["text_share"] < 1:
        yield sentence(words.LIMIT_TEXT, share=formats.share(1 - report["text_share"]))
    if any(not week["whole"] for category in report["categories"] for week in category["weeks"]):
        yield put(words.LIMIT_CUT)
    bare = [
        _small(category["title"])
        for category in report["categories"]
        if any(week["baseline"] is None and not week["few"] for week in category["weeks"])
    ]
    if bare:
        yield sentence(words.LIMIT_NO_BASELINE, names=", ".join(bare))
    told = report["incidents"]
    if told["unread"]:
        yield sentence(words.LIMIT_UNREAD, n=told["unread"])
    if told["fired"] > told["read"]:
        yield sentence(words.LIMIT_MORE, n=told["fired"] - told["read"], read=told["read"])
    for fixed in words.LIMITS_FIXED:
        yield with_code(fixed)
