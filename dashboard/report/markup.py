"""HTML of a report, built so that nothing anybody wrote can be more than text. Pure.

Only `Markup` is written as it is, and only this file and fixed words make it: every other text goes through
`plain.clean`, which writes out what hides or steers text, and through an escape. Names stand in ``bdi``, so
that a right-to-left one turns nothing around it. There are no addresses, scripts or style attributes.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dashboard.safe_text import clean


class Markup(str):
    """HTML that is ours."""

    __slots__ = ()


class Head(NamedTuple):
    """A column's head; numbers stand on the right."""

    title: str
    number: bool = False


def put(value: str, limit: int = 1_000) -> Markup:
    """Any text as text, at most ``limit`` characters."""
    return value if isinstance(value, Markup) else Markup(html.escape(clean(value, limit)))


def name(value: str | None, limit: int = 80) -> Markup:
    """A name somebody chose, kept to itself; a dash where there is none."""
    return Markup(f"<bdi>{put(value, limit)}</bdi>") if value else Markup("&ndash;")


def sentence(fixed: str, **parts: str | int) -> Markup:
    """A sentence of ours with what belongs into its places, each as text or as `Markup`.

    >>> said("{n} of {who}", n=3, who=name("<b>"))
    '3 of <bdi>&lt;b&gt;</bdi>'
    """
    return Markup(
        html.escape(fixed).format(
            **{key: put(str(part) if isinstance(part, int) else part) for key, part in parts.items()}
        )
    )


def tag(what: str, *inside: str, **attributes: str) -> Markup:
    """An element; ``class_`` is written ``class``, and ``_`` in other names a hyphen."""
    named = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{put(value)}"' for key, value in attributes.items()
    )
    return Markup(f"<{what}{named}>{''.join(put(part) for part in inside)}</{what}>")


def joined(parts: Iterable[str], between: str = "") -> Markup:
    """Several parts, one after the other."""
    return Markup(put(between).join(put(part) for part in parts))


def items(lines: Iterable[str]) -> Markup:
    """A list of sentences."""
    return tag("ul", *(tag("li", line) for line in lines))


def table(caption: str, heads: Sequence[Head], rows: Iterable[Sequence[str]]) -> Markup:
    """A table whose first column names its rows; it scrolls by itself where it is too wide.

    A cell that is a ``td`` of `cell` keeps its class.
    """
    top = tag(
        "tr", *(tag("th", h.title, scope="col", class_="number" if h.number else "word") for h in heads)
    )
    body = []
    for first, *rest in rows:
        cells = (_cell(value, head) for value, head in zip(rest, heads[1:], strict=True))
        body.append(tag("tr", tag("th", first, scope="row"), *cells))
    inside = tag("table", tag("caption", caption), tag("thead", top), tag("tbody", *body))
    return tag("div", inside, class_="wide", role="region", aria_label=caption, tabindex="0")


def cell(value: str, kind: str) -> Markup:
    """A cell of a kind that the style knows."""
    return tag("td", value, class_=kind)


def _cell(value: str, head: Head) -> Markup:
    if isinstance(value, Markup) and value.startswith("<td"):
        return value
    return tag("td", value, class_="number" if head.number else "word")


def line(values: Sequence[float | None], said: str, width: int = 110, height: int = 24) -> Markup:
    """A small drawing of shares over time from zero on; it stops where there is no value."""
    top = max((v for v in values if v is not None), default=0.0) or 1.0
    step = width / max(1, len(values) - 1)
    runs: list[list[str]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(f"{2 + place * step:.1f},{height - 2 - (height - 4) * value / top:.1f}")
    drawn = [
        tag("polyline", points=" ".join(run if len(run) > 1 else [run[0], run[0]])) for run in runs if run
    ]
    box = f"0 0 {width + 4} {height}"
    size = {"width": str(width + 4), "height": str(height)}
    return tag("svg", tag("title", said), *drawn, viewBox=box, role="img", aria_label=said, **size)
