"""Which version of the program reads a log."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def program() -> str:
    """The installed version; empty where there is none."""
    try:
        return version("lightship")
    except PackageNotFoundError:
        return ""
