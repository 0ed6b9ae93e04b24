"""Names that are stored and shown as they are: tenants, lineages, receivers, scores of an operator's own."""

from __future__ import annotations

from detectors.redaction.policy import RedactionPolicy
from detectors.redaction.pseudonyms import MIN_KEY_BYTES, Pseudonymiser
from detectors.redaction.text import Redactor, redact_text

_REDACTOR = Redactor(RedactionPolicy(), Pseudonymiser(bytes(MIN_KEY_BYTES)))


def revealed_type(name: str) -> str | None:
    """Type of what a name gives away, such as ``email``; ``None`` if it can be stored as it stands.

    >>> revealed_type("hook"), revealed_type("mail ann@books.org")
    (None, 'email')
    """
    _, found = redact_text(name, _REDACTOR, exempt=True)
    return found[0].type if found else None
