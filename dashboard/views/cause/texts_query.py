"""Texts of a sample of outputs, for their words to be counted."""

from __future__ import annotations

from dashboard.queries.store import Scope, SeriesKey, Store, shows_text
from detectors.schema import slice_condition

SAMPLE = 800
"""Interactions on a side: where there are more, as many drawn by a hash of their ids, the same each time."""
LETTERS = 1_000
SIDES = ("output", "prompt")
_COLUMNS = {"output": "output_text", "prompt": "input_text"}

_TEXTS = """
SELECT substringUTF8(ifNull($text, ''), 1, {letters:UInt32})
FROM interactions FINAL
WHERE tenant = {tenant:String} AND lineage = {lineage:String}
    AND service = {service:String} AND environment = {environment:String}
    AND start >= toDateTime({from:UInt32}, 'UTC') AND start < toDateTime({to:UInt32}, 'UTC')
    AND NOT synthetic AND isNotNull($text) AND $where
ORDER BY cityHash64(trace_id, span_id)
LIMIT {limit:UInt32}
"""


@shows_text
def texts(store: Store, scope: Scope, key: SeriesKey, side: str, from_s: int, to_s: int) -> tuple[str, ...]:
    """Beginnings of at most `SAMPLE` texts of a service and slice that began in ``[from_s, to_s)``.

    Raises
    ------
    ValueError
        If the side is none of `SIDES`.
    """
    if side not in _COLUMNS:
        raise ValueError(f"side {side!r} is none of {', '.join(SIDES)}")
    where, given = slice_condition(key.slice)
    sql = _TEXTS.replace("$text", _COLUMNS[side]).replace("$where", where)
    bound = {**scope.bind(**key.bind(), **given), "letters": LETTERS, "limit": SAMPLE}
    return tuple(str(row[0]) for row in store.rows(sql, {**bound, "from": from_s, "to": to_s}))
