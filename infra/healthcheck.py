"""Health check of a container: ``python -m infra.healthcheck URL`` exits 0 when the URL answers 200."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from urllib.parse import urlsplit


def main(argv: Sequence[str] | None = None) -> int:
    """0 healthy, 1 not, 2 for a URL that is not loopback HTTP."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if len(arguments) != 1 or urlsplit(arguments[0]).scheme != "http":
        sys.stderr.write("usage: python -m infra.healthcheck http://127.0.0.1:PORT/readyz\n")
        return 2
    try:
        with urllib.request.urlopen(arguments[0], timeout=4) as answer:  # noqa: S310 - http only, checked
            return 0 if answer.status == 200 else 1
    except (urllib.error.URLError, OSError) as error:
        sys.stderr.write(f"not healthy: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
