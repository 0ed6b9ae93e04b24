"""What an import would have paged about: the findings of its lineage, as far as detection has come."""

from __future__ import annotations

from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from ingest.errors import Unavailable

_FINDINGS = """
SELECT finding_id, alert_kind, status, severity, service, score, slice, onset
FROM findings FINAL
WHERE tenant = %(tenant)s AND lineage = %(lineage)s AND status != 'withdrawn'
ORDER BY made_at, finding_id
LIMIT %(limit)s
"""


def findings_of(client: Client, tenant: str, lineage: str, limit: int = 1000) -> list[dict[str, Any]]:
    """Findings of a lineage that were not withdrawn, the first ``limit`` in order of their making.

    Raises
    ------
    Unavailable
        If ClickHouse does not answer.
    """
    try:
        result = client.query(_FINDINGS, parameters={"tenant": tenant, "lineage": lineage, "limit": limit})
    except ClickHouseError as error:
        raise Unavailable(f"ClickHouse did not answer for findings: {str(error)[:300]}") from error
    return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]


def would_have_paged(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of severity ``page``."""
    return [f for f in findings if f["severity"] == "page"]
