"""Redaction of what people type before it is stored, posted or sent: reasons, notes, names, rules.

Reasons and notes are searched for everything. Names (services, slices, patterns, a rule's text) are searched
as the gateway searches names, under the same key of the tenant, so that they go on matching what came with
telemetry. The name of who acts keeps an e-mail address: people sign in with one, and the record of actions
is there to say who it was.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from detectors.redaction import Pseudonymiser, RedactionPolicy, Redactor, redact_text
from infra.settings import Settings
from infra.tenant_keys import KEY_BYTES, load_key

_ADDRESSES = frozenset({"email", "template_email"})


class TypedText:
    """Redactors of tenants.

    ``key_of`` gives a tenant's key, ``types`` what is removed for a tenant of whom not everything is.

    Safe for several threads.
    """

    def __init__(self, key_of: Callable[[str], bytes], types: Mapping[str, tuple[str, ...]]) -> None:
        self._key_of, self._types = key_of, types
        self._made: dict[str, Redactor] = {}

    @classmethod
    def of(cls, settings: Settings) -> TypedText:
        """Under the tenants' own keys and policies."""
        types = {tenant: chosen.types for tenant, chosen in settings.redaction.items()}
        return cls(partial(load_key, settings.home), types)

    @classmethod
    def under_random_keys(cls) -> TypedText:
        """Under keys that nobody keeps, for an API without a data directory."""
        key = secrets.token_bytes(KEY_BYTES)
        return cls(lambda _: key, {})

    def text(self, tenant: str, text: str) -> str:
        """A reason or a note; everything is removed."""
        return redact_text(text, self._redactor(tenant))[0]

    def name(self, tenant: str, text: str) -> str:
        """A name, a pattern of names, or a rule; what has a form of its own is removed."""
        return redact_text(text, self._redactor(tenant), exempt=True)[0]

    def actor(self, tenant: str, text: str) -> str:
        """Who acts; all but e-mail addresses is removed."""
        whole = self._redactor(tenant)
        policy = replace(whole.policy, types=whole.policy.types - _ADDRESSES)
        return redact_text(text, replace(whole, policy=policy))[0]

    def _redactor(self, tenant: str) -> Redactor:
        made = self._made.get(tenant)
        if made is None:
            policy = RedactionPolicy.removing(self._types.get(tenant, ()))
            made = self._made[tenant] = Redactor(policy, Pseudonymiser(self._key_of(tenant)))
        return made
