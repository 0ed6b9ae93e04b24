"""What of the settings gateway and relay live by: tenants, and what is redacted for them.

It is all they check: names of scores would bring the scorers, and with them numpy, into every start.
"""

from __future__ import annotations

from detectors.redaction.kinds import ALL_TYPES
from infra.errors import Misconfigured
from infra.settings import Settings
from infra.typed_table import unknown
from ingest.gateway.tenant_keys import is_tenant


def check_intake(settings: Settings) -> None:
    """Refuse tenants that cannot be, and types of values that nothing finds.

    Raises
    ------
    Misconfigured
        With the nearest name that does exist.
    """
    for tenant, chosen in settings.redaction.items():
        if not is_tenant(tenant):
            raise Misconfigured(
                f"[redaction.{tenant}] cannot name a tenant: use lower-case letters, digits, - and _"
            )
        for kind in chosen.types:
            if kind not in ALL_TYPES:
                raise unknown(f"type in redaction.{tenant}.types:", kind, ALL_TYPES)
