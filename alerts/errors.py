"""What can go wrong between a finding and a person.

::

    AlertsError
    ├── BadRecord      a message that is not a finding; never succeeds on a retry (dead letter)
    ├── NotPossible    a person asked for something this incident's state does not allow (409)
    ├── Unavailable    Kafka, ClickHouse or a receiver does not answer; succeeds later (retry, 503)
    └── Defect         our mistake; the process ends
"""

from __future__ import annotations


class AlertsError(Exception):
    """Root of this room's errors. The message names the value and the remedy, never interaction text."""


class BadRecord(AlertsError):
    """The message cannot be processed, now or later."""


class NotPossible(AlertsError):
    """The incident's state does not allow what was asked."""


class Unavailable(AlertsError):
    """Something we depend on does not answer; the same call may succeed later."""


class Defect(AlertsError):
    """A state that our own code must never reach."""
