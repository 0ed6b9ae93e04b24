"""Runs the gateway."""

import sys

from ingest.gateway.serve import main

if __name__ == "__main__":
    sys.exit(main())
