"""Tests of the alerts room that need no server."""
