"""The redactors of all tenants, each under the tenant's own key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from detectors.redaction import Budget, Pseudonymiser, RedactionPolicy, Redactor
from infra.settings import GatewaySettings, RedactionSettings
from infra.tenant_keys import load_key
from ingest.otlp.redact_otlp import RequestRedactor

MIB = 1 << 20


def budget_of(settings: GatewaySettings) -> Budget:
    """What one text may cost, from the settings."""
    return Budget(settings.redaction_text_ms, settings.redaction_text_mib * MIB)


class Redactors:
    """One redactor a tenant; ``budget`` is what one text may cost any of them."""

    def __init__(
        self,
        home: Path,
        settings: Mapping[str, RedactionSettings] | None = None,
        budget: Budget | None = None,
    ) -> None:
        self._home = home
        self._settings = settings or {}
        self._budget = budget or Budget()
        self._made: dict[str, RequestRedactor] = {}

    def of(self, tenant: str) -> RequestRedactor:
        """The tenant's redactor; its key is made when first asked for."""
        made = self._made.get(tenant)
        if made is None:
            chosen = self._settings.get(tenant)
            policy = RedactionPolicy.removing(chosen.types if chosen else ())
            key = Pseudonymiser(load_key(self._home, tenant))
            made = RequestRedactor(Redactor(policy, key, budget=self._budget))
            self._made[tenant] = made
        return made
