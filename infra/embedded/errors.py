"""What can go wrong while children are started.

InfraError
├── Misconfigured
│   ├── PortBusy        a port that was asked for is taken
│   ├── AlreadyRunning  another instance uses the data directory
│   └── BinaryMissing   the embedded extra is not installed
└── Unavailable
    └── StartFailed     a child did not become ready
"""

from __future__ import annotations

from infra.errors import Misconfigured, Unavailable


class PortBusy(Misconfigured):
    """A port that was asked for is taken; the message names it."""


class AlreadyRunning(Misconfigured):
    """Another instance uses the data directory; the message names its process."""


class BinaryMissing(Misconfigured):
    """A program of the embedded extra is not installed; the message says how to get it."""


class StartFailed(Unavailable):
    """A child did not become ready; the message names it and ends with its last log lines."""
