"""The settings in force, as they may be shown: what redaction removes elsewhere is removed from them, too."""

from __future__ import annotations

import secrets
from typing import Any

from detectors.redaction import Pseudonymiser, RedactionPolicy, Redactor, for_scorers, redact_text
from infra.settings import Settings, show


def shown(settings: Settings) -> dict[str, Any]:
    """JSON-ready form of the effective settings.

    Passwords inside addresses are hidden; an e-mail address or a key is ``[email]`` or ``[api_key]``.
    Addresses of servers stay: they say what is connected to what.
    """
    redactor = Redactor(RedactionPolicy(), Pseudonymiser(secrets.token_bytes(32)))

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return for_scorers(redact_text(value, redactor, exempt=True, place=True)[0])
        if isinstance(value, dict):
            return {clean(key): clean(one) for key, one in value.items()}
        return [clean(one) for one in value] if isinstance(value, list) else value

    out: dict[str, Any] = clean(show(settings))
    return out
