"""What can go wrong between a finding and a person.

::

    AlertsError
    ├── BadRecord      a message that is not a finding; never succeeds on a retry (dead letter)
    ├── NotPossible    a person asked for something this incident's state does not allow (409)
    ├── Unavailable    Kafka, ClickHouse or a receiver does not answer; succeeds later (retry, 503)
    ├── Unstorable     a row that the store refuses for its values; never succeeds on a retry (set aside)
    └── Defect         our mistake; it ends the process, if not only a single finding or incident meets it
"""

from __future__ import annotations


class AlertsError(Exception):
    """Root of this package's errors. The message names the value and the remedy, never interaction text."""


class BadRecord(AlertsError):
    """The message cannot be processed, now or later."""


class NotPossible(AlertsError):
    """The incident's state does not allow what was asked."""


class Unavailable(AlertsError):
    """Something we depend on does not answer; the same call may succeed later."""


class Unstorable(AlertsError):
    """The store refuses a row for what it holds, now and later."""


class Defect(AlertsError):
    """A state that our own code must never reach."""
