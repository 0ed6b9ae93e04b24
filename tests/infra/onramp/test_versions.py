"""Ranges as Python, npm and Maven packages write them."""

from __future__ import annotations

import pytest

from infra.onramp.versions import below, takes


@pytest.mark.parametrize(
    ("wanted", "version", "fits"),
    [
        ("<3,>=1.32.0", "2.9.1", True),
        ("<3,>=1.32.0", "3.0", False),
        (">=4.19.0 <7", "6.49.0", True),
        (">=4.19.0 <7", "7.0.0-beta.1", False),
        ("~=1.4", "1.9", True),
        ("~=1.4", "2.0", False),
        (">= 1.26.0, < 4", "v3.54.0", True),
        ("==2", "2.0", True),
        ("!=2", "2.0", False),
        ("", "1", True),
        (">=1", "main", True),
        ("any", "1", True),
    ],
)
def test_a_range(wanted: str, version: str, fits: bool) -> None:
    assert takes(wanted, version) is fits


def test_an_unknown_version_is_not_old() -> None:
    assert below("2.1b0", "2.4")
    assert not below(None, "2.4")
