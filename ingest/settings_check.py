"""Names in the settings that only these rooms know: scorers, kinds of redaction, tenants."""

from __future__ import annotations

from detectors.redaction.kinds import ALL_TYPES
from detectors.scorers.registry import SCORER_VERSIONS
from infra.errors import Misconfigured
from infra.settings import Settings
from infra.typed_table import unknown
from ingest.gateway.tenant_keys import is_tenant


def check(settings: Settings) -> None:
    """Refuse names that do not exist, before anything runs.

    Raises
    ------
    Misconfigured
        With the nearest name that does exist.
    """
    for name in settings.scorers.off:
        if name not in SCORER_VERSIONS:
            raise unknown("scorer in scorers.off:", name, SCORER_VERSIONS)
    for tenant, chosen in settings.redaction.items():
        if not is_tenant(tenant):
            raise Misconfigured(
                f"[redaction.{tenant}] cannot name a tenant: use lower-case letters, digits, - and _"
            )
        for kind in chosen.types:
            if kind not in ALL_TYPES:
                raise unknown(f"type in redaction.{tenant}.types:", kind, ALL_TYPES)
