"""What can go wrong below every room.

InfraError
├── Misconfigured   a setting, file or flag is wrong: exit code 2
├── Unavailable     a server does not answer: retry, exit code 3
└── Defect          our own bug: stop, exit code 70
"""

from __future__ import annotations


class InfraError(Exception):
    """Root of this room's errors."""


class Misconfigured(InfraError):
    """A setting is unknown or has a value that cannot work; the message names it and the remedy."""


class Unavailable(InfraError):
    """A server that we need does not answer; trying again later may help."""


class Defect(InfraError):
    """Something that cannot happen happened; going on would spoil data."""
