"""What of the settings gateway and relay live by: tenants, and what is redacted for them.

It is all they check: names of scores would bring the scorers, and with them numpy, into every start.
"""

from __future__ import annotations

from detectors.redaction.kinds import ALL_TYPES
from detectors.redaction.names import revealed_type
from infra.errors import Misconfigured
from infra.settings import Settings
from infra.stored_names import check_stored_names
from infra.tenant_keys import is_tenant
from infra.typed_table import unknown


def check_intake(settings: Settings) -> None:
    """Refuse tenants that cannot be, types of values that nothing finds, and names that give something away.

    Raises
    ------
    Misconfigured
        With the nearest name that does exist, or the key whose name is to be another.
    """
    for tenant, chosen in settings.redaction.items():
        if not is_tenant(tenant):
            raise Misconfigured(
                f"[redaction.{tenant}] cannot name a tenant: use lower-case letters, digits, - and _"
            )
        for kind in chosen.types:
            if kind not in ALL_TYPES:
                raise unknown(f"type in redaction.{tenant}.types:", kind, ALL_TYPES)
    check_stored_names(settings, revealed_type)
