"""A report as one page of HTML: everything in it is in its JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from dashboard import formats, strings
from dashboard.report import sentences
from dashboard.report.contents import SCHEMA, Report, digest
from dashboard.report.markup import Head, Markup, cell, items, joined, line, name, put, sentence, table, tag
from dashboard.report.sentences import rate, signed
from dashboard.report.style import POLICY, SHEET
from dashboard.wording import report as words
from dashboard.wording import trends as trend_words
from detectors.finding import parse_rfc3339

MOST_DIFFERENCES = 60
MOST_LISTED = 100
GLYPH = {"above": "▲", "below": "▼"}


def page(report: Report) -> str:
    """The file: no script, no request, one style whose hash the page names."""
    begin = parse_rfc3339(report["period"]["from"])
    last = parse_rfc3339(report["period"]["to"]) - timedelta(microseconds=1)
    who = report["service"]
    title = words.TITLE.format(who=who or words.EVERYBODY, first=_day(begin), last=_day(last))
    named = sentence(
        words.TITLE, who=name(who) if who else words.EVERYBODY, first=_day(begin), last=_day(last)
    )
    about = sentence(
        words.ABOUT,
        tenant=name(report["tenant"]),
        lineage=name(report["lineage"]),
        taxonomy=report["measured"]["taxonomy_version"],
    )
    head = joined(
        [
            Markup('<meta charset="utf-8">'),
            Markup(f'<meta http-equiv="Content-Security-Policy" content="{put(POLICY)}">'),
            Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Markup('<meta name="referrer" content="no-referrer">'),
            tag("title", title),
            tag("style", Markup(SHEET)),
        ]
    )
    body = tag(
        "main",
        tag("h1", named),
        tag("p", about, class_="note"),
        tag("h2", words.SHORT),
        items(sentences.short(report)),
        *_counted(report),
        *_measured(report),
        *_weeks(report),
        *_groups(report),
        *_incidents(report["incidents"]),
        *_changes(report),
        tag("h2", words.LIMITS),
        items(sentences.limits(report)),
    )
    foot = tag("footer", tag("p", words.SCHEMA.format(schema=SCHEMA, digest=digest(report))))
    whole = tag("html", tag("head", head), tag("body", body, foot), lang="en")
    return f"<!doctype html>\n{whole}\n"


def _counted(report: Report) -> Iterator[Markup]:
    yield tag("h2", words.COUNTED)
    yield tag("p", words.COUNTED_NOTE, class_="note")
    if not report["services"]:
        yield tag("p", words.SHORT_COUNTED_NONE)
        return
    heads = [
        Head(words.COLUMN_SERVICE),
        Head(words.COLUMN_ENVIRONMENT),
        Head(words.COLUMN_INTERACTIONS, number=True),
        Head(words.COLUMN_TEXT, number=True),
        Head(words.COLUMN_DAYS, number=True),
        Head(words.COLUMN_GAPS),
    ]
    rows = [
        (
            name(item["service"]),
            name(item["environment"]),
            f"{item['interactions']:,}",
            formats.share(item["with_text"] / item["interactions"]) if item["interactions"] else formats.NONE,
            str(item["days_with_data"]),
            ", ".join(_gap(gap) for gap in item["gaps"]) or words.NO_GAPS,
        )
        for item in report["services"]
    ]
    yield table(words.COUNTED_CAPTION, heads, rows)


def _gap(gap: Mapping[str, str]) -> str:
    first, last = gap["from"], gap["to"]
    return first if first == last else words.GAP.format(first=first, last=last)


def _measured(report: Report) -> Iterator[Markup]:
    yield tag("h2", words.MEASURED)
    yield tag("p", words.MEASURED_NOTE, class_="note")
    measured = report["measured"]
    sets = measured["scorer_sets"]
    if len(sets) == 1:
        yield tag("p", words.SETS_ONE.format(name=sets[0]["set"]))
    elif sets:
        yield tag("p", words.SETS_MANY.format(n=len(sets)))
        yield items(words.SET.format(name=s["set"], first=s["first"][:10], last=s["last"][:10]) for s in sets)
    else:
        yield tag("p", words.SETS_NONE)
    yield tag("p", words.VERSIONS_NOTE.format(config=measured["config_hash"]))
    if not report["categories"]:
        return
    heads = [
        Head(words.COLUMN_CATEGORY),
        Head(words.COLUMN_SCORES),
        Head(words.COLUMN_VERSIONS),
        Head(words.COLUMN_FROM),
        Head(words.COLUMN_COVERED, number=True),
        Head(words.COLUMN_FRAMEWORKS),
    ]
    rows = [
        (
            c["title"],
            ", ".join(s["name"] for s in c["scores"]),
            ", ".join(s["version"] or formats.NONE for s in c["scores"]),
            words.HIT_FLAG if c["hit_from"] is None else formats.number(c["hit_from"], 1),
            words.OF_RUNS.format(n=f"{c['n']:,}") if c["coverage"] is None else formats.share(c["coverage"]),
            " · ".join(title for titles in c["frameworks"].values() for title in titles) or formats.NONE,
        )
        for c in report["categories"]
    ]
    yield table(words.MEASURED_CAPTION, heads, rows)


def _weeks(report: Report) -> Iterator[Markup]:
    yield tag("h2", words.WEEKS)
    categories = report["categories"]
    if not categories:
        yield tag("p", words.WEEKS_NONE)
        return
    yield tag("p", words.WEEKS_NOTE.format(few=report["few"]), class_="note")
    weeks = [
        formats.short_day(datetime.fromisoformat(w["week"])) + ("" if w["whole"] else " *")
        for w in categories[0]["weeks"]
    ]
    heads = [
        Head(words.COLUMN_CATEGORY),
        Head(words.COLUMN_SHAPE),
        *(Head(week, number=True) for week in weeks),
        Head(words.COLUMN_BASELINE, number=True),
    ]
    rows = []
    for category in categories:
        known = [w["rate"] for w in category["weeks"]]
        ends = [rate(v) for v in known if v is not None] or [strings.FEW]
        shape = words.SHAPE.format(title=category["title"], first=ends[0], last=ends[-1])
        base = category["weeks"][-1]["baseline"]
        rows.append(
            (
                category["title"],
                line(known, shape),
                *(_week(w) for w in category["weeks"]),
                formats.NONE if base is None else rate(base),
            )
        )
    yield table(words.WEEKS_CAPTION, heads, rows)


def _week(week: Mapping[str, Any]) -> Markup:
    if week["few"]:
        return cell(strings.FEW, "week")
    against = week["against_baseline"]
    glyph = f"{GLYPH[against]} " if against in GLYPH else ""
    span = f"{rate(week['low'])}{formats.DASH}{rate(week['high'])}"
    return cell(
        joined([glyph, rate(week["rate"]), tag("small", span)]),
        f"week {against}" if against in GLYPH else "week",
    )


def _groups(report: Report) -> Iterator[Markup]:
    yield tag("h2", words.GROUPS)
    yield tag("p", words.GROUPS_NOTE.format(few=report["few"]), class_="note")
    heads = [
        Head(words.COLUMN_CATEGORY),
        Head(words.COLUMN_GROUP),
        Head(words.COLUMN_RATE, number=True),
        Head(words.COLUMN_REST, number=True),
        Head(words.COLUMN_DIFFERENCE, number=True),
        Head(words.COLUMN_N, number=True),
        Head(words.COLUMN_N_REST, number=True),
        Head(words.COLUMN_VERDICT),
    ]
    for groups in report["groups"]:
        by = words.BY[groups["by"]]
        if not groups["differences"]:
            yield tag("p", words.GROUPS_NONE.format(by=by))
            continue
        each = f"{formats.number(100 * groups['confidence_each'], 2)}{formats.THIN}%"
        caption = words.GROUPS_CAPTION.format(by=by, compared=groups["compared"], each=each)
        shown = groups["differences"][:MOST_DIFFERENCES]
        yield table(caption, heads, [_difference(gap) for gap in shown])
        more = len(groups["differences"]) - len(shown)
        if more:
            yield tag("p", words.GROUPS_REST.format(n=more), class_="note")
        if groups["left_out"]:
            yield tag("p", words.GROUPS_LEFT.format(n=groups["left_out"]), class_="note")


def _difference(gap: Mapping[str, Any]) -> tuple[str, ...]:
    n, n_rest = (f"{gap[key]:,}" for key in ("n", "n_rest"))
    if gap["difference"] is None:
        few = (strings.FEW, strings.FEW, formats.NONE)
        return gap["title"], name(gap["group"]), *few, n, n_rest, strings.FEW
    verdict = trend_words.GAP_NONE
    if gap["clear"]:
        verdict = trend_words.GAP_ABOVE if gap["low"] > 0 else trend_words.GAP_BELOW
    return (
        gap["title"],
        name(gap["group"]),
        rate(gap["rate"]),
        rate(gap["rate_rest"]),
        f"{signed(gap['difference'])} ({signed(gap['low'])} to {signed(gap['high'])})",
        n,
        n_rest,
        verdict,
    )


def _incidents(told: Mapping[str, Any]) -> Iterator[Markup]:
    yield tag("h2", words.INCIDENTS)
    yield tag("p", words.INCIDENTS_NOTE, class_="note")
    if not told["fired"]:
        yield tag("p", words.INCIDENTS_NONE)
        return
    false = told["false_pages"]
    sentence = words.BUDGET_OVER if false["over_budget"] else words.BUDGET_WITHIN
    yield tag("p", sentence.format(k=false["n"], allowed=formats.number(false["allowed"], 1)))
    heads = [Head(words.COLUMN_SEVERITY), Head(words.COLUMN_ENDING), Head(words.COLUMN_COUNT, number=True)]
    rows = [
        (words.SEVERITIES.get(e["severity"], e["severity"]), _ending(e["ending"]), str(e["n"]))
        for e in told["by_ending"]
    ]
    yield table(words.ENDINGS_CAPTION, heads, rows)
    heads = [
        Head(words.COLUMN_FIGURE),
        Head(words.COLUMN_VALUE, number=True),
        Head(words.COLUMN_INTERVAL, number=True),
        Head(words.COLUMN_OF, number=True),
    ]
    figures = [
        _share(words.FIGURE_FALSE, told["false"], told["pages"]),
        _share(words.FIGURE_ACTED, told["acted_on"], told["pages"]),
        _median(words.FIGURE_TAKEN, told["minutes_to_acknowledge"]),
        _median(words.FIGURE_OVER, told["minutes_to_resolve"]),
    ]
    yield table(words.FIGURES_CAPTION, heads, figures)
    heads = [
        Head(words.COLUMN_FIRED),
        Head(words.COLUMN_SEVERITY),
        Head(words.COLUMN_SERVICE),
        Head(words.COLUMN_WHAT),
        Head(words.COLUMN_WHERE),
        Head(words.COLUMN_CHANGE),
        Head(words.COLUMN_END),
    ]
    shown = told["list"][:MOST_LISTED]
    yield table(words.LIST_CAPTION, heads, [_incident(i) for i in shown])
    if more := len(told["list"]) - len(shown):
        yield tag("p", words.LIST_MORE.format(n=more), class_="note")


def _ending(ending: str | None) -> str:
    return strings.ENDING_WORDS.get(ending, "ended") if ending else words.OPEN


def _share(label: str, found: Mapping[str, Any], of: int) -> tuple[str, ...]:
    if found["share"] is None:
        return label, formats.NONE, formats.NONE, str(of)
    return label, formats.share(found["share"]), formats.share_range(found["low"], found["high"]), str(of)


def _median(label: str, found: Mapping[str, Any]) -> tuple[str, ...]:
    if found["median"] is None:
        return label, formats.NONE, formats.NONE, "0"
    span = formats.NONE
    if found["low"] is not None:
        span = f"{formats.number(found['low'], 1)}{formats.DASH}{formats.number(found['high'], 1)}"
    return label, formats.number(found["median"], 1), span, str(found["n"])


def _incident(found: Mapping[str, Any]) -> tuple[str, ...]:
    fired = f"{parse_rfc3339(found['fired']):%Y-%m-%d %H:%M}" if found["fired"] else formats.NONE
    return (
        fired,
        words.SEVERITIES.get(found["severity"], found["severity"]),
        name(found["service"]),
        name(found["title"]),
        name(found["slice"]),
        found["change"] or formats.NONE,
        _ending(found["ending"]),
    )


def _changes(report: Report) -> Iterator[Markup]:
    yield tag("h2", words.CHANGES)
    yield tag("p", words.CHANGES_NOTE, class_="note")
    found = report["changes"]
    if not found:
        yield tag("p", words.CHANGES_NONE)
        return
    columns = (
        words.COLUMN_DAY,
        words.COLUMN_SERVICE,
        words.COLUMN_KIND,
        words.COLUMN_VALUE,
        words.COLUMN_KNOWN,
    )
    rows = [
        (
            c["day"],
            name(c["service"]),
            name(c["kind"].replace("_", " ")),
            name(c["value"]),
            words.KNOWN[c["known_from"]],
        )
        for c in found[:MOST_LISTED]
    ]
    yield table(words.CHANGES_CAPTION, [Head(title) for title in columns], rows)
    if more := len(found) - len(rows):
        yield tag("p", words.CHANGES_MORE.format(n=more), class_="note")


def _day(at: date) -> str:
    return f"{at.day} {at:%B %Y}"
