"""What a judge reads of the store: which interactions its sample holds, and the text of one of them.

The sample follows from the ids alone: an interaction is in it if the SipHash of the judge's name and its id
falls under the percentage. Another run, another process and a larger percentage choose the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from detectors.service_patterns import matches
from ingest.errors import Unavailable
from ingest.gateway.intake import LIVE
from ingest.judge.exchange import Texts
from ingest.judge.journal import Chosen

MOST = 10_000
"""Interactions of a sample that are taken at a look."""

DRAWS = 1 << 32

_SAMPLE = """
SELECT DISTINCT trace_id, span_id, toUnixTimestamp64Nano(start), service,
    bitAnd(sipHash64(%(salt)s, trace_id, span_id), 4294967295) AS draw
FROM interactions
WHERE tenant = %(tenant)s AND lineage = %(lineage)s
    AND start >= fromUnixTimestamp64Nano(%(start_ns)s, 'UTC')
    AND received_at >= fromUnixTimestamp64Nano(%(from_ns)s, 'UTC')
    AND received_at < fromUnixTimestamp64Nano(%(to_ns)s, 'UTC')
    AND observed AND isNull(text_absent) AND notEmpty(ifNull(output_text, ''))
    AND draw < %(below)s
ORDER BY draw
LIMIT %(most)s
"""

_TEXTS = """
SELECT system_prompt, input_text, output_text FROM interactions FINAL
WHERE tenant = %(tenant)s AND lineage = %(lineage)s
    AND start = fromUnixTimestamp64Nano(%(start_ns)s, 'UTC')
    AND trace_id = %(trace_id)s AND span_id = %(span_id)s AND isNull(text_absent)
"""

_JUDGED = """
SELECT count() FROM judgements
WHERE tenant = %(tenant)s AND lineage = %(lineage)s AND trace_id = %(trace_id)s AND uid = %(uid)s
"""


class Stored:
    """The live interactions of one tenant.

    Parameters
    ----------
    client
        Of ClickHouse; used by one thread at a time.
    salt
        The judge's name: judges choose independently of each other.
    """

    def __init__(self, client: Client, tenant: str, salt: str) -> None:
        self._client = client
        self._salt = salt
        self._owner = {"tenant": tenant, "lineage": LIVE}

    def sample(
        self, version: str, percent: float, services: Sequence[str], span_ns: tuple[int, int], start_ns: int
    ) -> list[Chosen]:
        """Interactions of the sample that came in ``span_ns`` and began at ``start_ns`` or later.

        Raises
        ------
        Unavailable
            If ClickHouse does not answer.
        """
        found = self._rows(
            _SAMPLE,
            salt=self._salt,
            start_ns=start_ns,
            from_ns=span_ns[0],
            to_ns=span_ns[1],
            below=round(percent / 100 * DRAWS),
            most=MOST,
        )
        return [
            Chosen(f"{version}/{trace_id}:{span_id}", trace_id, span_id, int(began_ns), int(draw))
            for trace_id, span_id, began_ns, service, draw in found
            if matches(service, services)
        ]

    def texts(self, chosen: Chosen) -> Texts | None:
        """What is judged; ``None`` if it is not there any more.

        Raises
        ------
        Unavailable
            If ClickHouse does not answer.
        """
        c = chosen
        rows = self._rows(_TEXTS, trace_id=c.trace_id, span_id=c.span_id, start_ns=c.start_ns)
        if not rows or not rows[0][2]:
            return None
        return Texts(*rows[0])

    def is_evaluated(self, chosen: Chosen) -> bool:
        """Whether the store has this very judgement already: another home, or a lost one, made it.

        Raises
        ------
        Unavailable
            If ClickHouse does not answer.
        """
        ((n,),) = self._rows(_JUDGED, trace_id=chosen.trace_id, uid=chosen.uid)
        return bool(n)

    def _rows(self, sql: str, **given: object) -> Sequence[Sequence[Any]]:
        parameters: Mapping[str, Any] = {**self._owner, **given}
        try:
            return self._client.query(sql, parameters=dict(parameters)).result_rows
        except ClickHouseError as error:
            raise Unavailable(f"ClickHouse did not answer: {str(error)[:300]}") from error
