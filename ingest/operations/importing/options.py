"""Options of ``lightship import`` as words, to an `ImportPlan`."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from infra.clock import NS_PER_S
from ingest.errors import BadRecord
from ingest.operations.importing.plan import MAX_NS, POISSON, ImportPlan, read_time

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def read_span(text: str, option: str = "--span") -> int:
    """Nanoseconds of ``90s``, ``30m``, ``36h``, ``14d`` or ``2w``; ``option`` is what a message names.

    Raises
    ------
    BadRecord
        If it is none of these; the message says what is expected.
    """
    number, unit = text.strip()[:-1], text.strip()[-1:]
    try:
        span_ns = int(Decimal(number) * _UNITS_S[unit] * NS_PER_S)
    except (InvalidOperation, KeyError, OverflowError, ValueError) as error:
        raise BadRecord(
            f"{option} {text!r} is not a number and one of s, m, h, d, w (such as 14d)"
        ) from error
    if not 0 < span_ns <= MAX_NS:
        raise BadRecord(f"{option} {text!r} must be longer than nothing and shorter than a century")
    return span_ns


def read_start(text: str) -> int:
    """Nanoseconds of an RFC 3339 time with a zone.

    Raises
    ------
    BadRecord
        If it is none.
    """
    at_ns = read_time(text)
    if at_ns is None:
        raise BadRecord(f"--start {text!r} is not a time with a zone (such as 2026-11-01T00:00:00Z)")
    return at_ns


def read_pairs(option: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    """``LEFT=RIGHT`` each, cut at the first ``=``.

    Raises
    ------
    BadRecord
        If one has no ``=`` or nothing before it.
    """
    pairs = []
    for text in texts:
        left, mark, right = text.partition("=")
        if not mark or not left:
            raise BadRecord(f"{option} {text!r} is not of the form LEFT=RIGHT")
        pairs.append((left, right))
    return pairs


def read_plan(
    service: str,
    environment: str | None = None,
    model_from: str | None = None,
    time_from: str | None = None,
    start: str | None = None,
    span: str | None = None,
    seed: int = 0,
    draw: int | None = None,
    spacing: str = POISSON,
    maps: Sequence[str] = (),
    where: Sequence[str] = (),
) -> ImportPlan:
    """The plan that the options ask for; ``maps`` are ``FIELD=KEY``, ``where`` are ``FIELD=VALUE``.

    Raises
    ------
    BadRecord
        If an option or a combination cannot work; the message names it.
    """
    return ImportPlan(
        service,
        environment,
        model_from,
        time_from,
        None if start is None else read_start(start),
        None if span is None else read_span(span),
        seed,
        draw,
        spacing,
        {key: field for field, key in read_pairs("--map", maps)},
        tuple(read_pairs("--where", where)),
    )
