"""Removes personal data and secrets from text and trees; pure, linear-time, deterministic under a key.

Make one redactor per tenant, once::

    redactor = Redactor(RedactionPolicy(), Pseudonymiser(key))

Text::

    redact_text(text, redactor) -> (redacted, [Found(type, start, end), ...])

offsets are those of the original text; a second call on the result changes nothing, so texts assembled from
parts are simply redacted again. Trees of plain values::

    redact_value("attribute.key", value, redactor, report) -> value

Anything else, such as protobuf: make one `Walker` per record and call it for what you meet. ``field`` is the
attribute key the report shall name, ``key`` the innermost key where that differs (nested key-value lists)::

    report = Report()
    walker = Walker(redactor, report)
    walker.redact_str(field, text, key=None) -> str
    walker.redact_bytes(field, data, key=None) -> bytes
    walker.redact_number(field, number, key=None) -> int | float | str
    walker.redact_key(field, key) -> str
    report.items() -> [{"field": ..., "type": ..., "n": ...}, ...]

`for_scorers` reduces placeholders to ``[email]``; `Pseudonymiser.key_id` and `RedactionPolicy.version` go
into headers. No function raises on any string, bytes or number.
"""

from detectors.redaction.budget import Budget, Meter, OverBudget
from detectors.redaction.kinds import ALL_TYPES, PII_TYPES, QUIET_TYPES, SECRET_TYPES
from detectors.redaction.policy import REDACTION_VERSION, RedactionPolicy
from detectors.redaction.pseudonyms import Pseudonymiser, for_scorers
from detectors.redaction.report import Report, ReportItem
from detectors.redaction.text import Found, Redactor, redact_text
from detectors.redaction.walker import Walker, redact_value

__all__ = [
    "ALL_TYPES",
    "PII_TYPES",
    "QUIET_TYPES",
    "REDACTION_VERSION",
    "SECRET_TYPES",
    "Budget",
    "Found",
    "Meter",
    "OverBudget",
    "Pseudonymiser",
    "RedactionPolicy",
    "Redactor",
    "Report",
    "ReportItem",
    "Walker",
    "for_scorers",
    "redact_text",
    "redact_value",
]
